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

/// How many a filtered list looks through for one answer.
const LOOKED_THROUGH: usize = 1_000;

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
    let (mut cursor, mut looked) = (which.cursor, 0);
    loop {
        let page = hooks.store.rejections(&caller.scope, &id, cursor.as_deref(), limit).await?;
        let asked = page.items.iter().filter(|rejection| which.cause.is_none_or(|cause| rejection.cause == cause));
        let items: Vec<_> = asked.map(RejectionView::from).collect();
        looked += page.items.len();
        if !items.is_empty() || page.next.is_none() || looked >= LOOKED_THROUGH {
            return Ok(Json(List { items, next: page.next }));
        }
        cursor = page.next;
    }
}
