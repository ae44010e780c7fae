//! The ends of chains.

use super::MemoryStore;
use crate::{
    OrderTails, Result,
    order_tails::{LINKS_KEPT, LINKS_MAX},
};
use domain::{
    bundle::BundleId,
    ids::{CampaignId, IntegrationId, RequestId, TenantId},
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

impl Tail {
    fn is_linked(&self, request: &RequestId) -> bool {
        self.links.iter().any(|(linked, _)| linked == request)
    }

    /// What a request's bundles come after, as far as that is remembered.
    fn before(&self, request: &RequestId) -> Option<&BundleId> {
        self.links.iter().find(|(linked, _)| linked == request)?.1.as_ref()
    }
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
            if !tail.is_linked(&last.request) {
                let before = tail.end.replace(last.clone());
                tail.links.push((last.request.clone(), before));
            }
            let campaign = CampaignId::of_endpoint(endpoint);
            let mut before = tail.before(&last.request);
            let mut links = 0..=LINKS_MAX;
            while let Some(bundle) = before.filter(|it| !state.bundles.has(scope, &campaign, it)) {
                before = links.next().and_then(|_| tail.before(&bundle.request));
            }
            let before = before.filter(|it| it.request != last.request).cloned();
            if tail.links.len() > LINKS_MAX {
                tail.links.drain(..tail.links.len() - LINKS_KEPT);
            }
            Ok(before)
        })
        .await
    }
}
