//! Tenants and API keys.

use super::{MemoryStore, erasure::Eraser, page, parse_cursor, trusted};
use crate::{Access, Page, Result, StoreError};
use domain::{
    audit::AuditEntry,
    ids::{KeyId, TenantId},
    key::{KeyMac, KeyRecord},
    tenant::{Tenant, TenantScope},
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Tables {
    tenants: BTreeMap<TenantId, Tenant>,
    /// By prefix.
    keys: BTreeMap<String, KeyRecord>,
}

impl Tables {
    pub(super) fn tenant_mut(&mut self, id: &TenantId) -> Option<&mut Tenant> {
        self.tenants.get_mut(id)
    }

    pub(super) fn erase_keys(&mut self, eraser: &mut Eraser<'_>) {
        self.keys.retain(|_, key| eraser.spares(&key.tenant));
    }

    fn key_mut(&mut self, scope: &TenantScope, id: &KeyId) -> Option<&mut KeyRecord> {
        self.keys.values_mut().find(|key| key.tenant == *scope.tenant() && key.id == *id)
    }
}

impl Access for MemoryStore {
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditEntry) -> Result<()> {
        self.call("create_tenant", |state| {
            if state.access.tenants.contains_key(&tenant.id) {
                return Err(StoreError::Conflict);
            }
            state.access.tenants.insert(tenant.id.clone(), tenant.clone());
            state.append_audit(&tenant.id, audit);
            Ok(())
        })
        .await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>> {
        self.call("tenant", |state| Ok(state.access.tenants.get(id).cloned())).await
    }

    async fn tenants(&self, cursor: Option<&str>, limit: usize) -> Result<Page<Tenant>> {
        self.call("tenants", |state| {
            let after: Option<TenantId> = parse_cursor(cursor)?;
            let tenants = state.access.tenants.values().filter(|tenant| Some(&tenant.id) > after.as_ref());
            Ok(page(tenants.cloned(), limit, |tenant| tenant.id.to_string()))
        })
        .await
    }

    async fn key_by_prefix(&self, prefix: &str) -> Result<Option<KeyRecord>> {
        self.call("key_by_prefix", |state| Ok(state.access.keys.get(prefix).cloned())).await
    }

    async fn create_key(&self, scope: &TenantScope, key: &KeyRecord, audit: &AuditEntry) -> Result<()> {
        self.call("create_key", |state| {
            state.still_open(scope.tenant())?;
            if state.access.keys.contains_key(&key.prefix) || state.access.key_mut(scope, &key.id).is_some() {
                return Err(StoreError::Conflict);
            }
            state.access.keys.insert(key.prefix.clone(), key.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn keys(&self, scope: &TenantScope) -> Result<Vec<KeyRecord>> {
        self.call("keys", |state| {
            let mut keys: Vec<_> =
                state.access.keys.values().filter(|key| key.tenant == *scope.tenant()).cloned().collect();
            keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(keys)
        })
        .await
    }

    async fn key(&self, scope: &TenantScope, id: &KeyId) -> Result<Option<KeyRecord>> {
        self.call("key", |state| Ok(state.access.key_mut(scope, id).cloned())).await
    }

    async fn revoke_key(&self, scope: &TenantScope, id: &KeyId, at: Timestamp, audit: &AuditEntry) -> Result<bool> {
        self.call("revoke_key", |state| {
            state.still_open(scope.tenant())?;
            let Some(key) = state.access.key_mut(scope, id) else { return Ok(false) };
            if key.revoked_at.is_none() {
                key.revoked_at = Some(at);
                key.rev += 1;
                state.append_audit(scope.tenant(), audit);
            }
            Ok(true)
        })
        .await
    }

    async fn save_key(&self, scope: &TenantScope, key: &KeyRecord, audit: Option<&AuditEntry>) -> Result<()> {
        self.call("save_key", |state| {
            if audit.is_some() {
                state.still_open(scope.tenant())?;
            }
            let Some(stored) = state.access.key_mut(scope, &key.id).filter(|stored| stored.rev + 1 == key.rev) else {
                return Err(StoreError::Conflict);
            };
            stored.clone_from(key);
            if let Some(audit) = audit {
                state.append_audit(scope.tenant(), audit);
            }
            Ok(())
        })
        .await
    }

    async fn keys_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, KeyId)>> {
        self.call("keys_due", |state| {
            let mut due: Vec<_> = state
                .access
                .keys
                .values()
                .filter_map(|key| Some((key.next_reminder().filter(|at| *at <= now)?, key)))
                .collect();
            due.sort_by_key(|(at, key)| (*at, key.id.clone()));
            Ok(due.into_iter().take(limit).map(|(_, key)| (trusted(&key.tenant), key.id.clone())).collect())
        })
        .await
    }

    async fn remember_mac(&self, prefix: &str, bcrypt: &str, mac: &KeyMac) -> Result<()> {
        self.call("remember_mac", |state| {
            if let Some(key) = state.access.keys.get_mut(prefix).filter(|key| key.bcrypt == bcrypt) {
                key.mac = Some(mac.clone());
            }
            Ok(())
        })
        .await
    }
}
