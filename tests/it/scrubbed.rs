//! Answers without what differs from run to run, for snapshots.

use crate::tenant::Tenant;
use serde_json::Value;

/// Fields whose value is never the same.
const FLEETING: &[&str] = &[
    "request_id",
    "created_at",
    "updated_at",
    "tested_at",
    "at",
    "latency_ms",
    "evidence_age_s",
    "provider_message_id",
    "ca_certificate",
    "port",
    "hash",
    "prev",
    "time",
    "account",
    "region",
    "event_id",
    "occurred_at",
];
/// What identifiers begin with.
const IDS: &[&str] = &["int_", "dlv_", "key_"];
const ID_CHARS: usize = 26;
/// What a masked secret begins with; its last characters follow.
const MASK: &str = "••••••••";

/// The answer with each fleeting value replaced by its name in brackets.
pub(crate) fn scrubbed(tenant: &Tenant, mut answer: Value) -> Value {
    scrub(tenant, &mut answer);
    answer
}

fn scrub(tenant: &Tenant, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::Null | Value::Object(_) | Value::Array(_) => scrub(tenant, value),
                    _ if FLEETING.contains(&name.as_str()) => *value = format!("[{name}]").into(),
                    _ => scrub(tenant, value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| scrub(tenant, value)),
        Value::String(text) => *text = text_scrubbed(tenant, text),
        _ => {}
    }
}

/// The same for a text.
pub(crate) fn text_scrubbed(tenant: &Tenant, text: &str) -> String {
    if text.starts_with(MASK) {
        return MASK.to_owned();
    }
    let mut text = text.replace(&tenant.id, "[tenant]").replace(&tenant.digits, "[digits]");
    for prefix in IDS {
        let mut from = 0;
        while let Some(at) = text[from..].find(prefix).map(|at| from + at) {
            let tail = at + prefix.len();
            let end = text[tail..].find(|c: char| !c.is_ascii_alphanumeric()).map_or(text.len(), |end| tail + end);
            from = tail;
            if end - tail >= ID_CHARS {
                text.replace_range(tail..end, "[id]");
            }
        }
    }
    for port in [tenant.stack.smtp.port, tenant.stack.smtp.tls_port, tenant.stack.smtp.plain_port] {
        text = text.replace(&format!(":{port}"), ":[port]");
    }
    text
}
