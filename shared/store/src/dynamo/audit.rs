//! The audit chain, and writes that are audited.

use super::{
    DynamoStore,
    attributes::{Item, item_of, number, record_of, text},
    calls::{Query, Table, Transacted, Write, pause},
    keys,
};
use crate::{Audit, Page, Result, StoreError};
use domain::{
    audit::{AuditEntry, AuditRecord},
    tenant::TenantScope,
};

/// How often the end of the chain is looked for while others append to it.
const ATTEMPTS: u32 = 8;

impl DynamoStore {
    /// Makes all writes together with the audit record that follows the newest. When somebody else appends in between,
    /// only the record is made anew; a refused write is told with its number.
    pub(super) async fn audited(
        &self,
        scope: &TenantScope,
        writes: Vec<Write>,
        entry: &AuditEntry,
    ) -> Result<Transacted> {
        let own = writes.len();
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            let record = AuditRecord::following(self.last_audit(scope).await?.as_ref(), entry);
            let mut item = keys::audit(scope, record.seq).item();
            item.extend(item_of(&record)?);
            let mut writes = writes.clone();
            writes.push(Write::put(item).only_if("attribute_not_exists(pk)"));
            match self.transact_once(&writes).await? {
                Some(Transacted::Refused(index, _)) if index == own => {}
                Some(outcome) => return Ok(outcome),
                None => {}
            }
        }
        Err(StoreError::Unavailable("the audit chain is too busy".to_owned()))
    }

    /// As [`Self::audited`], when any refused write is a conflict.
    pub(super) async fn audited_or_conflict(
        &self,
        scope: &TenantScope,
        writes: Vec<Write>,
        entry: &AuditEntry,
    ) -> Result<()> {
        match self.audited(scope, writes, entry).await? {
            Transacted::Done => Ok(()),
            Transacted::Refused(..) => Err(StoreError::Conflict),
        }
    }

    async fn last_audit(&self, scope: &TenantScope) -> Result<Option<AuditRecord>> {
        // Consistent: after a stale read, the write would only be refused.
        let query = Query::of(keys::audit_chain(scope), "pk = :pk").backward().consistent();
        self.query(query, 1, |_| true).await?.pop().map(record_of).transpose()
    }

    /// One page: asks for one item more than a page has, to know whether there is another page.
    pub(super) async fn page<T>(
        &self,
        query: Query,
        limit: usize,
        keep: impl Fn(&Item) -> bool,
        read: impl Fn(Item) -> Result<T>,
        cursor: impl Fn(&T) -> String,
    ) -> Result<Page<T>> {
        let mut items = self.query(query, limit.saturating_add(1), keep).await?;
        let more = items.len() > limit;
        items.truncate(limit);
        let items = items.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        let next = if more { items.last().map(cursor) } else { None };
        Ok(Page { items, next })
    }
}

/// Reads a cursor.
pub(super) fn parse_cursor<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>> {
    cursor.map(|text| text.parse().map_err(|_| StoreError::InvalidCursor)).transpose()
}

/// Makes a record the one with revision `rev`, if the stored one has the revision before.
pub(super) fn put_revision(item: Item, rev: u64) -> Write {
    if rev <= 1 {
        Write::put(item).only_if("attribute_not_exists(pk)")
    } else {
        Write::put(item).only_if("#rev = :before").value(":before", number(rev - 1))
    }
}

impl Audit for DynamoStore {
    async fn append_audit(&self, scope: &TenantScope, entry: &AuditEntry) -> Result<()> {
        self.audited_or_conflict(scope, Vec::new(), entry).await
    }

    async fn audit(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<AuditRecord>> {
        let after: u64 = parse_cursor(cursor)?.unwrap_or(0);
        let query = Query::of(keys::audit_chain(scope), "pk = :pk AND sk > :after")
            .on(Table::Tenant)
            .value(":after", text(keys::audit(scope, after).sk));
        self.page(query, limit, |_| true, record_of, |record: &AuditRecord| record.seq.to_string()).await
    }
}
