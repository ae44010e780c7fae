//! Erasing a tenant.

use super::{MemoryStore, State};
use crate::{Erasure, Result, StoreError};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    tenant::{Tenant, TenantScope},
};
use std::collections::{BTreeMap, HashMap};

/// Takes records of one tenant away until it has taken enough.
pub(super) struct Eraser<'t> {
    tenant: &'t TenantId,
    limit: usize,
    taken: usize,
}

impl Eraser<'_> {
    /// Whether a record of this owner stays.
    pub(super) fn spares(&mut self, owner: &TenantId) -> bool {
        if owner != self.tenant || self.taken == self.limit {
            return true;
        }
        self.taken += 1;
        false
    }

    pub(super) fn take<M: Erasable>(&mut self, table: &mut M) {
        table.lose_to(self);
    }
}

/// A table whose keys begin with the tenant.
pub(super) trait Erasable {
    fn lose_to(&mut self, eraser: &mut Eraser<'_>);
}

/// A key that begins with the tenant.
pub(super) trait Owned {
    fn owner(&self) -> &TenantId;
}

impl Owned for TenantId {
    fn owner(&self) -> &TenantId {
        self
    }
}

impl<A> Owned for (TenantId, A) {
    fn owner(&self) -> &TenantId {
        &self.0
    }
}

impl<A, B> Owned for (TenantId, A, B) {
    fn owner(&self) -> &TenantId {
        &self.0
    }
}

impl<A, B, C> Owned for (TenantId, A, B, C) {
    fn owner(&self) -> &TenantId {
        &self.0
    }
}

impl<K: Owned + Ord, V> Erasable for BTreeMap<K, V> {
    fn lose_to(&mut self, eraser: &mut Eraser<'_>) {
        self.retain(|key, _| eraser.spares(key.owner()));
    }
}

impl<K: Owned + Eq + std::hash::Hash, V> Erasable for HashMap<K, V> {
    fn lose_to(&mut self, eraser: &mut Eraser<'_>) {
        self.retain(|key, _| eraser.spares(key.owner()));
    }
}

impl State {
    /// Refused once the tenant's chain is closed.
    pub(super) fn still_open(&self, tenant: &TenantId) -> Result<()> {
        match self.audit.get(tenant) {
            Some(chain) if chain.closed => Err(StoreError::Erased),
            _ => Ok(()),
        }
    }

    fn close(&mut self, tenant: &TenantId, audit: &AuditEntry) {
        self.append_audit(tenant, audit);
        self.audit.entry(tenant.clone()).or_default().closed = true;
    }
}

impl Erasure for MemoryStore {
    async fn begin_erasure(&self, scope: &TenantScope, audit: &AuditEntry) -> Result<Option<Tenant>> {
        self.call("begin_erasure", |state| {
            let Some(tenant) = state.access.tenant_mut(scope.tenant()) else { return Ok(None) };
            if tenant.erasing_since.is_some() {
                return Ok(Some(tenant.clone()));
            }
            tenant.erasing_since = Some(audit.at);
            let tenant = tenant.clone();
            state.close(scope.tenant(), audit);
            Ok(Some(tenant))
        })
        .await
    }

    async fn erase_access(&self, scope: &TenantScope, limit: usize) -> Result<usize> {
        self.call("erase_access", |state| {
            let mut eraser = Eraser { tenant: scope.tenant(), limit, taken: 0 };
            state.access.erase_keys(&mut eraser);
            state.key_uses.retain(|_, (tenant, _)| eraser.spares(tenant));
            state.sign_ins.erase(&mut eraser);
            state.sessions.erase(&mut eraser);
            state.integrations.erase_settings(&mut eraser);
            state.settings.erase(&mut eraser);
            eraser.take(&mut state.event_types);
            state.hooks.erase_settings(&mut eraser);
            state.rules.erase_settings(&mut eraser);
            eraser.take(&mut state.releases);
            Ok(eraser.taken)
        })
        .await
    }

    async fn erase_data(&self, scope: &TenantScope, limit: usize) -> Result<usize> {
        self.call("erase_data", |state| {
            // Every table is named, so that a new one is not forgotten.
            let State {
                answers,
                integrations,
                bundles,
                campaigns,
                order_tails,
                rates,
                settings,
                access,
                audit: _,
                event_requests,
                event_types,
                feedbacks,
                suppressions,
                simulations,
                hooks,
                rules,
                // Nobody's.
                jobs: _,
                key_uses,
                logs,
                sessions,
                sign_ins,
                releases,
            } = state;
            let mut eraser = Eraser { tenant: scope.tenant(), limit, taken: 0 };
            bundles.erase(&mut eraser);
            eraser.take(answers);
            eraser.take(event_requests);
            eraser.take(event_types);
            eraser.take(order_tails);
            eraser.take(feedbacks);
            eraser.take(campaigns);
            eraser.take(simulations);
            integrations.erase_health(&mut eraser);
            eraser.take(rates);
            eraser.take(suppressions);
            logs.erase(&mut eraser);
            access.erase_keys(&mut eraser);
            key_uses.retain(|_, (tenant, _)| eraser.spares(tenant));
            sign_ins.erase(&mut eraser);
            sessions.erase(&mut eraser);
            integrations.erase_settings(&mut eraser);
            settings.erase(&mut eraser);
            hooks.erase_settings(&mut eraser);
            hooks.erase_received(&mut eraser);
            rules.erase_settings(&mut eraser);
            rules.erase_runs(&mut eraser);
            eraser.take(releases);
            Ok(eraser.taken)
        })
        .await
    }

    async fn end_erasure(&self, scope: &TenantScope, audit: &AuditEntry) -> Result<Tenant> {
        self.call("end_erasure", |state| {
            let tenant = state.access.tenant_mut(scope.tenant()).filter(|tenant| tenant.erasing_since.is_some());
            let tenant = tenant.ok_or(StoreError::Conflict)?;
            if tenant.erased_at.is_none() {
                *tenant = tenant.erased(audit.at);
                let tenant = tenant.clone();
                state.close(scope.tenant(), audit);
                return Ok(tenant);
            }
            Ok(tenant.clone())
        })
        .await
    }
}
