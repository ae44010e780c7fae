//! Changing and deleting a hook. Whoever is second writes on top of the first.

use crate::{
    draft::{self, Faults},
    hooks::{Hooks, entry},
};
use api::hooks::{HookPatch, HookView};
use axum::{extract::State, http::StatusCode};
use domain::{
    hook::{Hook, Scheme},
    ids::HookId,
    principal::{Caller, Scope},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    vault::Kms,
};
use std::sync::Arc;
use store::StoreError;

pub(crate) async fn change<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
    Json(patch): Json<HookPatch>,
) -> Answer<Json<HookView>> {
    let caller = auth.require(Scope::HooksWrite)?;
    let mut again = true;
    loop {
        let stored = hooks.find(&caller.scope, &id).await?;
        let (next, changed) = changed(&stored, &patch)?;
        if changed.is_empty() {
            return Ok(Json(hooks.shown(&stored)));
        }
        match save(&hooks, &caller, next, &changed).await {
            Err(StoreError::Conflict) if again => again = false,
            saved => return Ok(Json(hooks.shown(&saved?))),
        }
    }
}

async fn save<S: store::Hooks, K: Kms>(
    hooks: &Hooks<S, K>,
    caller: &Caller,
    next: Hook,
    changed: &[&str],
) -> Result<Hook, StoreError> {
    let now = hooks.now();
    let next = Hook { rev: next.rev + 1, updated_at: now, updated_by: caller.principal.clone(), ..next };
    let audit = entry(caller, "hook.updated", &next.id, changed.join(", "), now);
    hooks.store.save_hook(&caller.scope, &next, None, &audit).await?;
    Ok(next)
}

/// The hook as the patch wants it, and the fields that differ.
fn changed<'p>(stored: &Hook, patch: &'p HookPatch) -> Answer<(Hook, Vec<&'p str>)> {
    let mut faults = Faults::default();
    let mut next = stored.clone();
    if let Some(name) = &patch.name {
        faults.check_name(name);
        name.trim().clone_into(&mut next.name);
    }
    if let Some(seconds) = patch.replay_window_s {
        faults.check_window(seconds);
        next.replay_window_s = seconds;
    }
    if let Some(events) = &patch.events {
        faults.check_events(events);
        next.events.clone_from(events);
    }
    if let Some(enabled) = patch.enabled {
        next.enabled = enabled;
    }
    if patch.hmac.is_some() || patch.public_url.is_some() {
        let (hmac, public_url) = match &stored.scheme {
            Scheme::Hmac(settings) => (Some(settings.clone()), None),
            Scheme::Twilio { public_url } => (None, public_url.clone()),
            _ => (None, None),
        };
        let hmac = patch.hmac.clone().or(hmac);
        let public_url = patch.public_url.clone().or(public_url);
        if let Some(scheme) = draft::scheme(&mut faults, stored.scheme.name(), hmac, public_url) {
            next.scheme = scheme;
        }
    }
    faults.finish()?;
    let fields = [
        ("name", next.name != stored.name),
        ("scheme", next.scheme != stored.scheme),
        ("events", next.events != stored.events),
        ("enabled", next.enabled != stored.enabled),
        ("replay_window_s", next.replay_window_s != stored.replay_window_s),
    ];
    Ok((next, fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()))
}

pub(crate) async fn delete<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
) -> Answer<StatusCode> {
    let caller = auth.require(Scope::HooksWrite)?;
    let mut again = true;
    loop {
        let stored = hooks.find(&caller.scope, &id).await?;
        let audit = entry(&caller, "hook.deleted", &id, stored.name.clone(), hooks.now());
        match hooks.store.delete_hook(&caller.scope, &stored, &audit).await {
            Err(StoreError::Conflict) if again => again = false,
            deleted => {
                deleted?;
                return Ok(StatusCode::NO_CONTENT);
            }
        }
    }
}
