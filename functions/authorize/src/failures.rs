//! Wrong secrets for keys that exist. Too many suspend the key, because somebody knows half of it; they are counted by
//! fives, so that an attacker makes us write little.
//!
//! A key of 256 random bits is not guessed. What a suspension guards against is a leak that is being tried out, and what
//! it costs is that whoever knows a prefix can bring it about. So a prefix that a list of networks protects is suspended
//! only by those inside, a secret that was replaced is recognised and does not count, and the tenant is told at once.

use domain::{
    audit::AuditEntry,
    key::{KeyRecord, Suspension, SuspensionCause},
    principal::Principal,
    quota::FAILURES_WITHIN_MS,
    tenant::TenantScope,
    time::Timestamp,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use store::{Access, KeyUseConflict, KeyUses, StoreError};

/// How many are counted by one write.
const AT_ONCE: u32 = 5;
/// How many keys are counted.
const ENTRIES: usize = 1_000;
/// How often something is written anew that somebody else wrote first.
const ROUNDS: u32 = 5;

/// The wrong secrets that this instance saw and has not written.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<String, (u32, Timestamp)>>);

impl Failures {
    /// One more for this key: how many are to be written now, if any.
    fn count(&self, prefix: &str, now: Timestamp) -> Option<u32> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= ENTRIES {
            counts.retain(|_, (_, since)| now.since_ms(*since) < FAILURES_WITHIN_MS);
            if counts.len() >= ENTRIES {
                counts.clear();
            }
        }
        let (count, since) = counts.entry(prefix.to_owned()).or_insert((0, now));
        if now.since_ms(*since) >= FAILURES_WITHIN_MS {
            (*count, *since) = (0, now);
        }
        *count += 1;
        if *count < AT_ONCE {
            return None;
        }
        counts.remove(prefix).map(|(count, _)| count)
    }

    /// A wrong secret was presented for this key. Suspends it if there were too many.
    pub(crate) async fn note(
        &self,
        store: &(impl Access + KeyUses),
        record: &KeyRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if record.check(now).is_err() {
            return Ok(());
        }
        let Some(count) = self.count(&record.prefix, now) else { return Ok(()) };
        tracing::warn!(key = %record.id, tenant = %record.tenant, count, "wrong secrets were presented for a key");
        let mut stored = store.key_use(&record.prefix).await?;
        for _ in 0..ROUNDS {
            let (next, too_many) = stored.failed(count, now);
            match store.save_key_use(&record.tenant, &record.prefix, &next).await {
                Ok(()) if too_many => return suspend(store, record, now).await,
                Ok(()) => return Ok(()),
                Err(KeyUseConflict::Newer(newer)) => stored = *newer,
                Err(KeyUseConflict::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Conflict)
    }
}

async fn suspend(store: &impl Access, record: &KeyRecord, now: Timestamp) -> Result<(), StoreError> {
    #[expect(
        clippy::disallowed_methods,
        reason = "our own record names the tenant, and nothing is shown to the caller"
    )]
    let scope = TenantScope::established(record.tenant.clone());
    let audit = AuditEntry {
        principal: Principal::System,
        action: "key.suspended",
        target: record.id.to_string(),
        detail: "tried too often with a wrong secret".to_owned(),
        at: now,
    };
    for _ in 0..ROUNDS {
        let Some(mut key) = store.key(&scope, &record.id).await? else { return Ok(()) };
        if key.check(now).is_err() {
            return Ok(());
        }
        key.suspended = Some(Suspension { at: now, cause: SuspensionCause::Failures });
        key.rev += 1;
        match store.save_key(&scope, &key, Some(&audit)).await {
            Ok(()) => {
                tracing::error!(key = %record.id, tenant = %record.tenant, "a key was suspended");
                return Ok(());
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Conflict)
}
