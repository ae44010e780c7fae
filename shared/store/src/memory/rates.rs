//! Rate leases.

use super::MemoryStore;
use crate::{RateConflict, Rates, Result};
use domain::{
    ids::{IntegrationId, TenantId},
    rate::RateState,
    tenant::TenantScope,
};
use std::collections::HashMap;

pub(super) type Tables = HashMap<(TenantId, IntegrationId), RateState>;

impl Rates for MemoryStore {
    async fn rate(&self, scope: &TenantScope, id: &IntegrationId) -> Result<RateState> {
        self.call("rate", |state| {
            Ok(state.rates.get(&(scope.tenant().clone(), id.clone())).cloned().unwrap_or_default())
        })
        .await
    }

    async fn save_rate(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        new: &RateState,
    ) -> std::result::Result<(), RateConflict> {
        self.call("save_rate", |state| {
            let stored = state.rates.entry((scope.tenant().clone(), id.clone())).or_default();
            if new.rev != stored.rev + 1 {
                return Err(RateConflict::Newer(stored.clone()));
            }
            stored.clone_from(new);
            Ok(())
        })
        .await
    }
}
