//! `trunkline status`

use super::Outcome;
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;
use std::process::ExitCode;
use trunkline::stack;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Status {
    name: String,
    api_url: Option<String>,
    processes: Vec<ProcessStatus>,
}

#[derive(Serialize)]
struct ProcessStatus {
    name: String,
    pid: u32,
    running: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let mut stacks = Vec::new();
    for name in stack::names()? {
        let processes: Vec<_> = stack::processes(&name)?
            .iter()
            .map(|p| ProcessStatus { name: p.name.clone(), pid: p.pid, running: p.is_running() })
            .collect();
        let api_url = stack::load(&name)?.map(|state| state.api_url);
        if !processes.is_empty() {
            stacks.push(Status { name, api_url, processes });
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&stacks)?);
    } else if stacks.is_empty() {
        println!("No stack is up. Start one with `cargo trunkline up`.");
    } else {
        println!("{}", table(&stacks));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(stacks: &[Status]) -> Table {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_header(["STACK", "PROCESS", "PID", "STATE"]);
    for stack in stacks {
        for process in &stack.processes {
            let state = if process.running { "running" } else { "ended" };
            table.add_row([stack.name.as_str(), &process.name, &process.pid.to_string(), state]);
        }
        if let Some(url) = &stack.api_url {
            table.add_row([stack.name.as_str(), "API", "", url]);
        }
    }
    table
}
