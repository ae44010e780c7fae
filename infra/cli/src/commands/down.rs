//! `trunkline down`

use super::Outcome;
use std::process::ExitCode;
use trunkline::stack;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which stack.
    #[arg(long, default_value = stack::DEFAULT_NAME, conflicts_with = "all")]
    name: String,
    /// Every stack of this checkout.
    #[arg(long)]
    all: bool,
}

pub(crate) async fn run(Args { name, all }: Args) -> Outcome {
    let names = if all { stack::names()? } else { vec![name] };
    for name in names {
        match stack::down(&name).await? {
            0 if all => {}
            0 => println!("{name}: was not up"),
            1 => println!("{name}: ended 1 process"),
            ended => println!("{name}: ended {ended} processes"),
        }
    }
    Ok(ExitCode::SUCCESS)
}
