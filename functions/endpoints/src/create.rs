//! Making an endpoint: judged, tested, sealed, saved. Whatever fails before the last step leaves nothing behind.

use crate::{
    draft::{self, Draft, Wish},
    endpoints::{Endpoints, Place, entry},
    faults::Faults,
};
use api::{
    endpoints::{ENDPOINTS_MAX, EndpointCreate, EndpointSecretShown, SIGNING_SECRET},
    problem::{Problem, ProblemKind},
};
use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{
    channel::{OnUnknown, Provider},
    health::TestReport,
    ids::IntegrationId,
    integration::{Config, Integration},
    principal::{Caller, Scope},
    secret::Secrets,
    time::Timestamp,
    webhook::{Stop, StopCause},
};
use hub::sealing;
use runtime::{
    caller::Auth,
    http::{Answer, Json, Query},
};
use serde_json::json;
use std::sync::Arc;
use store::Integrations as _;

/// How often an endpoint is probed, in minutes.
const PROBE_INTERVAL_MINUTES: u16 = 5;

/// Endpoints are not chosen from: every one that wants an event gets it.
const PRIORITY: u16 = 100;

pub(crate) async fn create<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Query(wish): Query<Wish>,
    Json(body): Json<EndpointCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    let mut faults = Faults::default();
    faults.check_name(&body.name);
    faults.check_limits(body.limits);
    let chosen = draft::choose(body.signing, body.secret.clone())?;
    let mut secrets = Secrets::from([(SIGNING_SECRET.to_owned(), chosen.secret.clone())]);
    draft::put_headers(&mut secrets, &body.headers);
    let draft = Draft { config: config(&body), secrets }.judged(&hub.guard, &mut faults);
    faults.finish()?;
    // Without a fault there is a draft.
    let Some(draft) = draft else { return Err(Problem::not_found("endpoint").into()) };
    if hub.all(&caller.scope).await?.len() >= ENDPOINTS_MAX {
        let detail = format!("A tenant has at most {ENDPOINTS_MAX} endpoints. Delete one that is not used any more.");
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let tested = draft::passed(&hub, &draft, wish).await?;
    let endpoint = made(&body, &draft, tested.clone(), &caller, hub.now());
    let secret =
        sealing::sealed(&*hub.store, &hub.vault, &caller.scope, &endpoint, &draft.secrets, 0, |_| true).await?;
    let audit = entry(&caller, "endpoint.created", &endpoint, endpoint.name.clone());
    hub.store.save_integration(&caller.scope, &endpoint, Some(&secret), false, &audit).await?;
    hub.log_test(&caller, &endpoint, tested.as_ref()).await;
    let location = format!("/v1/endpoints/{}", endpoint.id);
    let shown = EndpointSecretShown { endpoint: hub.view(&endpoint)?, new_secret: chosen.shown(body.signing) };
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(shown)).into_response())
}

/// The settings as they are stored, not judged yet.
fn config(body: &EndpointCreate) -> Config {
    let mut config = Config::new();
    config.insert("url".to_owned(), json!(body.url));
    config.insert("signing".to_owned(), json!(body.signing));
    for (name, value) in [
        ("description", json!(body.description)),
        ("events", json!(body.events)),
        ("filter", body.filter.clone()),
        ("transform", body.transform.clone()),
        ("ordered", json!(body.ordered)),
    ] {
        draft::set(&mut config, name, value);
    }
    config
}

fn made(
    body: &EndpointCreate,
    draft: &Draft,
    last_test: Option<TestReport>,
    caller: &Caller,
    now: Timestamp,
) -> Integration {
    Integration {
        id: IntegrationId::generate(),
        provider: Provider::Webhook,
        name: body.name.trim().to_owned(),
        config: draft.config.clone(),
        masks: draft.masks(),
        secret_version: 1,
        enabled: body.enabled,
        priority: PRIORITY,
        limits: body.limits,
        retry_policy: body.retry_policy,
        // A receiver knows a repeat by its id, so what may have arrived is posted again.
        on_unknown: OnUnknown::Retry,
        probe_interval_minutes: PROBE_INTERVAL_MINUTES,
        last_test,
        created_at: now,
        updated_at: now,
        updated_by: caller.principal.clone(),
        rev: 1,
        deleted_at: None,
        stopped: (!body.enabled).then_some(Stop { cause: StopCause::Paused, at: now }),
    }
}
