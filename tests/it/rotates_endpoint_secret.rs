//! A new signing secret: for a while both sign, then the new one alone.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, post_event},
    tenant::Tenant,
};
use doubles::webhook::{Post, Setup};
use serde_json::{Value, json};

/// A receiver that knows these secrets.
async fn knows(endpoint: &Endpoint<'_>, keys: &[&str]) {
    let keys = keys.iter().map(|key| (*key).to_owned()).collect();
    endpoint.answers_with(Setup { keys, ..Setup::default() }).await;
}

/// Posts one event after the other until one is signed with these of the receiver's keys, by number. Senders learn of a
/// new secret within seconds.
async fn await_signed(tenant: &Tenant, endpoint: &Endpoint<'_>, by: &[usize]) -> Post {
    await_until(&format!("posts are signed by {by:?}"), async || {
        let id = post_event(tenant, "order.created", json!({})).await["id"].clone();
        let post = await_until("it arrives", async || {
            let posts = endpoint.seen().await.posts;
            let count = posts.len();
            posts.into_iter().find(|post| post.id == id.as_str().unwrap()).ok_or(count)
        });
        let post = post.await;
        if post.proven_by == by { Ok(post) } else { Err(format!("{:?}", post.proven_by)) }
    })
    .await
}

fn signatures(post: &Post) -> Vec<&str> {
    post.headers["webhook-signature"].split(' ').collect()
}

#[tokio::test]
async fn both_secrets_sign_and_then_the_new_one_alone() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    assert_eq!(signatures(&await_signed(&tenant, &endpoint, &[0]).await).len(), 1);

    let rotated = endpoint.act("rotate-secret", &json!({})).await;
    let second = rotated["new_secret"].as_str().unwrap();
    assert_ne!(second, endpoint.secret);
    assert!(endpoint.view().await["previous_secret_until"].is_string(), "{rotated}");
    knows(&endpoint, &[&endpoint.secret, second]).await;
    let post = await_signed(&tenant, &endpoint, &[0, 1]).await;
    assert_eq!(signatures(&post).len(), 2);

    let rotated = endpoint.act("rotate-secret", &json!({"keep_previous_hours": 0})).await;
    let third = rotated["new_secret"].as_str().unwrap();
    knows(&endpoint, &[&endpoint.secret, second, third]).await;
    let post = await_signed(&tenant, &endpoint, &[2]).await;
    assert_eq!(signatures(&post).len(), 1);
    assert_eq!(endpoint.view().await["previous_secret_until"], Value::Null);
    let shown = tenant.get(&endpoint.path("")).await.text + &tenant.get("/v1/audit").await.text;
    for secret in [&endpoint.secret, second, third] {
        assert!(!shown.contains(secret), "it is shown once");
    }
}

#[tokio::test]
async fn a_secret_of_the_receivers_own_choice_is_taken() {
    const OWN: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::new(&tenant).await;
    endpoint.act("rotate-secret", &json!({"secret": OWN, "keep_previous_hours": 0})).await;
    knows(&endpoint, &[&endpoint.secret, OWN]).await;
    await_signed(&tenant, &endpoint, &[1]).await;
    let refused = tenant.post(&endpoint.path("/rotate-secret"), &json!({"secret": "whsec_short"})).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("secret"), "{}", refused.text);
}
