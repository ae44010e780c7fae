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
        let ended = stack::down(&name).await?;
        let what = if ended == 1 { "process" } else { "processes" };
        println!("{name}: ended {ended} {what}");
    }
    Ok(ExitCode::SUCCESS)
}
