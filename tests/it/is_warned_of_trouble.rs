//! Scheduled probes: an admin learns that a connection broke before a campaign does.

use crate::{
    await_until::await_until,
    bus,
    scrubbed::scrubbed,
    tenant::{Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn when_a_token_stops_working_and_once_more_when_it_works_again() {
    let tenant = Tenant::new().await;
    let slack = tenant.slack().await;
    let path = format!("/v1/integrations/{slack}");
    // Revoked in Slack: ours is good until somebody looks.
    let revoked = json!({"secrets": {"bot_token": "xoxb-revoked-1"}});
    tenant.call(Method::PATCH, &format!("{path}?test=false"), &revoked).await.expect(200);

    let ticked = tenant.aws.invoke("probe", &json!({"due": "probes"})).await;
    assert!(!ticked.failed, "{ticked:?}");
    await_until("the probe finds out", async || {
        let test = tenant.get(&path).await.expect(200)["last_test"].clone();
        if test["status"] == "fail" { Ok(()) } else { Err(test) }
    })
    .await;
    let summary = tenant.get("/v1/integrations/summary").await.expect(200);
    insta::assert_json_snapshot!("a_summary_with_an_alert", scrubbed(&tenant, summary));
    let send = message("slack", &[tenant.channel("NEWS")]);
    let refused = tenant.post("/v1/campaigns/spring/deliveries", &send).await.expect(409);
    let health = refused["checks"].as_array().unwrap().iter().find(|check| check["check"] == "health").unwrap().clone();
    assert_eq!((&health["status"], &health["code"]), (&json!("fail"), &json!("slack_login_refused")), "{health}");

    let good = json!({"secrets": {"bot_token": "xoxb-good-again"}});
    tenant.put(&format!("{path}/secrets"), &good).await.expect(200);
    tenant.send("spring", "slack", &[tenant.channel("NEWS")]).await;
    tenant.settled("spring").await;
    let log = tenant.get(&format!("{path}/health/log")).await.expect(200);
    let mut results: Vec<&Value> = log["items"].as_array().unwrap().iter().map(|test| &test["status"]).collect();
    results.dedup(); // the stack's own clock may have probed in the same moment
    assert_eq!(results, ["ok", "fail", "ok"], "newest first");
    await_until("each change of health is told, and no more", async || {
        let told: Vec<Value> = bus::events_named(&tenant, "integration.health_changed")
            .iter()
            .map(|event| event["detail"]["status"].clone())
            .collect();
        if told == ["ok", "fail", "ok"] { Ok(()) } else { Err(json!(told)) }
    })
    .await;
}

#[tokio::test]
async fn only_as_often_as_was_asked_for() {
    let tenant = Tenant::new().await;
    let slack = tenant.slack().await;
    let path = format!("/v1/integrations/{slack}");
    let changed = tenant.put(&format!("{path}/probe"), &json!({"interval_minutes": 30})).await.expect(200);
    assert_eq!(changed["probe_interval_minutes"], 30);
    let ticked = tenant.aws.invoke("probe", &json!({"due": "probes"})).await;
    assert!(!ticked.failed, "{ticked:?}");
    let log = tenant.get(&format!("{path}/health/log")).await.expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 1, "it was tested when it was saved, and is not due");
    tenant.put(&format!("{path}/probe"), &json!({"interval_minutes": 61})).await.expect(422);
}
