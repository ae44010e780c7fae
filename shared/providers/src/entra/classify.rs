//! What the answers of a provider of identities mean.

use super::Entra;
use crate::{
    exchange,
    oidc::{Answered, Refused},
};
use domain::failure::{Failure, FailureKind};
use serde::Deserialize;

/// An error of the token endpoint: RFC 6749, section 5.2. Entra adds numbers ("Authentication and authorization error
/// codes").
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
}

/// What Entra's numbers mean, where they say more than the error.
fn by_number(number: u64) -> Option<&'static str> {
    Some(match number {
        // Not found in the directory; does not exist.
        700_016 | 90_013 => "entra_app_unknown",
        // The directory is not found; its name is none.
        90_002 | 900_023 => "entra_directory_unknown",
        7_000_215 => "entra_secret_refused",
        7_000_222 => "entra_secret_expired",
        // The API is not found in the directory; the scope names none.
        500_011 | 70_011 | 1_002_012 => "oidc_audience_refused",
        _ => return None,
    })
}

/// What a token endpoint that gives no token means.
pub(super) fn refusal(answered: &Answered) -> Failure {
    let Answered { status, after_ms, body } = answered;
    if let Some(passing) = exchange::gateway(*status, *after_ms, body) {
        return passing;
    }
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else { return not_understood(answered) };
    let numbered = refusal.error_codes.iter().copied().find_map(by_number);
    let code = numbered.or(match refusal.error.as_str() {
        "invalid_client" => Some("oidc_client_refused"),
        "unauthorized_client" | "unsupported_grant_type" => Some("oidc_grant_refused"),
        "invalid_target" | "invalid_scope" | "invalid_resource" => Some("oidc_audience_refused"),
        "invalid_grant" => Some("oidc_code_refused"),
        "temporarily_unavailable" | "server_error" => {
            let words = words(&refusal);
            return Failure::new(FailureKind::Transient { after_ms: *after_ms }, "provider_error", &words);
        }
        _ => None,
    });
    let Some(code) = code else { return not_understood(answered) };
    let kind = match code {
        "oidc_client_refused" | "entra_secret_refused" | "entra_secret_expired" => FailureKind::Unauthorized,
        _ => FailureKind::Permanent,
    };
    Failure::new(kind, code, &words(&refusal))
}

/// The first line of the description: what follows in Entra's are ids of the request.
fn words(refusal: &Refusal) -> String {
    let description = refusal.error_description.lines().next().unwrap_or_default();
    if description.is_empty() { refusal.error.clone() } else { format!("{}: {description}", refusal.error) }
}

pub(super) fn not_understood(answered: &Answered) -> Failure {
    // A body that holds tokens is never quoted.
    let words = if answered.status.is_success() {
        "the token endpoint answered no tokens".to_owned()
    } else {
        exchange::quoted(answered.status, &answered.body)
    };
    Failure::new(FailureKind::Permanent, "provider_protocol", &words)
}

/// A discovery that failed. Entra answers 400 with a number for a directory that it does not know.
pub(super) fn directory(entra: &Entra, failure: Failure) -> Failure {
    if entra.is_entra() && failure.code == "oidc_discovery_failed" && failure.detail.contains("invalid_tenant") {
        return Failure { code: "entra_directory_unknown", ..failure };
    }
    failure
}

/// An access token that this API would not take. `said` is the issuer that it names.
pub(super) fn unusable(entra: &Entra, said: Option<&str>, refused: Refused) -> Failure {
    // Entra makes tokens of version 1 for APIs that do not ask for version 2, under another issuer.
    let old = entra.is_entra() && said.is_some_and(|issuer| issuer.starts_with("https://sts.windows.net/"));
    let (code, words) = if old {
        ("entra_token_version", said.unwrap_or_default().to_owned())
    } else {
        ("oidc_token_unusable", refused.to_string())
    };
    Failure::new(FailureKind::Permanent, code, &words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;
    use serde_json::json;

    fn refused(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        refusal(&Answered { status, after_ms: None, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn every_refusal_has_its_code() {
        use FailureKind::{Permanent, Throttled, Transient, Unauthorized};
        let entra = |error: &str, number: u64| {
            json!({"error": error, "error_description": format!("AADSTS{number}: Words.\r\nTrace ID: x"), "error_codes": [number]})
                .to_string()
        };
        let plain = |error: &str| json!({"error": error}).to_string();
        for (status, body, kind, code) in [
            (401, entra("invalid_client", 7_000_215), Unauthorized, "entra_secret_refused"),
            (401, entra("invalid_client", 7_000_222), Unauthorized, "entra_secret_expired"),
            (400, entra("unauthorized_client", 700_016), Permanent, "entra_app_unknown"),
            (400, entra("invalid_request", 90_002), Permanent, "entra_directory_unknown"),
            (400, entra("invalid_resource", 500_011), Permanent, "oidc_audience_refused"),
            (401, entra("invalid_client", 1), Unauthorized, "oidc_client_refused"),
            (401, plain("invalid_client"), Unauthorized, "oidc_client_refused"),
            (400, plain("unauthorized_client"), Permanent, "oidc_grant_refused"),
            (400, plain("unsupported_grant_type"), Permanent, "oidc_grant_refused"),
            (400, plain("invalid_target"), Permanent, "oidc_audience_refused"),
            (400, plain("invalid_grant"), Permanent, "oidc_code_refused"),
            (400, plain("temporarily_unavailable"), Transient { after_ms: None }, "provider_error"),
            (503, String::new(), Transient { after_ms: None }, "provider_error"),
            (429, String::new(), Throttled { after_ms: None }, "rate_limited"),
            (404, "<html>".to_owned(), Permanent, "provider_protocol"),
            (400, plain("something_else"), Permanent, "provider_protocol"),
        ] {
            let failure = refused(status, &body);
            assert_eq!((failure.kind, failure.code), (kind, code), "{status} {body}");
            assert!(!failure.detail.contains("Trace"), "{}", failure.detail);
        }
    }
}
