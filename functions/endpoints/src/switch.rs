//! Pausing and resuming. Nothing is lost in between: senders hold what comes for a paused endpoint, and resuming lets it
//! go. Whatever stopped an endpoint, resuming is how it goes on.

use crate::endpoints::{Edit, Endpoints, Place};
use api::endpoints::EndpointView;
use axum::extract::State;
use domain::{
    ids::IntegrationId,
    principal::Scope,
    tenant::TenantScope,
    webhook::{Stop, StopCause},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use std::{sync::Arc, time::Duration};
use store::HeldFor;

/// How long the request waits for held bundles to be let go. What is left then, the sweeper does within a minute.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn pause<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<EndpointView>> {
    let caller = auth.require(Scope::EndpointsOperate)?;
    let now = hub.now();
    let edit = Edit { action: "endpoint.paused", detail: "", release: false };
    let paused = hub.edit(&caller, &id, edit, |endpoint| {
        // Whatever stopped it before stays the reason.
        if endpoint.enabled {
            endpoint.enabled = false;
            endpoint.stopped = Some(Stop { cause: StopCause::Paused, at: now });
        }
    });
    Ok(Json(hub.view(&paused.await?)?))
}

pub(crate) async fn resume<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<EndpointView>> {
    let caller = auth.require(Scope::EndpointsOperate)?;
    let edit = Edit { action: "endpoint.resumed", detail: "", release: true };
    let resumed = hub.edit(&caller, &id, edit, |endpoint| {
        endpoint.enabled = true;
        endpoint.stopped = None;
    });
    let resumed = resumed.await?;
    release(&hub, &caller.scope, &id).await;
    Ok(Json(hub.view(&resumed)?))
}

/// Lets go of what is held for the endpoint. The wish to do so is stored already, so whatever goes wrong here is made up
/// for by the sweeper.
pub(crate) async fn release<P: Place>(hub: &Endpoints<P>, scope: &TenantScope, id: &IntegrationId) {
    let held_for = HeldFor::Integration(id.clone());
    let releasing = hub::release::all(&*hub.store, &hub.queues, scope, &held_for, hub.now());
    match tokio::time::timeout(RELEASE_TIMEOUT, releasing).await {
        Ok(Ok(0)) => {}
        Ok(Ok(bundles)) => tracing::info!(endpoint = %id, bundles, "held bundles were let go"),
        Ok(Err(error)) => tracing::warn!(endpoint = %id, %error, "the sweeper will let go what is held"),
        Err(_) => tracing::info!(endpoint = %id, "much is held; the sweeper will let go the rest"),
    }
}
