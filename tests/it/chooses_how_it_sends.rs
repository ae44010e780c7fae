//! What a tenant may choose: test recipients, templates of its own, other ways into the same provider.

use crate::{
    slack_double,
    tenant::{Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn to_test_recipients_instead_of_real_ones() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let testers = ["tester-1", "tester-2"].map(|name| tenant.address(name));
    tenant.call(Method::PATCH, "/v1/settings", &json!({"sandbox": {"email": testers}})).await.expect(200);
    let mut request = message("email", &["a", "b", "c"].map(|name| tenant.address(name)));
    request["sandbox"] = json!(true);
    tenant.post("/v1/campaigns/trial/deliveries", &request).await.expect(202);
    assert_eq!(tenant.settled("trial").await, json!({"total": 3, "settled": true, "sent": 3}));
    let mut to: Vec<String> = tenant.mail().into_iter().map(|mail| mail.to).collect();
    to.sort();
    assert_eq!(to, ["tester-1", "tester-1", "tester-2"].map(|name| tenant.address(name)));
    assert!(tenant.deliveries("trial").await.iter().all(|delivery| delivery["sandbox"] == true));
}

#[tokio::test]
async fn words_of_its_own_in_two_languages() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    let mut template = json!({
        "id": "welcome", "name": "Welcome", "channel": "email",
        "texts": {
            "en": {"subject": "Hi {{ name }}", "text": "Hello {{ name }}.", "html": "<p>Hello {{ name }}.</p>"},
            "ar": {"subject": "أهلًا {{ name }}", "text": "مرحبًا {{ name }}."},
        },
    });
    let made = tenant.post("/v1/templates", &template).await.expect(201);
    assert_eq!((&made["version"], &made["variables"]), (&json!(1), &json!(["name"])));
    tenant.post("/v1/templates", &template).await.expect(409);
    let recipient = |name: &str, locale: &str, value: &str| json!({"user_id": name, "address": tenant.address(name), "locale": locale, "variables": {"name": value}});
    let recipients = [recipient("en", "en", "<b>Bob</b>"), recipient("ar", "ar", "سارة")];
    let send = json!({"channel": "email", "template": {"id": "welcome"}, "recipients": recipients});
    tenant.post("/v1/campaigns/hello/deliveries", &send).await.expect(202);
    tenant.settled("hello").await;
    template["texts"]["en"]["subject"] = json!("Good day {{ name }}");
    assert_eq!(tenant.put("/v1/templates/welcome", &template).await.expect(200)["version"], 2);
    let send =
        json!({"channel": "email", "template": {"id": "welcome"}, "recipients": [recipient("new", "en", "Bob")]});
    tenant.post("/v1/campaigns/hello/deliveries", &send).await.expect(202);
    tenant.settled("hello").await;
    let subject = |name: &str| tenant.mail().into_iter().find(|mail| mail.to == tenant.address(name)).unwrap().subject;
    assert_eq!(["en", "ar", "new"].map(subject), ["Hi <b>Bob</b>", "أهلًا سارة", "Good day Bob"]);
    tenant.call(Method::DELETE, "/v1/templates/welcome", &Value::Null).await.expect(204);
    tenant.post("/v1/campaigns/hello/deliveries", &send).await.expect(409);
}

/// TLS from the start, as on port 465; none at all, as on port 25.
#[tokio::test]
async fn the_encryption_of_its_mail_server() {
    let tenant = Tenant::new().await;
    let mut tls = tenant.email_settings();
    tls["config"]["security"] = json!("tls");
    tls["config"]["port"] = json!(tenant.stack.smtp.tls_port);
    let mut plain = tenant.email_settings();
    plain["config"]["security"] = json!("none");
    plain["config"]["port"] = json!(tenant.stack.smtp.plain_port);
    plain["config"].as_object_mut().unwrap().remove("username");
    plain["secrets"] = json!({});
    for (name, settings) in [("tls", tls), ("plain", plain)] {
        let integration = tenant.create(&settings).await;
        tenant.send_through(name, "email", Some(&integration), &[tenant.address(name)]).await;
        assert_eq!(tenant.settled(name).await, json!({"total": 1, "settled": true, "sent": 1}));
        assert_eq!(tenant.mails_to(name), 1);
    }
}

#[tokio::test]
async fn an_incoming_webhook_instead_of_a_bot() {
    let tenant = Tenant::new().await;
    let url = &tenant.stack.slack.as_ref().unwrap().url;
    let hook = format!("B{}", tenant.digits);
    let mut settings = tenant.slack_settings();
    settings["config"] = json!({"mode": "incoming_webhook"});
    settings["secrets"] = json!({"webhook_url": format!("{url}/services/T0DOUBLE/{hook}/abcdefghijklmnopqrstuvwx")});
    tenant.create(&settings).await;
    tenant.send("spring", "slack", &["default".to_owned()]).await;
    assert_eq!(tenant.settled("spring").await, json!({"total": 1, "settled": true, "sent": 1}));
    assert_eq!(slack_double::calls(tenant.stack, &hook).await.1, 1);
}
