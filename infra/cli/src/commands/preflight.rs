//! `trunkline preflight`

use super::{
    Outcome,
    api::{self, Api, read_json, table},
};
use ::api::preflight::{CheckView, PreflightAnswer, PreflightRequest};
use comfy_table::{Cell, Color};
use domain::preflight::CheckStatus;
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The question in JSON, as POST /v1/preflight takes it; `-` for standard input.
    #[arg(long)]
    file: String,
    #[command(flatten)]
    api: Api,
}

/// Exits 0 if the campaign may go, 1 if not.
pub(crate) async fn run(Args { file, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(&file, &api).await)
}

async fn carry_out(file: &str, api: &Api) -> Outcome {
    let answer = api.tenant()?.preflight(&read_json::<PreflightRequest>(file)?).await?;
    api.show(&answer, shown)?;
    Ok(if answer.ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every check; of those that stand in the way, the reason and what to do.
pub(super) fn shown(answer: &PreflightAnswer) -> String {
    let mut checks = table(["CHECK", "", "REASON AND FIX"]);
    for check in &answer.checks {
        checks.add_row([Cell::new(&check.check), verdict(check.status), Cell::new(words(check))]);
    }
    let ready = if answer.ready { "It may go." } else { "It may not go." };
    format!("{}\n{ready}", checks.trim_fmt())
}

fn words(check: &CheckView) -> String {
    let parts = [check.reason.as_str(), check.fix.as_str()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n-> ")
}

fn verdict(status: CheckStatus) -> Cell {
    match status {
        CheckStatus::Pass => Cell::new("pass").fg(Color::Green),
        CheckStatus::Warn => Cell::new("warn").fg(Color::Yellow),
        CheckStatus::Fail => Cell::new("fail").fg(Color::Red),
    }
}
