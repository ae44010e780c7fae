//! What the handlers work with, and the routes.

use crate::{csv_file, list, read, stats};
use api::problem::Problem;
use axum::{Router, routing::get};
use domain::{
    ids::{CampaignId, HookId, IntegrationId},
    log::{Direction, EntryStatus, EntryType, Filter, KEEP_MS, Stamped},
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use runtime::{http::Answer, lazy::Lazy};
use serde::Deserialize;
use std::sync::Arc;
use store::LogQuery;

/// What the handlers work with.
pub struct Logs<S> {
    /// Where the log is.
    pub store: Lazy<S>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<S: store::Logs + 'static>(logs: Logs<S>) -> Router {
    Router::new()
        .route("/v1/logs", get(list::list::<S>))
        .route("/v1/logs.csv", get(csv_file::csv_file::<S>))
        .route("/v1/logs/stats", get(stats::stats::<S>))
        .route("/v1/logs/{id}", get(read::read::<S>))
        .with_state(Arc::new(logs))
}

/// Which entries, as the query says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    #[serde(rename = "type")]
    kind: Option<EntryType>,
    direction: Option<Direction>,
    status: Option<EntryStatus>,
    integration_id: Option<IntegrationId>,
    endpoint_id: Option<IntegrationId>,
    hook_id: Option<HookId>,
    campaign_id: Option<CampaignId>,
    event: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
    since: Option<String>,
    until: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<String>,
}

impl Which {
    /// What to look for; nothing that is older than the log is kept.
    pub(crate) fn query(&self, now: Timestamp) -> Answer<LogQuery> {
        let moment = |field: &str, text: Option<&String>| -> Answer<Option<Timestamp>> {
            let Some(text) = text else { return Ok(None) };
            let invalid = || Problem::invalid_field(field, "invalid", "must be a time like `2026-11-20T10:00:00Z`");
            Ok(Some(Timestamp::parse(text).ok_or_else(invalid)?))
        };
        let kept_since = now.plus_ms(-KEEP_MS);
        let since = moment("since", self.since.as_ref())?.unwrap_or(kept_since).max(kept_since);
        Ok(LogQuery {
            filter: Filter {
                kind: self.kind,
                direction: self.direction,
                status: self.status,
                integration: self.integration_id.clone().or_else(|| self.endpoint_id.clone()),
                hook: self.hook_id.clone(),
                campaign: self.campaign_id.clone(),
                event: self.event.clone(),
                code: self.code.clone(),
                request_id: self.request_id.clone(),
            },
            since,
            until: moment("until", self.until.as_ref())?,
        })
    }

    /// The query of the address that goes on at `cursor`.
    pub(crate) fn after(&self, cursor: &str) -> String {
        let text = |value: &Option<String>| value.clone();
        let named: [(&str, Option<String>); 13] = [
            ("type", self.kind.map(|it| it.to_string())),
            ("direction", self.direction.map(|it| it.to_string())),
            ("status", self.status.map(|it| it.to_string())),
            ("integration_id", self.integration_id.as_ref().map(ToString::to_string)),
            ("endpoint_id", self.endpoint_id.as_ref().map(ToString::to_string)),
            ("hook_id", self.hook_id.as_ref().map(ToString::to_string)),
            ("campaign_id", self.campaign_id.as_ref().map(ToString::to_string)),
            ("event", text(&self.event)),
            ("code", text(&self.code)),
            ("request_id", text(&self.request_id)),
            ("since", text(&self.since)),
            ("until", text(&self.until)),
            ("cursor", Some(cursor.to_owned())),
        ];
        let pairs = named.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", encoded(&value?))));
        pairs.collect::<Vec<_>>().join("&")
    }
}

/// A value of a query (RFC 3986, section 2.3: what needs no encoding).
fn encoded(value: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    value.bytes().map(one).collect()
}

/// Some entries, and where to go on.
pub(crate) struct Found {
    pub(crate) entries: Vec<Stamped>,
    pub(crate) next: Option<String>,
}

impl<S: store::Logs> Logs<S> {
    /// Looks until it has found as many as are wanted, or everything, or it is `stop_at`: the store looks through so much
    /// at a time.
    pub(crate) async fn look(
        &self,
        scope: &TenantScope,
        query: &LogQuery,
        cursor: Option<String>,
        wanted: usize,
        stop_at: Timestamp,
    ) -> Answer<Found> {
        let mut found = Found { entries: Vec::new(), next: cursor };
        loop {
            let left = wanted - found.entries.len();
            let page = self.store.log(scope, query, found.next.as_deref(), left).await?;
            found.entries.extend(page.items);
            found.next = page.next;
            if found.next.is_none() || found.entries.len() >= wanted || self.clock.now() >= stop_at {
                return Ok(found);
            }
        }
    }
}
