//! What a call can end with other than its answer, in words that say what to do next.

use api::{
    integrations::TestView,
    preflight::CheckView,
    problem::{Problem, ProblemKind},
};
use domain::preflight::CheckStatus;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::{self, Display, Write};

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// The API refused, and says why.
    Problem(Box<Problem>),
    /// Something before the API refused: a gateway, a proxy.
    Gateway {
        /// The HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The API answered what this client does not understand.
    Answer {
        /// Where it stumbled.
        source: serde_json::Error,
        /// What was answered.
        text: String,
    },
    /// Nothing answers there.
    Unreachable {
        /// Where.
        endpoint: String,
        /// What the system said.
        source: reqwest::Error,
    },
    /// The endpoint is not an address.
    Endpoint(String),
    /// The HTTP client could not be made.
    Setup(reqwest::Error),
}

impl Error {
    /// What an answer with an error status means.
    pub(super) fn refused(status: u16, text: String) -> Self {
        match serde_json::from_str(&text) {
            Ok(problem) => Self::Problem(Box::new(problem)),
            Err(_) => Self::Gateway { status, text },
        }
    }

    /// The kind of problem the API told, if it was the API that refused.
    pub fn kind(&self) -> Option<ProblemKind> {
        match self {
            Self::Problem(problem) => Some(problem.code),
            _ => None,
        }
    }

    /// Whether the same call may succeed in a moment.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Problem(problem) => matches!(problem.code, ProblemKind::Unavailable | ProblemKind::RateLimited),
            Self::Gateway { status, .. } => *status >= 500,
            Self::Unreachable { source, .. } => source.is_timeout(),
            Self::Answer { .. } | Self::Endpoint(_) | Self::Setup(_) => false,
        }
    }

    /// The error for programs: the API's own problem document where there is one, the like of it otherwise.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Problem(problem) => json!(problem),
            Self::Gateway { status, .. } => {
                json!({"title": "Refused before the API", "status": status, "detail": self.to_string()})
            }
            _ => json!({"title": "No usable answer", "detail": self.to_string()}),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Problem(_) | Self::Gateway { .. } | Self::Endpoint(_) => None,
            Self::Answer { source, .. } => Some(source),
            Self::Unreachable { source, .. } | Self::Setup(source) => Some(source),
        }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problem(problem) => write_problem(f, problem),
            Self::Gateway { status: 401, .. } => {
                f.write_str("401: no credential was sent. Give an API key with --key or in TRUNKLINE_KEY.")
            }
            Self::Gateway { status: 403, .. } => f.write_str(
                "403: the credential is not known here. Check that --key (or TRUNKLINE_KEY) is complete and belongs to \
                 this endpoint; the operator's credential begins with tk_ops_ and serves `tenant`, `key`, `secrets` and `audit --tenant` only.",
            ),
            Self::Gateway { status: 404, .. } => f.write_str(
                "404 from the gateway: the endpoint is not a Trunkline API, or lacks this route. Check --endpoint (or \
                 TRUNKLINE_ENDPOINT); it is the part before /v1.",
            ),
            Self::Gateway { status, text } => {
                let text: String = text.chars().take(300).collect();
                write!(f, "the endpoint answered {status} without saying why: {}", text.trim())
            }
            Self::Answer { source, text } => {
                let text: String = text.chars().take(300).collect();
                write!(f, "the answer is not understood ({source}); is this client older than the API? {text}")
            }
            Self::Unreachable { endpoint, source } => {
                write!(f, "{endpoint} does not answer: {}", innermost(source))?;
                f.write_str("; check --endpoint (or TRUNKLINE_ENDPOINT), or start a stack with `cargo trunkline up`")
            }
            Self::Endpoint(text) => {
                write!(f, "`{text}` is not an endpoint: give the API's address, beginning with https://")
            }
            Self::Setup(source) => write!(f, "no HTTP client: {source}"),
        }
    }
}

/// reqwest's own words say only that a request failed; the reason is at the end of the chain.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

fn write_problem(f: &mut fmt::Formatter<'_>, problem: &Problem) -> fmt::Result {
    write!(f, "{} ({} {})", problem.title, problem.status, problem.code.code())?;
    // Of several fields at fault the detail says no more than how many; a single one is the detail already.
    if problem.errors.len() > 1 {
        for error in &problem.errors {
            write!(f, "\n  {}: {}", error.field, error.message)?;
        }
    } else {
        write!(f, "\n{}", problem.detail)?;
    }
    for check in part::<Vec<CheckView>>(problem.checks.as_ref()).unwrap_or_default() {
        if check.status == CheckStatus::Fail {
            write!(f, "\n{}", Reason::of(&check))?;
        }
    }
    if let Some(test) = part::<TestView>(problem.test.as_ref()) {
        write!(f, "\n{}", Reason::found_by(&test))?;
    }
    match &problem.request_id {
        Some(id) => write!(f, "\nrequest id: {id}"),
        None => Ok(()),
    }
}

fn part<T: DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    T::deserialize(value?).ok()
}

/// Why something may not go, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What was looked at.
    pub check: String,
    /// Why.
    pub reason: String,
    /// What to do.
    pub fix: String,
}

impl Reason {
    /// What a preflight check says.
    pub fn of(check: &CheckView) -> Self {
        Self { check: check.check.clone(), reason: check.reason.clone(), fix: check.fix.clone() }
    }

    /// What a connection test found, with the provider's own words.
    pub fn found_by(test: &TestView) -> Self {
        let mut reason = test.reason.clone();
        if !test.detail.is_empty() {
            // Writing into a text cannot fail.
            let _ = write!(reason, " ({})", test.detail);
        }
        Self { check: test.code.clone(), reason: reason.trim().to_owned(), fix: test.fix.clone() }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {:<11} {}", self.check, self.reason)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n  {:<11} -> {}", "", self.fix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::problem::FieldProblem;

    fn shown(problem: &Problem) -> String {
        Error::refused(problem.status, serde_json::to_string(problem).unwrap()).to_string()
    }

    #[test]
    fn every_failing_check_is_shown_with_its_fix_and_the_passing_ones_are_not() {
        let check = |check: &str, status: &str, reason: &str, fix: &str| {
            json!({"check": check, "status": status, "code": "x", "reason": reason, "reason_ar": "", "fix": fix,
                   "fix_ar": "", "evidence_age_s": null})
        };
        let checks = json!([
            check("settings", "pass", "", ""),
            check("enabled", "fail", "It is disabled.", "Enable it."),
            check("quota", "fail", "Only 3 fit.", "Send fewer."),
        ]);
        let mut problem = Problem::new(ProblemKind::NotReady, "Nothing was stored.").with_checks(checks);
        problem.request_id = Some("r-1".into());
        assert_eq!(
            shown(&problem),
            "The campaign is not ready to go (409 not_ready)\n\
             Nothing was stored.\n  \
               enabled     It is disabled.\n              -> Enable it.\n  \
               quota       Only 3 fit.\n              -> Send fewer.\n\
             request id: r-1"
        );
    }

    #[test]
    fn every_field_at_fault_is_named_and_a_single_one_only_once() {
        let field = |field: &str| FieldProblem { field: field.into(), code: "x".into(), message: "give it".into() };
        let several = shown(&Problem::invalid(vec![field("name"), field("config.host")]));
        assert!(several.contains("\n  name: give it\n  config.host: give it"), "{several}");
        let one = shown(&Problem::invalid(vec![field("name")]));
        assert_eq!(one.matches("name: give it").count(), 1, "{one}");
    }

    #[test]
    fn a_failed_connection_test_is_told_in_the_providers_words_and_ours() {
        let found = json!({"status": "fail", "badge": "red", "code": "smtp_auth_refused", "detail": "535 no",
            "reason": "The server refused the login.", "reason_ar": "", "fix": "Check the password.", "fix_ar": "",
            "latency_ms": 3, "tested_at": "2026-01-01T00:00:00.000Z"});
        let problem = Problem { test: Some(found), ..Problem::new(ProblemKind::ConnectionTestFailed, "Not saved.") };
        let text = shown(&problem);
        assert!(text.contains("The server refused the login. (535 no)\n"), "{text}");
        assert!(text.ends_with("-> Check the password."), "{text}");
    }

    #[test]
    fn the_gateways_bare_refusals_are_put_into_words() {
        let bare = |status| Error::refused(status, r#"{"message":"Forbidden"}"#.into());
        assert!(bare(401).to_string().contains("TRUNKLINE_KEY"));
        assert!(bare(403).to_string().contains("not known here"));
        assert!(bare(404).to_string().contains("--endpoint"));
        assert!(bare(502).to_string().contains("Forbidden"));
        assert_eq!(bare(403).to_json()["status"], 403);
        assert_eq!(bare(403).kind(), None);
    }

    #[test]
    fn a_problem_goes_to_programs_as_it_came() {
        let problem = Problem::new(ProblemKind::KeyRevoked, "Use another one.");
        let error = Error::refused(401, serde_json::to_string(&problem).unwrap());
        assert_eq!(error.to_json()["code"], "key_revoked");
        assert_eq!(error.kind(), Some(ProblemKind::KeyRevoked));
    }
}
