//! The ends of chains.

use super::MemoryStore;
use crate::{
    OrderTails, Result,
    order_tails::{LINKS_KEPT, LINKS_MAX},
};
use domain::{
    bundle::BundleId,
    ids::{IntegrationId, RequestId, TenantId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

/// By endpoint and key.
pub(super) type Tables = BTreeMap<(TenantId, IntegrationId, String), Tail>;

#[derive(Debug, Default)]
pub(super) struct Tail {
    end: Option<BundleId>,
    /// What each request's bundles come after, the oldest first.
    links: Vec<(RequestId, Option<BundleId>)>,
}

impl OrderTails for MemoryStore {
    async fn chain(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        key: &str,
        last: &BundleId,
        _: Timestamp,
    ) -> Result<Option<BundleId>> {
        self.call("chain", |state| {
            let place = (scope.tenant().clone(), endpoint.clone(), key.to_owned());
            let tail = state.order_tails.entry(place).or_default();
            if let Some((_, before)) = tail.links.iter().find(|(request, _)| *request == last.request) {
                return Ok(before.clone());
            }
            let before = tail.end.replace(last.clone());
            tail.links.push((last.request.clone(), before.clone()));
            if tail.links.len() > LINKS_MAX {
                tail.links.drain(..tail.links.len() - LINKS_KEPT);
            }
            Ok(before)
        })
        .await
    }
}
