//! Registered types of events: one item each, beside the tenant's configuration.

use super::{
    DynamoStore,
    attributes::{item_of, record_of, text},
    audit::put_revision,
    calls::{Query, Table, Transacted, Write},
    keys,
};
use crate::{EventTypes, Result};
use domain::{
    audit::AuditEntry,
    tenant::TenantScope,
    webhook::{EventType, registered::RegisteredType},
};

impl EventTypes for DynamoStore {
    async fn event_type(&self, scope: &TenantScope, kind: &EventType) -> Result<Option<RegisteredType>> {
        // Consistent: whoever has just saved it sees what was saved.
        self.get(Table::Tenant, keys::event_type(scope, kind), true).await?.map(record_of).transpose()
    }

    async fn event_types(&self, scope: &TenantScope) -> Result<Vec<RegisteredType>> {
        // Consistent: a list after a change shows the change.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::EVENT_TYPES))
            .consistent();
        self.query(query, usize::MAX, |_| true).await?.into_iter().map(record_of).collect()
    }

    async fn save_event_type(
        &self,
        scope: &TenantScope,
        registered: &RegisteredType,
        audit: &AuditEntry,
    ) -> Result<()> {
        let mut item = keys::event_type(scope, &registered.kind).item();
        item.extend(item_of(registered)?);
        self.audited_or_conflict(scope, vec![put_revision(item, registered.rev)], audit).await
    }

    async fn delete_event_type(&self, scope: &TenantScope, kind: &EventType, audit: &AuditEntry) -> Result<bool> {
        let delete = Write::delete(keys::event_type(scope, kind)).only_if("attribute_exists(pk)");
        Ok(matches!(self.audited(scope, vec![delete], audit).await?, Transacted::Done))
    }
}
