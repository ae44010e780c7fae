//! The audit chain.

use super::{MemoryStore, State, page, parse_cursor};
use crate::{Audit, Page, Result};
use domain::{
    audit::{AuditEntry, AuditRecord},
    ids::TenantId,
    tenant::TenantScope,
};
use std::collections::HashMap;

pub(super) type Tables = HashMap<TenantId, Vec<AuditRecord>>;

impl State {
    pub(super) fn append_audit(&mut self, tenant: &TenantId, entry: &AuditEntry) {
        let chain = self.audit.entry(tenant.clone()).or_default();
        let record = AuditRecord::following(chain.last(), entry);
        chain.push(record);
    }
}

impl Audit for MemoryStore {
    async fn append_audit(&self, scope: &TenantScope, entry: &AuditEntry) -> Result<()> {
        self.call("append_audit", |state| {
            state.append_audit(scope.tenant(), entry);
            Ok(())
        })
        .await
    }

    async fn audit(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<AuditRecord>> {
        self.call("audit", |state| {
            let after: u64 = parse_cursor(cursor)?.unwrap_or(0);
            let chain = state.audit.get(scope.tenant()).into_iter().flatten();
            Ok(page(chain.filter(|record| record.seq > after).cloned(), limit, |record| record.seq.to_string()))
        })
        .await
    }
}
