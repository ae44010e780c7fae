//! API keys: what they may do, and when they stop.

use crate::{await_until::await_until, tenant::Tenant, time_of_day::now_ms};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn passes_on_no_more_than_a_key_has() {
    let tenant = Tenant::new().await;
    let clerk = tenant.with_scopes(&["keys:*", "campaigns:read"]).await;
    let refused = clerk.post("/v1/keys", &json!({"name": "x", "scopes": ["campaigns:send"]})).await.expect(403);
    assert!(refused["detail"].as_str().unwrap().contains("campaigns:send"), "{refused}");
    let made = clerk.post("/v1/keys", &json!({"name": "x", "scopes": ["campaigns:read"]})).await.expect(201);
    let reader = tenant.with_key(made["key"].as_str().unwrap().to_owned());
    reader.get("/v1/campaigns").await.expect(200);
    let listed = tenant.get("/v1/keys").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(made["key"].as_str().unwrap()), "it is shown once");
}

#[tokio::test]
async fn a_revoked_key_stops_within_a_minute() {
    let tenant = Tenant::new().await;
    let make = async || tenant.post("/v1/keys", &json!({"name": "x", "scopes": ["campaigns:*"]})).await.expect(201);
    let (fresh, used) = (make().await, make().await);
    let of = |made: &Value| tenant.with_key(made["key"].as_str().unwrap().to_owned());
    let (unknown, known) = (of(&fresh), of(&used));
    known.get("/v1/campaigns").await.expect(200);
    for made in [&fresh, &used] {
        let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
        tenant.call(Method::DELETE, &path, &Value::Null).await.expect(204);
        assert!(tenant.get(&path).await.expect(200)["revoked_at"].is_string());
    }
    // Nobody has cached this one.
    assert_eq!(unknown.get("/v1/campaigns").await.expect(401)["code"], "key_revoked");
    // The other one may be trusted by every process of the authorizer that has seen it, each for less than a minute.
    let refused = await_until("the revoked key is refused", async || {
        let answer = known.get("/v1/campaigns").await;
        if answer.status == 401 { Ok(answer.body) } else { Err(answer.status) }
    })
    .await;
    assert_eq!(refused["code"], "key_revoked");
}

/// Row 20 of the fault matrix: DynamoDB deletes late what is over.
#[tokio::test]
async fn an_expired_key_is_refused_though_it_is_stored_still() {
    let tenant = Tenant::new().await;
    let soon = domain::time::Timestamp(now_ms() + 4_000).to_rfc3339();
    let made = tenant.post("/v1/keys", &json!({"name": "x", "scopes": ["*"], "expires_at": soon})).await.expect(201);
    let brief = tenant.with_key(made["key"].as_str().unwrap().to_owned());
    await_until("the key expires", async || {
        let answer = brief.get("/v1/campaigns").await;
        if answer.body["code"] == "key_expired" { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let items = tenant.items().await;
    let stored = items.iter().find(|item| item["id"]["S"] == made["id"]);
    assert!(stored.is_some(), "it is in the table: {items:?}");
}
