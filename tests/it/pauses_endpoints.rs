//! Endpoints that get nothing for a while, because a person wants it so or because they said that they want no more.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, answers, post_event, post_events, status},
    tenant::Tenant,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Waits until so many bundles wait for the endpoint.
async fn await_held(tenant: &Tenant, count: usize) {
    await_until(&format!("{count} bundles are held"), async || {
        let items = tenant.items().await;
        let held = items.iter().filter(|item| item["dk"]["S"].as_str().is_some_and(|dk| dk.starts_with("held#")));
        let held = held.count();
        if held == count { Ok(()) } else { Err(held) }
    })
    .await;
}

#[tokio::test]
async fn what_comes_during_a_pause_is_delivered_after_it_and_each_once() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    // No sender has looked at it yet, so none trusts that it may be posted to.
    endpoint.act("pause", &Value::Null).await;
    let view = endpoint.view().await;
    assert_eq!((&view["enabled"], &view["stopped"]["cause"]), (&json!(false), &json!("paused")), "{view}");
    let mut wanted = BTreeSet::new();
    for n in 0..3 {
        let answer = post_event(&tenant, "order.created", json!({"n": n})).await;
        wanted.insert(answer["id"].as_str().unwrap().to_owned());
    }
    let events: Vec<Value> = (0..30).map(|n| json!({"type": "order.created", "data": {"n": n}})).collect();
    let batch = post_events(&tenant, &json!({"events": events})).await;
    wanted.extend(batch.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
    await_held(&tenant, 5).await;
    assert_eq!(endpoint.seen().await.count.posts, 0, "nothing is posted meanwhile");
    endpoint.act("resume", &Value::Null).await;
    let taken: BTreeSet<String> = endpoint.taken(33).await.into_iter().map(|post| post.id).collect();
    assert_eq!(taken, wanted);
    endpoint.sent_once(&batch).await;
    assert_eq!(endpoint.seen().await.count.posts, 33, "each once");
    assert_eq!(endpoint.view().await["stopped"], Value::Null);
}

#[tokio::test]
async fn an_endpoint_that_is_gone_is_disabled_and_told_of() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::with(&tenant, json!({}), answers([status(410)])).await;
    post_event(&tenant, "order.created", json!({"n": 1})).await;
    await_until("it is disabled", async || {
        let view = endpoint.view().await;
        if view["stopped"]["cause"] == "gone" { Ok(()) } else { Err(view) }
    })
    .await;
    let told = await_until("the bus tells of it", async || endpoint.told("endpoint.disabled").pop().ok_or("nothing"));
    let told = told.await;
    assert_eq!((&told["detail"]["tenant_id"], &told["detail"]["cause"]), (&json!(tenant.id), &json!("gone")), "{told}");
    let trail = tenant.get("/v1/audit").await.expect(200)["items"].to_string();
    assert!(trail.contains("disabled"), "{trail}");
    // What comes now waits, in case it is mended.
    post_event(&tenant, "order.created", json!({"n": 2})).await;
    await_held(&tenant, 1).await;
    assert_eq!(endpoint.seen().await.count.posts, 1);
    endpoint.act("resume", &Value::Null).await;
    assert_eq!(endpoint.taken(1).await[0].body["data"]["n"], 2);
}

#[tokio::test]
async fn events_for_a_deleted_endpoint_go_nowhere() {
    let tenant = Tenant::new().await;
    let (gone, other) = (Endpoint::new(&tenant).await, Endpoint::new(&tenant).await);
    gone.act("pause", &Value::Null).await;
    post_event(&tenant, "order.created", json!({"n": 1})).await;
    await_held(&tenant, 1).await;
    tenant.call(reqwest::Method::DELETE, &gone.path(""), &Value::Null).await.expect(204);
    tenant.get(&gone.path("")).await.expect(404);
    post_event(&tenant, "order.created", json!({"n": 2})).await;
    other.taken(2).await;
    await_held(&tenant, 0).await;
    assert_eq!(gone.seen().await.count.posts, 0);
}
