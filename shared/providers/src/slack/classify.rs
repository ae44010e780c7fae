//! What Slack's answers mean. The only place that knows its error codes.
//!
//! Web API: HTTP 200 with `ok: false` and an `error`, 429 with `Retry-After`, or a gateway's 5xx. The codes are those
//! of `chat.postMessage` and `auth.test` on docs.slack.dev. Webhooks: an HTTP status and a short text.

use crate::exchange::{gateway, quoted, read};
use domain::failure::{Failure, FailureKind};
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest answer that is read. Slack repeats the message in it: 40,000 characters, some escaped.
const ANSWER_MAX_BYTES: usize = 512 * 1024;
const LATER: FailureKind = FailureKind::Transient { after_ms: None };

#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    /// The scope that is missing.
    #[serde(borrow)]
    needed: Option<Cow<'a, str>>,
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ts: Option<Cow<'a, str>>,
    #[serde(borrow)]
    team: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    response_metadata: Option<ResponseMetadata>,
}

#[derive(Deserialize)]
struct ResponseMetadata {
    /// What exactly is wrong with the blocks or arguments.
    #[serde(default)]
    messages: Vec<String>,
}

/// The answer to `chat.postMessage`: `channel:ts`, which names the message in Slack.
pub(super) async fn posted(response: Response) -> Result<Option<String>, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    let answer = web_api(status, after_ms, &body)?;
    Ok(answer.channel.zip(answer.ts).map(|(channel, ts)| format!("{channel}:{ts}")))
}

/// The answer to `auth.test`: the workspace and the bot's name.
pub(super) async fn authenticated(response: Response) -> Result<String, Failure> {
    let may_post = scopes_allow_posting(response.headers());
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    let answer = web_api(status, after_ms, &body)?;
    if !may_post {
        return Err(web_api_failure("missing_scope", "missing_scope: chat:write"));
    }
    let (team, user) = (answer.team.unwrap_or_default(), answer.user.unwrap_or_default());
    Ok(domain::failure::shorten(&format!("workspace {team}, bot {user}")))
}

/// The answer of an incoming webhook to a message. It gives no id.
pub(super) async fn hooked(response: Response) -> Result<Option<String>, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    webhook(status, after_ms, &body).map(|()| None)
}

/// The answer of an incoming webhook to an empty message: an existing one refuses it.
pub(super) async fn refused_as_empty(response: Response) -> Result<String, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    let word = String::from_utf8_lossy(&body);
    let word = word.trim();
    if status == StatusCode::BAD_REQUEST
        && matches!(word, "no_text" | "invalid_payload" | "missing_text_or_fallback_or_attachments")
    {
        return Ok(format!("the webhook exists: it refused an empty message with {word}"));
    }
    webhook(status, after_ms, &body).map(|()| "the webhook exists".to_owned())
}

/// Slack lists a token's scopes in `x-oauth-scopes`; without the header nothing is known.
fn scopes_allow_posting(headers: &HeaderMap) -> bool {
    headers.get("x-oauth-scopes").and_then(|scopes| scopes.to_str().ok()).is_none_or(|scopes| {
        scopes.split(',').any(|scope| matches!(scope.trim(), "chat:write" | "chat:write:bot" | "bot"))
    })
}

/// Sorts out an answer of the Web API.
fn web_api(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Result<Answer<'_>, Failure> {
    if let Some(failure) = gateway(status, after_ms, body) {
        return Err(failure);
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
        // A success that cannot be read may well have been one.
        let kind = if status.is_success() { FailureKind::Unknown } else { LATER };
        return Err(Failure::new(kind, "provider_protocol", &quoted(status, body)));
    };
    if answer.ok {
        return Ok(answer);
    }
    let error = answer.error.as_deref().unwrap_or("no error was named");
    let mut words = error.to_owned();
    if let Some(needed) = &answer.needed {
        words = format!("{words}: {needed}");
    }
    for message in answer.response_metadata.iter().flat_map(|metadata| &metadata.messages) {
        words = format!("{words}; {message}");
    }
    let mut failure = web_api_failure(error, &words);
    if let FailureKind::Throttled { after_ms: after } = &mut failure.kind {
        *after = after_ms;
    }
    Err(failure)
}

/// The meaning of a Web API error. An error that is not listed is one about the message, as most are.
fn web_api_failure(error: &str, words: &str) -> Failure {
    let (kind, code) = match error {
        // An admin mends these by a new token or another installation, and the same message then goes through.
        "invalid_auth"
        | "token_revoked"
        | "token_expired"
        | "account_inactive"
        | "not_authed"
        | "not_allowed_token_type"
        | "org_login_required"
        | "two_factor_setup_required"
        | "team_access_not_granted"
        | "enterprise_is_restricted"
        | "ekm_access_denied"
        | "access_denied"
        | "no_service" => (FailureKind::Unauthorized, "slack_login_refused"),
        "missing_scope" | "no_permission" => (FailureKind::Unauthorized, "slack_missing_scope"),
        "channel_not_found" | "not_in_channel" | "user_not_found" | "users_not_found" | "user_disabled"
        | "team_not_found" | "cannot_dm_bot" | "user_is_bot" => (FailureKind::Permanent, "slack_channel_not_found"),
        "is_archived"
        | "is_inactive"
        | "messages_tab_disabled"
        | "user_is_restricted"
        | "channel_type_not_supported" => (FailureKind::Permanent, "slack_channel_closed"),
        // restricted_action, restricted_action_read_only_channel, restricted_action_thread_only_channel, ...
        error if error.starts_with("restricted_action") => (FailureKind::Permanent, "slack_channel_closed"),
        // Both spellings are documented, beside the 429. message_limit_exceeded: the workspace sends too much.
        "ratelimited" | "rate_limited" | "message_limit_exceeded" | "accesslimited" => {
            (FailureKind::Throttled { after_ms: None }, "rate_limited")
        }
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" | "team_added_to_org" => {
            (LATER, "provider_error")
        }
        _ => (FailureKind::Permanent, "slack_rejected"),
    };
    Failure::new(kind, code, words)
}

/// The meaning of a webhook's answer.
fn webhook(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if status.is_success() {
        if text == "ok" {
            return Ok(());
        }
        return Err(Failure::new(FailureKind::Unknown, "provider_protocol", &quoted(status, body)));
    }
    // rollup_error is documented as a 500 of ours: it is one about the message's content.
    if let Some(failure) = gateway(status, after_ms, body).filter(|_| text != "rollup_error") {
        return Err(failure);
    }
    let (kind, code) = match text {
        "no_service" | "no_service_id" | "no_active_hooks" | "no_team" | "team_disabled" | "invalid_token" => {
            (FailureKind::Unauthorized, "slack_webhook_gone")
        }
        "channel_not_found" | "user_not_found" => (FailureKind::Permanent, "slack_channel_not_found"),
        "channel_is_archived" | "action_prohibited" | "posting_to_general_channel_denied" => {
            (FailureKind::Permanent, "slack_channel_closed")
        }
        "invalid_payload"
        | "no_text"
        | "too_many_attachments"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "rollup_error"
        | "msg_too_long" => (FailureKind::Permanent, "slack_rejected"),
        _ => match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => (FailureKind::Unauthorized, "slack_webhook_gone"),
            StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE => {
                (FailureKind::Permanent, "slack_rejected")
            }
            _ => (LATER, "provider_protocol"),
        },
    };
    Err(Failure::new(kind, code, &quoted(status, body)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(status: u16, after_ms: Option<i64>, body: &str) -> Failure {
        web_api(StatusCode::from_u16(status).unwrap(), after_ms, body.as_bytes()).err().unwrap()
    }

    fn hook(status: u16, body: &str) -> Failure {
        webhook(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn errors_that_arrive_as_http_200_are_told_apart() {
        use FailureKind::{Permanent, Throttled, Unauthorized, Unknown};
        for (error, kind, code) in [
            ("invalid_auth", Unauthorized, "slack_login_refused"),
            ("token_revoked", Unauthorized, "slack_login_refused"),
            ("missing_scope", Unauthorized, "slack_missing_scope"),
            ("channel_not_found", Permanent, "slack_channel_not_found"),
            ("not_in_channel", Permanent, "slack_channel_not_found"),
            ("is_archived", Permanent, "slack_channel_closed"),
            ("restricted_action_read_only_channel", Permanent, "slack_channel_closed"),
            ("msg_too_long", Permanent, "slack_rejected"),
            ("an_error_of_next_year", Permanent, "slack_rejected"),
            ("ratelimited", Throttled { after_ms: None }, "rate_limited"),
            ("internal_error", LATER, "provider_error"),
            ("fatal_error", LATER, "provider_error"),
        ] {
            let failure = api(200, None, &format!(r#"{{"ok":false,"error":"{error}"}}"#));
            assert_eq!((failure.kind, failure.code, failure.detail.as_str()), (kind, code, error));
        }
        assert_eq!(api(200, None, "<html>").kind, Unknown);
    }

    #[test]
    fn the_details_of_an_error_are_kept() {
        let failure = api(200, None, r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"x"}"#);
        assert_eq!(failure.detail, "missing_scope: chat:write");
        let body = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long"]}}"#;
        assert_eq!(api(200, None, body).detail, "invalid_blocks; [ERROR] too long");
    }

    #[test]
    fn too_many_requests_pause_the_channel_as_long_as_slack_says() {
        let failure = api(429, Some(30_000), r#"{"ok":false,"error":"ratelimited"}"#);
        assert_eq!((failure.kind, failure.code), (FailureKind::Throttled { after_ms: Some(30_000) }, "rate_limited"));
    }

    #[test]
    fn a_gateways_error_passes() {
        assert_eq!((api(503, None, "busy").kind, api(404, None, "gone").kind), (LATER, LATER));
    }

    #[test]
    fn a_webhooks_words_are_told_apart() {
        use FailureKind::{Permanent, Unauthorized};
        for (status, text, kind, code) in [
            (400, "invalid_payload", Permanent, "slack_rejected"),
            (400, "no_text", Permanent, "slack_rejected"),
            (403, "action_prohibited", Permanent, "slack_channel_closed"),
            (403, "posting_to_general_channel_denied", Permanent, "slack_channel_closed"),
            (403, "invalid_token", Unauthorized, "slack_webhook_gone"),
            (404, "channel_not_found", Permanent, "slack_channel_not_found"),
            (404, "no_service", Unauthorized, "slack_webhook_gone"),
            (404, "", Unauthorized, "slack_webhook_gone"),
            (410, "channel_is_archived", Permanent, "slack_channel_closed"),
            (410, "", Unauthorized, "slack_webhook_gone"),
            (500, "rollup_error", Permanent, "slack_rejected"),
            (500, "server_error", LATER, "provider_error"),
            (302, "", LATER, "provider_protocol"),
            (200, "<html>", FailureKind::Unknown, "provider_protocol"),
        ] {
            let failure = hook(status, text);
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {text}");
        }
        assert_eq!(webhook(StatusCode::OK, None, b"ok"), Ok(()));
    }
}
