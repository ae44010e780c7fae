//! Erasing a tenant, by intent.

use crate::Result;
use domain::{
    audit::AuditEntry,
    tenant::{Tenant, TenantScope},
};
use std::future::Future;

/// Erasing a tenant with all that is its own. In this order, each step as often as it takes, and all of them again after a
/// crash:
///
/// 1. [`Erasure::begin_erasure`] closes the audit chain, and with it everything that is written together with a record of
///    it: configuration, secrets, keys, the launch of campaigns.
/// 2. [`Erasure::erase_access`] takes away what anything could begin with.
/// 3. When what was under way has ended ([`Tenant::quiet_at`]), [`Erasure::erase_data`] deletes the rest: nobody is left to
///    write it anew.
/// 4. [`Erasure::end_erasure`] leaves a tombstone, so that the identifier is never given again, and the audit chain.
pub trait Erasure: Send + Sync {
    /// Marks the tenant as being erased since `audit.at` and ends its audit chain with `audit`: whatever would be written
    /// with another record is refused as [`crate::StoreError::Erased`] from then on. Returns the tenant as it stands; one
    /// that was marked before stays as it is. `None` if there is no such tenant.
    fn begin_erasure(
        &self,
        scope: &TenantScope,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<Option<Tenant>>> + Send;

    /// Deletes keys, secrets, integrations, templates, settings and release markers, at most `limit`. Returns how many;
    /// fewer than `limit` says that none is left.
    fn erase_access(&self, scope: &TenantScope, limit: usize) -> impl Future<Output = Result<usize>> + Send;

    /// Deletes everything else but the audit chain, about `limit` records at most. Returns how many; 0 says that none is
    /// left.
    fn erase_data(&self, scope: &TenantScope, limit: usize) -> impl Future<Output = Result<usize>> + Send;

    /// Makes a tombstone of the tenant and adds the last record to its audit chain, all or nothing. Returns the tombstone;
    /// one that is there stays as it is. `Conflict` if the tenant is not being erased.
    fn end_erasure(&self, scope: &TenantScope, audit: &AuditEntry) -> impl Future<Output = Result<Tenant>> + Send;
}
