//! `GET /v1/campaigns/{id}/simulations`: where a campaign's phishing simulations stand.

use crate::handler::Hub;
use api::{
    campaigns::SimulationView,
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{ids::CampaignId, principal::Scope};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
    queue::Queues,
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn list<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
    Query(query): Query<PageQuery>,
) -> Answer<Json<List<SimulationView>>> {
    let caller = auth.require(Scope::CampaignsRead)?;
    hub.campaign(&caller.scope, &id).await?;
    let page = hub.store.simulations(&caller.scope, &id, query.cursor.as_deref(), query.limit()).await?;
    Ok(Json(List { items: page.items.into_iter().map(SimulationView::from).collect(), next: page.next }))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use domain::{
        bundle::{BundleId, Cause},
        feedback::FeedbackKind,
        ids::{IntegrationId, RequestId},
        simulation::{Simulation, SimulationStatus},
    };
    use runtime::testing::START;
    use serde_json::json;
    use std::collections::BTreeMap;
    use store::Simulations;

    #[tokio::test]
    async fn a_campaigns_simulations_are_shown_with_what_is_wrong() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        assert_eq!(stage.get("/v1/campaigns/spring/simulations").await.body, json!({"items": [], "next": null}));
        let simulation = Simulation {
            campaign: "spring".parse().unwrap(),
            origin: BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
            integration: IntegrationId::generate(),
            label: "Parcel [1]".into(),
            provider_id: Some("s-1".into()),
            operation: None,
            status: SimulationStatus::Failed,
            targets: 2,
            counts: BTreeMap::from([(FeedbackKind::Delivered, 2)]),
            report_digest: String::new(),
            problem: Some(Cause { code: "m365_simulation_failed".into(), detail: "no".into() }),
            failures: 0,
            launch_at: START,
            duration_days: 7,
            sandbox: false,
            created_at: START,
            updated_at: START,
            next_look: None,
            rev: 1,
        };
        stage.store.begin_simulation(&crate::stage::scope_of("acme"), &simulation).await.unwrap();
        let shown = stage.get("/v1/campaigns/spring/simulations").await.body;
        let shown = &shown["items"][0];
        assert_eq!((&shown["id"], &shown["status"], &shown["targets"]), (&json!("s-1"), &json!("failed"), &json!(2)));
        assert_eq!((&shown["counts"], &shown["next_look_at"]), (&json!({"delivered": 2}), &json!(null)));
        assert!(!shown["error"]["fix_ar"].as_str().unwrap().is_empty());
    }
}
