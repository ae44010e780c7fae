//! Posting a sample event to see what the endpoint makes of it. Nothing of it is stored but how the endpoint did.

use crate::{
    body::OrDefault,
    endpoints::{Endpoints, Place, away, is_passing},
};
use api::{
    campaigns::DeliveryError,
    endpoints::{EndpointTest, EndpointTestView, HeaderView},
    problem::Problem,
};
use axum::extract::State;
use domain::{
    failure::{Failure, FailureKind},
    health::TestReport,
    ids::{DeliveryId, EventId, IntegrationId, RequestId},
    integration::Integration,
    principal::{Caller, Scope},
    webhook::{Answer as Answered, DATA_MAX_BYTES, OutEvent},
};
use providers::{Carry as _, Post, Reply};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use store::Integrations as _;

/// The type of a sample event, unless the caller wants another.
const KIND: &str = "endpoint.test";

/// How long an endpoint may take to answer a sample event: the gateway gives up after 30 s.
const TIMEOUT: Duration = Duration::from_secs(25);

pub(crate) async fn test<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    OrDefault(wanted): OrDefault<EndpointTest>,
) -> Answer<Json<EndpointTestView>> {
    // What is posted is signed like any other event: to the receiver it is what happened.
    let needed = if is_plain(&wanted) { Scope::EndpointsOperate } else { Scope::EndpointsWrite };
    let caller = auth.require(needed)?;
    let endpoint = hub.find(&caller.scope, &id).await?;
    let event = sample(&hub, &endpoint, wanted)?;
    let reply = posted(&hub, &caller, &endpoint, &event).await?;
    let Reply { answer, result } = reply;
    let report = match &result {
        Ok(()) => TestReport::passed(&format!("test event: {}", said(&answer)), answer.duration_ms.into(), hub.now()),
        Err(failure) => TestReport::failed(failure, answer.duration_ms.into(), hub.now()),
    };
    hub.store.record_test(&caller.scope, &endpoint, &report, &caller.principal).await?;
    Ok(Json(EndpointTestView {
        ok: result.is_ok(),
        event_id: event.id,
        kind: event.kind,
        status: answer.status,
        duration_ms: answer.duration_ms,
        headers: HeaderView::all(&answer.headers),
        body: answer.body,
        error: result.err().map(|failure| DeliveryError::new(failure.code, &failure.detail)),
    }))
}

fn said(answer: &Answered) -> String {
    answer.status.map_or_else(|| "no answer".to_owned(), |status| format!("HTTP {status}"))
}

/// Whether it is a test and nothing else: whoever operates endpoints tells receivers nothing of their own.
fn is_plain(wanted: &EndpointTest) -> bool {
    wanted.data.is_none() && wanted.kind.as_ref().is_none_or(|kind| kind.as_str() == KIND)
}

fn sample<P: Place>(hub: &Endpoints<P>, endpoint: &Integration, wanted: EndpointTest) -> Answer<OutEvent> {
    let now = hub.now();
    let words = || json!({"message": "A test of this endpoint. Nothing happened.", "endpoint_id": endpoint.id});
    let data = wanted.data.unwrap_or_else(words).to_string();
    if data.len() > DATA_MAX_BYTES {
        let message = format!("may hold at most {DATA_MAX_BYTES} bytes");
        return Err(Problem::invalid_field("data", "out_of_range", message).into());
    }
    let kind = match wanted.kind {
        Some(kind) => kind,
        None => KIND.parse().map_err(|_| Problem::invalid_field("type", "invalid", "must be the type of an event"))?,
    };
    Ok(OutEvent { id: EventId::of(&RequestId::generate(), None), kind, at: now, data, key: None })
}

async fn posted<P: Place>(
    hub: &Endpoints<P>,
    caller: &Caller,
    endpoint: &Integration,
    event: &OutEvent,
) -> Answer<Reply> {
    let line = match hub.connections.line(&caller.scope, endpoint).await {
        Ok(line) => line,
        Err(failure) if is_passing(&failure) => return Err(away(endpoint, &failure)),
        Err(failure) => return Ok(Reply { answer: Answered::default(), result: Err(failure) }),
    };
    let delivery = DeliveryId { request: RequestId::generate(), place: None };
    let post = Post { delivery: &delivery, event, at: hub.now() };
    let too_slow = || {
        let duration_ms = u32::try_from(TIMEOUT.as_millis()).unwrap_or(u32::MAX);
        let words = format!("no answer within {} s", TIMEOUT.as_secs());
        let answer = Answered { duration_ms, ..Answered::default() };
        Reply {
            answer,
            result: Err(Failure::new(FailureKind::Transient { after_ms: None }, "endpoint_timeout", &words)),
        }
    };
    Ok(tokio::time::timeout(TIMEOUT, line.post(&post)).await.unwrap_or_else(|_| too_slow()))
}
