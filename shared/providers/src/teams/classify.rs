//! What a workflow's answers mean. The only place that knows its error codes.
//!
//! Success is 202, or 200 from a workflow with a response of its own; the header `x-ms-workflow-run-id` names the run.
//! Errors are `{"error": {"code": ..., "message": ...}}`, as Azure Logic Apps gives them. Their codes are not listed in
//! one place; those that are told apart here are the ones its documentation and issues show, and a status decides about
//! the rest.

use crate::exchange::{gateway, quoted, read};
use domain::failure::{Failure, FailureKind, shorten};
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use std::borrow::Cow;

/// The longest answer that is read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;
const RUN_ID: &str = "x-ms-workflow-run-id";

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    error: Problem<'a>,
}

#[derive(Default, Deserialize)]
struct Problem<'a> {
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// The answer to a message: the id of the workflow's run, where it is told.
pub(super) async fn posted(response: Response) -> Result<Option<String>, Failure> {
    let run = run_id(response.headers());
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    if status.is_success() { Ok(run) } else { Err(refusal(status, after_ms, &body)) }
}

/// The answer to a GET, which a trigger refuses.
pub(super) async fn refused_as_get(response: Response) -> Result<String, Failure> {
    let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
    if status.is_success() {
        return Ok("the workflow answers, and takes GET as well: let its trigger take POST only".to_owned());
    }
    if problem(&body).code == "TriggerRequestMethodNotValid" || status == StatusCode::METHOD_NOT_ALLOWED {
        return Ok("the workflow answers: it takes messages by POST".to_owned());
    }
    Err(refusal(status, after_ms, &body))
}

fn run_id(headers: &HeaderMap) -> Option<String> {
    headers.get(RUN_ID)?.to_str().ok().map(shorten).filter(|id| !id.is_empty())
}

fn problem(body: &[u8]) -> Problem<'_> {
    serde_json::from_slice::<Answer<'_>>(body).map(|answer| answer.error).unwrap_or_default()
}

fn refusal(status: StatusCode, after_ms: Option<i64>, body: &[u8]) -> Failure {
    if let Some(failure) = gateway(status, after_ms, body) {
        return failure;
    }
    let Problem { code: said, message } = problem(body);
    // What an admin mends without a new message is retried, as with a refused login.
    let (kind, code) = match said.as_ref() {
        // Codes come before the status: a workflow that was deleted may answer 400, 404 or 410. Its message then names
        // the state.
        "WorkflowTriggerIsNotEnabled" if message.contains("Deleted") => {
            (FailureKind::Unauthorized, "teams_workflow_gone")
        }
        "WorkflowTriggerIsNotEnabled" | "WorkflowDisabled" | "WorkflowIsDisabled" => {
            (FailureKind::Unauthorized, "teams_workflow_off")
        }
        "WorkflowNotFound" | "WorkflowTriggerNotFound" | "EnvironmentNotFound" => {
            (FailureKind::Unauthorized, "teams_workflow_gone")
        }
        "MissingApiVersionParameter" | "InvalidApiVersionParameter" => {
            (FailureKind::Unauthorized, "teams_address_refused")
        }
        // DirectApiAuthorizationRequired, DirectApiInvalidAuthorizationScheme ...: it wants a sign-in, or found no signature.
        said if said.starts_with("DirectApi") || said.contains("Signature") => {
            (FailureKind::Unauthorized, "teams_address_refused")
        }
        _ => match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => (FailureKind::Unauthorized, "teams_address_refused"),
            StatusCode::NOT_FOUND | StatusCode::GONE => (FailureKind::Unauthorized, "teams_workflow_gone"),
            StatusCode::PAYLOAD_TOO_LARGE => (FailureKind::Permanent, "teams_message_too_large"),
            StatusCode::REQUEST_TIMEOUT => (FailureKind::Unknown, "timeout"),
            status if status.is_client_error() => (FailureKind::Permanent, "teams_rejected"),
            _ => (FailureKind::Transient { after_ms: None }, "provider_protocol"),
        },
    };
    let words = if said.is_empty() { quoted(status, body) } else { format!("{said}: {message}") };
    Failure::new(kind, code, &words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(status: u16, body: &str) -> Failure {
        refusal(StatusCode::from_u16(status).unwrap(), Some(7_000), body.as_bytes())
    }

    fn error(code: &str, message: &str) -> String {
        format!(r#"{{"error":{{"code":"{code}","message":"{message}"}}}}"#)
    }

    #[test]
    fn what_the_workflow_says_decides_what_happens_next() {
        use FailureKind::{Permanent, Throttled, Transient, Unauthorized, Unknown};
        let deleted = "Could not execute workflow 'x' trigger 'manual' with state 'Deleted'.";
        for (status, body, kind, code) in [
            (401, error("DirectApiAuthorizationRequired", "OAuth"), Unauthorized, "teams_address_refused"),
            (401, String::new(), Unauthorized, "teams_address_refused"),
            (403, error("AuthorizationFailed", "x"), Unauthorized, "teams_address_refused"),
            (400, error("MissingApiVersionParameter", "x"), Unauthorized, "teams_address_refused"),
            (404, error("WorkflowNotFound", "x"), Unauthorized, "teams_workflow_gone"),
            (404, "<html>".to_owned(), Unauthorized, "teams_workflow_gone"),
            (410, String::new(), Unauthorized, "teams_workflow_gone"),
            (400, error("WorkflowTriggerIsNotEnabled", deleted), Unauthorized, "teams_workflow_gone"),
            (400, error("WorkflowTriggerIsNotEnabled", "state 'Disabled'"), Unauthorized, "teams_workflow_off"),
            (400, error("TriggerInputSchemaMismatch", "x"), Permanent, "teams_rejected"),
            (413, String::new(), Permanent, "teams_message_too_large"),
            (408, String::new(), Unknown, "timeout"),
            (429, String::new(), Throttled { after_ms: Some(7_000) }, "rate_limited"),
            (502, error("NoResponse", "x"), Transient { after_ms: Some(7_000) }, "provider_error"),
            (302, String::new(), Transient { after_ms: None }, "provider_protocol"),
        ] {
            let found = failure(status, &body);
            assert_eq!((found.kind, found.code), (kind, code), "{status} {body}");
        }
        assert_eq!(failure(404, &error("WorkflowNotFound", "It is gone.")).detail, "WorkflowNotFound: It is gone.");
    }
}
