//! Holds callers to their limits, over all instances of this function. The rules are in [`domain::quota`].

use domain::{
    ids::TenantId,
    quota::{Allowance, Quota, Reached, Step, seconds_until},
    time::Timestamp,
};
use runtime::entropy::jitter;
use std::{collections::HashMap, sync::Arc, time::Duration};
use store::{KeyUseConflict, KeyUses, StoreError};
use tokio::sync::Mutex;

/// How many keys are remembered.
const ENTRIES: usize = 1_000;

/// How often a lease is tried while others lease, too. Each round loses to somebody who got one.
const ROUNDS: u32 = 20;

/// The longest pause before another try, in milliseconds: instances that began together must not go on together.
const PAUSE_MS: f64 = 20.0;

/// The limits of one who calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limited<'a> {
    /// The name of its record: the prefix of an API key. Whoever else is limited needs one that no key has.
    pub(crate) name: &'a str,
    pub(crate) tenant: &'a TenantId,
    pub(crate) quota: Quota,
}

/// Whether a request may go, and what its answer tells of limits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) limit: String,
    /// In how many seconds to come again, if it may not go.
    pub(crate) retry_after_s: Option<u32>,
}

/// What this instance holds of everybody's limits.
#[derive(Default)]
pub(crate) struct Limiter {
    allowances: Mutex<HashMap<String, Arc<Mutex<Allowance>>>>,
}

impl Limiter {
    /// Takes one request of its limits.
    pub(crate) async fn admit(&self, store: &impl KeyUses, limited: Limited<'_>, now: Timestamp) -> Verdict {
        let allowance = self.allowance(limited.name, now).await;
        // Requests of the same caller wait for each other: one lease serves them all.
        let mut allowance = allowance.lock().await;
        let refused = decide(&mut allowance, store, limited, now).await.err();
        Verdict {
            limit: allowance.told(limited.quota, now),
            retry_after_s: refused.map(|reached| seconds_until(reached.until, now)),
        }
    }

    async fn allowance(&self, name: &str, now: Timestamp) -> Arc<Mutex<Allowance>> {
        let mut allowances = self.allowances.lock().await;
        if allowances.len() >= ENTRIES && !allowances.contains_key(name) {
            allowances.retain(|_, allowance| allowance.try_lock().is_ok_and(|allowance| !allowance.is_idle(now)));
            if allowances.len() >= ENTRIES {
                // What is forgotten was leased, so no limit is exceeded by it.
                allowances.clear();
            }
        }
        Arc::clone(allowances.entry(name.to_owned()).or_default())
    }
}

async fn decide(
    allowance: &mut Allowance,
    store: &impl KeyUses,
    limited: Limited<'_>,
    now: Timestamp,
) -> Result<(), Reached> {
    let Limited { name, tenant, quota } = limited;
    let wanted = match allowance.step(quota, now) {
        Step::Go => return Ok(()),
        Step::Refuse(reached) => return Err(reached),
        Step::Lease(wanted) => wanted,
    };
    match lease(allowance, store, limited, wanted, now).await {
        Leased::Yes => match allowance.step(quota, now) {
            Step::Refuse(reached) => Err(reached),
            Step::Go | Step::Lease(_) => Ok(()),
        },
        Leased::No(reached) => {
            allowance.refused(reached);
            Err(reached)
        }
        // Limits protect the hub from callers, not callers from their work: what can be done without the table goes on,
        // at the pace of this instance's own bucket.
        Leased::Unavailable(error) => {
            tracing::warn!(%error, "a request goes without a lease");
            allowance.pass(quota, now);
            Ok(())
        }
    }
    .inspect_err(|reached| tracing::debug!(name, %tenant, ?reached, "a limit is reached"))
}

/// What came of asking for a lease.
enum Leased {
    Yes,
    No(Reached),
    /// The table is away, or more instances lease at once than get their turn.
    Unavailable(StoreError),
}

async fn lease(
    allowance: &mut Allowance,
    store: &impl KeyUses,
    Limited { name, tenant, quota }: Limited<'_>,
    wanted: u32,
    now: Timestamp,
) -> Leased {
    let unspent = allowance.unspent(now);
    // An instance that was alone the last time knows what is stored, and need not read it.
    let (mut stored, mut alone) = (allowance.take_known(), true);
    for _ in 0..ROUNDS {
        let known = match stored.take() {
            Some(known) => known,
            None => match store.key_use(name).await {
                Ok(read) => read,
                Err(error) => return Leased::Unavailable(error),
            },
        };
        let (next, lease) = match known.lease(quota, wanted, unspent, now) {
            Ok(leased) => leased,
            Err(reached) => return Leased::No(reached),
        };
        match store.save_key_use(tenant, name, &next).await {
            Ok(()) => {
                allowance.leased(lease, next, alone);
                return Leased::Yes;
            }
            Err(KeyUseConflict::Newer(newer)) => {
                alone = false;
                stored = Some(*newer);
                let pause_ms = jitter().abs() * PAUSE_MS;
                tokio::time::sleep(Duration::from_secs_f64(pause_ms / 1_000.0)).await;
            }
            Err(KeyUseConflict::Store(error)) => return Leased::Unavailable(error),
        }
    }
    Leased::Unavailable(StoreError::Unavailable("too many instances lease at once".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        quota::{Tier, Tiers},
        time::MINUTE_MS,
    };
    use runtime::testing::START;
    use store::memory::MemoryStore;

    fn of_tier(tenant: &TenantId, tier: Tier) -> Limited<'_> {
        Limited { name: "abcdefgh", tenant, quota: Tiers::default().of(tier) }
    }

    #[tokio::test]
    async fn several_instances_together_keep_the_limit_with_a_write_for_ten_requests() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let instances: Vec<Limiter> = (0..4).map(|_| Limiter::default()).collect();
        let limited = of_tier(&tenant, Tier::Standard);
        let (mut passed, mut asked) = (0, 0);
        // Ten minutes of twice as much as is allowed, four at a time.
        for step in 0..10 * 600 {
            let now = START.plus_ms(step * 100);
            if step % 600 == 0 {
                passed = 0;
            }
            if step % 4 == 0 {
                let verdicts = all_at_once(&instances, &store, limited, now).await;
                asked += verdicts.len();
                passed += verdicts.iter().filter(|verdict| verdict.retry_after_s.is_none()).count();
                assert!(passed <= 300, "{passed} in a minute");
            }
            if step % 600 == 599 {
                assert!(passed >= 240, "{passed} in a minute");
            }
        }
        let writes = store.calls("save_key_use");
        assert!(writes * 10 <= asked as u64, "{writes} writes for {asked} requests");
    }

    #[tokio::test(start_paused = true)]
    async fn instances_that_begin_together_do_not_refuse_what_is_within_the_limit() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let instances: Vec<Limiter> = (0..40).map(|_| Limiter::default()).collect();
        let limited = of_tier(&tenant, Tier::Premium);
        let verdicts = instances.iter().map(|instance| instance.admit(&store, limited, START));
        let verdicts = futures::future::join_all(verdicts).await;
        assert!(verdicts.iter().all(|verdict| verdict.retry_after_s.is_none()), "{verdicts:?}");
        assert!(store.calls("save_key_use") >= 40, "each tries to lease");
    }

    async fn all_at_once(
        instances: &[Limiter],
        store: &MemoryStore,
        limited: Limited<'_>,
        now: Timestamp,
    ) -> Vec<Verdict> {
        let [a, b, c, d] = instances else { panic!("four of them") };
        let (a, b, c, d) = tokio::join!(
            a.admit(store, limited, now),
            b.admit(store, limited, now),
            c.admit(store, limited, now),
            d.admit(store, limited, now),
        );
        vec![a, b, c, d]
    }

    #[tokio::test]
    async fn one_that_is_alone_writes_without_reading() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let instance = Limiter::default();
        for second in 0..120 {
            let verdict = instance.admit(&store, of_tier(&tenant, Tier::Basic), START.plus_ms(second * 1_000)).await;
            assert_eq!(verdict.retry_after_s, None, "{second}");
        }
        assert_eq!(store.calls("key_use"), 1);
        assert!(store.calls("save_key_use") <= 12, "{}", store.calls("save_key_use"));
    }

    #[tokio::test]
    async fn a_refusal_says_when_and_costs_nothing() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let instance = Limiter::default();
        let limited = of_tier(&tenant, Tier::Basic);
        for _ in 0..10 {
            assert_eq!(instance.admit(&store, limited, START).await.retry_after_s, None);
        }
        let calls = store.all_calls();
        for _ in 0..50 {
            assert_eq!(instance.admit(&store, limited, START).await.retry_after_s, Some(1));
        }
        assert_eq!(store.all_calls(), calls);
    }

    #[tokio::test]
    async fn the_minute_is_shared_by_instances_and_not_by_keys() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let quota = Quota { minute: 4, hour: 100, burst: 100 };
        let of = |name| Limited { name, tenant: &tenant, quota };
        let (one, other) = (Limiter::default(), Limiter::default());
        for _ in 0..2 {
            assert_eq!(one.admit(&store, of("aaaaaaaa"), START).await.retry_after_s, None);
            assert_eq!(other.admit(&store, of("aaaaaaaa"), START).await.retry_after_s, None);
        }
        let refused = other.admit(&store, of("aaaaaaaa"), START.plus_ms(15_000)).await;
        assert_eq!((refused.retry_after_s, &refused.limit[..14]), (Some(45), "\"minute\";r=0;t"));
        assert_eq!(other.admit(&store, of("bbbbbbbb"), START).await.retry_after_s, None);
        assert_eq!(one.admit(&store, of("aaaaaaaa"), START.plus_ms(MINUTE_MS)).await.retry_after_s, None);
    }

    #[tokio::test]
    async fn without_the_table_it_goes_on_at_its_own_pace() {
        let (store, tenant) = (MemoryStore::default(), "acme".parse().unwrap());
        let instance = Limiter::default();
        let limited = of_tier(&tenant, Tier::Basic);
        for number in 0..20 {
            store.fail_next("key_use", StoreError::Unavailable("throttled".into()));
            let verdict = instance.admit(&store, limited, START).await;
            assert_eq!(verdict.retry_after_s.is_none(), number < 10, "{number}");
        }
    }
}
