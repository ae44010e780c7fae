//! One round: every simulation that is due is looked at once. Two rounds at the same time do no harm: what was reported is
//! kept once, and only one of two writes of a record is taken.

use domain::{
    bundle::{BundleId, Payload},
    digest,
    failure::{Failure, FailureKind},
    feedback::{Feedback, FeedbackKind},
    ids::CampaignId,
    job::Job,
    simulation::{Simulation, SimulationStatus},
    tenant::TenantScope,
    time::{Clock, SECOND_MS, Timestamp},
};
use futures::stream::{self, StreamExt as _};
use hub::{
    connections::Connections,
    feedback::{Report, take_in},
    jobs::{self, Outcome},
    sender::Lines as _,
};
use providers::{M365, TargetReport, Tracked};
use runtime::{lazy::Lazy, vault::Kms};
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};
use store::{Store, StoreError};

/// How long one look may take: it must end before the function does, or it would not be counted and be due again at once.
const LOOK_WITHIN: Duration = Duration::from_secs(30);
/// How many simulations one round looks for at most; the next one finds the rest.
const ROUND: usize = 200;
/// How many are looked at at a time.
const AT_ONCE: usize = 8;
/// What is left of the function's time when the last look begins, in milliseconds: a report of 1,000 targets may have many
/// pages.
const RESERVE_MS: i64 = 40 * SECOND_MS;

/// What a round works with.
pub(crate) struct Tracker<S, K> {
    pub(crate) store: Lazy<S>,
    pub(crate) connections: Connections<S, K, M365>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a round came to. Counts, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Round {
    /// Simulations that were looked at.
    pub(crate) looked: usize,
    /// Those that are over now.
    pub(crate) over: usize,
    /// Those that could not be looked at this time.
    pub(crate) failed: usize,
    /// Things that targets did and that were not known before.
    pub(crate) reported: usize,
}

/// What one look came to.
struct Seen {
    over: bool,
    failed: bool,
    reported: usize,
}

impl<S: Store, K: Kms> Tracker<S, K> {
    /// One round, and remembers it. `killed_at` is when the function is killed.
    pub(crate) async fn run(&self, killed_at: Timestamp) -> Round {
        let started_at = self.clock.now();
        let round = self.track(killed_at).await;
        let counts = [("looked", round.looked), ("over", round.over), ("reported", round.reported)];
        let outcome =
            Outcome::counted(counts).with_failed(round.failed, "looks failed; the log of `track-m365` says why");
        jobs::ended(&*self.store, &*self.clock, Job::TrackM365, started_at, outcome).await;
        round
    }

    /// Looks at what is due.
    pub(crate) async fn track(&self, killed_at: Timestamp) -> Round {
        let now = self.clock.now();
        let due = match self.store.simulations_due(now, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "what is due cannot be read; the next round tries again");
                return Round { failed: 1, ..Round::default() };
            }
        };
        let looks = stream::iter(due).map(async |(scope, campaign, origin)| {
            if killed_at.since_ms(self.clock.now()) < RESERVE_MS {
                return None;
            }
            // In a box, because a look is more than the compiler lays out within another future.
            match Box::pin(self.look(&scope, &campaign, &origin)).await {
                // Another round was faster.
                Ok(None) | Err(StoreError::Conflict) => None,
                Ok(seen) => seen,
                Err(error) => {
                    tracing::warn!(tenant = %scope.tenant(), %campaign, %origin, %error, "a look could not be remembered");
                    Some(Seen { over: false, failed: true, reported: 0 })
                }
            }
        });
        let seen: Vec<Option<Seen>> = looks.buffer_unordered(AT_ONCE).collect().await;
        seen.into_iter().flatten().fold(Round::default(), |round, seen| Round {
            looked: round.looked + 1,
            over: round.over + usize::from(seen.over),
            failed: round.failed + usize::from(seen.failed),
            reported: round.reported + seen.reported,
        })
    }

    async fn look(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        origin: &BundleId,
    ) -> Result<Option<Seen>, StoreError> {
        let now = self.clock.now();
        let Some(mut simulation) = self.store.simulation(scope, campaign, origin).await? else { return Ok(None) };
        // The index may show for a moment what another round has put off.
        if simulation.next_look.is_none_or(|at| at > now) {
            return Ok(None);
        }
        let asked = tokio::time::timeout(LOOK_WITHIN, self.ask(scope, &simulation)).await;
        let looked = asked.unwrap_or_else(|_| {
            let words = "the look took too long";
            Ok(Err(Failure::new(FailureKind::Transient { after_ms: None }, "timeout", words)))
        })?;
        let failed = looked.is_err();
        let mut reported = 0;
        match looked {
            Ok((look, report)) => {
                // Before the record: what was not taken in is asked for again.
                reported = self.take_in(scope, &mut simulation, &report).await?;
                simulation.looked(look, now);
            }
            Err(failure) => {
                tracing::warn!(
                    tenant = %scope.tenant(), %campaign, %origin, code = failure.code, detail = failure.detail,
                    "a simulation cannot be looked at"
                );
                simulation.look_failed(&failure, now);
            }
        }
        if simulation.status == SimulationStatus::GivenUp {
            tracing::error!(
                tenant = %scope.tenant(), %campaign, %origin, since = %simulation.give_up_at(),
                "a simulation never came to its end and is looked at no more"
            );
        }
        simulation.rev += 1;
        self.store.save_simulation(scope, &simulation).await?;
        Ok(Some(Seen { over: simulation.status.is_final(), failed, reported }))
    }

    /// Asks the provider, with one fresh look at the secret if the login is refused.
    async fn ask(
        &self,
        scope: &TenantScope,
        simulation: &Simulation,
    ) -> Result<Result<(domain::simulation::Look, Vec<TargetReport>), Failure>, StoreError> {
        let Some(integration) = self.store.integration(scope, &simulation.integration).await? else {
            return Ok(Err(Failure::new(FailureKind::Permanent, "integration_deleted", "")));
        };
        // A disabled integration sends nothing, but what it sent before is still of interest; of a deleted one the
        // secrets are there as long as it can be read at all.
        let once = async || {
            let line = self.connections.line(scope, &integration).await?;
            let tracked = Tracked {
                simulation: simulation.provider_id.as_deref(),
                operation: simulation.operation.as_deref(),
                label: &simulation.label,
            };
            let look = line.look(&tracked).await?;
            let report = match look.provider_id.as_deref() {
                Some(id) => line.report(id).await?,
                None => Vec::new(),
            };
            Ok((look, report))
        };
        match once().await {
            Err(Failure { kind: FailureKind::Unauthorized, .. }) => {
                self.connections.forget(scope, &integration);
                Ok(once().await)
            }
            result => Ok(result),
        }
    }

    /// Takes in what is new of a report. How many things that were.
    async fn take_in(
        &self,
        scope: &TenantScope,
        simulation: &mut Simulation,
        report: &[TargetReport],
    ) -> Result<usize, StoreError> {
        let digest = digest_of(report);
        if report.is_empty() || digest == simulation.report_digest {
            return Ok(0);
        }
        let (campaign, origin) = (&simulation.campaign, &simulation.origin);
        let (Some(payload), Some(integration)) = (
            self.store.payload(scope, campaign, origin).await?,
            self.store.integration(scope, &simulation.integration).await?,
        ) else {
            return Ok(0);
        };
        let known = self.store.feedback_of(scope, campaign, std::slice::from_ref(origin)).await?;
        let known: HashSet<_> = known.into_iter().map(|feedback| (feedback.delivery, feedback.kind)).collect();
        let mut reports = of_deliveries(campaign, origin, &payload, report);
        reports.retain(|report| !known.contains(&(report.feedback.delivery.clone(), report.feedback.kind)));
        let new = reports.len();
        take_in(&*self.store, scope, &integration, reports, self.clock.now()).await?;
        simulation.counts = counts(report);
        simulation.report_digest = digest;
        Ok(new)
    }
}

/// Of how many targets each thing is reported.
fn counts(report: &[TargetReport]) -> BTreeMap<FeedbackKind, u32> {
    let mut counts = BTreeMap::new();
    for kind in report.iter().flat_map(|target| target.events.keys()) {
        *counts.entry(*kind).or_insert(0) += 1;
    }
    counts
}

/// The same report has the same digest, in whatever order its targets come.
fn digest_of(report: &[TargetReport]) -> String {
    let mut lines: Vec<String> =
        report.iter().map(|target| format!("{} {:?}", target.address, target.events)).collect();
    lines.sort_unstable();
    digest::hex_of_parts(lines.iter().map(String::as_bytes))
}

/// What a report says of the deliveries of a bundle. Targets are told by their address, whatever its case; a test user may
/// stand for several recipients.
fn of_deliveries(campaign: &CampaignId, origin: &BundleId, payload: &Payload, report: &[TargetReport]) -> Vec<Report> {
    let mut members: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (number, recipient) in payload.recipients.iter().enumerate() {
        if let Ok(number) = u16::try_from(number) {
            members.entry(recipient.address.trim().to_lowercase()).or_default().push(number);
        }
    }
    let mut found = Vec::new();
    for target in report {
        for member in members.get(&target.address).into_iter().flatten() {
            found.extend(target.events.iter().map(|(kind, at)| Report {
                feedback: Feedback {
                    campaign: campaign.clone(),
                    delivery: origin.delivery(*member),
                    kind: *kind,
                    at: *at,
                    detail: String::new(),
                },
                address: target.address.clone(),
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Stage, acme, spring};
    use FeedbackKind::{Compromised, Delivered};
    use domain::{simulation::SimulationStatus, time::DAY_MS};
    use store::Feedbacks as _;

    #[tokio::test]
    async fn a_simulation_is_followed_to_its_end_and_its_results_land_on_the_deliveries() {
        let stage = Stage::new().await;
        let origin = stage.launched("Parcel", &["Sara@Contoso.com", "omar@contoso.com", "sara@contoso.com"]).await;
        stage.graph_says(
            "running",
            &[("sara@contoso.com", "SuccessfullyDeliveredEmail"), ("SARA@contoso.com", "CredSupplied")],
        );
        assert_eq!(stage.track().await, Round { looked: 1, reported: 4, ..Round::default() });
        let known = stage.store.feedback_of(&acme(), &spring(), std::slice::from_ref(&origin)).await.unwrap();
        let seen: Vec<_> = known.iter().map(|it| (it.delivery.place.unwrap().member, it.kind)).collect();
        assert_eq!(seen, [(0, Delivered), (0, Compromised), (2, Delivered), (2, Compromised)]);
        let stored = stage.simulation(&origin).await;
        assert_eq!(stored.status, SimulationStatus::Running);
        assert_eq!(stored.counts, BTreeMap::from([(Delivered, 1), (Compromised, 1)]));

        assert_eq!(stage.track().await, Round::default(), "it is not due");
        stage.later().await;
        assert_eq!(stage.track().await, Round { looked: 1, ..Round::default() }, "nothing is new");
        let writes = stage.store.calls("record_feedback");

        stage.graph_says("succeeded", &[("omar@contoso.com", "ReportedEmail")]);
        stage.later().await;
        assert_eq!(stage.track().await, Round { looked: 1, over: 1, reported: 1, ..Round::default() });
        assert_eq!(stage.store.calls("record_feedback"), writes + 1);
        stage.later().await;
        assert_eq!(stage.track().await, Round::default(), "it is over");
    }

    #[tokio::test]
    async fn looks_that_fail_back_off_and_are_given_up_in_the_end() {
        let stage = Stage::new().await;
        let origin = stage.launched("Parcel", &["sara@contoso.com"]).await;
        stage.graph_fails(503);
        assert_eq!(stage.track().await, Round { looked: 1, failed: 1, ..Round::default() });
        let stored = stage.simulation(&origin).await;
        assert_eq!((stored.failures, stored.problem.unwrap().code.as_str()), (1, "provider_error"));
        stage.clock.advance_ms(11 * DAY_MS);
        assert_eq!(stage.track().await, Round { looked: 1, over: 1, failed: 1, ..Round::default() });
        assert_eq!(stage.simulation(&origin).await.status, SimulationStatus::GivenUp);
    }

    #[tokio::test]
    async fn what_could_not_be_taken_in_is_asked_for_again() {
        let stage = Stage::new().await;
        let origin = stage.launched("Parcel", &["sara@contoso.com"]).await;
        stage.graph_says("succeeded", &[("sara@contoso.com", "MessageRead")]);
        stage.store.fail_next("record_feedback", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.track().await, Round { looked: 1, failed: 1, ..Round::default() });
        assert_eq!(stage.track().await, Round { looked: 1, over: 1, reported: 1, ..Round::default() });
        assert_eq!(stage.simulation(&origin).await.status, SimulationStatus::Succeeded);
    }

    #[tokio::test]
    async fn a_failed_and_a_deleted_simulation_are_told() {
        let stage = Stage::new().await;
        let origin = stage.launched("Parcel", &["sara@contoso.com"]).await;
        stage.graph_says("failed", &[]);
        assert_eq!(stage.track().await, Round { looked: 1, over: 1, ..Round::default() });
        let stored = stage.simulation(&origin).await;
        assert_eq!(stored.status, SimulationStatus::Failed);
        assert_eq!(stored.problem.unwrap().code, "m365_simulation_failed");
    }

    #[tokio::test]
    async fn a_round_without_time_begins_nothing() {
        let stage = Stage::new().await;
        stage.launched("Parcel", &["sara@contoso.com"]).await;
        let killed_at = stage.clock.now().plus_ms(RESERVE_MS - 1);
        assert_eq!(stage.tracker.track(killed_at).await, Round::default());
    }
}
