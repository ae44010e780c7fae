//! An answer that got lost: the provider is asked for the message before it is sent again.

use crate::{emulator::client, tenant::Tenant};
use serde_json::{Value, json};

/// How often the doubles of the e-mail APIs were asked to send to an address, and how often they took it.
async fn calls(tenant: &Tenant, address: &str) -> (u64, u64) {
    let url = &tenant.stack.mail_api.as_ref().expect("the double runs").url;
    let answer = client().get(format!("{url}/_double/requests")).send().await.expect("the double answers");
    let record: Value = answer.json().await.expect("it speaks JSON");
    let count = &record["by_recipient"][address];
    (count["calls"].as_u64().unwrap_or(0), count["accepted"].as_u64().unwrap_or(0))
}

/// Waits for the time limit of a send, and for the pause before the next try.
#[tokio::test]
async fn what_the_provider_took_is_not_sent_twice() {
    let tenant = Tenant::new().await;
    let postmark = json!({"server_token": "good-token-0001"});
    let sendgrid = json!({"api_key": "SG.activity.0001"});
    let mut deliveries = Vec::new();
    for (provider, secrets) in [("postmark", postmark), ("sendgrid", sendgrid)] {
        let settings = json!({
            "provider": provider, "name": provider, "config": {"from_address": "news@acme.example"},
            "secrets": secrets, "probe_interval_minutes": 60,
        });
        let (integration, address) = (tenant.create(&settings).await, tenant.address(&format!("lost-{provider}")));
        let ids = tenant.send_through(provider, "email", Some(&integration), std::slice::from_ref(&address)).await;
        deliveries.push((provider, ids[0].clone(), address));
    }
    for (provider, id, address) in deliveries {
        assert_eq!(tenant.settled(provider).await, json!({"total": 1, "settled": true, "sent": 1}), "{provider}");
        assert_eq!(calls(&tenant, &address).await, (1, 1), "{provider}");
        let delivery = tenant.delivery(provider, &id).await;
        assert!(delivery["provider_message_id"].is_string(), "{delivery}");
    }
}
