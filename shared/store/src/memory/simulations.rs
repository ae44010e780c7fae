//! Simulations that run at a provider.

use super::{MemoryStore, page, parse_cursor, trusted};
use crate::{Page, Result, Simulations, StoreError};
use domain::{
    bundle::BundleId,
    ids::{CampaignId, TenantId},
    simulation::Simulation,
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, CampaignId, BundleId), Simulation>;

fn key(scope: &TenantScope, campaign: &CampaignId, origin: &BundleId) -> (TenantId, CampaignId, BundleId) {
    (scope.tenant().clone(), campaign.clone(), origin.clone())
}

impl Simulations for MemoryStore {
    async fn begin_simulation(&self, scope: &TenantScope, simulation: &Simulation) -> Result<()> {
        self.call("begin_simulation", |state| {
            let key = key(scope, &simulation.campaign, &simulation.origin);
            state.simulations.entry(key).or_insert_with(|| simulation.clone());
            Ok(())
        })
        .await
    }

    async fn simulation(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        origin: &BundleId,
    ) -> Result<Option<Simulation>> {
        self.call("simulation", |state| Ok(state.simulations.get(&key(scope, campaign, origin)).cloned())).await
    }

    async fn save_simulation(&self, scope: &TenantScope, simulation: &Simulation) -> Result<()> {
        self.call("save_simulation", |state| {
            let key = key(scope, &simulation.campaign, &simulation.origin);
            match state.simulations.get_mut(&key).filter(|stored| stored.rev + 1 == simulation.rev) {
                Some(stored) => {
                    stored.clone_from(simulation);
                    Ok(())
                }
                None => Err(StoreError::Conflict),
            }
        })
        .await
    }

    async fn simulations(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Simulation>> {
        self.call("simulations", |state| {
            let after: Option<BundleId> = parse_cursor(cursor)?;
            let found = state
                .simulations
                .iter()
                .filter(|((tenant, of, id), _)| (tenant, of) == (scope.tenant(), campaign) && Some(id) > after.as_ref())
                .map(|(_, simulation)| simulation.clone());
            Ok(page(found, limit, |simulation| simulation.origin.to_string()))
        })
        .await
    }

    async fn simulations_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, CampaignId, BundleId)>> {
        self.call("simulations_due", |state| {
            let mut due: Vec<_> = state
                .simulations
                .iter()
                .filter_map(|(key, simulation)| Some((simulation.next_look.filter(|at| *at <= now)?, key)))
                .collect();
            due.sort();
            let due = due.into_iter().take(limit);
            Ok(due.map(|(_, (tenant, campaign, id))| (trusted(tenant), campaign.clone(), id.clone())).collect())
        })
        .await
    }
}
