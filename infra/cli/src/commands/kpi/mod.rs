//! `trunkline kpi`: the indicators of the specification, measured on a stack of its own beside their targets.
//!
//! Channels are configured as an admin would, and the doubles have a realistic share of bad moments. See `docs/kpi.md`
//! for what each figure is.

mod audience;
mod bench;
mod console;
mod events;
mod report;

use super::Outcome;
use bench::{Bench, Load};
use report::{Measured, Report};
use std::{fs, path::PathBuf, process::ExitCode, time::Duration};
use tokio::signal::ctrl_c;
use trunkline::{
    kpi::{arrivals::Arrivals, page},
    stack::{self, Progress, Project, StackState, UpOptions},
};

/// The stack's name. It is the command's own: one from before is ended.
const STACK: &str = "kpi";

/// One recipient a request, a few a second.
const STEADY: Load =
    Load { name: "steady", first: 100_000, recipients: 60, a_request: 1, pause: Duration::from_millis(200) };
/// Campaigns of every way at the same time.
const CAMPAIGNS: Load = Load { name: "campaign", first: 0, recipients: 0, a_request: 50, pause: Duration::ZERO };

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Recipients of each way's campaign; Teams gets a quarter, because it takes four messages a second.
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u32).range(20..=5_000))]
    deliveries: u32,
    /// Measure release builds.
    #[arg(long)]
    release: bool,
    /// Write the figures to docs/kpi.md.
    #[arg(long)]
    write: bool,
    /// Print one line of JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Measure the functions in this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let progress = Progress::on_stderr();
    stack::down(STACK).await?;
    let options = UpOptions {
        release: args.release,
        binaries: args.binaries,
        // As AWS hands the stream's records over, which is most of an event's way.
        batching_window: true,
        ends_with_us: true,
        ..UpOptions::named(STACK)
    };
    let state = stack::up(&options, &progress).await?;
    let outcome = tokio::select! {
        outcome = measure(&state, args.deliveries, args.release, &progress) => outcome,
        _ = ctrl_c() => Err("interrupted".into()),
    };
    if !outcome.as_ref().is_ok_and(Report::is_met)
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
    if args.write {
        let path = Project::here().root.join("docs/kpi.md");
        let page = page::with_figures(&fs::read_to_string(&path)?, &report.machine, &report.lines);
        fs::write(&path, page.ok_or("docs/kpi.md has no place for the figures")?)?;
        println!("written to {}", path.display());
    }
    Ok(if report.is_met() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(state: &StackState, deliveries: u32, release: bool, progress: &Progress) -> Fallible<Report> {
    // First, because it is to be what a fresh deployment takes.
    let console = progress.step("Console", async |bar| console::first_page(state, bar).await).await?;
    let bench = progress.step("Channels connected", async |_| Bench::open(state).await).await?;
    let tests = progress.step("Test Connection", async |bar| bench.test(bar).await).await?;
    let preflights = progress.step("Preflight", async |bar| bench.preflight(bar).await).await?;
    let mut arrivals = Arrivals::at(&state.events_log);
    let steady = async |bar: &_| bench.send(STEADY, &mut arrivals, bar).await;
    let steady = progress.step("Deliveries, one a request", steady).await?;
    let campaigns = Load { recipients: deliveries, ..CAMPAIGNS };
    let campaigns = async |bar: &_| bench.send(campaigns, &mut arrivals, bar).await;
    let campaigns = progress.step("Campaigns, all at once", campaigns).await?;
    let events = progress.step("Events to an endpoint", async |bar| events::arrive(state, bar).await).await?;
    Ok(Report::new(&Measured { console, tests, preflights, steady, campaigns, events }, release))
}
