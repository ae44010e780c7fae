//! What a hook received.

use crate::hooks::{Hooks, entry};
use api::{
    hooks::{HookEventDetail, HookEventView, ReplayAnswer},
    page::{LIMIT_MAX, List, PageQuery},
    problem::Problem,
};
use axum::{extract::State, http::StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    hook::{EventPattern, HookEvent},
    ids::{HookEventId, HookId},
    principal::Scope,
    tenant::TenantScope,
    time::Timestamp,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
    vault::Kms,
};
use serde::Deserialize;
use std::sync::Arc;

/// How many events a filtered list looks through for one answer.
const LOOKED_THROUGH: usize = 1_000;

/// Which events.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
    event: Option<EventPattern>,
    since: Option<String>,
    until: Option<String>,
}

pub(crate) async fn list<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<HookEventView>>> {
    let caller = auth.require(Scope::HooksRead)?;
    hooks.find(&caller.scope, &id).await?;
    let limit = PageQuery { limit: which.limit, cursor: None }.limit();
    let now = hooks.now();
    // Ids are in the order of time, so a moment is a place among them.
    let oldest = moment("since", which.since.as_deref())?.map(HookEventId::least_at);
    let begin =
        moment("until", which.until.as_deref())?.map(|until| HookEventId::least_at(until.plus_ms(1)).to_string());
    let (mut items, mut cursor, mut looked) = (Vec::new(), which.cursor.or(begin), 0);
    loop {
        // Unfiltered, the first page is the answer.
        let wanted = if which.event.is_some() { LIMIT_MAX } else { limit };
        let page = hooks.store.hook_events(&caller.scope, &id, cursor.as_deref(), wanted).await?;
        looked += page.items.len();
        let named = |event: &HookEvent| {
            which.event.as_ref().is_none_or(|pattern| event.event.as_deref().is_some_and(|name| pattern.matches(name)))
        };
        for event in &page.items {
            if items.len() == limit {
                break;
            }
            if oldest.as_ref().is_some_and(|oldest| event.id < *oldest) {
                return Ok(Json(List { items, next: None }));
            }
            cursor = Some(event.id.to_string());
            if named(event) && !event.is_over(now) {
                items.push(HookEventView::from(event));
            }
        }
        let more =
            page.next.is_some() || page.items.last().is_some_and(|last| cursor.as_deref() != Some(last.id.as_str()));
        if !more {
            return Ok(Json(List { items, next: None }));
        }
        if items.len() == limit || looked >= LOOKED_THROUGH || which.event.is_none() {
            return Ok(Json(List { items, next: cursor }));
        }
    }
}

fn moment(field: &str, text: Option<&str>) -> Answer<Option<Timestamp>> {
    let Some(text) = text else { return Ok(None) };
    let invalid = || Problem::invalid_field(field, "invalid", "must be a time: `2026-11-20T10:00:00Z`");
    Ok(Some(Timestamp::parse(text).ok_or_else(invalid)?))
}

pub(crate) async fn read<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path((id, event_id)): Path<(HookId, HookEventId)>,
) -> Answer<Json<HookEventDetail>> {
    let caller = auth.require(Scope::HooksRead)?;
    let (event, bytes) = found(&hooks, &caller.scope, &id, &event_id).await?;
    let mut detail =
        HookEventDetail { event: HookEventView::from(&event), body: None, body_text: None, body_base64: None };
    match serde_json::from_slice(&bytes) {
        Ok(json) => detail.body = Some(json),
        Err(_) => match String::from_utf8(bytes) {
            Ok(text) => detail.body_text = Some(text),
            Err(binary) => detail.body_base64 = Some(STANDARD.encode(binary.as_bytes())),
        },
    }
    Ok(Json(detail))
}

pub(crate) async fn replay<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path((id, event_id)): Path<(HookId, HookEventId)>,
) -> Answer<(StatusCode, Json<ReplayAnswer>)> {
    let caller = auth.require(Scope::HooksReplay)?;
    let (event, _) = found(&hooks, &caller.scope, &id, &event_id).await?;
    let audit = entry(&caller, "hook.event_replayed", &id, event.id.to_string(), hooks.now());
    let replayed = hooks.store.replay_hook_event(&caller.scope, &id, &event_id, &audit).await?;
    let replayed = replayed.ok_or_else(|| Problem::not_found("event"))?;
    Ok((StatusCode::ACCEPTED, Json(ReplayAnswer { id: replayed.id, replay: replayed.replays })))
}

/// An event of a hook that is there, and whose time is not over.
async fn found<S: store::Hooks, K: Kms>(
    hooks: &Hooks<S, K>,
    scope: &TenantScope,
    id: &HookId,
    event_id: &HookEventId,
) -> Answer<(HookEvent, Vec<u8>)> {
    hooks.find(scope, id).await?;
    let found = hooks.store.hook_event(scope, id, event_id).await?;
    Ok(found.filter(|(event, _)| !event.is_over(hooks.now())).ok_or_else(|| Problem::not_found("event"))?)
}
