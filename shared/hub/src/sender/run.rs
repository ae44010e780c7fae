//! One bundle on its way through its provider: its slots, the provider's wish for silence, the breaker, the time that is
//! left, and a fresh look at the secret. Messages and events share all of it.

use super::{Line, Lines, Sender, reserve_ms, route::Slots};
use domain::{
    bundle::Outcome,
    failure::{Failure, FailureKind},
    integration::Integration,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
};
use runtime::queue::Queues;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};
use store::{Claimed, Store};
use tokio::sync::RwLock;

/// One bundle on its way through its provider.
pub(super) struct Run<'r, S, Q, L: Lines> {
    pub(super) sender: &'r Sender<S, Q, L>,
    pub(super) scope: &'r TenantScope,
    pub(super) claimed: &'r Claimed,
    pub(super) integration: &'r Arc<Integration>,
    pub(super) slots: Slots,
    /// When the function is killed.
    deadline: Timestamp,
    line: RwLock<Arc<L::Line>>,
    /// Set by the first 429: nobody sends before it.
    silence: AtomicI64,
    /// Set by the first refused login: one fresh look at the secret for the whole bundle.
    refreshed: AtomicBool,
}

impl<'r, S: Store, Q: Queues, L: Lines> Run<'r, S, Q, L> {
    pub(super) fn new(
        sender: &'r Sender<S, Q, L>,
        scope: &'r TenantScope,
        claimed: &'r Claimed,
        integration: &'r Arc<Integration>,
        (slots, deadline): (Slots, Timestamp),
        line: Arc<L::Line>,
    ) -> Self {
        let (silence, refreshed) = (AtomicI64::new(0), AtomicBool::new(false));
        Self { sender, scope, claimed, integration, slots, deadline, line: RwLock::new(line), silence, refreshed }
    }

    /// The line as it is now.
    pub(super) async fn line(&self) -> Arc<L::Line> {
        Arc::clone(&*self.line.read().await)
    }

    /// How many members may be on their way at once.
    pub(super) async fn concurrency(&self) -> usize {
        self.line.read().await.concurrency().max(1)
    }

    /// What becomes of a member without a slot.
    pub(super) fn beyond_slots(&self, index: usize) -> Option<Outcome> {
        (index >= self.slots.count).then_some(Outcome::Deferred { until: self.slots.rest_at })
    }

    /// Waits for the slot that was leased for this member. Then what becomes of it if it may not go any more.
    pub(super) async fn turn(&self, index: usize) -> Option<Outcome> {
        self.await_slot(index).await;
        let now = self.sender.clock.now();
        let quiet_until = Timestamp(self.silence.load(Ordering::Relaxed));
        if quiet_until > now {
            return Some(Outcome::Deferred { until: quiet_until });
        }
        if let Some(until) = self.shut_until(now) {
            return Some(Outcome::Deferred { until });
        }
        self.too_late(now).then_some(Outcome::Deferred { until: now })
    }

    pub(super) fn too_late(&self, now: Timestamp) -> bool {
        self.deadline.since_ms(now) < reserve_ms(self.claimed.bundle.channel)
    }

    /// Since this bundle got its slots, the breaker may have opened. Those who may go through another integration ask
    /// again at once.
    fn shut_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.sender.leases.shut_until(self.scope, &self.integration.id, now)?;
        let bundle = &self.claimed.bundle;
        let until = if bundle.may_move(bundle.channel.addresses_are_universal()) { now } else { until };
        (!self.slots.trial).then_some(until)
    }

    async fn await_slot(&self, index: usize) {
        let offset_ms = self.slots.spacing_us * i64::try_from(index).unwrap_or(0) / 1_000;
        let wait_ms = self.slots.start.plus_ms(offset_ms).since_ms(self.sender.clock.now());
        if let Ok(wait_ms @ 1..) = u64::try_from(wait_ms) {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        }
    }

    /// After a refused login: were the secrets rotated meanwhile? Opens a new line with what is stored now, once for the
    /// bundle. False when that was done before and did not help.
    pub(super) async fn refresh(&self) -> bool {
        // Whoever comes second waits for the first one's new line.
        let mut line = self.line.write().await;
        if self.refreshed.swap(true, Ordering::Relaxed) {
            return true;
        }
        self.sender.lines.forget(self.scope, self.integration);
        let fresh = self.sender.integration(self.scope, &self.integration.id, true).await;
        let Ok(Some(integration)) = fresh else { return false };
        match self.sender.lines.open(self.scope, &integration).await {
            Ok(opened) => {
                *line = opened;
                true
            }
            Err(_) => false,
        }
    }

    /// What an attempt came to, for the breaker, for those who go next, and for its member.
    pub(super) async fn outcome(&self, result: Result<Option<String>, Failure>) -> Outcome {
        self.sender.judge(self.scope, self.integration, self.slots.trial, result.as_ref().map(|_| ()), 1).await;
        let failure = match result {
            Ok(provider_id) => return Outcome::Sent { provider_id },
            Err(failure) => failure,
        };
        if let FailureKind::Throttled { after_ms } = failure.kind {
            let now = self.sender.clock.now();
            let after_ms = after_ms.unwrap_or(SECOND_MS).min(domain::retry::RETRY_AFTER_CAP_MS);
            let until = now.plus_ms(after_ms);
            if self.silence.fetch_max(until.0, Ordering::Relaxed) < now.0 {
                let paused = self.sender.leases.pause(self.scope, &self.integration.id, until, now).await;
                if let Err(error) = paused {
                    tracing::warn!(integration = %self.integration.id, %error, "the pause is known to this sender only");
                }
            }
        }
        Outcome::Failed(failure)
    }
}
