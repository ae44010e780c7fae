//! New secrets while messages are on their way (row 17 of the fault matrix).

use crate::tenant::Tenant;
use serde_json::json;

#[tokio::test]
async fn in_the_middle_of_a_campaign_and_no_delivery_fails() {
    let tenant = Tenant::new().await;
    let mut settings = tenant.slack_settings();
    settings["limits"] = json!({"per_second": 10});
    let slack = tenant.create(&settings).await;
    let channels: Vec<String> = (0..60).map(|n| tenant.channel(&format!("N{n}"))).collect();
    tenant.send("spring", "slack", &channels).await;
    let sent = tenant.totals("spring").await["sent"].as_u64().unwrap_or(0);
    assert!(sent < 60, "the campaign is on its way");
    let path = format!("/v1/integrations/{slack}/secrets");
    let new = format!("xoxb-good-rotated-{}", tenant.digits);
    let rotated = tenant.put(&path, &json!({"secrets": {"bot_token": new}})).await.expect(200);
    assert_eq!(rotated["secret_version"], 2);
    assert_eq!(tenant.settled("spring").await, json!({"total": 60, "settled": true, "sent": 60}));
}

#[tokio::test]
async fn to_ones_that_do_not_pass_and_the_old_ones_go_on_serving() {
    let tenant = Tenant::new().await;
    let email = tenant.email().await;
    let path = format!("/v1/integrations/{email}");
    let before = tenant.get(&path).await.expect(200);
    let wrong = json!({"secrets": {"password": "not the password"}});
    let refused = tenant.put(&format!("{path}/secrets"), &wrong).await.expect(422);
    assert_eq!(
        (&refused["code"], &refused["test"]["code"]),
        (&json!("connection_test_failed"), &json!("smtp_login_refused"))
    );
    assert_eq!(tenant.get(&path).await.expect(200), before, "nothing is changed");
    tenant.send("spring", "email", &[tenant.address("reader")]).await;
    assert_eq!(tenant.settled("spring").await, json!({"total": 1, "settled": true, "sent": 1}));
}
