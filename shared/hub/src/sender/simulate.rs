//! A bundle of a channel whose provider is handed all of it at once: its members become the targets of one simulation.
//!
//! ```text
//! look for it at the provider, create it if it is not there -> remember it, durably -> finish
//! ```
//!
//! Whoever is interrupted between two of these steps leaves the claim to its lease; the next one finds the simulation by its
//! name, which ends with the bundle's, and goes on from there. What may have been created and is not found is looked for
//! again later, and only then created.

use super::{Came, Line, Lines, Sender, route::Slots};
use domain::{
    bundle::{Bundle, Outcome, Payload},
    failure::{Failure, FailureKind},
    integration::Integration,
    simulation::{Order, Simulation, SimulationStatus, origin},
    tenant::TenantScope,
    time::{MINUTE_MS, SECOND_MS, Timestamp},
};
use providers::{Launch, Launched};
use runtime::queue::Queues;
use std::{collections::HashSet, sync::Arc};
use store::{Claimed, Store, StoreError};

/// What is not begun this long before the function's end is left for another run, in milliseconds: a token, a look, the
/// creation and a look at it, each of which may take 10 s.
const RESERVE_MS: i64 = 45 * SECOND_MS;

/// How long after an attempt whose outcome is unknown a simulation that is not found may still be created, in
/// milliseconds: Graph creates asynchronously (its answer to the creation is 202), so it may not list yet what it took.
pub(super) const LISTED_AFTER_MS: i64 = 10 * MINUTE_MS;

/// The most bytes of a provider's words that are kept, as JSON: a refusal is stored once for each of up to 1,000 targets,
/// and all of them are told in one event, which the bus takes up to 256 KB of.
const WORDS_MAX_BYTES: usize = 100;

impl<S: Store, Q: Queues, L: Lines> Sender<S, Q, L> {
    /// Creates the simulation of a claimed bundle, or finds it; one outcome for all members. `None` if nothing could be
    /// asked, because the secrets cannot be opened for the moment.
    pub(super) async fn simulate(
        &self,
        scope: &TenantScope,
        claimed: &Claimed,
        integration: &Arc<Integration>,
        payload: &Payload,
        order: &Order,
        (slots, deadline): (Slots, Timestamp),
    ) -> Result<Option<Came>, StoreError> {
        let bundle = &claimed.bundle;
        let all = |outcome: Outcome| Ok(Some(Came::alike(bundle, &outcome)));
        let now = self.clock.now();
        if deadline.since_ms(now) < RESERVE_MS {
            return all(Outcome::Deferred { until: now });
        }
        let label = order.label(&bundle.id);
        let mut seen = HashSet::new();
        // The test users take turns, so one may stand for several members.
        let targets: Vec<String> = bundle
            .members
            .iter()
            .filter_map(|member| payload.recipients.get(usize::from(*member)))
            .filter(|recipient| seen.insert(recipient.address.to_lowercase()))
            .map(|recipient| recipient.address.clone())
            .collect();
        let launch = Launch {
            label: &label,
            targets: &targets,
            launch_at: order.launch_at.filter(|at| *at > now),
            duration_days: order.duration_days,
            payload_id: order.payload_id.as_deref(),
            may_create: listed_from(bundle) <= now,
        };
        let launched = match self.lines.open(scope, integration).await {
            Ok(line) => self.launch(scope, integration, line, &launch).await,
            // Our own store or key service is away, which is no attempt.
            Err(failure) if matches!(failure.kind, FailureKind::Transient { .. }) => {
                tracing::warn!(bundle = %bundle.id, why = failure.detail, "the secrets cannot be opened now");
                return Ok(None);
            }
            Err(failure) => Err(failure),
        };
        self.judge(scope, integration, slots.trial, launched.as_ref().map(|_| ()), 1).await;
        let launched = match launched {
            Ok(Some(launched)) => launched,
            Ok(None) => return all(Outcome::Deferred { until: listed_from(bundle) }),
            Err(failure) => {
                self.pause(scope, integration, &failure).await;
                return all(Outcome::Failed(told(&failure)));
            }
        };
        let provider_id = launched.simulation.clone().or_else(|| launched.operation.clone());
        let simulation = Simulation {
            campaign: bundle.campaign.clone(),
            origin: origin(&bundle.id),
            integration: integration.id.clone(),
            label: label.clone(),
            provider_id: launched.simulation,
            operation: launched.operation,
            status: SimulationStatus::Scheduled,
            targets: u16::try_from(targets.len()).unwrap_or(u16::MAX),
            counts: std::collections::BTreeMap::new(),
            report_digest: String::new(),
            problem: None,
            failures: 0,
            launch_at: order.launch_at.unwrap_or(now).max(now),
            duration_days: launched.duration_days,
            sandbox: bundle.sandbox,
            created_at: now,
            updated_at: now,
            next_look: Some(now),
            rev: 1,
        };
        // Before the result: what is not remembered would run unwatched.
        self.insist(bundle, || self.store.begin_simulation(scope, &simulation)).await?;
        all(Outcome::Sent { provider_id })
    }

    /// Asks the provider, with one fresh look at the secret if the login is refused.
    async fn launch(
        &self,
        scope: &TenantScope,
        integration: &Arc<Integration>,
        line: Arc<L::Line>,
        launch: &Launch<'_>,
    ) -> Result<Option<Launched>, Failure> {
        match line.simulate(launch).await {
            Err(Failure { kind: FailureKind::Unauthorized, code, detail }) => {
                self.lines.forget(scope, integration);
                let Ok(Some(fresh)) = self.integration(scope, &integration.id, true).await else {
                    return Err(Failure { kind: FailureKind::Unauthorized, code, detail });
                };
                self.lines.open(scope, &fresh).await?.simulate(launch).await
            }
            result => result,
        }
    }

    /// Remembers for everybody that the provider wants silence.
    async fn pause(&self, scope: &TenantScope, integration: &Integration, failure: &Failure) {
        let FailureKind::Throttled { after_ms } = failure.kind else { return };
        let now = self.clock.now();
        let until = now.plus_ms(after_ms.unwrap_or(SECOND_MS).min(domain::retry::RETRY_AFTER_CAP_MS));
        if let Err(error) = self.leases.pause(scope, &integration.id, until, now).await {
            tracing::warn!(integration = %integration.id, %error, "the pause is known to this sender only");
        }
    }
}

/// From when on what the provider does not list is not there. Of a claim that was interrupted, its bundle's `due` says so;
/// of a generation that began in doubt, the attempt in doubt was before its creation.
fn listed_from(bundle: &Bundle) -> Timestamp {
    if bundle.uncertain && !bundle.was_interrupted() {
        bundle.due.max(bundle.created_at.plus_ms(LISTED_AFTER_MS))
    } else {
        bundle.due
    }
}

/// A failure as it is stored for each target.
fn told(failure: &Failure) -> Failure {
    let mut bytes = 0;
    let fits = |next: &char| {
        bytes += next.len_utf8() + usize::from(matches!(next, '"' | '\\'));
        bytes <= WORDS_MAX_BYTES
    };
    let detail = failure.detail.chars().take_while(fits).collect();
    Failure { kind: failure.kind, code: failure.code, detail }
}

#[cfg(test)]
mod tests;
