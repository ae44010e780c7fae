//! `GET /v1/campaigns/{id}/deliveries`: deliveries in pages, each delivery once, each with its newest attempt.

use super::{view, walk};
use crate::handler::Hub;
use api::{
    campaigns::DeliveryView,
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{bundle::DeliveryStatus, ids::CampaignId, principal::Scope};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
    queue::Queues,
};
use serde::Deserialize;
use std::sync::Arc;
use store::Store;
use walk::Position;

/// Which deliveries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    limit: Option<usize>,
    cursor: Option<String>,
    status: Option<DeliveryStatus>,
}

pub(crate) async fn list<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
    Query(Which { limit, cursor, status }): Query<Which>,
) -> Answer<Json<List<DeliveryView>>> {
    let caller = auth.require(Scope::CampaignsRead)?;
    let from = Position::decode(cursor.as_deref())?;
    hub.campaign(&caller.scope, &id).await?;
    let limit = PageQuery { limit, cursor: None }.limit();
    let taken =
        walk::take(&*hub.store, &caller.scope, &id, status.as_ref().map(std::slice::from_ref), limit, from).await?;
    let items = view::newest(&*hub.store, &caller.scope, &id, &taken.parts).await?;
    Ok(Json(List { items, next: taken.next.map(|next| next.encode()) }))
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, failed, sent, transient};
    use domain::time::{MINUTE_MS, Timestamp};
    use runtime::testing::START;

    #[tokio::test]
    async fn a_retried_delivery_shows_its_newest_attempt_and_when_it_was_accepted() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b"]).await;
        stage.attempt_all(|user| if user == "a" { sent() } else { transient() }).await;
        stage.clock.advance_ms(MINUTE_MS);
        let body = stage.get("/v1/campaigns/spring/deliveries").await.body;
        let (a, b) = (&body["items"][0], &body["items"][1]);
        assert_eq!((&a["user_id"], &a["status"], &a["error"]), (&"a".into(), &"sent".into(), &().into()));
        assert_eq!(a["provider_message_id"], "msg-a");
        assert_eq!((&b["user_id"], &b["status"]), (&"b".into(), &"retrying".into()));
        assert_eq!((&b["attempts"][0]["result"], &b["attempts"][0]["number"]), (&"retrying".into(), &1.into()));
        assert_eq!(b["error"]["code"], "smtp_try_later");
        assert_eq!(b["error"]["detail"], "451 later");
        assert_eq!(b["created_at"], START.to_rfc3339());
        stage.attempt_all(|_| failed()).await;
        let body = stage.get("/v1/campaigns/spring/deliveries?status=failed").await.body;
        let b = &body["items"][0];
        assert_eq!(body["items"].as_array().unwrap().len(), 1);
        assert_eq!((&b["user_id"], b["attempts"].as_array().unwrap().len()), (&"b".into(), 1));
        assert_eq!((&b["attempts"][0]["result"], &b["attempts"][0]["number"]), (&"failed".into(), &2.into()));
        assert_eq!(b["created_at"], START.to_rfc3339());
        assert_eq!(b["updated_at"], Timestamp(START.0 + MINUTE_MS).to_rfc3339());
    }

    #[tokio::test]
    async fn a_wrong_status_or_cursor_names_the_parameter() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        for (query, field) in [("status=lost", "status"), ("cursor=%21", "cursor"), ("limit=many", "limit")] {
            let answer = stage.get(&format!("/v1/campaigns/spring/deliveries?{query}")).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &field.into()), "{}", answer.body);
        }
    }
}
