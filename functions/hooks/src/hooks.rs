//! What the handlers work with, and the routes.

use crate::{change, create, events, rejections, rotate};
use api::{hooks::HookView, page::List, problem::Problem};
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{
    audit::AuditEntry,
    hook::Hook,
    ids::HookId,
    principal::{Caller, Scope},
    secret::{Secret, Secrets},
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    lazy::Lazy,
    vault::{Kms, Vault},
};
use std::sync::Arc;
use store::SealedSecret;

/// The name of a hook's one secret field.
pub(crate) const SECRET: &str = "secret";

/// What the handlers work with.
pub struct Hooks<S, K> {
    /// Where hooks and their events are.
    pub store: Lazy<S>,
    /// Seals their secrets.
    pub vault: Vault<K>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<S: store::Hooks + 'static, K: Kms + 'static>(hooks: Hooks<S, K>) -> Router {
    Router::new()
        .route("/v1/hooks", get(list::<S, K>).post(create::create::<S, K>))
        .route("/v1/hooks/{id}", get(read::<S, K>).patch(change::change::<S, K>).delete(change::delete::<S, K>))
        .route("/v1/hooks/{id}/rotate-secret", post(rotate::rotate::<S, K>))
        .route("/v1/hooks/{id}/events", get(events::list::<S, K>))
        .route("/v1/hooks/{id}/events/{event_id}", get(events::read::<S, K>))
        .route("/v1/hooks/{id}/events/{event_id}/replay", post(events::replay::<S, K>))
        .route("/v1/hooks/{id}/rejections", get(rejections::list::<S, K>))
        .with_state(Arc::new(hooks))
}

async fn list<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
) -> Answer<Json<List<HookView>>> {
    let caller = auth.require(Scope::HooksRead)?;
    let all = hooks.store.hooks(&caller.scope).await?;
    Ok(Json(List { items: all.iter().map(|hook| hooks.shown(hook)).collect(), next: None }))
}

async fn read<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
) -> Answer<Json<HookView>> {
    let caller = auth.require(Scope::HooksRead)?;
    Ok(Json(hooks.shown(&hooks.find(&caller.scope, &id).await?)))
}

impl<S: store::Hooks, K: Kms> Hooks<S, K> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A hook as its people see it: without a secret before whose time is over.
    pub(crate) fn shown(&self, hook: &Hook) -> HookView {
        let is_over = hook.previous.is_some_and(|previous| previous.until <= self.now());
        let view = HookView::from(hook);
        if is_over { HookView { previous_secret_until: None, ..view } } else { view }
    }

    /// The tenant's hook of this id.
    pub(crate) async fn find(&self, scope: &TenantScope, id: &HookId) -> Answer<Hook> {
        Ok(self.store.hook(scope, id).await?.ok_or_else(|| Problem::not_found("webhook"))?)
    }

    /// A secret, sealed as the version that the hook names.
    pub(crate) async fn sealed(&self, caller: &Caller, hook: &Hook, secret: Secret) -> Answer<SealedSecret> {
        let secrets = Secrets::from([(SECRET.to_owned(), secret)]);
        let sealed = self.vault.seal(&caller.scope, &hook.id, hook.secret_version, &secrets).await?;
        Ok(SealedSecret { by: Some(caller.principal.clone()), ..sealed })
    }
}

/// What was done, for the audit trail.
pub(crate) fn entry(
    caller: &Caller,
    action: &'static str,
    target: &HookId,
    detail: String,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry { principal: caller.principal.clone(), action, target: target.to_string(), detail, at }
}
