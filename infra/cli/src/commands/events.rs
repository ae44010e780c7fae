//! `trunkline events`

use super::{
    Outcome,
    api::{self, Api, read_file, table, table_or},
};
use ::api::events::{EventBody, EventTypeBody, EventTypeView, EventsAccepted, EventsRequest};
use clap::Subcommand;
use domain::webhook::{EVENTS_MAX, EventType};
use serde_json::{Value, json};

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// Hand events over, which reach every endpoint that wants them.
    Send(Send),
    /// List the registered types.
    Types,
    /// Register a type, or change it: events of it are refused unless their data fits its schema.
    Register {
        /// Which: order.created
        #[arg(value_name = "TYPE")]
        kind: EventType,
        /// What its events tell.
        #[arg(long, default_value = "")]
        description: String,
        /// A file with the JSON Schema of their data; `-` for standard input.
        #[arg(long, value_name = "FILE")]
        schema: Option<String>,
        /// It should be used no more.
        #[arg(long)]
        deprecated: bool,
    },
    /// Forget a registered type; its events are taken unchecked again.
    Forget {
        /// Which: order.created
        #[arg(value_name = "TYPE")]
        kind: EventType,
    },
}

#[derive(clap::Args)]
struct Send {
    /// Several events instead of one: a document as POST /v1/events takes it, or one event a line; `-` for standard input.
    #[arg(long, conflicts_with_all = ["kind", "data", "order_key"])]
    file: Option<String>,
    /// What happened: order.created
    #[arg(long = "type", value_name = "TYPE", required_unless_present = "file")]
    kind: Option<EventType>,
    /// What there is to say about it, in JSON.
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = api::in_json)]
    data: Value,
    /// The event's key: those with the same one reach an ordered endpoint one after another.
    #[arg(long, value_name = "TEXT")]
    order_key: Option<String>,
    /// Makes it safe to give the same command again.
    #[arg(long, value_name = "TEXT")]
    idempotency_key: Option<String>,
}

pub(crate) async fn run(Args { verb, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, &api).await)
}

async fn carry_out(verb: Verb, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        Verb::Send(Send { file, kind, data, order_key, idempotency_key }) => {
            let events = match (file, kind) {
                (Some(file), _) => in_file(&read_file(&file)?).map_err(|error| format!("{file}: {error}"))?,
                (None, Some(kind)) => vec![EventBody { kind, data, key: order_key, timestamp: None }],
                (None, None) => Vec::new(),
            };
            let mut sum = EventsAccepted { accepted: 0, events: Vec::new() };
            for (request, key) in requests(events, idempotency_key.as_deref()) {
                let accepted = client.post_events(&request, key.as_deref()).await?;
                sum.accepted += accepted.accepted;
                sum.events.extend(accepted.events);
            }
            api.show(&sum, told)
        }
        Verb::Types => api.show(&client.event_types().await?, |all| listed(all)),
        Verb::Register { kind, description, schema, deprecated } => {
            let schema = schema.as_deref().map(api::read_json).transpose()?;
            let body = EventTypeBody { description, schema, deprecated };
            api.show(&client.register_event_type(&kind, &body).await?, |it| format!("registered {}", it.kind))
        }
        Verb::Forget { kind } => {
            client.forget_event_type(&kind).await?;
            api.show(&json!({ "forgotten": kind }), |_| format!("forgot {kind}; its events are taken unchecked"))
        }
    }
}

/// The events of a document, or of lines.
fn in_file(text: &str) -> Result<Vec<EventBody>, String> {
    if let Ok(request) = serde_json::from_str(text) {
        return Ok(match request {
            EventsRequest::Many { events } => events,
            EventsRequest::One(event) => vec![event],
        });
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(n, line)| serde_json::from_str(line).map_err(|error| format!("line {}: {error}", n + 1))).collect()
}

/// The requests that it takes, each with its own key: they are the same whenever the same events are given again.
fn requests(events: Vec<EventBody>, key: Option<&str>) -> Vec<(EventsRequest, Option<String>)> {
    if events.len() <= EVENTS_MAX {
        let mut events = events;
        let one = if events.len() == 1 { events.pop() } else { None };
        let request = one.map_or(EventsRequest::Many { events }, EventsRequest::One);
        return vec![(request, key.map(str::to_owned))];
    }
    let parts = events.chunks(EVENTS_MAX).enumerate();
    parts
        .map(|(n, part)| (EventsRequest::Many { events: part.to_vec() }, key.map(|key| format!("{key}-{n}"))))
        .collect()
}

fn told(sum: &EventsAccepted) -> String {
    if let [event] = sum.events.as_slice() {
        let mut lines = vec![format!("accepted {} {}", event.id, event.kind)];
        lines.extend(event.deliveries.iter().map(|it| format!("  {} to {}", it.id, it.endpoint_id)));
        if event.deliveries.is_empty() {
            lines.push("  no endpoint wants it".to_owned());
        }
        return lines.join("\n");
    }
    let deliveries: usize = sum.events.iter().map(|event| event.deliveries.len()).sum();
    let unwanted = sum.events.iter().filter(|event| event.deliveries.is_empty()).count();
    let head = format!("accepted {} events, {deliveries} deliveries", sum.accepted);
    if unwanted == 0 { head } else { format!("{head}; no endpoint wants {unwanted} of them") }
}

fn listed(all: &[EventTypeView]) -> String {
    let mut shown = table(["TYPE", "DESCRIPTION", "SCHEMA", "CHANGED"]);
    for it in all {
        let schema = match (it.schema.is_some(), it.deprecated) {
            (_, true) => "deprecated",
            (true, false) => "checked",
            (false, false) => "anything",
        };
        shown.add_row([it.kind.as_str(), &it.description, schema, &it.updated_at]);
    }
    table_or(&shown, "No type is registered: events of every type are taken.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(n: usize) -> String {
        json!({"type": "order.created", "data": {"n": n}}).to_string()
    }

    #[test]
    fn a_file_holds_a_document_or_lines() {
        assert_eq!(in_file(&event(1)).unwrap().len(), 1);
        let document = json!({"events": [{"type": "a", "data": 1}, {"type": "b", "data": 2, "key": "k"}]}).to_string();
        assert_eq!(in_file(&document).unwrap()[1].key.as_deref(), Some("k"));
        assert_eq!(in_file(&format!("{}\n\n{}\n", event(1), event(2))).unwrap().len(), 2);
        let error = in_file(&format!("{}\n{{\"type\": \"Order\"}}", event(1))).unwrap_err();
        assert!(error.starts_with("line 2: "), "{error}");
    }

    #[test]
    fn many_events_go_in_several_requests_with_keys_of_their_own() {
        let events = |count| in_file(&(0..count).map(event).collect::<Vec<_>>().join("\n")).unwrap();
        assert!(matches!(requests(events(1), None)[..], [(EventsRequest::One(_), None)]));
        let parts = requests(events(EVENTS_MAX + 1), Some("import"));
        let keys: Vec<_> = parts.iter().map(|(_, key)| key.as_deref()).collect();
        assert_eq!(keys, [Some("import-0"), Some("import-1")]);
        assert!(matches!(&parts[1].0, EventsRequest::Many { events } if events.len() == 1));
    }
}
