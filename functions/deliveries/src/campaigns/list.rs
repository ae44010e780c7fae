//! `GET /v1/campaigns`: a tenant's campaigns by their ids. Without totals, which would cost a walk over each.

use crate::handler::Hub;
use api::{
    campaigns::CampaignView,
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::principal::Scope;
use runtime::{
    caller::Auth,
    http::{Answer, Json, Query},
    queue::Queues,
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn list<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Query(query): Query<PageQuery>,
) -> Answer<Json<List<CampaignView>>> {
    let caller = auth.require(Scope::CampaignsRead)?;
    let page = hub.store.campaigns(&caller.scope, query.cursor.as_deref(), query.limit()).await?;
    let items = page.items.iter().map(|campaign| CampaignView::new(campaign, None)).collect();
    Ok(Json(List { items, next: page.next }))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;

    #[tokio::test]
    async fn campaigns_are_listed_page_by_page() {
        let stage = Stage::new();
        for id in ["autumn", "spring", "summer"] {
            stage.campaign(id).await;
        }
        let first = stage.get("/v1/campaigns?limit=2").await.body;
        assert_eq!((&first["items"][0]["id"], &first["items"][1]["id"]), (&"autumn".into(), &"spring".into()));
        assert!(first["items"][0].get("totals").is_none());
        let next = first["next"].as_str().unwrap();
        let second = stage.get(&format!("/v1/campaigns?limit=2&cursor={next}")).await.body;
        assert_eq!(second["items"][0]["id"], "summer");
        assert!(second["next"].is_null());
    }
}
