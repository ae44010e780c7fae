//! One event on its way to an endpoint: its whole story, and posting it again.

use crate::{
    body::OrDefault,
    endpoints::{Endpoints, Place},
    story::{self, Part},
};
use api::{
    endpoints::{EventDeliveryView, EventResend, EventResent},
    problem::{Problem, ProblemKind},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, DeliveryStatus, RESEND_WINDOW_MS},
    ids::{CampaignId, DeliveryId, IntegrationId},
    principal::Scope,
    tenant::TenantScope,
    time::Timestamp,
    webhook::OutEvent,
};
use futures::future::try_join;
use hub::dispatch;
use runtime::{
    caller::Auth,
    http::{Answer, Failed, Json, Path},
};
use std::sync::Arc;
use store::{Audit as _, Bundles as _, StoreError};

/// How often a bundle is read anew when somebody else resends of it at the same time.
const TRIES: u32 = 3;

pub(crate) async fn read<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path((id, delivery)): Path<(IntegrationId, DeliveryId)>,
) -> Answer<Json<EventDeliveryView>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    hub.find(&caller.scope, &id).await?;
    let (generations, event) = found(&hub, &caller.scope, &id, &delivery).await?;
    let member = number_of(&delivery);
    let parts = story::parts(&generations, member);
    let apart = story::apart(&*hub.store, &caller.scope, &parts).await?;
    let whole = story::whole(&id, member, &parts, &apart, &event);
    Ok(Json(whole.ok_or_else(|| Problem::not_found("delivery"))?))
}

/// The number of a delivery in its bundle's payload.
pub(crate) fn number_of(delivery: &DeliveryId) -> u16 {
    delivery.place.map_or(0, |place| place.member)
}

/// All generations of a delivery's bundle, and its event.
pub(crate) async fn found<P: Place>(
    hub: &Endpoints<P>,
    scope: &TenantScope,
    id: &IntegrationId,
    delivery: &DeliveryId,
) -> Answer<(Vec<Bundle>, OutEvent)> {
    let (campaign, origin) = (CampaignId::of_endpoint(id), BundleId::origin_of(delivery));
    let (generations, payload) =
        try_join(hub.store.generations(scope, &campaign, &origin), hub.store.payload(scope, &campaign, &origin))
            .await?;
    let event = payload.and_then(|payload| payload.events.into_iter().nth(usize::from(number_of(delivery))));
    Ok((generations, event.ok_or_else(|| Problem::not_found("delivery"))?))
}

pub(crate) async fn resend<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path((id, delivery)): Path<(IntegrationId, DeliveryId)>,
    OrDefault(wanted): OrDefault<EventResend>,
) -> Answer<(StatusCode, Json<EventResent>)> {
    let caller = auth.require(Scope::EndpointsOperate)?;
    hub.find(&caller.scope, &id).await?;
    let member = number_of(&delivery);
    for _ in 0..TRIES {
        let now = hub.now();
        let (generations, _) = found(&hub, &caller.scope, &id, &delivery).await?;
        let parts = story::parts(&generations, member);
        let newest = *parts.last().ok_or_else(|| Problem::not_found("delivery"))?;
        let (bundle, next) = resent(newest, member, wanted.force, now)?;
        match hub.store.resend(&caller.scope, &bundle, &next).await {
            Ok(()) => {}
            Err(StoreError::Conflict) => continue,
            Err(error) => return Err(error.into()),
        }
        // What does not get through is in the index of what is due: the sweeper queues it.
        dispatch::queue(&hub.queues, &caller.scope, &next, 0).await;
        let detail =
            if wanted.force { format!("{delivery}, although it may have been taken") } else { delivery.to_string() };
        let audit = AuditEntry {
            principal: caller.principal.clone(),
            action: "endpoint.resent",
            target: id.to_string(),
            detail,
            at: now,
        };
        hub.store.append_audit(&caller.scope, &audit).await?;
        return Ok((StatusCode::ACCEPTED, Json(EventResent { id: delivery, status: DeliveryStatus::Queued })));
    }
    Err(StoreError::Conflict.into())
}

/// The bundle and its next generation with this member alone.
fn resent(part: Part<'_>, member: u16, force: bool, now: Timestamp) -> Result<(Bundle, Bundle), Failed> {
    let conflict = |detail: &str| Failed::from(Problem::new(ProblemKind::Conflict, detail));
    match part.status() {
        DeliveryStatus::Sent if force => {}
        DeliveryStatus::Failed | DeliveryStatus::Dead | DeliveryStatus::Unknown => {}
        DeliveryStatus::Sent => {
            return Err(conflict("The endpoint took it. To post it all the same, say `\"force\": true`."));
        }
        DeliveryStatus::Held => return Err(conflict("It waits for its endpoint. Resume that, and it is posted.")),
        DeliveryStatus::Cancelled => return Err(conflict("It was cancelled, which is final.")),
        DeliveryStatus::Queued | DeliveryStatus::Sending | DeliveryStatus::Retrying => {
            return Err(conflict("It is still under way. It can be posted again once that is over."));
        }
    }
    let mut bundle = part.bundle.clone();
    if now.since_ms(bundle.finished_at.unwrap_or(bundle.created_at)) > RESEND_WINDOW_MS {
        return Err(conflict("It is older than 30 days. Send the event in again."));
    }
    let next = bundle.resend_those(|dead| dead.member == member, &[member], now);
    let next = next.ok_or_else(|| conflict("It was posted again too often. Send the event in again."))?;
    Ok((bundle, next))
}
