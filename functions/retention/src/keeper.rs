//! One run: every tenant in turn, from where the run before ended. What fails for one tenant is tried again the next day
//! and keeps nobody else from being looked at.

use domain::{
    job::{Job, JobRun},
    tenant::{Tenant, TenantScope, TenantState},
    time::{Clock, DAY_MS, SECOND_MS, Timestamp},
};
use hub::jobs::{self, Outcome};
use runtime::lazy::Lazy;
use serde::Serialize;
use std::sync::Arc;
use store::{Access, Jobs, Overdue, Result, Retention, TTL_GRACE_MS};

/// Tenants looked up at a time.
const PAGE: usize = 100;
/// How many records of a tenant are deleted in one run, about. More are the next day's.
const RECORDS: usize = 5_000;
/// How many records of a partition are looked at, and in how many partitions of a kind.
const SAMPLE: usize = 25;
/// How many records are looked at of what belongs to no tenant.
const LOOKUPS: usize = 500;
/// What is left of the function's time when the last tenant is begun, in milliseconds.
const RESERVE_MS: i64 = 60 * SECOND_MS;

/// What a run works with.
pub(crate) struct Keeper<S> {
    pub(crate) store: Lazy<S>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a run came to. Counts, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Kept {
    /// Tenants that were looked at.
    pub(crate) tenants: usize,
    /// Those that could not be.
    pub(crate) failed: usize,
    /// Deleted integrations of which nothing is left now.
    pub(crate) integrations: usize,
    /// Secrets that were deleted.
    pub(crate) secrets: usize,
    /// Other records that were.
    pub(crate) records: usize,
    /// Records that were looked at.
    pub(crate) looked: usize,
    /// Those that should have been deleted days ago.
    pub(crate) late: usize,
    /// Those that would never be.
    pub(crate) endless: usize,
    /// The tenant after which the next run goes on; none, if this one got through.
    pub(crate) resume: Option<String>,
}

impl Kept {
    fn seen(&mut self, found: Overdue) {
        self.looked += found.looked;
        self.late += found.late;
        self.endless += found.endless;
        if let Some(key) = found.example {
            tracing::error!(key, found.late, found.endless, "records outlive what was promised");
        }
    }

    fn outcome(&self) -> Outcome {
        let mut words = Vec::new();
        if self.late > 0 {
            let days = TTL_GRACE_MS / DAY_MS;
            words.push(format!(
                "{} of {} records looked at should have been deleted more than {days} days ago: is TTL on for both \
                 tables?",
                self.late, self.looked
            ));
        }
        if self.endless > 0 {
            words.push(format!("{} records have no time to live although all of their kind do", self.endless));
        }
        if self.failed > 0 {
            words.push(format!("{} tenants could not be looked at; they are tomorrow", self.failed));
        }
        let outcome = Outcome::counted([
            ("tenants", self.tenants),
            ("failed", self.failed),
            ("integrations", self.integrations),
            ("secrets", self.secrets),
            ("records", self.records),
            ("looked", self.looked),
            ("late", self.late),
            ("endless", self.endless),
        ]);
        let error = (!words.is_empty()).then(|| words.join("; "));
        Outcome { error, resume: self.resume.clone(), ..outcome }
    }
}

#[expect(clippy::disallowed_methods, reason = "a job of our own that works for every tenant in turn")]
fn scope_of(tenant: &Tenant) -> TenantScope {
    TenantScope::established(tenant.id.clone())
}

impl<S: Access + Jobs + Retention> Keeper<S> {
    /// Looks at every tenant, as far as the time goes, and remembers the run. `killed_at` is when the function is killed.
    pub(crate) async fn run(&self, killed_at: Timestamp) -> Kept {
        let started_at = self.clock.now();
        let kept = self.keep(killed_at).await;
        jobs::ended(&*self.store, &*self.clock, Job::Retention, started_at, kept.outcome()).await;
        kept
    }

    async fn keep(&self, killed_at: Timestamp) -> Kept {
        let mut kept = Kept::default();
        match self.store.overdue_lookups(self.clock.now(), LOOKUPS).await {
            Ok(found) => kept.seen(found),
            Err(error) => {
                tracing::warn!(%error, "what is looked up before a tenant is known could not be looked at");
                kept.failed += 1;
            }
        }
        let mut cursor = match self.store.job_runs().await {
            Ok(runs) => runs.into_iter().find(|run| run.job == Job::Retention).and_then(|JobRun { resume, .. }| resume),
            Err(_) => None,
        };
        loop {
            let page = match self.store.tenants(cursor.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "the tenants cannot be listed");
                    kept.failed += 1;
                    kept.resume = cursor;
                    return kept;
                }
            };
            for tenant in &page.items {
                if killed_at.since_ms(self.clock.now()) < RESERVE_MS {
                    kept.resume = cursor;
                    return kept;
                }
                // What is being erased goes as a whole.
                if tenant.state() == TenantState::Active
                    && let Err(error) = self.look_at(&scope_of(tenant), &mut kept).await
                {
                    tracing::warn!(tenant = %tenant.id, %error, "a tenant could not be looked at");
                    kept.failed += 1;
                }
                cursor = Some(tenant.id.to_string());
            }
            if page.next.is_none() {
                return kept;
            }
        }
    }

    async fn look_at(&self, scope: &TenantScope, kept: &mut Kept) -> Result<()> {
        let now = self.clock.now();
        let gone = self.store.let_go(scope, now, RECORDS).await?;
        kept.integrations += gone.integrations;
        kept.secrets += gone.secrets;
        kept.records += gone.records;
        kept.seen(self.store.overdue(scope, now, SAMPLE).await?);
        kept.tenants += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        audit::AuditEntry,
        channel::Provider,
        health::{HealthStatus, TestReport},
        integration::Integration,
        principal::Principal,
        time::{HOUR_MS, ManualClock},
    };
    use runtime::testing::{START, integration};
    use store::{Integrations as _, StoreError, memory::MemoryStore};

    struct Stage {
        store: Lazy<MemoryStore>,
        clock: Arc<ManualClock>,
    }

    fn audit() -> AuditEntry {
        AuditEntry {
            principal: Principal::System,
            action: "test",
            target: String::new(),
            detail: String::new(),
            at: START,
        }
    }

    impl Stage {
        async fn of(tenants: &[&str]) -> Self {
            let store = Lazy::ready(MemoryStore::default());
            for id in tenants {
                let tenant = Tenant::new(id.parse().unwrap(), (*id).to_owned(), START);
                store.create_tenant(&tenant, &audit()).await.unwrap();
            }
            Self { store, clock: Arc::new(ManualClock::at(START)) }
        }

        /// Runs with this much time, in milliseconds.
        async fn run(&self, time_ms: i64) -> Kept {
            let keeper = Keeper { store: self.store.clone(), clock: Arc::clone(&self.clock) as Arc<dyn Clock> };
            keeper.run(self.clock.now().plus_ms(time_ms)).await
        }

        async fn last(&self) -> JobRun {
            self.store.job_runs().await.unwrap().remove(0)
        }

        async fn save(&self, tenant: &str, integration: &Integration) {
            let tenant = self.store.tenant(&tenant.parse().unwrap()).await.unwrap().unwrap();
            self.store.save_integration(&scope_of(&tenant), integration, None, false, &audit()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_is_left_of_a_deleted_integration_goes_and_the_run_is_remembered() {
        let stage = Stage::of(&["acme", "beta"]).await;
        let deleted = Integration { deleted_at: Some(START), ..integration(Provider::Smtp) };
        stage.save("beta", &deleted).await;
        assert_eq!(stage.run(HOUR_MS).await, Kept { tenants: 2, ..Kept::default() });
        stage.clock.advance_ms(92 * DAY_MS);
        assert_eq!(stage.run(HOUR_MS).await, Kept { tenants: 2, integrations: 1, ..Kept::default() });
        let run = stage.last().await;
        assert_eq!((run.started_at, run.error, run.counts["integrations"]), (stage.clock.now(), None, 1));
    }

    #[tokio::test]
    async fn records_that_outlive_their_time_are_told_of() {
        let stage = Stage::of(&["acme"]).await;
        let tested = integration(Provider::Smtp);
        stage.save("acme", &tested).await;
        let report = TestReport {
            status: HealthStatus::Ok,
            code: "ok".into(),
            detail: String::new(),
            latency_ms: 9,
            run: None,
            at: START,
        };
        let tenant = stage.store.tenant(&"acme".parse().unwrap()).await.unwrap().unwrap();
        stage.store.record_test(&scope_of(&tenant), &tested, &report, &Principal::System).await.unwrap();
        stage.clock.advance_ms(90 * DAY_MS + TTL_GRACE_MS + HOUR_MS);
        let kept = stage.run(HOUR_MS).await;
        assert_eq!((kept.looked, kept.late), (2, 2));
        let words = stage.last().await.error.unwrap();
        assert!(words.starts_with("2 of 2 records looked at should have been deleted more than 7 days ago"), "{words}");
    }

    #[tokio::test]
    async fn a_run_that_has_no_time_left_is_gone_on_with_by_the_next() {
        let stage = Stage::of(&["acme", "beta", "gamma"]).await;
        // The clock stands still: no time at all is how a run ends early here.
        let kept = stage.run(0).await;
        assert_eq!((kept.tenants, kept.resume), (0, None), "from the beginning");
        let run = JobRun { resume: Some("acme".into()), ..stage.last().await };
        stage.store.record_run(&run).await.unwrap();
        assert_eq!(stage.run(0).await.resume.as_deref(), Some("acme"), "nothing is lost");
        let kept = stage.run(HOUR_MS).await;
        assert_eq!((kept.tenants, kept.resume), (2, None), "without the first");
        assert_eq!(stage.run(HOUR_MS).await.tenants, 3, "and from the beginning again");
    }

    #[tokio::test]
    async fn a_tenant_that_cannot_be_looked_at_keeps_nobody_from_it() {
        let stage = Stage::of(&["acme", "beta"]).await;
        stage.store.fail_next("let_go", StoreError::Unavailable("throttled".into()));
        let kept = stage.run(HOUR_MS).await;
        assert_eq!((kept.tenants, kept.failed), (1, 1));
        assert_eq!(stage.last().await.error.as_deref(), Some("1 tenants could not be looked at; they are tomorrow"));
    }
}
