//! A channel of Microsoft Teams: connected, tested without a post, and posted to.

use crate::{scrubbed::scrubbed, teams_double, tenant::Tenant};
use domain::ids::IntegrationId;
use serde_json::{Value, json};

/// An integration with a workflow of this tenant alone; the behaviour chooses what the double does.
fn settings(tenant: &Tenant, behaviour: &str) -> Value {
    json!({
        "provider": "teams", "name": "Security channel",
        "config": {"theme": "accent", "title": "Acme Security"},
        "secrets": {"webhook_url": teams_double::webhook(tenant.stack, &workflow(tenant, behaviour))},
        "probe_interval_minutes": 60,
    })
}

fn workflow(tenant: &Tenant, behaviour: &str) -> String {
    format!("{}{behaviour}", tenant.digits)
}

#[tokio::test]
async fn a_campaign_in_two_languages_becomes_cards() {
    let tenant = Tenant::new().await;
    let teams = tenant.create(&settings(&tenant, "")).await;
    let tested = tenant.post(&format!("/v1/integrations/{teams}/test"), &Value::Null).await.expect(200);
    assert_eq!(tested["status"], "ok", "{tested}");
    let id = workflow(&tenant, "");
    assert_eq!(teams_double::count(tenant.stack, &id).await.calls, 0, "a test posts nothing");

    let recipient = |user: &str, locale: &str, name: &str, address: &str| {
        json!({
            "user_id": user, "address": address, "locale": locale,
            "variables": {"name": name, "campaign": "Spring", "link": "https://train.example/t?u=1&x=2"},
        })
    };
    let mut request = json!({
        "campaign_id": "spring", "channel": "teams", "template": {"id": "trunkline.teams.invitation"},
        "recipients": [recipient("u1", "en", "*Sara* [a](https://evil.example)", "General")],
    });
    let answer = tenant.post("/v1/preflight", &request).await.expect(200);
    assert_eq!(answer["ready"], false, "a workflow reaches nobody but its own channel: {answer}");
    request["recipients"][0]["address"] = "default".into();
    assert_eq!(tenant.post("/v1/preflight", &request).await.expect(200)["ready"], true);
    request.as_object_mut().unwrap().remove("campaign_id");
    // One place, one message: an address may stand in a request only once.
    for recipient in
        [recipient("u1", "en", "*Sara* [a](https://evil.example)", "default"), recipient("u2", "ar", "سارة", "default")]
    {
        request["recipients"] = json!([recipient]);
        tenant.post("/v1/campaigns/spring/deliveries", &request).await.expect(202);
    }
    assert_eq!(tenant.settled("spring").await, json!({"total": 2, "settled": true, "sent": 2}));

    let mut cards = teams_double::cards(tenant.stack, &id).await;
    cards.sort_by_key(|card| card["lang"] == "ar");
    insta::assert_json_snapshot!("teams_cards_in_two_languages", scrubbed(&tenant, json!(cards)));
    for delivery in tenant.deliveries("spring").await {
        let run = delivery["provider_message_id"].as_str().unwrap_or_default();
        assert!(run.ends_with("CU01"), "the workflow's run is the message's id: {delivery}");
    }
    assert_eq!(teams_double::strays(tenant.stack).await, json!([]));
}

#[tokio::test]
async fn a_workflow_that_stumbles_gets_the_message_again() {
    let tenant = Tenant::new().await;
    for behaviour in ["flaky", "rate1"] {
        let integration = tenant.create(&settings(&tenant, behaviour)).await;
        let campaign = format!("c-{behaviour}");
        tenant.send_through(&campaign, "teams", Some(&integration), &["default".to_owned()]).await;
        assert_eq!(tenant.settled(&campaign).await, json!({"total": 1, "settled": true, "sent": 1}));
        let count = teams_double::count(tenant.stack, &workflow(&tenant, behaviour)).await;
        assert_eq!((count.calls, count.accepted), (2, 1), "{behaviour}");
    }
}

#[tokio::test]
async fn a_workflow_that_cannot_be_used_is_not_saved() {
    let tenant = Tenant::new().await;
    for (behaviour, code, field) in
        [("gone", "teams_workflow_gone", "secrets.webhook_url"), ("off", "teams_workflow_off", "")]
    {
        let refused = tenant.post("/v1/integrations", &settings(&tenant, behaviour)).await.expect(422);
        assert_eq!((&refused["errors"][0]["code"], &refused["errors"][0]["field"]), (&json!(code), &json!(field)));
    }
    let mut retired = settings(&tenant, "");
    retired["secrets"]["webhook_url"] = "https://acme.webhook.office.com/webhookb2/canary".into();
    let refused = tenant.post("/v1/integrations", &retired).await;
    assert!(!refused.text.contains("canary"), "{}", refused.text);
    let refused = refused.expect(422);
    assert!(refused["errors"][0]["message"].as_str().unwrap().contains("retired"), "{refused}");
    assert_eq!(tenant.get("/v1/integrations").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_message_that_teams_would_drop_fails_with_its_reason() {
    let tenant = Tenant::new().await;
    let teams: IntegrationId = tenant.create(&settings(&tenant, "")).await.parse().unwrap();
    let request = json!({
        "channel": "teams", "integration_id": teams, "message": {"text": "x".repeat(29_000)},
        "recipients": [{"user_id": "u1", "address": "default"}],
    });
    tenant.post("/v1/campaigns/long/deliveries", &request).await.expect(202);
    assert_eq!(tenant.settled("long").await, json!({"total": 1, "settled": true, "failed": 1}));
    assert_eq!(tenant.deliveries("long").await[0]["error"]["code"], "teams_message_too_large");
    assert_eq!(teams_double::count(tenant.stack, &workflow(&tenant, "")).await.calls, 0);
}
