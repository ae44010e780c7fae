//! What SES's answers mean. The only place that knows its errors.
//!
//! A success is 200 with JSON. An error has its name in the header `x-amzn-ErrorType`, sometimes with a `:` and more after
//! it, or in the body as `__type` or `code`, and its words as `message` or `Message` ("`SendEmail`", Errors; "Common
//! Errors"; "Amazon SES email sending errors").

use crate::exchange::{gateway, quoted, read};
use domain::failure::{Failure, FailureKind, shorten};
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;

/// The longest answer that is read; an account's details are about 2 KB.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const LATER: FailureKind = FailureKind::Transient { after_ms: None };
/// After the daily quota is used up. It is counted over the last 24 hours, so it comes back bit by bit.
const QUOTA_PAUSE: FailureKind = FailureKind::Throttled { after_ms: Some(15 * 60_000) };

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Accepted<'a> {
    #[serde(borrow)]
    message_id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account<'a> {
    sending_enabled: bool,
    production_access_enabled: bool,
    /// `HEALTHY`, `PROBATION` or `SHUTDOWN`.
    #[serde(borrow, default)]
    enforcement_status: Option<Cow<'a, str>>,
    #[serde(default)]
    send_quota: Option<Quota>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Quota {
    /// -1 is no limit.
    #[serde(rename = "Max24HourSend")]
    max_24_hour_send: f64,
    max_send_rate: f64,
}

/// The answer to a message: SES's id for it. `from` is our sender, to tell whose address was refused.
pub(super) async fn accepted(response: Response, from: &str) -> Result<Option<String>, Failure> {
    let name = error_name(response.headers());
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    if status.is_success() {
        return match serde_json::from_slice::<Accepted<'_>>(&body) {
            Ok(Accepted { message_id }) => Ok(Some(shorten(&message_id))),
            // A success that cannot be read may well have been one.
            Err(_) => Err(Failure::new(FailureKind::Unknown, "provider_protocol", &quoted(status, &body))),
        };
    }
    Err(refused(name, status, after_ms, &body, from))
}

/// The answer to `GET /v2/email/account`: whether the account sends, and how much.
pub(super) async fn account(response: Response) -> Result<String, Failure> {
    let name = error_name(response.headers());
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    if !status.is_success() {
        return Err(refused(name, status, after_ms, &body, ""));
    }
    let Ok(account) = serde_json::from_slice::<Account<'_>>(&body) else {
        return Err(Failure::new(LATER, "provider_protocol", &quoted(status, &body)));
    };
    let standing = account.enforcement_status.as_deref().unwrap_or("HEALTHY");
    if standing == "SHUTDOWN" || !account.sending_enabled {
        let words = format!("SendingEnabled is {}, EnforcementStatus is {standing}", account.sending_enabled);
        return Err(Failure::new(LATER, "ses_sending_paused", &words));
    }
    let mut words = if account.production_access_enabled {
        "the account may send".to_owned()
    } else {
        "the account is in the sandbox: it sends to verified addresses only".to_owned()
    };
    if standing != "HEALTHY" {
        words = format!("{words}, under review ({standing})");
    }
    if let Some(Quota { max_24_hour_send, max_send_rate }) = account.send_quota {
        words = if max_24_hour_send < 0.0 {
            format!("{words}, {max_send_rate} a second")
        } else {
            format!("{words}, {max_24_hour_send} a day and {max_send_rate} a second")
        };
    }
    Ok(shorten(&words))
}

/// The error's name in the header, without the namespace and address that may follow it.
fn error_name(headers: &HeaderMap) -> Option<String> {
    let name = headers.get("x-amzn-errortype")?.to_str().ok()?;
    Some(bare(name).to_owned())
}

fn bare(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

fn refused(name: Option<String>, status: StatusCode, after_ms: Option<i64>, body: &[u8], from: &str) -> Failure {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: [&str; 2]| names.iter().find_map(|name| told.get(name)?.as_str());
    let words = text(["message", "Message"]).unwrap_or_default();
    let name = name.or_else(|| text(["__type", "code"]).map(|name| bare(name).to_owned())).unwrap_or_default();
    let lower = words.to_lowercase();
    let (kind, code) = match name.as_str() {
        "LimitExceededException" => (QUOTA_PAUSE, "ses_quota_used_up"),
        // Both the rate and the daily quota are told by these.
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" if lower.contains("daily") => {
            (QUOTA_PAUSE, "ses_quota_used_up")
        }
        "TooManyRequestsException" | "ThrottlingException" | "Throttling" => {
            (FailureKind::Throttled { after_ms }, "rate_limited")
        }
        "AccountSuspendedException" | "SendingPausedException" => (LATER, "ses_sending_paused"),
        "MailFromDomainNotVerifiedException" => (FailureKind::Unauthorized, "ses_sender_refused"),
        "MessageRejected" if lower.contains("not verified") => not_verified(&lower, from),
        "NotFoundException" => (LATER, "ses_configuration_set_unknown"),
        "BadRequestException" if lower.contains("configuration set") && lower.contains("not exist") => {
            (LATER, "ses_configuration_set_unknown")
        }
        "AccessDeniedException" | "AccessDenied" | "NotAuthorized" | "OptInRequired" => {
            (FailureKind::Unauthorized, "ses_not_permitted")
        }
        // The signature's date is too far from AWS's: our clock is off, and no secret mends that.
        "RequestExpired" => (LATER, "ses_clock_off"),
        "InvalidSignatureException" | "SignatureDoesNotMatch"
            if lower.contains("signature expired") || lower.contains("not yet current") =>
        {
            (LATER, "ses_clock_off")
        }
        "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException" => (FailureKind::Unauthorized, "ses_key_refused"),
        "MessageRejected" | "BadRequestException" | "ValidationException" | "ValidationError" => {
            (FailureKind::Permanent, "ses_message_refused")
        }
        _ => return unnamed(&name, status, after_ms, body),
    };
    Failure::new(kind, code, format!("{name} {words}").trim_end())
}

/// "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1: ..." is about the
/// sender, or in the sandbox about the recipient.
fn not_verified(lower: &str, from: &str) -> (FailureKind, &'static str) {
    let (from, domain) = (from.to_lowercase(), from.rsplit('@').next().unwrap_or_default().to_lowercase());
    let failed = lower.rsplit(':').next().unwrap_or_default();
    let ours = failed.split(',').map(str::trim).any(|identity| {
        let identity = identity.trim_end_matches('.');
        identity.contains(&from) || identity == domain
    });
    if ours { (FailureKind::Unauthorized, "ses_sender_refused") } else { (LATER, "ses_sandbox") }
}

/// An error whose name says nothing to us.
fn unnamed(name: &str, status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let (kind, code) = match status.as_u16() {
        401 | 403 => (FailureKind::Unauthorized, "ses_key_refused"),
        413 => (FailureKind::Permanent, "ses_message_refused"),
        _ => (LATER, "provider_protocol"),
    };
    Failure::new(kind, code, format!("{name} {}", quoted(status, body)).trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::{Permanent, Throttled, Unauthorized};

    fn refusal(name: &str, status: u16, words: &str) -> Failure {
        let body = serde_json::json!({"message": words}).to_string();
        let name = (!name.is_empty()).then(|| name.to_owned());
        refused(name, StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), "News@Example.com")
    }

    #[test]
    fn errors_are_told_apart_by_name() {
        for (status, name, words, kind, code) in [
            (
                429,
                "TooManyRequestsException",
                "Maximum sending rate exceeded.",
                Throttled { after_ms: None },
                "rate_limited",
            ),
            (429, "TooManyRequestsException", "Daily message quota exceeded.", QUOTA_PAUSE, "ses_quota_used_up"),
            (400, "Throttling", "Rate exceeded", Throttled { after_ms: None }, "rate_limited"),
            (400, "LimitExceededException", "", QUOTA_PAUSE, "ses_quota_used_up"),
            (400, "AccountSuspendedException", "", LATER, "ses_sending_paused"),
            (400, "SendingPausedException", "", LATER, "ses_sending_paused"),
            (400, "MailFromDomainNotVerifiedException", "", Unauthorized, "ses_sender_refused"),
            (400, "MessageRejected", "Email contains a virus", Permanent, "ses_message_refused"),
            (400, "BadRequestException", "Missing final '@domain'", Permanent, "ses_message_refused"),
            (404, "NotFoundException", "Configuration set <x> does not exist.", LATER, "ses_configuration_set_unknown"),
            (400, "BadRequestException", "Configuration set x does not exist", LATER, "ses_configuration_set_unknown"),
            (403, "AccessDeniedException", "User: arn is not authorized", Unauthorized, "ses_not_permitted"),
            (403, "UnrecognizedClientException", "", Unauthorized, "ses_key_refused"),
            (403, "InvalidClientTokenId", "", Unauthorized, "ses_key_refused"),
            (403, "SignatureDoesNotMatch", "The request signature we calculated", Unauthorized, "ses_key_refused"),
            (
                403,
                "InvalidSignatureException",
                "Signature expired: 20261120T000000Z is now earlier than",
                LATER,
                "ses_clock_off",
            ),
            (403, "InvalidSignatureException", "Signature not yet current: 20261120T", LATER, "ses_clock_off"),
            (400, "RequestExpired", "", LATER, "ses_clock_off"),
        ] {
            let failure = refusal(name, status, words);
            assert_eq!((failure.kind, failure.code), (kind, code), "{name} {words}");
            assert_eq!(failure.detail, format!("{name} {words}").trim_end());
        }
    }

    #[test]
    fn whose_address_is_not_verified_decides() {
        let refused = |identities: &str| {
            let words =
                "Email address is not verified. The following identities failed the check in region EU-CENTRAL-1";
            let failure = refusal("MessageRejected", 400, &format!("{words}: {identities}"));
            (failure.kind, failure.code)
        };
        for ours in ["news@example.com", "sara@example.org, News <news@example.com>", "example.com"] {
            assert_eq!(refused(ours), (Unauthorized, "ses_sender_refused"), "{ours}");
        }
        for theirs in ["sara@example.org", "other@sub.example.com"] {
            assert_eq!(refused(theirs), (LATER, "ses_sandbox"), "{theirs}");
        }
    }

    #[test]
    fn an_error_without_a_name_is_told_by_its_status() {
        for (status, kind, code) in [
            (302, LATER, "provider_protocol"),
            (403, Unauthorized, "ses_key_refused"),
            (413, Permanent, "ses_message_refused"),
            (429, Throttled { after_ms: None }, "rate_limited"),
            (500, LATER, "provider_error"),
            (503, LATER, "provider_error"),
        ] {
            let failure = refusal("", status, "x");
            assert_eq!((failure.kind, failure.code), (kind, code), "{status}");
        }
    }

    #[test]
    fn names_come_with_trimmings() {
        let headers = |name: &str| HeaderMap::from_iter([("x-amzn-errortype".parse().unwrap(), name.parse().unwrap())]);
        for name in ["MessageRejected", "MessageRejected:", "MessageRejected:http://internal.amazon.com/coral/"] {
            assert_eq!(error_name(&headers(name)).as_deref(), Some("MessageRejected"));
        }
        let body = br#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","Message":"no"}"#;
        let failure = refused(None, StatusCode::FORBIDDEN, None, body, "");
        assert_eq!((failure.code, failure.detail.as_str()), ("ses_key_refused", "UnrecognizedClientException no"));
    }
}
