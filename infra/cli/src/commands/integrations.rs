//! `trunkline integrations`

use super::{
    Outcome,
    api::{self, Api, health, read_json, table, table_or},
};
use ::api::integrations::{IntegrationCreate, IntegrationView, NamedTest, TestView};
use clap::Subcommand;
use comfy_table::{Cell, Color};
use domain::{health::HealthStatus, ids::IntegrationId};
use serde_json::json;
use std::process::ExitCode;
use trunkline::client::Reason;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the integrations and how they do.
    List,
    /// Test a connection now; exits 1 if a test fails.
    Test {
        /// Which, `int_...`.
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        id: Option<IntegrationId>,
        /// Every enabled one.
        #[arg(long)]
        all: bool,
    },
    /// Add an integration; its connection is tested first.
    Add {
        /// The integration in JSON, as POST /v1/integrations takes it; `-` for standard input.
        #[arg(long)]
        file: String,
        /// Save it without a test.
        #[arg(long)]
        untested: bool,
    },
    /// Let campaigns use it; what was held goes on.
    Enable {
        /// Which, `int_...`.
        id: IntegrationId,
    },
    /// Keep campaigns from using it; what is queued is held.
    Disable {
        /// Which, `int_...`.
        id: IntegrationId,
    },
    /// Delete it; what is queued on it is cancelled.
    Remove {
        /// Which, `int_...`.
        id: IntegrationId,
    },
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.integrations().await?, |all| listed(all)),
        Verb::Test { id: Some(id), .. } => {
            let test = client.test_integration(&id).await?;
            api.show(&test, told)?;
            Ok(passed([&test]))
        }
        Verb::Test { id: None, .. } => {
            let all = client.test_all().await?;
            api.show(&all, |all| {
                let tests: Vec<_> = all.results.iter().map(told_by_name).collect();
                if tests.is_empty() { "No integration is enabled.".to_owned() } else { tests.join("\n") }
            })?;
            Ok(passed(all.results.iter().map(|result| &result.test)))
        }
        Verb::Add { file, untested } => {
            let added = client.create_integration(&read_json::<IntegrationCreate>(&file)?, untested).await?;
            api.show(&added, |added| format!("added {} ({})", added.id, added.name))
        }
        Verb::Enable { id } => {
            api.show(&client.enable_integration(&id).await?, |it| format!("{} may be used by campaigns", it.id))
        }
        Verb::Disable { id } => {
            api.show(&client.disable_integration(&id).await?, |it| format!("{} is used by no campaign now", it.id))
        }
        Verb::Remove { id } => {
            client.delete_integration(&id).await?;
            api.show(&json!({ "removed": id }), |_| format!("removed {id}"))
        }
    }
}

fn listed(all: &[IntegrationView]) -> String {
    let mut shown = table(["INTEGRATION", "CHANNEL", "PROVIDER", "NAME", "ENABLED", "PRIORITY", "LAST TEST"]);
    for it in all {
        let enabled = if it.enabled { Cell::new("yes") } else { Cell::new("no").fg(Color::Yellow) };
        let tested = it.last_test.as_ref().map_or_else(|| Cell::new("never"), |test| health(test.status));
        let text = |text: &str| Cell::new(text);
        shown.add_row([
            text(it.id.as_str()),
            text(it.kind.as_str()),
            text(it.provider.as_str()),
            text(&it.name),
            enabled,
            Cell::new(it.priority),
            tested,
        ]);
    }
    table_or(&shown, "There is no integration yet.")
}

fn told(test: &TestView) -> String {
    let head = format!("{} in {} ms", test.status.as_str(), test.latency_ms);
    if test.reason.is_empty() { head } else { format!("{head}\n{}", Reason::found_by(test)) }
}

fn told_by_name(result: &NamedTest) -> String {
    format!("{} ({}): {}", result.name, result.integration_id, told(&result.test))
}

fn passed<'a>(tests: impl IntoIterator<Item = &'a TestView>) -> ExitCode {
    let failed = tests.into_iter().any(|test| test.status == HealthStatus::Fail);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
