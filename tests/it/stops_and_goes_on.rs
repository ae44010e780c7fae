//! Pausing, disabling, cancelling and deleting while work is queued (row 16 of the fault matrix).

use crate::{
    await_until::await_until,
    slack_double,
    tenant::{Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A campaign comes to be with its first delivery. The senders of e-mail have not looked at its state then, so they do
/// not go on for the seconds for which they trust what they saw.
async fn begins_on_another_channel(tenant: &Tenant) {
    tenant.slack().await;
    tenant.send("spring", "slack", &[tenant.channel("FIRST")]).await;
    tenant.settled("spring").await;
}

#[tokio::test]
async fn pauses_a_campaign_and_resumes_it_without_loss() {
    let tenant = Tenant::new().await;
    begins_on_another_channel(&tenant).await;
    tenant.email().await;
    let paused = tenant.post("/v1/campaigns/spring/pause", &Value::Null).await.expect(200);
    assert_eq!(paused["state"], "paused");
    let rest: Vec<String> = (0..30).map(|n| tenant.address(&format!("rest-{n}"))).collect();
    tenant.send("spring", "email", &rest).await;
    tenant.send("spring", "email", &[tenant.address("alone")]).await;
    tenant.await_totals("spring", json!({"held": 31})).await;
    assert_eq!(tenant.mail().len(), 0, "nothing is sent while it is paused");
    tenant.post("/v1/campaigns/spring/resume", &Value::Null).await.expect(200);
    assert_eq!(tenant.settled("spring").await, json!({"total": 32, "settled": true, "sent": 32}));
    assert_eq!(tenant.mail().len(), 31, "each once");
}

#[tokio::test]
async fn cancels_a_campaign_that_is_paused() {
    let tenant = Tenant::new().await;
    begins_on_another_channel(&tenant).await;
    tenant.email().await;
    tenant.post("/v1/campaigns/spring/pause", &Value::Null).await.expect(200);
    tenant.send("spring", "email", &[tenant.address("a"), tenant.address("b")]).await;
    tenant.await_totals("spring", json!({"held": 2})).await;
    let cancelled = tenant.post("/v1/campaigns/spring/cancel", &Value::Null).await.expect(200);
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(tenant.settled("spring").await, json!({"total": 3, "settled": true, "sent": 1, "cancelled": 2}));
    tenant.post("/v1/campaigns/spring/resume", &Value::Null).await.expect(409);
    // For the seconds for which it trusts what it saw, the hub accepts some more, to cancel it.
    let late = message("email", &[tenant.address("late")]);
    await_until("no more is accepted", async || match tenant.post("/v1/campaigns/spring/deliveries", &late).await {
        answer if answer.status == 409 => Ok(()),
        answer => Err(answer.status),
    })
    .await;
    let totals = tenant.settled("spring").await;
    assert_eq!((&totals["sent"], tenant.mail().len()), (&json!(1), 0), "what is cancelled is never sent: {totals}");
}

/// A channel that answers 429 with a long `Retry-After` keeps a delivery queued for as long.
const QUEUED_FOR_A_WHILE: &str = "RATE15";

#[tokio::test]
async fn disables_an_integration_and_enables_it_again() {
    let tenant = Tenant::new().await;
    let slack = tenant.slack().await;
    let channel = tenant.channel(QUEUED_FOR_A_WHILE);
    tenant.send("spring", "slack", std::slice::from_ref(&channel)).await;
    tenant.await_totals("spring", json!({"retrying": 1})).await;
    tenant.post(&format!("/v1/integrations/{slack}/disable"), &Value::Null).await.expect(200);
    tenant.await_totals("spring", json!({"held": 1})).await;
    assert_eq!(slack_double::calls(tenant.stack, &channel).await, (1, 0), "nothing is sent while it is disabled");
    let refused = message("slack", &[tenant.channel("NEW")]);
    let refused = tenant.post("/v1/campaigns/spring/deliveries", &refused).await.expect(409);
    assert_eq!(refused["code"], "not_ready");
    tenant.post(&format!("/v1/integrations/{slack}/enable"), &Value::Null).await.expect(200);
    assert_eq!(tenant.settled("spring").await, json!({"total": 1, "settled": true, "sent": 1}));
    assert_eq!(slack_double::calls(tenant.stack, &channel).await, (2, 1));
}

#[tokio::test]
async fn deletes_an_integration_with_work_queued() {
    let tenant = Tenant::new().await;
    let slack = tenant.slack().await;
    let channel = tenant.channel(QUEUED_FOR_A_WHILE);
    tenant.send("spring", "slack", std::slice::from_ref(&channel)).await;
    tenant.await_totals("spring", json!({"retrying": 1})).await;
    let path = format!("/v1/integrations/{slack}");
    tenant.call(Method::DELETE, &path, &Value::Null).await.expect(204);
    tenant.get(&path).await.expect(404);
    assert_eq!(tenant.settled("spring").await, json!({"total": 1, "settled": true, "cancelled": 1}));
    assert_eq!(slack_double::calls(tenant.stack, &channel).await, (1, 0), "nothing is sent after it is deleted");
}
