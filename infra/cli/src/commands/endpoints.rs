//! `trunkline endpoints`

use super::{
    Outcome,
    api::{self, Api, read_json, table, table_or},
};
use ::api::endpoints::{
    AttemptSummary, DeadLetterFilter, DeadLetterView, EndpointCreate, EndpointPatch, EndpointRotate,
    EndpointSecretShown, EndpointTest, EndpointTestView, EndpointView, EventAttemptDetail, EventAttemptView,
    EventDeliveryView, EventResend, RecoverRequest, RedriveAnswer,
};
use clap::Subcommand;
use comfy_table::{Cell, Color};
use domain::{
    ids::{DeliveryId, IntegrationId},
    rate::Limits,
    retry::RetryPolicy,
    webhook::{EventType, Signing, filter::EventPattern},
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};
use trunkline::client::{Client, Error};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// List the endpoints.
    List,
    /// Create one; a secret that is made is shown this once.
    Create(Box<Create>),
    /// Show one: what it wants, how it is posted to, and why it gets nothing, if so.
    Show {
        /// Which, `int_...`.
        id: IntegrationId,
    },
    /// Change one, after a test if its URL or headers change.
    Change {
        /// Which, `int_...`.
        id: IntegrationId,
        /// The changes in JSON, as PATCH /v1/endpoints/{id} takes them; `-` for standard input.
        #[arg(long)]
        file: String,
        /// Save them without a test.
        #[arg(long)]
        untested: bool,
    },
    /// Post a sample event now and show the answer; exits 1 if it was not taken.
    Test {
        /// Which, `int_...`.
        id: IntegrationId,
        /// The type of the event.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<EventType>,
        /// Its data in JSON.
        #[arg(long, value_name = "JSON", value_parser = api::in_json)]
        data: Option<Value>,
    },
    /// Post nothing for now; events are kept for it.
    Pause {
        /// Which, `int_...`.
        id: IntegrationId,
    },
    /// Go on with what was kept, whatever stopped it.
    Resume {
        /// Which, `int_...`.
        id: IntegrationId,
    },
    /// Give it a new signing secret, which is shown this once; the one before signs as well for a while.
    RotateSecret {
        /// Which, `int_...`.
        id: IntegrationId,
        /// The new secret; `-` reads it from standard input. Made here when left out.
        #[arg(long)]
        secret: Option<String>,
        /// How posts are signed from now on: hmac, ed25519.
        #[arg(long, value_parser = signing)]
        signing: Option<Signing>,
        /// For how many hours the one before signs as well, 0 to 168.
        #[arg(long, value_name = "HOURS", default_value_t = EndpointRotate::default().keep_previous_hours)]
        keep_previous: u32,
    },
    /// Queue everything again that was given up since a time.
    Recover {
        /// Which, `int_...`.
        id: IntegrationId,
        /// Since when, e.g. 2026-11-20T10:00:00Z; at most 30 days back.
        #[arg(long, value_name = "TIME")]
        since: String,
    },
    /// List the events that were given up, newest first; they are kept 30 days.
    DeadLetters {
        /// Which, `int_...`.
        id: IntegrationId,
        #[command(flatten)]
        which: Which,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Queue dead letters again, all or those that are meant.
    Redrive {
        /// Which, `int_...`.
        id: IntegrationId,
        #[command(flatten)]
        which: Which,
    },
    /// List the attempts to post to it, newest first; with an attempt's id, that one with the whole answer.
    Attempts {
        /// Which, `int_...`.
        id: IntegrationId,
        /// Which attempt.
        attempt: Option<String>,
        /// Only those that ended so: delivered, retrying, failed, cancelled.
        #[arg(long)]
        status: Option<String>,
        /// Only those of events of this type or beginning.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<EventPattern>,
        /// Only those then or later.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one event on its way to the endpoint, with its data and all attempts.
    Delivery {
        /// Which, `int_...`.
        id: IntegrationId,
        /// Which delivery, `dlv_...`.
        delivery: DeliveryId,
    },
    /// Post one event again.
    Resend {
        /// Which, `int_...`.
        id: IntegrationId,
        /// Which delivery, `dlv_...`.
        delivery: DeliveryId,
        /// Although the endpoint took it.
        #[arg(long)]
        force: bool,
    },
    /// Delete it; what waits for it is cancelled.
    Delete {
        /// Which, `int_...`.
        id: IntegrationId,
    },
}

#[derive(clap::Args)]
struct Create {
    /// The endpoint in JSON, as POST /v1/endpoints takes it, instead of the options below; `-` for standard input.
    #[arg(long, exclusive = true)]
    file: Option<String>,
    /// Its name for people.
    #[arg(long, required_unless_present = "file")]
    name: Option<String>,
    /// Where events are posted to.
    #[arg(long, required_unless_present = "file")]
    url: Option<String>,
    /// Only events of these types or beginnings, separated by commas: order.created,invoice.*
    #[arg(long, value_delimiter = ',')]
    events: Vec<EventPattern>,
    /// What must be true of their data, in JSON: `{"conditions":[{"field":"total","op":"gt","value":100}]}`
    #[arg(long, value_name = "JSON", value_parser = api::in_json)]
    filter: Option<Value>,
    /// What is made of their data, in JSON: `{"pick":["id","total"],"rename":{"total":"amount"},"constant":{"source":"shop"}}`
    #[arg(long, value_name = "JSON", value_parser = api::in_json)]
    transform: Option<Value>,
    /// A header that goes with every post: 'Authorization: Bearer ...'; may be given several times. Stored as a secret.
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<(String, String)>,
    /// How posts are signed: hmac, ed25519.
    #[arg(long, default_value = "hmac", value_parser = signing)]
    signing: Signing,
    /// Post events with the same key strictly one after another.
    #[arg(long)]
    ordered: bool,
    /// How many events it takes a second.
    #[arg(long, value_name = "COUNT")]
    per_second: Option<u32>,
    /// How many it takes an hour.
    #[arg(long, value_name = "COUNT")]
    per_hour: Option<u32>,
    /// When a post that failed is tried again: standard (ten attempts over three days), exponential, immediate, manual.
    #[arg(long, default_value = "standard", value_parser = retry_policy)]
    retry: RetryPolicy,
    /// The signing secret; `-` reads it from standard input. Made here when left out.
    #[arg(long)]
    secret: Option<String>,
    /// Pause it at once: events are kept until it is resumed.
    #[arg(long)]
    paused: bool,
    /// Save it without a test.
    #[arg(long)]
    untested: bool,
}

/// Which dead letters.
#[derive(clap::Args)]
struct Which {
    /// Those given up then or later.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Those given up then or before.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Those of events of this type or beginning.
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<EventPattern>,
    /// Those that failed with this code, e.g. `endpoint_timeout`.
    #[arg(long)]
    code: Option<String>,
}

impl From<Which> for DeadLetterFilter {
    fn from(Which { since, until, kind, code }: Which) -> Self {
        Self { since, until, kind, code, cursor: None }
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("give a name and a value: 'X-Team: orders'")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn signing(text: &str) -> Result<Signing, String> {
    serde_json::from_value(json!(text)).map_err(|_| "use one of hmac, ed25519".to_owned())
}

fn retry_policy(text: &str) -> Result<RetryPolicy, String> {
    let all: Vec<_> = RetryPolicy::ALL.iter().map(|policy| policy.as_str()).collect();
    text.parse().map_err(|_| format!("use one of {}", all.join(", ")))
}

impl Create {
    fn wanted(self) -> Result<EndpointCreate, Box<dyn std::error::Error>> {
        if let Some(file) = &self.file {
            return read_json(file);
        }
        Ok(EndpointCreate {
            name: self.name.unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            description: None,
            events: self.events.into_iter().map(Into::into).collect(),
            filter: self.filter.unwrap_or_default(),
            transform: self.transform.unwrap_or_default(),
            headers: self.headers.into_iter().collect(),
            signing: self.signing,
            ordered: self.ordered,
            limits: Limits { per_second: self.per_second, per_hour: self.per_hour, per_day: None },
            retry_policy: self.retry,
            secret: api::given(self.secret)?,
            enabled: !self.paused,
        })
    }
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::List => api.show(&client.endpoints().await?, |all| listed(all)),
        Verb::Create(create) => {
            let untested = create.untested;
            api.show(&client.create_endpoint(&create.wanted()?, untested).await?, |made| {
                format!("{} is posted to at {}{}", made.endpoint.id, made.endpoint.url, shown_once(made))
            })
        }
        Verb::Show { id } => api.show(&client.webhook_endpoint(&id).await?, described),
        Verb::Change { id, file, untested } => {
            let patch = read_json::<EndpointPatch>(&file)?;
            api.show(&client.change_endpoint(&id, &patch, untested).await?, described)
        }
        Verb::Test { id, kind, data } => {
            let test = client.test_endpoint(&id, &EndpointTest { kind, data }).await?;
            api.show(&test, tested)?;
            Ok(if test.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Verb::Pause { id } => {
            api.show(&client.pause_endpoint(&id).await?, |it| format!("{} is paused; events are kept for it", it.id))
        }
        Verb::Resume { id } => api.show(&client.resume_endpoint(&id).await?, |it| {
            format!("{} gets events, first those that were kept", it.id)
        }),
        Verb::RotateSecret { id, secret, signing, keep_previous } => {
            let wanted = EndpointRotate { secret: api::given(secret)?, signing, keep_previous_hours: keep_previous };
            api.show(&client.rotate_endpoint(&id, &wanted).await?, rotated)
        }
        Verb::Recover { id, since } => {
            let first = client.recover(&id, &RecoverRequest { since }).await?;
            api.show(&to_the_end(&client, &id, first).await?, redriven)
        }
        Verb::DeadLetters { id, which, limit } => {
            let dead = client.dead_letters(&id, &which.into(), limit).await?;
            api.show(&dead, |dead| given_up(dead))
        }
        Verb::Redrive { id, which } => {
            let first = client.redrive(&id, &which.into()).await?;
            api.show(&to_the_end(&client, &id, first).await?, redriven)
        }
        Verb::Attempts { id, attempt: Some(attempt), .. } => {
            api.show(&client.attempt(&id, &attempt).await?, one_attempt)
        }
        Verb::Attempts { id, attempt: None, status, kind, since, limit } => {
            let kind = kind.map(String::from);
            let query = [("status", &status), ("type", &kind), ("since", &since)];
            let query: Vec<_> = query.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
            api.show(&client.attempts(&id, &query, limit).await?, |all| tried(all))
        }
        Verb::Delivery { id, delivery } => api.show(&client.event_delivery(&id, &delivery).await?, on_its_way),
        Verb::Resend { id, delivery, force } => {
            let resent = client.resend_event(&id, &delivery, &EventResend { force }).await?;
            api.show(&resent, |resent| format!("{} is {} again", resent.id, resent.status.as_str()))
        }
        Verb::Delete { id } => {
            client.delete_endpoint(&id).await?;
            api.show(&json!({ "deleted": id }), |_| format!("deleted {id}; what waited for it is cancelled"))
        }
    }
}

/// What was queued again by all the calls that it took.
#[derive(Serialize)]
struct Redriven {
    redriven: usize,
    left: usize,
}

/// Goes on where a call stopped: each queues at most 1,000.
async fn to_the_end(client: &Client, id: &IntegrationId, first: RedriveAnswer) -> Result<Redriven, Error> {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} queued again {elapsed:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    let mut sum = Redriven { redriven: first.redriven, left: first.left };
    let mut next = first.next;
    while let Some(filter) = next {
        bar.set_position(sum.redriven as u64);
        let answer = client.redrive(id, &filter).await?;
        sum.redriven += answer.redriven;
        sum.left += answer.left;
        next = answer.next;
    }
    bar.finish_and_clear();
    Ok(sum)
}

fn redriven(Redriven { redriven, left }: &Redriven) -> String {
    let head = match redriven {
        0 => "there was nothing to queue again".to_owned(),
        1 => "queued 1 event again".to_owned(),
        count => format!("queued {count} events again"),
    };
    if *left == 0 { head } else { format!("{head}; {left} were resent too often and stay dead letters") }
}

/// A secret that was made, or the key that receivers need.
fn shown_once(made: &EndpointSecretShown) -> String {
    if let Some(secret) = &made.new_secret {
        return format!("\n\n{secret}\n\nEnter it at the receiver now: it cannot be shown again.");
    }
    made.endpoint
        .public_key
        .as_ref()
        .map_or_else(String::new, |key| format!("\n\n{key}\n\nIts receiver checks signatures with it."))
}

fn rotated(it: &EndpointSecretShown) -> String {
    let before = it.endpoint.previous_secret_until.as_deref();
    let before = before.map_or_else(|| "signs no more".to_owned(), |until| format!("signs as well until {until}"));
    format!(
        "{} has secret version {}; the one before {before}{}",
        it.endpoint.id,
        it.endpoint.secret_version,
        shown_once(it)
    )
}

fn types(events: &[EventPattern]) -> String {
    let events: Vec<_> = events.iter().map(EventPattern::as_str).collect();
    if events.is_empty() { "all".to_owned() } else { events.join(",") }
}

/// Whether it gets events; if not, why.
fn state(it: &EndpointView) -> Cell {
    match &it.stopped {
        None if it.enabled => Cell::new("on"),
        None => Cell::new("paused").fg(Color::Yellow),
        Some(stop) => {
            let cause = serde_json::to_value(stop.cause).ok().and_then(|cause| cause.as_str().map(str::to_owned));
            Cell::new(cause.unwrap_or_default()).fg(Color::Yellow)
        }
    }
}

fn listed(all: &[EndpointView]) -> String {
    let mut shown = table(["ENDPOINT", "NAME", "URL", "EVENTS", "STATE", "HEALTH"]);
    for it in all {
        let tested = it.last_test.as_ref().map_or_else(|| Cell::new("unknown"), |test| api::health(test.status));
        let text = |text: &str| Cell::new(text);
        shown.add_row([
            text(it.id.as_str()),
            text(&it.name),
            text(&it.url),
            text(&types(&it.events)),
            state(it),
            tested,
        ]);
    }
    table_or(&shown, "There is no endpoint yet.")
}

fn limits(limits: Limits) -> String {
    let limit = |limit: Option<u32>, window| limit.map(|count| format!("{count} {window}"));
    let Limits { per_second, per_hour, per_day } = limits;
    let all: Vec<_> = [limit(per_second, "a second"), limit(per_hour, "an hour"), limit(per_day, "a day")]
        .into_iter()
        .flatten()
        .collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

fn described(it: &EndpointView) -> String {
    let of = |value: &Value| if value.is_null() { "-".to_owned() } else { value.to_string() };
    let headers: Vec<_> = it.headers.iter().map(|(name, mask)| format!("{name}: {mask}")).collect();
    let signs = match (&it.secret, &it.public_key) {
        (_, Some(key)) => format!("ed25519, {key}"),
        (Some(mask), None) => format!("hmac, {mask}"),
        (None, None) => "-".to_owned(),
    };
    let mut shown = table(["ENDPOINT", it.id.as_str()]);
    let mut row = |what: &str, value: String| {
        shown.add_row([what, &value]);
    };
    row("name", it.name.clone());
    row("url", it.url.clone());
    if let Some(description) = &it.description {
        row("what for", description.clone());
    }
    row("events", types(&it.events));
    row("filter", of(&it.filter));
    row("transform", of(&it.transform));
    row("headers", if headers.is_empty() { "-".to_owned() } else { headers.join(", ") });
    row("signed by", signs);
    if let Some(until) = &it.previous_secret_until {
        row("and until", format!("{until} by the secret before"));
    }
    row("order", if it.ordered { "strict for each key" } else { "none" }.to_owned());
    row("limits", limits(it.limits));
    row("retries", it.retry_policy.as_str().to_owned());
    let health = it.last_test.as_ref().map_or("unknown", |test| test.status.as_str());
    row("health", health.to_owned());
    row("changed", format!("{} by {}", it.updated_at, it.updated_by));
    let stopped = it.stopped.as_ref().map_or_else(String::new, |stop| {
        format!("\n\nIt gets nothing since {}. {}\n-> {}", stop.since, stop.reason, stop.fix)
    });
    shown.trim_fmt() + &stopped
}

fn tested(test: &EndpointTestView) -> String {
    let status = test.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
    let mut lines = vec![format!("{} as {}: {status} in {} ms", test.kind, test.event_id, test.duration_ms)];
    lines.extend(test.error.iter().map(|error| format!("  {}\n  -> {}", error.reason, error.fix)));
    lines.extend(beginning(&test.body).map(|body| format!("  {body}")));
    lines.join("\n")
}

/// The first line of an answer, as far as a line goes.
fn beginning(body: &str) -> Option<String> {
    const SHOWN_CHARS: usize = 100;
    let line = body.lines().find(|line| !line.trim().is_empty())?;
    let shown: String = line.chars().take(SHOWN_CHARS).collect();
    Some(if shown.len() < body.trim().len() { format!("{shown} …") } else { shown })
}

fn given_up(dead: &[DeadLetterView]) -> String {
    let mut shown = table(["DELIVERY", "EVENT", "TYPE", "GIVEN UP", "TRIES", "HTTP", "WHY", "WHAT TO DO"]);
    for it in dead {
        let status = it.response_status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        shown.add_row([
            it.delivery_id.to_string(),
            it.event_id.to_string(),
            it.kind.to_string(),
            it.failed_at.clone(),
            it.attempts.to_string(),
            status,
            it.error.code.clone(),
            it.error.fix.clone(),
        ]);
    }
    table_or(&shown, "No event was given up.")
}

fn tried(all: &[AttemptSummary]) -> String {
    let mut shown = table(["ATTEMPT", "AT", "TYPE", "DELIVERY", "TRY", "RESULT", "HTTP", "MS", "WHY"]);
    for it in all {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        shown.add_row([
            it.id.clone(),
            it.at.clone(),
            or_dash(it.kind.as_ref().map(ToString::to_string)),
            it.delivery_id.to_string(),
            it.number.to_string(),
            it.result.as_str().to_owned(),
            or_dash(it.status.map(|status| status.to_string())),
            or_dash(it.duration_ms.map(|ms| ms.to_string())),
            it.error.as_ref().map(|error| error.code.clone()).unwrap_or_default(),
        ]);
    }
    table_or(&shown, "Nothing was posted, or it is not in the log yet: that takes some seconds.")
}

fn one_attempt(it: &EventAttemptDetail) -> String {
    let head = format!("{} {} {}", it.delivery_id, it.event.id, it.event.kind);
    let rest: Vec<_> = it.attempt.body.lines().skip(1).map(|line| format!("     {line}")).collect();
    format!("{head}\n{}\n{}", attempt(&it.attempt), rest.join("\n")).trim_end().to_owned()
}

fn on_its_way(it: &EventDeliveryView) -> String {
    let next = it.next_attempt_at.as_ref().map_or_else(String::new, |at| format!(", next attempt at {at}"));
    let key = it.event.key.as_ref().map_or_else(String::new, |key| format!(", key {key}"));
    let mut lines = vec![
        format!("{} to {}: {}{next}", it.id, it.endpoint_id, it.status.as_str()),
        format!("  {} {} at {}{key}", it.event.id, it.event.kind, it.event.at),
        format!("  {}", it.event.data),
    ];
    lines.extend(it.attempts.iter().map(attempt));
    lines.join("\n")
}

fn attempt(it: &EventAttemptView) -> String {
    let status = it.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"));
    let took = it.duration_ms.map_or_else(String::new, |ms| format!(" in {ms} ms"));
    let mut lines = vec![format!("{}. {} {}: {status}{took}", it.number, it.at, it.result)];
    lines.extend(it.headers.iter().map(|header| format!("     {}: {}", header.name, header.value)));
    lines.extend(beginning(&it.body).map(|body| format!("     {body}")));
    lines.extend(it.error.iter().map(|error| format!("     {}\n     -> {}", error.reason, error.fix)));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::collections::BTreeMap;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn create(options: &[&str]) -> Result<EndpointCreate, String> {
        let all = ["trunkline", "create"].iter().chain(options);
        match Cli::try_parse_from(all).map_err(|error| error.to_string())?.args.verb {
            Verb::Create(create) => create.wanted().map_err(|error| error.to_string()),
            _ => Err("another verb".to_owned()),
        }
    }

    #[test]
    fn an_endpoint_is_made_of_options() {
        let made = create(&[
            "--name=Orders",
            "--url=https://example.com/in",
            "--events=order.*,invoice.paid",
            "--header=X-Team: a: b",
            r#"--transform={"pick":["id"]}"#,
            "--per-second=5",
            "--retry=immediate",
            "--signing=ed25519",
            "--paused",
        ])
        .unwrap();
        assert_eq!(made.events, ["order.*", "invoice.paid"]);
        assert_eq!(made.headers, BTreeMap::from([("X-Team".to_owned(), "a: b".to_owned())]));
        assert_eq!((made.transform, made.filter), (json!({"pick": ["id"]}), Value::Null));
        assert_eq!((made.limits.per_second, made.limits.per_hour), (Some(5), None));
        assert_eq!((made.retry_policy, made.signing, made.enabled), (RetryPolicy::Immediate, Signing::Ed25519, false));
    }

    #[test]
    fn what_is_typed_wrong_is_told_at_once() {
        let error = |options: &[&str]| create(options).err().unwrap();
        let with = |option| error(&["--name=a", "--url=https://example.com", option]);
        assert!(error(&["--name=a"]).contains("--url"));
        assert!(with("--events=Order").contains("order.created"));
        assert!(with("--filter={").contains("not JSON"));
        assert!(with("--header=Authorization").contains("X-Team: orders"));
        assert!(with("--retry=never").contains("immediate"));
        assert!(with("--file=x").contains("cannot be used"));
    }

    #[test]
    fn an_answer_is_shown_by_its_first_line() {
        assert_eq!(beginning("\n ok \n"), Some(" ok ".to_owned()));
        assert_eq!(beginning("no\nsuch table"), Some("no …".to_owned()));
        assert_eq!(beginning(&"x".repeat(101)).map(|shown| shown.chars().count()), Some(102));
        assert_eq!(beginning(" \n"), None);
    }

    #[test]
    fn what_was_queued_again_is_told() {
        let told = |redriven_count, left| redriven(&Redriven { redriven: redriven_count, left });
        assert_eq!(told(0, 0), "there was nothing to queue again");
        assert_eq!(told(1, 0), "queued 1 event again");
        assert_eq!(told(20, 2), "queued 20 events again; 2 were resent too often and stay dead letters");
    }
}
