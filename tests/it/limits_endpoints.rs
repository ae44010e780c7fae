//! Receivers that take only so much.

use crate::{
    endpoint::{Endpoint, answers, post_event, post_events},
    tenant::Tenant,
};
use doubles::webhook::{Answer, Post, Setup};
use serde_json::{Value, json};

async fn post_batch(tenant: &Tenant, count: usize) {
    let events: Vec<Value> = (0..count).map(|n| json!({"type": "order.created", "data": {"n": n}})).collect();
    post_events(tenant, &json!({"events": events})).await;
}

/// The most posts that came within any window of so many milliseconds.
fn most_within(posts: &[Post], window_ms: u64) -> usize {
    let mut times: Vec<u64> = posts.iter().map(|post| post.at_ms).collect();
    times.sort_unstable();
    let within = |start: usize| times[start..].iter().take_while(|at| **at < times[start] + window_ms).count();
    (0..times.len()).map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn no_more_is_posted_in_a_second_than_the_endpoint_allows() {
    const PER_SECOND: usize = 5;
    const WINDOW_S: usize = 3;
    // A post may come a little later than its slot, and so nearer to the next: by what a busy machine takes.
    const SLACK: usize = 5;
    let tenant = Tenant::new().await;
    let limited = json!({"limits": {"per_second": PER_SECOND}});
    let limited = Endpoint::with(&tenant, limited, Setup::default()).await;
    let free = Endpoint::new(&tenant).await;
    // Several bundles, which several senders take at once.
    post_batch(&tenant, 60).await;
    for n in 0..5 {
        post_event(&tenant, "order.created", json!({"n": n})).await;
    }
    let (limited, free) = (limited.taken(65).await, free.taken(65).await);
    let most = most_within(&limited, WINDOW_S as u64 * 1_000);
    assert!(most <= PER_SECOND * WINDOW_S + SLACK, "{most} posts within {WINDOW_S} s");
    let ended = |posts: &[Post]| posts.iter().map(|post| post.at_ms).max().unwrap();
    assert!(ended(&free) < ended(&limited), "the other endpoint is not held up");
}

#[tokio::test]
async fn an_endpoint_that_asks_for_silence_gets_it_and_the_others_go_on() {
    const ASKED_S: u64 = 8;
    let tenant = Tenant::new().await;
    let headers = [("retry-after".to_owned(), ASKED_S.to_string())].into();
    let busy = Endpoint::with(&tenant, json!({}), answers([Answer { headers, ..Answer::status(429) }])).await;
    let other = Endpoint::new(&tenant).await;
    post_event(&tenant, "order.created", json!({"n": 0})).await;
    let asked = busy.posts(1).await.remove(0);
    other.taken(1).await;
    for n in 1..4 {
        post_event(&tenant, "order.created", json!({"n": n})).await;
    }
    let others = other.taken(4).await;
    let after = busy.taken(4).await;
    for post in &after {
        let pause_ms = post.at_ms - asked.at_ms;
        assert!(pause_ms + 500 >= ASKED_S * 1_000, "{pause_ms} ms after it asked for silence");
    }
    assert_eq!(busy.seen().await.count.posts, 5);
    let last = others.iter().map(|post| post.at_ms).max().unwrap();
    assert!(after.iter().all(|post| post.at_ms > last), "the other endpoint waits for nobody");
}
