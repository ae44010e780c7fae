//! Receivers that hang, close, drip, fail, send far too much, lead elsewhere or want no more: each ends where the
//! documentation says, with its attempts recorded, and another tenant's events arrive meanwhile.

use crate::{
    await_until::await_until,
    endpoint::{Endpoint, always, post_event, status},
    tenant::Tenant,
};
use doubles::webhook::{Answer, Breaks};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A receiver, and where a delivery to it ends: its status, how many attempts it took, the status of the last answer, and the
/// code of what went wrong.
struct Hostile {
    name: &'static str,
    policy: &'static str,
    answer: Answer,
    ends: (&'static str, usize, Option<u16>, Option<&'static str>),
}

fn hostile() -> Vec<Hostile> {
    let breaks = |breaks| Answer { breaks, ..status(200) };
    let with_header = |status: u16, name: &str, value: &str| Answer {
        headers: [(name.to_owned(), value.to_owned())].into(),
        ..Answer::status(status)
    };
    let drip = Answer { body: "x".repeat(60), drip_ms: 1_000, ..status(200) };
    let endless = Answer { body: "x".into(), more_bytes: 10 << 20, ..status(200) };
    let of = |name, policy, answer, ends| Hostile { name, policy, answer, ends };
    vec![
        of("hangs", "manual", breaks(Breaks::Hangs), ("dead", 1, None, Some("endpoint_timeout"))),
        of("closes", "manual", breaks(Breaks::Closes), ("dead", 1, None, Some("endpoint_connection_lost"))),
        // Its status came at once, and says all: what drips is cut off.
        of("drips", "manual", drip, ("sent", 1, Some(200), None)),
        of("hangs in the body", "manual", breaks(Breaks::HangsInBody), ("sent", 1, Some(200), None)),
        of("fails for long", "immediate", status(500), ("dead", 3, Some(500), Some("endpoint_error"))),
        of("sends 10 MB", "manual", endless, ("sent", 1, Some(200), None)),
        of(
            "leads to metadata",
            "manual",
            with_header(302, "location", "http://169.254.169.254/latest/meta-data/"),
            ("dead", 1, Some(302), Some("endpoint_redirected")),
        ),
        of("wants no more", "immediate", status(410), ("failed", 1, Some(410), Some("endpoint_gone"))),
        of("is busy", "manual", with_header(429, "retry-after", "1"), ("dead", 1, Some(429), Some("endpoint_busy"))),
    ]
}

/// The delivery of the first post to an endpoint, once it is over.
async fn ended(tenant: &Tenant, endpoint: &Endpoint<'_>, attempts: usize) -> Value {
    let post = endpoint.posts(1).await.remove(0);
    let path = endpoint.path(&format!("/deliveries/{}", post.headers["x-trunkline-delivery-id"]));
    await_until("the delivery ends", async || {
        let delivery = tenant.get(&path).await.expect(200);
        let over = matches!(delivery["status"].as_str(), Some("sent" | "failed" | "dead"));
        let shown = delivery["attempts"].as_array().map_or(0, Vec::len);
        if over && shown >= attempts { Ok(delivery) } else { Err(delivery) }
    })
    .await
}

#[tokio::test]
async fn hostile_receivers_end_as_documented_and_hold_nobody_else_up() {
    const QUIET_EVENTS: usize = 20;
    let (noisy, quiet) = (Tenant::new().await, Tenant::new().await);
    let mut receivers = Vec::new();
    for hostile in hostile() {
        let settings = json!({"name": hostile.name, "retry_policy": hostile.policy});
        let endpoint = Endpoint::with(&noisy, settings, always(hostile.answer.clone())).await;
        receivers.push((hostile, endpoint));
    }
    let calm = Endpoint::new(&quiet).await;
    // Each of these is a bundle an endpoint, and those that hang are in a sender's hands for half a minute.
    for n in 0..3 {
        post_event(&noisy, "order.created", json!({"n": n})).await;
    }
    let (_, hanging) = &receivers[0];
    hanging.posts(1).await;

    let mut wanted = BTreeSet::new();
    for n in 0..QUIET_EVENTS {
        let event = post_event(&quiet, "order.created", json!({"n": n})).await;
        wanted.insert(event["id"].as_str().unwrap().to_owned());
    }
    let taken = calm.taken(QUIET_EVENTS).await;
    let ids: BTreeSet<String> = taken.iter().map(|post| post.id.clone()).collect();
    assert_eq!((ids, taken.len()), (wanted, QUIET_EVENTS), "each once");
    // Not by the clock, but by what had come before: nobody waited for the one that hangs.
    assert!(hanging.ended().is_empty(), "it hangs longer than the others need: {:?}", hanging.ended());

    for (Hostile { name, ends, .. }, endpoint) in &receivers {
        let (state, attempts, last_status, code) = *ends;
        let delivery = ended(&noisy, endpoint, attempts).await;
        let shown = delivery["attempts"].as_array().unwrap();
        assert_eq!((delivery["status"].as_str(), shown.len()), (Some(state), attempts), "{name}: {delivery}");
        let last = shown.last().unwrap();
        assert_eq!(last["status"], json!(last_status), "{name}: {last}");
        assert_eq!(last["error"]["code"].as_str(), code, "{name}: {last}");
        assert!(last["body"].as_str().unwrap_or_default().len() <= 20 << 10, "{name}: no more than 20 kB is kept");
    }
    // Whoever wants no more gets no more; what came behind waits for a person.
    let (_, gone) = receivers.iter().find(|(hostile, _)| hostile.name == "wants no more").unwrap();
    let view = gone.view().await;
    assert_eq!((&view["enabled"], &view["stopped"]["cause"]), (&json!(false), &json!("gone")), "{view}");
    assert_eq!(calm.seen().await.count.posts, QUIET_EVENTS as u64, "nothing was posted twice");
}
