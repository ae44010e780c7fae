//! API keys that may do so much and no more: limits, networks, suspension, new secrets, reminders.

use crate::{
    await_until::await_until,
    bus,
    tenant::{Answer, Tenant},
};
use domain::{
    key::ApiKey,
    time::{DAY_MS, Timestamp},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A key of a tenant as it was made, and a caller with it.
async fn made(tenant: &Tenant, more: &Value) -> (Value, Tenant) {
    let mut wanted = json!({"name": "x", "scopes": ["campaigns:*"], "tier": "premium"});
    for (field, value) in more.as_object().unwrap() {
        wanted[field] = value.clone();
    }
    let key = tenant.post("/v1/keys", &wanted).await.expect(201);
    let caller = tenant.with_key(key["key"].as_str().unwrap().to_owned());
    (key, caller)
}

fn path(key: &Value) -> String {
    format!("/v1/keys/{}", key["id"].as_str().unwrap())
}

async fn becomes(caller: &Tenant, code: &str) -> Answer {
    await_until(&format!("the key is answered {code}"), async || {
        let answer = caller.get("/v1/campaigns").await;
        let seen = answer.body["code"].as_str().unwrap_or("200").to_owned();
        if seen == code { Ok(answer) } else { Err(seen) }
    })
    .await
}

#[tokio::test]
async fn a_key_over_its_limit_is_told_when_to_come_again_and_no_other_key_is_hindered() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let (key, basic) = made(&tenant, &json!({"tier": "basic"})).await;
    let (_, neighbour) = made(&tenant, &json!({"tier": "basic"})).await;
    let first = basic.get("/v1/campaigns").await;
    assert_eq!(first.status, 200, "{}", first.text);
    let policy = "\"minute\";q=60;w=60, \"hour\";q=1000;w=3600, \"burst\";q=10;w=10";
    assert_eq!(first.header("ratelimit-policy"), Some(policy));
    assert!(first.header("ratelimit").unwrap().starts_with("\"minute\";r="), "{:?}", first.headers);

    // However fast or slow this machine is: it lets through no more than it may.
    let mut passed = 1;
    let refused = loop {
        let answer = basic.get("/v1/campaigns").await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 200, "{}", answer.text);
        passed += 1;
        assert!(passed <= 120, "{passed} in at most two minutes of the clock");
    };
    assert_eq!(refused.body["code"], "rate_limited");
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.header("ratelimit-policy"), Some(policy));
    assert!(refused.header("ratelimit").is_some());
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // What another instance of the authorizer has leased and not used is not there for this one: at most half a burst.
    assert!(passed >= 5, "of a burst of ten, half is always allowed: {passed}");
    for unhindered in [&neighbour, &other, &tenant] {
        unhindered.get("/v1/campaigns").await.expect(200);
    }
    becomes(&basic, "200").await;

    let shown = tenant.get(&path(&key)).await.expect(200);
    assert_eq!(
        (&shown["tier"], &shown["limits"]),
        (&json!("basic"), &json!({"minute": 60, "hour": 1000, "burst": 10}))
    );
    assert!(shown["usage"]["hour"].as_u64().unwrap() >= 10 && shown["usage"]["last_used_at"].is_string(), "{shown}");
}

#[tokio::test]
async fn a_key_is_used_from_its_networks_only() {
    let tenant = Tenant::new().await;
    // The local gateway is called from this machine.
    let (_, here) = made(&tenant, &json!({"allow": ["127.0.0.0/8", "::1"]})).await;
    here.get("/v1/campaigns").await.expect(200);
    let (key, elsewhere) = made(&tenant, &json!({"allow": ["203.0.113.0/24"]})).await;
    let forwarded = elsewhere.request(Method::GET, "/v1/campaigns").bearer_auth(&elsewhere.key);
    let refused = elsewhere.ask(forwarded.header("X-Forwarded-For", "203.0.113.9")).await.expect(403);
    assert_eq!(refused["code"], "address_not_allowed");
    assert!(refused["detail"].as_str().unwrap().contains("networks"), "{refused}");
    tenant.call(Method::PATCH, &path(&key), &json!({"allow": []})).await.expect(200);
    becomes(&elsewhere, "200").await;
}

#[tokio::test]
async fn a_key_that_is_tried_with_wrong_secrets_is_suspended_until_it_is_activated() {
    let tenant = Tenant::new().await;
    let (key, caller) = made(&tenant, &json!({})).await;
    caller.get("/v1/campaigns").await.expect(200);
    let forged = ApiKey::with_prefix(key["prefix"].as_str().unwrap(), &[9; 128]).unwrap();
    let stranger = tenant.with_key(forged.whole().expose().to_owned());
    await_until("the key is suspended", async || {
        stranger.get("/v1/campaigns").await.expect(403);
        let shown = tenant.get(&path(&key)).await.expect(200);
        if shown["state"] == "suspended" { Ok(()) } else { Err(shown) }
    })
    .await;
    let refused = becomes(&caller, "key_suspended").await;
    assert_eq!(refused.status, 401);
    let event = await_until("the tenant is told", async || {
        bus::events_named(&tenant, "api_key.suspended").pop().ok_or("nothing yet")
    })
    .await;
    assert_eq!((&event["detail"]["key_id"], &event["detail"]["cause"]), (&key["id"], &json!("failures")));
    let trail = tenant.get("/v1/audit?limit=200").await.expect(200);
    let told = trail["items"].as_array().unwrap().iter().filter(|record| record["action"] == "key.suspended").count();
    assert_eq!(told, 1, "{trail}");

    tenant.post(&format!("{}/activate", path(&key)), &json!({})).await.expect(200);
    becomes(&caller, "200").await;
    let shown = tenant.get(&path(&key)).await.expect(200);
    assert_eq!((&shown["state"], &shown["usage"]["failures"]), (&json!("active"), &json!(0)));
    tenant.post(&format!("{}/suspend", path(&key)), &json!({})).await.expect(200);
    becomes(&caller, "key_suspended").await;
}

#[tokio::test]
async fn a_new_secret_replaces_the_old_one_at_once_or_after_its_grace() {
    let tenant = Tenant::new().await;
    let (key, old) = made(&tenant, &json!({})).await;
    old.get("/v1/campaigns").await.expect(200);
    let regenerate = async |hours: u8| {
        let path = format!("{}/regenerate", path(&key));
        let made = tenant.post(&path, &json!({"grace_hours": hours})).await.expect(200);
        tenant.with_key(made["key"].as_str().unwrap().to_owned())
    };
    let second = regenerate(24).await;
    second.get("/v1/campaigns").await.expect(200);
    old.get("/v1/campaigns").await.expect(200);
    assert!(tenant.get(&path(&key)).await.expect(200)["old_secret_until"].is_string());
    let third = regenerate(0).await;
    third.get("/v1/campaigns").await.expect(200);
    becomes(&second, "key_revoked").await;
    // That of two secrets ago is as good as any wrong one.
    await_until("the oldest is nobody's", async || match old.get("/v1/campaigns").await.status {
        403 => Ok(()),
        status => Err(status),
    })
    .await;
    third.get("/v1/campaigns").await.expect(200);
}

#[tokio::test]
async fn a_key_that_expires_is_a_reminder_on_the_bus() {
    let tenant = Tenant::new().await;
    // Later than a slow machine takes to make the key: of a reminder whose time is over nobody is told.
    let end = Timestamp(now_ms() + DAY_MS + 20_000).to_rfc3339();
    let (key, _) = made(&tenant, &json!({"expires_at": end})).await;
    let event = await_until("the reminder of one day", async || {
        let swept = tenant.aws.invoke("sweep", &json!({"due": "all"})).await;
        assert!(!swept.failed, "{swept:?}");
        bus::events_named(&tenant, "api_key.expiring").pop().ok_or_else(|| swept.answer.to_string())
    })
    .await;
    let detail = &event["detail"];
    assert_eq!((&detail["key_id"], &detail["days"]), (&key["id"], &json!(1)));
    assert_eq!(detail["expires_at"], key["expires_at"]);
    assert!(!tenant.aws.invoke("sweep", &json!({"due": "all"})).await.failed);
    assert_eq!(bus::events_named(&tenant, "api_key.expiring").len(), 1, "it is told once");
}

#[expect(clippy::disallowed_methods, reason = "a key has to expire soon by the functions' clock, which is this one")]
fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}
