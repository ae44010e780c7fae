//! Leasing slots of an integration's rate limits, pausing it when its provider asks for silence, and its breaker.

use crate::expiring::Expiring;
use domain::{
    breaker::{Breaker, Passage, TRIAL_MS, Window},
    ids::{IntegrationId, TenantId},
    rate::{Lease, Limits, RateState},
    tenant::TenantScope,
    time::Timestamp,
};
use runtime::lazy::Lazy;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use store::{RateConflict, Rates, StoreError};
use tokio::sync::Mutex;

/// How often a lease is tried against concurrent senders. Each round loses to somebody who made progress.
const ROUNDS: usize = 20;

/// How long a record is trusted that no write has proven to be the newest, in milliseconds: the time in which other
/// containers may not yet know of a pause or an open breaker.
const RECENT_TRUST_MS: i64 = 1_000;

type Key = (TenantId, IntegrationId);

/// Leases slots for one sender. Remembers each integration's record, so that a lease is usually one conditional write.
pub struct Leases<S> {
    store: Lazy<S>,
    /// Held while a record is read or written. A batch's bundles are worked on at once: without it they would contend
    /// for one record among themselves, and each of ten leases would cost several writes instead of one.
    turn: Mutex<()>,
    /// Records to write on. One that is not the newest is refused, and its successor told.
    known: Expiring<Key, RateState>,
    /// Records as they were just read or written.
    recent: Expiring<Key, RateState>,
    /// This sender's own attempts.
    windows: Expiring<Key, Arc<StdMutex<Window>>>,
    /// Integrations whose breaker is not closed, as far as this sender knows, and until when it lets nobody through.
    shut: Expiring<Key, Timestamp>,
}

impl<S: Rates> Leases<S> {
    /// Leases from the records in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self {
            store,
            turn: Mutex::default(),
            known: Expiring::new(domain::time::DAY_MS),
            recent: Expiring::new(RECENT_TRUST_MS),
            windows: Expiring::new(domain::time::DAY_MS),
            shut: Expiring::new(domain::time::HOUR_MS),
        }
    }

    /// Leases up to `wanted` slots. An integration without limits costs no write: only a pause or an open breaker can
    /// hold it up.
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
        let limited = limits != Limits::default();
        let known = if limited { self.known.get(&key, now) } else { self.recent.get(&key, now) };
        // What is remembered of a breaker was true when it was read: only a recent look keeps anybody waiting.
        let known = known.filter(|state| state.breaker.is_closed() || self.recent.get(&key, now).is_some());
        let mut state = if let Some(state) = known {
            state
        } else {
            let state = self.store.rate(scope, id).await?;
            self.recent.put(key.clone(), state.clone(), now);
            state
        };
        for _ in 0..ROUNDS {
            let lease = state.lease(limits, wanted, now);
            self.note(&key, &lease, now);
            let next = match &lease {
                Lease::Granted { next, trial, .. } if limited || *trial => next,
                Lease::Granted { .. } => return Ok(lease),
                Lease::Wait { .. } | Lease::Broken { .. } => {
                    self.known.put(key, state, now);
                    return Ok(lease);
                }
            };
            match self.store.save_rate(scope, id, next).await {
                Ok(()) => {
                    if !next.breaker.is_closed() {
                        self.recent.put(key.clone(), next.clone(), now);
                    }
                    self.known.put(key, next.clone(), now);
                    return Ok(lease);
                }
                Err(RateConflict::Newer(stored)) => {
                    self.recent.put(key.clone(), stored.clone(), now);
                    state = stored;
                }
                Err(RateConflict::Store(error)) => {
                    // The write may have been applied: what we know is no longer certain.
                    self.known.forget(&key);
                    self.recent.forget(&key);
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
        self.rewrite(scope, id, now, |state| Some(state.paused(until))).await.map(|_| ())
    }

    /// Until when this sender knows the breaker to be open, or tried by somebody. Costs nothing.
    pub fn shut_until(&self, scope: &TenantScope, id: &IntegrationId, now: Timestamp) -> Option<Timestamp> {
        self.shut.get(&(scope.tenant().clone(), id.clone()), now).filter(|until| *until > now)
    }

    /// Counts an attempt of this sender, in memory. Answers whether the breaker should open.
    pub fn count(&self, scope: &TenantScope, id: &IntegrationId, failed: bool, now: Timestamp) -> bool {
        let key = (scope.tenant().clone(), id.clone());
        if self.shut.get(&key, now).is_some_and(|until| until > now) {
            // An attempt that was under way when it opened: it is known already.
            return false;
        }
        let window = self.windows.get(&key, now).unwrap_or_else(|| {
            let window = Arc::default();
            self.windows.put(key, Arc::clone(&window), now);
            window
        });
        window.lock().unwrap_or_else(PoisonError::into_inner).count(failed, now)
    }

    /// Opens the breaker for everybody. False if somebody else has done so.
    pub async fn open(&self, scope: &TenantScope, id: &IntegrationId, now: Timestamp) -> Result<bool, StoreError> {
        self.turn_breaker(scope, id, now, |breaker| breaker.opened(now)).await
    }

    /// Tells everybody how a trial went: the breaker closes, or opens anew. False if it was decided by somebody else.
    pub async fn tried(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        passed: bool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.turn_breaker(scope, id, now, |breaker| breaker.tried(passed, now)).await
    }

    /// Lets go of a trial that was not decided, so that nobody waits for it. False if it was.
    pub async fn untried(&self, scope: &TenantScope, id: &IntegrationId, now: Timestamp) -> Result<bool, StoreError> {
        self.turn_breaker(scope, id, now, |breaker| breaker.untried(now)).await
    }

    /// Changes what is remembered of an endpoint's failures; what was written, if anything had to be.
    pub async fn note_failing(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        now: Timestamp,
        change: impl Fn(&RateState) -> Option<RateState> + Send,
    ) -> Result<Option<RateState>, StoreError> {
        let written = self.rewrite(scope, id, now, change).await?;
        let key = (scope.tenant().clone(), id.clone());
        Ok(if written { self.known.get(&key, now) } else { None })
    }

    async fn turn_breaker(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        now: Timestamp,
        turn: impl Fn(Breaker) -> Option<Breaker> + Send + Sync,
    ) -> Result<bool, StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        self.forget_attempts(&key, now);
        let change = |state: &RateState| {
            let turned = turn(state.breaker);
            self.note_breaker(&key, turned.unwrap_or(state.breaker), now);
            Some(state.with_breaker(turned?))
        };
        self.rewrite(scope, id, now, change).await
    }

    /// Changes the record under the revision check; false when there is nothing to change (any more).
    async fn rewrite(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        now: Timestamp,
        change: impl Fn(&RateState) -> Option<RateState> + Send,
    ) -> Result<bool, StoreError> {
        let key = (scope.tenant().clone(), id.clone());
        let mut state = self.store.rate(scope, id).await?;
        for _ in 0..ROUNDS {
            let Some(changed) = change(&state) else {
                self.recent.put(key, state, now);
                return Ok(false);
            };
            // This container knows at once, whatever becomes of the write.
            self.recent.put(key.clone(), changed.clone(), now);
            match self.store.save_rate(scope, id, &changed).await {
                Ok(()) => {
                    self.known.put(key, changed, now);
                    return Ok(true);
                }
                Err(RateConflict::Newer(stored)) => state = stored,
                Err(RateConflict::Store(error)) => return Err(error),
            }
        }
        Err(StoreError::Unavailable("too many senders lease from this integration at once".into()))
    }

    fn note(&self, key: &Key, lease: &Lease, now: Timestamp) {
        match lease {
            Lease::Broken { until } => {
                self.forget_attempts(key, now);
                self.shut.put(key.clone(), *until, now);
            }
            // Bundles in hand wait for what the trial tells.
            Lease::Granted { trial: true, .. } => self.shut.put(key.clone(), now.plus_ms(TRIAL_MS), now),
            Lease::Granted { .. } => self.shut.forget(key),
            Lease::Wait { .. } => {}
        }
    }

    fn note_breaker(&self, key: &Key, breaker: Breaker, now: Timestamp) {
        match breaker.passage(now) {
            Passage::Shut(until) => self.shut.put(key.clone(), until, now),
            Passage::Free | Passage::Trial => self.shut.forget(key),
        }
    }

    /// After the breaker was opened, attempts count anew.
    fn forget_attempts(&self, key: &Key, now: Timestamp) {
        if let Some(window) = self.windows.get(key, now) {
            window.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::breaker::{ATTEMPTS_MIN, OPEN_MS};
    use std::sync::atomic::{AtomicU32, Ordering};

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

    const LIMITS: [Limits; 2] = [
        Limits { per_second: None, per_hour: None, per_day: None },
        Limits { per_second: Some(100), per_hour: None, per_day: None },
    ];

    /// Two senders of one integration: `count` leases of both, taken in turn, all at one moment.
    struct Two {
        leases: [Leases<Shared>; 2],
        remote: Arc<Remote>,
        id: IntegrationId,
        limits: Limits,
    }

    struct Shared(Arc<Remote>);

    impl Rates for Shared {
        async fn rate(&self, scope: &TenantScope, id: &IntegrationId) -> Result<RateState, StoreError> {
            self.0.rate(scope, id).await
        }

        async fn save_rate(
            &self,
            scope: &TenantScope,
            id: &IntegrationId,
            state: &RateState,
        ) -> Result<(), RateConflict> {
            self.0.save_rate(scope, id, state).await
        }
    }

    impl Two {
        fn new(limits: Limits) -> Self {
            let remote = Arc::new(Remote::default());
            let leases = [(); 2].map(|()| Leases::new(Lazy::ready(Shared(Arc::clone(&remote)))));
            Self { leases, remote, id: IntegrationId::generate(), limits }
        }

        async fn lease(&self, which: usize, ms: i64) -> Lease {
            self.leases[which].lease(&acme(), &self.id, self.limits, 25, Timestamp(ms)).await.unwrap()
        }

        /// The first sender fails until its window trips, and opens the breaker.
        async fn break_at(&self, ms: i64) {
            let (scope, at) = (acme(), Timestamp(ms));
            for attempt in 1..=ATTEMPTS_MIN {
                assert_eq!(self.leases[0].count(&scope, &self.id, true, at), attempt == ATTEMPTS_MIN);
            }
            assert!(self.leases[0].open(&scope, &self.id, at).await.unwrap());
        }

        async fn tell(&self, which: usize, passed: bool, ms: i64) -> bool {
            self.leases[which].tried(&acme(), &self.id, passed, Timestamp(ms)).await.unwrap()
        }
    }

    const fn is_trial(lease: &Lease) -> bool {
        matches!(lease, Lease::Granted { count: 1, trial: true, .. })
    }

    const fn is_free(lease: &Lease) -> bool {
        matches!(lease, Lease::Granted { count: 25, trial: false, .. })
    }

    #[tokio::test]
    async fn what_one_sender_finds_broken_is_broken_for_all() {
        for limits in LIMITS {
            let two = Two::new(limits);
            assert!(is_free(&two.lease(0, 0).await) && is_free(&two.lease(1, 0).await));
            two.break_at(10).await;
            assert_eq!(two.lease(0, 10).await, Lease::Broken { until: Timestamp(10 + OPEN_MS) });
            assert_eq!(two.lease(1, 1_010).await, Lease::Broken { until: Timestamp(10 + OPEN_MS) });
            assert!(!two.leases[0].open(&acme(), &two.id, Timestamp(1_020)).await.unwrap(), "it is open");
        }
    }

    #[tokio::test]
    async fn of_all_senders_one_tries_and_its_word_counts() {
        for limits in LIMITS {
            let two = Two::new(limits);
            two.break_at(0).await;
            let both = futures::future::join(two.lease(0, OPEN_MS), two.lease(1, OPEN_MS)).await;
            assert_eq!([&both.0, &both.1].map(is_trial).iter().filter(|it| **it).count(), 1, "{both:?}");
            let winner = usize::from(is_trial(&both.1));
            assert!(two.tell(winner, false, OPEN_MS + 500).await);
            assert!(matches!(two.lease(1 - winner, OPEN_MS + 2_000).await, Lease::Broken { .. }));
            assert!(is_trial(&two.lease(1, 2 * OPEN_MS + 500).await));
            assert!(two.tell(1, true, 2 * OPEN_MS + 600).await);
            assert!(is_free(&two.lease(1, 2 * OPEN_MS + 600).await));
            assert!(is_free(&two.lease(0, 2 * OPEN_MS + 1_600).await), "within a second everybody knows");
        }
    }

    #[tokio::test]
    async fn a_trial_whose_sender_died_is_made_by_another() {
        for limits in LIMITS {
            let two = Two::new(limits);
            two.break_at(0).await;
            assert!(is_trial(&two.lease(0, OPEN_MS).await));
            assert!(matches!(two.lease(1, OPEN_MS + TRIAL_MS - 1).await, Lease::Broken { .. }));
            assert!(is_trial(&two.lease(1, OPEN_MS + TRIAL_MS + 1_000).await));
        }
    }

    #[tokio::test]
    async fn attempts_cost_no_call_and_count_anew_once_it_is_closed() {
        let two = Two::new(Limits::default());
        for _ in 0..1_000 {
            assert!(!two.leases[0].count(&acme(), &two.id, false, Timestamp(0)));
        }
        let calls = || (two.remote.reads.load(Ordering::Relaxed), two.remote.writes.load(Ordering::Relaxed));
        assert_eq!(calls(), (0, 0));
        let two = Two::new(Limits::default());
        two.break_at(0).await;
        assert!(!two.leases[0].count(&acme(), &two.id, true, Timestamp(1)), "one that was under way");
        assert!(is_trial(&two.lease(0, OPEN_MS).await));
        assert!(two.tell(0, true, OPEN_MS).await);
        assert!(!two.leases[0].count(&acme(), &two.id, true, Timestamp(OPEN_MS)), "one failure is not seven of ten");
    }
}
