//! The routes of the doubles.

use super::{Attempt, Record, Script, Shared, Verdict, Which, lock, postmark, reports, sendgrid, ses};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Query, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

/// The largest message that is taken.
const BODY_MAX_BYTES: usize = 10 * 1024 * 1024;
/// The moment that `SendGrid`'s answers about its limit show, as a date and in Unix seconds (RFC 9110, section 5.6.7).
const DATE: (&str, u64) = ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777);

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/sendgrid/v3/mail/send", post(sendgrid_send))
        .route("/sendgrid/v3/scopes", get(sendgrid_scopes))
        .route("/sendgrid/v3/messages", get(sendgrid_activity))
        .route("/postmark/email", post(postmark_send))
        .route("/postmark/messages/outbound", get(postmark_search))
        .route("/postmark/server", get(postmark_server))
        .merge(ses::server::router())
        .route("/_double/requests", get(requests))
        .route("/_double/script", post(script))
        .route("/_double/reset", post(reset))
        .route("/_double/reports", post(report))
        .route("/_double/sendgrid/public-key", get(public_key))
        .fallback(stray)
        .method_not_allowed_fallback(stray)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(state)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Judges and records an attempt, and answers it in the provider's own words.
pub(super) async fn settle(
    state: Shared,
    attempt: Attempt<'_>,
    id: impl Fn(u64) -> String,
    answer: impl FnOnce(Verdict, Option<String>) -> Response,
) -> Response {
    let response = {
        let mut state = lock(&state);
        let verdict = state.judge(&attempt);
        let id = match verdict {
            Verdict::Accepted(number) => number.map(&id),
            Verdict::Lost(number) => Some(id(number)),
            _ => None,
        };
        match verdict {
            Verdict::Hang | Verdict::Lost(_) => {
                let outcome = if verdict == Verdict::Hang { "hang" } else { "lost" };
                state.note(&attempt, outcome.to_owned(), id);
                None
            }
            verdict => {
                let response = answer(verdict, id.clone());
                state.note(&attempt, response.status().as_u16().to_string(), id);
                Some(response)
            }
        }
    };
    match response {
        Some(response) => response,
        None => std::future::pending().await,
    }
}

fn refusal((status, body): (StatusCode, Value)) -> Response {
    (status, Json(body)).into_response()
}

pub(super) fn with_retry_after(mut response: Response, seconds: Option<u64>) -> Response {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

async fn sendgrid_send(Extract(state): Extract<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let sandbox = body.pointer("/mail_settings/sandbox_mode/enable") == Some(&Value::Bool(true));
    let attempt = Attempt {
        provider: Which::Sendgrid,
        path: "/v3/mail/send",
        recipient: text(&body, "/personalizations/0/to/0/email"),
        delivery: text(&body, "/custom_args/trunkline_delivery"),
        refused: sendgrid::check(&headers, &body).err(),
        sandbox,
        body: &body,
    };
    let id = |number| format!("sg-{number:020}");
    settle(state, attempt, id, |verdict, id| match verdict {
        Verdict::Accepted(None) => StatusCode::OK.into_response(),
        Verdict::Refused(status, body) => refusal((status, body)),
        Verdict::Invalid => {
            refusal(sendgrid::error(400, "Does not contain a valid address.", Some("personalizations.0.to.0.email")))
        }
        Verdict::Limited(seconds) => {
            let reset = (DATE.1 + seconds).to_string();
            let headers = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset), ("date", DATE.0)];
            (headers, refusal(sendgrid::error(429, "too many requests", None))).into_response()
        }
        Verdict::Failing(status, seconds) => {
            with_retry_after(refusal(sendgrid::error(status.as_u16(), "scripted", None)), seconds)
        }
        _ => (StatusCode::ACCEPTED, [("x-message-id", id.unwrap_or_default())]).into_response(),
    })
    .await
}

async fn sendgrid_scopes(Extract(state): Extract<Shared>, headers: HeaderMap) -> Response {
    let response = match sendgrid::key(&headers) {
        Err(refused) => refusal(refused),
        Ok(sendgrid::Key::WithoutScope) => Json(json!({"scopes": ["alerts.read", "stats.read"]})).into_response(),
        Ok(_) => Json(json!({"scopes": ["mail.send", "sender_verification_eligible"]})).into_response(),
    };
    note_test(&state, Which::Sendgrid, "/v3/scopes", &response);
    response
}

async fn sendgrid_activity(
    Extract(state): Extract<Shared>,
    headers: HeaderMap,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    let response = match sendgrid::activity(&headers, &asked) {
        Err(refused) => refusal(refused),
        Ok(delivery) => {
            let found = lock(&state).search(Which::Sendgrid, delivery);
            let messages: Vec<Value> = found.iter().map(sendgrid::in_feed).collect();
            Json(json!({"messages": messages})).into_response()
        }
    };
    note_test(&state, Which::Sendgrid, "/v3/messages", &response);
    response
}

async fn postmark_search(
    Extract(state): Extract<Shared>,
    headers: HeaderMap,
    Query(asked): Query<Vec<(String, String)>>,
) -> Response {
    let response = match postmark::search(&headers, &asked) {
        Err(refused) => refusal(refused),
        Ok(delivery) => {
            let found = lock(&state).search(Which::Postmark, delivery);
            let messages: Vec<Value> = found.iter().map(postmark::in_search).collect();
            Json(json!({"TotalCount": messages.len(), "Messages": messages})).into_response()
        }
    };
    note_test(&state, Which::Postmark, "/messages/outbound", &response);
    response
}

async fn postmark_send(Extract(state): Extract<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let recipient = text(&body, "/To");
    let attempt = Attempt {
        provider: Which::Postmark,
        path: "/email",
        recipient,
        delivery: text(&body, "/Metadata/delivery"),
        refused: postmark::check(&headers, &body).err(),
        sandbox: false,
        body: &body,
    };
    let id = |number| format!("00000000-0000-4000-8000-{number:012}");
    settle(state, attempt, id, |verdict, id| match verdict {
        Verdict::Refused(status, body) => refusal((status, body)),
        Verdict::Invalid => {
            let words = format!("Invalid 'To' address: '{recipient}'.");
            refusal(postmark::error(StatusCode::UNPROCESSABLE_ENTITY, 300, &words))
        }
        Verdict::Inactive => {
            let words = format!(
                "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: \
                 {recipient}. Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a \
                 manual suppression."
            );
            refusal(postmark::error(StatusCode::UNPROCESSABLE_ENTITY, 406, &words))
        }
        Verdict::Limited(_) => refusal(postmark::error(StatusCode::TOO_MANY_REQUESTS, 429, "Rate Limit Exceeded")),
        Verdict::Failing(status, seconds) => {
            let code = if status == StatusCode::SERVICE_UNAVAILABLE { 100 } else { 0 };
            with_retry_after(refusal(postmark::error(status, code, "scripted")), seconds)
        }
        _ => {
            let answer = json!({
                "To": recipient, "SubmittedAt": "2026-11-20T12:00:00.0000000Z", "MessageID": id, "ErrorCode": 0,
                "Message": "OK"
            });
            Json(answer).into_response()
        }
    })
    .await
}

async fn postmark_server(Extract(state): Extract<Shared>, headers: HeaderMap) -> Response {
    let server = json!({
        "ID": 1, "Name": "Double", "ApiTokens": [], "Color": "blue", "SmtpApiActivated": true, "DeliveryType": "Live",
        "TrackOpens": false, "TrackLinks": "None"
    });
    let response = postmark::token(&headers).map_or_else(refusal, |_| Json(server).into_response());
    note_test(&state, Which::Postmark, "/server", &response);
    response
}

pub(super) fn note_test(state: &Shared, provider: Which, path: &'static str, response: &Response) {
    let attempt =
        Attempt { provider, path, recipient: "", delivery: "", refused: None, sandbox: false, body: &Value::Null };
    lock(state).note(&attempt, response.status().as_u16().to_string(), None);
}

async fn requests(Extract(state): Extract<Shared>) -> Json<Record> {
    Json(lock(&state).record.clone())
}

async fn script(Extract(state): Extract<Shared>, Json(script): Json<Script>) -> StatusCode {
    lock(&state).script = script;
    StatusCode::NO_CONTENT
}

async fn reset(Extract(state): Extract<Shared>) -> StatusCode {
    lock(&state).reset();
    StatusCode::NO_CONTENT
}

/// What a provider would post about a message that was taken; posting it is left to the caller.
async fn report(Extract(state): Extract<Shared>, Json(wanted): Json<reports::Wanted>) -> Response {
    let record = lock(&state).record.clone();
    let taken = record.requests.iter().rev().find(|call| call.delivery == wanted.delivery && call.message_id.is_some());
    let posted = taken.zip(reports::signer()).and_then(|(taken, signer)| reports::postings(signer, taken, &wanted));
    match posted {
        Some(posted) => Json(posted).into_response(),
        None => {
            (StatusCode::NOT_FOUND, "no such message was taken, or its provider reports no such thing").into_response()
        }
    }
}

async fn public_key() -> Response {
    reports::signer().map(reports::Signer::public_key).unwrap_or_default().into_response()
}

async fn stray(Extract(state): Extract<Shared>, method: Method, uri: Uri) -> Response {
    let call = format!("{method} {}", uri.path());
    let note = format!("THE DOUBLE HAS NO {call}: neither has the provider, or the double must learn it");
    lock(&state).record.strays.push(call);
    (StatusCode::NOT_FOUND, note).into_response()
}
