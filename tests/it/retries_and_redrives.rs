//! A receiver that fails: what is tried again by itself, what a person sends again.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, always, answers, post_event, post_events, status},
    tenant::Tenant,
    time_of_day::now_ms,
};
use domain::time::Timestamp;
use doubles::webhook::{Answer, Breaks, Post, Setup};
use serde_json::{Value, json};

fn timestamp_s(post: &Post) -> i64 {
    post.headers["webhook-timestamp"].parse().unwrap()
}

#[tokio::test]
async fn a_retry_has_the_same_id_and_the_time_of_its_attempt() {
    let tenant = Tenant::new().await;
    let closes = Answer { breaks: Breaks::Closes, ..Answer::default() };
    let endpoint = Endpoint::with(&tenant, json!({}), answers([status(500), closes])).await;
    post_event(&tenant, "order.created", json!({"n": 1})).await;
    endpoint.taken(1).await;
    let posts = endpoint.posts(3).await;
    let outcomes: Vec<&str> = posts.iter().map(|post| post.outcome.as_str()).collect();
    assert_eq!(outcomes, ["500", "closed", "204"]);
    for pair in posts.windows(2) {
        assert_eq!((&pair[0].id, &pair[0].body), (&pair[1].id, &pair[1].body));
        let pause_s = timestamp_s(&pair[1]) - timestamp_s(&pair[0]);
        assert!(pause_s >= 3, "5 s, give or take a fifth: {pause_s}");
        assert_ne!(pair[0].headers["webhook-signature"], pair[1].headers["webhook-signature"]);
        let name = "x-trunkline-delivery-id";
        assert_eq!(pair[0].headers[name], pair[1].headers[name]);
    }
}

/// Those of an endpoint that failed for good.
async fn dead_letters(tenant: &Tenant, endpoint: &Endpoint<'_>) -> Vec<Value> {
    let page = tenant.get(&endpoint.path("/dead-letters")).await.expect(200);
    page["items"].as_array().unwrap().clone()
}

async fn await_dead(tenant: &Tenant, endpoint: &Endpoint<'_>, count: usize) -> Vec<Value> {
    await_until(&format!("{count} dead letters"), async || {
        let dead = dead_letters(tenant, endpoint).await;
        if dead.len() == count { Ok(dead) } else { Err(json!(dead)) }
    })
    .await
}

/// An endpoint that nothing retries for.
async fn failing(tenant: &Tenant, then: u16) -> Endpoint<'_> {
    Endpoint::with(tenant, json!({"retry_policy": "manual"}), always(status(then))).await
}

#[tokio::test]
async fn dead_letters_are_redriven_by_filter() {
    let tenant = Tenant::new().await;
    let endpoint = failing(&tenant, 500).await;
    for kind in ["order.created", "order.paid", "invoice.paid"] {
        post_event(&tenant, kind, json!({"of": kind})).await;
    }
    let dead = await_dead(&tenant, &endpoint, 3).await;
    let order = dead.iter().find(|it| it["type"] == "order.created").unwrap();
    assert_eq!(
        (&order["response_status"], &order["error"]["code"]),
        (&json!(500), &json!("endpoint_error")),
        "{order}"
    );
    assert_ne!(order["error"]["fix"], "", "{order}");
    endpoint.answers_with(Setup::default()).await;
    let redriven = endpoint.act("dead-letters/redrive", &json!({"type": "order.*"})).await;
    assert_eq!(redriven["redriven"], 2, "{redriven}");
    let mut kinds: Vec<String> = endpoint.taken(2).await.into_iter().map(|post| post.kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["order.created", "order.paid"]);
    let left = await_dead(&tenant, &endpoint, 1).await;
    assert_eq!(left[0]["type"], "invoice.paid");
    assert_eq!(endpoint.act("dead-letters/redrive", &json!({"type": "order.*"})).await["redriven"], 0, "done once");
    endpoint.act("dead-letters/redrive", &json!({})).await;
    endpoint.taken(3).await;
    assert_eq!(dead_letters(&tenant, &endpoint).await, Vec::<Value>::new());
    let posts = endpoint.seen().await.posts;
    assert_eq!(posts.len(), 6, "each failed once and was taken once");
}

#[tokio::test]
async fn a_batch_of_which_some_failed_is_redriven_in_part() {
    let tenant = Tenant::new().await;
    let setup = answers([status(500), status(404)]);
    let endpoint = Endpoint::with(&tenant, json!({"retry_policy": "manual"}), setup).await;
    let events: Vec<Value> = (0..10).map(|n| json!({"type": "order.created", "data": {"n": n}})).collect();
    post_events(&tenant, &json!({"events": events})).await;
    await_dead(&tenant, &endpoint, 2).await;
    endpoint.act("dead-letters/redrive", &json!({})).await;
    let taken = endpoint.taken(10).await;
    let mut numbers: Vec<u64> = taken.iter().map(|post| post.body["data"]["n"].as_u64().unwrap()).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..10), "each was taken once");
    assert_eq!(endpoint.seen().await.posts.len(), 12);
}

#[tokio::test]
async fn one_delivery_is_sent_again_though_it_was_taken() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    post_event(&tenant, "order.created", json!({})).await;
    let first = endpoint.taken(1).await.remove(0);
    let delivery = &first.headers["x-trunkline-delivery-id"];
    // A moment passes between the receiver's answer and the result of it.
    await_until("it can be resent", async || {
        let path = endpoint.path(&format!("/deliveries/{delivery}/resend"));
        let answer = tenant.post(&path, &json!({"force": true})).await;
        if answer.status == 202 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    let again = endpoint.taken(2).await.remove(1);
    assert_eq!((again.id, again.body), (first.id, first.body));
    assert_eq!(&again.headers["x-trunkline-delivery-id"], delivery);
}

#[tokio::test]
async fn what_failed_since_a_time_is_recovered() {
    let tenant = Tenant::new().await;
    let endpoint = failing(&tenant, 500).await;
    post_event(&tenant, "order.created", json!({"n": "before"})).await;
    await_dead(&tenant, &endpoint, 1).await;
    let since = Timestamp(now_ms()).to_rfc3339();
    post_event(&tenant, "order.created", json!({"n": "after"})).await;
    await_dead(&tenant, &endpoint, 2).await;
    endpoint.answers_with(Setup::default()).await;
    endpoint.act("recover", &json!({"since": since})).await;
    let taken = endpoint.taken(1).await;
    assert_eq!(taken[0].body["data"]["n"], "after");
    await_dead(&tenant, &endpoint, 1).await;
    let posts = endpoint.seen().await.posts;
    assert_eq!(posts.len(), 3, "what came before is left: {posts:?}");
}
