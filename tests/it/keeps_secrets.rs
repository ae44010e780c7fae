//! A secret that was entered once is never seen again: in no answer, log, event, audit record or item.

use crate::{
    await_until::await_until,
    bus,
    tenant::{Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs;

/// Secrets that stand out, so that they can be searched for.
struct Canaries {
    slack_token: String,
    rotated_token: String,
    wrong_password: String,
    misplaced: String,
}

#[tokio::test]
async fn through_a_whole_campaign_and_every_mistake_with_them() {
    let tenant = Tenant::new().await;
    let canary = |kind: &str| format!("{kind}canary-{}", tenant.digits);
    let canaries = Canaries {
        slack_token: canary("xoxb-good-first-"),
        rotated_token: canary("xoxb-good-second-"),
        wrong_password: canary("password-"),
        misplaced: canary("misplaced-"),
    };
    enters_wrong_ones(&tenant, &canaries).await;
    enters_them_where_they_do_not_belong(&tenant, &canaries.misplaced).await;
    let another_key = makes_a_key(&tenant).await;
    runs_campaigns(&tenant, &canaries).await;
    reads_everything(&tenant).await;

    let Canaries { slack_token, rotated_token, wrong_password, misplaced } = canaries;
    let places = every_place(&tenant).await;
    for (what, secret) in [
        ("the mail server's password", &tenant.stack.smtp.password),
        ("the Slack token", &slack_token),
        ("the rotated Slack token", &rotated_token),
        ("a wrong password", &wrong_password),
        ("a secret in the wrong field", &misplaced),
        ("the API key", &tenant.key),
        ("another API key", &another_key),
        ("the operator's credential", &tenant.stack.operator_key),
    ] {
        for (place, text) in &places {
            assert!(!text.contains(secret), "{what} is in {place}");
        }
        // A new key is shown once.
        let shown = usize::from(what == "another API key");
        assert_eq!(tenant.transcript().matches(secret).count(), shown, "{what} was answered");
    }
    // The search would have found something.
    for (place, text) in &places {
        assert!(!text.is_empty(), "{place} was read");
    }
    assert!(tenant.transcript().contains(&tenant.id));
}

async fn enters_wrong_ones(tenant: &Tenant, canaries: &Canaries) {
    let mut wrong = tenant.email_settings();
    wrong["secrets"]["password"] = json!(canaries.wrong_password);
    tenant.post("/v1/integrations", &wrong).await.expect(422);
    tenant.post("/v1/integrations/test", &wrong).await.expect(200);
    let failing = tenant.post("/v1/integrations?test=false", &wrong).await.expect(201);
    let failing = format!("/v1/integrations/{}", failing["id"].as_str().unwrap());
    tenant.post(&format!("{failing}/test"), &Value::Null).await.expect(200);
    tenant.call(Method::DELETE, &failing, &Value::Null).await.expect(204);
    tenant.ask(tenant.request(Method::GET, "/v1/keys").bearer_auth(format!("{}x", tenant.key))).await.expect(403);
}

async fn enters_them_where_they_do_not_belong(tenant: &Tenant, secret: &str) {
    for (at, value) in [
        ("/config/password", json!(secret)),
        ("/config/port", json!(secret)),
        ("/config/security", json!(secret)),
        ("/secrets/passwort", json!(secret)),
        ("/secrets", json!(secret)),
        ("/secrets/password", json!([secret])),
        ("/provider", json!(secret)),
        ("/limits", json!(secret)),
    ] {
        let mut settings = tenant.email_settings();
        let (parent, name) = at.rsplit_once('/').unwrap();
        settings.pointer_mut(parent).unwrap()[name] = value;
        tenant.post("/v1/integrations", &settings).await.expect(422);
    }
    let whole = json!({"provider": "smtp", "secrets": {"password": secret}}).to_string();
    let cut_off = whole[..whole.len() - 1].to_owned();
    let request = tenant.request(Method::POST, "/v1/integrations").bearer_auth(&tenant.key);
    tenant.ask(request.header("content-type", "application/json").body(cut_off)).await.expect(400);
    let mut webhook = tenant.slack_settings();
    webhook["config"] = json!({"mode": "incoming_webhook"});
    webhook["secrets"] = json!({"webhook_url": format!("https://hooks.slack.com.evil.example/services/{secret}")});
    tenant.post("/v1/integrations", &webhook).await.expect(422);
}

async fn makes_a_key(tenant: &Tenant) -> String {
    let made = tenant.post("/v1/keys", &json!({"name": "CI", "scopes": ["campaigns:*"]})).await.expect(201);
    let key = made["key"].as_str().unwrap().to_owned();
    tenant.with_key(key.clone()).get("/v1/campaigns").await.expect(200);
    key
}

async fn runs_campaigns(tenant: &Tenant, canaries: &Canaries) {
    tenant.email().await;
    let mut slack = tenant.slack_settings();
    slack["secrets"]["bot_token"] = json!(canaries.slack_token);
    let slack = tenant.create(&slack).await;
    let rotated = json!({"secrets": {"bot_token": canaries.rotated_token}});
    tenant.put(&format!("/v1/integrations/{slack}/secrets"), &rotated).await.expect(200);
    for (campaign, channel, addresses) in [
        ("mail", "email", ["refuse-550-1", "later-451-1", "reader"].map(|name| tenant.address(name))),
        ("slack", "slack", ["NEWS", "NOTFOUND", "FLAKY"].map(|name| tenant.channel(name))),
    ] {
        let recipients = &message(channel, &addresses)["recipients"];
        let question = json!({"campaign_id": campaign, "channel": channel, "recipients": recipients});
        tenant.post("/v1/preflight", &question).await.expect(200);
        tenant.send(campaign, channel, &addresses).await;
        tenant.settled(campaign).await;
    }
    await_until("the events have come", async || {
        let told = bus::deliveries(tenant, "delivery.sent").len();
        if told == 4 { Ok(()) } else { Err(told) }
    })
    .await;
}

async fn reads_everything(tenant: &Tenant) {
    let integrations = tenant.get("/v1/integrations").await.expect(200);
    for integration in integrations["items"].as_array().unwrap() {
        let path = format!("/v1/integrations/{}", integration["id"].as_str().unwrap());
        tenant.post(&format!("{path}/test"), &Value::Null).await.expect(200);
        for part in ["", "/health", "/health/log"] {
            tenant.get(&format!("{path}{part}")).await.expect(200);
        }
    }
    for path in ["/v1/integrations/summary", "/v1/keys", "/v1/settings", "/v1/catalog", "/v1/templates"] {
        tenant.get(path).await.expect(200);
    }
    for campaign in ["mail", "slack"] {
        tenant.deliveries(campaign).await;
        tenant.get(&format!("/v1/campaigns/{campaign}/errors.csv")).await;
    }
    let audit = tenant.get("/v1/audit").await.expect(200);
    assert!(audit["items"].as_array().unwrap().len() >= 6, "{audit}");
}

/// The functions that every campaign meets: their logs are never empty.
const EVERY_TEST_USES: [&str; 8] =
    ["authorize", "configure", "preflight", "enqueue", "send-email", "send-slack", "publish", "deliveries"];

/// Where a secret could have been written down, with all that is written there.
async fn every_place(tenant: &Tenant) -> Vec<(String, String)> {
    let mut places = vec![("the events".to_owned(), fs::read_to_string(&tenant.stack.events_log).unwrap())];
    for table in ["TenantTable", "AuthTable"] {
        places.push((table.to_owned(), json!(tenant.aws.items(table).await).to_string()));
    }
    for function in tenant.stack.functions.keys() {
        let log = tenant.aws.logs(function).await.join("\n");
        // The clock may not have come round to these yet, or nobody has used what they serve.
        if !log.is_empty() || EVERY_TEST_USES.contains(&function.as_str()) {
            places.push((format!("the log of {function}"), log));
        }
    }
    places
}
