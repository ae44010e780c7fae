//! A rule while it is being written: as its form holds it, and as the API takes it.

use super::words::{op_name, op_named};
use crate::{faults, form::Form, literal};
use api::{
    problem::Problem,
    rules::{ActionBody, RuleView},
};
use domain::{
    rule::{PER_HOUR, Trigger},
    webhook::filter::{Combine, Condition, Op},
};
use serde_json::{Map, Value, json};

/// How many rows of one kind are read from a form: more than the API takes, so that it says how many are too many.
const ROWS_MAX: usize = 30;

/// A rule in its form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) enabled: bool,
    pub(super) events: Vec<String>,
    /// One condition is enough.
    pub(super) any: bool,
    pub(super) conditions: Vec<Row>,
    pub(super) actions: Vec<Act>,
    pub(super) max_per_hour: String,
}

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) field: String,
    pub(super) op: String,
    pub(super) value: String,
}

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Send {
        /// A channel, and after a blank the integration if it is a certain one.
        via: String,
        to: String,
        subject: String,
        text: String,
        html: String,
        link: String,
    },
    Call {
        endpoint: String,
        kind: String,
    },
    Test {
        integration: String,
    },
    /// What this form does not know.
    Other(Value),
}

impl Act {
    /// A new one of this kind.
    pub(super) fn new(kind: &str) -> Option<Self> {
        let none = String::new;
        Some(match kind {
            "send" => {
                let via = "email".to_owned();
                Self::Send { via, to: none(), subject: none(), text: none(), html: none(), link: none() }
            }
            "call_endpoint" => Self::Call { endpoint: none(), kind: none() },
            "test" => Self::Test { integration: none() },
            _ => return None,
        })
    }

    /// Its name in the API.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Send { .. } => "send",
            Self::Call { .. } => "call_endpoint",
            Self::Test { .. } => "test",
            Self::Other(value) => value["do"].as_str().unwrap_or_default(),
        }
    }

    fn read(form: &Form, at: &str) -> Option<Self> {
        let text = |name: &str| lines(form.text(&format!("{at}.{name}")));
        Some(match form.entered(&format!("{at}.do"))? {
            "send" => Self::Send {
                via: text("via"),
                to: text("to"),
                subject: text("message.subject"),
                text: text("message.text"),
                html: text("message.html"),
                link: text("message.link"),
            },
            "call_endpoint" => Self::Call { endpoint: text("endpoint_id"), kind: text("type") },
            "test" => Self::Test { integration: text("integration_id") },
            _ => Self::Other(serde_json::from_str(&text("json")).unwrap_or_default()),
        })
    }

    fn body(&self) -> Value {
        let mut body = match self {
            Self::Send { via, to, subject, text, html, link } => {
                let (channel, integration) = via.split_once(' ').unwrap_or((via, ""));
                let to: Vec<&str> = to.split(['\n', ',']).map(str::trim).filter(|one| !one.is_empty()).collect();
                let mut message = json!({"subject": subject, "text": text, "html": html, "link": link});
                drop_empty(&mut message, "text");
                json!({"channel": channel, "integration_id": integration, "to": to, "message": message})
            }
            Self::Call { endpoint, kind } => json!({"endpoint_id": endpoint, "type": kind}),
            Self::Test { integration } => json!({"integration_id": integration}),
            Self::Other(value) => return value.clone(),
        };
        drop_empty(&mut body, "endpoint_id");
        body["do"] = self.kind().into();
        body
    }
}

/// Leaves out texts that were not entered, except one that the API asks for.
fn drop_empty(value: &mut Value, needed: &str) {
    if let Value::Object(fields) = value {
        fields.retain(|name, value| name == needed || value.as_str() != Some(""));
    }
}

/// Browsers end lines with two characters.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

impl Row {
    fn body(&self) -> Value {
        let op = op_named(&self.op);
        let value = match op {
            Some(Op::Exists | Op::Absent) => Value::Null,
            Some(Op::In) => literal::read_list(&self.value),
            Some(Op::Prefix) => match literal::read(&self.value) {
                Value::String(text) => text.into(),
                _ => self.value.clone().into(),
            },
            _ => literal::read(&self.value),
        };
        json!({"field": self.field, "op": self.op, "value": value})
    }
}

impl From<&Condition> for Row {
    fn from(condition: &Condition) -> Self {
        let value = match (condition.op, &condition.value) {
            (Op::Exists | Op::Absent, _) => String::new(),
            (Op::Prefix, Value::String(text)) => text.clone(),
            (_, value) => literal::show(value),
        };
        Self { field: condition.field.clone(), op: op_name(condition.op).to_owned(), value }
    }
}

impl Draft {
    /// A rule of which nothing is said yet.
    pub(super) fn new(event: Option<&str>) -> Self {
        Self {
            name: String::new(),
            enabled: true,
            events: event.map(str::to_owned).into_iter().collect(),
            any: false,
            conditions: Vec::new(),
            actions: Vec::new(),
            max_per_hour: PER_HOUR.to_string(),
        }
    }

    /// What a form holds.
    pub(super) fn read(form: &Form) -> Self {
        let condition = |place: usize| {
            let text = |name: &str| form.text(&format!("filter.conditions[{place}].{name}")).to_owned();
            let op = Some(text("op")).filter(|op| !op.is_empty())?;
            Some(Row { field: text("field"), op, value: text("value") })
        };
        Self {
            name: form.text("name").to_owned(),
            enabled: form.has("enabled"),
            events: form.all("events").map(str::to_owned).collect(),
            any: form.text("match") == "any",
            conditions: (0..ROWS_MAX).map_while(condition).collect(),
            actions: (0..ROWS_MAX).map_while(|place| Act::read(form, &format!("actions[{place}]"))).collect(),
            max_per_hour: form.text("max_per_hour").to_owned(),
        }
    }

    /// What is wanted, for the API.
    pub(super) fn body(&self) -> Value {
        let conditions: Vec<Value> = self.conditions.iter().map(Row::body).collect();
        let combine = if self.any { "any" } else { "all" };
        let filter = (!conditions.is_empty()).then(|| json!({"match": combine, "conditions": conditions}));
        json!({
            "name": self.name,
            "enabled": self.enabled,
            "events": self.events,
            "filter": filter,
            "actions": self.actions.iter().map(Act::body).collect::<Vec<_>>(),
            // What is no number is out of its range as well.
            "max_per_hour": self.max_per_hour.parse::<u32>().unwrap_or(0),
        })
    }

    /// The triggers that are ticked.
    pub(super) fn triggers(&self) -> Vec<Trigger> {
        self.events.iter().filter_map(|event| event.parse().ok()).collect()
    }

    /// Does what a button of the form asks for that saves nothing: `true` if there is such a button.
    pub(super) fn change(&mut self, button: &str) -> bool {
        if button == "add-condition" {
            self.conditions.push(Row { op: "eq".into(), ..Row::default() });
            return true;
        }
        if let Some(act) = button.strip_prefix("add-").and_then(Act::new) {
            self.actions.push(act);
            return true;
        }
        let place = |prefix: &str| button.strip_prefix(prefix).and_then(|place| place.parse::<usize>().ok());
        if let Some(place) = place("remove-condition-").filter(|place| *place < self.conditions.len()) {
            self.conditions.remove(place);
            return true;
        }
        if let Some(place) = place("remove-action-").filter(|place| *place < self.actions.len()) {
            self.actions.remove(place);
            return true;
        }
        false
    }
}

impl From<&RuleView> for Draft {
    fn from(rule: &RuleView) -> Self {
        let act = |action: &ActionBody| match action {
            ActionBody::Send(send) => {
                let channel = send.channel.as_str();
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                Act::Send {
                    via: send
                        .integration_id
                        .as_ref()
                        .map_or_else(|| channel.to_owned(), |id| format!("{channel} {id}")),
                    to: send.to.join("\n"),
                    subject: text(&send.message.subject),
                    text: send.message.text.clone(),
                    html: text(&send.message.html),
                    link: text(&send.message.link),
                }
            }
            ActionBody::CallEndpoint(call) => Act::Call {
                endpoint: call.endpoint_id.to_string(),
                kind: call.kind.as_ref().map(ToString::to_string).unwrap_or_default(),
            },
            ActionBody::Test(test) => {
                Act::Test { integration: test.integration_id.as_ref().map(ToString::to_string).unwrap_or_default() }
            }
            ActionBody::RunSync(rest) => {
                let mut rest: Map<String, Value> = rest.clone();
                rest.insert("do".into(), "run_sync".into());
                Act::Other(Value::Object(rest))
            }
        };
        let filter = rule.filter.as_ref();
        Self {
            name: rule.name.clone(),
            enabled: rule.enabled,
            events: rule.events.iter().map(ToString::to_string).collect(),
            any: filter.is_some_and(|filter| filter.combine == Combine::Any),
            conditions: filter.map(|filter| filter.conditions.iter().map(Row::from).collect()).unwrap_or_default(),
            actions: rule.actions.iter().map(act).collect(),
            max_per_hour: rule.max_per_hour.to_string(),
        }
    }
}

/// The faults that the API found, under the names of this form's fields.
pub(super) fn judged(problem: &Problem) -> Problem {
    faults::by_line(problem, named)
}

/// What goes through an integration of a channel is one choice here, and a message is at fault where its text is.
fn named(field: &str) -> String {
    let field = field.strip_prefix("rule.").unwrap_or(field);
    let of_action = field.strip_prefix("actions[").and_then(|rest| Some(rest.split_once("].")?.1));
    match of_action {
        Some("channel") => format!("{}via", field.strip_suffix("channel").unwrap_or_default()),
        Some("message") => format!("{field}.text"),
        _ => field.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::{
        problem::{FieldProblem, ProblemKind},
        rules::RuleCreate,
    };

    fn form(pairs: &[(&str, &str)]) -> Form {
        Form::parse(form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().as_bytes())
    }

    #[test]
    fn a_form_becomes_what_the_api_takes() {
        let draft = Draft::read(&form(&[
            ("name", " Large orders "),
            ("enabled", "on"),
            ("events", "webhook.received"),
            ("match", "any"),
            ("filter.conditions[0].field", "body.total"),
            ("filter.conditions[0].op", "gte"),
            ("filter.conditions[0].value", "1000"),
            ("filter.conditions[1].field", "event"),
            ("filter.conditions[1].op", "in"),
            ("filter.conditions[1].value", "a, b"),
            ("filter.conditions[2].field", "body.id"),
            ("filter.conditions[2].op", "prefix"),
            ("filter.conditions[2].value", "12"),
            ("filter.conditions[3].field", "body.x"),
            ("filter.conditions[3].op", "exists"),
            ("filter.conditions[3].value", "left over"),
            ("actions[0].do", "send"),
            ("actions[0].via", "slack"),
            ("actions[0].to", "C0123456789,\r\n C0123456780\r\n"),
            ("actions[0].message.text", "one\r\ntwo"),
            ("actions[0].message.subject", ""),
            ("actions[1].do", "test"),
            ("actions[1].integration_id", ""),
            ("max_per_hour", "5"),
        ]));
        assert_eq!(
            draft.body(),
            json!({
                "name": "Large orders", "enabled": true, "events": ["webhook.received"],
                "filter": {"match": "any", "conditions": [
                    {"field": "body.total", "op": "gte", "value": 1000},
                    {"field": "event", "op": "in", "value": ["a", "b"]},
                    {"field": "body.id", "op": "prefix", "value": "12"},
                    {"field": "body.x", "op": "exists", "value": null},
                ]},
                "actions": [
                    {"do": "send", "channel": "slack", "to": ["C0123456789", "C0123456780"], "message": {"text": "one\ntwo"}},
                    {"do": "test"},
                ],
                "max_per_hour": 5,
            })
        );
        serde_json::from_value::<RuleCreate>(draft.body()).unwrap();
    }

    #[test]
    fn rows_come_and_go() {
        let mut draft = Draft::new(Some("webhook.received"));
        for button in ["add-condition", "add-condition", "add-send", "add-test", "remove-action-0"] {
            assert!(draft.change(button), "{button}");
        }
        draft.conditions[1].field = "kept".into();
        assert!(draft.change("remove-condition-0"));
        assert_eq!((draft.conditions.len(), draft.conditions[0].field.as_str()), (1, "kept"));
        assert_eq!(draft.actions, [Act::Test { integration: String::new() }]);
        for button in ["save", "try", "remove-condition-7", "remove-action-x", "add-nonsense"] {
            assert!(!draft.change(button), "{button}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_beside_its_field() {
        let fault = |field: &str, message: &str| FieldProblem {
            field: field.into(),
            code: "invalid".into(),
            message: message.into(),
        };
        let mut problem = Problem::new(ProblemKind::InvalidRequest, "");
        problem.errors = vec![
            fault("rule.name", "a"),
            fault("actions[1].to[0]", "b"),
            fault("actions[1].to[2]", "c"),
            fault("actions[0].channel", "d"),
            fault("actions[0].message", "e"),
            fault("actions[0].message.text", "f"),
            fault("filter.conditions[3].value", "g"),
        ];
        let told: Vec<_> = judged(&problem).errors.into_iter().map(|fault| (fault.field, fault.message)).collect();
        let expected = [
            ("name", "a"),
            ("actions[1].to", "line 1: b; line 3: c"),
            ("actions[0].via", "d"),
            ("actions[0].message.text", "e; f"),
            ("filter.conditions[3].value", "g"),
        ];
        assert_eq!(told, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
    }
}
