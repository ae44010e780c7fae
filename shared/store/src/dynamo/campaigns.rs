//! Campaigns and their switch.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of, value_of},
    audit::parse_cursor,
    calls::{Query, Table, Transacted, Write},
    keys,
};
use crate::{Campaigns, HeldFor, Page, Result};
use domain::{
    audit::AuditEntry,
    campaign::{Campaign, CampaignState},
    ids::CampaignId,
    tenant::TenantScope,
};

impl Campaigns for DynamoStore {
    async fn campaign(&self, scope: &TenantScope, id: &CampaignId) -> Result<Option<Campaign>> {
        // Consistent: nothing may be sent after a pause or a cancellation was confirmed.
        self.get(Table::Tenant, keys::campaign(scope, id), true).await?.map(record_of).transpose()
    }

    async fn ensure_campaign(&self, scope: &TenantScope, id: &CampaignId, launch: &AuditEntry) -> Result<Campaign> {
        // All but the first request find it, and a read is much cheaper than a refused write.
        if let Some(campaign) = self.campaign(scope, id).await? {
            return Ok(campaign);
        }
        let at = launch.at;
        let campaign = Campaign { id: id.clone(), state: CampaignState::Active, created_at: at, updated_at: at };
        let mut item = keys::campaign(scope, id).item();
        item.extend(item_of(&campaign)?);
        let create = Write::put(item).only_if("attribute_not_exists(pk)");
        match self.audited(scope, vec![create], launch).await? {
            Transacted::Refused(_, Some(stored)) => record_of(stored),
            Transacted::Done | Transacted::Refused(_, None) => Ok(campaign),
        }
    }

    async fn set_campaign_state(
        &self,
        scope: &TenantScope,
        id: &CampaignId,
        from: CampaignState,
        to: CampaignState,
        audit: &AuditEntry,
    ) -> Result<()> {
        let change = Write::update(keys::campaign(scope, id), "SET #state = :to, updated_at = :at")
            .only_if("#state = :from")
            .value(":from", value_of(&from)?)
            .value(":to", value_of(&to)?)
            .value(":at", number(audit.at.0));
        let mut writes = vec![change];
        if crate::releases_held(from, to) {
            writes.push(super::bundles::ask_release(scope, &HeldFor::Campaign(id.clone()), audit.at));
        }
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn campaigns(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<Campaign>> {
        let after: Option<CampaignId> = parse_cursor(cursor)?;
        let query =
            Query::of(keys::campaigns(scope), "pk = :pk").after(after.map(|after| keys::campaign(scope, &after)));
        self.page(query, limit, |_| true, record_of, |campaign: &Campaign| campaign.id.to_string()).await
    }
}
