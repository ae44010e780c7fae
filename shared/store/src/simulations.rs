//! Simulations that run at a provider, by intent.

use crate::{Page, Result};
use domain::{bundle::BundleId, ids::CampaignId, simulation::Simulation, tenant::TenantScope, time::Timestamp};
use std::future::Future;

/// Simulations that run at a provider. Kept as long as their deliveries are.
pub trait Simulations: Send + Sync {
    /// Remembers one that was just created, and when it is looked at. One that is remembered already stays as it is, so
    /// the same call may be repeated.
    fn begin_simulation(&self, scope: &TenantScope, simulation: &Simulation)
    -> impl Future<Output = Result<()>> + Send;

    /// One simulation, by the first generation of the bundle that it was made of.
    fn simulation(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        origin: &BundleId,
    ) -> impl Future<Output = Result<Option<Simulation>>> + Send;

    /// Writes one that was looked at. `Conflict` unless the stored revision is `simulation.rev - 1`. Its entry in the
    /// `due` index follows `Simulation::next_look`.
    fn save_simulation(&self, scope: &TenantScope, simulation: &Simulation) -> impl Future<Output = Result<()>> + Send;

    /// A campaign's simulations in the order of their bundles, `limit` (<= 200) a page.
    fn simulations(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Simulation>>> + Send;

    /// Simulations of all tenants that are to be looked at by `now`, at most `limit`, the longest overdue first.
    fn simulations_due(
        &self,
        now: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(TenantScope, CampaignId, BundleId)>>> + Send;
}
