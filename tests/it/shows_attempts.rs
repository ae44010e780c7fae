//! What an endpoint answered, attempt by attempt.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, answers, post_event},
    tenant::Tenant,
};
use doubles::webhook::{Answer, Breaks};
use serde_json::{Value, json};

/// The delivery of the first post with as many attempts, newest last.
async fn delivery_with(tenant: &Tenant, endpoint: &Endpoint<'_>, attempts: usize) -> Value {
    let post = endpoint.posts(1).await.remove(0);
    let path = endpoint.path(&format!("/deliveries/{}", post.headers["x-trunkline-delivery-id"]));
    await_until(&format!("{attempts} attempts are shown"), async || {
        let delivery = tenant.get(&path).await.expect(200);
        let shown = delivery["attempts"].as_array().map_or(0, Vec::len);
        let sent = delivery["status"] == "sent";
        if shown == attempts && sent { Ok(delivery) } else { Err(delivery) }
    })
    .await
}

#[tokio::test]
async fn each_attempt_is_shown_with_its_answer() {
    const LONG: usize = 30_000;
    let tenant = Tenant::new().await;
    let headers = [("x-error-id", "e-7"), ("set-cookie", "session=hidden"), ("content-type", "text/plain")];
    let failing = Answer {
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: "database away\n".into(),
        more_bytes: LONG as u64,
        delay_ms: 60,
        ..Answer::status(500)
    };
    let closes = Answer { breaks: Breaks::Closes, ..Answer::default() };
    let taken = Answer { body: r#"{"ok":true}"#.into(), ..Answer::status(200) };
    let endpoint = Endpoint::with(&tenant, json!({}), answers([failing, closes, taken])).await;
    let event = post_event(&tenant, "order.created", json!({"n": 1})).await;
    let delivery = delivery_with(&tenant, &endpoint, 3).await;
    assert_eq!((&delivery["event"]["id"], &delivery["event"]["data"]), (&event["id"], &json!({"n": 1})), "{delivery}");
    let attempts = delivery["attempts"].as_array().unwrap();

    let first = &attempts[0];
    assert_eq!(first["status"], 500, "{first}");
    assert!(first["duration_ms"].as_u64().unwrap() >= 60, "{first}");
    let header = json!({"name": "x-error-id", "value": "e-7"});
    assert!(first["headers"].as_array().unwrap().contains(&header), "{first}");
    assert!(!first.to_string().contains("session=hidden"), "cookies are not kept: {first}");
    let body = first["body"].as_str().unwrap();
    assert!(body.starts_with("database away\nxxx"), "{body}");
    assert_eq!(body.len(), 20 << 10, "the first 20 kB");

    let second = &attempts[1];
    assert_eq!((&second["status"], &second["error"]["code"]), (&Value::Null, &json!("endpoint_connection_lost")));

    // Each of them by itself, with what it was about.
    let alone = tenant.get(&endpoint.path(&format!("/attempts/{}", first["id"].as_str().unwrap()))).await.expect(200);
    assert_eq!((&alone["body"], &alone["event"]["id"]), (&first["body"], &event["id"]));

    let third = &attempts[2];
    assert_eq!((&third["status"], &third["body"]), (&json!(200), &json!(r#"{"ok":true}"#)));
}

#[tokio::test]
async fn an_endpoints_attempts_are_listed_newest_first() {
    let tenant = Tenant::new().await;
    let endpoint = Endpoint::with(&tenant, json!({}), answers([Answer::status(500)])).await;
    post_event(&tenant, "order.created", json!({"n": 1})).await;
    endpoint.taken(1).await;
    let other = Endpoint::new(&tenant).await;
    let attempts = await_until("the list has both", async || {
        let list = tenant.get(&endpoint.path("/attempts")).await.expect(200);
        let items = list["items"].as_array().unwrap().clone();
        if items.len() == 2 { Ok(items) } else { Err(list) }
    })
    .await;
    let statuses: Vec<&Value> = attempts.iter().map(|attempt| &attempt["status"]).collect();
    assert_eq!(statuses, [204, 500], "{attempts:?}");
    assert!(tenant.get(&other.path("/attempts")).await.expect(200)["items"].as_array().unwrap().is_empty());
}
