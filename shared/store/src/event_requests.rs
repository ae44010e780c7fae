//! What a request of events came to when it was first made, by intent.

use crate::Result;
use domain::{
    ids::{IntegrationId, RequestId},
    tenant::TenantScope,
    time::Timestamp,
    webhook::batch::Wanted,
};
use serde::{Deserialize, Serialize};
use std::future::Future;

/// A request of events with an idempotency key. A repeat does what the first one would have done, whatever endpoints and
/// filters have become meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRequest {
    /// Its identifier, from the idempotency key.
    pub id: RequestId,
    /// SHA-256 of its body, hex.
    pub body_hash: String,
    /// When it was first made, which is when its events happened where they say nothing else.
    pub at: Timestamp,
    /// The endpoints that get some of it.
    pub matches: Vec<Match>,
}

/// What one endpoint gets of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The endpoint.
    #[serde(rename = "e")]
    pub endpoint: IntegrationId,
    /// Whether it wants events with the same key in order.
    #[serde(rename = "o", default, skip_serializing_if = "std::ops::Not::not")]
    pub ordered: bool,
    /// Which of the request's events.
    #[serde(rename = "w")]
    pub wanted: Wanted,
}

/// Requests of events, kept as long as deliveries.
pub trait EventRequests: Send + Sync {
    /// Remembers a request, unless there is one with this id whose time is not over; then that one is returned.
    fn begin_event_request(
        &self,
        scope: &TenantScope,
        request: &EventRequest,
    ) -> impl Future<Output = Result<Option<EventRequest>>> + Send;
}
