//! `POST /v1/campaigns/{id}/pause|resume|cancel`: the switch of a campaign.
//!
//! Senders look at it before every bundle. What is on its way when a campaign is paused is held, one bundle at a time, as
//! it comes up; resuming lets all of it go again, so a pause loses nothing. After a cancel, too, what was held goes back
//! to its queue: the sender cancels it there, so that there is one place where a bundle is cancelled.

use crate::handler::Hub;
use api::{
    campaigns::CampaignView,
    problem::{Problem, ProblemKind},
};
use axum::extract::State;
use domain::{
    audit::AuditEntry,
    campaign::{Campaign, CampaignState},
    ids::CampaignId,
    principal::{Caller, Scope},
    tenant::TenantScope,
};
use runtime::{
    caller::Auth,
    http::{Answer, Failed, Json, Path},
    queue::Queues,
};
use std::{sync::Arc, time::Duration};
use store::{HeldFor, Store, StoreError};

/// How often the state is read anew when somebody else turns the switch at the same time.
const TRIES: u32 = 3;

/// How long a request lets go of what was held before it leaves the rest to the sweeper.
const RELEASE_FOR: Duration = Duration::from_secs(10);

pub(crate) async fn pause<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
) -> Answer<Json<CampaignView>> {
    turn(&hub, &auth.require(Scope::CampaignsSend)?, &id, CampaignState::Paused).await
}

pub(crate) async fn resume<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
) -> Answer<Json<CampaignView>> {
    let caller = auth.require(Scope::CampaignsSend)?;
    let view = turn(&hub, &caller, &id, CampaignState::Active).await?;
    release(&hub, &caller.scope, &id).await;
    Ok(view)
}

pub(crate) async fn cancel<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
) -> Answer<Json<CampaignView>> {
    let caller = auth.require(Scope::CampaignsSend)?;
    let view = turn(&hub, &caller, &id, CampaignState::Cancelled).await?;
    release(&hub, &caller.scope, &id).await;
    Ok(view)
}

/// Turns the switch to `to`. It may stand there already; only from `cancelled` there is no way back.
async fn turn<S: Store, Q: Queues>(
    hub: &Hub<S, Q>,
    caller: &Caller,
    id: &CampaignId,
    to: CampaignState,
) -> Answer<Json<CampaignView>> {
    for _ in 0..TRIES {
        let campaign = hub.campaign(&caller.scope, id).await?;
        if campaign.state == to {
            return Ok(Json(CampaignView::new(&campaign, None)));
        }
        if campaign.state == CampaignState::Cancelled {
            return Err(cancelled());
        }
        let audit = AuditEntry {
            principal: caller.principal.clone(),
            action: action(to),
            target: id.to_string(),
            detail: format!("{} -> {}", campaign.state.as_str(), to.as_str()),
            at: hub.clock.now(),
        };
        match hub.store.set_campaign_state(&caller.scope, id, campaign.state, to, &audit).await {
            Ok(()) => {
                let campaign = Campaign { state: to, updated_at: audit.at, ..campaign };
                return Ok(Json(CampaignView::new(&campaign, None)));
            }
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(StoreError::Conflict.into())
}

/// What every later action on a cancelled campaign is told.
pub(crate) fn cancelled() -> Failed {
    Problem::new(ProblemKind::Conflict, "The campaign was cancelled, which is final. Send in a new campaign.").into()
}

const fn action(to: CampaignState) -> &'static str {
    match to {
        CampaignState::Active => "campaign.resumed",
        CampaignState::Paused => "campaign.paused",
        CampaignState::Cancelled => "campaign.cancelled",
    }
}

/// Lets go of what was held, now rather than at the next sweep. The release marker that came with the change of state
/// makes the sweeper do whatever fails here or is left over.
async fn release<S: Store, Q: Queues>(hub: &Hub<S, Q>, scope: &TenantScope, id: &CampaignId) {
    let held_for = HeldFor::Campaign(id.clone());
    let all = hub::release::all(&*hub.store, &hub.queues, scope, &held_for, hub.clock.now());
    match tokio::time::timeout(RELEASE_FOR, all).await {
        Ok(Ok(released)) => tracing::debug!(released, campaign = %id, "released"),
        Ok(Err(error)) => tracing::warn!(%error, campaign = %id, "not all was released; the sweeper will"),
        Err(_) => tracing::info!(campaign = %id, "much was held; the sweeper releases the rest"),
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use domain::time::SECOND_MS;
    use serde_json::{Value, json};
    use store::{Audit, StoreError};

    async fn actions(stage: &Stage) -> Vec<String> {
        let page = stage.store.audit(&stage.scope, None, 200).await.unwrap();
        page.items.into_iter().map(|record| record.action).filter(|action| action.starts_with("campaign.")).collect()
    }

    async fn totals(stage: &Stage) -> Value {
        stage.get("/v1/campaigns/spring").await.body["totals"].clone()
    }

    #[tokio::test]
    async fn each_position_may_be_asked_for_twice_and_is_told_of_once() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        for (verb, state) in [("pause", "paused"), ("resume", "active"), ("pause", "paused"), ("cancel", "cancelled")] {
            for _ in 0..2 {
                let answer = stage.post(&format!("/v1/campaigns/spring/{verb}"), Value::Null).await;
                assert_eq!((answer.status, &answer.body["state"]), (200, &state.into()), "{verb}");
            }
        }
        let expected = ["campaign.paused", "campaign.resumed", "campaign.paused", "campaign.cancelled"];
        assert_eq!(actions(&stage).await, expected);
    }

    #[tokio::test]
    async fn cancelled_is_final() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.post("/v1/campaigns/spring/cancel", Value::Null).await;
        for verb in ["pause", "resume", "resend"] {
            let answer = stage.post(&format!("/v1/campaigns/spring/{verb}"), json!({})).await;
            assert_eq!((answer.status, &answer.body["code"]), (409, &"conflict".into()), "{verb}");
        }
    }

    /// Row 16 of the fault matrix.
    #[tokio::test]
    async fn what_a_pause_holds_goes_on_after_the_resume_and_nothing_is_lost() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b"]).await;
        stage.send("spring", &["alone"]).await;
        stage.post("/v1/campaigns/spring/pause", Value::Null).await;
        assert_eq!(stage.deliver_all().await, 0, "nothing is sent while it is paused");
        assert_eq!(totals(&stage).await["held"], 3);
        stage.clock.advance_ms(60 * SECOND_MS);
        stage.post("/v1/campaigns/spring/resume", Value::Null).await;
        assert_eq!(stage.deliver_all().await, 3);
        assert_eq!((&totals(&stage).await["sent"], &totals(&stage).await["total"]), (&3.into(), &3.into()));
    }

    /// Row 16 of the fault matrix.
    #[tokio::test]
    async fn what_is_held_when_a_campaign_is_cancelled_is_cancelled_and_never_sent() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b"]).await;
        stage.post("/v1/campaigns/spring/pause", Value::Null).await;
        stage.deliver_all().await;
        stage.send("spring", &["late"]).await;
        stage.clock.advance_ms(60 * SECOND_MS);
        stage.post("/v1/campaigns/spring/cancel", Value::Null).await;
        assert_eq!(stage.deliver_all().await, 0);
        assert_eq!((&totals(&stage).await["cancelled"], &totals(&stage).await["settled"]), (&3.into(), &true.into()));
    }

    #[tokio::test]
    async fn a_release_that_fails_is_left_to_the_sweeper_and_the_switch_is_turned_all_the_same() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b"]).await;
        stage.post("/v1/campaigns/spring/pause", Value::Null).await;
        stage.deliver_all().await;
        stage.store.fail_next("held", StoreError::Unavailable("throttled".into()));
        let answer = stage.post("/v1/campaigns/spring/resume", Value::Null).await;
        assert_eq!((answer.status, &answer.body["state"]), (200, &"active".into()));
        assert_eq!(totals(&stage).await["held"], 2);
        assert_eq!(store::Bundles::releases_due(&*stage.store, stage.clock_now(), 10).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_switch_that_somebody_else_turns_first_is_read_anew() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.store.fail_next("set_campaign_state", StoreError::Conflict);
        let answer = stage.post("/v1/campaigns/spring/pause", Value::Null).await;
        assert_eq!((answer.status, &answer.body["state"]), (200, &"paused".into()));
    }
}
