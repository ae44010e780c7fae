//! Registered types of events.

use super::MemoryStore;
use crate::{EventTypes, Result, StoreError};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    tenant::TenantScope,
    webhook::{EventType, registered::RegisteredType},
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, EventType), RegisteredType>;

impl EventTypes for MemoryStore {
    async fn event_type(&self, scope: &TenantScope, kind: &EventType) -> Result<Option<RegisteredType>> {
        self.call("event_type", |state| Ok(state.event_types.get(&(scope.tenant().clone(), kind.clone())).cloned()))
            .await
    }

    async fn event_types(&self, scope: &TenantScope) -> Result<Vec<RegisteredType>> {
        self.call("event_types", |state| {
            let own = state.event_types.iter().filter(|((tenant, _), _)| tenant == scope.tenant());
            Ok(own.map(|(_, registered)| registered.clone()).collect())
        })
        .await
    }

    async fn save_event_type(
        &self,
        scope: &TenantScope,
        registered: &RegisteredType,
        audit: &AuditEntry,
    ) -> Result<()> {
        self.call("save_event_type", |state| {
            state.still_open(scope.tenant())?;
            let key = (scope.tenant().clone(), registered.kind.clone());
            if registered.rev != state.event_types.get(&key).map_or(0, |stored| stored.rev) + 1 {
                return Err(StoreError::Conflict);
            }
            state.event_types.insert(key, registered.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn delete_event_type(&self, scope: &TenantScope, kind: &EventType, audit: &AuditEntry) -> Result<bool> {
        self.call("delete_event_type", |state| {
            state.still_open(scope.tenant())?;
            if state.event_types.remove(&(scope.tenant().clone(), kind.clone())).is_none() {
                return Ok(false);
            }
            state.append_audit(scope.tenant(), audit);
            Ok(true)
        })
        .await
    }
}
