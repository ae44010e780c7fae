//! Through which integration a bundle goes: its own, or while that one fails, the next of its channel. And what tells
//! that one fails: its test, and the breaker that senders open.

use super::{Lines, Sender};
use domain::{
    breaker::{self, ATTEMPTS_MIN, FAILED_PERCENT, OPEN_CODE, WINDOW_MS},
    bundle::Bundle,
    channel::Provider,
    failure::Failure,
    health::TestReport,
    integration::{Integration, stand_ins},
    principal::Principal,
    rate::Lease,
    tenant::TenantScope,
    time::{MINUTE_MS, Timestamp},
    webhook::failing::{FAILING_CODE, Failing},
};
use runtime::queue::Queues;
use std::sync::Arc;
use store::{Store, StoreError};

/// What was leased for a bundle.
#[derive(Clone, Copy)]
pub(super) struct Slots {
    pub(super) count: usize,
    pub(super) start: Timestamp,
    pub(super) spacing_us: i64,
    pub(super) rest_at: Timestamp,
    /// Whether the one that goes tries an integration whose breaker is half open.
    pub(super) trial: bool,
    /// Since when the endpoint does nothing but fail, as far as is known.
    pub(super) failing: Option<Failing>,
}

/// The way of a bundle.
pub(super) enum Route {
    /// Through this integration, in these slots.
    Through(Arc<Integration>, Slots),
    /// Through none before then.
    Wait(Timestamp),
}

impl<S: Store, Q: Queues, L: Lines> Sender<S, Q, L> {
    /// Leases slots for a bundle: from its own integration, or from the first that may stand in while that one fails.
    /// What its own may have taken already never goes through another.
    pub(super) async fn route(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        own: Arc<Integration>,
    ) -> Result<Route, StoreError> {
        let movable = bundle.may_move(bundle.channel.addresses_are_universal());
        if movable
            && own.fails()
            && let Some(other) = self.stand_in(scope, bundle).await?
        {
            return Ok(other);
        }
        match self.lease(scope, bundle, &own).await? {
            Lease::Wait { until } => Ok(Route::Wait(until)),
            Lease::Broken { until } => {
                let other = if movable { self.stand_in(scope, bundle).await? } else { None };
                Ok(other.unwrap_or(Route::Wait(until)))
            }
            granted @ Lease::Granted { .. } => Ok(through(own, &granted).unwrap_or(Route::Wait(self.clock.now()))),
        }
    }

    async fn lease(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        integration: &Integration,
    ) -> Result<Lease, StoreError> {
        // What is handed over whole is one call.
        let members = if bundle.channel.hands_over_whole() { 1 } else { bundle.members.len() };
        let wanted = u32::try_from(members).unwrap_or(u32::MAX);
        self.leases.lease(scope, &integration.id, integration.limits, wanted, self.clock.now()).await
    }

    /// The way through the first integration that may stand in and has slots.
    async fn stand_in(&self, scope: &TenantScope, bundle: &Bundle) -> Result<Option<Route>, StoreError> {
        let load = async { Ok::<_, StoreError>(Some(Arc::new(self.store.integrations(scope).await?))) };
        let all = self.others.get_or_load(scope.tenant().clone(), self.clock.now(), load).await?.unwrap_or_default();
        for other in stand_ins(&all, bundle.channel, &bundle.integration) {
            let lease = self.lease(scope, bundle, other).await?;
            if let Some(route) = through(Arc::new(other.clone()), &lease) {
                tracing::info!(bundle = %bundle.id, from = %bundle.integration, to = %other.id, "another integration takes over");
                return Ok(Some(route));
            }
        }
        Ok(None)
    }

    /// Counts what attempts came to, `times` times, and turns the breaker if that decides it.
    pub(super) async fn judge(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        trial: bool,
        result: Result<(), &Failure>,
        times: usize,
    ) {
        let Some(failed) = result.err().map_or(Some(false), breaker::blames) else { return };
        let (id, now) = (&integration.id, self.clock.now());
        let turned = if trial {
            self.leases.tried(scope, id, !failed, now).await
        } else if (0..times).any(|_| self.leases.count(scope, id, failed, now)) {
            self.leases.open(scope, id, now).await
        } else {
            return;
        };
        match (turned, result) {
            (Ok(true), Err(failure)) if failed => self.warn(scope, integration, failure).await,
            (Ok(true), _) if integration.provider == Provider::Webhook => self.takes_again(scope, integration).await,
            (Ok(_), _) => {}
            (Err(error), _) => tracing::warn!(integration = %id, %error, "the breaker is known to this sender only"),
        }
    }

    /// After a trial: if it came to nothing, the next may try.
    pub(super) async fn end_trial(&self, scope: &TenantScope, integration: &Integration) {
        if let Err(error) = self.leases.untried(scope, &integration.id, self.clock.now()).await {
            tracing::warn!(integration = %integration.id, %error, "a trial is left to run out");
        }
    }

    /// An endpoint takes events again: what warned that it does not is over. Its probes would not tell.
    pub(super) async fn takes_again(&self, scope: &TenantScope, integration: &Integration) {
        let told = async {
            let Some(fresh) = self.store.integration(scope, &integration.id).await? else { return Ok(()) };
            let warned = |test: &TestReport| [OPEN_CODE, FAILING_CODE].contains(&test.code.as_str());
            if !fresh.last_test.as_ref().is_some_and(warned) {
                return Ok(());
            }
            let report = TestReport::passed("it takes events again", 0, self.clock.now());
            self.store.record_test(scope, &fresh, &report, &Principal::System).await
        };
        if let Err(error) = told.await {
            tracing::warn!(integration = %integration.id, %error, "that it takes events again was not written into the health log");
        }
    }

    /// Leaves a report where people look for one. A test that failed says more, and a warning is given once.
    async fn warn(&self, scope: &TenantScope, integration: &Integration, last: &Failure) {
        let now = self.clock.now();
        tracing::warn!(integration = %integration.id, code = last.code, "the breaker opens");
        let told = async {
            let Some(fresh) = self.store.integration(scope, &integration.id).await? else { return Ok(()) };
            if fresh.fails() || fresh.last_test.as_ref().is_some_and(|test| test.code == OPEN_CODE) {
                return Ok(());
            }
            let words = format!(
                "at least {FAILED_PERCENT} % of {ATTEMPTS_MIN} or more messages failed within {} minutes, the last with \
                 {}: {}",
                WINDOW_MS / MINUTE_MS,
                last.code,
                last.detail
            );
            self.store.record_test(scope, &fresh, &TestReport::breaker_opened(&words, now), &Principal::System).await
        };
        if let Err(error) = told.await {
            tracing::warn!(integration = %integration.id, %error, "the opened breaker was not written into the health log");
        }
    }
}

fn through(integration: Arc<Integration>, lease: &Lease) -> Option<Route> {
    let Lease::Granted { count, start, spacing_us, rest_at, trial, next } = lease else { return None };
    let slots = Slots {
        count: *count as usize,
        start: *start,
        spacing_us: *spacing_us,
        rest_at: *rest_at,
        trial: *trial,
        failing: next.failing,
    };
    Some(Route::Through(integration, slots))
}
