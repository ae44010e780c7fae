//! What `SendGrid` accepts, and what it says to the rest.

use super::{Call, is_address, is_json, local_part};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

/// The fields of a message ("Mail Send", request body).
const FIELDS: [&str; 18] = [
    "asm",
    "attachments",
    "batch_id",
    "categories",
    "content",
    "custom_args",
    "from",
    "headers",
    "ip_pool_name",
    "mail_settings",
    "personalizations",
    "reply_to",
    "reply_to_list",
    "sections",
    "send_at",
    "subject",
    "template_id",
    "tracking_settings",
];
/// Headers that a message may not set ("Mail Send", `headers`).
const RESERVED: [&str; 11] = [
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
];
/// "Mail Send", `custom_args`.
const CUSTOM_ARGS_MAX_BYTES: usize = 10_000;

pub(super) type Refused = (StatusCode, Value);

pub(super) fn error(status: u16, message: &str, field: Option<&str>) -> Refused {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    (status, json!({"errors": [{"message": message, "field": field, "help": null}]}))
}

/// What a key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Good,
    WithActivity,
    WithoutScope,
    OutOfCredits,
    Blocked,
}

pub(super) fn key(headers: &HeaderMap) -> Result<Key, Refused> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !text(header::ACCEPT).is_some_and(|kinds| kinds.contains("application/json") || kinds.contains("*/*")) {
        return Err(error(406, "Missing Accept header. For example: Accept: application/json", None));
    }
    let key = text(header::AUTHORIZATION).and_then(|header| header.strip_prefix("Bearer "));
    match key.ok_or_else(|| error(401, "authorization required", None))? {
        key if key.starts_with("SG.good") => Ok(Key::Good),
        key if key.starts_with("SG.activity") => Ok(Key::WithActivity),
        key if key.starts_with("SG.noscope") => Ok(Key::WithoutScope),
        key if key.starts_with("SG.credits") => Ok(Key::OutOfCredits),
        key if key.starts_with("SG.blocked") => Ok(Key::Blocked),
        key if key.starts_with("SG.residency") => {
            Err(error(451, "unavailable due to data residency restrictions", None))
        }
        _ => Err(error(401, "The provided authorization grant is invalid, expired, or revoked", None)),
    }
}

/// Checks a search of the Email Activity feed ("Filter all messages") and names the delivery that it looks for.
pub(super) fn activity<'a>(headers: &HeaderMap, asked: &'a [(String, String)]) -> Result<&'a str, Refused> {
    if key(headers)? != Key::WithActivity {
        return Err(error(403, "access forbidden", None));
    }
    let fault = |message: &str, field| error(400, message, Some(field));
    let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if let Some((unknown, _)) = asked.iter().find(|(name, _)| name != "limit" && name != "query") {
        return Err(fault("there is no such parameter", unknown));
    }
    if !value("limit").and_then(|limit| limit.parse().ok()).is_some_and(|limit: u32| (1..=1_000).contains(&limit)) {
        return Err(fault("limit must be from 1 to 1000", "limit"));
    }
    let query = value("query").and_then(|query| query.strip_prefix("(unique_args['trunkline_delivery']=\""));
    let delivery = query.and_then(|query| query.strip_suffix("\")"));
    delivery.filter(|delivery| !delivery.contains('"')).ok_or_else(|| fault("the query cannot be read", "query"))
}

/// A message as the feed shows it.
pub(super) fn in_feed(call: &Call) -> Value {
    let id = call.message_id.as_deref().unwrap_or_default();
    json!({
        "from_email": call.body["from"]["email"], "msg_id": format!("{id}.recvd-7c4f-1"), "subject": call.body["subject"],
        "to_email": call.recipient, "status": "processed", "opens_count": 0, "clicks_count": 0,
        "last_event_time": "2026-11-20T12:00:00Z"
    })
}

/// Checks a message together with who sends it.
pub(super) fn check(headers: &HeaderMap, body: &Value) -> Result<(), Refused> {
    let key = key(headers)?;
    if !is_json(headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok())) {
        return Err(error(415, "Content-Type should be application/json.", None));
    }
    match key {
        Key::Good | Key::WithActivity => {}
        Key::WithoutScope => return Err(error(403, "access forbidden", None)),
        Key::OutOfCredits => return Err(error(401, "Maximum credits exceeded", None)),
        Key::Blocked => {
            let words = "You are temporarily blocked from sending emails due to repeated bad requests.";
            return Err(error(403, words, None));
        }
    }
    check_message(body).map_err(|(message, field)| error(400, &message, Some(&field)))?;
    if matches!(local_part(text(&body["from"], "email")), "unverified" | "unconfirmed") {
        let words = "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.";
        return Err(error(403, words, Some("from")));
    }
    Ok(())
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Refuses what is not in `known`, so that a misspelt field shows.
fn only(value: &Value, known: &[&str], field: &str) -> Result<(), (String, String)> {
    let object = value.as_object().ok_or_else(|| (format!("{field} must be an object"), field.to_owned()))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(("Additional property is not allowed".to_owned(), format!("{field}.{unknown}"))),
        None => Ok(()),
    }
}

fn person(value: &Value, field: &str) -> Result<(), (String, String)> {
    only(value, &["email", "name"], field)?;
    let field = format!("{field}.email");
    if !is_address(text(value, "email")) {
        return Err(("Does not contain a valid address.".to_owned(), field));
    }
    if value.get("name").is_some_and(|name| !name.is_string()) {
        return Err(("The name must be a string.".to_owned(), field));
    }
    Ok(())
}

fn check_message(body: &Value) -> Result<(), (String, String)> {
    let fault = |message: &str, field: &str| Err((message.to_owned(), field.to_owned()));
    only(body, &FIELDS, "body")?;
    let envelopes = body["personalizations"].as_array().map_or(&[][..], Vec::as_slice);
    if !(1..=1_000).contains(&envelopes.len()) {
        return fault(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        );
    }
    for (at, envelope) in envelopes.iter().enumerate() {
        only(envelope, &["to", "cc", "bcc", "subject", "headers", "custom_args", "send_at"], "personalizations")?;
        let to = envelope["to"].as_array().map_or(&[][..], Vec::as_slice);
        if to.is_empty() {
            return fault(
                "The to array is required for all personalization objects.",
                &format!("personalizations.{at}.to"),
            );
        }
        for (number, to) in to.iter().enumerate() {
            person(to, &format!("personalizations.{at}.to.{number}"))?;
        }
    }
    person(&body["from"], "from")?;
    if body.get("reply_to").is_some() {
        person(&body["reply_to"], "reply_to")?;
    }
    if text(body, "subject").is_empty() {
        return fault("The subject is required.", "subject");
    }
    check_content(&body["content"])?;
    check_strings(body.get("headers"), "headers")?;
    check_strings(body.get("custom_args"), "custom_args")?;
    let headers = body.get("headers").and_then(Value::as_object);
    let mut names = headers.into_iter().flat_map(|headers| headers.keys());
    if names.any(|name| RESERVED.contains(&name.to_lowercase().as_str())) {
        return fault("The headers contain a reserved header.", "headers");
    }
    if body.get("custom_args").is_some_and(|arguments| arguments.to_string().len() > CUSTOM_ARGS_MAX_BYTES) {
        return fault("The custom arguments are larger than 10000 bytes.", "custom_args");
    }
    check_switches(body.get("tracking_settings"), "tracking_settings", &["click_tracking", "open_tracking"])?;
    check_switches(body.get("mail_settings"), "mail_settings", &["sandbox_mode"])
}

fn check_content(content: &Value) -> Result<(), (String, String)> {
    let fault = |message: &str, field: &str| Err((message.to_owned(), field.to_owned()));
    let parts = content.as_array().map_or(&[][..], Vec::as_slice);
    if parts.is_empty() {
        return fault("Unless a valid template_id is provided, the content parameter is required.", "content");
    }
    for (at, part) in parts.iter().enumerate() {
        let field = format!("content.{at}");
        only(part, &["type", "value"], &field)?;
        if text(part, "value").is_empty() {
            return fault("The content value must be a string at least one character in length.", &field);
        }
    }
    let kinds: Vec<_> = parts.iter().map(|part| text(part, "type")).collect();
    if !matches!(kinds.as_slice(), ["text/plain" | "text/html"] | ["text/plain", "text/html"]) {
        return fault("If present, text/plain must be first, followed by text/html.", "content");
    }
    Ok(())
}

fn check_strings(value: Option<&Value>, field: &str) -> Result<(), (String, String)> {
    match value {
        None => Ok(()),
        Some(Value::Object(map)) if map.values().all(Value::is_string) => Ok(()),
        Some(_) => Err((format!("The {field} must be an object of strings."), field.to_owned())),
    }
}

fn check_switches(value: Option<&Value>, field: &str, known: &[&str]) -> Result<(), (String, String)> {
    let Some(value) = value else { return Ok(()) };
    only(value, known, field)?;
    for (name, switch) in value.as_object().into_iter().flatten() {
        let field = format!("{field}.{name}");
        only(switch, &["enable", "enable_text"], &field)?;
        if !switch
            .as_object()
            .is_some_and(|switch| switch.contains_key("enable") && switch.values().all(Value::is_boolean))
        {
            return Err(("The enable param should be a boolean.".to_owned(), field));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Value {
        json!({
            "personalizations": [{"to": [{"email": "sara@example.org"}]}],
            "from": {"email": "news@example.com", "name": "أكمي"},
            "subject": "Hi",
            "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi"}]
        })
    }

    #[test]
    fn malformed_messages_are_refused_with_the_field_named() {
        assert_eq!(check_message(&message()), Ok(()));
        for (at, value, field) in [
            ("/personalizations", json!([]), "personalizations"),
            ("/personalizations/0", json!({}), "personalizations.0.to"),
            ("/personalizations/0/to/0/email", json!("x@y@z"), "personalizations.0.to.0.email"),
            ("/from", json!("news@example.com"), "from"),
            ("/subject", json!(""), "subject"),
            ("/content/0/value", json!(""), "content.0"),
            ("/content/0/type", json!("text/html"), "content"),
        ] {
            let mut body = message();
            *body.pointer_mut(at).unwrap() = value;
            assert_eq!(check_message(&body).unwrap_err().1, field);
        }
        for (name, value, field) in [
            ("subjct", json!("x"), "body.subjct"),
            ("custom_args", json!({"number": 1}), "custom_args"),
            ("headers", json!({"Reply-To": "x@y.z"}), "headers"),
            ("tracking_settings", json!({"open_tracking": {"enable": "yes"}}), "tracking_settings.open_tracking"),
            ("mail_settings", json!({"sandbox": {"enable": true}}), "mail_settings.sandbox"),
        ] {
            let mut body = message();
            body[name] = value;
            assert_eq!(check_message(&body).unwrap_err().1, field);
        }
    }
}
