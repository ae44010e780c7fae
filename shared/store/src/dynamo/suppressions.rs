//! The suppression list: one item an address, in a partition of its own.

use super::{
    DynamoStore,
    attributes::{Item, get_text, item_of, record_of},
    calls::{Query, Table, Transacted, Write},
    keys::{self, Key},
};
use crate::{Page, Result, StoreError, Suppressions};
use domain::{
    audit::AuditEntry,
    suppression::{ADDRESS_MAX_BYTES, Suppression},
    tenant::TenantScope,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::{BTreeSet, HashSet};

/// Writes at a time.
const AT_ONCE: usize = 8;

fn put(scope: &TenantScope, entry: &Suppression) -> Result<Write> {
    let mut item = keys::suppression(scope, &entry.address).item();
    item.extend(item_of(entry)?);
    Ok(Write::put(item).only_if("attribute_not_exists(pk)"))
}

impl Suppressions for DynamoStore {
    async fn suppress(&self, scope: &TenantScope, entries: &[Suppression]) -> Result<()> {
        let writes: Vec<Write> = entries.iter().map(|entry| put(scope, entry)).collect::<Result<_>>()?;
        stream::iter(writes)
            .map(|write| self.write(write))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    async fn add_suppression(&self, scope: &TenantScope, entry: &Suppression, audit: &AuditEntry) -> Result<bool> {
        let add = put(scope, entry)?;
        Ok(matches!(self.audited(scope, vec![add], audit).await?, Transacted::Done))
    }

    async fn remove_suppression(&self, scope: &TenantScope, address: &str, audit: &AuditEntry) -> Result<bool> {
        let remove = Write::delete(keys::suppression(scope, address)).only_if("attribute_exists(pk)");
        Ok(matches!(self.audited(scope, vec![remove], audit).await?, Transacted::Done))
    }

    async fn suppression(&self, scope: &TenantScope, address: &str) -> Result<Option<Suppression>> {
        // Consistent: whoever has just changed the list sees what was changed.
        self.get(Table::Tenant, keys::suppression(scope, address), true).await?.map(record_of).transpose()
    }

    async fn suppressions(&self, scope: &TenantScope, cursor: Option<&str>, limit: usize) -> Result<Page<Suppression>> {
        if cursor.is_some_and(|cursor| cursor.is_empty() || cursor.len() > ADDRESS_MAX_BYTES) {
            return Err(StoreError::InvalidCursor);
        }
        let query = Query::of(keys::suppressions(scope), "pk = :pk")
            .after(cursor.map(|address| keys::suppression(scope, address)));
        self.page(query, limit, |_| true, record_of, |entry: &Suppression| entry.address.clone()).await
    }

    async fn suppressed_among(&self, scope: &TenantScope, addresses: &[String]) -> Result<BTreeSet<String>> {
        // What is too long to be listed is too long to be a key, too.
        let keys: HashSet<Key> = addresses
            .iter()
            .filter(|address| !address.is_empty() && address.len() <= ADDRESS_MAX_BYTES)
            .map(|address| keys::suppression(scope, address))
            .collect();
        let found = self.batch_get(keys.into_iter().collect()).await?;
        let address = |item: &Item| get_text(item, "sk").map(str::to_owned);
        Ok(found.iter().filter_map(address).collect())
    }
}
