//! What providers report of messages they took: shown, told on the bus, and taken to heart by the next campaign.

use crate::{
    await_until::await_until,
    bus,
    emulator::client,
    tenant::{Tenant, message},
    time_of_day::now_s,
};
use doubles::mail_api::{Posting, Wanted};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const PASSWORD: &str = "a-long-word-for-postmark";

fn double(tenant: &Tenant) -> &str {
    &tenant.stack.mail_api.as_ref().expect("the doubles of the e-mail APIs run").url
}

async fn sendgrid(tenant: &Tenant) -> String {
    let url = format!("{}/_double/sendgrid/public-key", double(tenant));
    let key = client().get(url).send().await.unwrap().text().await.unwrap();
    let settings = json!({
        "provider": "sendgrid", "name": "SendGrid",
        "config": {"from_address": "news@acme.example", "webhook_public_key": key},
        "secrets": {"api_key": format!("SG.good-{}", tenant.digits)}, "probe_interval_minutes": 60,
    });
    tenant.create(&settings).await
}

async fn postmark(tenant: &Tenant) -> String {
    let settings = json!({
        "provider": "postmark", "name": "Postmark", "config": {"from_address": "news@acme.example"},
        "secrets": {"server_token": format!("good-{}", tenant.digits), "webhook_password": PASSWORD},
        "probe_interval_minutes": 60,
    });
    tenant.create(&settings).await
}

/// What the provider of a delivery would post now.
async fn reports(tenant: &Tenant, delivery: &str, kinds: &[&str], at: i64) -> Vec<Posting> {
    let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
    let wanted = Wanted { delivery: delivery.to_owned(), kinds, at, password: PASSWORD.to_owned() };
    let url = format!("{}/_double/reports", double(tenant));
    client().post(url).json(&wanted).send().await.unwrap().json().await.unwrap()
}

fn posting(tenant: &Tenant, path: &str, posting: &Posting) -> RequestBuilder {
    let request = tenant.request(Method::POST, path).body(posting.body.clone());
    posting.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
}

async fn tracking_path(tenant: &Tenant, integration: &str) -> String {
    let view = tenant.get(&format!("/v1/integrations/{integration}")).await.expect(200);
    view["tracking_path"].as_str().expect("its provider reports").to_owned()
}

fn kinds(delivery: &Value) -> Vec<&str> {
    let feedback = delivery["feedback"].as_array().map_or(&[][..], Vec::as_slice);
    let mut kinds: Vec<_> = feedback.iter().filter_map(|it| it["kind"].as_str()).collect();
    kinds.sort_unstable();
    kinds
}

#[tokio::test]
async fn from_both_providers_and_writes_to_nobody_who_wants_no_more() {
    let tenant = Tenant::new().await;
    for (name, integration) in [("sendgrid", sendgrid(&tenant).await), ("postmark", postmark(&tenant).await)] {
        let path = tracking_path(&tenant, &integration).await;
        let local = |who: &str| tenant.address(&format!("{who}-{name}"));
        let (ann, bo, cy) = (local("ann"), local("bo"), local("cy"));
        let recipients = [ann.clone(), bo.clone(), cy.clone()];
        let ids = tenant.send_through(name, "email", Some(&integration), &recipients).await;
        assert_eq!(tenant.settled(name).await["sent"], 3);
        for (id, what) in [
            (&ids[0], &["delivered", "opened", "clicked"][..]),
            (&ids[1], &["bounced"]),
            (&ids[2], &["delivered", "complained"]),
        ] {
            // Twice, as a provider does whose first post was answered too late.
            for _ in 0..2 {
                for post in reports(&tenant, id, what, now_s()).await {
                    tenant.ask(posting(&tenant, &path, &post)).await.expect(200);
                }
            }
        }
        assert_eq!(kinds(&tenant.delivery(name, &ids[0]).await), ["clicked", "delivered", "opened"]);
        let bounced = tenant.delivery(name, &ids[1]).await;
        assert_eq!((kinds(&bounced), &bounced["status"]), (vec!["bounced"], &json!("sent")));
        assert_eq!(bounced["feedback"][0]["detail"], "550 5.1.1 no such user");
        let listed = tenant.deliveries(name).await;
        let cy_view = listed.iter().find(|it| it["id"] == *ids[2]).expect("it is in the list");
        assert_eq!(kinds(cy_view), ["complained", "delivered"]);
        let campaign = tenant.get(&format!("/v1/campaigns/{name}")).await.expect(200);
        let counts = json!({"delivered": 2, "opened": 1, "clicked": 1, "bounced": 1, "complained": 1});
        assert_eq!(campaign["feedback"], counts);
        for (event, id) in
            [("delivery.bounced", &ids[1]), ("delivery.complained", &ids[2]), ("delivery.clicked", &ids[0])]
        {
            await_until(&format!("{event} is on the bus"), async || {
                let told = bus::deliveries(&tenant, event);
                if told.contains(id) { Ok(()) } else { Err(format!("{told:?}")) }
            })
            .await;
        }
        let suppressions = tenant.get("/v1/suppressions?limit=200").await.expect(200);
        let reason = |address: &str| {
            let items = suppressions["items"].as_array().unwrap();
            items.iter().find(|it| it["address"] == *address).map(|it| it["reason"].as_str().unwrap().to_owned())
        };
        let reasons = [&ann, &bo, &cy].map(|address| reason(address));
        assert_eq!(reasons, [None, Some("bounced".to_owned()), Some("complained".to_owned())]);

        let mut question = message("email", &recipients);
        question["campaign_id"] = json!("next");
        question["integration_id"] = json!(integration);
        let answer = tenant.post("/v1/preflight", &question).await.expect(200);
        let check = answer["checks"].as_array().unwrap().iter().find(|it| it["check"] == "suppression").unwrap();
        assert_eq!((&check["status"], &check["code"]), (&json!("warn"), &json!("recipient_suppressed")));
        assert!(check["reason"].as_str().unwrap().contains(&bo), "{check}");
    }
}

/// The list is asked for when a sender has not asked within half a minute, so this is a tenant of its own.
#[tokio::test]
async fn and_skips_who_is_on_the_list_until_a_person_takes_them_off() {
    let tenant = Tenant::new().await;
    let integration = postmark(&tenant).await;
    let (ann, bo) = (tenant.address("ann"), tenant.address("bo"));
    let listed = tenant.post("/v1/suppressions", &json!({"address": bo.to_uppercase(), "note": "asked us"})).await;
    assert_eq!(listed.expect(201)["reason"], "manual");
    let ids = tenant.send_through("spring", "email", Some(&integration), &[ann, bo.clone()]).await;
    let totals = tenant.settled("spring").await;
    assert_eq!((&totals["sent"], &totals["failed"]), (&json!(1), &json!(1)));
    let skipped = tenant.delivery("spring", &ids[1]).await;
    assert_eq!(skipped["error"]["code"], "recipient_suppressed");
    let record: Value =
        client().get(format!("{}/_double/requests", double(&tenant))).send().await.unwrap().json().await.unwrap();
    assert_eq!(record["by_recipient"].get(&bo), None, "the provider was never asked");
    tenant.call(Method::DELETE, &format!("/v1/suppressions/{bo}"), &Value::Null).await.expect(204);
    assert_eq!(tenant.get("/v1/suppressions").await.expect(200)["items"], json!([]));
    let trail = tenant.get("/v1/audit?limit=200").await.expect(200);
    let actions: Vec<_> = trail["items"].as_array().unwrap().iter().filter_map(|it| it["action"].as_str()).collect();
    assert!(actions.contains(&"suppression.added") && actions.contains(&"suppression.removed"), "{actions:?}");
}

#[tokio::test]
async fn only_from_who_can_prove_it() {
    let (tenant, other) = (Tenant::new().await, Tenant::new().await);
    let integration = sendgrid(&tenant).await;
    let path = tracking_path(&tenant, &integration).await;
    let id = tenant.send_through("spring", "email", Some(&integration), &[tenant.address("ann")]).await.remove(0);
    assert_eq!(tenant.settled("spring").await["sent"], 1);
    let genuine = reports(&tenant, &id, &["bounced"], now_s()).await.remove(0);
    let old = reports(&tenant, &id, &["bounced"], now_s() - 26 * 3_600).await.remove(0);
    let changed = Posting { body: genuine.body.replace("bounce", "b0unce"), ..genuine.clone() };
    let mut forged = genuine.clone();
    let signature = forged.headers.get_mut("x-twilio-email-event-webhook-signature").unwrap();
    *signature =
        reports(&tenant, &id, &["opened"], now_s()).await.remove(0).headers["x-twilio-email-event-webhook-signature"]
            .clone();
    let unsigned = Posting { headers: [].into(), ..genuine.clone() };
    for (post, cause) in
        [(&old, "stale"), (&changed, "wrong_signature"), (&forged, "wrong_signature"), (&unsigned, "unsigned")]
    {
        let problem = tenant.ask(posting(&tenant, &path, post)).await.expect(401);
        assert!(problem["detail"].as_str().unwrap().starts_with(cause), "{problem}");
    }
    // Another tenant's address: nobody listens there under this integration, and its own does not take mail of others.
    let elsewhere = path.replace(&tenant.id, &other.id);
    tenant.ask(posting(&tenant, &elsewhere, &genuine)).await.expect(404);
    let theirs = sendgrid(&other).await;
    let their_path = tracking_path(&other, &theirs).await;
    tenant.ask(posting(&tenant, &their_path, &genuine)).await.expect(200);
    assert_eq!(other.get("/v1/suppressions").await.expect(200)["items"], json!([]));
    assert_eq!(kinds(&tenant.delivery("spring", &id).await), [""; 0]);
    assert_eq!(tenant.get("/v1/suppressions").await.expect(200)["items"], json!([]));
    tenant.ask(posting(&tenant, &path, &genuine)).await.expect(200);
    assert_eq!(kinds(&tenant.delivery("spring", &id).await), ["bounced"]);
}
