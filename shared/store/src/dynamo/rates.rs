//! Rate leases: one small item per integration.

use super::{
    DynamoStore,
    attributes::{item_of, record_of},
    audit::put_revision,
    calls::{Table, Written},
    keys,
};
use crate::{RateConflict, Rates, Result};
use domain::{ids::IntegrationId, rate::RateState, tenant::TenantScope};

impl Rates for DynamoStore {
    async fn rate(&self, scope: &TenantScope, id: &IntegrationId) -> Result<RateState> {
        // A stale one does no harm: the write that builds on it is refused, and tells what is stored.
        let item = self.get(Table::Tenant, keys::rate(scope, id), false).await?;
        item.map_or_else(|| Ok(RateState::default()), record_of)
    }

    async fn save_rate(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        state: &RateState,
    ) -> std::result::Result<(), RateConflict> {
        let mut item = keys::rate(scope, id).item();
        item.extend(item_of(state)?);
        match self.write(put_revision(item, state.rev)).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(stored) => {
                let stored = stored.map_or_else(|| Ok(RateState::default()), record_of)?;
                Err(RateConflict::Newer(stored))
            }
        }
    }
}
