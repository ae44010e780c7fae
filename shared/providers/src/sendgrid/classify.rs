//! What `SendGrid`'s answers mean. The only place that knows its status codes and words.
//!
//! 202 with `X-Message-Id`; every refusal has `{"errors": [{"message", "field", "help"}]}` ("Errors" and "Responses" in
//! the API reference). Some refusals share a status and differ only in their words ("4XX API Errors and
//! Troubleshooting Suggestions"): 401 is also "Maximum credits exceeded"; 403 is a sender that is not verified, a key
//! without the scope, or a block after many bad requests.

use crate::exchange::{gateway, pause_ms, quoted, read, retry_after_ms};
use domain::{
    failure::{Failure, FailureKind, shorten},
    time::Timestamp,
};
use http::{HeaderMap, StatusCode, header};
use reqwest::Response;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest answer that is read: a list of all scopes, or of all that is wrong.
const ANSWER_MAX_BYTES: usize = 128 * 1024;
const SEND_SCOPE: &str = "mail.send";
/// After a block for many bad requests. SendGrid does not say how long it lasts; more requests would not shorten it.
const BLOCKED: FailureKind = FailureKind::Throttled { after_ms: Some(60_000) };
const LATER: FailureKind = FailureKind::Transient { after_ms: None };

#[derive(Default, Deserialize)]
struct Refusal<'a> {
    #[serde(borrow)]
    errors: Vec<Fault<'a>>,
}

#[derive(Deserialize)]
struct Fault<'a> {
    #[serde(borrow)]
    message: Cow<'a, str>,
    /// The field that the message is about, where there is one.
    #[serde(borrow, default)]
    field: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Scopes<'a> {
    #[serde(borrow)]
    scopes: Vec<Cow<'a, str>>,
}

/// The answer to a message: `SendGrid`'s id for it. In sandbox mode a message that is in order is answered with 200
/// and has no id ("Sandbox Mode").
pub(super) async fn accepted(response: Response, sandbox: bool) -> Result<Option<String>, Failure> {
    let id = response.headers().get("x-message-id").and_then(|id| id.to_str().ok()).map(shorten);
    let (status, after_ms) = (response.status(), after_ms(response.headers()));
    let body = read(response, ANSWER_MAX_BYTES).await;
    match status {
        // The status alone is the promise: whatever comes of the empty body, the message is taken.
        StatusCode::ACCEPTED => Ok(id),
        StatusCode::OK if sandbox => Ok(id),
        _ => Err(refused(status, after_ms, &body?.2)),
    }
}

/// The answer to `GET /v3/scopes`.
pub(super) async fn may_send(response: Response) -> Result<String, Failure> {
    let after_ms = after_ms(response.headers());
    let (status, _, body) = read(response, ANSWER_MAX_BYTES).await?;
    if status != StatusCode::OK {
        return Err(refused(status, after_ms, &body));
    }
    let Ok(Scopes { scopes }) = serde_json::from_slice(&body) else {
        return Err(Failure::new(LATER, "provider_protocol", &quoted(status, &body)));
    };
    if scopes.iter().any(|scope| scope == SEND_SCOPE) {
        return Ok(format!("the key may send ({SEND_SCOPE} among {} scopes)", scopes.len()));
    }
    Err(Failure::new(FailureKind::Unauthorized, "sendgrid_missing_scope", "the key's scopes lack mail.send"))
}

/// How long to wait: `Retry-After` where there is one, else until `X-RateLimit-Reset`, a moment in Unix seconds ("Rate
/// limits"). The moment is measured against the answer's own `Date`, so our clock does not matter.
fn after_ms(headers: &HeaderMap) -> Option<i64> {
    retry_after_ms(headers).or_else(|| {
        let reset_s: i64 = headers.get("x-ratelimit-reset")?.to_str().ok()?.trim().parse().ok()?;
        let now = Timestamp::parse_http_date(headers.get(header::DATE)?.to_str().ok()?)?;
        Some(pause_ms(reset_s.saturating_sub(now.as_seconds())))
    })
}

fn refused(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    // Other answers show the headers of the rate limit too; only a 429 means them.
    let after_ms = after_ms.filter(|_| status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error());
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let Ok(Refusal { errors }) = serde_json::from_slice(body) else {
        return unreadable(status, body);
    };
    let lower = |fault: &Fault<'_>| fault.message.to_lowercase();
    let says = |word: &str| errors.iter().any(|fault| lower(fault).contains(word));
    let about = |part: &str| errors.iter().flat_map(|fault| &fault.field).any(|field| field.contains(part));
    let from = errors.iter().flat_map(|fault| &fault.field).any(|field| field.split('.').next() == Some("from"));
    let (kind, code) = match status.as_u16() {
        401 if says("credits") => (LATER, "sendgrid_out_of_credits"),
        400 | 403 if from || says("sender identity") => (FailureKind::Unauthorized, "sendgrid_sender_refused"),
        403 if says("blocked") => (BLOCKED, "rate_limited"),
        403 if says("access forbidden") => (FailureKind::Unauthorized, "sendgrid_missing_scope"),
        401 | 403 => (FailureKind::Unauthorized, "sendgrid_key_refused"),
        451 => (LATER, "sendgrid_wrong_region"),
        400 if about(".to.") => (FailureKind::Permanent, "sendgrid_recipient_refused"),
        400 | 413 | 415 | 422 => (FailureKind::Permanent, "sendgrid_message_refused"),
        _ => return unreadable(status, body),
    };
    Failure::new(kind, code, &words(status, &errors))
}

/// An answer that is not one of `SendGrid`'s. Some statuses say enough without words.
fn unreadable(status: StatusCode, body: &[u8]) -> Failure {
    let (kind, code) = match status.as_u16() {
        401 => (FailureKind::Unauthorized, "sendgrid_key_refused"),
        413 => (FailureKind::Permanent, "sendgrid_message_refused"),
        // A success that cannot be understood may well have been one.
        _ if status.is_success() => (FailureKind::Unknown, "provider_protocol"),
        _ => (LATER, "provider_protocol"),
    };
    Failure::new(kind, code, &quoted(status, body))
}

fn words(status: StatusCode, errors: &[Fault<'_>]) -> String {
    let mut words = format!("HTTP {}", status.as_u16());
    for Fault { message, field } in errors {
        words = match field {
            Some(field) => format!("{words} {message} ({field})"),
            None => format!("{words} {message}"),
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, message: &str, field: Option<&str>) -> Failure {
        let body = serde_json::json!({"errors": [{"message": message, "field": field, "help": null}]});
        refused(StatusCode::from_u16(status).unwrap(), None, body.to_string().as_bytes())
    }

    #[test]
    fn refusals_that_share_a_status_are_told_apart() {
        use FailureKind::{Permanent, Throttled, Unauthorized};
        for (status, message, field, kind, code) in [
            (
                400,
                "Does not contain a valid address.",
                Some("personalizations.0.to.0.email"),
                Permanent,
                "sendgrid_recipient_refused",
            ),
            (
                400,
                "The from email does not contain a valid address.",
                Some("from.email"),
                Unauthorized,
                "sendgrid_sender_refused",
            ),
            (400, "The subject is required.", Some("subject"), Permanent, "sendgrid_message_refused"),
            (400, "Bad Request", None, Permanent, "sendgrid_message_refused"),
            (
                401,
                "The provided authorization grant is invalid, expired, or revoked",
                None,
                Unauthorized,
                "sendgrid_key_refused",
            ),
            (401, "authorization required", None, Unauthorized, "sendgrid_key_refused"),
            (401, "Maximum credits exceeded", None, LATER, "sendgrid_out_of_credits"),
            (
                403,
                "The from address does not match a verified Sender Identity.",
                Some("from"),
                Unauthorized,
                "sendgrid_sender_refused",
            ),
            (403, "access forbidden", None, Unauthorized, "sendgrid_missing_scope"),
            (
                403,
                "You are temporarily blocked from sending emails due to repeated bad requests.",
                None,
                BLOCKED,
                "rate_limited",
            ),
            (403, "something new", None, Unauthorized, "sendgrid_key_refused"),
            (413, "payload too large", None, Permanent, "sendgrid_message_refused"),
            (429, "too many requests", None, Throttled { after_ms: None }, "rate_limited"),
            (451, "unavailable", None, LATER, "sendgrid_wrong_region"),
            (500, "internal error", None, LATER, "provider_error"),
            (503, "unavailable", None, LATER, "provider_error"),
            (404, "not found", None, LATER, "provider_protocol"),
        ] {
            let failure = refusal(status, message, field);
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {message}");
            assert!(failure.detail.contains(message), "{failure:?}");
        }
    }

    #[test]
    fn answers_of_somebody_else_are_told_apart() {
        for (status, kind, code) in [
            (200, FailureKind::Unknown, "provider_protocol"),
            (302, LATER, "provider_protocol"),
            (401, FailureKind::Unauthorized, "sendgrid_key_refused"),
            (403, LATER, "provider_protocol"),
            (413, FailureKind::Permanent, "sendgrid_message_refused"),
            (502, LATER, "provider_error"),
        ] {
            let failure = refused(StatusCode::from_u16(status).unwrap(), None, b"<html>");
            assert_eq!((failure.kind, failure.code), (kind, code), "{status}");
        }
    }

    #[test]
    fn the_pause_ends_when_the_limit_is_renewed_by_sendgrids_own_clock() {
        let headers = |pairs: &[(&'static str, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
        };
        let (date, reset) = (("date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("x-ratelimit-reset", "784111784"));
        assert_eq!(after_ms(&headers(&[date, reset])), Some(7_000));
        assert_eq!(after_ms(&headers(&[date, ("x-ratelimit-reset", "784111000")])), Some(0));
        assert_eq!(after_ms(&headers(&[date, reset, ("retry-after", "3")])), Some(3_000));
        assert_eq!((after_ms(&headers(&[reset])), after_ms(&headers(&[date]))), (None, None));
    }
}
