//! `trunkline rules`

use super::{
    Outcome,
    api::{self, Api, read_json, table, table_or},
};
use ::api::rules::{
    ActionBody, EventBody, RuleCreate, RuleDryRun, RuleDryRunAnswer, RulePatch, RuleTry, RuleView, RunView,
};
use clap::Subcommand;
use domain::ids::RuleId;
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the automation rules.
    List,
    /// Show one, with what was counted in this hour.
    Show {
        /// Which, `rul_...`.
        id: RuleId,
    },
    /// Create one.
    Create {
        /// The rule in JSON, as POST /v1/rules takes it; `-` for standard input.
        #[arg(long)]
        file: String,
    },
    /// Change one.
    Change {
        /// Which, `rul_...`.
        id: RuleId,
        /// The changes in JSON, as PATCH /v1/rules/{id} takes them; `-` for standard input.
        #[arg(long)]
        file: String,
    },
    /// Let it run again.
    Enable {
        /// Which, `rul_...`.
        id: RuleId,
    },
    /// Keep it from running.
    Disable {
        /// Which, `rul_...`.
        id: RuleId,
    },
    /// Delete it.
    Remove {
        /// Which, `rul_...`.
        id: RuleId,
    },
    /// Try one on an event: whether it would run, and what would come of it. Nothing is done.
    DryRun {
        /// Which, `rul_...`; none to try one that is not saved.
        #[arg(required_unless_present = "rule")]
        id: Option<RuleId>,
        /// A rule in JSON that is not saved; `-` for standard input.
        #[arg(long, conflicts_with = "id")]
        rule: Option<String>,
        /// The event in JSON: {"name": "webhook.received", "detail": {...}}; `-` for standard input.
        #[arg(long)]
        event: String,
    },
    /// What it did, for the newest events first.
    Runs {
        /// Which, `rul_...`.
        id: RuleId,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.rules().await?, |rules| listed(rules)),
        Verb::Show { id } => api.show(&client.rule(&id).await?, one),
        Verb::Create { file } => {
            let made = client.create_rule(&read_json::<RuleCreate>(&file)?).await?;
            api.show(&made, |made| format!("created {} ({})", made.id, made.name))
        }
        Verb::Change { id, file } => {
            let changed = client.change_rule(&id, &read_json::<RulePatch>(&file)?).await?;
            api.show(&changed, |changed| {
                format!("{} is revision {} now; it is heeded within half a minute", changed.id, changed.rev)
            })
        }
        Verb::Enable { id } => switch(api, &id, true).await,
        Verb::Disable { id } => switch(api, &id, false).await,
        Verb::Remove { id } => {
            client.delete_rule(&id).await?;
            api.show(&json!({ "removed": id }), |_| format!("removed {id}"))
        }
        Verb::DryRun { id, rule, event } => {
            let event: EventBody = read_json(&event)?;
            let tried = match (id, rule) {
                (Some(id), _) => client.try_rule(&id, &RuleDryRun { event }).await?,
                (None, Some(rule)) => client.try_unsaved_rule(&RuleTry { rule: read_json(&rule)?, event }).await?,
                (None, None) => return Err("name a rule, or give one with --rule".into()),
            };
            api.show(&tried, tried_out)
        }
        Verb::Runs { id, limit } => api.show(&client.rule_runs(&id, limit).await?, |runs| ran(runs)),
    }
}

async fn switch(api: &Api, id: &RuleId, enabled: bool) -> Outcome {
    let patch = RulePatch { enabled: Some(enabled), ..RulePatch::default() };
    api.show(&api.tenant()?.change_rule(id, &patch).await?, |rule| {
        format!("{} {} within half a minute", rule.id, if rule.enabled { "runs" } else { "stops" })
    })
}

/// Waits for what, and does what.
fn in_words(rule: &RuleView) -> (String, String) {
    let events: Vec<_> = rule.events.iter().map(|it| it.as_str()).collect();
    let action = |it: &ActionBody| match it {
        ActionBody::Send(send) => format!("send {}", send.channel),
        ActionBody::CallEndpoint(call) => format!("call {}", call.endpoint_id),
        ActionBody::Test(_) => "test".to_owned(),
        ActionBody::RunSync(_) => "run sync".to_owned(),
    };
    (events.join(","), rule.actions.iter().map(action).collect::<Vec<_>>().join(","))
}

fn listed(rules: &[RuleView]) -> String {
    let mut shown = table(["RULE", "NAME", "ENABLED", "ON", "DOES", "PER HOUR"]);
    for it in rules {
        let ((events, actions), enabled) = (in_words(it), if it.enabled { "yes" } else { "no" });
        shown.add_row([it.id.as_str(), &it.name, enabled, &events, &actions, &it.max_per_hour.to_string()]);
    }
    table_or(&shown, "There is no rule yet.")
}

fn one(rule: &RuleView) -> String {
    let (events, actions) = in_words(rule);
    let mut lines = vec![
        format!("{} {}{}", rule.id, rule.name, if rule.enabled { "" } else { " (disabled)" }),
        format!("  on {events} do {actions}; messages stand in the campaign {}", rule.campaign_id),
    ];
    lines.extend(rule.this_hour.map(|hour| {
        format!(
            "  this hour: {} of {} runs, {} events over the limit, {} that would have gone in circles",
            hour.runs, rule.max_per_hour, hour.over_limit, hour.loops
        )
    }));
    lines.join("\n")
}

fn tried_out(tried: &RuleDryRunAnswer) -> String {
    let mut lines = vec![if tried.would_run { "It would run." } else { "It would not run:" }.to_owned()];
    lines.extend(tried.against.iter().map(|it| format!("  {}: {}", it.code, it.reason)));
    for action in &tried.actions {
        let detail = if action.detail.is_empty() { String::new() } else { format!(": {}", action.detail) };
        lines.push(format!("{} {}{detail}", action.action, action.code));
        if let Some(message) = &action.message {
            lines.extend(message.subject.iter().map(|subject| format!("  subject: {subject}")));
            lines.extend(message.text.lines().map(|line| format!("  {line}")));
        }
        lines.extend(action.data.iter().map(|data| format!("{data:#}")));
    }
    lines.join("\n")
}

fn ran(runs: &[RunView]) -> String {
    let mut shown = table(["RUN", "STATE", "EVENT", "STARTED", "ACTIONS"]);
    for it in runs {
        let results: Vec<_> = it.results.iter().map(|it| format!("{} {}", it.action, it.code)).collect();
        shown.add_row([it.id.as_str(), it.state.as_str(), it.event.as_str(), &it.started_at, &results.join("\n")]);
    }
    table_or(&shown, "It has not run yet.")
}
