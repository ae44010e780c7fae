//! `POST /v1/campaigns/{id}/resend`: queues again what failed. Row 22 of the fault matrix.
//!
//! Only members that failed move, into a new generation of their bundle with the same delivery ids; what was sent is not
//! touched. How fast they go needs no care here: senders lease their slots as always, so a resend cannot exceed an
//! integration's limits.
//!
//! It may be repeated at will: what was queued again is no longer `failed`, and a second resend does not find it.

use crate::{handler::Hub, switch};
use api::{
    campaigns::{ResendAnswer, ResendRequest},
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::{extract::State, http::StatusCode};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, DeliveryStatus, RESEND_WINDOW_MS},
    campaign::CampaignState,
    channel::Channel,
    ids::CampaignId,
    principal::Scope,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
};
use futures::{StreamExt, stream};
use hub::dispatch;
use runtime::{
    caller::Auth,
    http::{Answer, Failed, Json, Path},
    queue::Queues,
};
use std::sync::Arc;
use store::{Store, StoreError};

/// What may be sent again.
const RESENDABLE: &[DeliveryStatus] = &[DeliveryStatus::Failed, DeliveryStatus::Dead, DeliveryStatus::Unknown];

/// Bundles a page of the walk.
const PAGE: usize = 200;

/// Bundles moved at once.
const AT_ONCE: usize = 16;

/// How often a bundle is read anew when somebody else resends it at the same time.
const TRIES: u32 = 3;

/// How long a request goes on moving bundles, in milliseconds: the gateway gives up after 30 s.
const WORK_MS: i64 = 15 * SECOND_MS;

pub(crate) async fn resend<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
    Json(request): Json<ResendRequest>,
) -> Answer<(StatusCode, Json<ResendAnswer>)> {
    let caller = auth.require(Scope::CampaignsSend)?;
    resendable(&request.status)?;
    if hub.campaign(&caller.scope, &id).await?.state == CampaignState::Cancelled {
        return Err(switch::cancelled());
    }
    let now = hub.clock.now();
    let mut resent = 0;
    let walk = Walk { hub: &hub, scope: &caller.scope, campaign: &id, statuses: &request.status, now };
    let outcome = walk.run(&mut resent).await;
    // Whatever was moved is told of, also when the walk did not come to its end.
    if resent > 0 {
        let statuses: Vec<_> = request.status.iter().map(|status| status.as_str()).collect();
        let audit = AuditEntry {
            principal: caller.principal.clone(),
            action: "campaign.resent",
            target: id.to_string(),
            detail: format!("{resent} deliveries: {}", statuses.join(", ")),
            at: now,
        };
        hub.store.append_audit(&caller.scope, &audit).await.inspect_err(|error| {
            tracing::error!(%error, campaign = %id, resent, "a resend is missing in the audit trail");
        })?;
    }
    outcome?;
    Ok((StatusCode::ACCEPTED, Json(ResendAnswer { campaign_id: id, resent })))
}

/// Only what failed may be sent again.
fn resendable(statuses: &[DeliveryStatus]) -> Answer<()> {
    const RULE: &str = "must be `failed`, `dead` or `unknown`";
    if statuses.is_empty() {
        return Err(Problem::invalid_field("status", "required", format!("name at least one; each {RULE}")).into());
    }
    let wrong = statuses.iter().enumerate().filter(|(_, status)| !RESENDABLE.contains(status));
    let errors: Vec<FieldProblem> = wrong
        .map(|(index, _)| FieldProblem {
            field: format!("status[{index}]"),
            code: "invalid".into(),
            message: RULE.into(),
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors).into()) }
}

/// One resend of a campaign.
struct Walk<'a, S, Q> {
    hub: &'a Hub<S, Q>,
    scope: &'a TenantScope,
    campaign: &'a CampaignId,
    statuses: &'a [DeliveryStatus],
    now: Timestamp,
}

impl<S: Store, Q: Queues> Walk<'_, S, Q> {
    /// Moves and queues everything that qualifies, page by page, and counts it in `resent`.
    async fn run(&self, resent: &mut usize) -> Result<(), Failed> {
        let mut cursor = None;
        loop {
            let page = self.hub.store.bundles(self.scope, self.campaign, cursor.as_deref(), PAGE).await?;
            let moved: Vec<Result<Option<Bundle>, StoreError>> = stream::iter(page.items)
                .filter(|bundle| std::future::ready(self.qualifies(bundle)))
                .map(|bundle| self.move_on(bundle))
                .buffer_unordered(AT_ONCE)
                .collect()
                .await;
            let mut fault = None;
            let mut next = Vec::new();
            for result in moved {
                match result {
                    Ok(bundle) => next.extend(bundle),
                    Err(error) => fault = Some(error),
                }
            }
            *resent += next.iter().map(|bundle| bundle.members.len()).sum::<usize>();
            for channel in Channel::ALL {
                let of_channel: Vec<Bundle> = next.extract_if(.., |bundle| bundle.channel == channel).collect();
                // What does not get through is in the index of what is due: the sweeper queues it.
                dispatch::queue_all(&self.hub.queues, self.scope, &of_channel, 0).await;
            }
            if let Some(error) = fault {
                return Err(error.into());
            }
            cursor = page.next;
            if cursor.is_none() {
                return Ok(());
            }
            if self.hub.clock.now().since_ms(self.now) > WORK_MS {
                return Err(unfinished(*resent));
            }
        }
    }

    /// Whether a bundle is old enough to have been meant and young enough to be sent again. A generation that began
    /// after this walk did may hold what the walk itself moved, and failed again meanwhile.
    fn qualifies(&self, bundle: &Bundle) -> bool {
        let settled_at = bundle.finished_at.unwrap_or(bundle.created_at);
        let meant = bundle.id.generation == 0 || bundle.created_at < self.now;
        meant && self.now.since_ms(settled_at) <= RESEND_WINDOW_MS
    }

    /// Moves a bundle's failed members into its next generation, which is returned. When somebody else resends the
    /// bundle at the same time, what they left over is read anew.
    async fn move_on(&self, mut bundle: Bundle) -> Result<Option<Bundle>, StoreError> {
        for _ in 0..TRIES {
            let Some(next) = bundle.resend(self.statuses, self.now) else { return Ok(None) };
            match self.hub.store.resend(self.scope, &bundle, &next).await {
                Ok(()) => return Ok(Some(next)),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
            let origin = BundleId { generation: 0, ..bundle.id.clone() };
            let stored = self.hub.store.generations(self.scope, self.campaign, &origin).await?;
            match stored.into_iter().find(|stored| stored.id == bundle.id) {
                Some(stored) => bundle = stored,
                None => return Ok(None),
            }
        }
        tracing::warn!(bundle = %bundle.id, "not resent: it is being resent by others all the time");
        Ok(None)
    }
}

/// A large campaign takes several requests: each goes on where the one before stopped.
fn unfinished(resent: usize) -> Failed {
    let detail = format!("{resent} deliveries were queued again and more are left. Send the same request once more.");
    Problem::new(ProblemKind::Unavailable, detail).retry_after(1).into()
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, dead, failed, sent, unknown};
    use axum::http::Method;
    use domain::{bundle::RESEND_WINDOW_MS, time::HOUR_MS};
    use runtime::queue::Fault;
    use serde_json::{Value, json};
    use store::{Audit, StoreError};

    /// a was sent, b failed, c died, d is unknown; and so with a request of one.
    async fn mixed() -> Stage {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b", "c", "d"]).await;
        stage.send("spring", &["b-alone"]).await;
        let outcome = |user: &str| match user.chars().next() {
            Some('a') => sent(),
            Some('b') => failed(),
            Some('c') => dead(),
            _ => unknown(),
        };
        // Retries are used up after a while.
        for _ in 0..7 {
            stage.attempt_all(outcome).await;
            stage.clock.advance_ms(3 * HOUR_MS);
        }
        let totals = totals(&stage).await;
        let shown = (&totals["sent"], &totals["failed"], &totals["dead"], &totals["unknown"], &totals["settled"]);
        assert_eq!(shown, (&1.into(), &2.into(), &1.into(), &1.into(), &true.into()));
        stage
    }

    async fn totals(stage: &Stage) -> Value {
        stage.get("/v1/campaigns/spring").await.body["totals"].clone()
    }

    async fn resend(stage: &Stage, body: Value) -> runtime::testing::Answered {
        stage.call(Method::POST, "/v1/campaigns/spring/resend", body).await
    }

    async fn trail(stage: &Stage) -> Vec<String> {
        let records = stage.store.audit(&stage.scope, None, 200).await.unwrap().items;
        let told = records.into_iter().map(|record| format!("{}: {}", record.action, record.detail));
        told.filter(|told| told.starts_with("campaign.")).collect()
    }

    #[tokio::test]
    async fn only_what_failed_goes_again_and_never_what_was_sent() {
        let stage = mixed().await;
        let answer = resend(&stage, json!({})).await;
        assert_eq!((answer.status, &answer.body["resent"]), (202, &3.into()), "{}", answer.body);
        let sent_again = stage.deliver_all_to().await;
        assert_eq!(sent_again, ["b", "b-alone", "c"]);
        let totals = totals(&stage).await;
        assert_eq!((&totals["sent"], &totals["unknown"], &totals["total"]), (&4.into(), &1.into(), &5.into()));
        let again = resend(&stage, json!({})).await;
        assert_eq!(again.body["resent"], 0, "a repeat finds nothing");
    }

    #[tokio::test]
    async fn the_unknown_go_only_when_asked_for() {
        let stage = mixed().await;
        assert_eq!(resend(&stage, json!({"status": ["unknown"]})).await.body["resent"], 1);
        assert_eq!(stage.deliver_all_to().await, ["d"]);
    }

    #[tokio::test]
    async fn it_is_in_the_audit_trail_with_its_count_once() {
        let stage = mixed().await;
        resend(&stage, json!({"status": ["failed"]})).await;
        resend(&stage, json!({"status": ["failed"]})).await;
        assert_eq!(trail(&stage).await, ["campaign.resent: 2 deliveries: failed"]);
    }

    #[tokio::test]
    async fn other_statuses_are_refused_with_the_field() {
        let stage = mixed().await;
        for (body, field) in [
            (json!({"status": ["failed", "sent"]}), "status[1]"),
            (json!({"status": ["queued"]}), "status[0]"),
            (json!({"status": []}), "status"),
            (json!({"status": ["lost"]}), "status[0]"),
        ] {
            let answer = resend(&stage, body.clone()).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &field.into()), "{}", answer.body);
        }
        assert_eq!(totals(&stage).await["queued"], 0);
    }

    #[tokio::test]
    async fn what_failed_too_long_ago_stays_where_it_is() {
        let stage = mixed().await;
        stage.clock.advance_ms(RESEND_WINDOW_MS + 1);
        assert_eq!(resend(&stage, json!({})).await.body["resent"], 0);
    }

    #[tokio::test]
    async fn a_resend_whose_queueing_fails_is_accepted_and_due_for_the_sweeper() {
        let stage = mixed().await;
        stage.queues.drain();
        for _ in 0..5 {
            stage.queues.order(Fault::Away);
        }
        assert_eq!(resend(&stage, json!({})).await.status, 202);
        assert!(stage.queues.drain().is_empty());
        let later = stage.clock_now().plus_ms(store::REPAIR_AFTER_MS);
        assert_eq!(store::Bundles::due(&*stage.store, later, 10).await.unwrap().len(), 3);
    }

    #[tokio::test]
    async fn a_bundle_that_somebody_else_resends_at_the_same_time_goes_once() {
        let stage = mixed().await;
        let (one, other) = tokio::join!(resend(&stage, json!({})), resend(&stage, json!({})));
        let resent = |answer: &runtime::testing::Answered| answer.body["resent"].as_u64().unwrap();
        assert_eq!(resent(&one) + resent(&other), 3);
        assert_eq!(stage.deliver_all_to().await, ["b", "b-alone", "c"]);
    }

    #[tokio::test]
    async fn a_fault_on_the_way_is_a_503_that_may_be_repeated_and_what_went_is_told_of() {
        let stage = mixed().await;
        stage.store.fail_next("resend", StoreError::Unavailable("throttled".into()));
        let answer = resend(&stage, json!({})).await;
        assert_eq!(answer.status, 503);
        assert_eq!(trail(&stage).await.len(), 1);
        assert_eq!(resend(&stage, json!({})).await.status, 202);
        assert_eq!(stage.deliver_all_to().await, ["b", "b-alone", "c"]);
    }
}
