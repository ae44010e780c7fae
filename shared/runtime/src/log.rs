//! Logs: JSON lines with the keys of Powertools for AWS Lambda, one line per invocation that tells what it cost, and any
//! event of `tracing` that `RUST_LOG` lets through.
//!
//! Written here rather than with `tracing-subscriber`'s formatter because a cold start pays for it: this holds no
//! registry of spans and compiles no regular expressions.

use crate::clock::SystemClock;
use domain::{ids::TenantId, time::Clock};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};
use tracing_subscriber::filter::Targets;

/// The log of one process. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    service: String,
    filter: Targets,
    invocation: Mutex<Invocation>,
    sink: Sink,
}

enum Sink {
    Stdout,
    Memory(Mutex<Vec<String>>),
}

/// What is known of the invocation that runs. Lambda gives a process one at a time.
#[derive(Default)]
struct Invocation {
    cold_start: bool,
    request_id: Option<String>,
    correlation_id: Option<String>,
    tenant_id: Option<String>,
    notes: Map<String, Value>,
    started: Option<Instant>,
    cpu_mark_us: u64,
}

#[derive(Serialize)]
struct Line<'a> {
    level: &'a str,
    timestamp: String,
    service: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cold_start: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<&'a str>,
    #[serde(flatten)]
    fields: &'a Map<String, Value>,
}

impl Log {
    /// The process's log, on standard output. Also receives `tracing` events and panics from now on.
    #[must_use]
    pub fn init(service: &str) -> Self {
        let filter = std::env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
        let log = Self::new(service, filter.unwrap_or_else(|| Targets::new().with_default(Level::INFO)), Sink::Stdout);
        // Fails only where a test has set a subscriber before.
        let _ = tracing::subscriber::set_global_default(JsonLines(log.clone()));
        std::panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string);
            tracing::error!(at, "panicked: {}", panic.payload_as_str().unwrap_or("no message"));
        }));
        log
    }

    /// A log that keeps its lines, for tests.
    #[must_use]
    pub fn in_memory(service: &str) -> Self {
        Self::new(service, Targets::new().with_default(Level::DEBUG), Sink::Memory(Mutex::default()))
    }

    fn new(service: &str, filter: Targets, sink: Sink) -> Self {
        let invocation = Invocation { cold_start: true, ..Invocation::default() };
        Self(Arc::new(Inner { service: service.to_owned(), filter, invocation: Mutex::new(invocation), sink }))
    }

    /// The lines kept so far; empty for a log on standard output.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        match &self.0.sink {
            Sink::Stdout => Vec::new(),
            Sink::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// A subscriber that writes `tracing` events into this log.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + use<> {
        JsonLines(self.clone())
    }

    /// Marks the end of the process's start.
    pub(crate) fn started(&self) {
        let mut invocation = self.invocation();
        let cpu_us = process_cpu_us();
        invocation.cpu_mark_us = cpu_us;
        invocation.notes.insert("init_cpu_us".into(), cpu_us.into());
    }

    /// An invocation begins. `correlation_id` is the caller's name for the request, where there is one.
    pub(crate) fn begin(&self, request_id: &str, correlation_id: Option<&str>) {
        let mut invocation = self.invocation();
        invocation.request_id = Some(request_id.to_owned());
        invocation.correlation_id = correlation_id.map(str::to_owned);
        invocation.started = Some(Instant::now());
    }

    /// The invocation belongs to the request with this id.
    pub fn correlation(&self, id: &str) {
        self.invocation().correlation_id = Some(id.to_owned());
    }

    /// The invocation acts for this tenant.
    pub fn tenant(&self, tenant: &TenantId) {
        self.invocation().tenant_id = Some(tenant.to_string());
    }

    /// Adds a fact to the invocation's line, e.g. how many deliveries it sent.
    pub fn note(&self, name: &str, value: impl Into<Value>) {
        self.invocation().notes.insert(name.to_owned(), value.into());
    }

    /// What the invocation's line holds so far, for tests.
    #[must_use]
    pub fn noted(&self) -> Map<String, Value> {
        self.invocation().notes.clone()
    }

    /// The invocation ends: writes its line. `cpu_us` is the process's CPU time since the line before, so polling for
    /// the invocation, reading it and writing the previous line are in it.
    pub(crate) fn finish(&self, message: &str) {
        let mut invocation = self.invocation();
        let cpu_us = process_cpu_us();
        let spent_us = cpu_us.saturating_sub(invocation.cpu_mark_us);
        invocation.cpu_mark_us = cpu_us;
        invocation.notes.insert("cpu_us".into(), spent_us.into());
        let duration_ms = invocation.started.map_or(0.0, |started| started.elapsed().as_secs_f64() * 1000.0);
        invocation.notes.insert("duration_ms".into(), ((duration_ms * 10.0).round() / 10.0).into());
        self.write(Level::INFO, message, &invocation, true, &invocation.notes);
        let cpu_mark_us = invocation.cpu_mark_us;
        *invocation = Invocation { cpu_mark_us, ..Invocation::default() };
    }

    fn invocation(&self) -> MutexGuard<'_, Invocation> {
        self.0.invocation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, level: Level, message: &str, of: &Invocation, whole: bool, fields: &Map<String, Value>) {
        let line = Line {
            level: level.as_str(),
            timestamp: SystemClock.now().to_rfc3339(),
            service: &self.0.service,
            message,
            cold_start: whole.then_some(of.cold_start),
            function_request_id: of.request_id.as_deref(),
            correlation_id: of.correlation_id.as_deref(),
            tenant_id: of.tenant_id.as_deref(),
            fields,
        };
        let Ok(mut text) = serde_json::to_string(&line) else { return };
        match &self.0.sink {
            Sink::Stdout => {
                text.push('\n');
                // Nobody could be told that the log cannot be written.
                let _ = std::io::stdout().lock().write_all(text.as_bytes());
            }
            Sink::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(text),
        }
    }
}

fn process_cpu_us() -> u64 {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(spent.tv_sec * 1_000_000 + spent.tv_nsec / 1_000).unwrap_or_default()
}

struct JsonLines(Log);

impl Subscriber for JsonLines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && self.0.0.filter.would_enable(metadata.target(), metadata.level())
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let message = fields.message.unwrap_or_default();
        fields.rest.insert("target".into(), event.metadata().target().into());
        let invocation = self.0.invocation();
        self.0.write(*event.metadata().level(), &message, &invocation, false, &fields.rest);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[derive(Default)]
struct Fields {
    message: Option<String>,
    rest: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        self.rest.insert(field.name().to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = Some(text) } else { self.put(field, text.into()) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" { self.message = Some(value.to_owned()) } else { self.put(field, value.into()) }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(log: &Log) -> Vec<Value> {
        log.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn an_invocation_leaves_one_line_with_what_it_cost() {
        let log = Log::in_memory("keys");
        log.started();
        log.begin("r-1", Some("c-1"));
        log.tenant(&"acme".parse().unwrap());
        log.note("sent", 3);
        log.finish("done");
        log.begin("r-2", None);
        log.finish("done");
        let lines = parsed(&log);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0]["service"], "keys");
        assert_eq!(lines[0]["cold_start"], true);
        assert_eq!(lines[0]["function_request_id"], "r-1");
        assert_eq!(lines[0]["correlation_id"], "c-1");
        assert_eq!(lines[0]["tenant_id"], "acme");
        assert_eq!(lines[0]["sent"], 3);
        assert!(lines[0]["init_cpu_us"].is_u64() && lines[0]["cpu_us"].is_u64() && lines[0]["duration_ms"].is_f64());
        assert_eq!(lines[1]["cold_start"], false);
        assert!(lines[1]["tenant_id"].is_null() && lines[1]["sent"].is_null(), "nothing stays from the one before");
    }

    #[test]
    fn events_carry_their_fields_and_the_invocation() {
        let log = Log::in_memory("keys");
        log.begin("r-1", None);
        tracing::subscriber::with_default(log.subscriber(), || {
            tracing::warn!(attempt = 2_u64, kind = "throttled", "could not {}", "send");
            tracing::trace!("not let through");
        });
        let lines = parsed(&log);
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["message"], "could not send");
        assert_eq!((&lines[0]["attempt"], &lines[0]["kind"]), (&2.into(), &"throttled".into()));
        assert_eq!((&lines[0]["level"], &lines[0]["function_request_id"]), (&"WARN".into(), &"r-1".into()));
    }
}
