//! `GET /v1/logs/stats`

use crate::logs::Logs;
use api::logs::{LogStats, STATS_HOURS_DEFAULT, STATS_HOURS_MAX};
use axum::extract::State;
use domain::{health::hour_of, principal::Scope, time::HOUR_MS};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Query},
};
use serde::Deserialize;
use std::sync::Arc;

/// How far back.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Window {
    hours: Option<u32>,
}

pub(crate) async fn stats<S: store::Logs>(
    State(logs): State<Arc<Logs<S>>>,
    auth: Auth,
    Query(window): Query<Window>,
) -> Answer<Json<LogStats>> {
    let caller = auth.require(Scope::LogsRead)?;
    let hours = window.hours.unwrap_or(STATS_HOURS_DEFAULT).clamp(1, STATS_HOURS_MAX);
    let since = hour_of(logs.clock.now().plus_ms(-i64::from(hours) * HOUR_MS));
    let counted = logs.store.log_hours(&caller.scope, since).await?;
    Ok(Json(LogStats::of(since.to_rfc3339(), &counted)))
}
