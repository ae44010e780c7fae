//! `trunkline output`

use super::Outcome;
use std::process::ExitCode;
use trunkline::stack;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A function (`send-email`) or a process of the stack (`emulator`, `smtp`, `slack`, `events`); all functions
    /// when left out.
    source: Option<String>,
    /// Which stack.
    #[arg(long, default_value = stack::DEFAULT_NAME)]
    name: String,
    /// Go on as more is logged.
    #[arg(long, short)]
    follow: bool,
}

pub(crate) async fn run(Args { source, name, follow }: Args) -> Outcome {
    let status = stack::logs(&name, source.as_deref(), follow)?.status().await?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
