//! What retention does: deletes what no TTL reaches, and looks whether TTL deletes the rest.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, name_of, text},
    calls::{Query, Table, Write},
    keys::{self, Key, OfCampaign, OfIntegration, OfTenant, Partition},
};
use crate::{
    Hooks, Integrations as _, LetGo, Overdue, Result, Retention,
    retention::{all_goes, is_overdue, is_settled, secrets_go},
};
use domain::{
    hook::Hook,
    ids::{CampaignId, IntegrationId},
    secret::SecretOwner,
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::HashMap;

/// The tenant's partitions whose records stay until somebody deletes them. In all others every record has a time to live,
/// and so in every one that is added, unless it is named here.
const LASTING: [OfTenant; 3] = [OfTenant::Config, OfTenant::Campaigns, OfTenant::Suppressions];

/// The same of each integration.
const LASTING_OF_INTEGRATION: [OfIntegration; 1] = [OfIntegration::Rate];

fn judge(found: &mut Overdue, item: &Item, must_end: bool, now: Timestamp) {
    let ttl: Option<i64> = get_number(item, "ttl");
    let late = ttl.is_some_and(|ttl| is_overdue(ttl, now));
    let endless = must_end && ttl.is_none();
    found.looked += 1;
    found.late += usize::from(late);
    found.endless += usize::from(endless);
    if late || endless {
        found.example.get_or_insert_with(|| name_of(item));
    }
}

impl DynamoStore {
    /// Deletes what is left of integrations that were deleted.
    async fn let_integrations_go(&self, scope: &TenantScope, now: Timestamp, limit: usize) -> Result<LetGo> {
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::INTEGRATIONS));
        let deleted_at = |item: &Item| get_number(item, "deleted_at").map(Timestamp);
        let deleted = self.query(query, usize::MAX, |item| deleted_at(item).is_some()).await?;
        let mut gone = LetGo::default();
        for item in deleted {
            let id = get_text(&item, "sk").and_then(|sk| sk.strip_prefix(keys::INTEGRATIONS)?.parse().ok());
            let at = deleted_at(&item).filter(|at| secrets_go(*at, now));
            let (Some(id), Some(at), Some(key)) = (id, at, Key::of(&item)) else { continue };
            let id: IntegrationId = id;
            let secrets = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
                .value(":kind", text(keys::secrets_of(&id)))
                .keys_only();
            let secrets: Vec<Key> = self.query(secrets, limit, |_| true).await?.iter().filter_map(Key::of).collect();
            gone.secrets += secrets.len();
            self.batch_delete(secrets).await?;
            if !all_goes(at, now) {
                continue;
            }
            let room = limit.saturating_sub(gone.total());
            let partitions =
                OfIntegration::ALL.iter().map(|part| keys::partition(scope, Partition::Integration(*part, &id)));
            let records = self.empty_all(partitions, room).await?;
            gone.records += records;
            if records >= room {
                // The record is how the rest is found again.
                break;
            }
            self.write(Write::delete(key).only_if("attribute_exists(deleted_at)")).await?;
            gone.integrations += 1;
        }
        Ok(gone)
    }

    /// Deletes secrets of hooks that serve nothing any more; returns how many.
    async fn let_hook_secrets_go(&self, scope: &TenantScope, now: Timestamp) -> Result<usize> {
        // Secrets first: a hook that comes to be in between is none of theirs.
        let secrets = self.all_secrets(scope).await?;
        let hooks: HashMap<_, Hook> =
            self.hooks(scope).await?.into_iter().map(|hook| (hook.id.clone(), hook)).collect();
        let serves =
            |hook: &Hook, version| !is_settled(hook.updated_at, now) || hook.valid_versions(now).contains(&version);
        let useless: Vec<Key> = secrets
            .into_iter()
            .filter_map(|(name, _)| match name.owner {
                SecretOwner::Hook(id) => Some((id, name.version)),
                SecretOwner::Integration(_) => None,
            })
            .filter(|(id, version)| !hooks.get(id).is_some_and(|hook| serves(hook, *version)))
            .map(|(id, version)| keys::hook_secret(scope, &id, version))
            .collect();
        let count = useless.len();
        self.batch_delete(useless).await?;
        Ok(count)
    }

    /// The names that follow `kind` in some of a partition's sort keys.
    async fn names<T: std::str::FromStr>(&self, partition: String, kind: &'static str, limit: usize) -> Result<Vec<T>> {
        let query = if kind.is_empty() {
            Query::of(partition, "pk = :pk")
        } else {
            Query::of(partition, "pk = :pk AND begins_with(sk, :kind)").value(":kind", text(kind))
        };
        let items = self.query(query.keys_only(), limit, |_| true).await?;
        let name = |item: &Item| get_text(item, "sk")?.strip_prefix(kind)?.parse().ok();
        Ok(items.iter().filter_map(name).collect())
    }
}

impl Retention for DynamoStore {
    async fn let_go(&self, scope: &TenantScope, now: Timestamp, limit: usize) -> Result<LetGo> {
        let mut gone = self.let_integrations_go(scope, now, limit).await?;
        gone.secrets += self.let_hook_secrets_go(scope, now).await?;
        Ok(gone)
    }

    async fn overdue(&self, scope: &TenantScope, now: Timestamp, sample: usize) -> Result<Overdue> {
        let own = OfTenant::ALL.iter().filter(|part| !LASTING.contains(part));
        let own = own.map(|part| keys::partition(scope, Partition::Tenant(*part)));
        let mut partitions: Vec<String> = own.collect();
        let integrations: Vec<IntegrationId> = self.names(keys::config(scope), keys::INTEGRATIONS, sample).await?;
        for id in &integrations {
            let of_it = OfIntegration::ALL.iter().filter(|part| !LASTING_OF_INTEGRATION.contains(part));
            partitions.extend(of_it.map(|part| keys::partition(scope, Partition::Integration(*part, id))));
        }
        let campaigns: Vec<CampaignId> = self.names(keys::campaigns(scope), "", sample).await?;
        for id in &campaigns {
            let of_it = OfCampaign::ALL.iter();
            partitions.extend(of_it.map(|part| keys::partition(scope, Partition::Campaign(*part, id))));
        }
        let mut found = Overdue::default();
        for partition in partitions {
            // Where sort keys are moments, these are the oldest.
            let query = Query::of(partition, "pk = :pk").expiry_only();
            for item in self.query(query, sample, |_| true).await? {
                judge(&mut found, &item, true, now);
            }
        }
        Ok(found)
    }

    async fn overdue_lookups(&self, now: Timestamp, sample: usize) -> Result<Overdue> {
        let mut found = Overdue::default();
        for item in self.scan_expiries(Table::Auth, sample).await? {
            // Keys, pointers and tenants have no time to live.
            judge(&mut found, &item, false, now);
        }
        Ok(found)
    }
}
