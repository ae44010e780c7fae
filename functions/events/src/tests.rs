//! The function as its callers see it, over the in-memory store and queues.

use crate::handler::{Events, router};
use axum::{
    body::Body,
    http::{Method, Request, header},
};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, Payload},
    channel::{Channel, Provider},
    ids::{CampaignId, EventId, IntegrationId, RequestId},
    integration::Integration,
    principal::Principal,
    tenant::TenantScope,
    time::{Clock as _, ManualClock},
    webhook::{DATA_MAX_BYTES, OutEvent, batch::ORDERED_MAX, registered::RegisteredType},
};
use hub::{
    endpoints::{Endpoints, TRUST_MS},
    event_types::Schemas,
};
use proptest::prelude::*;
use runtime::{
    http::App,
    lazy::Lazy,
    queue::{Fault, MemoryQueues},
    testing::{Answered, REQUEST_ID, START, call, integration, key_of, send},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use store::{Bundles, EventTypes as _, Integrations as _, StoreError, memory::MemoryStore};

const PATH: &str = "/v1/events";

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

struct Stage {
    app: App,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    clock: Arc<ManualClock>,
}

impl Stage {
    fn new() -> Self {
        let store = Lazy::ready(MemoryStore::default());
        let (queues, clock) = (Arc::new(MemoryQueues::default()), Arc::new(ManualClock::at(START)));
        let events = Events {
            store: store.clone(),
            endpoints: Endpoints::new(store.clone()),
            schemas: Schemas::new(store.clone()),
            queues: Arc::clone(&queues),
            clock: Arc::clone(&clock),
        };
        Self { app: App::new(router(events)), store, queues, clock }
    }

    /// An endpoint with these settings besides its address.
    async fn endpoint(&self, settings: Value) -> IntegrationId {
        self.save(&Integration { id: IntegrationId::generate(), ..endpoint(settings) }).await
    }

    async fn save(&self, endpoint: &Integration) -> IntegrationId {
        self.store.save_integration(&acme(), endpoint, None, false, &audit()).await.unwrap();
        endpoint.id.clone()
    }

    async fn post(&self, body: &Value) -> Answered {
        call(&self.app, &key_of("acme", "events:write"), Method::POST, PATH, body.clone()).await
    }

    async fn post_with_key(&self, key: &str, body: &Value) -> Answered {
        let request = Request::builder()
            .method(Method::POST)
            .uri(PATH)
            .header(header::CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", key)
            .body(Body::from(body.to_string()))
            .unwrap();
        send(&self.app, &key_of("acme", "events:write"), request).await
    }

    /// What is stored for an endpoint, by number.
    async fn bundles(&self, endpoint: &IntegrationId) -> Vec<Bundle> {
        let page = self.store.bundles(&acme(), &CampaignId::of_endpoint(endpoint), None, 1_000).await.unwrap();
        let mut bundles = page.items;
        bundles.sort_by_key(|it| it.id.number);
        bundles
    }

    /// The data of the events that an endpoint is to get, in the order of its bundles.
    async fn data(&self, endpoint: &IntegrationId) -> Vec<String> {
        let mut data = Vec::new();
        for bundle in self.bundles(endpoint).await {
            let payload = self.store.payload(&acme(), &bundle.campaign, &bundle.id).await.unwrap().unwrap();
            data.extend(payload.events.into_iter().map(|event| event.data));
        }
        data
    }

    async fn calls_told(&self, endpoint: &IntegrationId, request: &RequestId) -> Option<domain::log::ApiCall> {
        let request = self.store.request(&acme(), &CampaignId::of_endpoint(endpoint), request).await.unwrap();
        request.unwrap().call
    }
}

fn endpoint(mut settings: Value) -> Integration {
    settings["url"] = json!("https://example.com/in");
    Integration { config: settings.as_object().unwrap().clone(), ..integration(Provider::Webhook) }
}

fn event(kind: &str, data: &Value) -> Value {
    json!({"type": kind, "data": data})
}

fn batch(count: usize) -> Value {
    let events: Vec<_> = (0..count).map(|n| event("order.created", &json!({"n": n}))).collect();
    json!({"events": events})
}

/// The ids of each event's deliveries, by endpoint.
fn deliveries(answer: &Answered, event: usize) -> BTreeMap<String, String> {
    let deliveries = answer.body["events"][event]["deliveries"].as_array().unwrap();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap().to_owned();
    deliveries.iter().map(|it| (text(it, "endpoint_id"), text(it, "id"))).collect()
}

fn request_of(answer: &Answered) -> RequestId {
    let id = answer.body["events"][0]["id"].as_str().unwrap().to_owned();
    id.strip_prefix("msg_").unwrap().split('_').next().unwrap().parse().unwrap()
}

fn fields(answer: &Answered) -> Vec<String> {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    errors.iter().map(|it| it["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_event_goes_to_every_endpoint_that_wants_it_and_to_no_other() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    let orders = stage.endpoint(json!({"events": ["order.*"]})).await;
    let large = json!({"conditions": [{"field": "total", "op": "gt", "value": 100}]});
    let large = stage.endpoint(json!({"filter": large})).await;
    let users = stage.endpoint(json!({"events": ["user.created"]})).await;
    let answer = stage.post(&event("order.created", &json!({"total": 12.50}))).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (202, &json!(1)), "{}", answer.body);
    let sent: Vec<_> = deliveries(&answer, 0).into_keys().collect();
    let mut expected = vec![all.to_string(), orders.to_string()];
    expected.sort();
    assert_eq!(sent, expected);
    let id = request_of(&answer);
    assert_eq!(answer.body["events"][0]["id"], format!("msg_{id}"));
    for endpoint in [&all, &orders] {
        let [bundle] = stage.bundles(endpoint).await.try_into().unwrap();
        assert_eq!(
            (bundle.id, &bundle.integration),
            (BundleId { request: id.clone(), number: None, generation: 0 }, endpoint)
        );
        assert_eq!(stage.data(endpoint).await, [r#"{"total":12.5}"#]);
    }
    for endpoint in [&large, &users] {
        assert_eq!(stage.bundles(endpoint).await, []);
    }
    assert_eq!(stage.queues.drain().len(), 2);
}

#[tokio::test]
async fn an_event_that_nobody_wants_is_accepted_and_goes_nowhere() {
    let stage = Stage::new();
    let answer = stage.post(&event("order.created", &json!({}))).await;
    assert_eq!((answer.status, &answer.body["events"][0]["deliveries"]), (202, &json!([])));
    assert!(stage.queues.drain().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_is_stopped_gets_its_events_and_a_deleted_one_gets_none() {
    let stage = Stage::new();
    let stopped = Integration { enabled: false, id: IntegrationId::generate(), ..endpoint(json!({})) };
    let deleted = Integration { deleted_at: Some(START), id: IntegrationId::generate(), ..endpoint(json!({})) };
    let stopped = stage.save(&stopped).await;
    stage.save(&deleted).await;
    let answer = stage.post(&event("order.created", &json!({}))).await;
    assert_eq!(deliveries(&answer, 0).into_keys().collect::<Vec<_>>(), [stopped.to_string()]);
}

#[tokio::test]
async fn data_is_passed_on_as_it_came() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    let text = r#"{ "b" : 1.50, "a":"ä\u0041", "n": 12345678901234567890123 }"#;
    let body = format!(r#"{{"type":"order.created","data":{text},"timestamp":"2026-01-02T03:04:05+01:00","key":"k"}}"#);
    let request = Request::builder().method(Method::POST).uri(PATH).header(header::CONTENT_TYPE, "application/json");
    let request = request.body(Body::from(body)).unwrap();
    assert_eq!(send(&stage.app, &key_of("acme", "*"), request).await.status, 202);
    assert_eq!(stage.data(&all).await, [text]);
    let [bundle] = stage.bundles(&all).await.try_into().unwrap();
    let payload = stage.store.payload(&acme(), &bundle.campaign, &bundle.id).await.unwrap().unwrap();
    assert_eq!(payload.events[0].at.to_rfc3339(), "2026-01-02T02:04:05.000Z");
    assert_eq!((payload.events[0].key.as_deref(), bundle.after), (Some("k"), None));
}

#[tokio::test]
async fn many_events_are_bundled_by_their_place_in_the_request() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    let late = json!({"conditions": [{"field": "n", "op": "gte", "value": 60}]});
    let late = stage.endpoint(json!({"filter": late})).await;
    let answer = stage.post(&batch(100)).await;
    assert_eq!(answer.body["accepted"], 100);
    let shape =
        |bundles: Vec<Bundle>| bundles.iter().map(|it| (it.id.number.unwrap(), it.members.len())).collect::<Vec<_>>();
    assert_eq!(shape(stage.bundles(&all).await), [(0, 25), (1, 25), (2, 25), (3, 25)]);
    assert_eq!(shape(stage.bundles(&late).await), [(2, 15), (3, 25)]);
    let id = request_of(&answer);
    let delivery = BundleId { request: id, number: Some(2), generation: 0 }.delivery(3);
    assert_eq!(deliveries(&answer, 63)[late.as_str()], delivery.to_string());
    assert_eq!(stage.queues.drain().len(), 6);
}

#[tokio::test]
async fn a_repeat_is_answered_the_same_and_another_body_is_refused() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    let body = batch(30);
    let first = stage.post_with_key("k1", &body).await;
    let bundles = stage.bundles(&all).await;
    // What has become of endpoints meanwhile changes nothing.
    let new = stage.endpoint(json!({})).await;
    stage.clock.advance_ms(TRUST_MS);
    let spaced: Value = serde_json::from_str(&serde_json::to_string_pretty(&body).unwrap()).unwrap();
    let again = stage.post_with_key("k1", &spaced).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(stage.bundles(&all).await, bundles);
    assert_eq!(stage.bundles(&new).await, []);
    assert_eq!(stage.queues.drain().len(), 2, "nothing is queued twice");
    let other = stage.post_with_key("k1", &event("user.created", &json!({}))).await;
    assert_eq!((other.status, &other.body["code"]), (422, &json!("idempotency_mismatch")), "{}", other.body);
    assert_eq!(stage.post_with_key("k2", &body).await.body["accepted"], 30);
    assert_eq!(stage.bundles(&new).await.len(), 2);
}

#[tokio::test]
async fn a_repeat_after_a_crash_between_endpoints_completes_exactly_what_is_missing() {
    let stage = Stage::new();
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        endpoints.push(stage.endpoint(json!({"ordered": true})).await);
    }
    let mut body = batch(60);
    for (n, event) in body["events"].as_array_mut().unwrap().iter_mut().enumerate() {
        event["key"] = json!(["a", "b"][n % 2]);
    }
    // The second endpoint's bundles are not written, nor is the third's header.
    stage.store.fail_next("write_bundles", StoreError::Unavailable("away".into()));
    stage.store.lose_next_answer("create_request");
    let first = stage.post_with_key("k1", &body).await;
    assert_eq!(first.status, 503, "{}", first.body);
    let mut before = BTreeMap::new();
    for endpoint in &endpoints {
        before.insert(endpoint.clone(), stage.bundles(endpoint).await);
    }
    let written = before.values().filter(|it| !it.is_empty()).count();
    assert!(written < endpoints.len(), "something is missing");
    // Another request comes in between, whose events come after ours.
    stage.clock.advance_ms(1_000);
    let mut later = event("order.created", &json!({"later": true}));
    later["key"] = json!("a");
    stage.post(&later).await;
    stage.queues.drain();

    let again = stage.post_with_key("k1", &body).await;
    assert_eq!(again.status, 202, "{}", again.body);
    let request = request_of(&again);
    for endpoint in &endpoints {
        let bundles = stage.bundles(endpoint).await;
        let (ours, others): (Vec<_>, Vec<_>) = bundles.into_iter().partition(|it| it.id.request == request);
        let shape: Vec<_> = ours.iter().map(|it| (usize::from(it.id.number.unwrap()), it.members.len())).collect();
        let begin = |from: usize| [(from, ORDERED_MAX), (from + 1, ORDERED_MAX)];
        assert_eq!(shape, (0..60).step_by(2 * ORDERED_MAX).flat_map(begin).collect::<Vec<_>>());
        let id = |number| Some(BundleId { request: request.clone(), number: Some(number), generation: 0 });
        let after: Vec<_> = ours.iter().map(|it| it.after.clone()).collect();
        let expected: Vec<_> = (0..ours.len()).map(|n| id(ours[n.checked_sub(2)?].id.number?)).collect();
        assert_eq!(after, expected, "each key is a chain of its own, and ours is the first");
        let there = before[endpoint].iter().any(|it| Some(&it.id) == id(50).as_ref());
        assert_eq!(others[0].after, id(50).filter(|_| there), "what came later waits for nothing that was missing");
        for bundle in &before[endpoint] {
            assert!(ours.contains(bundle), "what was there is as it was");
        }
        assert!(
            stage
                .store
                .request(&acme(), &CampaignId::of_endpoint(endpoint), &request)
                .await
                .unwrap()
                .unwrap()
                .dispatched
        );
    }
    assert_eq!(stage.post_with_key("k1", &body).await.body, again.body);
}

/// The last bundle of a request is written and the first is not, so many others come that its link is let go, and then it
/// is repeated.
#[tokio::test]
async fn a_repeat_that_lost_its_place_waits_for_nobody_who_waits_for_it() {
    let stage = Stage::new();
    let endpoint = stage.endpoint(json!({"ordered": true})).await;
    let mut body = batch(12);
    for event in body["events"].as_array_mut().unwrap() {
        event["key"] = json!("a");
    }
    // Somebody is before it, for whom it has to wait as long as its place is known.
    let mut single = event("order.created", &json!({}));
    single["key"] = json!("a");
    stage.post(&single).await;
    let [first] = stage.bundles(&endpoint).await.try_into().unwrap();
    let first = first.id;
    for others in [3, 20] {
        let key = others.to_string();
        stage.clock.advance_ms(1_000);
        stage.store.fail_next("write_bundles", StoreError::Unavailable("away".into()));
        assert_eq!(stage.post_with_key(&key, &body).await.status, 503);
        let campaign = CampaignId::of_endpoint(&endpoint);
        let events: CampaignId = "events".parse().unwrap();
        let request = RequestId::from_idempotency_key(acme().tenant(), &events, &key);
        let piece = |number| BundleId { request: request.clone(), number: Some(number), generation: 0 };
        let of = |n: u16| OutEvent {
            id: EventId::of(&request, Some(n)),
            kind: "order.created".parse().unwrap(),
            at: START,
            data: json!({"n": n}).to_string(),
            key: Some("a".to_owned()),
        };
        let last = Bundle::first(piece(10), &campaign, Channel::Webhook, &endpoint, 2, stage.clock.now());
        let last = Bundle { after: Some(piece(5)), ..last };
        let payload = Payload { events: vec![of(10), of(11)], ..Payload::default() };
        stage.store.write_bundles(&acme(), &[(last, payload)], false).await.unwrap();
        for _ in 0..others {
            stage.clock.advance_ms(1_000);
            stage.post(&single).await;
        }
        assert_eq!(stage.post_with_key(&key, &body).await.status, 202);
        let all: BTreeMap<_, _> = stage.bundles(&endpoint).await.into_iter().map(|it| (it.id.clone(), it)).collect();
        let mut waits_for = Some(piece(10));
        for _ in 0..=all.len() {
            waits_for = waits_for.and_then(|id| all[&id].after.clone());
        }
        assert_eq!(waits_for, None, "a ring");
        assert_eq!(all[&piece(5)].after, Some(piece(0)));
        assert_eq!(all[&piece(0)].after, Some(first.clone()).filter(|_| others == 3));
    }
}

#[tokio::test]
async fn only_endpoints_with_strict_order_have_chains() {
    let stage = Stage::new();
    let ordered = stage.endpoint(json!({"ordered": true})).await;
    let any = stage.endpoint(json!({})).await;
    let mut keyed = event("order.created", &json!({}));
    keyed["key"] = json!("order-1");
    stage.post(&keyed).await;
    stage.post(&keyed).await;
    stage.post(&event("order.created", &json!({}))).await;
    let mut after: Vec<_> = stage.bundles(&ordered).await.into_iter().filter_map(|it| it.after).collect();
    assert_eq!(after.len(), 1);
    assert_eq!(stage.store.calls("chain"), 2, "events without a key have none");
    after.extend(stage.bundles(&any).await.into_iter().filter_map(|it| it.after));
    assert_eq!(after.len(), 1);
}

#[tokio::test]
async fn what_is_stored_tells_of_the_call_once() {
    let stage = Stage::new();
    let (one, other) = (stage.endpoint(json!({})).await, stage.endpoint(json!({})).await);
    let answer = stage.post_with_key("k1", &batch(2)).await;
    let request = request_of(&answer);
    let told = [stage.calls_told(&one, &request).await, stage.calls_told(&other, &request).await];
    let told: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].route.as_str(), told[0].request_id.as_str()), ("POST /v1/events", REQUEST_ID));
}

#[tokio::test]
async fn what_cannot_be_queued_is_durable_all_the_same() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    stage.queues.order(Fault::Away);
    assert_eq!(stage.post(&batch(2)).await.status, 202);
    assert_eq!(stage.bundles(&all).await.len(), 1);
}

#[tokio::test]
async fn every_fault_is_named_with_its_place() {
    let stage = Stage::new();
    let all = stage.endpoint(json!({})).await;
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let deep: Value = json!(deep);
    let body = json!({"events": [
        {"type": "order.created", "data": {}},
        {"type": "Order", "key": "", "timestamp": "yesterday"},
        {"data": "x".repeat(DATA_MAX_BYTES), "type": 7, "note": 1},
        [],
        {"type": "order.created", "data": null, "key": "k".repeat(256)},
    ]});
    let answer = stage.post(&body).await;
    assert_eq!((answer.status, &answer.body["code"]), (422, &json!("invalid_request")), "{}", answer.body);
    let expected = [
        "events[1].type",
        "events[1].key",
        "events[1].timestamp",
        "events[1].data",
        "events[2].note",
        "events[2].type",
        "events[2].data",
        "events[3]",
        "events[4].key",
        "events[4].data",
    ];
    assert_eq!(fields(&answer), expected, "{}", answer.body);
    for (body, field) in [
        (json!({"events": []}), "events"),
        (json!({"events": {}}), "events"),
        (json!({"events": [event("a", &json!(1))], "type": "a"}), "type"),
        (json!({"type": "a"}), "data"),
        (batch(1_001), "events"),
    ] {
        assert_eq!(fields(&stage.post(&body).await)[0], field);
    }
    for (body, status) in [("[]", 422), ("{", 400), ("", 400), (r#"{"type":"a","data":{"x":"\ud800"}}"#, 422)] {
        let request =
            Request::builder().method(Method::POST).uri(PATH).header(header::CONTENT_TYPE, "application/json");
        let answer = send(&stage.app, &key_of("acme", "*"), request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
    }
    let nested = format!(r#"{{"type":"a","data":{}}}"#, deep.as_str().unwrap());
    let request = Request::builder().method(Method::POST).uri(PATH).header(header::CONTENT_TYPE, "application/json");
    let answer = send(&stage.app, &key_of("acme", "*"), request.body(Body::from(nested)).unwrap()).await;
    assert_eq!((answer.status, fields(&answer)), (422, vec!["data".to_owned()]));
    assert_eq!(stage.bundles(&all).await, [], "nothing of it is stored");
}

#[tokio::test]
async fn data_of_a_registered_type_is_held_against_its_schema() {
    let stage = Stage::new();
    stage.endpoint(json!({})).await;
    let schema =
        json!({"type": "object", "required": ["id"], "properties": {"items": {"items": {"required": ["sku"]}}}});
    let registered = RegisteredType {
        kind: "order.created".parse().unwrap(),
        description: String::new(),
        schema: Some(schema.to_string()),
        deprecated: false,
        rev: 1,
        created_at: START,
        updated_at: START,
        updated_by: Principal::Operator,
    };
    stage.store.save_event_type(&acme(), &registered, &audit()).await.unwrap();
    let good = event("order.created", &json!({"id": 1}));
    let bad = event("order.created", &json!({"items": [{"sku": 1}, {}]}));
    let other = event("order.paid", &json!({}));
    let answer = stage.post(&json!({"events": [good, bad, other]})).await;
    assert_eq!(
        (answer.status, fields(&answer)),
        (422, vec!["events[1].data".into(), "events[1].data.items[1]".into()])
    );
    assert_eq!(stage.post(&json!({"events": [good, other]})).await.status, 202);
    let deprecated = RegisteredType { schema: None, deprecated: true, rev: 2, ..registered };
    stage.store.save_event_type(&acme(), &deprecated, &audit()).await.unwrap();
    stage.clock.advance_ms(hub::event_types::TRUST_MS);
    assert_eq!(stage.post(&bad).await.status, 202, "without a schema anything goes");
    assert_eq!(stage.store.calls("event_type"), 3, "two types once, and one again after its time");
}

#[tokio::test]
async fn a_key_needs_the_scope_and_tenants_never_meet() {
    let stage = Stage::new();
    let mine = stage.endpoint(json!({})).await;
    let refused = call(&stage.app, &key_of("acme", "endpoints:*"), Method::POST, PATH, batch(1)).await;
    assert_eq!(refused.status, 403);
    let theirs = call(&stage.app, &key_of("globex", "*"), Method::POST, PATH, batch(1)).await;
    assert_eq!((theirs.status, deliveries(&theirs, 0).len()), (202, 0));
    assert_eq!(stage.bundles(&mine).await, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever fails in whatever order, repeats end with every event stored once for each endpoint that wants it.
    #[test]
    fn repeats_end_with_everything_stored_once(
        keys in proptest::collection::vec(proptest::option::of(0..3_u8), 1..60),
        faults in proptest::collection::vec((0..5_usize, any::<bool>()), 0..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::new();
            let some = json!({"conditions": [{"field": "n", "op": "lt", "value": 30}]});
            let endpoints = [
                stage.endpoint(json!({})).await,
                stage.endpoint(json!({"ordered": true})).await,
                stage.endpoint(json!({"ordered": true, "filter": some})).await,
            ];
            let events: Vec<Value> = keys.iter().enumerate().map(|(n, key)| {
                let mut event = event("order.created", &json!({"n": n}));
                if let Some(key) = key {
                    event["key"] = json!(key.to_string());
                }
                event
            }).collect();
            let body = json!({"events": events});
            for (method, lost) in faults {
                let method = ["begin_event_request", "chain", "create_request", "write_bundles", "mark_dispatched"][method];
                if lost {
                    stage.store.lose_next_answer(method);
                } else {
                    stage.store.fail_next(method, StoreError::Unavailable("away".into()));
                }
            }
            let mut answer = stage.post_with_key("k", &body).await;
            for _ in 0..40 {
                if answer.status == 202 {
                    break;
                }
                answer = stage.post_with_key("k", &body).await;
            }
            assert_eq!(answer.status, 202, "{}", answer.body);
            for (endpoint, limit) in endpoints.iter().zip([60, 60, 30]) {
                let mut expected: Vec<String> = (0..keys.len().min(limit)).map(|n| json!({"n": n}).to_string()).collect();
                let mut found = stage.data(endpoint).await;
                expected.sort();
                found.sort();
                assert_eq!(found, expected);
                let told = (0..keys.len()).filter(|n| deliveries(&answer, *n).contains_key(endpoint.as_str())).count();
                assert_eq!(told, found.len());
            }
        });
    }
}
