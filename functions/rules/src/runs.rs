//! What a rule did.

use crate::rules::Rules;
use api::{
    page::{List, PageQuery},
    rules::RunView,
};
use axum::extract::State;
use domain::{ids::RuleId, principal::Scope, rule::RUN_KEEP_MS};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn list<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Path(id): Path<RuleId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<RunView>>> {
    let caller = auth.require(Scope::RulesRead)?;
    rules.find(&caller.scope, &id).await?;
    let now = rules.now();
    let found = rules.store.runs(&caller.scope, &id, page.cursor.as_deref(), page.limit()).await?;
    // What is over is deleted late.
    let kept = found.items.iter().filter(|run| now.since_ms(run.started_at) < RUN_KEEP_MS);
    Ok(Json(List { items: kept.map(|run| RunView::new(run, now)).collect(), next: found.next }))
}
