//! The function as its callers see it, over the in-memory store.

use crate::handler::{Hub, router};
use axum::http::Method;
use domain::time::ManualClock;
use runtime::{
    http::App,
    lazy::Lazy,
    testing::{START, call, key_of},
};
use serde_json::json;
use std::sync::Arc;
use store::memory::MemoryStore;

fn app() -> App {
    let hub = Hub { store: Lazy::ready(MemoryStore::default()), clock: ManualClock::at(START) };
    App::new(router(Arc::new(hub)))
}

#[tokio::test]
async fn a_tenant_without_integrations_is_told_so_and_what_else_is_missing() {
    let body = json!({
        "campaign_id": "spring", "channel": "email", "sandbox": true,
        "recipients": [{"user_id": "u1", "address": "sara@example.com"}],
        "template": {"id": "trunkline.email.invitation"},
    });
    let answered = call(&app(), &key_of("acme", "campaigns:preflight"), Method::POST, "/v1/preflight", body).await;
    assert_eq!((answered.status, answered.body["ready"].as_bool()), (200, Some(false)));
    let failing: Vec<_> = answered.body["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "fail")
        .map(|check| (check["check"].as_str().unwrap(), check["code"].as_str().unwrap()))
        .collect();
    assert_eq!(
        failing,
        [
            ("settings", "not_configured"),
            ("capability", "missing_scope"),
            ("sandbox", "no_sandbox_recipients"),
            ("template", "template_failed"),
        ]
    );
    let checks = answered.body["checks"].as_array().unwrap();
    let template = checks.iter().find(|check| check["check"] == "template").unwrap();
    assert!(template["reason"].as_str().unwrap().contains("the variable `campaign` has no value"), "{template}");
}

#[tokio::test]
async fn who_would_be_skipped_is_named_and_keeps_nobody_from_sending() {
    let store = MemoryStore::default();
    let entry = domain::suppression::Suppression {
        address: "bo@b.example".to_owned(),
        reason: domain::suppression::SuppressionReason::Complained,
        at: START,
        detail: String::new(),
        campaign: None,
        delivery: None,
        integration: None,
    };
    #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
    let acme = domain::tenant::TenantScope::established("acme".parse().unwrap());
    store::Suppressions::suppress(&store, &acme, &[entry]).await.unwrap();
    let hub = Hub { store: Lazy::ready(store), clock: ManualClock::at(START) };
    let app = App::new(router(Arc::new(hub)));
    let recipients = ["ann@b.example", "Bo@b.example"].map(|address| json!({"user_id": address, "address": address}));
    let body = json!({"campaign_id": "spring", "channel": "email", "recipients": recipients});
    let answered = call(&app, &key_of("acme", "*"), Method::POST, "/v1/preflight", body).await;
    let checks = answered.body["checks"].as_array().unwrap();
    let told = checks.iter().find(|check| check["check"] == "suppression").unwrap();
    assert_eq!((&told["status"], &told["code"]), (&json!("warn"), &json!("recipient_suppressed")));
    assert!(told["reason"].as_str().unwrap().contains("recipients[1]: Bo@b.example"), "{told}");
}

#[tokio::test]
async fn events_are_no_campaign_and_no_campaign_is_named_like_an_endpoint() {
    let body = json!({"campaign_id": "int_01JD0000000000000000000000", "channel": "webhook", "recipients": []});
    let answered = call(&app(), &key_of("acme", "*"), Method::POST, "/v1/preflight", body).await;
    let fields: Vec<_> = answered.body["errors"].as_array().unwrap().iter().map(|it| it["field"].clone()).collect();
    assert_eq!((answered.status, json!(fields)), (422, json!(["channel", "campaign_id"])));
}

#[tokio::test]
async fn a_sample_larger_than_a_request_is_refused() {
    let recipients: Vec<_> =
        (0..1_001).map(|n| json!({"user_id": format!("u{n}"), "address": "a@b.example"})).collect();
    let body = json!({"campaign_id": "spring", "channel": "email", "recipients": recipients});
    let answered = call(&app(), &key_of("acme", "*"), Method::POST, "/v1/preflight", body).await;
    assert_eq!((answered.status, answered.body["errors"][0]["field"].as_str()), (422, Some("recipients")));
}

#[tokio::test]
async fn every_route_of_this_function_is_answered() {
    for route in api::routes::ROUTES.iter().filter(|route| route.function == "preflight") {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answered = call(&app(), &key_of("acme", "*"), method, route.path, json!({})).await;
        assert!(!matches!(answered.status, 404 | 405), "{} {}", route.method, route.path);
    }
}
