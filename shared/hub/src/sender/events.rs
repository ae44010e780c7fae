//! The events of a bundle, each posted to its endpoint. What is stored of them besides their results: what the endpoint
//! answered.
//!
//! An endpoint that answers 410, or that did nothing but fail for five days, is disabled once the results are written. What
//! waits for it then is held, like for any integration that is disabled.

use super::{Came, Line, Lines, Sender, route::Slots, run::Run};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleState, MemberResult, Outcome},
    failure::{Failure, FailureKind},
    integration::Integration,
    principal::Principal,
    rate::RateState,
    tenant::TenantScope,
    time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp},
    webhook::{
        Answer, EndpointSettings, OutEvent, Stop, StopCause,
        failing::{Failing, Turn},
    },
};
use futures::StreamExt;
use providers::{Post, Reply};
use runtime::queue::Queues;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use store::{Store, StoreError};

/// How long a sender keeps an event in hand whose predecessor is on its way, in milliseconds: an endpoint that answers
/// takes a fraction of it, and to put the event back would cost more.
const PATIENCE_MS: i64 = 5 * SECOND_MS;

/// The same while no sender has the predecessor yet: it may be far behind in the queue.
const SHORT_PATIENCE_MS: i64 = SECOND_MS;

/// How often it is looked at meanwhile, in milliseconds.
const LOOK_MS: u64 = 100;

/// How long after its predecessor is due an event is looked at again, in milliseconds.
const AFTER_MS: i64 = SECOND_MS;

/// How old a bundle is, in milliseconds, that nobody has claimed because nobody queued it: the sweeper queues what is whole
/// within two minutes.
const LEFT_BEHIND_MS: i64 = 10 * MINUTE_MS;

/// How long a claim is over, in milliseconds, that nobody takes up any more: its message ends every sender, and is in the
/// dead-letter queue. A queue gives a message out again after six minutes.
const FORSAKEN_MS: i64 = HOUR_MS;

/// How often the disabling of an endpoint is tried against others who change it.
const STOP_TRIES: usize = 5;

impl<S: Store, Q: Queues, L: Lines> Run<'_, S, Q, L> {
    /// Posts every member that has a slot; outcomes and answers of each, in order.
    pub(super) async fn post(&self, events: &[OutEvent]) -> Came {
        let members: Vec<_> = self.claimed.bundle.members.iter().copied().enumerate().collect();
        let mut came = Came::default();
        if EndpointSettings::is_ordered(&self.integration.config) {
            let mut waits = None;
            for (index, member) in members {
                // Behind one that was not taken everybody waits, and goes on together with it.
                let (outcome, answer) = match &waits {
                    Some(until) => (Outcome::Deferred { until: *until }, Answer::default()),
                    None => self.post_one(index, member, events, &AtomicBool::new(false)).await,
                };
                waits = waits.or_else(|| match outcome {
                    Outcome::Sent { .. } => None,
                    Outcome::Failed(_) => Some(self.sender.clock.now()),
                    Outcome::Deferred { until } => Some(until),
                });
                came.outcomes.push(outcome);
                came.answers.push(answer);
            }
            return came;
        }
        let gone = AtomicBool::new(false);
        let concurrency = self.concurrency().await;
        let posted: Vec<_> = futures::stream::iter(members)
            .map(|(index, member)| self.post_one(index, member, events, &gone))
            .buffered(concurrency)
            .collect()
            .await;
        (came.outcomes, came.answers) = posted.into_iter().unzip();
        came
    }

    async fn post_one(&self, index: usize, member: u16, events: &[OutEvent], gone: &AtomicBool) -> (Outcome, Answer) {
        let untried = |outcome| (outcome, Answer::default());
        if let Some(later) = self.beyond_slots(index) {
            return untried(later);
        }
        let Some(event) = events.get(usize::from(member)) else {
            let failure = Failure::new(FailureKind::Permanent, "poison", "the event is missing");
            return untried(Outcome::Failed(failure));
        };
        if let Some(later) = self.turn(index).await {
            return untried(later);
        }
        let at = self.sender.clock.now();
        if gone.load(Ordering::Relaxed) {
            // It goes on in the next generation, which is held.
            return untried(Outcome::Deferred { until: at });
        }
        let delivery = self.claimed.bundle.id.delivery(member);
        let Reply { answer, result } = self.line().await.post(&Post { delivery: &delivery, event, at }).await;
        if result.as_ref().is_err_and(is_gone) {
            gone.store(true, Ordering::Relaxed);
        }
        (self.outcome(result.map(|()| None)).await, answer)
    }
}

fn is_gone(failure: &Failure) -> bool {
    failure.code == "endpoint_gone"
}

/// What a bundle's posts say about the endpoint.
#[derive(Debug, PartialEq, Eq)]
enum Lesson {
    /// Nobody was tried, or it is our own fault.
    None,
    /// It took something.
    Takes,
    /// It wants no more.
    Gone,
    /// It took nothing; the last failure.
    Fails(Failure),
}

impl Lesson {
    fn of(outcomes: &[Outcome]) -> Self {
        let mut lesson = Self::None;
        for outcome in outcomes {
            match outcome {
                Outcome::Failed(failure) if is_gone(failure) => return Self::Gone,
                Outcome::Sent { .. } => lesson = Self::Takes,
                Outcome::Failed(failure)
                    if lesson != Self::Takes
                        && !matches!(failure.code, "poison" | "settings_invalid" | "secret_unreadable") =>
                {
                    lesson = Self::Fails(failure.clone());
                }
                Outcome::Failed(_) | Outcome::Deferred { .. } => {}
            }
        }
        lesson
    }
}

impl<S: Store, Q: Queues, L: Lines> Sender<S, Q, L> {
    /// Where strict order is wanted: until when the bundle has to wait for the one before it. `None` if that is over, and
    /// if there is none.
    pub(super) async fn waits_for_predecessor(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        own: &Integration,
        deadline: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(after) = bundle.after.as_ref().filter(|_| EndpointSettings::is_ordered(&own.config)) else {
            return Ok(None);
        };
        let since = self.clock.now();
        loop {
            let now = self.clock.now();
            let generations = self.store.generations(scope, &bundle.campaign, after).await?;
            let Some(due) = open_until(&generations, now) else { return Ok(None) };
            if self.is_left_behind(scope, &generations, now).await? {
                return Ok(None);
            }
            let under_way = generations.iter().any(|it| it.state == BundleState::Sending);
            let patience_ms = if under_way { PATIENCE_MS } else { SHORT_PATIENCE_MS };
            let patience_over = now.since_ms(since) >= patience_ms;
            let time_over = deadline.since_ms(now) < super::reserve_ms(bundle.channel) + SECOND_MS;
            if due > now || patience_over || time_over {
                return Ok(Some(due.max(now).plus_ms(AFTER_MS)));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Whether a bundle is what is left of a request that was cut off while it was written. None of it is sent unless it is
    /// repeated, nobody was told that it is accepted, and who waits for it might wait for ever.
    async fn is_left_behind(
        &self,
        scope: &TenantScope,
        generations: &[Bundle],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let [only] = generations else { return Ok(false) };
        let untouched = only.id.number.is_some() && only.state == BundleState::Queued && only.fence == 0;
        if !untouched || now.since_ms(only.created_at) < LEFT_BEHIND_MS {
            return Ok(false);
        }
        let request = self.store.request(scope, &only.campaign, &only.id.request).await?;
        Ok(request.is_none_or(|request| !request.dispatched))
    }

    /// Writes results and answers, then draws the lesson for the endpoint.
    pub(super) async fn finish_posts(
        &self,
        scope: &TenantScope,
        mut bundle: Bundle,
        integration: &Integration,
        slots: Slots,
        came: Came,
    ) -> Result<(), StoreError> {
        let lesson = Lesson::of(&came.outcomes);
        bundle.answers = self.store_answers(scope, &bundle, came.answers).await;
        self.finish(scope, bundle, integration, came.outcomes).await?;
        // The results are written: whatever goes wrong from here on, the next failure brings up again.
        if let Err(error) = self.learn(scope, integration, slots.failing, lesson).await {
            tracing::warn!(integration = %integration.id, %error, "what an endpoint does is not remembered this time");
        }
        Ok(())
    }

    /// Stores apart what is too long for the bundle, and gives back what stays in it. A text that cannot be stored is no
    /// reason to lose the result.
    async fn store_answers(&self, scope: &TenantScope, bundle: &Bundle, answers: Vec<Answer>) -> Vec<Answer> {
        let mut apart = BTreeMap::new();
        let mut kept = Vec::with_capacity(answers.len());
        for (member, answer) in bundle.members.iter().zip(answers) {
            if answer.fits_inline() {
                kept.push(answer);
            } else {
                kept.push(answer.without_text());
                apart.insert(*member, answer);
            }
        }
        if apart.is_empty() {
            return kept;
        }
        if let Err(error) = self.insist(bundle, || self.store.save_answers(scope, bundle, &apart)).await {
            tracing::warn!(bundle = %bundle.id, %error, "what the endpoint answered is not kept");
            for answer in &mut kept {
                answer.apart = false;
            }
        }
        kept
    }

    async fn learn(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        known: Option<Failing>,
        lesson: Lesson,
    ) -> Result<(), StoreError> {
        let last = match &lesson {
            Lesson::None => return Ok(()),
            Lesson::Gone => return self.stop(scope, integration, StopCause::Gone, "it answered 410 Gone").await,
            Lesson::Takes => None,
            Lesson::Fails(failure) => Some(failure),
        };
        let now = self.clock.now();
        let turn = |current| Failing::turn(current, integration.updated_at, last.is_none(), now);
        match turn(known) {
            Turn::Keep => return Ok(()),
            Turn::Stop => {
                // A success elsewhere may have ended it while this one was on its way.
                if turn(self.store.rate(scope, &integration.id).await?.failing) != Turn::Stop {
                    return Ok(());
                }
                // The code and not the endpoint's words: what is audited stays for good.
                let detail =
                    format!("it only failed for five days, at last with {}", last.map_or("", |last| last.code));
                return self.stop(scope, integration, StopCause::Failing, &detail).await;
            }
            Turn::Begin(_) | Turn::End | Turn::Tell(_) => {}
        }
        let change = |state: &RateState| match turn(state.failing) {
            Turn::Keep | Turn::Stop => None,
            Turn::Begin(next) | Turn::Tell(next) => Some(state.with_failing(Some(next))),
            Turn::End => Some(state.with_failing(None)),
        };
        // What was known may be old: only what was written counts.
        let written = self.leases.note_failing(scope, &integration.id, now, change).await?;
        match (written.and_then(|state| state.failing), last) {
            (Some(streak), Some(last)) if streak.told > 0 => self.alert(scope, integration, streak, last).await,
            (_, None) if known.is_some_and(|streak| streak.told > 0) => {
                self.takes_again(scope, integration).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Leaves an alert in the endpoint's health, from where it is told.
    async fn alert(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        streak: Failing,
        last: &Failure,
    ) -> Result<(), StoreError> {
        tracing::warn!(integration = %integration.id, percent = streak.told, "an endpoint does nothing but fail");
        let Some(fresh) = self.store.integration(scope, &integration.id).await? else { return Ok(()) };
        let words = format!("{}: {}", last.code, last.detail);
        let report = streak.report(fresh.fails(), &words, self.clock.now());
        self.store.record_test(scope, &fresh, &report, &Principal::System).await
    }

    /// Disables an endpoint, unless somebody has changed it since.
    async fn stop(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        cause: StopCause,
        detail: &str,
    ) -> Result<(), StoreError> {
        let id = &integration.id;
        for _ in 0..STOP_TRIES {
            let now = self.clock.now();
            let fresh = self.store.integration(scope, id).await?;
            self.integrations.forget(&(scope.tenant().clone(), id.clone()));
            let Some(fresh) = fresh.filter(|it| it.usable() && it.rev == integration.rev) else { return Ok(()) };
            let next = Integration {
                enabled: false,
                stopped: Some(Stop { cause, at: now }),
                rev: fresh.rev + 1,
                updated_at: now,
                updated_by: Principal::System,
                ..fresh
            };
            let audit = AuditEntry {
                principal: Principal::System,
                action: "endpoint.disabled",
                target: id.to_string(),
                detail: detail.to_owned(),
                at: now,
            };
            match self.store.save_integration(scope, &next, None, false, &audit).await {
                Err(StoreError::Conflict) => {}
                result => {
                    tracing::warn!(integration = %id, ?cause, "an endpoint is disabled");
                    return result;
                }
            }
        }
        Ok(())
    }
}

/// When a bundle that is not over is worth a look; `None` of one that is over, by all its generations.
fn open_until(generations: &[Bundle], now: Timestamp) -> Option<Timestamp> {
    if generations.iter().any(|it| goes_on_unseen(it, generations)) {
        return Some(now);
    }
    generations.iter().filter_map(|it| generation_until(it, now)).max()
}

/// Whether a member went on in a generation that is not among these: what one write made of several items is read one by
/// one.
fn goes_on_unseen(bundle: &Bundle, generations: &[Bundle]) -> bool {
    let goes_on = |result: &MemberResult| {
        matches!(result, MemberResult::Retrying(_) | MemberResult::Waiting | MemberResult::Resent(_))
    };
    let went_on = |member: u16| {
        let of_member = generations.iter().filter(|it| it.members.contains(&member));
        let left = of_member.clone().filter(|it| result_of(it, member).is_some_and(goes_on));
        left.count() >= of_member.count()
    };
    bundle.members.iter().any(|member| went_on(*member))
}

fn result_of(bundle: &Bundle, member: u16) -> Option<&MemberResult> {
    let place = bundle.members.iter().position(|it| *it == member)?;
    bundle.results.get(place)
}

/// The same of one generation.
fn generation_until(bundle: &Bundle, now: Timestamp) -> Option<Timestamp> {
    match bundle.state {
        BundleState::Done | BundleState::Cancelled => None,
        BundleState::Sending if now.since_ms(bundle.lease_until) > FORSAKEN_MS => None,
        // A sender has it, which takes a moment, or died with it.
        BundleState::Sending => Some(now),
        BundleState::Queued => Some(bundle.due),
        // It is about to be let go: an endpoint that is disabled would hold its successors too.
        BundleState::Held => Some(now.plus_ms(MINUTE_MS / 6)),
    }
}

#[cfg(test)]
mod tests;
