//! One call of a hook, from the raw body to the answer.

use crate::{
    known::{Judge, Known},
    tallies::Tallies,
};
use api::{
    hooks::Received,
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{
    hook::{BODY_MAX_BYTES, Call, Cause, Handshake, HookEvent, Refusal, Rejection, SchemeName, Verified, verify},
    ids::{HookEventId, HookId},
    time::{Clock, Timestamp},
};
use runtime::{
    http::{Answer, Failed, Json, Path},
    lazy::Lazy,
    log::Log,
    vault::Kms,
};
use serde_json::json;
use std::{collections::BTreeMap, sync::Arc};
use store::Captured;

/// What the handler works with.
pub(crate) struct Receiver<S, K> {
    pub(crate) known: Known<S, K>,
    pub(crate) store: Lazy<S>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
    pub(crate) tallies: Tallies,
}

/// The route of this function.
pub(crate) fn router<S: store::Hooks + 'static, K: Kms + 'static>(receiver: Receiver<S, K>) -> Router {
    Router::new().route("/v1/hooks/{id}/in", post(receive::<S, K>)).with_state(Arc::new(receiver))
}

async fn receive<S: store::Hooks, K: Kms>(
    State(receiver): State<Arc<Receiver<S, K>>>,
    Path(id): Path<HookId>,
    request: Request,
) -> Answer<Response> {
    let now = receiver.clock.now();
    let arrived = Arrived::read(request).await?;
    let judge = receiver.known.judge(&id, now).await?.ok_or_else(|| Problem::not_found("webhook"))?;
    receiver.log.tenant(judge.scope.tenant());
    receiver.log.note("hook", id.as_str());
    let call = Call { url: &arrived.url, headers: &arrived.headers, body: &arrived.body };
    let turned_away = async |cause: Cause, event: Option<&str>| {
        receiver.turned_away(&judge, Rejection::of(cause, &call, &arrived.source_ip, event, now)).await;
    };
    let verified = match judged(&judge, &call, now) {
        Ok(verified) => verified,
        Err(refusal) => {
            turned_away(refusal.cause, None).await;
            return Err(refused(&refusal));
        }
    };
    if let Some(handshake) = verified.handshake {
        return Ok(shaken(handshake));
    }
    let event = verified.event.as_deref();
    if !judge.hook.takes(event) {
        turned_away(Cause::Filtered, event).await;
        return Ok(accepted(&judge, None, Some(Cause::Filtered)));
    }
    let body = verified.body(&call);
    let captured = HookEvent::of(HookEventId::generate(), &judge.hook, &call, &verified, body, now);
    match receiver.store.capture(&judge.scope, &captured, body, verified.fingerprint.as_deref()).await? {
        Captured::Fresh(id) => {
            receiver.log.note("event", id.as_str());
            Ok(accepted(&judge, Some(id), None))
        }
        Captured::Duplicate(id) => {
            turned_away(Cause::Duplicate, event).await;
            Ok(accepted(&judge, Some(id), Some(Cause::Duplicate)))
        }
    }
}

/// A request, taken apart without being interpreted.
struct Arrived {
    url: String,
    headers: BTreeMap<String, String>,
    body: Bytes,
    source_ip: String,
}

/// More than the gateway hands over.
const ANY_BODY: usize = 16 << 20;

impl Arrived {
    async fn read(request: Request) -> Answer<Self> {
        let (parts, body) = request.into_parts();
        let too_large = |_| Failed::from(Problem::new(ProblemKind::BodyTooLarge, TOO_LARGE));
        let body = axum::body::to_bytes(body, ANY_BODY).await.map_err(too_large)?;
        let source_ip = runtime::http::source_ip(&parts.extensions).unwrap_or_default();
        Ok(Self { url: url(&parts.uri, &parts.headers), headers: headers(&parts.headers), body, source_ip })
    }
}

const TOO_LARGE: &str = "The body may hold at most 1 MB.";

/// The address that was called, as the caller wrote it.
fn url(uri: &Uri, headers: &HeaderMap) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").or_else(|| uri.authority().map(axum::http::uri::Authority::as_str)).unwrap_or_default();
    let scheme = text("x-forwarded-proto").unwrap_or("https");
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    format!("{scheme}://{host}{path}")
}

/// The headers by their names, several of one name joined as HTTP joins them (RFC 9110, section 5.2). One that is no
/// text proves nothing and is left out.
fn headers(all: &HeaderMap) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in all {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        let joined = headers.entry(name.as_str().to_owned()).or_default();
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(value);
    }
    headers
}

fn judged(judge: &Judge, call: &Call<'_>, now: Timestamp) -> Result<Verified, Refusal> {
    let secrets = judge.secrets(now);
    // What is refused anyway is refused for that.
    if secrets.is_empty() && judge.hook.enabled && call.body.len() <= BODY_MAX_BYTES {
        return Err(Cause::SecretUnusable.into());
    }
    verify(&judge.hook, &secrets, call, now)
}

fn refused(refusal: &Refusal) -> Failed {
    let Refusal { cause, field } = refusal;
    let kind = match cause.status() {
        400 => ProblemKind::WebhookMalformed,
        403 => ProblemKind::WebhookDisabled,
        413 => ProblemKind::BodyTooLarge,
        _ => ProblemKind::WebhookRefused,
    };
    let words = cause.explain();
    let mut problem = Problem::new(kind, words.en);
    problem.errors.push(FieldProblem { field: field.clone(), code: cause.code().into(), message: words.fix_en.into() });
    problem.into()
}

/// What proves that this address is the tenant's. Nobody's browser takes it for a page.
fn shaken(handshake: Handshake) -> Response {
    match handshake {
        Handshake::Challenge(challenge) => Json(json!({"challenge": challenge})).into_response(),
        Handshake::ValidationToken(token) => {
            let headers =
                [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (StatusCode::OK, headers, token).into_response()
        }
    }
}

fn accepted(judge: &Judge, event_id: Option<HookEventId>, cause: Option<Cause>) -> Response {
    match judge.hook.scheme.name() {
        // They would take a body for an answer to their user.
        SchemeName::Slack | SchemeName::Twilio => StatusCode::OK.into_response(),
        _ => Json(Received { received: true, event_id, verdict: cause.map(Cause::verdict) }).into_response(),
    }
}

impl<S: store::Hooks, K: Kms> Receiver<S, K> {
    /// Counts a call that was turned away. A count that is not written is no reason to answer otherwise.
    async fn turned_away(&self, judge: &Judge, rejection: Rejection) {
        self.log.note("turned_away", rejection.cause.code());
        let Some(rejection) = self.tallies.add(&judge.hook.id, rejection) else { return };
        if let Err(error) = self.store.count_rejection(&judge.scope, &judge.hook.id, &rejection).await {
            tracing::warn!(%error, "what was turned away is not counted");
        }
    }
}
