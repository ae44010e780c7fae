//! What was held and may go: its integration was enabled or deleted, its campaign resumed or cancelled. Row 16 of the
//! fault matrix.
//!
//! Whoever changed the state has released what was held already, if all went well. The marker stays due for some minutes
//! all the same, because a sender that saw the state before may hold one more bundle.

use crate::handler::{Seen, Sweeper, Swept};
use domain::time::{SECOND_MS, Timestamp};
use runtime::queue::Queues;
use std::time::Duration;
use store::Store;

/// How many releases are looked up at once.
const PAGE: usize = 100;

/// How long one release may take in one sweep, in milliseconds, so that a giant one leaves time for the others.
const ONE_MS: i64 = 15 * SECOND_MS;

impl<S: Store, Q: Queues> Sweeper<S, Q> {
    /// Deals with one page of releases. False when there is nothing new, or it cannot be found out.
    pub(crate) async fn releases(&self, until: Timestamp, seen: &mut Seen, swept: &mut Swept) -> bool {
        let page = match self.store.releases_due(self.clock.now(), PAGE).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "what may be released cannot be found out");
                swept.failed += 1;
                return false;
            }
        };
        let mut any = false;
        for release in page.into_iter().filter(|release| seen.is_new(release)) {
            let now = self.clock.now();
            let Ok(left_ms @ 1..) = u64::try_from(until.since_ms(now).min(ONE_MS)) else { break };
            any = true;
            let (scope, held_for) = &release;
            let all = hub::release::all(&*self.store, &self.queues, scope, held_for, now);
            let result = match tokio::time::timeout(Duration::from_millis(left_ms), all).await {
                Ok(Ok(released)) => {
                    swept.released += released;
                    self.store.release_done(scope, held_for, now).await
                }
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    tracing::info!(tenant = %scope.tenant(), ?held_for, "much was held; the next sweep goes on");
                    continue;
                }
            };
            if let Err(error) = result {
                tracing::warn!(tenant = %scope.tenant(), ?held_for, %error, "a release is tried again at the next sweep");
                swept.failed += 1;
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use crate::{handler::Swept, stage::Stage};
    use domain::{campaign::CampaignState, time::MINUTE_MS};
    use store::{Bundles, HeldFor, RELEASE_STAYS_MS, StoreError};

    #[tokio::test]
    async fn what_was_held_for_an_integration_goes_when_it_is_enabled() {
        let stage = Stage::new();
        stage.accept(2, 2).await;
        stage.claim_and_hold(&HeldFor::Integration(stage.integration.clone())).await;
        assert_eq!(stage.sweep().await, Swept::default(), "nothing was enabled");
        stage.enable_integration().await;
        assert_eq!(stage.sweep().await, Swept { released: 2, ..Swept::default() });
        assert_eq!(stage.claim_all().await, 2);
    }

    #[tokio::test]
    async fn what_was_held_for_a_campaign_goes_when_it_is_resumed_or_cancelled() {
        for to in [CampaignState::Active, CampaignState::Cancelled] {
            let stage = Stage::new();
            stage.turn(CampaignState::Active, CampaignState::Paused).await;
            stage.accept(2, 2).await;
            stage.claim_and_hold(&HeldFor::Campaign(stage.campaign.clone())).await;
            stage.turn(CampaignState::Paused, to).await;
            assert_eq!(stage.sweep().await.released, 2);
        }
    }

    #[tokio::test]
    async fn a_bundle_that_is_held_a_moment_after_the_release_is_released_too() {
        let stage = Stage::new();
        stage.turn(CampaignState::Active, CampaignState::Paused).await;
        stage.accept(1, 1).await;
        stage.turn(CampaignState::Paused, CampaignState::Active).await;
        assert_eq!(stage.sweep().await, Swept::default());
        stage.claim_and_hold(&HeldFor::Campaign(stage.campaign.clone())).await;
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await.released, 1);
        stage.clock.advance_ms(RELEASE_STAYS_MS);
        stage.sweep().await;
        assert!(
            stage.store.releases_due(stage.clock_now(), 10).await.unwrap().is_empty(),
            "it is forgotten in the end"
        );
    }

    #[tokio::test]
    async fn a_release_that_fails_is_tried_again_and_the_rest_is_done() {
        let stage = Stage::new();
        stage.turn(CampaignState::Active, CampaignState::Paused).await;
        stage.accept(2, 2).await;
        stage.claim_and_hold(&HeldFor::Campaign(stage.campaign.clone())).await;
        stage.turn(CampaignState::Paused, CampaignState::Active).await;
        stage.store.fail_next("held", StoreError::Unavailable("throttled".into()));
        stage.accept_single().await;
        stage.queues.drain();
        stage.clock.advance_ms(MINUTE_MS);
        assert_eq!(stage.sweep().await, Swept { failed: 1, queued: 1, ..Swept::default() });
        assert_eq!(stage.sweep().await.released, 2);
    }
}
