//! What endpoints answered at length.

use super::MemoryStore;
use crate::{Answers, Result};
use domain::{
    bundle::{Bundle, BundleId},
    ids::{CampaignId, TenantId},
    tenant::TenantScope,
    webhook::Answer,
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, CampaignId, BundleId), BTreeMap<u16, Answer>>;

impl Answers for MemoryStore {
    async fn save_answers(&self, scope: &TenantScope, bundle: &Bundle, answers: &BTreeMap<u16, Answer>) -> Result<()> {
        self.call("save_answers", |state| {
            let key = (scope.tenant().clone(), bundle.campaign.clone(), bundle.id.clone());
            state.answers.insert(key, answers.clone());
            Ok(())
        })
        .await
    }

    async fn answers(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
    ) -> Result<BTreeMap<u16, Answer>> {
        self.call("answers", |state| {
            let key = (scope.tenant().clone(), campaign.clone(), id.clone());
            Ok(state.answers.get(&key).cloned().unwrap_or_default())
        })
        .await
    }
}
