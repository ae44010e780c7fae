//! The routes of this function, and what their handlers share. One file per verb.

use crate::{campaigns, deliveries, resend, switch};
use api::problem::Problem;
use axum::{
    Router,
    routing::{get, post},
};
use domain::{campaign::Campaign, ids::CampaignId, tenant::TenantScope, time::Clock};
use runtime::{http::Failed, lazy::Lazy, queue::Queues};
use std::sync::Arc;
use store::Store;

/// What the handlers work with.
pub struct Hub<S, Q> {
    /// Campaigns and deliveries.
    pub store: Lazy<S>,
    /// Where what is sent again, or goes on, is queued.
    pub queues: Q,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl<S: Store, Q: Queues> Hub<S, Q> {
    /// The caller's campaign of this name; otherwise 404, whether it is unknown or another tenant's.
    pub(crate) async fn campaign(&self, scope: &TenantScope, id: &CampaignId) -> Result<Campaign, Failed> {
        Ok(self.store.campaign(scope, id).await?.ok_or_else(|| Problem::not_found("campaign"))?)
    }
}

/// The routes of this function.
pub fn router<S, Q>(hub: Arc<Hub<S, Q>>) -> Router
where
    S: Store + 'static,
    Q: Queues + 'static,
{
    Router::new()
        .route("/v1/campaigns", get(campaigns::list::list::<S, Q>))
        .route("/v1/campaigns/{id}", get(campaigns::read::read::<S, Q>))
        .route("/v1/campaigns/{id}/deliveries", get(deliveries::list::list::<S, Q>))
        .route("/v1/campaigns/{id}/deliveries/{delivery_id}", get(deliveries::read::read::<S, Q>))
        .route("/v1/campaigns/{id}/errors.csv", get(deliveries::errors_csv::errors_csv::<S, Q>))
        .route("/v1/campaigns/{id}/simulations", get(campaigns::simulations::list::<S, Q>))
        .route("/v1/campaigns/{id}/resend", post(resend::resend::<S, Q>))
        .route("/v1/campaigns/{id}/pause", post(switch::pause::<S, Q>))
        .route("/v1/campaigns/{id}/resume", post(switch::resume::<S, Q>))
        .route("/v1/campaigns/{id}/cancel", post(switch::cancel::<S, Q>))
        .with_state(hub)
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use api::routes::{Access, ROUTES};
    use axum::http::Method;
    use runtime::{caller::Context, testing};
    use serde_json::{Value, json};

    fn own_routes() -> impl Iterator<Item = (Method, String, Access)> {
        let own = ROUTES.iter().filter(|route| route.function == "deliveries");
        own.map(|route| {
            let path = route.path.replace("{id}", "spring").replace("{delivery_id}", "dlv_01JD0000000000000000000000");
            (route.method.parse().unwrap(), path, route.access)
        })
    }

    #[tokio::test]
    async fn every_route_of_the_list_is_answered_and_asks_for_its_scope() {
        let stage = Stage::new();
        let mut count = 0;
        for (method, path, access) in own_routes() {
            let Access::Scope(scope) = access else { panic!("{path} has no scope") };
            let body = if path.ends_with("/resend") { json!({}) } else { Value::Null };
            let as_others = stage.call_with("keys:read", method.clone(), &path, body.clone()).await;
            assert_eq!(as_others.status, 403, "{method} {path}: {}", as_others.body);
            assert!(as_others.body["detail"].as_str().unwrap().contains(scope.as_str()), "{method} {path}");
            let nobody = Context::default();
            let answer = testing::call(&stage.app, &nobody, method.clone(), &path, body).await;
            assert_eq!(answer.status, 401, "{method} {path}");
            count += 1;
        }
        assert_eq!(count, 10);
    }

    #[tokio::test]
    async fn unknown_and_foreign_campaigns_are_404_and_nothing_changes() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let delivery = stage.send("spring", &["u1"]).await.remove(0);
        let foreign = stage.of_tenant("globex");
        for (method, path, _) in own_routes().filter(|(_, path, _)| path != "/v1/campaigns") {
            let path = path.replace("dlv_01JD0000000000000000000000", &delivery.to_string());
            let body = if path.ends_with("/resend") { json!({}) } else { Value::Null };
            let answer = foreign.call(method.clone(), &path, body).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.body);
        }
        assert_eq!(foreign.get("/v1/campaigns").await.body["items"], json!([]));
        assert_eq!(stage.get("/v1/campaigns/spring").await.body["state"], "active");
        assert_eq!(stage.get("/v1/campaigns/spring").await.body["totals"]["queued"], 1);
    }
}
