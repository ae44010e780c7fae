//! What Postmark's answers mean. The only place that knows its error codes.
//!
//! Every answer is `{"ErrorCode", "Message", ...}`: 200 with 0 and a `MessageID`, 422 with a code for a message that is
//! refused, 401 with code 10 for a token that is refused, 503 with code 100 for maintenance ("Overview", HTTP response
//! codes and API error codes). A refusal that is not such JSON comes from the network in front of Postmark ("Getting a
//! 403 that doesn't look like a Postmark error?").

use crate::exchange::{gateway, quoted, read};
use domain::failure::{Failure, FailureKind, shorten};
use http::StatusCode;
use reqwest::Response;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest answer that is read; a server's settings are about 1 KB.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const LATER: FailureKind = FailureKind::Transient { after_ms: None };

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    error_code: u32,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(borrow, default, rename = "MessageID")]
    message_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    /// `Live`, or `Sandbox` for a server whose messages reach nobody.
    #[serde(borrow, default)]
    delivery_type: Option<Cow<'a, str>>,
}

/// The answer to a message: Postmark's id for it.
pub(super) async fn accepted(response: Response) -> Result<Option<String>, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    sent(status, after_ms, &body)
}

fn sent(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Result<Option<String>, Failure> {
    match serde_json::from_slice::<Answer<'_>>(body) {
        Ok(answer) if status.is_success() && answer.error_code == 0 => Ok(answer.message_id.map(|id| shorten(&id))),
        // A success that cannot be read may well have been one.
        Err(_) if status.is_success() => {
            Err(Failure::new(FailureKind::Unknown, "provider_protocol", &quoted(status, body)))
        }
        _ => Err(refused(status, after_ms, body)),
    }
}

/// The answer to `GET /server`: the server's name, and whether it delivers.
pub(super) async fn server(response: Response) -> Result<String, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    if !status.is_success() {
        return Err(refused(status, after_ms, &body));
    }
    let Ok(Server { name, delivery_type }) = serde_json::from_slice(&body) else {
        return Err(Failure::new(LATER, "provider_protocol", &quoted(status, &body)));
    };
    let kind = delivery_type.map(|kind| format!(" ({kind})")).unwrap_or_default();
    Ok(shorten(&format!("server {name}{kind}")))
}

fn refused(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(body) else {
        let (kind, code) = match status.as_u16() {
            401 => (FailureKind::Unauthorized, "postmark_token_refused"),
            413 => (FailureKind::Permanent, "postmark_message_refused"),
            _ => (LATER, "provider_protocol"),
        };
        return Failure::new(kind, code, &quoted(status, body));
    };
    let (kind, code) = match answer.error_code {
        10 => (FailureKind::Unauthorized, "postmark_token_refused"),
        100 => (LATER, "provider_error"),
        // Sender signature not found, not confirmed: an admin mends it, and the same message goes through.
        400 | 401 => (FailureKind::Unauthorized, "postmark_sender_refused"),
        // Not allowed to send (out of credits), account pending approval, account may not send: so does the account's
        // owner. A pending account may already write to its own domain, so this is never about the whole channel.
        405 | 412 | 413 => (LATER, "postmark_account_restricted"),
        406 => (FailureKind::Permanent, "postmark_recipient_inactive"),
        429 => (FailureKind::Throttled { after_ms }, "rate_limited"),
        // The family about message streams: unknown, archived, or not for sending.
        1200..1300 => (LATER, "postmark_stream_refused"),
        _ if status == StatusCode::UNAUTHORIZED => (FailureKind::Unauthorized, "postmark_token_refused"),
        // 300 invalid request, 402 and 403 JSON, 409, 411, and what is not listed: about the message, as most are.
        _ => (FailureKind::Permanent, "postmark_message_refused"),
    };
    Failure::new(kind, code, &format!("{} {}", answer.error_code, answer.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Failure {
        sent(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()).unwrap_err()
    }

    #[test]
    fn error_codes_are_told_apart() {
        use FailureKind::{Permanent, Throttled, Unauthorized};
        for (status, error, kind, code) in [
            (401, 10, Unauthorized, "postmark_token_refused"),
            (422, 300, Permanent, "postmark_message_refused"),
            (422, 400, Unauthorized, "postmark_sender_refused"),
            (422, 401, Unauthorized, "postmark_sender_refused"),
            (422, 402, Permanent, "postmark_message_refused"),
            (422, 403, Permanent, "postmark_message_refused"),
            (422, 405, LATER, "postmark_account_restricted"),
            (422, 406, Permanent, "postmark_recipient_inactive"),
            (422, 409, Permanent, "postmark_message_refused"),
            (422, 412, LATER, "postmark_account_restricted"),
            (422, 413, LATER, "postmark_account_restricted"),
            (422, 429, Throttled { after_ms: None }, "rate_limited"),
            (422, 1235, LATER, "postmark_stream_refused"),
            (422, 9999, Permanent, "postmark_message_refused"),
            (200, 406, Permanent, "postmark_recipient_inactive"),
        ] {
            let failure = refusal(status, &format!(r#"{{"ErrorCode":{error},"Message":"It's so.\nReally"}}"#));
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {error}");
            assert_eq!(failure.detail, format!("{error} It's so. Really"));
        }
    }

    #[test]
    fn statuses_that_say_enough_need_no_code() {
        use FailureKind::{Permanent, Throttled, Unauthorized, Unknown};
        for (status, body, kind, code) in [
            (200, "<html>", Unknown, "provider_protocol"),
            (302, "", LATER, "provider_protocol"),
            (401, "", Unauthorized, "postmark_token_refused"),
            (403, "<html>", LATER, "provider_protocol"),
            (413, "", Permanent, "postmark_message_refused"),
            (429, "slow down", Throttled { after_ms: None }, "rate_limited"),
            (500, r#"{"ErrorCode":0,"Message":"x"}"#, LATER, "provider_error"),
            (503, r#"{"ErrorCode":100,"Message":"Maintenance"}"#, LATER, "provider_error"),
        ] {
            let failure = refusal(status, body);
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {body}");
        }
    }

    #[test]
    fn the_id_of_a_message_is_kept() {
        let body = r#"{"To":"sara@example.org","SubmittedAt":"2026-11-20T12:00:00Z","MessageID":"b7bc2f4a","ErrorCode":0,"Message":"OK"}"#;
        assert_eq!(sent(StatusCode::OK, None, body.as_bytes()), Ok(Some("b7bc2f4a".to_owned())));
    }
}
