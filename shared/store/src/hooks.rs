//! Inbound webhooks and what they received, by intent.

use crate::{Page, Result, SealedSecret};
use domain::{
    audit::AuditEntry,
    hook::{Hook, HookEvent, Rejection},
    ids::{HookEventId, HookId},
    tenant::TenantScope,
};
use std::future::Future;

/// What became of an event that was to be captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Captured {
    /// It is stored, under this id.
    Fresh(HookEventId),
    /// It was received before, under this id.
    Duplicate(HookEventId),
}

/// Inbound webhooks.
pub trait Hooks: Send + Sync {
    /// Whose hook this is: what is looked up before the tenant is known.
    fn hook_owner(&self, id: &HookId) -> impl Future<Output = Result<Option<TenantScope>>> + Send;

    /// One hook.
    fn hook(&self, scope: &TenantScope, id: &HookId) -> impl Future<Output = Result<Option<Hook>>> + Send;

    /// All hooks, oldest first.
    fn hooks(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<Hook>>> + Send;

    /// Writes a hook (new when `rev` is 1, and findable by its id from then on), its new secret version where there is
    /// one, and the audit record, all or nothing. `Conflict` unless the stored revision is `hook.rev - 1`.
    fn save_hook(
        &self,
        scope: &TenantScope,
        hook: &Hook,
        secret: Option<&SealedSecret>,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes a hook and its valid secrets, with the audit record, all or nothing. `Conflict` unless the stored revision
    /// is `hook.rev`. What it received stays for its time, and nobody finds it any more.
    fn delete_hook(
        &self,
        scope: &TenantScope,
        hook: &Hook,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The sealed secret in one version.
    fn hook_secret(
        &self,
        scope: &TenantScope,
        id: &HookId,
        version: u32,
    ) -> impl Future<Output = Result<Option<SealedSecret>>> + Send;

    /// Stores an event with its body, once for each `fingerprint` in a day; without one, each time. A first try that was
    /// interrupted is completed by the next, under the id of the first.
    fn capture(
        &self,
        scope: &TenantScope,
        event: &HookEvent,
        body: &[u8],
        fingerprint: Option<&str>,
    ) -> impl Future<Output = Result<Captured>> + Send;

    /// The events of a hook, the newest first, `limit` (<= 1,000) a page.
    fn hook_events(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<HookEvent>>> + Send;

    /// One event with its body.
    fn hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
    ) -> impl Future<Output = Result<Option<(HookEvent, Vec<u8>)>>> + Send;

    /// Counts a replay, which is what tells the bus of it, with the audit record. Returns the event as it stands then;
    /// `None` if there is none.
    fn replay_hook_event(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        id: &HookEventId,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<Option<HookEvent>>> + Send;

    /// Adds `rejection.count` to the count of its minute and cause, and makes it the last one of them.
    fn count_rejection(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        rejection: &Rejection,
    ) -> impl Future<Output = Result<()>> + Send;

    /// What a hook turned away, by minute and cause, the newest first, `limit` (<= 1,000) a page.
    fn rejections(
        &self,
        scope: &TenantScope,
        hook: &HookId,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Rejection>>> + Send;
}
