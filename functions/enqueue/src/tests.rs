//! The function as its callers see it, over the in-memory store and queues.

use crate::handler::{Hub, router};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use domain::{
    audit::AuditEntry,
    campaign::CampaignState,
    channel::Provider,
    health::TestReport,
    ids::{CampaignId, RequestId, RuleId},
    integration::Integration,
    message::Content,
    principal::Principal,
    tenant::TenantScope,
    time::ManualClock,
};
use hub::open_campaigns::OpenCampaigns;
use runtime::{
    http::App,
    lazy::Lazy,
    queue::{Fault, MemoryQueues},
    testing::{Answered, START, call, integration, key_of, send},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};
use store::{Audit, Bundles, Campaigns, Integrations, StoreError, memory::MemoryStore};

const PATH: &str = "/v1/campaigns/spring/deliveries";

struct Stage {
    app: App,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    integration: Integration,
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

fn spring() -> CampaignId {
    "spring".parse().unwrap()
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

/// A tenant with a tested e-mail integration.
async fn stage() -> Stage {
    let store = Lazy::ready(MemoryStore::default());
    let queues = Arc::new(MemoryQueues::default());
    let config = json!({"host": "mail.example.com", "from_address": "no-reply@example.com"});
    let integration = Integration {
        config: config.as_object().unwrap().clone(),
        last_test: Some(TestReport::passed("ready", 20, START)),
        ..integration(Provider::Smtp)
    };
    store.save_integration(&acme(), &integration, None, false, &audit()).await.unwrap();
    let hub = Hub {
        store: store.clone(),
        campaigns: OpenCampaigns::new(store.clone()),
        queues: Arc::clone(&queues),
        clock: ManualClock::at(START),
    };
    Stage { app: App::new(router(Arc::new(hub))), store, queues, integration }
}

fn recipients(count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({"user_id": format!("u{n}"), "address": format!("u{n}@example.com")})).collect()
}

fn body(count: usize) -> Value {
    json!({"channel": "email", "message": {"subject": "Hi", "text": "Hello"}, "recipients": recipients(count)})
}

impl Stage {
    /// Sends without a key, but for a simulation, which must have one.
    async fn send(&self, body: Value) -> Answered {
        if body["channel"] == "m365" {
            return self.send_with_key(RequestId::generate().as_str(), &body).await;
        }
        call(&self.app, &key_of("acme", "campaigns:send"), Method::POST, PATH, body).await
    }

    async fn send_with_key(&self, key: &str, body: &Value) -> Answered {
        let request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        send(&self.app, &key_of("acme", "campaigns:send"), request).await
    }

    async fn stored(&self) -> usize {
        let page = self.store.bundles(&acme(), &spring(), None, 1_000).await.unwrap();
        page.items.iter().map(|bundle| bundle.members.len()).sum()
    }

    /// That this was refused with this status and code, names these fields, and changed nothing.
    async fn assert_refused(&self, body: Value, status: u16, code: &str, fields: &[&str]) {
        let answered = self.send(body).await;
        assert_eq!((answered.status, answered.body["code"].as_str()), (status, Some(code)), "{}", answered.body);
        let named: Vec<_> = answered.body["errors"]
            .as_array()
            .map(|errors| errors.iter().map(|error| error["field"].as_str().unwrap()).collect())
            .unwrap_or_default();
        assert_eq!(named, fields, "{}", answered.body);
        assert_eq!(self.stored().await, 0);
        assert!(self.queues.drain().is_empty());
    }
}

fn ids(answered: &Answered) -> Vec<String> {
    let deliveries = answered.body["deliveries"].as_array().unwrap();
    deliveries.iter().map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_thousand_recipients_become_forty_bundles() {
    let stage = stage().await;
    let answered = stage.send(body(1_000)).await;
    assert_eq!(answered.status, 202, "{}", answered.body);
    assert_eq!(ids(&answered).into_iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert_eq!(stage.stored().await, 1_000);
    assert_eq!(stage.queues.drain().len(), 40);
    assert_eq!(stage.store.calls("create_request"), 1);
    assert_eq!(stage.store.calls("write_bundles"), 1);
}

#[tokio::test]
async fn one_recipient_is_one_item() {
    let stage = stage().await;
    let answered = stage.send(body(1)).await;
    assert_eq!(answered.status, 202);
    assert_eq!(stage.queues.drain().len(), 1);
    assert_eq!((stage.stored().await, stage.store.calls("write_bundles")), (1, 0));
    assert_eq!(stage.store.calls("mark_dispatched"), 0);
}

#[tokio::test]
async fn row_1_a_queue_that_is_away_is_no_reason_to_refuse() {
    for count in [1, 60] {
        let stage = stage().await;
        stage.queues.order(Fault::Away);
        assert_eq!(stage.send(body(count)).await.status, 202);
        assert_eq!(stage.stored().await, count);
        let due = stage.store.due(START.plus_ms(store::REPAIR_AFTER_MS), 10).await.unwrap();
        assert_eq!(due.len(), 1, "the sweeper finds it: {due:?}");
    }
}

#[tokio::test]
async fn row_2_what_the_queue_did_not_take_is_left_to_the_sweeper() {
    let stage = stage().await;
    stage.queues.order(Fault::Refuse(vec![1]));
    assert_eq!(stage.send(body(60)).await.status, 202);
    assert_eq!(stage.queues.drain().len(), 2);
    let due = stage.store.due(START.plus_ms(store::REPAIR_AFTER_MS), 10).await.unwrap();
    assert!(matches!(due.as_slice(), [store::Due::Request(..)]), "{due:?}");
}

#[tokio::test]
async fn row_3_a_lost_answer_and_a_repeat_make_one_delivery() {
    for (count, lost) in [(1, "create_request"), (60, "create_request"), (60, "write_bundles")] {
        let stage = stage().await;
        stage.store.lose_next_answer(lost);
        let first = stage.send_with_key("k1", &body(count)).await;
        assert_eq!((first.status, first.body["code"].as_str()), (503, Some("unavailable")));
        let second = stage.send_with_key("k1", &body(count)).await;
        let third = stage.send_with_key("k1", &body(count)).await;
        assert_eq!((second.status, third.status), (202, 202), "{lost}");
        assert_eq!(ids(&second), ids(&third));
        assert_eq!(stage.stored().await, count);
    }
}

#[tokio::test]
async fn a_write_that_failed_stores_nothing_that_would_be_sent() {
    let stage = stage().await;
    stage.store.fail_next("write_bundles", StoreError::Unavailable("throttled".into()));
    assert_eq!(stage.send(body(60)).await.status, 503);
    assert_eq!(stage.stored().await, 0);
    assert!(stage.queues.drain().is_empty());
}

#[tokio::test]
async fn an_idempotency_key_stands_for_one_body_whatever_its_size() {
    let stage = stage().await;
    assert_eq!(stage.send_with_key("k1", &body(1)).await.status, 202);
    let other = stage.send_with_key("k1", &body(2)).await;
    assert_eq!((other.status, other.body["code"].as_str()), (422, Some("idempotency_mismatch")));
    assert_eq!(stage.stored().await, 1);
    let too_long = stage.send_with_key(&"k".repeat(256), &body(1)).await;
    assert_eq!(too_long.body["errors"][0]["field"], "Idempotency-Key");
}

#[tokio::test]
async fn a_repeat_is_answered_as_the_first_was_even_if_it_may_no_longer_go() {
    let stage = stage().await;
    let first = stage.send_with_key("k1", &body(30)).await;
    let disabled = Integration { enabled: false, rev: 2, ..stage.integration.clone() };
    stage.store.save_integration(&acme(), &disabled, None, false, &audit()).await.unwrap();
    let second = stage.send_with_key("k1", &body(30)).await;
    assert_eq!((second.status, ids(&second)), (202, ids(&first)));
    let new = stage.send_with_key("k2", &body(30)).await;
    assert_eq!((new.status, new.body["code"].as_str()), (409, Some("not_ready")));
}

#[tokio::test]
async fn a_campaign_that_is_not_ready_is_told_every_reason() {
    let stage = stage().await;
    let untested = Integration { enabled: false, last_test: None, rev: 2, ..stage.integration.clone() };
    stage.store.save_integration(&acme(), &untested, None, false, &audit()).await.unwrap();
    let mut body = body(1);
    body["message"]["text"] = json!("Hello {{ name }}");
    body["sandbox"] = json!(true);
    let answered = stage.send(body).await;
    assert_eq!((answered.status, answered.body["code"].as_str()), (409, Some("not_ready")));
    let failing: Vec<_> = answered.body["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["status"] == "fail")
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(failing, ["enabled", "health", "sandbox", "template"]);
}

#[tokio::test]
async fn sandbox_sends_to_the_test_recipients_in_turn_and_says_so() {
    let stage = stage().await;
    let settings = domain::settings::TenantSettings {
        sandbox: domain::settings::SandboxRecipients {
            email: vec!["qa1@example.com".into(), "qa2@example.com".into()],
            ..domain::settings::SandboxRecipients::default()
        },
        rev: 1,
    };
    store::Settings::save_settings(&*stage.store, &acme(), &settings, &audit()).await.unwrap();
    let mut request = body(3);
    request["sandbox"] = json!(true);
    assert_eq!(stage.send(request).await.status, 202);
    let bundle = stage.store.bundles(&acme(), &spring(), None, 10).await.unwrap().items.remove(0);
    let payload = stage.store.payload(&acme(), &spring(), &bundle.id).await.unwrap().unwrap();
    let addresses: Vec<_> = payload.recipients.iter().map(|recipient| recipient.address.as_str()).collect();
    assert!(bundle.sandbox);
    assert_eq!(addresses, ["qa1@example.com", "qa2@example.com", "qa1@example.com"]);
}

#[tokio::test]
async fn a_cancelled_campaign_takes_nothing_more() {
    let stage = stage().await;
    stage.store.ensure_campaign(&acme(), &spring(), &audit()).await.unwrap();
    let (active, cancelled) = (CampaignState::Active, CampaignState::Cancelled);
    stage.store.set_campaign_state(&acme(), &spring(), active, cancelled, &audit()).await.unwrap();
    stage.assert_refused(body(1), 409, "conflict", &[]).await;
}

#[tokio::test]
async fn a_campaigns_launch_is_remembered_once_with_who_launched_it() {
    let stage = stage().await;
    for size in [2, 1] {
        assert_eq!(stage.send(body(size)).await.status, 202);
    }
    let records = stage.store.audit(&acme(), None, 10).await.unwrap().items;
    let launches: Vec<_> = records.iter().filter(|record| record.action == "campaign.launched").collect();
    let [launch] = launches[..] else { panic!("{records:?}") };
    assert_eq!((launch.target.as_str(), launch.at), ("spring", START));
    assert_eq!(launch.detail, format!("email through {}, 2 recipients in its first request", stage.integration.id));
    assert!(launch.principal.starts_with("api_key:key_"), "{}", launch.principal);
}

#[tokio::test]
async fn what_is_refused_launches_nothing() {
    let stage = stage().await;
    let disabled = Integration { enabled: false, rev: 2, ..stage.integration.clone() };
    stage.store.save_integration(&acme(), &disabled, None, false, &audit()).await.unwrap();
    assert_eq!(stage.send(body(1)).await.status, 409);
    let records = stage.store.audit(&acme(), None, 10).await.unwrap().items;
    assert!(records.iter().all(|record| record.action == "test"), "{records:?}");
    // A launch that is not remembered is none: nothing goes out.
    let enabled = Integration { rev: 3, ..stage.integration.clone() };
    stage.store.save_integration(&acme(), &enabled, None, false, &audit()).await.unwrap();
    stage.store.fail_next("ensure_campaign", StoreError::Unavailable("the audit chain is too busy".into()));
    assert_eq!(stage.send(body(1)).await.status, 503);
    assert_eq!(stage.stored().await, 0);
}

#[tokio::test]
async fn bad_input_is_told_by_field_and_changes_nothing() {
    let stage = stage().await;
    stage.assert_refused(body(0), 422, "invalid_request", &["recipients"]).await;
    stage.assert_refused(body(1_001), 422, "invalid_request", &["recipients"]).await;

    let mut twice = body(2);
    twice["recipients"][1] = json!({"user_id": "u0", "address": "U0@example.com"});
    let fields = ["recipients[1].user_id", "recipients[1].address"];
    stage.assert_refused(twice, 422, "invalid_request", &fields).await;

    let mut wrong = body(2);
    wrong["recipients"][1]["address"] = json!("not an address");
    stage.assert_refused(wrong, 422, "invalid_request", &["recipients[1].address"]).await;

    let mut neither = body(1);
    neither["message"] = Value::Null;
    stage.assert_refused(neither, 422, "invalid_request", &["message"]).await;

    let mut both = body(1);
    both["template"] = json!({"id": "trunkline.email.invitation"});
    stage.assert_refused(both, 422, "invalid_request", &["template"]).await;

    let mut channel = body(1);
    channel["channel"] = json!("pigeon");
    stage.assert_refused(channel, 422, "invalid_request", &["channel"]).await;

    let mut user = body(1);
    user["recipients"][0]["user_id"] = json!("a#b");
    stage.assert_refused(user, 422, "invalid_request", &["recipients[0].user_id"]).await;
}

#[tokio::test]
async fn events_are_no_campaign_and_no_campaign_is_named_like_an_endpoint_or_a_rules() {
    let stage = stage().await;
    let mut events = body(1);
    events["channel"] = json!("webhook");
    stage.assert_refused(events, 422, "invalid_request", &["channel"]).await;
    for name in [stage.integration.id.to_string(), CampaignId::of_rule(&RuleId::generate()).to_string()] {
        let path = format!("/v1/campaigns/{name}/deliveries");
        let refused = call(&stage.app, &key_of("acme", "campaigns:send"), Method::POST, &path, body(1)).await;
        let told = (refused.status, &refused.body["errors"][0]["field"]);
        assert_eq!(told, (422, &json!("campaign_id")), "{}", refused.body);
    }
}

#[tokio::test]
async fn another_tenants_integration_is_not_there() {
    let stage = stage().await;
    let mut request = body(1);
    request["integration_id"] = json!(stage.integration.id);
    let answered = call(&stage.app, &key_of("other", "*"), Method::POST, PATH, request).await;
    assert_eq!(answered.status, 409);
    assert_eq!(answered.body["checks"][0]["code"], "not_configured");
    assert_eq!(stage.stored().await, 0);
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_which_one() {
    let stage = stage().await;
    let answered = call(&stage.app, &key_of("acme", "campaigns:read"), Method::POST, PATH, body(1)).await;
    assert_eq!((answered.status, answered.body["code"].as_str()), (403, Some("forbidden")));
    assert!(answered.body["detail"].as_str().unwrap().contains("campaigns:send"));
}

#[tokio::test]
async fn every_route_of_this_function_is_answered() {
    let stage = stage().await;
    for route in api::routes::ROUTES.iter().filter(|route| route.function == "enqueue") {
        let path = route.path.replace("{id}", "spring");
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answered = call(&stage.app, &key_of("acme", "*"), method, &path, json!({})).await;
        assert!(!matches!(answered.status, 404 | 405), "{} {path}", route.method);
    }
}

/// A simulation for so many targets, through an integration that is ready.
async fn simulation(stage: &Stage, count: usize) -> Value {
    let integration =
        Integration { last_test: Some(TestReport::passed("signed in", 1, START)), ..integration(Provider::M365) };
    let entry = audit();
    stage.store.save_integration(&acme(), &integration, None, false, &entry).await.unwrap();
    json!({"channel": "m365", "simulation": {"confirm": true}, "recipients": recipients(count)})
}

#[tokio::test]
async fn the_targets_of_a_request_are_one_bundle() {
    let stage = stage().await;
    let answered = stage.send(simulation(&stage, 1_000).await).await;
    assert_eq!(answered.status, 202, "{}", answered.body);
    let told = ids(&answered);
    assert_eq!(told.iter().collect::<BTreeSet<_>>().len(), 1_000);
    assert_eq!((stage.stored().await, stage.queues.drain().len()), (1_000, 1));
    let bundle = stage.store.bundles(&acme(), &spring(), None, 9).await.unwrap().items.remove(0);
    assert_eq!(bundle.id.delivery(999).to_string(), told[999]);
    let request = stage.store.request(&acme(), &spring(), &bundle.id.request).await.unwrap().unwrap();
    let Content::Simulation(order) = request.envelope.content else { panic!("not a simulation") };
    assert_eq!((order.name.as_str(), order.launch_at), ("spring", None));
}

#[tokio::test]
async fn nothing_is_simulated_without_an_explicit_confirmation() {
    let stage = stage().await;
    let good = simulation(&stage, 2).await;
    for (simulation, field) in [
        (json!(null), "simulation"),
        (json!({}), "simulation.confirm"),
        (json!({"confirm": false, "name": "x"}), "simulation.confirm"),
        (json!({"confirm": true, "name": "x".repeat(81)}), "simulation.name"),
        (json!({"confirm": true, "launch_at": "tomorrow"}), "simulation.launch_at"),
        (json!({"confirm": true, "launch_at": "2026-12-01T08:00:00Z"}), "simulation.launch_at"),
        (json!({"confirm": true, "duration_days": 31}), "simulation.duration_days"),
        (json!({"confirm": true, "payload_id": "../x"}), "simulation.payload_id"),
    ] {
        let mut body = good.clone();
        body["simulation"] = simulation;
        stage.assert_refused(body.clone(), 422, "invalid_request", &[field]).await;
    }
    let mut unconfirmed = good.clone();
    unconfirmed["simulation"] = json!({"name": "Parcel"});
    let words = stage.send(unconfirmed).await.body["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(words.contains("real phishing simulation") && words.contains("dry-run"), "{words}");
}

#[tokio::test]
async fn a_simulation_must_be_safe_to_repeat() {
    let stage = stage().await;
    let body = simulation(&stage, 2).await;
    let refused = call(&stage.app, &key_of("acme", "campaigns:send"), Method::POST, PATH, body.clone()).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("Idempotency-Key")));
    let words = refused.body["errors"][0]["message"].as_str().unwrap();
    assert!(words.contains("lost answer") && words.contains("second simulation"), "{words}");
    assert_eq!(stage.stored().await, 0);
    stage.store.lose_next_answer("create_request");
    assert_eq!(stage.send_with_key("k1", &body).await.status, 503);
    assert_eq!(stage.send_with_key("k1", &body).await.status, 202);
    assert_eq!(stage.store.bundles(&acme(), &spring(), None, 9).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_simulation_takes_neither_messages_nor_variables_nor_another_channel() {
    let stage = stage().await;
    let good = simulation(&stage, 2).await;
    let mut body = good.clone();
    body["message"] = json!({"text": "Hello"});
    body["recipients"][1]["variables"] = json!({"name": "Sara"});
    stage.assert_refused(body, 422, "invalid_request", &["message", "recipients[1].variables"]).await;
    let mut body = self::body(1);
    body["simulation"] = json!({"confirm": true});
    stage.assert_refused(body, 422, "invalid_request", &["simulation"]).await;
    let mut body = good.clone();
    let long = |n: usize| json!({"user_id": format!("{n}{}", "u".repeat(120)), "address": format!("{n}{}@a.example", "x".repeat(300))});
    body["recipients"] = (0..1_000).map(long).collect();
    stage.assert_refused(body, 422, "invalid_request", &["recipients"]).await;
}
