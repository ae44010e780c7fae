//! Which campaigns take deliveries, as a warm function remembers it.

use crate::{expiring::Expiring, sender::TRUST_MS};
use domain::{
    audit::AuditEntry,
    campaign::CampaignState,
    ids::{CampaignId, TenantId},
    tenant::TenantScope,
};
use runtime::lazy::Lazy;
use store::{Campaigns, StoreError};

/// Remembers active campaigns for as long as a sender does, so that a stream of small requests does not read the same
/// record for each. What is accepted within that time after a cancellation, the sender cancels.
pub struct OpenCampaigns<S> {
    store: Lazy<S>,
    active: Expiring<(TenantId, CampaignId), ()>,
}

impl<S: Campaigns> OpenCampaigns<S> {
    /// Campaigns in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, active: Expiring::new(TRUST_MS) }
    }

    /// The state of a campaign, which is made, with `launch` in the audit trail, if it is new.
    pub async fn ensure(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        launch: &AuditEntry,
    ) -> Result<CampaignState, StoreError> {
        let now = launch.at;
        let key = (scope.tenant().clone(), id.clone());
        if self.active.get(&key, now).is_some() {
            return Ok(CampaignState::Active);
        }
        let state = self.store.ensure_campaign(scope, id, launch).await?.state;
        if state == CampaignState::Active {
            self.active.put(key, (), now);
        }
        Ok(state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{principal::Principal, time::Timestamp};
    use store::memory::MemoryStore;

    fn entry(at_ms: i64) -> AuditEntry {
        let at = Timestamp(1_763_640_000_000).plus_ms(at_ms);
        AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at }
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
    async fn a_cancellation_is_known_after_two_seconds_at_the_latest() {
        let scope = TenantScope::established("acme".parse().unwrap());
        let store = Lazy::ready(MemoryStore::default());
        let (open, fresh) = (OpenCampaigns::new(store.clone()), OpenCampaigns::new(store.clone()));
        let spring: CampaignId = "spring".parse().unwrap();
        let (active, cancelled) = (CampaignState::Active, CampaignState::Cancelled);
        assert_eq!(open.ensure(&scope, &spring, &entry(0)).await.unwrap(), active);

        store.set_campaign_state(&scope, &spring, active, cancelled, &entry(0)).await.unwrap();
        assert_eq!(fresh.ensure(&scope, &spring, &entry(0)).await.unwrap(), cancelled);
        assert_eq!(open.ensure(&scope, &spring, &entry(TRUST_MS - 1)).await.unwrap(), active);
        assert_eq!(open.ensure(&scope, &spring, &entry(TRUST_MS)).await.unwrap(), cancelled);
    }
}
