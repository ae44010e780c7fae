//! The audit chain.

use super::{MemoryStore, State, page, parse_cursor};
use crate::{Audit, Page, Result};
use domain::{
    audit::{AuditEntry, AuditRecord, Head},
    ids::TenantId,
    tenant::TenantScope,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::PoisonError,
};

pub(super) type Tables = HashMap<TenantId, Chain>;

/// A tenant's chain as it is stored: what stands in which place, and the head.
#[derive(Debug, Default)]
pub struct Chain {
    /// The records by their places; `None` is one that cannot be read.
    pub records: BTreeMap<u64, Option<AuditRecord>>,
    /// Where the chain ends.
    pub head: Option<Head>,
    /// Whether it takes nothing more but its own end.
    pub closed: bool,
}

impl State {
    pub(super) fn append_audit(&mut self, tenant: &TenantId, entry: &AuditEntry) {
        let chain = self.audit.entry(tenant.clone()).or_default();
        let record = AuditRecord::following(&chain.head.clone().unwrap_or_default(), entry);
        chain.head = Some(record.head());
        chain.records.insert(record.seq, Some(record));
    }
}

impl MemoryStore {
    /// Lays hands on a stored chain, as somebody with access to the table could.
    pub fn tamper_with_audit(&self, scope: &TenantScope, change: impl FnOnce(&mut Chain)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(state.audit.entry(scope.tenant().clone()).or_default());
    }
}

impl Audit for MemoryStore {
    async fn append_audit(&self, scope: &TenantScope, entry: &AuditEntry) -> Result<()> {
        self.call("append_audit", |state| {
            state.still_open(scope.tenant())?;
            state.append_audit(scope.tenant(), entry);
            Ok(())
        })
        .await
    }

    async fn audit(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<AuditRecord>> {
        self.call("audit", |state| {
            let after: u64 = parse_cursor(cursor)?.unwrap_or(0);
            let chain = state.audit.get(scope.tenant()).into_iter().flat_map(|chain| &chain.records);
            let records = chain.filter(|(place, _)| **place > after).filter_map(|(_, record)| record.clone());
            Ok(page(records, limit, |record| record.seq.to_string()))
        })
        .await
    }

    async fn audit_back(&self, scope: &TenantScope, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>> {
        self.call("audit_back", |state| {
            let chain = state.audit.get(scope.tenant()).into_iter().flat_map(|chain| chain.records.iter().rev());
            let records = chain.filter(|(place, _)| before.is_none_or(|before| **place < before));
            Ok(records.filter_map(|(_, record)| record.clone()).take(limit).collect())
        })
        .await
    }

    async fn audit_places(
        &self,
        scope: &TenantScope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Option<AuditRecord>)>> {
        self.call("audit_places", |state| {
            let chain = state.audit.get(scope.tenant()).into_iter().flat_map(|chain| &chain.records);
            let records = chain.filter(|(place, _)| **place > after).take(limit);
            Ok(records.map(|(place, record)| (*place, record.clone())).collect())
        })
        .await
    }

    async fn audit_head(&self, scope: &TenantScope) -> Result<Option<Head>> {
        self.call("audit_head", |state| Ok(state.audit.get(scope.tenant()).and_then(|chain| chain.head.clone()))).await
    }
}
