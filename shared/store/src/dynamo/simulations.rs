//! Simulations that run at a provider: one item each, in the `due` index until they are over.

use super::{
    DynamoStore,
    attributes::{Item, item_of, number, record_of, text},
    audit::{parse_cursor, put_revision},
    calls::{Query, Table, Written},
    keys::{self, Kind, Look, Named},
};
use crate::{Page, Result, Simulations, StoreError, retention::delivery_ttl};
use domain::{bundle::BundleId, ids::CampaignId, simulation::Simulation, tenant::TenantScope, time::Timestamp};

fn item(scope: &TenantScope, simulation: &Simulation) -> Result<Item> {
    let key = keys::simulation(scope, &simulation.campaign, &simulation.origin);
    let look = simulation.next_look.map(|at| Look::at(Kind::Simulation, &key, at));
    let mut item = key.item();
    item.extend(item_of(simulation)?);
    item.insert("ttl".to_owned(), number(delivery_ttl(simulation.created_at)));
    if let Some(look) = look {
        look.put_into(&mut item);
    }
    Ok(item)
}

impl Simulations for DynamoStore {
    async fn begin_simulation(&self, scope: &TenantScope, simulation: &Simulation) -> Result<()> {
        // Refused: an earlier try has written it.
        self.write(put_revision(item(scope, simulation)?, 1)).await.map(|_| ())
    }

    async fn simulation(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        origin: &BundleId,
    ) -> Result<Option<Simulation>> {
        // A stale one does no harm: the write that builds on it is refused.
        let item = self.get(Table::Tenant, keys::simulation(scope, campaign, origin), false).await?;
        item.map(record_of).transpose()
    }

    async fn save_simulation(&self, scope: &TenantScope, simulation: &Simulation) -> Result<()> {
        match self.write(put_revision(item(scope, simulation)?, simulation.rev)).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict),
        }
    }

    async fn simulations(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Simulation>> {
        let after: Option<BundleId> = parse_cursor(cursor)?;
        let query = Query::of(keys::simulations(scope), "pk = :pk AND begins_with(sk, :campaign)")
            .value(":campaign", text(keys::simulations_of(campaign)))
            .after(after.map(|after| keys::simulation(scope, campaign, &after)));
        self.page(query, limit, |_| true, record_of, |simulation: &Simulation| simulation.origin.to_string()).await
    }

    async fn simulations_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, CampaignId, BundleId)>> {
        let due = self.index(&[Kind::Simulation], now, limit).await?;
        Ok(due
            .into_iter()
            .filter_map(|(_, scope, named)| match named {
                Named::Simulation(campaign, origin) => Some((scope, campaign, origin)),
                _ => None,
            })
            .collect())
    }
}
