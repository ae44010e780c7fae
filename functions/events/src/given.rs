//! Reading what was handed over. Every fault is named with its place, not only the first.

use api::problem::{FieldProblem, Problem};
use domain::{
    time::Timestamp,
    webhook::{DATA_MAX_BYTES, EVENTS_MAX, EventType, KEY_MAX_CHARS, batch::Member},
};
use runtime::http::{Answer, read_json};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::collections::BTreeMap;

/// The most fields that one problem response names.
const FIELD_PROBLEMS_MAX: usize = 50;

const FIELDS: [&str; 4] = ["data", "key", "timestamp", "type"];

/// An event as it was handed over.
#[derive(Debug)]
pub(crate) struct Given<'a> {
    pub(crate) kind: EventType,
    pub(crate) key: Option<String>,
    pub(crate) at: Option<Timestamp>,
    /// Its data as it came.
    pub(crate) text: &'a str,
    /// Its data, read.
    pub(crate) data: Value,
}

/// What was handed over: one event, or several.
#[derive(Debug)]
pub(crate) struct AllGiven<'a> {
    pub(crate) events: Vec<Given<'a>>,
    /// Whether they came as a list.
    is_list: bool,
}

impl AllGiven<'_> {
    /// The name of an event's field, as its caller knows it.
    pub(crate) fn field(&self, number: usize, field: &str) -> String {
        if self.is_list { format!("events[{number}].{field}") } else { field.to_owned() }
    }

    /// What of the events decides about their bundles.
    pub(crate) fn members(&self) -> Vec<Member<'_>> {
        let bytes = |it: &Given<'_>| it.text.len() + it.kind.as_str().len() + it.key.as_ref().map_or(0, String::len);
        self.events.iter().map(|it| Member { bytes: bytes(it), key: it.key.as_deref() }).collect()
    }

    /// SHA-256 over the request as understood, in hex: white space and the order of fields do not matter.
    pub(crate) fn hash(&self) -> String {
        let mut parts = Vec::with_capacity(4 * self.events.len());
        for it in &self.events {
            let at = it.at.map(|at| at.0.to_string()).unwrap_or_default();
            // What says nothing must not look like what says an empty text.
            let key = it.key.as_ref().map(|key| format!("={key}")).unwrap_or_default();
            let data = it.data.to_string();
            parts.extend([it.kind.as_str().to_owned(), key, at, data]);
        }
        domain::digest::hex_of_parts(parts.iter().map(String::as_bytes))
    }
}

/// Faults, by their place.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldProblem>);

impl Faults {
    pub(crate) fn add(&mut self, field: String, code: &str, message: impl Into<String>) {
        self.0.push(FieldProblem { field, code: code.to_owned(), message: message.into() });
    }

    /// Whether no more will be told, so that nobody need look for them.
    pub(crate) const fn is_full(&self) -> bool {
        self.0.len() >= FIELD_PROBLEMS_MAX
    }

    pub(crate) fn finish(mut self) -> Answer<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.truncate(FIELD_PROBLEMS_MAX);
        Err(Problem::invalid(self.0).into())
    }
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// Reads a request's body.
pub(crate) fn read(body: &[u8]) -> Answer<AllGiven<'_>> {
    let mut fields: Fields<'_> = read_json(body)?;
    let mut faults = Faults::default();
    let Some(list) = fields.remove("events") else {
        let event = Reader { faults: &mut faults, place: String::new() }.event(&fields);
        faults.finish()?;
        return Ok(AllGiven { events: event.into_iter().collect(), is_list: false });
    };
    for name in fields.keys() {
        faults.add(name.clone(), "conflict", "give either one event or a list of `events`, not both");
    }
    let list: Vec<&RawValue> = if let Ok(list) = serde_json::from_str(list.get()) {
        list
    } else {
        faults.add("events".to_owned(), "invalid", "must be an array");
        Vec::new()
    };
    match list.len() {
        0 => faults.add("events".to_owned(), "required", "give at least one event"),
        1..=EVENTS_MAX => {}
        count => {
            let message = format!("{count} events are too many; send at most {EVENTS_MAX} a request");
            faults.add("events".to_owned(), "too_many", message);
        }
    }
    let mut events = Vec::with_capacity(list.len().min(EVENTS_MAX));
    for (number, event) in list.into_iter().enumerate().take(EVENTS_MAX) {
        let place = format!("events[{number}]");
        match serde_json::from_str::<Fields<'_>>(event.get()) {
            Ok(fields) => {
                events.extend(Reader { faults: &mut faults, place: format!("{place}.") }.event(&fields));
            }
            Err(_) => faults.add(place, "invalid", "must be an object"),
        }
    }
    faults.finish()?;
    Ok(AllGiven { events, is_list: true })
}

struct Reader<'f> {
    faults: &'f mut Faults,
    /// What the names of fields begin with.
    place: String,
}

impl Reader<'_> {
    /// An event; with a fault, it need not be one.
    fn event<'a>(&mut self, fields: &Fields<'a>) -> Option<Given<'a>> {
        for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            self.fault(name, "unknown", format!("is not known here; expected one of {}", FIELDS.join(", ")));
        }
        let kind = self.text(fields, "type").and_then(|text| match text.parse::<EventType>() {
            Ok(kind) => Some(kind),
            Err(error) => {
                self.fault("type", "invalid", error.to_string());
                None
            }
        });
        if !fields.contains_key("type") {
            self.fault("type", "required", "must be given");
        }
        let key = self.text(fields, "key");
        if key.as_ref().is_some_and(|key| key.is_empty() || key.chars().count() > KEY_MAX_CHARS) {
            self.fault("key", "invalid", format!("must be 1 to {KEY_MAX_CHARS} characters"));
        }
        let at = self.text(fields, "timestamp").and_then(|text| {
            let at = Timestamp::parse(&text);
            if at.is_none() {
                self.fault("timestamp", "invalid", "must be a moment such as 2026-01-31T09:30:00Z (RFC 3339)");
            }
            at
        });
        let (text, data) = self.data(fields)?;
        Some(Given { kind: kind?, key, at, text, data })
    }

    fn data<'a>(&mut self, fields: &Fields<'a>) -> Option<(&'a str, Value)> {
        let Some(text) = fields.get("data").map(|it| it.get()).filter(|text| *text != "null") else {
            self.fault("data", "required", "must be given: any JSON but null");
            return None;
        };
        if text.len() > DATA_MAX_BYTES {
            let message = format!("is {} bytes long; at most {DATA_MAX_BYTES} are taken", text.len());
            self.fault("data", "too_large", message);
            return None;
        }
        match serde_json::from_str(text) {
            Ok(data) => Some((text, data)),
            Err(error) => {
                // The rules of JSON are kept, or it had not come so far: it is too deep, or no text.
                let what = error.to_string();
                let what = what.split(" at line ").next().unwrap_or_default();
                self.fault("data", "invalid", format!("cannot be read: {what}"));
                None
            }
        }
    }

    fn text(&mut self, fields: &Fields<'_>, name: &str) -> Option<String> {
        let found = Option::<String>::deserialize(*fields.get(name)?);
        if found.is_err() {
            self.fault(name, "invalid", "must be a text");
        }
        found.ok().flatten()
    }

    fn fault(&mut self, field: &str, code: &str, message: impl Into<String>) {
        self.faults.add(format!("{}{field}", self.place), code, message);
    }
}
