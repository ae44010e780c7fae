//! The types of events that a tenant has registered, by intent.

use crate::Result;
use domain::{
    audit::AuditEntry,
    tenant::TenantScope,
    webhook::{EventType, registered::RegisteredType},
};
use std::future::Future;

/// Registered types of events.
pub trait EventTypes: Send + Sync {
    /// One of them.
    fn event_type(
        &self,
        scope: &TenantScope,
        kind: &EventType,
    ) -> impl Future<Output = Result<Option<RegisteredType>>> + Send;

    /// All of them, in order.
    fn event_types(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<RegisteredType>>> + Send;

    /// Writes one with its audit record, all or nothing (new when `rev` is 1). `Conflict` unless the stored revision is
    /// `registered.rev - 1`.
    fn save_event_type(
        &self,
        scope: &TenantScope,
        registered: &RegisteredType,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Forgets one, with the audit record. False if there was none.
    fn delete_event_type(
        &self,
        scope: &TenantScope,
        kind: &EventType,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<bool>> + Send;
}
