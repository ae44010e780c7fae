//! What a hook turned away.

use crate::hooks::Hooks;
use api::{
    hooks::RejectionView,
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{hook::Cause, ids::HookId, principal::Scope};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
    vault::Kms,
};
use serde::Deserialize;
use std::sync::Arc;

/// Which of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
    cause: Option<Cause>,
}

pub(crate) async fn list<S: store::Hooks, K: Kms>(
    State(hooks): State<Arc<Hooks<S, K>>>,
    auth: Auth,
    Path(id): Path<HookId>,
    Query(which): Query<Which>,
) -> Answer<Json<List<RejectionView>>> {
    let caller = auth.require(Scope::HooksRead)?;
    hooks.find(&caller.scope, &id).await?;
    let limit = PageQuery { limit: which.limit, cursor: None }.limit();
    let page = hooks.store.rejections(&caller.scope, &id, which.cursor.as_deref(), limit).await?;
    let asked = page.items.iter().filter(|rejection| which.cause.is_none_or(|cause| rejection.cause == cause));
    Ok(Json(List { items: asked.map(RejectionView::from).collect(), next: page.next }))
}
