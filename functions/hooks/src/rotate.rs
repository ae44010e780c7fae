//! Giving a hook a new secret. The one before stays valid for a while, so that the provider can be changed meanwhile; the
//! one before that ends.

use crate::{
    draft::{self, Faults},
    hooks::{Hooks, entry},
};
use api::{
    hooks::{HookSecretShown, HookView, SecretRotate},
    problem::Problem,
};
use axum::extract::State;
use domain::{hook::GRACES_HOURS, ids::HookId, principal::Scope};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    vault::Kms,
};
use std::sync::Arc;

pub(crate) async fn rotate<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
    Json(wanted): Json<SecretRotate>,
) -> Answer<Json<HookSecretShown>> {
    let caller = auth.require(Scope::HooksWrite)?;
    let mut next = hooks.find(&caller.scope, &id).await?;
    let mut faults = Faults::default();
    if !GRACES_HOURS.contains(&wanted.grace_hours) {
        faults.add("grace_hours", "out_of_range", format!("must be 0 to {} hours", GRACES_HOURS.end()));
    }
    let chosen = draft::secret(&mut faults, next.scheme.name(), wanted.secret)?;
    faults.finish()?;
    // Without a fault there is one.
    let chosen = chosen.ok_or_else(|| Problem::not_found("webhook"))?;
    let now = hooks.now();
    next.rotate(chosen.secret.mask(), wanted.grace_hours, now);
    next.rev += 1;
    next.updated_at = now;
    next.updated_by = caller.principal.clone();
    let shown = chosen.made.then(|| chosen.secret.expose().to_owned());
    let sealed = hooks.sealed(&caller, &next, chosen.secret).await?;
    let detail = format!("version {}, the one before valid for {} h", next.secret_version, wanted.grace_hours);
    let audit = entry(&caller, "hook.secret_rotated", &next.id, detail, now);
    // Of two rotations at the same time one is told to look again: each would have shown its secret as the newest.
    hooks.store.save_hook(&caller.scope, &next, Some(&sealed), &audit).await?;
    Ok(Json(HookSecretShown { hook: HookView::from(&next), new_secret: shown }))
}
