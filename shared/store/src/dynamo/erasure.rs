//! Erasing a tenant. An integration leaves a marker of its name until its other partitions are empty, a campaign its own
//! record: they are how these partitions are found.

use super::{
    DynamoStore,
    attributes::{Item, get_text, item_of, number, record_of, text},
    audit::Chain,
    calls::{Query, Table, Transacted, Write},
    keys::{self, Key, OfCampaign, OfIntegration, OfTenant, Partition},
};
use crate::{Erasure, Result, StoreError};
use domain::{
    audit::AuditEntry,
    ids::{CampaignId, IntegrationId},
    tenant::{Tenant, TenantScope},
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

/// How many items are deleted at a time where each takes a call of its own.
const AT_ONCE: usize = 8;

/// How many campaigns, or integrations, are looked up at a time.
const PAGE: usize = 50;

impl DynamoStore {
    /// Deletes what finds the tenant before it is known: keys, whose tokens it takes, sign-ins under way. Whatever it is,
    /// it names the tenant. At most `limit`; returns how many.
    async fn erase_lookups(&self, scope: &TenantScope, limit: usize) -> Result<usize> {
        let mut keys = self.scan_for(Table::Auth, scope.tenant().as_str()).await?;
        keys.truncate(limit);
        let count = keys.len();
        self.delete_each(keys.into_iter().map(|key| Write::delete(key).on(Table::Auth)).collect()).await?;
        Ok(count)
    }

    async fn delete_each(&self, writes: Vec<Write>) -> Result<()> {
        stream::iter(writes)
            .map(|write| self.write(write))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| async { Ok(()) })
            .await
    }

    /// Deletes what stands in a partition, at most `limit` items; returns how many.
    async fn empty(&self, partition: String, limit: usize) -> Result<usize> {
        // Consistent: an item that is not seen would stay for ever.
        let query = Query::of(partition, "pk = :pk").consistent().keys_only();
        let keys: Vec<Key> = self.query(query, limit, |_| true).await?.iter().filter_map(Key::of).collect();
        let count = keys.len();
        self.batch_delete(keys).await?;
        Ok(count)
    }

    /// Empties these partitions one after the other, at most `limit` items; returns how many.
    pub(super) async fn empty_all(
        &self,
        partitions: impl Iterator<Item = String> + Send,
        limit: usize,
    ) -> Result<usize> {
        let mut count = 0;
        for partition in partitions {
            if count == limit {
                break;
            }
            count += self.empty(partition, limit - count).await?;
        }
        Ok(count)
    }

    /// Empties the partitions of each thing that `things` lists, then deletes it, at most about `limit` items.
    async fn erase_each(
        &self,
        things: Query,
        partitions: impl Fn(&str) -> Vec<String> + Send + Sync,
        limit: usize,
    ) -> Result<usize> {
        let mut count = 0;
        while count < limit {
            let page = self.query(things.clone().consistent().keys_only(), PAGE, |_| true).await?;
            if page.is_empty() {
                break;
            }
            for key in page.iter().filter_map(Key::of) {
                count += self.empty_all(partitions(&key.sk).into_iter(), limit.saturating_sub(count)).await?;
                if count >= limit {
                    // There may be more of it.
                    return Ok(count);
                }
                self.write(Write::delete(key)).await?;
                count += 1;
            }
        }
        Ok(count)
    }
}

impl Erasure for DynamoStore {
    async fn begin_erasure(&self, scope: &TenantScope, audit: &AuditEntry) -> Result<Option<Tenant>> {
        let mark = Write::update(keys::tenant(scope.tenant()), "SET erasing_since = :at")
            .on(Table::Auth)
            .only_if("attribute_exists(pk) AND attribute_not_exists(erasing_since)")
            .value(":at", number(audit.at.0));
        match self.audited_in(Chain::Closing, scope, vec![mark], audit).await? {
            Transacted::Refused(_, None) => Ok(None),
            Transacted::Refused(_, Some(stored)) => record_of(stored).map(Some),
            Transacted::Done => {
                let stored = self.get(Table::Auth, keys::tenant(scope.tenant()), true).await?;
                stored.map(record_of).transpose()
            }
        }
    }

    async fn erase_access(&self, scope: &TenantScope, limit: usize) -> Result<usize> {
        let mut count = self.erase_lookups(scope, limit).await?;
        let query = Query::of(keys::config(scope), "pk = :pk").consistent().keys_only();
        let is_marker = |item: &Item| get_text(item, "sk").is_some_and(|sk| sk.starts_with(keys::ERASED));
        let items = self.query(query, limit - count, |item| !is_marker(item)).await?;
        count += items.len();
        let (integrations, others): (Vec<Key>, Vec<Key>) =
            items.iter().filter_map(Key::of).partition(|key| key.sk.starts_with(keys::INTEGRATIONS));
        self.batch_delete(others).await?;
        for key in integrations {
            let id = key.sk.strip_prefix(keys::INTEGRATIONS).unwrap_or_default();
            let marker = Write::put(keys::erased_integration(scope, id).item());
            self.transact(&[Write::delete(key), marker]).await?;
        }
        Ok(count)
    }

    async fn erase_data(&self, scope: &TenantScope, limit: usize) -> Result<usize> {
        let campaigns = Query::of(keys::campaigns(scope), "pk = :pk");
        let of_campaign = |sk: &str| {
            let id: Option<CampaignId> = sk.parse().ok();
            let partitions = id.iter().flat_map(|id| {
                OfCampaign::ALL.iter().map(|part| keys::partition(scope, Partition::Campaign(*part, id)))
            });
            partitions.collect()
        };
        let mut count = self.erase_each(campaigns, of_campaign, limit).await?;
        let integrations =
            Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)").value(":kind", text(keys::ERASED));
        let of_integration = |sk: &str| {
            let id: Option<IntegrationId> = sk.strip_prefix(keys::ERASED).and_then(|id| id.parse().ok());
            let partitions = id.iter().flat_map(|id| {
                OfIntegration::ALL.iter().map(|part| keys::partition(scope, Partition::Integration(*part, id)))
            });
            partitions.collect()
        };
        count += self.erase_each(integrations, of_integration, limit.saturating_sub(count)).await?;
        let own = OfTenant::ALL.iter().map(|part| keys::partition(scope, Partition::Tenant(*part)));
        count += self.empty_all(own, limit.saturating_sub(count)).await?;
        // A sign-in that was begun while the keys went.
        count += self.erase_lookups(scope, limit.saturating_sub(count)).await?;
        Ok(count)
    }

    async fn end_erasure(&self, scope: &TenantScope, audit: &AuditEntry) -> Result<Tenant> {
        let key = keys::tenant(scope.tenant());
        let stored = self.get(Table::Auth, key.clone(), true).await?.ok_or(StoreError::Conflict)?;
        let stored: Tenant = record_of(stored)?;
        if stored.erased_at.is_some() {
            return Ok(stored);
        }
        let tombstone = stored.erased(audit.at);
        let mut item = key.item();
        item.extend(item_of(&tombstone)?);
        let bury = Write::put(item)
            .on(Table::Auth)
            .only_if("attribute_exists(erasing_since) AND attribute_not_exists(erased_at)");
        match self.audited_in(Chain::Closing, scope, vec![bury], audit).await? {
            Transacted::Done => Ok(tombstone),
            Transacted::Refused(_, stored) => {
                let stored: Option<Tenant> = stored.map(record_of).transpose()?;
                stored.filter(|stored| stored.erased_at.is_some()).ok_or(StoreError::Conflict)
            }
        }
    }
}
