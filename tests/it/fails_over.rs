//! One of a tenant's two mail servers fails, and the other takes over: everybody gets the message, and nobody twice.

use crate::{await_until::await_until, bus, strange_mail_server::StrangeMailServer, tenant::Tenant};
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};

/// The tenant's first integration, at a mail server of its own that the test can end, and the second, which is slower to
/// be chosen.
async fn first_and_second(tenant: &Tenant, server: &StrangeMailServer, authority: bool) -> (String, String) {
    let mut first = tenant.email_settings();
    (first["name"], first["priority"]) = (json!("First"), json!(1));
    first["config"]["host"] = server.says["host"].clone();
    first["config"]["port"] = server.says["port"].clone();
    first["config"]["username"] = server.says["username"].clone();
    first["secrets"]["password"] = server.says["password"].clone();
    let file = server.says["ca_file"].as_str().expect("the server says where its authority is");
    let certificate = fs::read_to_string(file).expect("it is there");
    first["config"]["ca_certificate"] = if authority { json!(certificate) } else { Value::Null };
    let mut second = tenant.email_settings();
    (second["name"], second["priority"]) = (json!("Second"), json!(2));
    let made = tenant.post("/v1/integrations?test=false", &first).await.expect(201);
    (made["id"].as_str().expect("an integration has an id").to_owned(), tenant.create(&second).await)
}

fn people(tenant: &Tenant, count: usize) -> Vec<String> {
    (0..count).map(|number| tenant.address(&format!("person-{number}"))).collect()
}

/// Everybody received the message once, and from the second integration.
async fn everybody_once(tenant: &Tenant, campaign: &str, through: &str, to: &[String]) {
    let received: Vec<String> = tenant.mail().into_iter().map(|mail| mail.to).collect();
    let distinct: BTreeSet<&String> = received.iter().collect();
    assert_eq!((received.len(), distinct.len()), (to.len(), to.len()), "one each");
    for delivery in tenant.deliveries(campaign).await {
        assert_eq!((&delivery["status"], &delivery["integration_id"]), (&json!("sent"), &json!(through)), "{delivery}");
    }
    let sent = bus::events_named(tenant, "delivery.sent");
    for event in sent.iter().filter(|event| event["detail"]["campaign_id"] == campaign) {
        assert_eq!(event["detail"]["integration_id"], through);
    }
}

#[tokio::test]
async fn a_campaign_goes_through_the_second_while_the_test_of_the_first_fails() {
    let tenant = Tenant::new().await;
    let server = StrangeMailServer::start(tenant.stack, &tenant.id).await;
    let (first, second) = first_and_second(&tenant, &server, false).await;
    let tested = tenant.post(&format!("/v1/integrations/{first}/test"), &Value::Null).await;
    assert_eq!(tested.body["status"], "fail", "{tested:?}");
    let alerts = tenant.get("/v1/integrations/summary").await.expect(200)["alerts"].clone();
    let impact = alerts[0]["impact"].as_str().unwrap_or_default();
    assert!(impact.starts_with("Campaigns by e-mail go through \"Second\" meanwhile"), "{alerts}");

    let to = people(&tenant, 30);
    tenant.send("spring", "email", &to).await;
    assert_eq!(tenant.settled("spring").await, json!({"total": 30, "settled": true, "sent": 30}));
    everybody_once(&tenant, "spring", &second, &to).await;
    let mut named = crate::tenant::message("email", &to);
    named["integration_id"] = json!(first);
    tenant.post("/v1/campaigns/autumn/deliveries", &named).await.expect(409);
}

#[tokio::test]
async fn a_campaign_goes_on_through_the_second_when_the_first_breaks_in_its_middle() {
    let tenant = Tenant::new().await;
    let server = StrangeMailServer::start(tenant.stack, &tenant.id).await;
    let (first, second) = first_and_second(&tenant, &server, true).await;
    let tested = tenant.post(&format!("/v1/integrations/{first}/test"), &Value::Null).await;
    assert_eq!(tested.body["status"], "ok", "{tested:?}");
    let before = tenant.send("spring", "email", &[tenant.address("before")]).await;
    tenant.settled("spring").await;
    assert_eq!(tenant.delivery("spring", &before[0]).await["integration_id"], json!(first));

    // Its last test passed, so the campaign may go, and goes to the first.
    drop(server);
    let to = people(&tenant, 60);
    let ids = tenant.send("summer", "email", &to).await;
    assert_eq!(tenant.settled("summer").await, json!({"total": 60, "settled": true, "sent": 60}));
    everybody_once(&tenant, "summer", &second, &to).await;

    let mut tried_by_first = 0;
    for id in &ids {
        let delivery = tenant.delivery("summer", id).await;
        let through: Vec<&Value> =
            delivery["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["integration_id"]).collect();
        assert_eq!(through.last(), Some(&&json!(second)), "{delivery}");
        tried_by_first += usize::from(delivery["attempts"][0]["result"] == "retrying");
    }
    assert!((10..60).contains(&tried_by_first), "{tried_by_first} were tried before the breaker opened");
    let usage = tenant.get(&format!("/v1/integrations/{first}/usage")).await.expect(200);
    assert_ne!(usage["breaker"]["state"], "closed", "{usage}");
    let log = tenant.get(&format!("/v1/integrations/{first}/health/log")).await.expect(200);
    let opened = log["items"].as_array().unwrap().iter().find(|test| test["code"] == "breaker_open").cloned();
    assert_eq!(opened.map(|test| test["status"].clone()), Some(json!("warn")), "{log}");
    await_until("the warning is told", async || {
        let told = bus::events_named(&tenant, "integration.health_changed");
        let warned = told.iter().any(|event| event["detail"]["code"] == "breaker_open");
        if warned { Ok(()) } else { Err(json!(told)) }
    })
    .await;
}
