//! The routes of the SES double.

use super::{
    super::{
        Attempt, MailApiDouble, Shared, Verdict, Which, lock,
        server::{settle, with_retry_after},
    },
    Key, Refused, SERVICE, SES_SECRET_ACCESS_KEY, SesEvent, account, check, events, refused,
    signature::{self, Signed, Signer},
    tag, text,
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::State as Extract,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::SystemTime;

pub(in super::super) fn router() -> Router<Shared> {
    Router::new()
        .route("/ses/v2/email/outbound-emails", post(send))
        .route("/ses/v2/email/account", get(read_account))
        .route("/_double/ses/event", post(tell))
}

impl MailApiDouble {
    /// The URL in place of `https://email.{region}.amazonaws.com`.
    pub fn ses_url(&self) -> String {
        format!("{}/ses", self.url())
    }

    /// The event that SES sends when this happens to a message that it took.
    pub fn ses_event(&self, message_id: &str, what: SesEvent) -> Option<Value> {
        about(&self.state, message_id, what)
    }
}

#[expect(clippy::disallowed_methods, reason = "the double compares a signature's date with its own clock, as AWS does")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Whose request it is.
fn authenticate(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(Key, Signer), Refused> {
    let known = |id: &str| Key::of(id).map(|_| SES_SECRET_ACCESS_KEY);
    let signer = signature::check(&Signed { method, uri, headers, body }, SERVICE, now(), known)
        .map_err(|(name, words)| refused(403, name, words))?;
    let key = Key::of(&signer.access_key_id).ok_or_else(|| refused(403, "UnrecognizedClientException", ""))?;
    Ok((key, signer))
}

fn refusal((status, name, words): Refused) -> Response {
    // Some of AWS's own services put more behind the name.
    (status, [("x-amzn-errortype", format!("{name}:"))], Json(json!({"message": words}))).into_response()
}

async fn send(Extract(state): Extract<Shared>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let login = authenticate(&method, &uri, &headers, &body);
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let refused_as = login.and_then(|(key, signer)| check(key, &signer.region, &body)).err();
    let attempt = Attempt {
        provider: Which::Ses,
        path: "/v2/email/outbound-emails",
        recipient: text(&body, "/Destination/ToAddresses/0"),
        delivery: tag(&body, "trunkline_delivery"),
        refused: refused_as.as_ref().map(|(status, _, words)| (*status, json!(words))),
        sandbox: false,
        body: &body,
    };
    let id = |number| format!("0102018f-{number:08}-1234-5678-9abc-def012345678-000000");
    settle(state, attempt, id, |verdict, id| match verdict {
        Verdict::Refused(status, _) => refusal(refused_as.unwrap_or((status, "", String::new()))),
        Verdict::Invalid => refusal(refused(400, "BadRequestException", "Domain contains illegal character")),
        Verdict::Limited(_) => refusal(refused(429, "TooManyRequestsException", "Maximum sending rate exceeded.")),
        Verdict::Failing(status, seconds) => {
            let name = if status.is_server_error() { "InternalServiceErrorException" } else { "scripted" };
            with_retry_after(refusal((status, name, "scripted".to_owned())), seconds)
        }
        _ => Json(json!({"MessageId": id})).into_response(),
    })
    .await
}

async fn read_account(Extract(state): Extract<Shared>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let answer = authenticate(&method, &uri, &headers, b"").and_then(|(key, _)| account(key));
    let response = answer.map_or_else(refusal, |account| Json(account).into_response());
    super::super::server::note_test(&state, Which::Ses, "/v2/email/account", &response);
    response
}

/// Which event about which message is wanted.
#[derive(Deserialize)]
struct Wanted {
    message_id: String,
    event: SesEvent,
}

async fn tell(Extract(state): Extract<Shared>, Json(wanted): Json<Wanted>) -> Response {
    match about(&state, &wanted.message_id, wanted.event) {
        Some(event) => Json(event).into_response(),
        None => (StatusCode::NOT_FOUND, "no such message was accepted").into_response(),
    }
}

fn about(state: &Shared, message_id: &str, what: SesEvent) -> Option<Value> {
    let state = lock(state);
    let call = state
        .record
        .requests
        .iter()
        .find(|call| call.provider == Which::Ses && call.message_id.as_deref() == Some(message_id))?;
    Some(events::event(call, "eu-central-1", what))
}
