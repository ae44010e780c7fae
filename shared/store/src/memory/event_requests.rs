//! Requests of events with an idempotency key.

use super::MemoryStore;
use crate::{EventRequest, EventRequests, Result, retention::delivery_ttl};
use domain::{
    ids::{RequestId, TenantId},
    tenant::TenantScope,
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, RequestId), EventRequest>;

impl EventRequests for MemoryStore {
    async fn begin_event_request(&self, scope: &TenantScope, request: &EventRequest) -> Result<Option<EventRequest>> {
        self.call("begin_event_request", |state| {
            let key = (scope.tenant().clone(), request.id.clone());
            let stored = state.event_requests.get(&key);
            if let Some(stored) = stored.filter(|it| delivery_ttl(it.at) >= request.at.as_seconds()) {
                return Ok(Some(stored.clone()));
            }
            state.event_requests.insert(key, request.clone());
            Ok(None)
        })
        .await
    }
}
