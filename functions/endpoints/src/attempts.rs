//! Attempts to post to an endpoint: the newest ones, and one in full.

use crate::{
    deliveries::{found, number_of},
    endpoints::{Endpoints, Place},
    story::{self, AttemptId},
};
use api::{
    campaigns::DeliveryError,
    endpoints::{AttemptResult, AttemptSummary, EventAttemptDetail},
    page::{List, PageQuery},
    problem::Problem,
};
use axum::extract::State;
use domain::{
    bundle::{BundleId, Payload},
    ids::{CampaignId, IntegrationId},
    log::{Entry, EntryType, Filter, KEEP_MS},
    principal::Scope,
    tenant::TenantScope,
    time::Timestamp,
    webhook::filter::EventPattern,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use store::{Bundles as _, LogQuery, Logs as _, StoreError};

/// What every attempt's entry in the log begins with.
const WEBHOOK: &str = "webhook.";

/// Which attempts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
    status: Option<AttemptResult>,
    #[serde(rename = "type")]
    kind: Option<EventPattern>,
    since: Option<String>,
    until: Option<String>,
}

/// From the log, which tells of every attempt some seconds after it.
pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<AttemptSummary>>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    hub.find(&caller.scope, &id).await?;
    let oldest = hub.now().plus_ms(-KEEP_MS);
    let since = moment("since", which.since.as_deref())?.map_or(oldest, |since| since.max(oldest));
    let event = which.status.map_or_else(|| format!("{WEBHOOK}*"), |status| format!("{WEBHOOK}{}", status.as_str()));
    let filter = Filter { kind: Some(EntryType::Webhook), event: Some(event), ..Filter::of_integration(&id) };
    let query = LogQuery { filter, since, until: moment("until", which.until.as_deref())? };
    let limit = PageQuery { limit: which.limit, cursor: None }.limit();
    let page = hub.store.log(&caller.scope, &query, which.cursor.as_deref(), limit).await?;
    let entries: Vec<Entry> = page.items.into_iter().map(|stamped| stamped.entry).collect();
    let payloads = payloads(&hub, &caller.scope, &id, &entries).await?;
    let wanted = |summary: &AttemptSummary| {
        which.kind.as_ref().is_none_or(|kind| summary.kind.as_ref().is_some_and(|it| kind.matches(it.as_str())))
    };
    let items = entries.iter().filter_map(|entry| summary(entry, &payloads)).filter(wanted).collect();
    Ok(Json(List { items, next: page.next }))
}

/// Reads a time of the query, if it is there.
fn moment(field: &str, text: Option<&str>) -> Answer<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let invalid = || Problem::invalid_field(field, "invalid", "must be a time: `2026-11-20T10:00:00Z`");
    Ok(Some(Timestamp::parse(text).ok_or_else(invalid)?))
}

/// The events of these entries, by the bundle that each delivery began in.
async fn payloads<P: Place>(
    hub: &Endpoints<P>,
    scope: &TenantScope,
    id: &IntegrationId,
    entries: &[Entry],
) -> Result<BTreeMap<BundleId, Payload>, StoreError> {
    let origins: BTreeSet<BundleId> =
        entries.iter().filter_map(|entry| entry.delivery.as_ref()).map(BundleId::origin_of).collect();
    let origins: Vec<BundleId> = origins.into_iter().collect();
    let found = hub.store.payloads(scope, &CampaignId::of_endpoint(id), &origins).await?;
    Ok(origins.into_iter().zip(found).filter_map(|(origin, payload)| Some((origin, payload?))).collect())
}

fn summary(entry: &Entry, payloads: &BTreeMap<BundleId, Payload>) -> Option<AttemptSummary> {
    let delivery = entry.delivery.clone()?;
    let payload = payloads.get(&BundleId::origin_of(&delivery));
    // The event may be gone a little before the log.
    let event = payload.and_then(|payload| payload.events.get(usize::from(number_of(&delivery))));
    let failed = (!entry.code.is_empty()).then(|| DeliveryError::new(&entry.code, &entry.detail));
    Some(AttemptSummary {
        id: AttemptId { delivery: delivery.clone(), generation: entry.generation }.to_string(),
        delivery_id: delivery,
        event_id: event.map(|event| event.id.clone()),
        kind: event.map(|event| event.kind.clone()),
        result: entry.event.strip_prefix(WEBHOOK)?.parse().ok()?,
        number: entry.retry_count + 1,
        at: entry.at.to_rfc3339(),
        status: entry.http_status,
        duration_ms: entry.duration_ms,
        error: failed,
    })
}

pub(crate) async fn read<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path((id, attempt)): Path<(IntegrationId, AttemptId)>,
) -> Answer<Json<EventAttemptDetail>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    hub.find(&caller.scope, &id).await?;
    let AttemptId { delivery, generation } = attempt;
    let (generations, event) = found(&hub, &caller.scope, &id, &delivery).await?;
    let parts = story::parts(&generations, number_of(&delivery));
    let part = parts.into_iter().find(|part| part.bundle.id.generation == generation);
    let part = part.ok_or_else(|| Problem::not_found("attempt"))?;
    let apart = story::apart(&*hub.store, &caller.scope, &[part]).await?;
    let told = apart.first().and_then(|apart| part.attempt(apart));
    let attempt = told.ok_or_else(|| Problem::not_found("attempt"))?;
    Ok(Json(EventAttemptDetail { attempt, delivery_id: delivery, event: story::event(&event) }))
}
