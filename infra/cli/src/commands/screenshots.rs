//! `trunkline screenshots`: pictures of the console's main pages for the README, in the packaged browser, of what the demo
//! makes.

use super::{Outcome, demo};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};
use tokio::{signal::ctrl_c, task::spawn_blocking};
use trunkline::{
    judges,
    stack::{self, Progress, Project, StackState, UpOptions},
};

/// The demo's stack, which is what the pictures show: one from before is ended.
const STACK: &str = "demo";

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Of this stack, as it is: brought up with `demo --keep`, say. Without one, the demo runs first, on a stack of its own.
    #[arg(long)]
    name: Option<String>,
    /// Where to.
    #[arg(long, value_name = "FOLDER", default_value = "docs/pictures")]
    to: PathBuf,
    /// Deploy the functions in this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

pub(crate) async fn run(Args { name, to, binaries }: Args) -> Outcome {
    let progress = Progress::on_stderr();
    let to = Project::here().root.join(to);
    if let Some(name) = name {
        let state = stack::up(&UpOptions { binaries, ..UpOptions::named(&name) }, &progress).await?;
        take(&state, &to, &progress).await?;
        return Ok(ExitCode::SUCCESS);
    }
    stack::down(STACK).await?;
    let options = UpOptions { binaries, ends_with_us: true, ..UpOptions::named(STACK) };
    let state = stack::up(&options, &progress).await?;
    let made_and_taken = async {
        progress.step("A tenant as the demo has it", async |_| demo::fill(&state).await).await?;
        take(&state, &to, &progress).await
    };
    let outcome = tokio::select! {
        outcome = made_and_taken => outcome,
        _ = ctrl_c() => Err("interrupted".into()),
    };
    stack::down(STACK).await?;
    outcome?;
    Ok(ExitCode::SUCCESS)
}

async fn take(state: &StackState, to: &Path, progress: &Progress) -> Fallible<()> {
    let (console, key, to) = (state.console_url.clone(), state.key.clone(), to.to_owned());
    let taken = async |_: &_| {
        let said = spawn_blocking(move || {
            let judge = judges::install("console")?;
            let mut program = Command::new(&judge.node);
            program.arg("pictures.mjs").current_dir(&judge.folder).stdin(Stdio::null()).stderr(Stdio::inherit());
            program.env("CONSOLE_URL", console).env("KEY", key).env("TO", to);
            let output = program.output().map_err(|error| error.to_string())?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if output.status.success() { Ok(said) } else { Err(format!("no pictures: {said}")) }
        });
        Fallible::Ok(said.await??)
    };
    print!("{}", progress.step("Pictures", taken).await?);
    Ok(())
}
