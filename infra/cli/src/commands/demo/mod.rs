//! `trunkline demo`: the hub's main job, once from its beginning to its end, on a stack of its own.
//!
//! Everything is done through the public API. What the world outside saw is then read where it is: in the mail server's
//! inbox, in Slack's own records, on the bus. The command ends well only if every outcome is the expected one.

mod audience;
mod campaign;
mod configure;
mod evidence;
mod expectations;
mod preflight;
mod report;
mod takeover;
mod webhooks;

use super::Outcome;
use domain::ids::CampaignId;
use expectations::Expectations;
use report::Report;
use std::{path::PathBuf, process::ExitCode, time::Instant};
use tokio::signal::ctrl_c;
use trunkline::{
    client::Client,
    inbox::Inbox,
    mail_api::MailApiControl,
    receivers::Receivers,
    slack::SlackControl,
    stack::{self, Progress, StackState, UpOptions},
};

/// The stack's name. It is the demo's own: one from before is ended.
const STACK: &str = "demo";

const CAMPAIGN: &str = "security-2026";

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the stack running, to go on with it.
    #[arg(long)]
    keep: bool,
    /// Print one line of JSON at the end instead of tables.
    #[arg(long)]
    json: bool,
    /// Deploy the functions in this folder instead of building them.
    #[arg(long, value_name = "FOLDER")]
    binaries: Option<PathBuf>,
}

/// A demo that runs: its stack, and what was found so far.
struct Demo {
    stack: StackState,
    client: Client,
    campaign: CampaignId,
    slack: SlackControl,
    mail_api: MailApiControl,
    receivers: Receivers,
    inbox: Inbox,
    progress: Progress,
    quiet: bool,
    expectations: Expectations,
}

pub(crate) async fn run(args: Args) -> Outcome {
    let started = Instant::now();
    stack::down(STACK).await?;
    let options = UpOptions { binaries: args.binaries, ends_with_us: !args.keep, ..UpOptions::named(STACK) };
    let state = stack::up(&options, &Progress::on_stderr()).await?;
    let ready = Instant::now();
    let outcome = tokio::select! {
        outcome = demonstrate(&state, args.json) => outcome,
        _ = ctrl_c() => Err("interrupted".into()),
    };
    let met = outcome.as_ref().is_ok_and(Report::is_as_expected);
    if !met && let Ok(log) = stack::keep_logs(STACK).await {
        eprintln!("what the functions logged: {}", log.display());
    }
    if !args.keep {
        stack::down(STACK).await?;
    }
    let mut report = outcome?;
    report.seconds_to_stack = (ready - started).as_secs_f64();
    report.seconds_of_demo = ready.elapsed().as_secs_f64();
    if args.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        report.end(&state, args.keep);
    }
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes on a stack what the demo makes, silently: a tenant with something of everything.
pub(crate) async fn fill(state: &StackState) -> Fallible<()> {
    demonstrate(state, true).await.map(drop)
}

async fn demonstrate(state: &StackState, quiet: bool) -> Fallible<Report> {
    let slack = state.slack.as_ref().ok_or("the Slack double is not built: run `cargo build --workspace --bins`")?;
    let mail_api = state
        .mail_api
        .as_ref()
        .ok_or("the doubles of the e-mail APIs are not built: run `cargo build --workspace --bins`")?;
    let webhook = state
        .webhook
        .as_ref()
        .ok_or("the receivers of webhooks are not built: run `cargo build --workspace --bins`")?;
    let mut demo = Demo {
        client: Client::new(&state.api_url, &state.key)?,
        campaign: CAMPAIGN.parse()?,
        slack: SlackControl::new(&slack.url)?,
        mail_api: MailApiControl::new(&mail_api.url)?,
        receivers: Receivers::new(&webhook.url)?,
        inbox: Inbox::new(&state.inbox_dir),
        stack: state.clone(),
        progress: Progress::on_stderr(),
        quiet,
        expectations: Expectations::default(),
    };
    let configured = demo.configure().await?;
    demo.preflight(&configured).await?;
    let sent = demo.send().await?;
    demo.take_over(&configured.email).await?;
    let bus = demo.post_events(&configured.slack.id).await?;
    Ok(Report::new(demo, sent, &bus))
}

impl Demo {
    /// Tells a person what happens.
    fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            println!("{}", text.as_ref());
        }
    }

    /// Announces a part of the demo.
    fn part(&self, title: &str) {
        self.say(format!("\n{title}"));
    }
}
