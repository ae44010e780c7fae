//! `trunkline integrations`

use super::{
    Outcome,
    api::{self, Api, health, read_json, table, table_or},
};
use ::api::integrations::{
    BreakerView, HealthView, IntegrationCreate, IntegrationView, NamedTest, SecretsView, TestView, UsageView,
    WindowView,
};
use clap::Subcommand;
use comfy_table::{Cell, Color};
use domain::{health::HealthStatus, ids::IntegrationId};
use serde::Serialize;
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
    /// List the integrations, how they do and what they used of their limits.
    List,
    /// Show one: its settings, its health, what it used of its limits.
    Show {
        /// Which, `int_...`.
        id: IntegrationId,
        /// How far back its health goes, 1 to 720 hours.
        #[arg(long, default_value_t = 24)]
        hours: u32,
    },
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
    /// Show when each of its secrets was given, by whom, and the versions that are kept; never a value.
    Secrets {
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
        Verb::List => {
            let mut all = Vec::new();
            for integration in client.integrations().await? {
                let usage = client.usage(&integration.id).await?;
                all.push(Listed { integration, usage });
            }
            api.show(&all, |all| listed(all))
        }
        Verb::Show { id, hours } => {
            let (integration, usage) = (client.integration(&id).await?, client.usage(&id).await?);
            let health = client.health(&id, hours).await?;
            api.show(&Shown { integration, usage, health }, shown)
        }
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
        Verb::Secrets { id } => api.show(&client.secrets(&id).await?, rotations),
        Verb::Remove { id } => {
            client.delete_integration(&id).await?;
            api.show(&json!({ "removed": id }), |_| format!("removed {id}"))
        }
    }
}

/// An integration in the list.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    integration: IntegrationView,
    usage: UsageView,
}

/// An integration with all that is known of it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    integration: IntegrationView,
    usage: UsageView,
    health: HealthView,
}

fn listed(all: &[Listed]) -> String {
    let mut shown = table(["INTEGRATION", "CHANNEL", "PROVIDER", "NAME", "ENABLED", "PRIORITY", "LAST TEST", "USED"]);
    for Listed { integration: it, usage } in all {
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
            used_cell(usage),
        ]);
    }
    table_or(&shown, "There is no integration yet.")
}

/// `247 today, 1 %`; the hour instead where it is nearer to its limit.
fn used(usage: &UsageView) -> String {
    let (Some(hour), Some(day)) = (&usage.hour, &usage.day) else { return "not counted".to_owned() };
    let (window, name) = if hour.percent > day.percent { (hour, "this hour") } else { (day, "today") };
    format!("{} {name}{}", window.used, share(window))
}

/// `, 1 %`, where there is a limit.
fn share(window: &WindowView) -> String {
    match window.percent {
        None => String::new(),
        Some(percent) if percent > 0.0 && percent < 1.0 => ", under 1 %".to_owned(),
        Some(percent) => format!(", {percent:.0} %"),
    }
}

/// How an integration's breaker stands, unless messages go through it.
fn broken(usage: &UsageView) -> Option<String> {
    let BreakerView { state, until } = &usage.breaker;
    match (state.as_str(), until) {
        ("closed", _) => None,
        ("open", Some(until)) => Some(format!("its breaker is open until {until}: most messages failed")),
        _ => Some("its breaker is half open: one message is tried".to_owned()),
    }
}

fn used_cell(usage: &UsageView) -> Cell {
    if let Some(words) = broken(usage) {
        return Cell::new(format!("{}; {words}", used(usage))).fg(Color::Yellow);
    }
    match &usage.paused_until {
        Some(until) => Cell::new(format!("{}; paused until {until}", used(usage))).fg(Color::Yellow),
        None => Cell::new(used(usage)),
    }
}

fn shown(Shown { integration: it, usage, health }: &Shown) -> String {
    let mut lines = vec![
        format!("{} {}", it.id, it.name),
        format!("  {} through {}, priority {}", it.kind.as_str(), it.provider.as_str(), it.priority),
        format!("  {}", if it.enabled { "enabled" } else { "disabled: what is queued on it is held" }),
        format!("  changed {} by {}, revision {}", it.updated_at, it.updated_by, it.rev),
    ];
    let settings = it.config.iter().map(|(name, value)| format!("  {name}: {value}"));
    lines.extend(settings.chain(it.secrets.iter().map(|(name, mask)| format!("  {name}: {mask}"))));
    lines.push("Usage".to_owned());
    for (window, name) in [(&usage.hour, "this hour"), (&usage.day, "today")] {
        let Some(window) = window else { continue };
        let limit = window.limit.map_or_else(|| "no limit".to_owned(), |limit| format!("of {limit}"));
        lines.push(format!("  {} {name}{} ({limit})", window.used, share(window)));
    }
    lines.extend(usage.not_counted.iter().map(|why| format!("  not counted: {}", why.reason)));
    lines.extend(usage.paused_until.iter().map(|until| format!("  the provider asked for silence until {until}")));
    lines.extend(broken(usage).map(|words| format!("  {words}")));
    lines.push(format!("Health over {} h", health.window_hours));
    lines.extend(health.last_test.iter().map(|test| format!("  last test at {}: {}", test.tested_at, told(test))));
    let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    lines.push(format!(
        "  {} tests, uptime {} %, p50 {}, p95 {}",
        health.tests,
        health.uptime_percent,
        ms(health.p50_ms),
        ms(health.p95_ms)
    ));
    lines.join("\n")
}

fn rotations(secrets: &SecretsView) -> String {
    let unknown = || "unknown".to_owned();
    let mut fields = table(["FIELD", "VALUE", "GIVEN"]);
    for field in &secrets.fields {
        fields.add_row([field.name.clone(), field.mask.clone(), field.changed_at.clone().unwrap_or_else(unknown)]);
    }
    let mut versions = table(["VERSION", "GIVEN", "BY", "CHANGED", "SERVED UNTIL", "RE-ENCRYPTED"]);
    for it in &secrets.versions {
        let until = it.served_until.clone().unwrap_or_else(|| "it serves".to_owned());
        let by = it.by.clone().unwrap_or_else(unknown);
        let anew = it.re_encrypted_at.clone().unwrap_or_default();
        versions.add_row([it.version.to_string(), it.created_at.clone(), by, it.changed.join(", "), until, anew]);
    }
    format!("{}\n\n{}", table_or(&fields, "It has no secrets."), table_or(&versions, "No version is kept."))
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
