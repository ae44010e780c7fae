//! What Slack accepts, and what it says to the rest.

use serde_json::Value;
use std::borrow::Cow;

/// The arguments of `chat.postMessage`.
const ARGUMENTS: [&str; 17] = [
    "as_user",
    "attachments",
    "blocks",
    "channel",
    "icon_emoji",
    "icon_url",
    "link_names",
    "markdown_text",
    "metadata",
    "mrkdwn",
    "parse",
    "reply_broadcast",
    "text",
    "thread_ts",
    "unfurl_links",
    "unfurl_media",
    "username",
];
/// The fields of an incoming webhook's message.
const WEBHOOK_FIELDS: [&str; 9] = [
    "attachments",
    "blocks",
    "delete_original",
    "mrkdwn",
    "replace_original",
    "response_type",
    "text",
    "thread_ts",
    "unfurl_links",
];
const TEXT_MAX_CHARS: usize = 40_000;
const BLOCKS_MAX: usize = 50;
const SECTION_MAX_CHARS: usize = 3_000;
const BUTTON_MAX_CHARS: usize = 75;
const URL_MAX_CHARS: usize = 3_000;

/// An error of the Web API: its code and, for some, what exactly is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) error: Cow<'static, str>,
    pub(super) messages: Vec<String>,
}

impl From<&'static str> for Refused {
    fn from(error: &'static str) -> Self {
        Self { error: Cow::Borrowed(error), messages: Vec::new() }
    }
}

fn refused(error: &'static str, message: impl Into<String>) -> Refused {
    Refused { error: Cow::Borrowed(error), messages: vec![format!("[ERROR] {}", message.into())] }
}

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Good,
    WithoutScope,
}

/// Reads the `Authorization` header.
pub(super) fn token(header: Option<&str>) -> Result<Token, &'static str> {
    let token = header.ok_or("not_authed")?.strip_prefix("Bearer ").ok_or("invalid_auth")?;
    match token {
        token if token.starts_with("xoxb-good") => Ok(Token::Good),
        token if token.starts_with("xoxb-noscope") => Ok(Token::WithoutScope),
        token if token.starts_with("xoxb-revoked") => Err("token_revoked"),
        _ => Err("invalid_auth"),
    }
}

/// Whether the content type is JSON in UTF-8.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    let Some(content_type) = content_type else { return false };
    let mut parts = content_type.split(';').map(str::trim);
    parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
        && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// Checks the arguments of `chat.postMessage`. Answers the channel.
pub(super) fn check_post(body: &Value) -> Result<&str, Refused> {
    let arguments = body.as_object().ok_or("invalid_json")?;
    if let Some(unknown) = arguments.keys().find(|name| !ARGUMENTS.contains(&name.as_str())) {
        return Err(refused("invalid_arg_name", format!("no such argument: {unknown}")));
    }
    let channel = arguments.get("channel").and_then(Value::as_str);
    let channel = channel.ok_or_else(|| refused("invalid_arguments", "missing required field: channel"))?;
    if channel.is_empty() || channel.chars().any(|c| !c.is_ascii_alphanumeric() && !matches!(c, '#' | '-' | '_')) {
        return Err("channel_not_found".into());
    }
    check_content(body)?;
    if let Some(metadata) = arguments.get("metadata") {
        let named = metadata.get("event_type").is_some_and(Value::is_string);
        if !named || !metadata.get("event_payload").is_some_and(Value::is_object) {
            return Err("invalid_metadata_format".into());
        }
    }
    Ok(channel)
}

/// Checks the message of an incoming webhook.
pub(super) fn check_webhook(body: &Value) -> Result<(), Refused> {
    let fields = body.as_object().ok_or("invalid_payload")?;
    if let Some(unknown) = fields.keys().find(|name| !WEBHOOK_FIELDS.contains(&name.as_str())) {
        return Err(refused("invalid_payload", format!("no such field: {unknown}")));
    }
    check_content(body)
}

fn check_content(body: &Value) -> Result<(), Refused> {
    let text = match body.get("text") {
        None => "",
        Some(Value::String(text)) => text,
        Some(_) => return Err(refused("invalid_arguments", "text must be a string")),
    };
    if text.chars().count() > TEXT_MAX_CHARS {
        return Err("msg_too_long".into());
    }
    match body.get("blocks") {
        None if text.trim().is_empty() => Err("no_text".into()),
        None => Ok(()),
        Some(Value::Array(blocks)) if (1..=BLOCKS_MAX).contains(&blocks.len()) => {
            blocks.iter().enumerate().try_for_each(|(at, block)| {
                check_block(block).map_err(|why| refused("invalid_blocks", format!("{why} [/blocks/{at}]")))
            })
        }
        Some(_) => Err(refused("invalid_blocks", "blocks must be an array of 1 to 50")),
    }
}

fn check_block(block: &Value) -> Result<(), String> {
    match block.get("type").and_then(Value::as_str) {
        Some("divider") => Ok(()),
        Some("header") => check_text(block.get("text"), &["plain_text"], 150),
        Some("section") => check_text(block.get("text"), &["plain_text", "mrkdwn"], SECTION_MAX_CHARS),
        Some("actions") => {
            let elements = block.get("elements").and_then(Value::as_array).ok_or("missing required field: elements")?;
            if !(1..=25).contains(&elements.len()) {
                return Err("elements must be 1 to 25".to_owned());
            }
            elements.iter().try_for_each(check_button)
        }
        Some(other) => Err(format!("the double knows no block {other}")),
        None => Err("missing required field: type".to_owned()),
    }
}

fn check_button(button: &Value) -> Result<(), String> {
    if button.get("type").and_then(Value::as_str) != Some("button") {
        return Err("the double knows only the element button".to_owned());
    }
    check_text(button.get("text"), &["plain_text"], BUTTON_MAX_CHARS)?;
    let Some(url) = button.get("url") else { return Ok(()) };
    let url = url.as_str().ok_or("url must be a string")?;
    let web = url.starts_with("https://") || url.starts_with("http://");
    if !web || url.chars().count() > URL_MAX_CHARS || url.contains(char::is_whitespace) {
        return Err("url must be a valid URL of at most 3000 characters".to_owned());
    }
    Ok(())
}

fn check_text(text: Option<&Value>, kinds: &[&str], longest: usize) -> Result<(), String> {
    let text = text.ok_or("missing required field: text")?;
    if !text.get("type").and_then(Value::as_str).is_some_and(|kind| kinds.contains(&kind)) {
        return Err(format!("text must be of type {}", kinds.join(" or ")));
    }
    let words = text.get("text").and_then(Value::as_str).unwrap_or_default();
    match words.chars().count() {
        0 => Err("must be more than 0 characters".to_owned()),
        length if length > longest => Err(format!("must be less than {} characters", longest + 1)),
        _ => Ok(()),
    }
}

/// What a channel does, by its id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Accept,
    /// Answers 429 with these seconds to the first call.
    LimitOnce(u64),
    /// Answers 500 to the first call.
    FailOnce,
    Down,
    Hang,
    /// Refuses with the Web API's error, or the webhook's status and text.
    Refuse(&'static str, (u16, &'static str)),
}

pub(super) fn behaviour(channel: &str) -> Behaviour {
    if let Some((_, tail)) = channel.split_once("RATE") {
        let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
        return Behaviour::LimitOnce(digits.parse().unwrap_or(1));
    }
    let known = [
        ("NOTFOUND", Behaviour::Refuse("channel_not_found", (404, "no_service"))),
        ("NOTIN", Behaviour::Refuse("not_in_channel", (404, "channel_not_found"))),
        ("ARCHIVED", Behaviour::Refuse("is_archived", (410, "channel_is_archived"))),
        ("RESTRICTED", Behaviour::Refuse("restricted_action", (403, "action_prohibited"))),
        ("FLAKY", Behaviour::FailOnce),
        ("DOWN", Behaviour::Down),
        ("HANG", Behaviour::Hang),
    ];
    known.into_iter().find(|(word, _)| channel.contains(word)).map_or(Behaviour::Accept, |(_, behaviour)| behaviour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_channel_chooses() {
        assert_eq!(behaviour("C0RATE30"), Behaviour::LimitOnce(30));
        assert_eq!(behaviour("C0123"), Behaviour::Accept);
        assert_eq!(behaviour("C0HANG"), Behaviour::Hang);
    }

    #[test]
    fn malformed_messages_are_refused() {
        let long = "x".repeat(3_001);
        for (body, error) in [
            (json!([]), "invalid_json"),
            (json!({"text": "x"}), "invalid_arguments"),
            (json!({"channel": "C1", "txt": "x"}), "invalid_arg_name"),
            (json!({"channel": "C1"}), "no_text"),
            (json!({"channel": "C1", "text": "x".repeat(40_001)}), "msg_too_long"),
            (json!({"channel": "C1", "text": "x", "blocks": []}), "invalid_blocks"),
            (
                json!({"channel": "C1", "text": "x", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": long}}]}),
                "invalid_blocks",
            ),
            (
                json!({"channel": "C1", "text": "x", "blocks": [{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x"}, "url": "javascript:1"}]}]}),
                "invalid_blocks",
            ),
            (json!({"channel": "C1", "text": "x", "metadata": {}}), "invalid_metadata_format"),
        ] {
            assert_eq!(check_post(&body).unwrap_err().error, error, "{body}");
        }
        assert_eq!(check_post(&json!({"channel": "C1", "text": "x"})), Ok("C1"));
    }

    #[test]
    fn only_json_in_utf8_is_taken() {
        assert!(is_json(Some("application/json; charset=utf-8")) && is_json(Some("application/json")));
        assert!(!is_json(None) && !is_json(Some("text/plain")) && !is_json(Some("application/json; charset=latin1")));
    }
}
