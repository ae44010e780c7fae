//! `GET /v1/logs`

use crate::logs::{Logs, Which};
use api::{
    logs::LogEntryView,
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{principal::Scope, time::SECOND_MS};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Query},
};
use std::sync::Arc;

/// How long to look for what is rare, in milliseconds: then whoever asks may go on, and sees that something happens.
const LOOK_MS: i64 = 5 * SECOND_MS;

pub(crate) async fn list<S: store::Logs>(
    State(logs): State<Arc<Logs<S>>>,
    auth: Auth,
    Query(which): Query<Which>,
) -> Answer<Json<List<LogEntryView>>> {
    let caller = auth.require(Scope::LogsRead)?;
    let now = logs.clock.now();
    let query = which.query(now)?;
    let limit = PageQuery { limit: which.limit, cursor: None }.limit();
    let found = logs.look(&caller.scope, &query, which.cursor, limit, now.plus_ms(LOOK_MS)).await?;
    Ok(Json(List { items: found.entries.into_iter().map(LogEntryView::from).collect(), next: found.next }))
}
