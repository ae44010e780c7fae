//! Campaigns and their switch.

use super::{MemoryStore, page, parse_cursor};
use crate::{Campaigns, HeldFor, Page, Result, StoreError};
use domain::{
    audit::AuditEntry,
    campaign::{Campaign, CampaignState},
    ids::{CampaignId, TenantId},
    tenant::TenantScope,
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, CampaignId), Campaign>;

impl Campaigns for MemoryStore {
    async fn campaign(&self, scope: &TenantScope, id: &CampaignId) -> Result<Option<Campaign>> {
        self.call("campaign", |state| Ok(state.campaigns.get(&(scope.tenant().clone(), id.clone())).cloned())).await
    }

    async fn ensure_campaign(&self, scope: &TenantScope, id: &CampaignId, launch: &AuditEntry) -> Result<Campaign> {
        self.call("ensure_campaign", |state| {
            let key = (scope.tenant().clone(), id.clone());
            if let Some(campaign) = state.campaigns.get(&key) {
                return Ok(campaign.clone());
            }
            state.still_open(scope.tenant())?;
            let at = launch.at;
            let campaign = Campaign { id: id.clone(), state: CampaignState::Active, created_at: at, updated_at: at };
            state.campaigns.insert(key, campaign.clone());
            state.append_audit(scope.tenant(), launch);
            Ok(campaign)
        })
        .await
    }

    async fn set_campaign_state(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        from: CampaignState,
        to: CampaignState,
        audit: &AuditEntry,
    ) -> Result<()> {
        self.call("set_campaign_state", |state| {
            state.still_open(scope.tenant())?;
            let campaign = state.campaigns.get_mut(&(scope.tenant().clone(), id.clone()));
            let Some(campaign) = campaign.filter(|campaign| campaign.state == from) else {
                return Err(StoreError::Conflict);
            };
            campaign.state = to;
            campaign.updated_at = audit.at;
            if crate::releases_held(from, to) {
                state.ask_release(scope, HeldFor::Campaign(id.clone()), audit.at);
            }
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn campaigns(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<Campaign>> {
        self.call("campaigns", |state| {
            let after: Option<CampaignId> = parse_cursor(cursor)?;
            let campaigns = state
                .campaigns
                .iter()
                .filter(|((tenant, id), _)| tenant == scope.tenant() && Some(id) > after.as_ref())
                .map(|(_, campaign)| campaign.clone());
            Ok(page(campaigns, limit, |campaign| campaign.id.to_string()))
        })
        .await
    }
}
