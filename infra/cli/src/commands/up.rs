//! `trunkline up`

use super::Outcome;
use std::{path::PathBuf, process::ExitCode};
use trunkline::stack::{self, Progress, StackState, UpOptions};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which stack; several run side by side.
    #[arg(long, default_value = stack::DEFAULT_NAME)]
    name: String,
    /// Print one line of JSON with everything a script needs, when all is ready.
    #[arg(long)]
    json: bool,
    /// Build and run the functions as they are shipped; slow to build.
    #[arg(long)]
    release: bool,
    /// Enforce the IAM policies of the template.
    #[arg(long)]
    iam: bool,
    /// Deploy the functions in this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

pub(crate) async fn run(Args { name, json, release, iam, binaries }: Args) -> Outcome {
    let options = UpOptions { name, release, iam, binaries, ..UpOptions::default() };
    let state = stack::up(&options, &Progress::on_stderr()).await?;
    if json {
        println!("{}", serde_json::to_string(&state)?);
    } else {
        present(&state);
    }
    Ok(ExitCode::SUCCESS)
}

fn present(state: &StackState) {
    let StackState { name, api_url, console_url, tenant, key, smtp, inbox_dir, events_log, .. } = state;
    println!("API      {api_url}");
    println!("console  {console_url}  (sign in with the key)");
    println!("tenant   {tenant}");
    println!("key      {key}");
    println!("SMTP     {}:{}  {} / {}", smtp.host, smtp.port, smtp.username, smtp.password);
    println!("inbox    {}", inbox_dir.display());
    println!("events   {}", events_log.display());
    let of_this = if name == stack::DEFAULT_NAME { String::new() } else { format!(" --name {name}") };
    println!("\nEnd it with `cargo trunkline down{of_this}`.");
}
