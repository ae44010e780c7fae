//! `GET /v1/campaigns/{id}/deliveries/{delivery_id}`: one delivery with all its attempts, whatever bundle they were in.

use super::view;
use crate::handler::Hub;
use api::{campaigns::DeliveryView, problem::Problem};
use axum::extract::State;
use domain::{
    bundle::{Bundle, BundleId},
    ids::{CampaignId, DeliveryId},
    principal::Scope,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    queue::Queues,
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn read<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path((campaign, id)): Path<(CampaignId, DeliveryId)>,
) -> Answer<Json<DeliveryView>> {
    let caller = auth.require(Scope::CampaignsRead)?;
    let origin = BundleId::origin_of(&id);
    let member = id.place.map_or(0, |place| place.member);
    let (generations, payload, mut feedback) = futures::future::try_join3(
        hub.store.generations(&caller.scope, &campaign, &origin),
        hub.store.payload(&caller.scope, &campaign, &origin),
        hub.store.feedback_of(&caller.scope, &campaign, std::slice::from_ref(&origin)),
    )
    .await?;
    let generations: Vec<&Bundle> = generations.iter().collect();
    let recipient = payload.as_ref().and_then(|payload| payload.recipients.get(usize::from(member)));
    let found = recipient.and_then(|recipient| view::whole(&generations, member, recipient));
    feedback.retain(|feedback| feedback.delivery == id);
    let found = found.map(|found| DeliveryView { feedback: view::feedback(&feedback), ..found });
    Ok(Json(found.ok_or_else(|| Problem::not_found("delivery"))?))
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, failed, sent, transient};
    use domain::{
        channel::Channel,
        feedback::{Feedback, FeedbackKind},
        ids::{DeliveryId, IntegrationId},
        time::HOUR_MS,
    };
    use runtime::testing::START;
    use serde_json::json;
    use store::Feedbacks as _;

    #[tokio::test]
    async fn one_delivery_tells_its_whole_story_in_order() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let ids = stage.send("spring", &["a", "b"]).await;
        for outcome in [transient(), failed()] {
            stage.attempt_all(|user| if user == "a" { sent() } else { outcome.clone() }).await;
            stage.clock.advance_ms(HOUR_MS);
        }
        stage.post("/v1/campaigns/spring/resend", json!({})).await;
        stage.attempt_all(|_| sent()).await;
        let path = |id: &DeliveryId| format!("/v1/campaigns/spring/deliveries/{id}");
        let told = stage.get(&path(&ids[1])).await.body;
        assert_eq!((&told["status"], &told["provider_message_id"]), (&"sent".into(), &"msg-b".into()));
        let attempts: Vec<_> =
            told["attempts"].as_array().unwrap().iter().map(|it| (&it["number"], &it["result"])).collect();
        assert_eq!(
            attempts,
            [(&json!(1), &json!("retrying")), (&json!(2), &json!("failed")), (&json!(1), &json!("sent"))]
        );
        assert_eq!(told["attempts"][1]["code"], "smtp_recipient_refused");
        assert_eq!(told["attempts"][1]["detail"], "550 no such user");
        assert_eq!(told["attempts"][1]["reason"], "The mail server refused the recipient for good.");
        assert_eq!(told["attempts"][1]["reason_ar"], "رفض خادم البريد المستلم نهائيًا.");
        assert_eq!(told["attempts"][2]["reason"], json!(null));
        assert_eq!(stage.get(&path(&ids[0])).await.body["attempts"].as_array().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn each_attempt_says_through_which_integration_it_went() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let id = stage.send("spring", &["a"]).await.remove(0);
        let other = domain::ids::IntegrationId::generate();
        stage.attempt_next(|_| transient()).await;
        stage.clock.advance_ms(HOUR_MS);
        stage.move_next_to(&other).await;
        stage.clock.advance_ms(HOUR_MS);
        stage.attempt_next(|_| sent()).await;
        let told = stage.get(&format!("/v1/campaigns/spring/deliveries/{id}")).await.body;
        let through: Vec<_> = told["attempts"].as_array().unwrap().iter().map(|it| &it["integration_id"]).collect();
        assert_eq!(through, [&json!(stage.integration), &json!(other)]);
        assert_eq!((&told["integration_id"], &told["status"]), (&json!(other), &json!("sent")));
    }

    #[tokio::test]
    async fn a_failure_is_explained_in_the_providers_words_and_in_two_languages() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let id = stage.send("spring", &["alone"]).await.remove(0);
        stage.attempt_all(|_| failed()).await;
        let error = stage.get(&format!("/v1/campaigns/spring/deliveries/{id}")).await.body["error"].clone();
        assert_eq!(error["detail"], "550 no such user");
        assert_eq!(error["reason"], "The mail server refused the recipient for good.");
        assert_eq!(error["reason_ar"], "رفض خادم البريد المستلم نهائيًا.");
        assert_eq!(error["fix"], "Correct or remove the recipient's address.");
    }

    #[tokio::test]
    async fn what_came_back_is_shown_with_the_delivery_in_the_list_and_in_the_campaign() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let ids = stage.send("spring", &["a", "b"]).await;
        stage.attempt_all(|_| sent()).await;
        let report = |kind, ms, detail: &str| Feedback {
            campaign: "spring".parse().unwrap(),
            delivery: ids[1].clone(),
            kind,
            at: START.plus_ms(ms),
            detail: detail.to_owned(),
        };
        let reports = [report(FeedbackKind::Opened, 9, ""), report(FeedbackKind::SoftBounced, 5, "later")];
        let reporter = store::Reporter { integration: IntegrationId::generate(), channel: Channel::Email };
        stage.store.record_feedback(&stage.scope, &reporter, &reports, START).await.unwrap();
        let expected = json!([
            {"kind": "soft_bounced", "at": START.plus_ms(5).to_rfc3339(), "detail": "later"},
            {"kind": "opened", "at": START.plus_ms(9).to_rfc3339(), "detail": ""},
        ]);
        assert_eq!(stage.get(&format!("/v1/campaigns/spring/deliveries/{}", ids[1])).await.body["feedback"], expected);
        let listed = stage.get("/v1/campaigns/spring/deliveries").await.body;
        assert_eq!((&listed["items"][0]["feedback"], &listed["items"][1]["feedback"]), (&json!(null), &expected));
        let campaign = stage.get("/v1/campaigns/spring").await.body;
        assert_eq!(campaign["feedback"], json!({"soft_bounced": 1, "opened": 1}));
    }

    #[tokio::test]
    async fn what_is_no_delivery_of_this_campaign_is_404() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.campaign("autumn").await;
        let id = stage.send("spring", &["a", "b"]).await.remove(0);
        let beyond =
            DeliveryId { place: id.place.map(|place| domain::ids::Place { member: 7, ..place }), ..id.clone() };
        for path in [
            format!("/v1/campaigns/autumn/deliveries/{id}"),
            format!("/v1/campaigns/spring/deliveries/{beyond}"),
            "/v1/campaigns/spring/deliveries/dlv_01JD0000000000000000000000".into(),
            "/v1/campaigns/spring/deliveries/nonsense".into(),
        ] {
            let answer = stage.get(&path).await;
            assert_eq!((answer.status, &answer.body["code"]), (404, &"not_found".into()), "{path}");
        }
    }
}
