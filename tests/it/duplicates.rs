//! Whatever comes twice is done once: requests (row 3 of the fault matrix) and queue messages (row 4).

use crate::{
    scrubbed::scrubbed,
    tenant::{Answer, Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const REPEATS: usize = 8;

async fn send_with_key(tenant: &Tenant, key: &str, request: &Value) -> Answer {
    let post = tenant.request(Method::POST, "/v1/campaigns/spring/deliveries").bearer_auth(&tenant.key);
    tenant.ask(post.header("Idempotency-Key", key).json(request)).await
}

#[tokio::test]
async fn a_request_repeated_after_its_answer_was_lost_is_done_once() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let request = message("email", &["a", "b", "c"].map(|name| tenant.address(name)));
    let first = send_with_key(&tenant, "order-1", &request).await.expect(202);
    let second = send_with_key(&tenant, "order-1", &request).await.expect(202);
    assert_eq!(first, second);
    tenant.settled("spring").await;
    let third = send_with_key(&tenant, "order-1", &request).await.expect(202);
    assert_eq!(first, third);
    assert_eq!(tenant.settled("spring").await, json!({"total": 3, "settled": true, "sent": 3}));
    assert_eq!(tenant.mail().len(), 3);
}

/// One recipient and several take different ways through the store.
#[tokio::test]
async fn eight_repeats_at_once_are_done_once() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let one = message("email", &[tenant.address("only")]);
    let many: Vec<String> = (0..30).map(|n| tenant.address(&format!("r{n}"))).collect();
    let many = message("email", &many);
    let (tenant, mut answers) = (std::sync::Arc::new(tenant), tokio::task::JoinSet::new());
    for _ in 0..REPEATS {
        for (key, request) in [("one", &one), ("many", &many)] {
            let (tenant, request) = (tenant.clone(), request.clone());
            answers.spawn(async move { send_with_key(&tenant, key, &request).await.expect(202).to_string() });
        }
    }
    let different: BTreeSet<String> = answers.join_all().await.into_iter().collect();
    assert_eq!(different.len(), 2, "every repeat is answered as the first");
    assert_eq!(tenant.settled("spring").await, json!({"total": 31, "settled": true, "sent": 31}));
    let recipients: BTreeSet<String> = tenant.mail().into_iter().map(|mail| mail.to).collect();
    assert_eq!((recipients.len(), tenant.mail().len()), (31, 31), "one mail each");
}

#[tokio::test]
async fn a_key_used_again_with_another_body_is_refused() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    send_with_key(&tenant, "order-1", &message("email", &[tenant.address("a")])).await.expect(202);
    tenant.settled("spring").await;
    let before = tenant.items().await;
    let other = send_with_key(&tenant, "order-1", &message("email", &[tenant.address("b")])).await.expect(422);
    insta::assert_json_snapshot!("a_key_with_another_body", scrubbed(&tenant, other));
    assert_eq!(tenant.items().await, before, "nothing is stored");
}

#[tokio::test]
async fn a_queue_message_that_comes_six_times_sends_once() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let ids = tenant.send("spring", "email", &["a", "b"].map(|name| tenant.address(name))).await;
    let body = queue_message(&tenant, "spring", &ids[0]);
    for _ in 0..3 {
        tenant.aws.queue("EmailQueueUrl", &body).await;
    }
    tenant.settled("spring").await;
    for _ in 0..2 {
        tenant.aws.queue("EmailQueueUrl", &body).await;
    }
    // What is queued after them is taken after them.
    tenant.send("after", "email", &[tenant.address("later")]).await;
    tenant.settled("after").await;
    assert_eq!((tenant.mails_to("a"), tenant.mails_to("b")), (1, 1));
    assert_eq!(tenant.totals("spring").await, json!({"total": 2, "settled": true, "sent": 2}));
    assert_eq!(tenant.delivery("spring", &ids[0]).await["attempts"].as_array().unwrap().len(), 1);
}

/// What the queue holds for the bundle of a delivery.
pub(crate) fn queue_message(tenant: &Tenant, campaign: &str, delivery: &str) -> String {
    let bundle = domain::bundle::BundleId::origin_of(&delivery.parse().unwrap());
    json!({"tenant": tenant.id, "campaign": campaign, "bundle": bundle}).to_string()
}
