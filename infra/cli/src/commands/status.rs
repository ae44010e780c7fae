//! `trunkline status`

use super::{
    Outcome,
    api::{self, Api, table},
};
use ::api::jobs::JobView;
use comfy_table::{Cell, Color, Table};
use domain::job::JobState;
use serde::Serialize;
use std::process::ExitCode;
use trunkline::{client::Client, stack};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    api: Api,
}

#[derive(Serialize)]
struct Status {
    name: String,
    api_url: Option<String>,
    processes: Vec<ProcessStatus>,
    /// What runs by the clock; `null` where the API was not reached.
    jobs: Option<Vec<JobView>>,
}

#[derive(Serialize)]
struct ProcessStatus {
    name: String,
    pid: u32,
    running: bool,
}

pub(crate) async fn run(Args { api }: Args) -> Outcome {
    api::ended(api.json, show(&api).await)
}

async fn show(api: &Api) -> Outcome {
    let deployments = match api.endpoint() {
        Some(url) => vec![elsewhere(api, url).await?],
        None => local().await?,
    };
    if api.json {
        println!("{}", serde_json::to_string(&deployments)?);
    } else if deployments.is_empty() {
        println!("No stack is up. Start one with `cargo trunkline up`.");
    } else {
        if deployments.iter().any(|it| !it.processes.is_empty()) {
            println!("{}\n", processes(&deployments));
        }
        println!("{}", jobs(&deployments));
    }
    Ok(ExitCode::SUCCESS)
}

/// A deployment that was named. Whoever asks for it wants its jobs, so it is an error if they are not to be had.
async fn elsewhere(api: &Api, url: &str) -> Result<Status, Box<dyn std::error::Error>> {
    let jobs = api.operator()?.jobs().await?;
    Ok(Status { name: url.to_owned(), api_url: Some(url.to_owned()), processes: Vec::new(), jobs: Some(jobs) })
}

/// The stacks of this machine. One that does not answer is shown without jobs.
async fn local() -> Result<Vec<Status>, Box<dyn std::error::Error>> {
    let mut stacks = Vec::new();
    for name in stack::names()? {
        let processes: Vec<_> = stack::processes(&name)?
            .iter()
            .map(|p| ProcessStatus { name: p.name.clone(), pid: p.pid, running: p.is_running() })
            .collect();
        if processes.is_empty() {
            continue;
        }
        let up = stack::load(&name)?;
        let jobs = match &up {
            Some(up) => Client::new(&up.api_url, &up.operator_key)?.jobs().await.ok(),
            None => None,
        };
        stacks.push(Status { name, api_url: up.map(|up| up.api_url), processes, jobs });
    }
    Ok(stacks)
}

fn processes(stacks: &[Status]) -> Table {
    let mut shown = table(["STACK", "PROCESS", "PID", "STATE"]);
    for stack in stacks {
        for process in &stack.processes {
            let state = if process.running { "running" } else { "ended" };
            shown.add_row([stack.name.as_str(), &process.name, &process.pid.to_string(), state]);
        }
        if let Some(url) = &stack.api_url {
            shown.add_row([stack.name.as_str(), "API", "", url]);
        }
    }
    shown
}

fn jobs(stacks: &[Status]) -> Table {
    let mut shown = table(["STACK", "JOB", "STATE", "LAST RUN", "EVERY", "WHAT IT DID"]);
    for stack in stacks {
        let Some(jobs) = &stack.jobs else {
            shown.add_row([stack.name.as_str(), "", "unknown", "", "", "the API does not answer"]);
            continue;
        };
        for job in jobs {
            let age = job.age_s.map_or_else(|| "none yet".to_owned(), |age_s| format!("{} ago", span(age_s)));
            let did = job.error.clone().unwrap_or_else(|| counts(job));
            shown.add_row([
                Cell::new(&stack.name),
                Cell::new(job.name.as_str()),
                state(job.state),
                Cell::new(age),
                Cell::new(span(job.interval_s)),
                Cell::new(did),
            ]);
        }
    }
    shown
}

/// What was done at all; with nothing done, what the job is for.
fn counts(job: &JobView) -> String {
    let done: Vec<String> =
        job.counts.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{name} {count}")).collect();
    if done.is_empty() { format!("nothing to do: {}", job.purpose) } else { done.join(", ") }
}

fn state(state: JobState) -> Cell {
    let colour = match state {
        JobState::Ok => Color::Green,
        JobState::Never => Color::Yellow,
        JobState::Failed | JobState::Late => Color::Red,
    };
    Cell::new(state.as_str()).fg(colour)
}

/// Seconds in the largest unit of which there are two.
fn span(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(state: JobState, counts: &[(&str, u64)], error: Option<&str>) -> JobView {
        let mut view = JobView::all(&[], domain::time::Timestamp(0)).remove(1);
        view.state = state;
        view.age_s = (state != JobState::Never).then_some(190);
        view.counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        view.error = error.map(str::to_owned);
        view
    }

    #[test]
    fn a_job_is_shown_with_its_age_and_what_it_did() {
        let of = |job| Status { name: "dev".into(), api_url: None, processes: Vec::new(), jobs: Some(vec![job]) };
        for (job, wanted) in [
            (view(JobState::Ok, &[("queued", 2), ("released", 0)], None), "dev sweep ok 3 min ago 60 s queued 2"),
            (view(JobState::Late, &[], Some("3 failed")), "dev sweep late 3 min ago 60 s 3 failed"),
            (
                view(JobState::Never, &[], None),
                "dev sweep never none yet 60 s nothing to do: queues what is due and releases what was held",
            ),
        ] {
            let text = jobs(&[of(job)]).to_string();
            let row = text.lines().last().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(row, wanted);
        }
    }

    #[test]
    fn spans_are_told_in_the_largest_unit_of_which_there_are_two() {
        for (seconds, text) in
            [(0, "0 s"), (60, "60 s"), (120, "2 min"), (7_199, "119 min"), (86_400, "24 h"), (172_800, "2 days")]
        {
            assert_eq!(span(seconds), text);
        }
    }
}
