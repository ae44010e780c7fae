//! Phishing simulations by Microsoft 365: nothing goes without a confirmation, nothing goes twice, and what each target did
//! comes back on its delivery.

use crate::{
    await_until::await_until,
    bus,
    emulator::client,
    stack::Stack,
    tenant::{Answer, Tenant},
};
use serde_json::{Value, json};

/// What a tenant has at Microsoft, seen from behind.
struct Microsoft {
    url: String,
    directory: String,
}

impl Microsoft {
    fn of(tenant: &Tenant) -> Self {
        let url = tenant.stack.graph.as_ref().expect("the double runs").url.clone();
        let directory = format!("00000000-0000-4000-8000-{}", tenant.digits);
        Self { url, directory }
    }

    fn settings(&self) -> Value {
        json!({
            "provider": "m365", "name": "Phishing simulation",
            "config": {
                "directory_id": self.directory, "client_id": "66666666-7777-8888-9999-000000000000",
                "created_by": "secops@contoso.com", "payload_id": "12345678-9abc", "landing_page_id": "1c345678",
            },
            "secrets": {"client_secret": "good-CANARY"},
            "probe_interval_minutes": 60,
        })
    }

    async fn record(&self) -> Value {
        let url = format!("{}/_double/requests", self.url);
        client().get(url).send().await.expect("the double answers").json().await.expect("it speaks JSON")
    }

    /// The directory's calls.
    async fn calls(&self) -> Vec<Value> {
        let calls = self.record().await["requests"].as_array().cloned().unwrap_or_default();
        calls.into_iter().filter(|call| call["directory"] == *self.directory).collect()
    }

    /// The directory's simulations, deleted ones included.
    async fn simulations(&self) -> Vec<Value> {
        let all = self.record().await["simulations"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|simulation| simulation["directory"] == *self.directory).collect()
    }

    async fn command(&self, mut command: Value) {
        command["directory"] = self.directory.clone().into();
        let url = format!("{}/_double/command", self.url);
        client().post(url).json(&command).send().await.expect("the double answers");
    }
}

fn request(name: &str, targets: &[String]) -> Value {
    let recipients: Vec<Value> = targets
        .iter()
        .enumerate()
        .map(|(number, address)| json!({"user_id": format!("u{number}"), "address": address}))
        .collect();
    json!({"channel": "m365", "simulation": {"name": name, "confirm": true}, "recipients": recipients})
}

/// Sends a request with a key of its own, as a simulation must be.
async fn send(tenant: &Tenant, campaign: &str, body: &Value) -> Answer {
    let path = format!("/v1/campaigns/{campaign}/deliveries");
    let request = tenant.request(reqwest::Method::POST, &path).bearer_auth(&tenant.key);
    tenant.ask(request.header("Idempotency-Key", format!("{campaign}-1")).json(body)).await
}

fn targets(tenant: &Tenant, count: usize) -> Vec<String> {
    (0..count).map(|number| tenant.address(&format!("target{number}"))).collect()
}

/// Makes every simulation of the tenant due, as time would, and has them looked at.
async fn look(tenant: &Tenant) {
    for item in tenant.items().await {
        if item["pk"]["S"].as_str().is_some_and(|pk| pk.ends_with("#SIM")) && item.get("dk").is_some() {
            tenant.aws.set_number(&item, "da", 0).await;
            tenant.aws.set_number(&item, "next_look", 0).await;
        }
    }
    let invoked = tenant.aws.invoke("track-m365", &json!({"due": "simulations"})).await;
    assert!(!invoked.failed, "{invoked:?}");
}

#[tokio::test]
async fn a_dry_run_tries_everything_and_schedules_nothing() {
    let tenant = Tenant::new().await;
    let microsoft = Microsoft::of(&tenant);
    let id = tenant.create(&microsoft.settings()).await;
    let path = format!("/v1/integrations/{id}/dry-run");
    let sara = tenant.address("sara");
    let wish = json!({"recipients": [sara], "draft": true});
    let refused = tenant.post(&path, &wish).await.expect(200);
    assert_eq!(refused["steps"][0]["code"], "m365_target_not_allowed", "{refused}");

    let settings = json!({"sandbox": {"m365": [sara]}});
    tenant.call(reqwest::Method::PATCH, "/v1/settings", &settings).await.expect(200);
    let answer = tenant.post(&path, &wish).await.expect(200);
    assert_eq!((&answer["ready"], answer["steps"].as_array().unwrap().len()), (&json!(true), 8), "{answer}");
    let calls = microsoft.calls().await;
    assert!(calls.iter().any(|call| call["method"] == "POST" && call["body"]["status"] == "draft"), "{calls:?}");
    assert!(calls.iter().all(|call| !call.to_string().contains("scheduled")), "{calls:?}");
    let deleted = microsoft.record().await["deleted"].clone();
    assert!(deleted.as_array().unwrap().contains(&microsoft.simulations().await[0]["id"]));
}

#[tokio::test]
async fn only_what_is_confirmed_goes_and_its_results_come_back() {
    let tenant = Tenant::new().await;
    let microsoft = Microsoft::of(&tenant);
    tenant.create(&microsoft.settings()).await;
    let targets = targets(&tenant, 40);

    let mut unconfirmed = request("Parcel", &targets);
    for simulation in [Value::Null, json!({}), json!({"confirm": false, "name": "Parcel"})] {
        unconfirmed["simulation"] = simulation;
        let refused = send(&tenant, "spring", &unconfirmed).await.expect(422);
        let error = &refused["errors"][0];
        assert!(error["field"].as_str().unwrap().starts_with("simulation"), "{refused}");
        assert!(error["message"].as_str().unwrap().contains("dry-run"), "{refused}");
    }
    let unsafe_to_repeat =
        tenant.post("/v1/campaigns/spring/deliveries", &request("Parcel", &targets)).await.expect(422);
    assert_eq!(unsafe_to_repeat["errors"][0]["field"], "Idempotency-Key", "{unsafe_to_repeat}");
    assert_eq!(microsoft.simulations().await, [Value::Null; 0]);
    let question = json!({"campaign_id": "spring", "channel": "m365", "recipients": request("x", &targets)["recipients"], "simulation": {}});
    let ready = tenant.post("/v1/preflight", &question).await.expect(200);
    assert_eq!(ready["ready"], true, "{ready}");

    let accepted = send(&tenant, "spring", &request("Parcel", &targets)).await.expect(202);
    assert_eq!(accepted["accepted"], 40);
    tenant.await_totals("spring", json!({"sent": 40, "settled": true})).await;
    let simulations = microsoft.simulations().await;
    assert_eq!((simulations.len(), &simulations[0]["status"]), (1, &json!("scheduled")));
    assert_eq!(simulations[0]["targets"].as_array().unwrap().len(), 40);
    let first = accepted["deliveries"][0]["id"].as_str().unwrap();
    assert_eq!(tenant.delivery("spring", first).await["provider_message_id"], simulations[0]["id"]);

    for (event, at) in
        [("SuccessfullyDeliveredEmail", "2026-11-20T12:00:00Z"), ("CredSupplied", "2026-11-20T12:05:00Z")]
    {
        microsoft.command(json!({"event": [targets[0].to_uppercase(), event, at]})).await;
    }
    microsoft.command(json!({"status": "running"})).await;
    look(&tenant).await;
    let shown = tenant.get("/v1/campaigns/spring/simulations").await.expect(200)["items"][0].clone();
    assert_eq!((&shown["status"], &shown["targets"]), (&json!("running"), &json!(40)), "{shown}");
    assert_eq!(shown["counts"], json!({"delivered": 1, "compromised": 1}));
    let delivery = tenant.delivery("spring", first).await;
    assert!(delivery.to_string().contains("compromised"), "{delivery}");

    microsoft.command(json!({"status": "succeeded"})).await;
    look(&tenant).await;
    let shown = tenant.get("/v1/campaigns/spring/simulations").await.expect(200)["items"][0].clone();
    assert_eq!((&shown["status"], &shown["next_look_at"]), (&json!("succeeded"), &Value::Null));
    await_until("the events tell of every status", async || {
        let events = bus::events_named(&tenant, "simulation.status_changed");
        let statuses: Vec<&str> = events.iter().filter_map(|event| event["detail"]["status"].as_str()).collect();
        if statuses == ["scheduled", "running", "succeeded"] { Ok(()) } else { Err(format!("{statuses:?}")) }
    })
    .await;
    assert_eq!(bus::deliveries(&tenant, "delivery.compromised"), [first]);
}

#[tokio::test]
async fn in_sandbox_mode_only_test_users_are_targets() {
    let tenant = Tenant::new().await;
    let microsoft = Microsoft::of(&tenant);
    tenant.create(&microsoft.settings()).await;
    let sara = tenant.address("sara");
    let settings = json!({"sandbox": {"m365": [sara]}});
    tenant.call(reqwest::Method::PATCH, "/v1/settings", &settings).await.expect(200);
    let mut trial = request("Parcel", &targets(&tenant, 3));
    trial["sandbox"] = true.into();
    send(&tenant, "trial", &trial).await.expect(202);
    tenant.await_totals("trial", json!({"sent": 3})).await;
    assert_eq!(microsoft.simulations().await[0]["targets"], json!([sara]));
}

/// The answer to the creation is lost, and later a sender is interrupted right after it: neither makes a second one.
#[tokio::test]
async fn neither_a_lost_answer_nor_a_crash_makes_a_second_simulation() {
    let tenant = Tenant::on(Stack::shared()).await;
    let microsoft = Microsoft::of(&tenant);
    tenant.create(&microsoft.settings()).await;
    send(&tenant, "lost", &request("GATEWAY", &targets(&tenant, 3))).await.expect(202);
    tenant.await_totals("lost", json!({"sent": 3, "settled": true})).await;
    assert_eq!(microsoft.simulations().await.len(), 1);

    // As a crash after the creation leaves it: the bundle is claimed, its lease is over, nothing is remembered.
    let accepted = send(&tenant, "crash", &request("Parcel", &targets(&tenant, 2))).await;
    let accepted = accepted.expect(202);
    tenant.await_totals("crash", json!({"sent": 2})).await;
    let delivery = accepted["deliveries"][0]["id"].as_str().unwrap();
    let before = tenant.delivery("crash", delivery).await["provider_message_id"].clone();
    for item in tenant.items().await {
        let (pk, sk) = (item["pk"]["S"].as_str().unwrap(), item["sk"]["S"].as_str().unwrap());
        let key = json!({"pk": item["pk"], "sk": item["sk"]});
        if pk.ends_with("#SIM") && sk.starts_with("S#crash#") {
            tenant.aws.delete_item(&key).await;
        }
        if pk.ends_with("#C#crash") && sk.starts_with("B#") {
            tenant.aws.set_text(&key, "st", "s").await;
            tenant.aws.set_number(&item, "l", 0).await;
            let number = sk.rsplit('#').next().unwrap().parse::<u16>().unwrap();
            let request = sk.split('#').nth(1).unwrap();
            let body = json!({"tenant": tenant.id, "campaign": "crash", "bundle": format!("{request}.{number:04}")});
            tenant.aws.queue("M365QueueUrl", &body.to_string()).await;
        }
    }
    await_until("the simulation is remembered again", async || {
        let shown = tenant.get("/v1/campaigns/crash/simulations").await.expect(200);
        if shown["items"][0]["id"] == before { Ok(()) } else { Err(shown) }
    })
    .await;
    tenant.await_totals("crash", json!({"sent": 2, "settled": true})).await;
    assert_eq!(microsoft.simulations().await.len(), 2, "one for each request");
}
