//! The routes of the double.

use super::{
    Call, Record, Script, Shared, State, lock,
    rules::{self, Behaviour, Refused, Token},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State as Extract},
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

const POST: &str = "/api/chat.postMessage";
/// The first message id in seconds: ids look real without reading a clock.
const FIRST_TS: u64 = 1_763_600_000;

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route(POST, post(post_message))
        .route("/api/auth.test", post(auth_test))
        .route("/services/{team}/{hook}/{key}", post(webhook))
        .route("/_double/requests", get(requests))
        .route("/_double/script", post(script))
        .route("/_double/reset", post(reset))
        .fallback(stray)
        .method_not_allowed_fallback(stray)
        .with_state(state)
}

fn text_of(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn web_api_error(refused: &Refused) -> Response {
    let mut body = json!({"ok": false, "error": refused.error});
    if !refused.messages.is_empty() {
        body["response_metadata"] = json!({"messages": refused.messages});
    }
    Json(body).into_response()
}

/// What happens to an attempt to post.
enum Verdict {
    Accepted { ts: String },
    WebApi(Refused),
    Http { status: StatusCode, retry_after: Option<u64>, text: String },
    Hang,
}

impl State {
    /// Records an attempt to post and decides about it.
    fn attempt(&mut self, path: &str, channel: &str, body: &Value, checked: Result<(), Refused>) -> Verdict {
        let calls = self.record.by_channel.get(channel).map_or(0, |count| count.calls);
        let verdict = match checked {
            Err(refused) => Verdict::WebApi(refused),
            Ok(()) => self.scripted().unwrap_or_else(|| self.decide(channel, calls == 0, path == POST)),
        };
        let outcome = match &verdict {
            Verdict::Accepted { .. } => "ok".to_owned(),
            Verdict::WebApi(refused) => refused.error.to_string(),
            Verdict::Http { status, .. } => status.as_u16().to_string(),
            Verdict::Hang => "hang".to_owned(),
        };
        let count = self.record.by_channel.entry(channel.to_owned()).or_default();
        count.calls += 1;
        if outcome == "ok" {
            count.accepted += 1;
            self.record.accepted += 1;
        }
        self.note(path, channel, outcome, body.clone());
        verdict
    }

    fn note(&mut self, path: &str, channel: &str, outcome: String, body: Value) {
        self.record.requests.push(Call { path: path.to_owned(), channel: channel.to_owned(), outcome, body });
    }

    fn scripted(&self) -> Option<Verdict> {
        let fail = self.script.fail.as_deref()?;
        Some(match fail.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) {
            Some(status) => Verdict::Http { status, retry_after: self.script.retry_after, text: "scripted".to_owned() },
            None => Verdict::WebApi(Refused { error: fail.to_owned().into(), messages: Vec::new() }),
        })
    }

    fn decide(&mut self, channel: &str, first: bool, web_api: bool) -> Verdict {
        let http = |status, retry_after, text: &str| Verdict::Http { status, retry_after, text: text.to_owned() };
        match rules::behaviour(channel) {
            Behaviour::LimitOnce(seconds) if first => {
                http(StatusCode::TOO_MANY_REQUESTS, Some(seconds), r#"{"ok":false,"error":"ratelimited"}"#)
            }
            Behaviour::FailOnce if first => http(StatusCode::INTERNAL_SERVER_ERROR, None, "server_error"),
            Behaviour::Down => http(StatusCode::SERVICE_UNAVAILABLE, None, "service_unavailable"),
            Behaviour::Hang => Verdict::Hang,
            Behaviour::Refuse(error, _) if web_api => Verdict::WebApi(error.into()),
            Behaviour::Refuse(_, (status, text)) => {
                http(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), None, text)
            }
            Behaviour::Accept | Behaviour::LimitOnce(_) | Behaviour::FailOnce => {
                self.messages += 1;
                let ts = format!("{}.{:06}", FIRST_TS + self.messages / 1_000_000, self.messages % 1_000_000);
                Verdict::Accepted { ts }
            }
        }
    }
}

async fn answer(verdict: Verdict, accepted: impl FnOnce(&str) -> Response) -> Response {
    match verdict {
        Verdict::Accepted { ts } => accepted(&ts),
        Verdict::WebApi(refused) => web_api_error(&refused),
        Verdict::Http { status, retry_after, text } => {
            let mut response = (status, text).into_response();
            if let Some(seconds) = retry_after {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
        Verdict::Hang => std::future::pending().await,
    }
}

async fn post_message(Extract(state): Extract<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if !rules::is_json(text_of(&headers, header::CONTENT_TYPE)) {
        return web_api_error(&"invalid_post_type".into());
    }
    let token = rules::token(text_of(&headers, header::AUTHORIZATION));
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let checked = match token {
        Err(error) => Err(error.into()),
        Ok(Token::WithoutScope) => Err("missing_scope".into()),
        Ok(Token::Good) => rules::check_post(&body).map(|_| ()),
    };
    let channel = body["channel"].as_str().unwrap_or_default().to_owned();
    let scope = checked.as_ref().is_err_and(|refused: &Refused| refused.error == "missing_scope");
    let verdict = lock(&state).attempt(POST, &channel, &body, checked);
    if scope {
        let answer = json!({"ok": false, "error": "missing_scope", "needed": "chat:write", "provided": "users:read"});
        return Json(answer).into_response();
    }
    answer(verdict, |ts| {
        // A message to a person is answered with the id of the conversation.
        let conversation =
            channel.strip_prefix(['U', 'W']).map_or_else(|| channel.clone(), |person| format!("D{person}"));
        let message =
            json!({"type": "message", "bot_id": "B0DOUBLE", "user": "U0DOUBLE", "ts": ts, "text": body["text"]});
        Json(json!({"ok": true, "channel": conversation, "ts": ts, "message": message})).into_response()
    })
    .await
}

async fn auth_test(Extract(state): Extract<Shared>, headers: HeaderMap) -> Response {
    let token = rules::token(text_of(&headers, header::AUTHORIZATION));
    let outcome = token.map_or_else(ToOwned::to_owned, |_| "ok".to_owned());
    lock(&state).note("/api/auth.test", "", outcome, Value::Null);
    let scopes = match token {
        Err(error) => return web_api_error(&error.into()),
        Ok(Token::Good) => "chat:write,users:read",
        Ok(Token::WithoutScope) => "users:read",
    };
    let who = json!({
        "ok": true, "url": "https://double.slack.com/", "team": "Double", "user": "trunkline",
        "team_id": "T0DOUBLE", "user_id": "U0DOUBLE", "bot_id": "B0DOUBLE", "is_enterprise_install": false
    });
    ([("x-oauth-scopes", scopes)], Json(who)).into_response()
}

async fn webhook(
    Extract(state): Extract<Shared>,
    Path((team, hook, key)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let plain =
        |text: &str, begin: char| text.starts_with(begin) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !plain(&team, 'T') || !plain(&hook, 'B') || key.len() != 24 {
        return (StatusCode::NOT_FOUND, "no_team").into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let checked = if rules::is_json(text_of(&headers, header::CONTENT_TYPE)) {
        rules::check_webhook(&body)
    } else {
        Err("invalid_payload".into())
    };
    // A webhook that is gone says so whatever it is sent.
    let gone = matches!(rules::behaviour(&hook), Behaviour::Refuse(..));
    let checked = if gone { Ok(()) } else { checked };
    let verdict = lock(&state).attempt("/services", &hook, &body, checked);
    match verdict {
        Verdict::WebApi(refused) => (StatusCode::BAD_REQUEST, refused.error.into_owned()).into_response(),
        verdict => answer(verdict, |_| "ok".into_response()).await,
    }
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

async fn stray(Extract(state): Extract<Shared>, method: Method, uri: Uri) -> Response {
    let call = format!("{method} {}", uri.path());
    let note = format!("THE SLACK DOUBLE HAS NO {call}: neither has Slack, or the double must learn it");
    lock(&state).record.strays.push(call);
    (StatusCode::NOT_FOUND, Json(json!({"ok": false, "error": "unknown_method", "note": note}))).into_response()
}
