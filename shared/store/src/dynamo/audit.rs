//! The audit chain, and writes that are audited.

use super::{
    DynamoStore,
    attributes::{Item, get_text, item_of, number, record_of, text},
    calls::{Query, Table, Transacted, Write, pause},
    keys,
};
use crate::{Audit, Page, Result, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    audit::{AuditEntry, AuditRecord, Head},
    tenant::TenantScope,
};

/// Stands in the head of a chain that is closed. Every audited write is conditional on the head that it builds on, so it
/// meets this, however long it was under way.
const CLOSED: &str = "closed";

/// What an audited write takes the chain for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    /// Something that goes on.
    Open,
    /// Something that ends with it: nothing but more of this is taken after it.
    Closing,
}

/// How often the end of the chain is looked for while others append to it.
const ATTEMPTS: u32 = 12;

impl DynamoStore {
    /// Makes all writes together with the audit record that follows the newest, and the head that names it. When
    /// somebody else appends in between, only these are made anew; a refused write is told with its number.
    pub(super) async fn audited(
        &self,
        scope: &TenantScope,
        writes: Vec<Write>,
        entry: &AuditEntry,
    ) -> Result<Transacted> {
        self.audited_in(Chain::Open, scope, writes, entry).await
    }

    /// As [`Self::audited`]; a chain that is closed takes only what is written to it as [`Chain::Closing`].
    pub(super) async fn audited_in(
        &self,
        chain: Chain,
        scope: &TenantScope,
        writes: Vec<Write>,
        entry: &AuditEntry,
    ) -> Result<Transacted> {
        let own = writes.len();
        let _turn = self.appending.lock().await;
        for attempt in 0..ATTEMPTS {
            pause(attempt).await;
            // Consistent: after a stale read, the write would only be refused.
            let stored = self.get(Table::Tenant, keys::audit_head(scope), true).await?;
            if chain == Chain::Open && stored.as_ref().is_some_and(|head| head.contains_key(CLOSED)) {
                return Err(StoreError::Erased);
            }
            let mut newest = stored.clone().and_then(head_in);
            if newest.is_none() || attempt > 0 {
                // A head that is missing or was set back, which only a hand in the table can do, must not keep a tenant
                // from changing anything. The check of the chain tells of it.
                let last =
                    self.last_audit(scope).await?.filter(|last| Some(last.seq) > newest.as_ref().map(|it| it.seq));
                newest = last.or(newest);
            }
            let record = AuditRecord::following(&newest.unwrap_or_default(), entry);
            let mut item = keys::audit(scope, record.seq).item();
            item.extend(item_of(&record)?);
            let mut head = keys::audit_head(scope).item();
            head.extend(item_of(&record.head())?);
            if chain == Chain::Closing {
                head.insert(CLOSED.to_owned(), AttributeValue::Bool(true));
            }
            let head = match stored.map(|mut stored| stored.remove("hash")) {
                None => Write::put(head).only_if("attribute_not_exists(pk)"),
                Some(None) => Write::put(head).only_if("attribute_not_exists(#hash)"),
                Some(Some(known)) => Write::put(head).only_if("#hash = :known").value(":known", known),
            };
            let mut writes = writes.clone();
            writes.push(Write::put(item).only_if("attribute_not_exists(pk)"));
            writes.push(head);
            match self.transact_once(&writes).await? {
                Some(Transacted::Refused(index, _)) if index >= own => {}
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

    /// The newest record that is there, whatever the head says.
    async fn last_audit(&self, scope: &TenantScope) -> Result<Option<Head>> {
        let query = records_after(scope, 0).backward().consistent();
        let last: Option<AuditRecord> = self.query(query, 1, |_| true).await?.pop().map(record_of).transpose()?;
        Ok(last.map(|last| last.head()))
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

fn records_after(scope: &TenantScope, place: u64) -> Query {
    Query::of(keys::audit_chain(scope), "pk = :pk AND sk > :after").value(":after", text(keys::audit(scope, place).sk))
}

/// A head that cannot be read is as good as none.
fn head_in(item: Item) -> Option<Head> {
    record_of(item).inspect_err(|error| tracing::error!(%error, "the head of an audit chain was tampered with")).ok()
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
        let query = records_after(scope, after);
        self.page(query, limit, |_| true, record_of, |record: &AuditRecord| record.seq.to_string()).await
    }

    async fn audit_back(&self, scope: &TenantScope, before: Option<u64>, limit: usize) -> Result<Vec<AuditRecord>> {
        let last = before.unwrap_or(u64::MAX).saturating_sub(1);
        if last == 0 {
            return Ok(Vec::new());
        }
        let query = Query::of(keys::audit_chain(scope), "pk = :pk AND sk BETWEEN :first AND :last")
            .value(":first", text(keys::audit(scope, 1).sk))
            .value(":last", text(keys::audit(scope, last).sk))
            .backward();
        self.query(query, limit, |_| true).await?.into_iter().map(record_of).collect()
    }

    async fn audit_places(
        &self,
        scope: &TenantScope,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Option<AuditRecord>)>> {
        // Consistent: a record that is not seen yet would look like one that was deleted.
        let items = self.query(records_after(scope, after).consistent(), limit, |_| true).await?;
        let place = |item: &Item| get_text(item, "sk").and_then(keys::audit_place).unwrap_or(0);
        Ok(items.into_iter().map(|item| (place(&item), record_of(item).ok())).collect())
    }

    async fn audit_head(&self, scope: &TenantScope) -> Result<Option<Head>> {
        Ok(self.get(Table::Tenant, keys::audit_head(scope), true).await?.and_then(head_in))
    }
}
