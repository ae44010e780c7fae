//! Inbound webhooks.

use super::{
    MemoryStore,
    erasure::{Eraser, Owned},
    page, parse_cursor,
};
use crate::{
    Captured, Hooks, Page, Result, SealedSecret, SecretName, StoreError,
    dynamo::{parse_rejection_cursor, rejection_cursor},
    retention::is_settled,
};
use domain::{
    audit::AuditEntry,
    hook::{Cause, Hook, HookEvent, Rejection, SEEN_KEEP_MS},
    ids::{HookEventId, HookId, TenantId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// A part of what belongs to a hook.
type Of<P> = (TenantId, HookId, P);

#[derive(Debug, Default)]
pub(super) struct Tables {
    owners: BTreeMap<HookId, TenantId>,
    hooks: BTreeMap<(TenantId, HookId), Hook>,
    secrets: BTreeMap<Of<u32>, SealedSecret>,
    seen: BTreeMap<Of<String>, (HookEventId, Timestamp)>,
    events: BTreeMap<Of<Reverse<HookEventId>>, (HookEvent, Vec<u8>)>,
    rejections: BTreeMap<Of<Reverse<(Timestamp, &'static str)>>, Rejection>,
}

impl Tables {
    /// What a call could begin with.
    pub(super) fn erase_settings(&mut self, eraser: &mut Eraser<'_>) {
        self.owners.retain(|_, tenant| eraser.spares(tenant.owner()));
        eraser.take(&mut self.hooks);
        eraser.take(&mut self.secrets);
    }

    /// Every version of the secrets of every hook.
    pub(super) fn all_secrets(&self, scope: &TenantScope) -> impl Iterator<Item = (SecretName, SealedSecret)> {
        let own = self.secrets.iter().filter(|((tenant, ..), _)| tenant == scope.tenant());
        own.map(|((_, hook, version), sealed)| (SecretName { owner: hook.into(), version: *version }, sealed.clone()))
    }

    /// One of them.
    pub(super) fn secret_mut(&mut self, key: &Of<u32>) -> Option<&mut SealedSecret> {
        self.secrets.get_mut(key)
    }

    /// Deletes secrets that serve nothing any more; returns how many.
    pub(super) fn let_go(&mut self, scope: &TenantScope, now: Timestamp) -> usize {
        let count = self.secrets.len();
        let hooks = &self.hooks;
        self.secrets.retain(|(tenant, id, version), _| {
            let serves = |hook: &Hook| !is_settled(hook.updated_at, now) || hook.valid_versions(now).contains(version);
            tenant != scope.tenant() || hooks.get(&(tenant.clone(), id.clone())).is_some_and(serves)
        });
        count - self.secrets.len()
    }

    /// When each event was received.
    pub(super) fn received(&self, scope: &TenantScope) -> impl Iterator<Item = Timestamp> {
        let own = self.events.iter().filter(|((tenant, ..), _)| tenant == scope.tenant());
        own.map(|(_, (event, _))| event.received_at)
    }

    /// What was received.
    pub(super) fn erase_received(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.seen);
        eraser.take(&mut self.events);
        eraser.take(&mut self.rejections);
    }
}

fn key(scope: &TenantScope, id: &HookId) -> (TenantId, HookId) {
    (scope.tenant().clone(), id.clone())
}

fn of<P>(scope: &TenantScope, hook: &HookId, part: P) -> Of<P> {
    (scope.tenant().clone(), hook.clone(), part)
}

impl Hooks for MemoryStore {
    async fn hook_owner(&self, id: &HookId) -> Result<Option<TenantScope>> {
        self.call("hook_owner", |state| Ok(state.hooks.owners.get(id).map(super::trusted))).await
    }

    async fn hook(&self, scope: &TenantScope, id: &HookId) -> Result<Option<Hook>> {
        self.call("hook", |state| Ok(state.hooks.hooks.get(&key(scope, id)).cloned())).await
    }

    async fn hooks(&self, scope: &TenantScope) -> Result<Vec<Hook>> {
        self.call("hooks", |state| {
            let own = state.hooks.hooks.iter().filter(|((tenant, _), _)| tenant == scope.tenant());
            let mut own: Vec<Hook> = own.map(|(_, hook)| hook.clone()).collect();
            own.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(own)
        })
        .await
    }

    async fn save_hook(
        &self,
        scope: &TenantScope,
        hook: &Hook,
        secret: Option<&SealedSecret>,
        audit: &AuditEntry,
    ) -> Result<()> {
        self.call("save_hook", |state| {
            state.still_open(scope.tenant())?;
            let tables = &mut state.hooks;
            let stored = tables.hooks.get(&key(scope, &hook.id)).map_or(0, |stored| stored.rev);
            if hook.rev != stored + 1 || (hook.rev == 1 && tables.owners.contains_key(&hook.id)) {
                return Err(StoreError::Conflict);
            }
            if let Some(secret) = secret {
                tables.secrets.insert(of(scope, &hook.id, hook.secret_version), secret.clone());
            }
            tables.owners.insert(hook.id.clone(), scope.tenant().clone());
            tables.hooks.insert(key(scope, &hook.id), hook.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn delete_hook(&self, scope: &TenantScope, hook: &Hook, audit: &AuditEntry) -> Result<()> {
        self.call("delete_hook", |state| {
            state.still_open(scope.tenant())?;
            let tables = &mut state.hooks;
            let stored = tables.hooks.get(&key(scope, &hook.id)).map(|stored| stored.rev);
            if stored != Some(hook.rev) {
                return Err(StoreError::Conflict);
            }
            tables.hooks.remove(&key(scope, &hook.id));
            tables.owners.remove(&hook.id);
            for version in [Some(hook.secret_version), hook.previous.map(|previous| previous.version)] {
                version.map(|version| tables.secrets.remove(&of(scope, &hook.id, version)));
            }
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn hook_secret(&self, scope: &TenantScope, id: &HookId, version: u32) -> Result<Option<SealedSecret>> {
        self.call("hook_secret", |state| Ok(state.hooks.secrets.get(&of(scope, id, version)).cloned())).await
    }

    async fn capture(
        &self,
        scope: &TenantScope,
        event: &HookEvent,
        body: &[u8],
        fingerprint: Option<&str>,
    ) -> Result<Captured> {
        self.call("capture", |state| {
            let tables = &mut state.hooks;
            if let Some(fingerprint) = fingerprint {
                let until = event.received_at.plus_ms(SEEN_KEEP_MS);
                let seen = of(scope, &event.hook, fingerprint.to_owned());
                match tables.seen.get(&seen) {
                    Some((first, known_until)) if known_until.as_seconds() >= event.received_at.as_seconds() => {
                        return Ok(Captured::Duplicate(first.clone()));
                    }
                    _ => tables.seen.insert(seen, (event.id.clone(), until)),
                };
            }
            let stored = of(scope, &event.hook, Reverse(event.id.clone()));
            tables.events.insert(stored, (event.clone(), body.to_vec()));
            Ok(Captured::Fresh(event.id.clone()))
        })
        .await
    }

    async fn hook_events(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<HookEvent>> {
        self.call("hook_events", |state| {
            let before: Option<HookEventId> = parse_cursor(cursor)?;
            let own = state.hooks.events.iter().filter(|((tenant, of, id), _)| {
                tenant == scope.tenant() && of == hook && before.as_ref().is_none_or(|before| id.0 < *before)
            });
            Ok(page(own.map(|(_, (event, _))| event.clone()), limit, |event| event.id.to_string()))
        })
        .await
    }

    async fn hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
    ) -> Result<Option<(HookEvent, Vec<u8>)>> {
        self.call("hook_event", |state| Ok(state.hooks.events.get(&of(scope, hook, Reverse(id.clone()))).cloned()))
            .await
    }

    async fn replay_hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
        audit: &AuditEntry,
    ) -> Result<Option<HookEvent>> {
        self.call("replay_hook_event", |state| {
            state.still_open(scope.tenant())?;
            let stored = state.hooks.events.get_mut(&of(scope, hook, Reverse(id.clone())));
            let Some((event, _)) = stored else { return Ok(None) };
            event.replays += 1;
            let event = event.clone();
            state.append_audit(scope.tenant(), audit);
            Ok(Some(event))
        })
        .await
    }

    async fn count_rejection(&self, scope: &TenantScope, hook: &HookId, rejection: &Rejection) -> Result<()> {
        self.call("count_rejection", |state| {
            let place = Reverse((rejection.minute, rejection.cause.code()));
            let stored = state.hooks.rejections.entry(of(scope, hook, place));
            let before = match &stored {
                std::collections::btree_map::Entry::Occupied(stored) => stored.get().count,
                std::collections::btree_map::Entry::Vacant(_) => 0,
            };
            stored.insert_entry(Rejection { count: before + rejection.count, ..rejection.clone() });
            Ok(())
        })
        .await
    }

    async fn rejections(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Rejection>> {
        self.call("rejections", |state| {
            let before: Option<(Timestamp, Cause)> = match cursor {
                None => None,
                Some(cursor) => Some(parse_rejection_cursor(cursor).ok_or(StoreError::InvalidCursor)?),
            };
            let own = state.hooks.rejections.iter().filter(|((tenant, of, at), _)| {
                tenant == scope.tenant()
                    && of == hook
                    && before.is_none_or(|(minute, cause)| at.0 < (minute, cause.code()))
            });
            Ok(page(own.map(|(_, rejection)| rejection.clone()), limit, rejection_cursor))
        })
        .await
    }
}
