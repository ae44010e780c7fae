//! What the answers of Microsoft's login server and of Graph mean. The only place that knows their errors.
//!
//! Login: `{error, error_description, error_codes}` ("Microsoft Entra authentication and authorization error codes"). Graph:
//! `{error: {code, message, ...}}` ("Microsoft Graph error responses and resource types"). Attack simulation has no
//! documented code for a missing licence: it is told by the words.

use crate::exchange::{gateway, quoted};
use domain::failure::{Failure, FailureKind};
use http::StatusCode;
use serde::Deserialize;

/// How much of an error's words is kept. A whole request fails with them at once, so they are stored for each target.
const WORDS_MAX_CHARS: usize = 120;

/// An answer that is not as documented.
pub(super) fn not_understood(why: &str) -> Failure {
    Failure::new(FailureKind::Transient { after_ms: None }, "provider_protocol", why)
}

/// A call that changes nothing may be made again whatever became of it.
pub(super) fn harmless(failure: Failure) -> Failure {
    match failure.kind {
        FailureKind::Unknown => Failure {
            kind: FailureKind::Transient { after_ms: None },
            // `timeout` and `connection_lost` speak of a message that may have been taken.
            code: "unreachable",
            ..failure
        },
        _ => failure,
    }
}

fn words(text: &str) -> String {
    // Entra appends trace ids and a time on further lines.
    text.lines().next().unwrap_or_default().chars().take(WORDS_MAX_CHARS).collect()
}

#[derive(Deserialize)]
struct LoginError {
    error: String,
    #[serde(default)]
    error_description: String,
    #[serde(default)]
    error_codes: Vec<u64>,
}

/// The login server gave no token.
pub(super) fn login(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let Ok(refused) = serde_json::from_slice::<LoginError>(body) else {
        return not_understood(&quoted(status, body));
    };
    let code = refused.error_codes.first().copied().unwrap_or_default();
    let (kind, code) = match code {
        90_002 | 900_023 | 900_021 => (FailureKind::Unauthorized, "m365_directory_not_found"),
        700_016 => (FailureKind::Unauthorized, "m365_app_not_found"),
        700_027 | 700_024 | 700_023 | 5_000_222 => (FailureKind::Unauthorized, "m365_certificate_refused"),
        7_000_229 | 65_001 | 650_052 | 501_051 => (FailureKind::Unauthorized, "m365_consent_missing"),
        // 7000215: a wrong secret; 7000222: one that has expired.
        _ => match refused.error.as_str() {
            "temporarily_unavailable" | "server_error" => (FailureKind::Transient { after_ms }, "provider_error"),
            _ => (FailureKind::Unauthorized, "m365_login_refused"),
        },
    };
    let description = if refused.error_description.is_empty() { refused.error } else { refused.error_description };
    Failure::new(kind, code, &words(&description))
}

#[derive(Deserialize)]
struct GraphError {
    error: GraphWords,
}

#[derive(Deserialize)]
struct GraphWords {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Graph refused a call.
pub(super) fn graph(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let Ok(GraphError { error }) = serde_json::from_slice(body) else {
        return not_understood(&quoted(status, body));
    };
    let said = match error.message.as_str() {
        "" => error.code.clone(),
        message => format!("{}: {message}", error.code),
    };
    let lower = said.to_ascii_lowercase();
    let (kind, code) = match status {
        StatusCode::UNAUTHORIZED => (FailureKind::Unauthorized, "m365_login_refused"),
        StatusCode::PAYMENT_REQUIRED => (FailureKind::Unauthorized, "m365_licence_missing"),
        StatusCode::FORBIDDEN
            if ["licen", "subscription", "not provisioned"].iter().any(|word| lower.contains(word)) =>
        {
            (FailureKind::Unauthorized, "m365_licence_missing")
        }
        StatusCode::FORBIDDEN => (FailureKind::Unauthorized, "m365_permission_missing"),
        StatusCode::NOT_FOUND | StatusCode::GONE => (FailureKind::Permanent, "m365_simulation_gone"),
        StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT | StatusCode::LOCKED => {
            (FailureKind::Transient { after_ms }, "provider_error")
        }
        status if status.is_client_error() => (FailureKind::Permanent, "m365_simulation_refused"),
        _ => (FailureKind::Transient { after_ms }, "provider_protocol"),
    };
    Failure::new(kind, code, &words(&said))
}

/// Graph refused to create a simulation. What is not found then is something that the simulation names.
pub(super) fn creation(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    let failure = graph(status, after_ms, body);
    match failure.code {
        "m365_simulation_gone" => Failure { code: "m365_simulation_refused", ..failure },
        _ => failure,
    }
}

/// Graph does not know what the settings name: the failure that says which.
pub(super) fn naming(failure: Failure, code: &'static str) -> Failure {
    // A malformed id is answered with 400.
    match failure.code {
        "m365_simulation_gone" | "m365_simulation_refused" => Failure { code, ..failure },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use FailureKind::{Permanent, Throttled, Transient, Unauthorized};
    use proptest::prelude::*;

    const LATER: FailureKind = Transient { after_ms: None };

    #[test]
    fn refused_logins_are_told_apart() {
        for (number, kind, code) in [
            (90_002, Unauthorized, "m365_directory_not_found"),
            (700_016, Unauthorized, "m365_app_not_found"),
            (7_000_215, Unauthorized, "m365_login_refused"),
            (7_000_222, Unauthorized, "m365_login_refused"),
            (700_027, Unauthorized, "m365_certificate_refused"),
            (7_000_229, Unauthorized, "m365_consent_missing"),
            (1, Unauthorized, "m365_login_refused"),
        ] {
            let body = serde_json::json!({
                "error": "invalid_client", "error_codes": [number],
                "error_description": format!("AADSTS{number}: no.\r\nTrace ID: 1\r\nTimestamp: 2"),
            });
            let failure = login(StatusCode::UNAUTHORIZED, None, body.to_string().as_bytes());
            let words = format!("AADSTS{number}: no.");
            assert_eq!((failure.kind, failure.code, failure.detail), (kind, code, words));
        }
        assert_eq!(login(StatusCode::SERVICE_UNAVAILABLE, None, b"").kind, LATER);
        let busy = login(StatusCode::BAD_REQUEST, None, br#"{"error": "temporarily_unavailable"}"#);
        assert_eq!((busy.kind, busy.code), (LATER, "provider_error"));
        assert_eq!(login(StatusCode::OK, None, b"<html>").code, "provider_protocol");
    }

    #[test]
    fn graphs_refusals_are_told_apart() {
        let pause = Throttled { after_ms: Some(30_000) };
        for (status, words, kind, code) in [
            (401, "InvalidAuthenticationToken", Unauthorized, "m365_login_refused"),
            (403, "Missing application roles", Unauthorized, "m365_permission_missing"),
            (403, "Tenant is not licensed for this", Unauthorized, "m365_licence_missing"),
            (404, "no", Permanent, "m365_simulation_gone"),
            (400, "no", Permanent, "m365_simulation_refused"),
            (409, "no", LATER, "provider_error"),
            (429, "no", pause, "rate_limited"),
            (503, "no", Transient { after_ms: Some(30_000) }, "provider_error"),
            (302, "no", LATER, "provider_protocol"),
        ] {
            let body = serde_json::json!({"error": {"code": "Some", "message": words}}).to_string();
            let after_ms = (matches!(status, 429 | 503)).then_some(30_000);
            let failure = graph(StatusCode::from_u16(status).unwrap(), after_ms, body.as_bytes());
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {words}");
        }
        let failure = creation(StatusCode::NOT_FOUND, None, br#"{"error": {"code": "NotFound"}}"#);
        assert_eq!((failure.kind, failure.code), (Permanent, "m365_simulation_refused"));
        let failure = naming(failure, "m365_payload_not_found");
        assert_eq!(failure.code, "m365_payload_not_found");
    }

    proptest! {
        #[test]
        fn every_answer_has_a_meaning(status in 100_u16..=599, body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let status = StatusCode::from_u16(status).unwrap();
            for failure in [login(status, None, &body), graph(status, None, &body)] {
                prop_assert!(domain::failure::explain(failure.code).is_some(), "{}", failure.code);
            }
        }
    }
}
