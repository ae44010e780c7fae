//! `GET /v1/logs/{id}`

use crate::logs::Logs;
use api::{
    logs::{LogEntryDetail, LogEntryView},
    problem::Problem,
};
use axum::extract::State;
use domain::{
    log::{KEEP_MS, LogId, Stamped},
    principal::Scope,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use std::sync::Arc;

pub(crate) async fn read<S: store::Logs>(
    State(logs): State<Arc<Logs<S>>>,
    auth: Auth,
    Path(id): Path<LogId>,
) -> Answer<Json<LogEntryDetail>> {
    let caller = auth.require(Scope::LogsRead)?;
    // What is over may be deleted up to two days late.
    let is_kept = |at| logs.clock.now().since_ms(at) <= KEEP_MS;
    let entry = logs.store.log_entry(&caller.scope, id).await?.filter(|entry| is_kept(entry.at));
    let entry = entry.ok_or_else(|| Problem::not_found("log entry"))?;
    Ok(Json(LogEntryDetail::from(LogEntryView::from(Stamped { id, entry }))))
}
