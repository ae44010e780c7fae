//! What Postmark accepts, and what it says to the rest.

use super::{Call, is_address, is_json, local_part};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

/// The fields of a message ("Email API", body format).
const FIELDS: [&str; 16] = [
    "From",
    "To",
    "Cc",
    "Bcc",
    "Subject",
    "Tag",
    "HtmlBody",
    "TextBody",
    "ReplyTo",
    "Headers",
    "TrackOpens",
    "TrackLinks",
    "Metadata",
    "Attachments",
    "MessageStream",
    "InlineCss",
];
/// The streams of the double's server.
const STREAMS: [&str; 2] = ["outbound", "broadcast"];
/// "Custom metadata FAQ": ten fields, names of 20 and values of 80 characters.
const METADATA_MAX: (usize, usize, usize) = (10, 20, 80);

pub(super) type Refused = (StatusCode, Value);

pub(super) fn error(status: StatusCode, code: u32, message: &str) -> Refused {
    (status, json!({"ErrorCode": code, "Message": message}))
}

fn unprocessable(code: u32, message: &str) -> Refused {
    error(StatusCode::UNPROCESSABLE_ENTITY, code, message)
}

/// What a token may do: the code of its refusal when it sends, if it may not.
pub(super) fn token(headers: &HeaderMap) -> Result<Option<u32>, Refused> {
    let refused = || error(StatusCode::UNAUTHORIZED, 10, "Request does not contain a valid Server token.");
    let token = headers.get("x-postmark-server-token").and_then(|token| token.to_str().ok()).ok_or_else(refused)?;
    match token.split('-').next() {
        Some("good") => Ok(None),
        Some("credits") => Ok(Some(405)),
        Some("pending") => Ok(Some(412)),
        Some("suspended") => Ok(Some(413)),
        _ => Err(refused()),
    }
}

/// Checks an outbound message search ("Messages API") and names the delivery that it looks for.
pub(super) fn search<'a>(headers: &HeaderMap, asked: &'a [(String, String)]) -> Result<&'a str, Refused> {
    token(headers)?;
    if !is_json(headers.get(header::ACCEPT).and_then(|value| value.to_str().ok())) {
        return Err(unprocessable(409, "The HTTP request has the wrong Accept header."));
    }
    let value = |name: &str| asked.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str| value(name).and_then(|value| value.parse::<u32>().ok());
    if !number("count").is_some_and(|count| (1..=500).contains(&count)) || number("offset").is_none() {
        return Err(unprocessable(600, "You must provide 'count' and 'offset' values in querystring."));
    }
    if asked.len() != 3 {
        return Err(unprocessable(600, "The double knows count, offset and one field of the metadata."));
    }
    value("metadata_delivery").ok_or_else(|| unprocessable(600, "The double searches by metadata_delivery only."))
}

/// A message as a search shows it.
pub(super) fn in_search(call: &Call) -> Value {
    json!({
        "Tag": "", "MessageID": call.message_id, "MessageStream": call.body["MessageStream"],
        "To": [{"Email": call.recipient, "Name": null}], "Cc": [], "Bcc": [], "Recipients": [call.recipient],
        "ReceivedAt": "2026-11-20T12:00:00.0000000Z", "From": call.body["From"], "Subject": call.body["Subject"],
        "Attachments": [], "Status": "Queued", "TrackOpens": false, "TrackLinks": "None",
        "Metadata": call.body["Metadata"], "Sandboxed": false
    })
}

/// Checks a message together with who sends it.
pub(super) fn check(headers: &HeaderMap, body: &Value) -> Result<(), Refused> {
    let restricted = token(headers)?;
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if !is_json(text(header::CONTENT_TYPE)) || !is_json(text(header::ACCEPT)) {
        return Err(unprocessable(409, "The HTTP request has the wrong Accept and Content-Type headers."));
    }
    if let Some(code) = restricted {
        return Err(unprocessable(code, "Your account may not send this message."));
    }
    check_message(body).map_err(|(code, words)| unprocessable(code, &words))
}

fn check_message(body: &Value) -> Result<(), (u32, String)> {
    let fault = |code: u32, words: &str| Err((code, words.to_owned()));
    let Some(fields) = body.as_object() else { return fault(402, "Invalid JSON") };
    if let Some(unknown) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return fault(403, &format!("Unknown field {unknown}"));
    }
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
    let Some(from) = address(text("From")) else { return fault(300, "Invalid 'From' address.") };
    for name in ["To", "ReplyTo"] {
        if (name == "To" || fields.contains_key(name)) && address(text(name)).is_none() {
            return fault(300, &format!("Invalid '{name}' address: '{}'.", text(name)));
        }
    }
    if text("TextBody").is_empty() && text("HtmlBody").is_empty() {
        return fault(300, "Provide either email TextBody or HtmlBody or both.");
    }
    if fields.get("TrackOpens").is_some_and(|track| !track.is_boolean()) {
        return fault(403, "TrackOpens must be a boolean.");
    }
    if fields.contains_key("TrackLinks")
        && !["None", "HtmlAndText", "HtmlOnly", "TextOnly"].contains(&text("TrackLinks"))
    {
        return fault(403, "TrackLinks must be None, HtmlAndText, HtmlOnly or TextOnly.");
    }
    check_metadata(fields.get("Metadata"))?;
    check_headers(fields.get("Headers"))?;
    if !STREAMS.contains(&text("MessageStream")) {
        return fault(1235, "The Message Stream for the provided 'ID' was not found.");
    }
    match local_part(from) {
        "unverified" => fault(400, "The 'From' address you supplied is not a Sender Signature on your account."),
        "unconfirmed" => fault(401, "The 'From' address you supplied is not confirmed."),
        _ => Ok(()),
    }
}

/// The address of `address` or `"name" <address>`.
fn address(text: &str) -> Option<&str> {
    let bare = match text.strip_suffix('>') {
        None => text,
        Some(rest) => {
            let (name, bare) = rest.rsplit_once(" <")?;
            let quoted = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
            let plain = |name: &str| !name.contains(['"', ',', '<', '>', '@', ';', ':', '\\', '.', '(', ')']);
            let escaped = |name: &str| plain_quotes(name);
            if !quoted.map_or_else(|| plain(name), escaped) {
                return None;
            }
            bare
        }
    };
    is_address(bare).then_some(bare)
}

/// Whether quotation marks inside a quoted name are escaped.
fn plain_quotes(name: &str) -> bool {
    !name.replace("\\\\", "").replace("\\\"", "").contains(['"', '\\'])
}

fn check_metadata(metadata: Option<&Value>) -> Result<(), (u32, String)> {
    let Some(metadata) = metadata else { return Ok(()) };
    let (fields, longest_name, longest_value) = METADATA_MAX;
    let fits = |(name, value): (&String, &Value)| {
        name.len() <= longest_name && value.as_str().is_some_and(|value| value.chars().count() <= longest_value)
    };
    if metadata.as_object().is_some_and(|metadata| metadata.len() <= fields && metadata.iter().all(fits)) {
        return Ok(());
    }
    Err((300, "Metadata must be at most 10 strings, with names of 20 and values of 80 characters.".to_owned()))
}

fn check_headers(headers: Option<&Value>) -> Result<(), (u32, String)> {
    let Some(headers) = headers else { return Ok(()) };
    let header = |header: &Value| {
        let strings = ["Name", "Value"].iter().all(|name| header.get(name).is_some_and(Value::is_string));
        strings && header.as_object().is_some_and(|header| header.len() == 2)
    };
    if headers.as_array().is_some_and(|headers| headers.iter().all(header)) {
        return Ok(());
    }
    Err((403, "Headers must be a list of Name and Value.".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Value {
        json!({
            "From": "\"Acme, \\\"Inc.\\\"\" <news@example.com>", "To": "sara@example.org", "Subject": "Hi",
            "TextBody": "Hi", "MessageStream": "outbound", "Metadata": {"delivery": "x"},
            "Headers": [{"Name": "X-A", "Value": "b"}], "TrackOpens": true, "TrackLinks": "HtmlAndText"
        })
    }

    #[test]
    fn malformed_messages_are_refused() {
        assert_eq!(check_message(&message()), Ok(()));
        for (name, value, code) in [
            ("to", json!("x@y.z"), 403),
            ("From", json!("Acme, Inc. <news@example.com>"), 300),
            ("From", json!("\"Acme \"Inc\"\" <news@example.com>"), 300),
            ("To", json!("a@b.c, x@y.z"), 300),
            ("ReplyTo", json!("x"), 300),
            ("TextBody", json!(""), 300),
            ("TrackOpens", json!("true"), 403),
            ("TrackLinks", json!(true), 403),
            ("Metadata", json!({"delivery": 1}), 300),
            ("Metadata", json!({"a name of many characters": "x"}), 300),
            ("Headers", json!({"X-A": "b"}), 403),
            ("MessageStream", json!("nowhere"), 1235),
            ("From", json!("unverified@example.com"), 400),
            ("From", json!("unconfirmed@example.com"), 401),
        ] {
            let mut body = message();
            body[name] = value;
            assert_eq!(check_message(&body).unwrap_err().0, code, "{body}");
        }
    }
}
