//! `trunkline budget`: what a delivery costs, measured beside what it may cost.
//!
//! Counted, not timed: calls, capacity units, events, bytes and CPU time of the function processes, which neither an
//! emulator nor a busy machine blurs much. See `docs/budget.md` for what is counted how.

mod artifacts;
mod load;
mod programs;
mod report;

use super::Outcome;
use load::Load;
use report::Report;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use tokio::signal::ctrl_c;
use trunkline::{
    budget::{
        TO_ENDPOINT, TO_SLACK,
        figures::{Figures, key_calls_per_delivery},
    },
    stack::{self, Progress, StackState, UpOptions},
};

/// The stack's name. It is the budget's own: one from before is ended.
const STACK: &str = "budget";

/// CPU time is the median of so many rounds: whatever else runs on the machine makes it vary.
const ROUNDS: u32 = 3;

/// Many recipients a request.
const MANY: Load = Load { way: TO_SLACK, name: "many", requests: 30, a_request: 100, pause: Duration::ZERO };
/// One recipient a request.
const ONE: Load = Load { way: TO_SLACK, name: "one", requests: 300, a_request: 1, pause: Duration::ZERO };
/// One recipient a request, so far apart that nothing a function remembers for seconds is of use to the next.
const SELDOM: Load =
    Load { way: TO_SLACK, name: "seldom", requests: 8, a_request: 1, pause: Duration::from_millis(2_500) };
/// Many events a request, to one endpoint.
const MANY_EVENTS: Load = Load { way: TO_ENDPOINT, ..MANY };
/// One event a request, to one endpoint.
const ONE_EVENT: Load = Load { way: TO_ENDPOINT, ..ONE };

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print one line of JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Measure the functions in this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let progress = Progress::on_stderr();
    stack::down(STACK).await?;
    let binaries = match args.binaries {
        Some(folder) => folder,
        None => programs::build(&progress).await?,
    };
    let options = UpOptions {
        release: true,
        binaries: Some(binaries.clone()),
        batching_window: true,
        ends_with_us: true,
        ..UpOptions::named(STACK)
    };
    let state = stack::up(&options, &progress).await?;
    let outcome = tokio::select! {
        outcome = measure(&state, &binaries, &progress) => outcome,
        _ = ctrl_c() => Err("interrupted".into()),
    };
    if outcome.is_err()
        && let Ok(log) = stack::keep_logs(STACK).await
    {
        eprintln!("what the functions logged: {}", log.display());
    }
    stack::down(STACK).await?;
    let report = outcome?;
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        report.print();
    }
    Ok(if report.is_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(state: &StackState, binaries: &Path, progress: &Progress) -> Fallible<Report> {
    let artifacts = progress.step("Functions: start and size", async |_| artifacts::all(binaries)).await?;
    let mut bench = load::Bench::open(state).await?;
    // As many processes as the load keeps busy are started here, and their caches filled.
    let mut warm_up = vec![bench.round(MANY, progress).await?];
    let many = bench.rounds(MANY, ROUNDS, progress).await?;
    warm_up.push(bench.round(Load { requests: 30, ..ONE }, progress).await?);
    let one = bench.rounds(ONE, ROUNDS, progress).await?;
    // The emulator keeps a process's last lines back until its next invocation: each load has some of the same before.
    warm_up.push(bench.round(Load { requests: 1, ..SELDOM }, progress).await?);
    let seldom = bench.rounds(SELDOM, 1, progress).await?;
    warm_up.push(bench.round(MANY_EVENTS, progress).await?);
    let many_events = bench.rounds(MANY_EVENTS, ROUNDS, progress).await?;
    warm_up.push(bench.round(Load { requests: 30, ..ONE_EVENT }, progress).await?);
    let one_event = bench.rounds(ONE_EVENT, ROUNDS, progress).await?;
    let all: Vec<_> = [&warm_up, &many, &one, &seldom, &many_events, &one_event].into_iter().flatten().collect();
    let key_calls = key_calls_per_delivery(&all);
    let messages = [&many, &one, &seldom].map(|rounds| Figures::of(TO_SLACK, rounds));
    let events = [&many_events, &one_event].map(|rounds| Figures::of(TO_ENDPOINT, rounds));
    Ok(Report::new(artifacts, messages, events, key_calls))
}
