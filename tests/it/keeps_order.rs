//! Strict order for each key, where an endpoint wants it.

use crate::{
    endpoint::{Endpoint, answers, post_event, post_events, status},
    tenant::Tenant,
};
use doubles::webhook::{Post, Setup};
use serde_json::{Value, json};

async fn post(tenant: &Tenant, key: &str, n: u64) {
    let event = json!({"type": "order.changed", "key": key, "data": {"key": key, "n": n}});
    post_events(tenant, &event).await;
}

/// The numbers of one key's events in the order in which they were taken.
fn numbers(taken: &[Post], key: &str) -> Vec<u64> {
    let of_key = taken.iter().filter(|post| post.body["data"]["key"] == key);
    of_key.map(|post| post.body["data"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn one_key_waits_for_its_first_event_and_the_others_go_on() {
    let tenant = Tenant::new().await;
    // The second retry comes after half a minute: for so long the others have time to overtake.
    let more = json!({"ordered": true, "retry_policy": "exponential"});
    let endpoint = Endpoint::with(&tenant, more, answers([status(500), status(500)])).await;
    post(&tenant, "a", 0).await;
    // Both failures are those of the first.
    endpoint.posts(2).await;
    for n in 1..4 {
        post(&tenant, "a", n).await;
        post(&tenant, "b", n).await;
    }
    let taken = endpoint.taken(7).await;
    assert_eq!(numbers(&taken, "a"), [0, 1, 2, 3]);
    assert_eq!(numbers(&taken, "b"), [1, 2, 3]);
    let keys: Vec<&str> = taken.iter().map(|post| post.body["data"]["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["b", "b", "b", "a", "a", "a", "a"]);
    assert_eq!(endpoint.seen().await.count.posts, 9, "nothing of the first key was tried before its turn");
}

#[tokio::test]
async fn a_batch_keeps_its_order_over_its_bundles_and_failures() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::with(&tenant, json!({"ordered": true}), answers([status(500)])).await;
    let event = |n: usize| {
        let key = if n.is_multiple_of(2) { "even" } else { "odd" };
        json!({"type": "order.changed", "key": key, "data": {"key": key, "n": n}})
    };
    let events: Vec<Value> = (0..60).map(event).collect();
    post_events(&tenant, &json!({"events": events})).await;
    post(&tenant, "even", 60).await;
    let taken = endpoint.taken(61).await;
    assert_eq!(numbers(&taken, "even"), (0..=60).step_by(2).collect::<Vec<u64>>());
    assert_eq!(numbers(&taken, "odd"), (1..60).step_by(2).collect::<Vec<u64>>());
}

#[tokio::test]
async fn what_is_given_up_holds_nobody_up() {
    let tenant = Tenant::new().await;
    let more = json!({"ordered": true, "retry_policy": "manual"});
    let endpoint = Endpoint::with(&tenant, more, answers([status(400)])).await;
    post(&tenant, "a", 0).await;
    post(&tenant, "a", 1).await;
    assert_eq!(numbers(&endpoint.taken(1).await, "a"), [1]);
}

#[tokio::test]
async fn events_without_a_key_wait_for_nobody() {
    let tenant = Tenant::new().await;
    let more = json!({"ordered": true, "retry_policy": "exponential"});
    let endpoint = Endpoint::with(&tenant, more, answers([status(500), status(500)])).await;
    post(&tenant, "a", 0).await;
    endpoint.posts(2).await;
    post_event(&tenant, "order.changed", json!({"key": "none", "n": 7})).await;
    let taken = endpoint.taken(2).await;
    assert_eq!(taken[0].body["data"]["n"], 7, "{taken:?}");
    let ordinary = Endpoint::with(&tenant, json!({}), Setup::default()).await;
    post(&tenant, "a", 1).await;
    assert_eq!(numbers(&ordinary.taken(1).await, "a"), [1]);
}
