//! `trunkline hooks`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::hooks::{
    HookCreate, HookEventDetail, HookEventView, HookPatch, HookSecretShown, HookView, RejectionView, SecretRotate,
};
use clap::Subcommand;
use domain::{
    hook::{EventPattern, GRACE_HOURS, HmacSettings, REPLAY_WINDOW_S, SchemeName},
    ids::{HookEventId, HookId},
};
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
    /// List the inbound webhooks.
    List,
    /// Create one; a secret that is made is shown this once.
    Create {
        /// Its name for people.
        #[arg(long)]
        name: String,
        /// How its caller proves itself: hmac, `standard_webhooks`, slack, github, stripe, shopify, twilio, sendgrid, graph,
        /// greenhouse, bamboohr, checkr, jira.
        #[arg(long, value_parser = scheme)]
        scheme: SchemeName,
        /// The secret or key that the provider shows; `-` reads it from standard input. Made here when left out, where
        /// it is ours to choose.
        #[arg(long)]
        secret: Option<String>,
        /// Only events of these names or beginnings, separated by commas: push,issues.*
        #[arg(long, value_delimiter = ',')]
        events: Vec<EventPattern>,
        /// For the scheme hmac: its settings in JSON.
        #[arg(long, value_name = "JSON", value_parser = hmac)]
        hmac: Option<HmacSettings>,
        /// For the scheme twilio: the address that is entered there, if calls arrive at another.
        #[arg(long, value_name = "URL")]
        public_url: Option<String>,
    },
    /// Let it take calls again.
    Enable {
        /// Which, `whk_...`.
        id: HookId,
    },
    /// Refuse its calls.
    Disable {
        /// Which, `whk_...`.
        id: HookId,
    },
    /// Give it a new secret; the one before stays valid for a while.
    Rotate {
        /// Which, `whk_...`.
        id: HookId,
        /// The new secret; `-` reads it from standard input. Made here when left out, where it is ours to choose.
        #[arg(long)]
        secret: Option<String>,
        /// For how many hours the one before stays valid, 0 to 168.
        #[arg(long, default_value_t = GRACE_HOURS)]
        grace_hours: u32,
    },
    /// Delete it.
    Remove {
        /// Which, `whk_...`.
        id: HookId,
    },
    /// What it received, newest first; with an event's id, that one with its body.
    Events {
        /// Which, `whk_...`.
        id: HookId,
        /// Which event, `evt_...`.
        event: Option<HookEventId>,
        /// Only events of this name or beginning.
        #[arg(long, value_name = "NAME")]
        named: Option<EventPattern>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// What it turned away, and why.
    Rejections {
        /// Which, `whk_...`.
        id: HookId,
    },
    /// Publish an event again.
    Replay {
        /// Which, `whk_...`.
        id: HookId,
        /// Which event, `evt_...`.
        event: HookEventId,
    },
}

fn scheme(text: &str) -> Result<SchemeName, String> {
    let all: Vec<_> = SchemeName::ALL.iter().map(|name| name.as_str()).collect();
    text.parse().map_err(|_| format!("use one of {}", all.join(", ")))
}

fn hmac(text: &str) -> Result<HmacSettings, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.hooks().await?, |hooks| listed(hooks)),
        Verb::Create { name, scheme, secret, events, hmac, public_url } => {
            let secret = api::given(secret)?;
            let enabled = true;
            let replay_window_s = REPLAY_WINDOW_S;
            let hook = HookCreate { name, scheme, hmac, public_url, secret, events, enabled, replay_window_s };
            api.show(&client.create_hook(&hook).await?, |made| {
                format!("{} takes calls at {}{}{}", made.hook.id, client.endpoint(), made.hook.path, shown(made))
            })
        }
        Verb::Enable { id } => switch(api, &id, true).await,
        Verb::Disable { id } => switch(api, &id, false).await,
        Verb::Rotate { id, secret, grace_hours } => {
            let rotated = client.rotate_hook(&id, &SecretRotate { secret: api::given(secret)?, grace_hours }).await?;
            api.show(&rotated, |rotated| {
                let until = rotated.hook.previous_secret_until.as_deref();
                let before =
                    until.map_or("ends within half a minute".to_owned(), |until| format!("is valid until {until}"));
                format!(
                    "{} has secret version {}; the one before {before}{}",
                    id,
                    rotated.hook.secret_version,
                    shown(rotated)
                )
            })
        }
        Verb::Remove { id } => {
            client.delete_hook(&id).await?;
            api.show(&json!({ "removed": id }), |_| format!("removed {id}"))
        }
        Verb::Events { id, event: Some(event), .. } => api.show(&client.hook_event(&id, &event).await?, one),
        Verb::Events { id, event: None, named, limit } => {
            let events = client.hook_events(&id, named.as_ref(), limit).await?;
            api.show(&events, |events| received(events))
        }
        Verb::Rejections { id } => api.show(&client.hook_rejections(&id).await?, |all| turned_away(all)),
        Verb::Replay { id, event } => {
            let replayed = client.replay_hook_event(&id, &event).await?;
            api.show(&replayed, |replayed| {
                format!("published {} again, for the {}. time", replayed.id, replayed.replay)
            })
        }
    }
}

async fn switch(api: &Api, id: &HookId, enabled: bool) -> Outcome {
    let patch = HookPatch { enabled: Some(enabled), ..HookPatch::default() };
    api.show(&api.tenant()?.change_hook(id, &patch).await?, |hook| {
        format!("{} {} calls within half a minute", hook.id, if hook.enabled { "takes" } else { "refuses" })
    })
}

/// A secret that was made.
fn shown(made: &HookSecretShown) -> String {
    made.new_secret.as_ref().map_or_else(String::new, |secret| {
        format!("\n\n{secret}\n\nEnter it at the provider now: it cannot be shown again.")
    })
}

fn listed(hooks: &[HookView]) -> String {
    let mut shown = table(["WEBHOOK", "SCHEME", "NAME", "ENABLED", "EVENTS", "SECRET"]);
    for it in hooks {
        let events: Vec<_> = it.events.iter().map(EventPattern::as_str).collect();
        let events = if events.is_empty() { "all".to_owned() } else { events.join(",") };
        let enabled = if it.enabled { "yes" } else { "no" };
        shown.add_row([it.id.as_str(), it.scheme.as_str(), &it.name, enabled, &events, &it.secret]);
    }
    table_or(&shown, "There is no inbound webhook yet.")
}

fn received(events: &[HookEventView]) -> String {
    let mut shown = table(["EVENT", "RECEIVED", "NAME", "BYTES", "REPLAYS"]);
    for it in events {
        let (bytes, replays) = (it.body_bytes.to_string(), it.replays.to_string());
        shown.add_row([it.id.as_str(), &it.received_at, it.event.as_deref().unwrap_or("-"), &bytes, &replays]);
    }
    table_or(&shown, "Nothing was received yet.")
}

fn one(detail: &HookEventDetail) -> String {
    let event = &detail.event;
    let mut lines = vec![format!("{} {} at {}", event.id, event.event.as_deref().unwrap_or("-"), event.received_at)];
    lines.extend(event.headers.iter().map(|(name, value)| format!("  {name}: {value}")));
    let body = detail.body.as_ref().map(|body| format!("{body:#}"));
    lines.extend(body.or_else(|| detail.body_text.clone()).or_else(|| detail.body_base64.clone()));
    lines.join("\n")
}

fn turned_away(all: &[RejectionView]) -> String {
    let mut shown = table(["MINUTE", "CAUSE", "COUNT", "FROM", "WHAT TO DO"]);
    for it in all {
        shown.add_row([it.minute.as_str(), it.cause.code(), &it.count.to_string(), &it.source_ip, &it.fix]);
    }
    table_or(&shown, "Nothing was turned away.")
}
