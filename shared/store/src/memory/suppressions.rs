//! The suppression list.

use super::{MemoryStore, page};
use crate::{Page, Result, StoreError, Suppressions};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    suppression::{ADDRESS_MAX_BYTES, Suppression},
    tenant::TenantScope,
};
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Tables = BTreeMap<(TenantId, String), Suppression>;

fn key(scope: &TenantScope, address: &str) -> (TenantId, String) {
    (scope.tenant().clone(), address.to_owned())
}

impl Suppressions for MemoryStore {
    async fn suppress(&self, scope: &TenantScope, entries: &[Suppression]) -> Result<()> {
        self.call("suppress", |state| {
            for entry in entries {
                state.suppressions.entry(key(scope, &entry.address)).or_insert_with(|| entry.clone());
            }
            Ok(())
        })
        .await
    }

    async fn add_suppression(&self, scope: &TenantScope, entry: &Suppression, audit: &AuditEntry) -> Result<bool> {
        self.call("add_suppression", |state| {
            state.still_open(scope.tenant())?;
            let key = key(scope, &entry.address);
            if state.suppressions.contains_key(&key) {
                return Ok(false);
            }
            state.suppressions.insert(key, entry.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(true)
        })
        .await
    }

    async fn remove_suppression(&self, scope: &TenantScope, address: &str, audit: &AuditEntry) -> Result<bool> {
        self.call("remove_suppression", |state| {
            state.still_open(scope.tenant())?;
            if state.suppressions.remove(&key(scope, address)).is_none() {
                return Ok(false);
            }
            state.append_audit(scope.tenant(), audit);
            Ok(true)
        })
        .await
    }

    async fn suppression(&self, scope: &TenantScope, address: &str) -> Result<Option<Suppression>> {
        self.call("suppression", |state| Ok(state.suppressions.get(&key(scope, address)).cloned())).await
    }

    async fn suppressions(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<Suppression>> {
        self.call("suppressions", |state| {
            if cursor.is_some_and(|cursor| cursor.is_empty() || cursor.len() > ADDRESS_MAX_BYTES) {
                return Err(StoreError::InvalidCursor);
            }
            let listed = state
                .suppressions
                .iter()
                .filter(|((tenant, address), _)| tenant == scope.tenant() && Some(address.as_str()) > cursor)
                .map(|(_, entry)| entry.clone());
            Ok(page(listed, limit, |entry| entry.address.clone()))
        })
        .await
    }

    async fn suppressed_among(&self, scope: &TenantScope, addresses: &[String]) -> Result<BTreeSet<String>> {
        self.call("suppressed_among", |state| {
            let listed = |address: &&String| state.suppressions.contains_key(&key(scope, address));
            Ok(addresses.iter().filter(listed).cloned().collect())
        })
        .await
    }
}
