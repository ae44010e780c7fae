//! Making a hook.

use crate::{
    draft::{self, Faults},
    hooks::{Hooks, entry},
};
use api::{
    hooks::{HookCreate, HookSecretShown, HookView},
    problem::{Problem, ProblemKind},
};
use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{
    hook::{HOOKS_MAX, Hook},
    ids::HookId,
    principal::Scope,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json},
    vault::Kms,
};
use std::sync::Arc;

pub(crate) async fn create<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Json(wanted): Json<HookCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::HooksWrite)?;
    let mut faults = Faults::default();
    faults.check_name(&wanted.name);
    faults.check_window(wanted.replay_window_s);
    faults.check_events(&wanted.events);
    let scheme = draft::scheme(&mut faults, wanted.scheme, wanted.hmac, wanted.public_url);
    let chosen = draft::secret(&mut faults, wanted.scheme, wanted.secret)?;
    faults.finish()?;
    // Without a fault there are both.
    let (Some(scheme), Some(chosen)) = (scheme, chosen) else { return Err(Problem::not_found("webhook").into()) };
    if hooks.store.hooks(&caller.scope).await?.len() >= HOOKS_MAX {
        let detail = format!("A tenant has at most {HOOKS_MAX} webhooks. Delete one that is not used any more.");
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let now = hooks.now();
    let hook = Hook {
        id: HookId::generate(),
        name: wanted.name.trim().to_owned(),
        scheme,
        events: wanted.events,
        enabled: wanted.enabled,
        replay_window_s: wanted.replay_window_s,
        secret_mask: chosen.secret.mask(),
        secret_version: 1,
        previous: None,
        created_at: now,
        updated_at: now,
        updated_by: caller.principal.clone(),
        rev: 1,
    };
    let shown = chosen.made.then(|| chosen.secret.expose().to_owned());
    let sealed = hooks.sealed(&caller, &hook, chosen.secret).await?;
    let audit = entry(&caller, "hook.created", &hook.id, format!("{}: {}", hook.name, hook.scheme.name()), now);
    hooks.store.save_hook(&caller.scope, &hook, Some(&sealed), &audit).await?;
    let location = format!("/v1/hooks/{}", hook.id);
    let body = HookSecretShown { hook: HookView::from(&hook), new_secret: shown };
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(body)).into_response())
}
