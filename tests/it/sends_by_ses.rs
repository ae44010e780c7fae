//! Amazon SES: what a tenant sends through its own account, and what comes back over the event bus.

use crate::{emulator::client, tenant::Tenant};
use serde_json::{Value, json};

/// The secret access key of every access key that the double knows.
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn settings(key: &str) -> Value {
    json!({
        "provider": "ses", "name": "Our SES",
        "config": {
            "region": "eu-central-1", "access_key_id": key, "from_address": "news@acme.example", "from_name": "أكمي",
            "configuration_set": "trunkline",
        },
        "secrets": {"secret_access_key": SECRET},
        "probe_interval_minutes": 60,
    })
}

fn double(tenant: &Tenant) -> &str {
    &tenant.stack.mail_api.as_ref().expect("the double runs").url
}

/// What the double saw of a delivery.
async fn call(tenant: &Tenant, delivery: &str) -> Value {
    let answer = client().get(format!("{}/_double/requests", double(tenant))).send().await.expect("the double answers");
    let record: Value = answer.json().await.expect("it speaks JSON");
    let mut calls = record["requests"].as_array().expect("calls").iter();
    calls.rfind(|call| call["delivery"] == *delivery).expect("the message was sent").clone()
}

/// The event that SES sends when this happens to a message.
async fn event(tenant: &Tenant, message_id: &Value, what: &str) -> Value {
    let wanted = json!({"message_id": message_id, "event": what});
    let request = client().post(format!("{}/_double/ses/event", double(tenant))).json(&wanted);
    request.send().await.expect("the double answers").json().await.expect("it took that message")
}

#[tokio::test]
async fn and_sees_what_became_of_it() {
    let tenant = Tenant::new().await;
    let integration = tenant.create(&settings("AKIAGOOD00000001")).await;
    let test = tenant.post(&format!("/v1/integrations/{integration}/test"), &Value::Null).await.expect(200);
    assert_eq!(
        (&test["status"], &test["detail"]),
        (&json!("ok"), &json!("the account may send, 50000 a day and 14 a second"))
    );

    // A campaign whose id no tag of SES could hold as it is.
    let campaign = "spring_2026.1";
    let ids = tenant.send(campaign, "email", &[tenant.address("sara")]).await;
    assert_eq!(tenant.settled(campaign).await, json!({"total": 1, "settled": true, "sent": 1}));
    let call = call(&tenant, &ids[0]).await;
    assert_eq!((&call["provider"], &call["outcome"]), (&json!("ses"), &json!("200")));
    assert_eq!(tenant.delivery(campaign, &ids[0]).await["provider_message_id"], call["message_id"]);

    let bounce = event(&tenant, &call["message_id"], "bounce").await;
    let mut forged = bounce.clone();
    forged["detail"]["mail"]["tags"]["trunkline_proof"] = json!(["0123456789abcdef0123456789abcdef"]);
    for (event, outcome) in [(&forged, "dropped"), (&bounce, "stored"), (&bounce, "stored")] {
        let before = tenant.delivery(campaign, &ids[0]).await["feedback"].clone();
        let taken = tenant.aws.invoke("track-ses", event).await;
        assert!(!taken.failed && taken.answer == outcome, "{taken:?}");
        if outcome == "dropped" {
            assert_eq!(tenant.delivery(campaign, &ids[0]).await["feedback"], before, "nobody believes it");
        }
    }
    let feedback = tenant.delivery(campaign, &ids[0]).await["feedback"].clone();
    let expected =
        json!([{"kind": "bounced", "at": "2026-11-20T12:00:05.000Z", "detail": "smtp; 550 5.1.1 user unknown"}]);
    assert_eq!(feedback, expected);
    assert!(!tenant.transcript().contains(SECRET), "a secret shows in an answer");
}

#[tokio::test]
async fn and_is_told_which_field_to_mend() {
    let tenant = Tenant::new().await;
    for (key, secret, code, field) in [
        ("AKIAUNKNOWN00001", SECRET, "ses_key_refused", "secrets.secret_access_key"),
        (
            "AKIAGOOD00000001",
            "another/secret/of/the/same/length/0123456",
            "ses_key_refused",
            "secrets.secret_access_key",
        ),
        ("AKIADENIED000001", SECRET, "ses_not_permitted", "config.access_key_id"),
        ("AKIAPAUSED000001", SECRET, "ses_sending_paused", "config.region"),
    ] {
        let mut settings = settings(key);
        settings["secrets"]["secret_access_key"] = json!(secret);
        let refused = tenant.post("/v1/integrations", &settings).await.expect(422);
        let error = &refused["errors"][0];
        assert_eq!((&error["code"], &error["field"]), (&json!(code), &json!(field)), "{key}: {refused}");
    }
}
