//! Which handler answers which route.

use crate::{
    audit, catalog,
    hub::{Hub, Place},
    integrations, openapi, previews, settings, templates,
};
use axum::{
    Router,
    routing::{get, post, put},
};
use std::sync::Arc;

/// The routes of this function.
pub fn router<P: Place>(hub: Arc<Hub<P>>) -> Router {
    use integrations::{change, create, delete, dry_run, enable, health, probe, read, secrets, summary, test, usage};
    Router::new()
        .route("/v1/openapi.json", get(openapi::document))
        .route("/v1/catalog", get(catalog::list))
        .route("/v1/integrations", get(read::list::<P>).post(create::create::<P>))
        .route("/v1/integrations/test", post(test::unsaved::<P>))
        .route("/v1/integrations/test-all", post(test::all::<P>))
        .route("/v1/integrations/summary", get(summary::summary::<P>))
        .route("/v1/integrations/{id}", get(read::one::<P>).patch(change::change::<P>).delete(delete::delete::<P>))
        .route("/v1/integrations/{id}/test", post(test::saved::<P>))
        .route("/v1/integrations/{id}/dry-run", post(dry_run::dry_run::<P>))
        .route("/v1/integrations/{id}/enable", post(enable::enable::<P>))
        .route("/v1/integrations/{id}/disable", post(enable::disable::<P>))
        .route("/v1/integrations/{id}/secrets", get(secrets::log::<P>).put(secrets::rotate::<P>))
        .route("/v1/integrations/{id}/probe", put(probe::set_interval::<P>))
        .route("/v1/integrations/{id}/health", get(health::figures::<P>))
        .route("/v1/integrations/{id}/health/log", get(health::log::<P>))
        .route("/v1/integrations/{id}/usage", get(usage::usage::<P>))
        .route("/v1/settings", get(settings::read::<P>).patch(settings::change::<P>))
        .route("/v1/templates", get(templates::list::<P>).post(templates::create::<P>))
        .route(
            "/v1/templates/{id}",
            get(templates::read::<P>).put(templates::replace::<P>).delete(templates::delete::<P>),
        )
        .route("/v1/template-previews", post(previews::preview::<P>))
        .route("/v1/audit", get(audit::list::<P>))
        .route("/v1/audit/verify", get(audit::verify::<P>))
        .with_state(hub)
}

#[cfg(test)]
mod tests {
    use crate::stage::{CANARY, Stage, acme, slack_body};
    use api::routes::{Access, ROUTES, Route};
    use axum::http::Method;
    use runtime::{
        caller::Context,
        testing::{Answered, call, key_of},
    };
    use serde_json::{Value, json};
    use store::Settings;

    fn routes() -> impl Iterator<Item = &'static Route> {
        ROUTES.iter().filter(|route| route.function == "configure")
    }

    async fn ask(stage: &Stage, caller: &Context, route: &Route, path: &str, body: Value) -> Answered {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        call(&stage.app, caller, method, path, body).await
    }

    #[tokio::test]
    async fn every_route_is_answered_and_asks_for_the_scope_that_the_list_says() {
        let stage = Stage::new().await;
        let nobody = Context::default();
        let powerless = key_of("acme", "");
        for route in routes() {
            let path = route.path.replace("{id}", "int_01JD0000000000000000000000");
            let expected = if route.access == Access::Public { 200 } else { 401 };
            assert_eq!(ask(&stage, &nobody, route, &path, Value::Null).await.status, expected, "{route:?}");
            if let Access::Scope(scope) = route.access {
                let refused = ask(&stage, &powerless, route, &path, Value::Null).await;
                assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{route:?}");
                assert!(refused.body["detail"].as_str().unwrap().contains(&format!("`{scope}`")), "{route:?}");
                // Past the door, some routes miss a body and some an integration; none misses a handler.
                let allowed = ask(&stage, &key_of("acme", scope.as_str()), route, &path, Value::Null).await;
                assert!(![401, 403, 405, 500].contains(&allowed.status), "{route:?}: {}", allowed.body);
                let handler = allowed.body["detail"].as_str().is_none_or(|detail| !detail.contains("no such route"));
                assert!(handler, "{route:?}");
            }
        }
    }

    #[tokio::test]
    async fn another_tenants_ids_are_unknown_on_every_route_and_nothing_changes() {
        let stage = Stage::new().await;
        let integration = stage.slack_integration().await;
        let template = json!({"id": "welcome", "name": "W", "channel": "slack", "texts": {"en": {"text": "Hi"}}});
        assert_eq!(stage.post("/v1/templates", template.clone()).await.status, 201);
        let id = integration.rsplit('/').next().unwrap();
        let before = (stage.stored().await, stage.audited().await, stage.slack.requests().len());

        let stranger = key_of("other", "*");
        for route in routes().filter(|route| route.path.contains("{id}")) {
            let is_template = route.path.starts_with("/v1/templates");
            let path = route.path.replace("{id}", if is_template { "welcome" } else { id });
            let body = match route.request {
                Some("IntegrationPatch") => json!({"name": "Mine now"}),
                Some("SecretsPut") => json!({"secrets": {"bot_token": "xoxb-good-other"}}),
                Some("ProbePut") => json!({"interval_minutes": 60}),
                Some("TemplateBody") => template.clone(),
                Some("DryRunRequest") => json!({"recipients": ["sara@example.com"]}),
                _ => Value::Null,
            };
            let answer = ask(&stage, &stranger, route, &path, body).await;
            assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")), "{route:?}");
        }
        let lists = routes()
            .filter(|route| route.method == "GET" && !route.path.contains("{id}") && route.access != Access::Public);
        for route in lists {
            let answer = ask(&stage, &stranger, route, route.path, Value::Null).await;
            assert_eq!(answer.status, 200, "{route:?}");
            assert!(
                !answer.body.to_string().contains(id) && !answer.body.to_string().contains("\"welcome\""),
                "{route:?}"
            );
        }
        assert_eq!(before, (stage.stored().await, stage.audited().await, stage.slack.requests().len()));
        assert_eq!(stage.store.template_version(&acme(), &"welcome".parse().unwrap()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn an_id_that_cannot_be_one_is_unknown_too() {
        let stage = Stage::new().await;
        for path in ["/v1/integrations/int_1", "/v1/integrations/%23/health", "/v1/templates/a%20b"] {
            assert_eq!(stage.get(path).await.status, 404, "{path}");
        }
    }

    #[tokio::test]
    async fn no_answer_to_anything_holds_a_secret() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let rotation = json!({"secrets": {"bot_token": "xoxb-good-CANARY-0815"}});
        let refused = json!({"secrets": {"bot_token": "xoxb-revoked-CANARY-1"}});
        let mut answers = vec![
            stage.post("/v1/integrations", slack_body()).await,
            stage.post("/v1/integrations/test", slack_body()).await,
            stage.put(&format!("{path}/secrets"), rotation).await,
            stage.put(&format!("{path}/secrets"), refused).await,
            stage.patch(&path, json!({"secrets": {"bot_token": "xoxp-CANARY"}})).await,
            stage.patch(&path, json!({"secrets": {"bot_tokens": "xoxb-CANARY"}})).await,
            stage.patch(&path, json!({"secrets": {"bot_token": {"value": "xoxb-CANARY"}}})).await,
            stage.post(&format!("{path}/test"), Value::Null).await,
            stage.post("/v1/integrations/test-all", Value::Null).await,
        ];
        for route in routes().filter(|route| route.method == "GET" && route.access != Access::Public) {
            let id = path.rsplit('/').next().unwrap();
            answers.push(stage.get(&route.path.replace("{id}", id)).await);
        }
        for answer in answers {
            assert!(!format!("{answer:?}").contains(CANARY), "{answer:?}");
        }
        let stored = format!("{:?} {:?}", *stage.store, stage.audited().await);
        assert!(!stored.contains(CANARY), "in the store");
    }

    #[tokio::test]
    async fn an_unknown_path_and_a_wrong_method_are_problems() {
        let stage = Stage::new().await;
        assert_eq!(stage.get("/v1/integration").await.body["code"], "not_found");
        assert_eq!(stage.delete("/v1/integrations").await.body["code"], "method_not_allowed");
    }
}
