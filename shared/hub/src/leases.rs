//! Leasing slots of an integration's rate limits, and pausing it when its provider asks for silence.

use crate::expiring::Expiring;
use domain::{
    ids::{IntegrationId, TenantId},
    rate::{Lease, Limits, RateState},
    tenant::TenantScope,
    time::Timestamp,
};
use runtime::lazy::Lazy;
use store::{RateConflict, Rates, StoreError};
use tokio::sync::Mutex;

/// How often a lease is tried against concurrent senders. Each round loses to somebody who made progress.
const ROUNDS: usize = 20;

/// How long the record of an integration without limits is trusted, in milliseconds: the time in which other containers
/// may not yet know of a pause.
const UNLIMITED_TRUST_MS: i64 = 1_000;

/// Leases slots for one sender. Remembers each integration's record, so that a lease is usually one conditional write.
pub struct Leases<S> {
    store: Lazy<S>,
    /// Held while a record is read or written. A batch's bundles are worked on at once: without it they would contend
    /// for one record among themselves, and each of ten leases would cost several writes instead of one.
    turn: Mutex<()>,
    known: Expiring<(TenantId, IntegrationId), RateState>,
    unlimited: Expiring<(TenantId, IntegrationId), RateState>,
}

impl<S: Rates> Leases<S> {
    /// Leases from the records in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self {
            store,
            turn: Mutex::default(),
            known: Expiring::new(domain::time::DAY_MS),
            unlimited: Expiring::new(UNLIMITED_TRUST_MS),
        }
    }

    /// Leases up to `wanted` slots. An integration without limits costs no write: only a pause can hold it up.
    pub async fn lease(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        limits: Limits,
        wanted: u32,
        now: Timestamp,
    ) -> Result<Lease, StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        let _turn = self.turn.lock().await;
        if limits == Limits::default() {
            let state = if let Some(state) = self.unlimited.get(&key, now) {
                state
            } else {
                let state = self.store.rate(scope, id).await?;
                self.unlimited.put(key, state.clone(), now);
                state
            };
            return Ok(state.lease(limits, wanted, now));
        }
        let mut state = match self.known.get(&key, now) {
            Some(state) => state,
            None => self.store.rate(scope, id).await?,
        };
        for _ in 0..ROUNDS {
            let lease = state.lease(limits, wanted, now);
            let Lease::Granted { next, .. } = &lease else {
                self.known.put(key, state, now);
                return Ok(lease);
            };
            match self.store.save_rate(scope, id, next).await {
                Ok(()) => {
                    self.known.put(key, next.clone(), now);
                    return Ok(lease);
                }
                Err(RateConflict::Newer(stored)) => state = stored,
                Err(RateConflict::Store(error)) => {
                    // The write may have been applied: what we know is no longer certain.
                    self.known.forget(&key);
                    return Err(error);
                }
            }
        }
        Err(StoreError::Unavailable("too many senders lease from this integration at once".into()))
    }

    /// Remembers for everybody that the provider wants silence until `until`.
    pub async fn pause(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        let mut state = self.store.rate(scope, id).await?;
        for _ in 0..ROUNDS {
            let paused = state.paused(until);
            // This container knows at once, whatever becomes of the write.
            self.unlimited.put(key.clone(), paused.clone(), now);
            match self.store.save_rate(scope, id, &paused).await {
                Ok(()) => {
                    self.known.put(key, paused, now);
                    return Ok(());
                }
                Err(RateConflict::Newer(stored)) => state = stored,
                Err(RateConflict::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable("too many senders lease from this integration at once".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Mutex as StdMutex,
        atomic::{AtomicU32, Ordering},
    };

    /// A record that is far away: whoever asks waits, and others may come first.
    #[derive(Default)]
    struct Remote {
        record: StdMutex<RateState>,
        reads: AtomicU32,
        writes: AtomicU32,
    }

    impl Rates for Remote {
        async fn rate(&self, _: &TenantScope, _: &IntegrationId) -> Result<RateState, StoreError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok(self.record.lock().unwrap().clone())
        }

        async fn save_rate(&self, _: &TenantScope, _: &IntegrationId, state: &RateState) -> Result<(), RateConflict> {
            self.writes.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let mut record = self.record.lock().unwrap();
            if record.rev + 1 != state.rev {
                return Err(RateConflict::Newer(record.clone()));
            }
            *record = state.clone();
            Ok(())
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    async fn lease_for_ten_bundles(limits: Limits) -> Leases<Remote> {
        let leases = Leases::new(Lazy::ready(Remote::default()));
        let (scope, id) = (acme(), IntegrationId::generate());
        let all = (0..10).map(|_| leases.lease(&scope, &id, limits, 25, Timestamp(0)));
        for lease in futures::future::join_all(all).await {
            assert!(matches!(lease.unwrap(), Lease::Granted { count: 25, .. }));
        }
        leases
    }

    #[tokio::test]
    async fn the_bundles_of_a_batch_do_not_contend_with_each_other() {
        let leases = lease_for_ten_bundles(Limits { per_day: Some(1_000), ..Limits::default() }).await;
        assert_eq!((leases.store.reads.load(Ordering::Relaxed), leases.store.writes.load(Ordering::Relaxed)), (1, 10));
    }

    #[tokio::test]
    async fn without_limits_a_batch_looks_once() {
        let leases = lease_for_ten_bundles(Limits::default()).await;
        assert_eq!((leases.store.reads.load(Ordering::Relaxed), leases.store.writes.load(Ordering::Relaxed)), (1, 0));
    }
}
