//! Handing events over, which reach every endpoint that wants them.

use crate::{
    endpoint::{Endpoint, post_event, post_events},
    stack::Stack,
    tenant::Tenant,
    time_of_day::now_s,
};
use domain::digest::hex;
use doubles::webhook::{Post, Setup};
use reqwest::Method;
use ring::hmac;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The ids of what arrived, each as often as it did, sorted.
fn ids(posts: &[Post]) -> Vec<&str> {
    let mut ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn an_event_reaches_every_endpoint_that_wants_it() {
    let tenant = Tenant::new().await;
    let all = Endpoint::new(&tenant).await;
    let orders = Endpoint::with(&tenant, json!({"events": ["order.*"]}), Setup::default()).await;
    let invoices = Endpoint::with(&tenant, json!({"events": ["invoice.paid"]}), Setup::default()).await;
    let created = post_event(&tenant, "order.created", json!({"total": 12})).await;
    let paid = post_event(&tenant, "invoice.paid", json!({"invoice": "R-1"})).await;
    let targets = |event: &Value| -> BTreeSet<String> {
        let deliveries = event["deliveries"].as_array().unwrap().iter();
        deliveries.map(|delivery| delivery["endpoint_id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(targets(&created), [&all, &orders].map(|it| it.id.clone()).into());
    assert_eq!(targets(&paid), [&all, &invoices].map(|it| it.id.clone()).into());
    let told = [created.clone(), paid.clone()];
    let (created, paid) = (created["id"].as_str().unwrap(), paid["id"].as_str().unwrap());
    let mut both = [created, paid];
    both.sort_unstable();
    assert_eq!(ids(&all.taken(2).await), both);
    assert_eq!(ids(&orders.taken(1).await), [created]);
    assert_eq!(ids(&invoices.taken(1).await), [paid]);
    let post = orders.taken(1).await.remove(0);
    assert_eq!((post.kind.as_str(), &post.body["data"]), ("order.created", &json!({"total": 12})));
    // Everything has an end, so nothing else is under way.
    for endpoint in [&all, &orders, &invoices] {
        endpoint.sent_once(&told).await;
    }
    let posts = [all.seen().await, orders.seen().await, invoices.seen().await].map(|seen| seen.count.posts);
    assert_eq!(posts, [2, 1, 1]);
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_taken_all_the_same() {
    let tenant = Tenant::new().await;
    let answer = post_event(&tenant, "order.created", json!({})).await;
    assert_eq!(answer["deliveries"], json!([]), "{answer}");
}

#[tokio::test]
async fn filters_look_into_the_data() {
    let tenant = Tenant::new().await;
    let filter = json!({"match": "all", "conditions": [
        {"field": "total", "op": "gte", "value": 100},
        {"field": "customer.country", "op": "in", "value": ["AT", "DE"]},
    ]});
    let large = Endpoint::with(&tenant, json!({"filter": filter}), Setup::default()).await;
    let order = |total: i64, country: &str| json!({"total": total, "customer": {"country": country}});
    for (total, country) in [(99, "AT"), (100, "FR"), (100, "DE"), (500, "AT")] {
        post_event(&tenant, "order.created", order(total, country)).await;
    }
    let taken = large.taken(2).await;
    let mut totals: Vec<i64> = taken.iter().map(|post| post.body["data"]["total"].as_i64().unwrap()).collect();
    totals.sort_unstable();
    assert_eq!(totals, [100, 500]);
}

#[tokio::test]
async fn data_and_headers_are_as_the_endpoint_wants_them() {
    let tenant = Tenant::new().await;
    let more = json!({
        "transform": {
            "pick": ["order.id", "total", "note"],
            "rename": {"total": "amount"},
            "constant": {"source": "shop"},
        },
        "headers": {"Authorization": "Bearer receivers-own-token", "X-Team": "orders"},
    });
    let endpoint = Endpoint::with(&tenant, more, Setup::default()).await;
    post_event(&tenant, "order.created", json!({"order": {"id": 7, "secret": "s"}, "total": 12, "card": "4111"})).await;
    let post = endpoint.taken(1).await.remove(0);
    assert_eq!(post.body["data"], json!({"order": {"id": 7}, "amount": 12, "source": "shop"}));
    let header = |name: &str| post.headers.get(name).map(String::as_str);
    assert_eq!(header("authorization"), Some("Bearer receivers-own-token"));
    assert_eq!(header("x-team"), Some("orders"));
    assert!(!tenant.transcript().contains("receivers-own-token"), "a header's value is a secret");
}

/// With arithmetic of its own, so that the double is not taken at its word.
#[tokio::test]
async fn posts_are_signed_as_standard_webhooks_says() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    post_event(&tenant, "order.created", json!({"name": "سارة", "n": 1})).await;
    let post = endpoint.taken(1).await.remove(0);
    assert_eq!(post.proven_by, [0]);
    let header = |name: &str| post.headers[name].as_str();
    let body = &post.text;
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), post.body);
    let encoded = endpoint.secret.strip_prefix("whsec_").unwrap();
    let base64 = &base64::engine::general_purpose::STANDARD;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &base64::Engine::decode(base64, encoded).unwrap());
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    assert_eq!(header("webhook-signature"), format!("v1,{}", base64::Engine::encode(base64, signature)));
    assert!((now_s() - timestamp.parse::<i64>().unwrap()).abs() < 60, "{timestamp}");
    let of_body = hmac::sign(&key, body.as_bytes());
    assert_eq!(header("x-trunkline-signature"), format!("sha256={}", hex(of_body.as_ref())));
    assert_eq!((header("x-trunkline-event"), header("content-type")), ("order.created", "application/json"));
    assert!(header("x-trunkline-delivery-id").starts_with("dlv_"));
    let shown = tenant.get(&endpoint.path("")).await.text;
    assert!(!shown.contains(&endpoint.secret), "it is shown once: {shown}");
}

#[tokio::test]
async fn ed25519_signs_for_whoever_has_the_public_key_only() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::with(&tenant, json!({"signing": "ed25519"}), Setup::default()).await;
    assert!(endpoint.secret.starts_with("whpk_") && !tenant.transcript().contains("whsk_"));
    post_event(&tenant, "order.created", json!({})).await;
    let post = endpoint.taken(1).await.remove(0);
    assert_eq!(post.proven_by, [0]);
    assert!(post.headers["webhook-signature"].starts_with("v1a,"), "{:?}", post.headers);
}

async fn post_with_key(tenant: &Tenant, key: &str, body: &Value) -> crate::tenant::Answer {
    let request = tenant.request(Method::POST, "/v1/events").bearer_auth(&tenant.key);
    tenant.ask(request.header("Idempotency-Key", key).json(body)).await
}

#[tokio::test]
async fn a_repeat_with_the_same_key_is_posted_once() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    let event = json!({"type": "order.created", "data": {"n": 1}});
    let first = post_with_key(&tenant, "order-1", &event).await.expect(202);
    assert_eq!(post_with_key(&tenant, "order-1", &event).await.expect(202), first);
    endpoint.taken(1).await;
    assert_eq!(post_with_key(&tenant, "order-1", &event).await.expect(202), first);
    let other = json!({"type": "order.created", "data": {"n": 2}});
    let refused = post_with_key(&tenant, "order-1", &other).await.expect(422);
    assert_eq!(refused["code"], "idempotency_mismatch");
    let next = post_with_key(&tenant, "order-2", &other).await.expect(202);
    assert_ne!(next["events"][0]["id"], first["events"][0]["id"]);
    assert_eq!(ids(&endpoint.taken(2).await).len(), 2);
    assert_eq!(endpoint.seen().await.count.posts, 2);
}

#[tokio::test]
async fn a_batch_of_a_hundred_arrives_each_once() {
    let tenant = Tenant::new().await;
    let (all, even) = (
        Endpoint::new(&tenant).await,
        Endpoint::with(&tenant, json!({"events": ["order.even"]}), Setup::default()).await,
    );
    let kind = |n: usize| if n.is_multiple_of(2) { "order.even" } else { "order.odd" };
    let events: Vec<Value> = (0..100).map(|n| json!({"type": kind(n), "data": {"n": n}})).collect();
    let batch = json!({"events": events});
    let answer = post_with_key(&tenant, "batch", &batch).await.expect(202);
    let told: BTreeSet<&str> =
        answer["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(told.len(), 100);
    assert_eq!(post_with_key(&tenant, "batch", &batch).await.expect(202), answer, "a repeat");
    let taken = all.taken(100).await;
    assert_eq!(ids(&taken).into_iter().collect::<BTreeSet<_>>(), told);
    assert!(taken.iter().all(|post| post.proven_by == [0]));
    let mut numbers: Vec<u64> = taken.iter().map(|post| post.body["data"]["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..100));
    assert!(even.taken(50).await.iter().all(|post| post.kind == "order.even" && told.contains(post.id.as_str())));
    for endpoint in [&all, &even] {
        endpoint.sent_once(answer["events"].as_array().unwrap()).await;
    }
    assert_eq!((all.seen().await.count.posts, even.seen().await.count.posts), (100, 50));
}

#[tokio::test]
async fn what_is_wrong_with_events_is_told_by_field() {
    let tenant = Tenant::new().await;
    let refused = tenant.post("/v1/events", &json!({"type": "Order Created", "data": {}})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("type"), "{}", refused.text);
    let key = tenant.with_scopes(&["endpoints:read"]).await;
    key.post("/v1/events", &json!({"type": "order.created", "data": {}})).await.expect(403);
}

#[tokio::test]
async fn another_tenants_events_are_not_heard() {
    let (ours, theirs) = (Tenant::new().await, Tenant::new().await);
    let (endpoint, other) = (Endpoint::new(&ours).await, Endpoint::new(&theirs).await);
    post_event(&ours, "order.created", json!({"of": "us"})).await;
    post_event(&theirs, "order.created", json!({"of": "them"})).await;
    assert_eq!(endpoint.taken(1).await[0].body["data"]["of"], "us");
    assert_eq!(other.taken(1).await[0].body["data"]["of"], "them");
    theirs.get(&endpoint.path("")).await.expect(404);
    assert_eq!((endpoint.seen().await.count.posts, other.seen().await.count.posts), (1, 1));
}

/// Everything once where the template's IAM policies are enforced.
#[tokio::test]
async fn with_no_more_rights_than_the_template_gives() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    let endpoint =
        Endpoint::with(&tenant, json!({"ordered": true, "limits": {"per_hour": 10_000}}), Setup::default()).await;
    assert_eq!(endpoint.act("test", &json!({})).await["ok"], true);
    for n in 0..2 {
        let event = json!({"type": "order.created", "key": "k", "data": {"n": n}});
        post_events(&tenant, &event).await;
    }
    let events: Vec<Value> = (0..30).map(|n| json!({"type": "order.created", "data": {"n": n}})).collect();
    post_events(&tenant, &json!({"events": events})).await;
    endpoint.taken(33).await;
    endpoint.act("pause", &Value::Null).await;
    endpoint.act("resume", &Value::Null).await;
    endpoint.act("rotate-secret", &json!({})).await;
    tenant.get(&endpoint.path("/dead-letters")).await.expect(200);
    tenant.call(Method::DELETE, &endpoint.path(""), &Value::Null).await.expect(204);
}
