//! What cannot be read is put aside, and nobody waits for it (row 9 of the fault matrix).

use crate::{await_until::await_until, tenant::Tenant};
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
