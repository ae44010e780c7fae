//! One sweep. Whatever it does may be done twice: a bundle that is queued twice is claimed once. So nothing here is
//! guarded against another sweep, and a failure of one thing never keeps the others from being done.

use domain::{
    job::Job,
    time::{Clock, SECOND_MS, Timestamp},
};
use hub::jobs::{self, Outcome};
use runtime::{lazy::Lazy, queue::Queues};
use serde::Serialize;
use std::{collections::HashSet, sync::Arc};
use store::Store;

/// How long a sweep lasts at most, in milliseconds; the next one begins a minute after it.
const SWEEP_MS: i64 = 45 * SECOND_MS;

/// What is left of the function's time when the sweep ends, in milliseconds: enough for what was begun.
const RESERVE_MS: i64 = 10 * SECOND_MS;

/// What a sweep works with.
pub(crate) struct Sweeper<S, Q> {
    pub(crate) store: Lazy<S>,
    pub(crate) queues: Q,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a sweep came to. Counts, for the log and its alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Swept {
    /// Bundles that were put on their queues.
    pub(crate) queued: usize,
    /// Requests that were marked dispatched.
    pub(crate) dispatched: usize,
    /// Requests that were never wholly written and may still be repeated by their callers.
    pub(crate) incomplete: usize,
    /// Those whose callers have not repeated them for an hour.
    pub(crate) abandoned: usize,
    /// Held bundles that were let go.
    pub(crate) released: usize,
    /// API keys whose tenants are reminded that they expire.
    pub(crate) reminded: usize,
    /// Reminders that could not be given this time.
    pub(crate) unreminded: usize,
    /// What else could not be done this time.
    pub(crate) failed: usize,
}

impl Swept {
    fn repairs(&self) -> Outcome {
        Outcome::counted([
            ("queued", self.queued),
            ("dispatched", self.dispatched),
            ("incomplete", self.incomplete),
            ("abandoned", self.abandoned),
            ("released", self.released),
        ])
        .with_failed(
            self.failed,
            "things could not be done; the next sweep tries again, and the log of `sweep` says why",
        )
    }

    fn reminders(&self) -> Outcome {
        Outcome::counted([("reminded", self.reminded)])
            .with_failed(self.unreminded, "reminders could not be given; the next sweep tries again")
    }
}

/// What this sweep has had in its hands: the index may still show it as due after it was dealt with.
#[derive(Debug, Default)]
pub(crate) struct Seen(HashSet<String>);

impl Seen {
    /// Whether it is met for the first time.
    pub(crate) fn is_new(&mut self, what: &impl std::fmt::Debug) -> bool {
        self.0.insert(format!("{what:?}"))
    }
}

impl<S: Store, Q: Queues> Sweeper<S, Q> {
    /// Sweeps, and remembers what both of its jobs did. `killed_at` is when the function is killed.
    pub(crate) async fn run(&self, killed_at: Timestamp) -> Swept {
        let started_at = self.clock.now();
        let swept = self.sweep(killed_at).await;
        let (store, clock) = (&*self.store, &*self.clock);
        jobs::ended(store, clock, Job::Sweep, started_at, swept.repairs()).await;
        jobs::ended(store, clock, Job::KeyExpiry, started_at, swept.reminders()).await;
        swept
    }

    /// Sweeps until nothing is due or the time is over.
    pub(crate) async fn sweep(&self, killed_at: Timestamp) -> Swept {
        let until = self.clock.now().plus_ms(SWEEP_MS).min(killed_at.plus_ms(-RESERVE_MS));
        let mut swept = Swept::default();
        let mut seen = Seen::default();
        while self.clock.now() < until {
            let released = self.releases(until, &mut seen, &mut swept).await;
            let queued = self.due(&mut seen, &mut swept).await;
            let reminded = self.reminders(&mut seen, &mut swept).await;
            if !released && !queued && !reminded {
                break;
            }
        }
        swept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;
    use domain::time::MINUTE_MS;
    use runtime::queue::Fault;
    use store::{Jobs as _, StoreError};

    #[tokio::test]
    async fn a_sweep_with_nothing_to_do_is_three_looks() {
        let stage = Stage::new();
        assert_eq!(stage.sweep().await, Swept::default());
        assert_eq!(stage.store.all_calls(), [("due", 1), ("keys_due", 1), ("releases_due", 1)].into());
    }

    #[tokio::test]
    async fn both_jobs_of_a_sweep_are_remembered_each_with_what_it_left_undone() {
        let stage = Stage::new();
        stage.store.fail_next("keys_due", StoreError::Unavailable("throttled".into()));
        stage.sweeper().run(stage.clock.now().plus_ms(MINUTE_MS)).await;
        let [reminders, sweep] = <[_; 2]>::try_from(stage.store.job_runs().await.unwrap()).unwrap();
        assert_eq!((sweep.job, sweep.error, sweep.counts["queued"]), (Job::Sweep, None, 0));
        assert_eq!((reminders.job, reminders.counts["failed"]), (Job::KeyExpiry, 1));
        assert_eq!(reminders.error.unwrap(), "1 reminders could not be given; the next sweep tries again");
    }

    #[tokio::test]
    async fn a_run_that_cannot_be_remembered_has_done_its_work_all_the_same() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        stage.accept(1, 1).await;
        stage.clock.advance_ms(2 * MINUTE_MS);
        stage.store.fail_next("record_run", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.sweeper().run(stage.clock.now().plus_ms(MINUTE_MS)).await.queued, 1);
    }

    #[tokio::test]
    async fn a_sweep_without_time_begins_nothing() {
        let stage = Stage::new();
        stage.accept(2, 2).await;
        stage.clock.advance_ms(2 * MINUTE_MS);
        let swept = stage.sweeper().sweep(stage.clock.now().plus_ms(RESERVE_MS)).await;
        assert_eq!(swept, Swept::default());
    }

    #[tokio::test]
    async fn an_index_that_cannot_be_read_is_told_and_tried_at_the_next_sweep() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        stage.accept(1, 1).await;
        stage.clock.advance_ms(2 * MINUTE_MS);
        for op in ["due", "releases_due"] {
            stage.store.fail_next(op, StoreError::Unavailable("throttled".into()));
        }
        assert_eq!(stage.sweep().await, Swept { failed: 2, ..Swept::default() });
        assert_eq!(stage.sweep().await, Swept { queued: 1, dispatched: 1, ..Swept::default() });
    }
}
