//! What cannot be read is put aside, and nobody waits for it (rows 9 and 14 of the fault matrix).

use crate::{await_until::await_until, bus, tenant::Tenant};
use serde_json::json;

#[tokio::test]
async fn a_message_that_cannot_be_read_holds_nobody_up_and_does_not_come_back() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let nobody =
        json!({"tenant": tenant.id, "campaign": "spring", "bundle": "01JD0000000000000000000000.0"}).to_string();
    let mut poison = Vec::new();
    for body in ["no JSON at all", "{}", &nobody] {
        poison.push(tenant.aws.queue("EmailQueueUrl", body).await);
    }
    tenant.send("spring", "email", &["a", "b"].map(|name| tenant.address(name))).await;
    assert_eq!(tenant.settled("spring").await, json!({"total": 2, "settled": true, "sent": 2}));
    let dropped = async |id: &str| {
        let lines = tenant.aws.logs("send-email").await;
        lines.iter().filter(|line| line.contains(id) && line.contains("cannot be read")).count()
    };
    for id in &poison[..2] {
        await_until("it is written down", async || match dropped(id).await {
            0 => Err("not yet"),
            _ => Ok(()),
        })
        .await;
    }
    // Had they not been acknowledged, they would be in the queue still, and in the dead letters at last.
    tenant.send("after", "email", &[tenant.address("later")]).await;
    tenant.settled("after").await;
    for id in &poison[..2] {
        assert_eq!(dropped(id).await, 1);
    }
    assert_eq!(tenant.aws.messages_in("EmailDlqUrl").await, 0);
}

#[tokio::test]
async fn a_change_in_the_table_that_cannot_be_read_holds_no_event_up() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    tenant.send("spring", "email", &[tenant.address("before")]).await;
    tenant.settled("spring").await;
    let partition = format!("T#{}#C#spring", tenant.id);
    let key = json!({"pk": {"S": partition}, "sk": {"S": "B#01JD0000000000000000000000#00007"}});
    // A delivery that is over and of which all else is missing.
    tenant.aws.set_text(&key, "c", "email").await;
    tenant.aws.set_text(&key, "st", "d").await;
    tenant.send("spring", "email", &[tenant.address("after")]).await;
    await_until("both deliveries are told", async || match bus::deliveries(&tenant, "delivery.sent").len() {
        2 => Ok(()),
        told => Err(told),
    })
    .await;
    await_until("the change is written down by its key", async || {
        let lines = tenant.aws.logs("publish").await;
        if lines.iter().any(|line| line.contains(&partition) && line.contains("#00007")) {
            Ok(())
        } else {
            Err("not yet")
        }
    })
    .await;
    tenant.aws.delete_item(&key).await;
}
