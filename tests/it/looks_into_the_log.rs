//! The log of everything: what a tenant did and what came to it is found there, masked, counted and as a file.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, post_event},
    tenant::Tenant,
};
use domain::digest::hex;
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &str = "a secret that both sides know";

/// What is said in messages, events and webhooks, and must not be found in the log.
const CANARY: &str = "canary-7Hq2pWmZ0xV4tL9b";

async fn log(tenant: &Tenant, query: &str) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = tenant.get(&format!("/v1/logs?limit=200&{query}{cursor}")).await.expect(200);
        all.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Waits until so many entries are found.
async fn logged(tenant: &Tenant, query: &str, count: usize) -> Vec<Value> {
    await_until(&format!("{count} entries of {query}"), async || {
        let found = log(tenant, query).await;
        if found.len() >= count { Ok(found) } else { Err(json!(found)) }
    })
    .await
}

async fn calls_the_hook(tenant: &Tenant, hook: &str, secret: &str) -> u16 {
    let body = json!({"said": CANARY}).to_string();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
    let call = tenant
        .request(Method::POST, &format!("/v1/hooks/{hook}/in"))
        .header("x-github-event", "push")
        .header("x-hub-signature-256", format!("sha256={}", hex(signature.as_ref())));
    tenant.ask(call.header("content-type", "application/json").body(body)).await.status
}

#[tokio::test]
async fn finds_everything_that_happened_in_the_log_and_nothing_that_was_said() {
    let tenant = Tenant::new().await;
    let email = tenant.email().await;
    tenant.post(&format!("/v1/integrations/{email}/test"), &Value::Null).await.expect(200);
    let mut message = crate::tenant::message("email", &[tenant.address("ann"), tenant.address("refuse-550.bob")]);
    message["message"]["text"] = CANARY.into();
    let accepted = tenant.post("/v1/campaigns/spring/deliveries", &message).await.expect(202);
    let refused = tenant.post("/v1/keys", &json!({"name": CANARY})).await;
    assert_eq!(refused.status, 422);
    tenant.call(Method::DELETE, &format!("/v1/suppressions/{}", tenant.address("eve")), &Value::Null).await;
    let hook = json!({"name": "Code", "scheme": "github", "secret": SECRET});
    let hook = tenant.post("/v1/hooks", &hook).await.expect(201)["id"].as_str().unwrap().to_owned();
    assert_eq!(calls_the_hook(&tenant, &hook, SECRET).await, 200);
    assert_eq!(calls_the_hook(&tenant, &hook, "another").await, 401);
    let endpoint = Endpoint::new(&tenant).await;
    post_event(&tenant, "order.created", json!({"said": CANARY})).await;
    endpoint.taken(1).await;

    // Each is found by what it is.
    let sent = logged(&tenant, "event=delivery.sent&campaign_id=spring", 1).await;
    let failed = logged(&tenant, "type=delivery&status=error", 1).await;
    let ids = [&sent[0]["delivery_id"], &failed[0]["delivery_id"]];
    let expected = [&accepted["deliveries"][0]["id"], &accepted["deliveries"][1]["id"]];
    assert_eq!((sent.len(), failed.len(), ids), (1, 1, expected));
    assert_eq!(failed[0]["integration_id"], email.as_str());
    let wrong = logged(&tenant, "event=POST%20/v1/keys&status=warning", 1).await;
    let request_id = refused.header("x-request-id").unwrap();
    assert_eq!(
        (&wrong[0]["http_status"], &wrong[0]["code"], &wrong[0]["request_id"]),
        (&json!(422), &json!("invalid_request"), &json!(request_id))
    );
    assert_eq!(logged(&tenant, &format!("hook_id={hook}&event=webhook.received"), 1).await.len(), 1);
    let turned_away = logged(&tenant, &format!("hook_id={hook}&event=webhook.rejected"), 1).await;
    assert_eq!(turned_away[0]["code"], "signature_mismatch");
    let posted = logged(&tenant, "event=webhook.delivered", 1).await;
    assert_eq!(
        (posted.len(), &posted[0]["http_status"], &posted[0]["direction"]),
        (1, &json!(204), &json!("outbound"))
    );
    assert_eq!(posted[0]["endpoint_id"], endpoint.id.as_str());
    assert!(!logged(&tenant, &format!("type=probe&integration_id={email}"), 1).await.is_empty());
    for call in ["POST%20/v1/campaigns/{id}/deliveries", "POST%20/v1/events"] {
        let calls = logged(&tenant, &format!("type=api&event={call}"), 1).await;
        assert_eq!((calls.len(), &calls[0]["http_status"]), (1, &json!(202)), "a call is told of once: {calls:?}");
    }
    assert_eq!(logged(&tenant, "event=DELETE%20/v1/suppressions/*", 1).await.len(), 1);

    // One of them, with the words of its code.
    let id = failed[0]["id"].as_str().unwrap();
    let one = tenant.get(&format!("/v1/logs/{id}")).await.expect(200);
    assert!(one["fix"].is_string(), "{one}");

    says_nothing_of_what_was_said(&tenant).await;
    is_counted(&tenant).await;
    is_nobody_elses(id).await;
}

async fn says_nothing_of_what_was_said(tenant: &Tenant) {
    let all = json!(log(tenant, "").await).to_string();
    let file = tenant.get("/v1/logs.csv").await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("text/csv; charset=utf-8; header=present")));
    assert!(file.text.contains("delivery.sent") && file.text.contains("webhook.rejected"), "{}", file.text);
    for unsaid in [CANARY, SECRET, tenant.domain().as_str(), tenant.stack.smtp.password.as_str()] {
        assert!(!all.contains(unsaid) && !file.text.contains(unsaid), "{unsaid}");
    }
}

async fn is_counted(tenant: &Tenant) {
    let wanted = json!({"delivery": [2, 1], "webhook": [3, 1]});
    await_until("everything is counted", async || {
        let stats = tenant.get("/v1/logs/stats").await.expect(200);
        let types = stats["types"].as_array().unwrap();
        let of = |kind: &str| types.iter().find(|it| it["type"] == kind).map(|it| json!([it["count"], it["error"]]));
        let api = types.iter().find(|it| it["type"] == "api").is_some_and(|it| it["p95_ms"].is_number());
        let found = json!({"delivery": of("delivery"), "webhook": of("webhook")});
        if found == wanted && api { Ok(()) } else { Err(stats) }
    })
    .await;
}

async fn is_nobody_elses(id: &str) {
    let other = Tenant::new().await;
    assert!(log(&other, "").await.is_empty());
    other.get(&format!("/v1/logs/{id}")).await.expect(404);
    assert_eq!(other.get("/v1/logs/stats").await.expect(200)["types"], json!([]));
    assert_eq!(other.get("/v1/logs.csv").await.text.lines().count(), 1);
    let weak = other.with_scopes(&["campaigns:*"]).await;
    weak.get("/v1/logs").await.expect(403);
}
