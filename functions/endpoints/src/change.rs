//! Changing and deleting an endpoint. Whoever is second writes on top of the first.

use crate::{
    draft::{self, Draft, Wish},
    endpoints::{Edit, Endpoints, Place, entry, next_revision},
    faults::{Faults, field_of},
    switch,
};
use api::{
    endpoints::{EndpointPatch, EndpointView, HEADER, HeaderValues},
    problem::ProblemKind,
};
use axum::{extract::State, http::StatusCode};
use domain::{
    ids::IntegrationId,
    integration::{Config, Integration},
    principal::{Caller, Scope},
    secret::{Secret, Secrets},
};
use hub::sealing;
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc};
use store::Integrations as _;

pub(crate) async fn change<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    Query(wish): Query<Wish>,
    Json(patch): Json<EndpointPatch>,
) -> Answer<Json<EndpointView>> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    let mut changed = apply(&hub, &caller, &id, &patch, wish).await;
    if is_conflict(&changed) {
        // Somebody else was faster: once more on top of theirs.
        changed = apply(&hub, &caller, &id, &patch, wish).await;
    }
    Ok(Json(hub.view(&changed?)?))
}

/// Whether somebody else was faster, so that it is worth to read again and decide anew.
pub(crate) fn is_conflict<T>(answer: &Answer<T>) -> bool {
    answer.as_ref().is_err_and(|failed| failed.problem().code == ProblemKind::Conflict)
}

async fn apply<P: Place>(
    hub: &Endpoints<P>,
    caller: &Caller,
    id: &IntegrationId,
    patch: &EndpointPatch,
    wish: Wish,
) -> Answer<Integration> {
    let stored = hub.find(&caller.scope, id).await?;
    let mut faults = Faults::default();
    let (mut next, mut changed) = with_plain_fields(&stored, patch, &mut faults);
    let touched = touched(hub, caller, &stored, patch, &mut faults).await?;
    faults.finish()?;

    let (mut secret, mut tested) = (None, None);
    if let Some((draft, old)) = touched {
        let (fields, headers) = (changed_fields(&stored.config, &draft.config), changed_secrets(&old, &draft.secrets));
        if fields.contains("url") || !headers.is_empty() {
            tested = draft::passed(hub, &draft, wish).await?;
            // What was not tested has no newest test.
            next.last_test.clone_from(&tested);
        }
        if !headers.is_empty() {
            // The old version stays stored: a sender that read the old revision a moment ago still opens it.
            next.secret_version += 1;
            next.masks = draft.masks();
            let is_new = |name: &str| headers.contains(name);
            let (secrets, before) = (&draft.secrets, stored.secret_version);
            let sealed = sealing::sealed(&*hub.store, &hub.vault, &caller.scope, &next, secrets, before, is_new);
            secret = Some(sealed.await?);
        }
        next.config = draft.config;
        changed.extend(fields);
        changed.extend(headers.iter().map(|name| field_of(&format!("secrets.{name}"))));
    }
    if changed.is_empty() {
        return Ok(stored);
    }
    let next = next_revision(caller, next, hub.now());
    let audit = entry(caller, "endpoint.updated", &next, changed.join(", "));
    hub.store.save_integration(&caller.scope, &next, secret.as_ref(), false, &audit).await?;
    hub.log_test(caller, &next, tested.as_ref()).await;
    Ok(next)
}

/// The endpoint with what needs no test, and the names of what is different then.
fn with_plain_fields(stored: &Integration, patch: &EndpointPatch, faults: &mut Faults) -> (Integration, Vec<String>) {
    let mut next = stored.clone();
    if let Some(name) = &patch.name {
        faults.check_name(name);
        name.trim().clone_into(&mut next.name);
    }
    if let Some(limits) = patch.limits {
        faults.check_limits(limits);
        next.limits = limits;
    }
    next.retry_policy = patch.retry_policy.unwrap_or(stored.retry_policy);
    let different = [
        ("name", next.name != stored.name),
        ("limits", next.limits != stored.limits),
        ("retry_policy", next.retry_policy != stored.retry_policy),
    ];
    let changed = different.into_iter().filter(|(_, different)| *different).map(|(name, _)| name.to_owned()).collect();
    (next, changed)
}

/// The new settings and headers with the old secrets, if the patch is about either.
async fn touched<P: Place>(
    hub: &Endpoints<P>,
    caller: &Caller,
    stored: &Integration,
    patch: &EndpointPatch,
    faults: &mut Faults,
) -> Answer<Option<(Draft, Arc<Secrets>)>> {
    let mut config = stored.config.clone();
    for (name, value) in [
        ("url", patch.url.as_ref().map(|url| json!(url))),
        ("description", patch.description.as_ref().map(|text| json!(text))),
        ("events", patch.events.as_ref().map(|events| json!(events))),
        ("filter", patch.filter.clone()),
        ("transform", patch.transform.clone()),
        ("ordered", patch.ordered.map(|ordered| json!(ordered))),
    ] {
        if let Some(value) = value {
            draft::set(&mut config, name, value);
        }
    }
    if config == stored.config && patch.headers.is_none() {
        return Ok(None);
    }
    let old = hub.opened(&caller.scope, stored).await?;
    let mut secrets = old.as_ref().clone();
    let headers = patch.headers.clone().unwrap_or_default();
    draft::put_headers(&mut secrets, &headers);
    let draft = Draft { config, secrets }.judged(&hub.guard, faults);
    if let Some(draft) = &draft {
        check_destination(stored, draft, &headers, faults);
    }
    Ok(draft.map(|draft| (draft, old)))
}

/// A saved header is shown to nobody, so it is not sent to anybody else either: whoever names another URL gives it too.
fn check_destination(stored: &Integration, draft: &Draft, given: &HeaderValues, faults: &mut Faults) {
    if stored.config.get("url") == draft.config.get("url") {
        return;
    }
    for name in draft.secrets.keys().filter_map(|name| name.strip_prefix(HEADER)) {
        if !given.contains_key(name) {
            let message = "Enter this again: with another `url` it would go to somebody else.";
            faults.add(format!("headers.{name}"), "required", message);
        }
    }
}

/// The names of the settings that are not what they were.
fn changed_fields(old: &Config, new: &Config) -> BTreeSet<String> {
    old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}

/// The names of the secrets that are not what they were.
fn changed_secrets(old: &Secrets, new: &Secrets) -> BTreeSet<String> {
    let differs = |name: &&String| old.get(*name).map(Secret::expose) != new.get(*name).map(Secret::expose);
    old.keys().chain(new.keys()).filter(differs).cloned().collect()
}

pub(crate) async fn delete<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
) -> Answer<StatusCode> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    let now = hub.now();
    // What is held is let go too: its sender then finds the endpoint deleted, and cancels it.
    let edit = Edit { action: "endpoint.deleted", detail: "", release: true };
    hub.edit(&caller, &id, edit, |endpoint| endpoint.deleted_at = Some(now)).await?;
    switch::release(&hub, &caller.scope, &id).await;
    Ok(StatusCode::NO_CONTENT)
}
