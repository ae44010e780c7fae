//! The routes of the double.

use super::{
    Call, Record, Shared, State, lock,
    rules::{self, Behaviour},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn router(state: Shared) -> Router {
    let invoke = "/workflows/{workflow}/triggers/manual/paths/invoke";
    Router::new()
        .route(invoke, any(call))
        .route(&format!("/powerautomate/automations/direct{invoke}"), any(call))
        .route("/_double/requests", get(requests))
        .fallback(stray)
        .with_state(state)
}

/// What happens to a call.
enum Verdict {
    Accepted { run: String },
    Refused { status: u16, code: &'static str, message: String, retry_after: Option<u64> },
    Hang,
    Lost { run: String },
}

fn refused(status: u16, code: &'static str, message: impl Into<String>) -> Verdict {
    Verdict::Refused { status, code, message: message.into(), retry_after: None }
}

/// A call as it came in.
struct Attempt<'a> {
    workflow: &'a str,
    method: &'a Method,
    query: &'a BTreeMap<String, String>,
    content_type: Option<&'a str>,
    size: usize,
    body: &'a Value,
}

impl State {
    /// Decides in the order in which the real one is known to: version, signature's presence, workflow, method, message.
    fn decide(&self, attempt: &Attempt<'_>) -> Verdict {
        let given = |name: &str| attempt.query.get(name).filter(|value| !value.is_empty());
        if given("api-version").is_none() {
            return refused(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required.",
            );
        }
        let Some(signature) = given("sig").filter(|_| given("sp").is_some() && given("sv").is_some()) else {
            return refused(401, "DirectApiAuthorizationRequired", "The request must be authenticated by OAuth only.");
        };
        let behaviour = rules::behaviour(attempt.workflow);
        if let Behaviour::Refuse(status, code, message) = behaviour {
            return refused(status, code, message);
        }
        if behaviour == Behaviour::Down {
            return refused(503, "ServiceUnavailable", "scripted");
        }
        if attempt.method != Method::POST {
            let words = format!(
                "The HTTP method for this request is not valid: expected 'POST' and actual '{}'.",
                attempt.method
            );
            return refused(400, "TriggerRequestMethodNotValid", words);
        }
        if signature.starts_with("forged") {
            return refused(401, "DirectApiInvalidSignature", "The signature is not valid.");
        }
        self.decide_message(attempt, &behaviour)
    }

    fn decide_message(&self, attempt: &Attempt<'_>, behaviour: &Behaviour) -> Verdict {
        if !rules::is_json(attempt.content_type) {
            return refused(415, "UnsupportedMediaType", "The content type must be application/json.");
        }
        if attempt.size > rules::MESSAGE_MAX_BYTES {
            return refused(413, "RequestEntityTooLarge", "Request Entity too large");
        }
        if let Err(why) = rules::check_message(attempt.body) {
            return refused(400, "TriggerInputSchemaMismatch", why);
        }
        let calls = self.record.by_workflow.get(attempt.workflow).map_or(0, |count| count.calls);
        let run = format!("{:020}CU01", 8_584_000_000 + self.record.requests.len());
        match behaviour {
            Behaviour::LimitOnce(seconds) if calls == 0 => Verdict::Refused {
                status: 429,
                code: "WorkflowRunActionRepetitionQuotaExceeded",
                message: "Rate limit is exceeded.".to_owned(),
                retry_after: Some(*seconds),
            },
            Behaviour::FailEach(each) if calls.is_multiple_of(*each) => refused(502, "BadGateway", "scripted"),
            Behaviour::RefuseMessage(status, code, message) => refused(*status, code, *message),
            Behaviour::Hang => Verdict::Hang,
            Behaviour::Lost => Verdict::Lost { run },
            _ => Verdict::Accepted { run },
        }
    }

    fn note(&mut self, attempt: &Attempt<'_>, verdict: &Verdict) {
        let (outcome, run) = match verdict {
            Verdict::Accepted { run } => ("202".to_owned(), Some(run)),
            Verdict::Refused { status, code, .. } => (format!("{status} {code}"), None),
            Verdict::Hang => ("hang".to_owned(), None),
            Verdict::Lost { run } => ("lost".to_owned(), Some(run)),
        };
        if attempt.method == Method::POST {
            let count = self.record.by_workflow.entry(attempt.workflow.to_owned()).or_default();
            count.calls += 1;
            count.accepted += u64::from(run.is_some());
            self.record.accepted += u64::from(run.is_some());
        }
        self.record.requests.push(Call {
            workflow: attempt.workflow.to_owned(),
            method: attempt.method.to_string(),
            outcome,
            run: run.cloned(),
            body: attempt.body.clone(),
        });
    }
}

async fn call(
    Extract(state): Extract<Shared>,
    Path(workflow): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let size = body.len();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let attempt = Attempt {
        workflow: &workflow,
        method: &method,
        query: &query,
        content_type: headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()),
        size,
        body: &body,
    };
    let verdict = {
        let mut state = lock(&state);
        let verdict = state.decide(&attempt);
        state.note(&attempt, &verdict);
        verdict
    };
    match verdict {
        Verdict::Accepted { run } => (StatusCode::ACCEPTED, [("x-ms-workflow-run-id", run)]).into_response(),
        Verdict::Refused { status, code, message, retry_after } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = (status, Json(json!({"error": {"code": code, "message": message}}))).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Verdict::Hang | Verdict::Lost { .. } => std::future::pending().await,
    }
}

async fn requests(Extract(state): Extract<Shared>) -> Json<Record> {
    Json(lock(&state).record.clone())
}

async fn stray(Extract(state): Extract<Shared>, method: Method, uri: Uri) -> Response {
    let call = format!("{method} {}", uri.path());
    let note = format!("THE TEAMS DOUBLE HAS NO {call}: neither has a workflow, or the double must learn it");
    lock(&state).record.strays.push(call);
    (StatusCode::NOT_FOUND, note).into_response()
}
