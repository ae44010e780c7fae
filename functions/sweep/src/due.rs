//! What should be on a queue by now: retries whose time came, bundles whose queueing failed, and requests whose function
//! was ended between writing and queueing. Rows 1 and 2 of the fault matrix.

use crate::handler::{Seen, Sweeper, Swept};
use domain::{
    bundle::{Bundle, BundleId, BundleState},
    channel::Channel,
    ids::{CampaignId, RequestId},
    tenant::TenantScope,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use futures::{StreamExt, stream};
use hub::dispatch;
use runtime::queue::Queues;
use std::{collections::HashMap, time::Duration};
use store::{Due, Store, StoreError};

/// How much is looked up at once.
const PAGE: usize = 200;

/// How many reads or writes are under way at once.
const AT_ONCE: usize = 16;

/// When something that was queued is looked at again, in milliseconds: its message should have been received by then.
/// Being claimed takes it out of the index.
const QUEUED_MS: i64 = 5 * MINUTE_MS;

/// When something that could not be dealt with is looked at again, in milliseconds. It goes behind what is due already,
/// so that it never blocks the way.
const AGAIN_MS: i64 = MINUTE_MS;

/// When a request that was never wholly written is looked at again, in milliseconds.
const INCOMPLETE_MS: i64 = 5 * MINUTE_MS;

/// A caller who was told of no success repeats the request within this time, in milliseconds, or never.
const REPEATED_WITHIN_MS: i64 = HOUR_MS;

/// When an abandoned request is looked at again, in milliseconds.
const ABANDONED_MS: i64 = DAY_MS;

/// How often the index is asked again while it shows nothing but what was dealt with, and the pause before.
const STALE_LOOKS: u32 = 3;
const STALE_PAUSE: Duration = Duration::from_millis(250);

/// What is to be done with something that is due.
enum Work {
    /// These belong on their queue; after that, it is looked at later.
    Queue(Vec<Bundle>),
    /// These belong on their queue; after that, the request is dispatched.
    Dispatch(Vec<Bundle>),
    /// It is not due before then.
    Later(Timestamp),
    /// The request was never wholly written; its caller may be about to repeat it.
    Incomplete,
    /// The request was never wholly written, and its caller seems to have given up.
    Abandoned,
    /// It could not be looked at.
    Unclear,
    /// It was dealt with by somebody else since the index was written. If the index goes on showing it, it goes behind
    /// the others.
    Nothing,
}

impl Work {
    fn bundles(&self) -> &[Bundle] {
        match self {
            Self::Queue(bundles) | Self::Dispatch(bundles) => bundles,
            Self::Later(_) | Self::Incomplete | Self::Abandoned | Self::Unclear | Self::Nothing => &[],
        }
    }
}

/// The bundles that are queued in one go.
type Lane = (TenantScope, Channel);

impl<S: Store, Q: Queues> Sweeper<S, Q> {
    /// Deals with one page of what is due. False when there is nothing new, or it cannot be found out.
    pub(crate) async fn due(&self, seen: &mut Seen, swept: &mut Swept) -> bool {
        for look in 0..STALE_LOOKS {
            let now = self.clock.now();
            let page = match self.store.due(now, PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(%error, "what is due cannot be found out");
                    swept.failed += 1;
                    return false;
                }
            };
            if page.is_empty() {
                return false;
            }
            let new: Vec<Due> = page.into_iter().filter(|due| seen.is_new(due)).collect();
            if !new.is_empty() {
                self.deal_with(new, now, swept).await;
                return true;
            }
            // The index is a moment late. What was dealt with makes room for what comes behind it.
            if look + 1 < STALE_LOOKS {
                tokio::time::sleep(STALE_PAUSE).await;
            }
        }
        false
    }

    async fn deal_with(&self, due: Vec<Due>, now: Timestamp, swept: &mut Swept) {
        let found: Vec<(Due, Result<Work, StoreError>)> = stream::iter(due)
            .map(|due| async move {
                let work = self.look_at(&due, now).await;
                (due, work)
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let mut jobs = Vec::new();
        let mut lanes: HashMap<Lane, Vec<Bundle>> = HashMap::new();
        for (due, work) in found {
            let work = work.unwrap_or_else(|error| {
                tracing::warn!(?due, %error, "something due could not be looked at");
                Work::Unclear
            });
            match &work {
                Work::Incomplete => swept.incomplete += 1,
                Work::Abandoned => swept.abandoned += 1,
                Work::Unclear => swept.failed += 1,
                Work::Queue(_) | Work::Dispatch(_) | Work::Later(_) | Work::Nothing => {}
            }
            for bundle in work.bundles() {
                lanes.entry((scope_of(&due).clone(), bundle.channel)).or_default().push(bundle.clone());
            }
            jobs.push((due, work));
        }
        let mut blocked = Vec::new();
        for (lane, bundles) in lanes {
            if dispatch::queue_all(&self.queues, &lane.0, &bundles, 0).await {
                swept.queued += bundles.len();
            } else {
                swept.failed += 1;
                blocked.push(lane);
            }
        }
        let blocked = &blocked;
        let settled: Vec<Result<usize, StoreError>> = stream::iter(jobs)
            .map(|(due, work)| async move {
                let is_blocked = work.bundles().iter().any(|bundle| {
                    blocked.iter().any(|(scope, channel)| scope == scope_of(&due) && *channel == bundle.channel)
                });
                self.settle(&due, &work, is_blocked, now).await
            })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        for result in settled {
            match result {
                Ok(dispatched) => swept.dispatched += dispatched,
                Err(error) => {
                    // It is due as before: the next sweep finds it.
                    tracing::warn!(%error, "something due could not be settled");
                    swept.failed += 1;
                }
            }
        }
    }

    async fn look_at(&self, due: &Due, now: Timestamp) -> Result<Work, StoreError> {
        match due {
            Due::Bundle(scope, campaign, id) => self.look_at_bundle(scope, campaign, id, now).await,
            Due::Request(scope, campaign, id) => self.look_at_request(scope, campaign, id, now).await,
        }
    }

    /// The index holds keys only, so the bundle is read: for its channel, and because it may have been claimed since.
    async fn look_at_bundle(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
        now: Timestamp,
    ) -> Result<Work, StoreError> {
        let origin = BundleId { generation: 0, ..id.clone() };
        let generations = self.store.generations(scope, campaign, &origin).await?;
        let queued = generations.into_iter().find(|bundle| bundle.id == *id && bundle.state == BundleState::Queued);
        Ok(match queued {
            None => Work::Nothing,
            Some(bundle) if bundle.due > now => Work::Later(bundle.due),
            Some(bundle) => Work::Queue(vec![bundle]),
        })
    }

    /// A request is dispatched only as a whole. Where some of its bundles are missing its function was ended while it
    /// wrote, and its caller got no answer: nothing was promised. What is there is left unsent, because half a request
    /// is worse than none, and the request is left undispatched, because its caller may repeat it any time with the same
    /// idempotency key: that completes it, whereas a request marked dispatched would be answered as done.
    async fn look_at_request(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &RequestId,
        now: Timestamp,
    ) -> Result<Work, StoreError> {
        let Some(request) = self.store.request(scope, campaign, id).await?.filter(|request| !request.dispatched) else {
            return Ok(Work::Nothing);
        };
        if request.bundles == 0 {
            let single = BundleId { request: id.clone(), number: None, generation: 0 };
            return self.look_at_bundle(scope, campaign, &single, now).await;
        }
        // Counted, not looked for by number: an endpoint's bundles have the numbers of those of the request's events that
        // it wants.
        let found = self.store.bundles_of(scope, campaign, id).await?;
        let missing = usize::from(request.bundles).saturating_sub(found.len());
        if missing == 0 {
            let queued = found.into_iter().filter(|bundle| bundle.state == BundleState::Queued);
            return Ok(Work::Dispatch(queued.collect()));
        }
        if now.since_ms(request.created_at) < REPEATED_WITHIN_MS {
            return Ok(Work::Incomplete);
        }
        tracing::error!(
            tenant = %scope.tenant(), %campaign, request = %id, missing, of = request.bundles,
            "a request was never wholly written nor repeated; none of it is sent",
        );
        Ok(Work::Abandoned)
    }

    /// Writes down what was done. Returns how many requests are dispatched by it.
    async fn settle(&self, due: &Due, work: &Work, is_blocked: bool, now: Timestamp) -> Result<usize, StoreError> {
        let until = match (work, due) {
            (Work::Later(until), _) => *until,
            (Work::Incomplete, _) => now.plus_ms(INCOMPLETE_MS),
            (Work::Abandoned, _) => now.plus_ms(ABANDONED_MS),
            (Work::Nothing | Work::Unclear, _) => now.plus_ms(AGAIN_MS),
            _ if is_blocked => now.plus_ms(AGAIN_MS),
            (Work::Dispatch(_), Due::Request(scope, campaign, id)) => {
                self.store.mark_dispatched(scope, campaign, id).await?;
                return Ok(1);
            }
            (Work::Queue(_) | Work::Dispatch(_), _) => now.plus_ms(QUEUED_MS),
        };
        self.store.postpone(due, until).await?;
        Ok(0)
    }
}

fn scope_of(due: &Due) -> &TenantScope {
    match due {
        Due::Bundle(scope, ..) | Due::Request(scope, ..) => scope,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Stage;
    use runtime::queue::Fault;
    use store::Bundles;

    /// Row 1 of the fault matrix.
    #[tokio::test]
    async fn a_request_whose_queueing_failed_is_swept_within_two_minutes_and_nothing_is_lost() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        let id = stage.accept(3, 3).await;
        assert_eq!(stage.claim_all().await, 0, "nothing was queued");
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { queued: 3, dispatched: 1, ..Swept::default() });
        assert_eq!(stage.claim_all().await, 3);
        assert!(stage.request(&id).await.dispatched);
        stage.clock.advance_ms(HOUR_MS);
        assert_eq!(stage.sweep().await, Swept::default(), "it is done");
    }

    #[tokio::test]
    async fn bundles_are_swept_whatever_their_numbers() {
        let stage = Stage::new();
        let id = stage.accept_numbered(&[2, 40, 999]).await;
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { queued: 3, dispatched: 1, ..Swept::default() });
        assert!(stage.request(&id).await.dispatched);
    }

    /// Row 1 of the fault matrix, for a request of one recipient.
    #[tokio::test]
    async fn a_single_delivery_whose_queueing_failed_is_swept() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        stage.accept_single().await;
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await.queued, 1);
        assert_eq!(stage.claim_all().await, 1);
        stage.clock.advance_ms(HOUR_MS);
        assert_eq!(stage.sweep().await, Swept::default(), "claiming took it out of the index");
    }

    /// Row 2 of the fault matrix: what was queued already is queued again, and claimed once.
    #[tokio::test]
    async fn a_request_that_was_queued_in_part_is_queued_whole_and_each_bundle_is_claimed_once() {
        let stage = Stage::new();
        stage.queues.order(Fault::Refuse(vec![1]));
        stage.accept(3, 3).await;
        assert_eq!(stage.claim_all().await, 2);
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { queued: 1, dispatched: 1, ..Swept::default() });
        assert_eq!(stage.claim_all().await, 1);
    }

    #[tokio::test]
    async fn a_retry_beyond_the_queues_longest_delay_is_queued_when_it_is_due() {
        let stage = Stage::new();
        stage.accept(1, 1).await;
        let due = stage.clock_now().plus_ms(2 * HOUR_MS);
        stage.claim_and_put_back(due).await;
        stage.clock.advance_ms(HOUR_MS);
        assert_eq!(stage.sweep().await, Swept::default(), "not yet");
        stage.clock.advance_ms(HOUR_MS);
        assert_eq!(stage.sweep().await.queued, 1);
        assert_eq!(stage.sweep().await, Swept::default(), "it is looked at again only in five minutes");
        stage.clock.advance_ms(QUEUED_MS);
        assert_eq!(stage.sweep().await.queued, 1, "its message got lost");
        assert_eq!(stage.claim_all().await, 1);
    }

    #[tokio::test]
    async fn while_the_queue_is_away_what_is_due_stays_due() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        stage.accept(2, 2).await;
        stage.clock.advance_ms(MINUTE_MS);
        stage.queues.order(Fault::Away);
        assert_eq!(stage.sweep().await, Swept { failed: 1, ..Swept::default() });
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { queued: 2, dispatched: 1, ..Swept::default() });
    }

    #[tokio::test]
    async fn one_that_cannot_be_read_does_not_stop_the_others() {
        let stage = Stage::new();
        for _ in 0..3 {
            stage.queues.order(Fault::Away);
            stage.accept_single().await;
        }
        stage.clock.advance_ms(MINUTE_MS);
        stage.store.fail_next("generations", StoreError::Corrupt { key: "B#1".into(), reason: "broken".into() });
        assert_eq!(stage.sweep().await, Swept { queued: 2, failed: 1, ..Swept::default() });
        stage.clock.advance_ms(AGAIN_MS);
        assert_eq!(stage.sweep().await.queued, 1);
        assert_eq!(stage.claim_all().await, 3);
    }

    #[tokio::test]
    async fn what_cannot_be_settled_is_found_by_the_next_sweep() {
        let stage = Stage::new();
        stage.queues.order(Fault::Away);
        stage.accept(1, 1).await;
        stage.clock.advance_ms(MINUTE_MS);
        stage.store.fail_next("mark_dispatched", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.sweep().await, Swept { queued: 1, failed: 1, ..Swept::default() });
        assert_eq!(stage.sweep().await, Swept { queued: 1, dispatched: 1, ..Swept::default() });
        assert_eq!(stage.claim_all().await, 1, "queued twice, claimed once");
    }

    #[tokio::test]
    async fn half_a_request_is_never_sent_and_may_be_completed_by_its_caller() {
        let stage = Stage::new();
        let id = stage.accept(3, 2).await;
        stage.queues.drain();
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { incomplete: 1, ..Swept::default() });
        stage.clock.advance_ms(REPEATED_WITHIN_MS);
        assert_eq!(stage.sweep().await, Swept { abandoned: 1, ..Swept::default() });
        assert_eq!(stage.sweep().await, Swept::default(), "it is told of once a day");
        assert!(stage.queues.drain().is_empty());
        assert!(!stage.request(&id).await.dispatched, "a repeat must not be answered as done");
        stage.complete(&id, 3).await;
        stage.clock.advance_ms(ABANDONED_MS);
        assert_eq!(stage.sweep().await, Swept { queued: 3, dispatched: 1, ..Swept::default() });
    }

    #[tokio::test]
    async fn more_than_a_page_is_swept_in_one_go() {
        let stage = Stage::new();
        for _ in 0..=PAGE {
            stage.queues.order(Fault::Away);
            stage.accept_single().await;
        }
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await.queued, PAGE + 1);
        assert!(stage.store.due(stage.clock_now(), 1).await.unwrap().is_empty());
    }
}
