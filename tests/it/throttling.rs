//! A provider that asks us to slow down (row 10 of the fault matrix).

use crate::{slack_double, tenant::Tenant};
use serde_json::{Value, json};

/// The newest attempt of the only delivery.
async fn last_attempt(tenant: &Tenant, campaign: &str, id: &str) -> Value {
    tenant.delivery(campaign, id).await["attempts"].as_array().unwrap().last().unwrap().clone()
}

fn seconds(attempt: &Value) -> f64 {
    let at = attempt["at"].as_str().unwrap();
    let moment = domain::time::Timestamp::parse(at).unwrap();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let seconds = moment.0 as f64 / 1_000.0;
    seconds
}

#[tokio::test]
async fn nobody_posts_while_slack_asks_for_a_pause() {
    const ASKED_S: f64 = 12.0;
    let tenant = Tenant::new().await;
    tenant.slack().await;
    let slow = tenant.channel("RATE12");
    let first = tenant.send("first", "slack", std::slice::from_ref(&slow)).await.remove(0);
    tenant.await_totals("first", json!({"retrying": 1})).await;
    let limited = last_attempt(&tenant, "first", &first).await;
    assert_eq!(limited["code"], "rate_limited");
    // Another channel of the same workspace, and another campaign.
    let second = tenant.send("second", "slack", &[tenant.channel("QUIET")]).await.remove(0);
    for (campaign, id) in [("second", &second), ("first", &first)] {
        assert_eq!(tenant.settled(campaign).await, json!({"total": 1, "settled": true, "sent": 1}));
        let pause = seconds(&last_attempt(&tenant, campaign, id).await) - seconds(&limited);
        // The window opened when Slack answered, a little before the attempt was written down.
        assert!(pause > ASKED_S - 2.0, "{campaign} went on after {pause} s");
    }
    assert_eq!(slack_double::calls(tenant.stack, &slow).await, (2, 1));
    assert_eq!(slack_double::calls(tenant.stack, &tenant.channel("QUIET")).await, (1, 1));
}
