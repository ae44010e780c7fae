//! The routes as a tenant's admin uses them.

use crate::{Rules, router};
use axum::http::Method;
use domain::{
    audit::AuditEntry,
    channel::Provider,
    health::TestReport,
    ids::{CampaignId, RuleId, RunId},
    integration::Integration,
    principal::Principal,
    rule::{Run, Trigger, Unrun},
    tenant::TenantScope,
    time::{HOUR_MS, ManualClock},
};
use runtime::{
    http::App,
    lazy::Lazy,
    testing::{Answered, START, call, integration, key_of},
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Audit, Integrations, Rules as _, StoreError, memory::MemoryStore};

struct Stage {
    app: App,
    store: Lazy<MemoryStore>,
    clock: Arc<ManualClock>,
    slack: Integration,
}

#[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

const ALL: &str = "rules:* campaigns:send events:write integrations:test";

impl Stage {
    async fn new() -> Self {
        let (store, clock) = (Lazy::ready(MemoryStore::default()), Arc::new(ManualClock::at(START)));
        let app = App::new(router(Rules { store: store.clone(), clock: clock.clone() }));
        let slack = Integration {
            config: json!({"mode": "bot_token"}).as_object().unwrap().clone(),
            last_test: Some(TestReport::passed("ready", 20, START)),
            ..integration(Provider::Slack)
        };
        let stage = Self { app, store, clock, slack };
        stage.save(&stage.slack).await;
        stage
    }

    async fn save(&self, integration: &Integration) {
        let entry = AuditEntry {
            principal: Principal::System,
            action: "test",
            target: String::new(),
            detail: String::new(),
            at: START,
        };
        self.store.save_integration(&acme(), integration, None, false, &entry).await.unwrap();
    }

    async fn endpoint(&self) -> Integration {
        let config = json!({"url": "https://example.com/in"}).as_object().unwrap().clone();
        let endpoint = Integration { config, ..integration(Provider::Webhook) };
        self.save(&endpoint).await;
        endpoint
    }

    async fn ask_as(&self, grants: &str, method: Method, path: &str, body: Value) -> Answered {
        call(&self.app, &key_of("acme", grants), method, path, body).await
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answered {
        self.ask_as(ALL, method, path, body).await
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        self.ask(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.ask(Method::GET, path, Value::Null).await.body
    }

    /// A rule that was made; its path.
    async fn made(&self, body: Value) -> String {
        let made = self.post("/v1/rules", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.headers["location"].clone()
    }

    async fn audited(&self) -> Vec<String> {
        let records = self.store.audit(&acme(), None, 100).await.unwrap().items;
        let records = records.into_iter().filter(|record| record.action != "test");
        records.map(|record| format!("{} {}", record.action, record.detail)).collect()
    }
}

fn send() -> Value {
    json!({
        "do": "send", "channel": "slack", "to": ["C0123456789"],
        "message": {"text": "*{{ event }}* of {{ detail.body.user }}"},
    })
}

fn body() -> Value {
    json!({
        "name": " Tell us ", "events": ["webhook.received"], "actions": [send()],
        "filter": {"conditions": [{"field": "body.level", "op": "gte", "value": 3}]},
    })
}

fn received(level: u32) -> Value {
    json!({"name": "webhook.received", "detail": {"body": {"level": level, "user": "<Sara> {{ x }}"}}})
}

/// The fields that a problem names.
fn fields(answered: &Answered) -> Vec<String> {
    let errors = answered.body["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_rule_is_made_read_changed_and_deleted() {
    let stage = Stage::new().await;
    let path = stage.made(body()).await;
    let read = stage.get(&path).await;
    assert_eq!((&read["name"], &read["enabled"], &read["max_per_hour"]), (&json!("Tell us"), &json!(true), &json!(60)));
    assert_eq!(read["actions"], json!([send()]));
    assert_eq!(read["this_hour"], json!({"runs": 0, "over_limit": 0, "loops": 0}));
    assert_eq!(read["campaign_id"], format!("rule-{}", read["id"].as_str().unwrap()));
    assert_eq!(stage.get("/v1/rules").await["items"].as_array().unwrap().len(), 1);
    let changes = json!({"filter": null, "max_per_hour": 5, "events": ["webhook.received", "sync.failed"]});
    let patched = stage.ask(Method::PATCH, &path, changes).await;
    assert_eq!((patched.status, &patched.body["rev"], &patched.body["filter"]), (200, &json!(2), &Value::Null));
    let same = stage.ask(Method::PATCH, &path, json!({"max_per_hour": 5})).await;
    assert_eq!(same.body["rev"], 2, "what changes nothing is no change");
    stage.store.fail_next("save_rule", StoreError::Conflict);
    assert_eq!(stage.ask(Method::PATCH, &path, json!({"name": "Other"})).await.body["rev"], 3);
    assert_eq!(stage.ask(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(stage.ask(Method::GET, &path, Value::Null).await.status, 404);
    let expected = [
        "rule.created Tell us: on webhook.received do send",
        "rule.updated events, filter, max_per_hour",
        "rule.updated name",
        "rule.deleted Other",
    ];
    assert_eq!(stage.audited().await, expected);
}

#[tokio::test]
async fn every_fault_is_named() {
    let stage = Stage::new().await;
    let mail = Integration {
        config: json!({"host": "h.example", "from_address": "a@b.example"}).as_object().unwrap().clone(),
        ..integration(Provider::Smtp)
    };
    stage.save(&mail).await;
    let wrong = json!({
        "name": "", "events": ["webhook.received", "webhook.received"], "max_per_hour": 0,
        "filter": {"conditions": [{"field": "a..b", "op": "gt", "value": "3"}, {"field": "x", "op": "in", "value": 1}]},
        "actions": [
            {"do": "send", "channel": "m365", "to": [], "message": {"text": " "}},
            {"do": "send", "channel": "email", "integration_id": mail.id, "to": ["nobody", "a@b.example", "A@b.example "], "message": {"text": "{{ name }}", "subject": "{{ x"}},
            {"do": "call_endpoint", "endpoint_id": mail.id},
            {"do": "test"},
            {"do": "run_sync", "connector_id": "x"},
        ],
    });
    let refused = stage.post("/v1/rules", wrong).await;
    assert_eq!(refused.status, 422);
    let expected = [
        "name",
        "events",
        "max_per_hour",
        "filter.conditions[0].field",
        "filter.conditions[0].value",
        "filter.conditions[1].value",
        "actions[0].channel",
        "actions[0].to",
        "actions[0].message.text",
        "actions[1].to[2]",
        "actions[1].message",
        "actions[1].to[0]",
        "actions[2].endpoint_id",
        "actions[3].integration_id",
        "actions[4].do",
    ];
    assert_eq!(fields(&refused), expected);
    let words = refused.body["errors"][14]["message"].as_str().unwrap();
    assert!(words.contains("no connector of this hub syncs"), "{words}");
    let mut unknown = body();
    unknown["actions"][0]["message"]["text"] = json!("{{ user.name }}");
    let refused = stage.post("/v1/rules", unknown).await;
    assert_eq!(refused.body["errors"][0]["code"], "unknown_variable");
    for (pointer, value) in [("/events/0", json!("delivery.sent")), ("/actions/0/do", json!("explode"))] {
        let mut wrong = body();
        *wrong.pointer_mut(pointer).unwrap() = value;
        assert_eq!(stage.post("/v1/rules", wrong).await.status, 422, "{pointer}");
    }
    let mut six = body();
    six["actions"] = json!(vec![send(); 6]);
    assert_eq!(fields(&stage.post("/v1/rules", six).await), ["actions"]);
    let mut long = body();
    long["filter"] = json!({"conditions": [{"field": "body.id", "op": "in", "value": vec!["x".repeat(100); 200]}]});
    long["actions"][0]["message"]["html"] = json!("x".repeat(60_000));
    long["actions"] = json!([long["actions"][0], long["actions"][0], long["actions"][0]]);
    assert_eq!(fields(&stage.post("/v1/rules", long).await), ["filter", "actions"]);
    assert_eq!(stage.audited().await, [""; 0]);
}

#[tokio::test]
async fn nobody_gets_more_by_a_rule_than_they_have() {
    let stage = Stage::new().await;
    let endpoint = stage.endpoint().await;
    let call = json!({"do": "call_endpoint", "endpoint_id": endpoint.id});
    let test = json!({"do": "test", "integration_id": stage.slack.id});
    for (action, scope) in
        [(send(), "campaigns:send"), (call.clone(), "events:write"), (test.clone(), "integrations:test")]
    {
        let rule = json!({"name": "x", "events": ["webhook.received"], "actions": [action]});
        let refused = stage.ask_as("rules:*", Method::POST, "/v1/rules", rule.clone()).await;
        assert_eq!((refused.status, refused.body["code"].as_str()), (403, Some("forbidden")));
        assert!(refused.body["detail"].as_str().unwrap().contains(scope), "{}", refused.body);
        let made = stage.ask_as(&format!("rules:write {scope}"), Method::POST, "/v1/rules", rule.clone()).await;
        assert_eq!(made.status, 201, "{scope}");
        let tried = json!({"rule": rule, "event": received(3)});
        let refused = stage.ask_as("rules:write", Method::POST, "/v1/rules/dry-run", tried).await;
        assert_eq!(refused.status, 403);
    }
    let path = stage.made(body()).await;
    let change = async |grants: &str, body: Value| stage.ask_as(grants, Method::PATCH, &path, body).await.status;
    for wider in [
        json!({"filter": null}),
        json!({"events": ["sync.failed"]}),
        json!({"max_per_hour": 9}),
        json!({"actions": [call]}),
    ] {
        assert_eq!(change("rules:write", wider.clone()).await, 403, "{wider}");
    }
    assert_eq!(change("rules:write campaigns:send", json!({"actions": [test]})).await, 403, "of the new actions");
    assert_eq!(change("rules:write", json!({"name": "Renamed"})).await, 200);
    assert_eq!(change("rules:write", json!({"enabled": false})).await, 200, "anybody may stop it");
    assert_eq!(change("rules:write", json!({"enabled": true})).await, 403);
    assert_eq!(change(ALL, json!({"enabled": true})).await, 200);
    let other = call_as_other(&stage, &path).await;
    assert_eq!(other, [404; 5]);
}

/// The statuses of another tenant's calls.
async fn call_as_other(stage: &Stage, path: &str) -> Vec<u16> {
    let key = key_of("globex", "*");
    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::GET, path.to_owned(), Value::Null),
        (Method::PATCH, path.to_owned(), json!({"enabled": false})),
        (Method::DELETE, path.to_owned(), Value::Null),
        (Method::GET, format!("{path}/runs"), Value::Null),
        (Method::POST, format!("{path}/dry-run"), json!({"event": received(1)})),
    ] {
        answers.push(call(&stage.app, &key, method, &path, body).await.status);
    }
    answers
}

#[tokio::test]
async fn a_rule_whose_integration_is_gone_can_still_be_stopped() {
    let stage = Stage::new().await;
    let mut with = body();
    with["actions"][0]["integration_id"] = json!(stage.slack.id);
    let path = stage.made(with).await;
    stage.save(&Integration { deleted_at: Some(START), rev: 2, ..stage.slack.clone() }).await;
    assert_eq!(
        fields(&stage.ask(Method::PATCH, &path, json!({"max_per_hour": 1})).await),
        ["actions[0].integration_id"]
    );
    assert_eq!(stage.ask(Method::PATCH, &path, json!({"enabled": false})).await.body["enabled"], false);
}

#[tokio::test]
async fn a_dry_run_says_what_would_come_of_it_and_does_nothing() {
    let stage = Stage::new().await;
    let path = stage.made(body()).await;
    let before = stage.store.all_calls();
    let tried = stage.post(&format!("{path}/dry-run"), json!({"event": received(3)})).await;
    assert_eq!((tried.status, &tried.body["would_run"], &tried.body["against"]), (200, &json!(true), &json!([])));
    let action = &tried.body["actions"][0];
    assert_eq!((&action["action"], &action["ready"], &action["code"]), (&json!("send"), &json!(true), &json!("ok")));
    assert_eq!(action["message"]["text"], "*webhook.received* of &lt;Sara&gt; {{ x }}", "escaped, and no template");
    let checks: Vec<_> = action["checks"].as_array().unwrap().iter().map(|it| it["check"].as_str().unwrap()).collect();
    assert!(
        checks.contains(&"health") && checks.contains(&"capability") && checks.contains(&"suppression"),
        "{checks:?}"
    );

    let low = stage.post(&format!("{path}/dry-run"), json!({"event": received(2)})).await;
    assert_eq!((&low.body["would_run"], &low.body["against"][0]["code"]), (&json!(false), &json!("filter")));
    assert_eq!(low.body["actions"][0]["ready"], true, "what would come of it is shown all the same");

    let mut missing = received(3);
    missing["detail"]["body"].as_object_mut().unwrap().remove("user");
    let told = stage.post(&format!("{path}/dry-run"), json!({"event": missing})).await;
    let action = &told.body["actions"][0];
    assert_eq!((&action["ready"], &action["code"]), (&json!(false), &json!("template_invalid")));
    assert!(action["detail"].as_str().unwrap().contains("detail.body.user"), "{action}");

    stage.save(&Integration { enabled: false, rev: 2, ..stage.slack.clone() }).await;
    let unready = stage.post(&format!("{path}/dry-run"), json!({"event": received(3)})).await;
    let action = &unready.body["actions"][0];
    assert_eq!((&action["ready"], &action["code"]), (&json!(false), &json!("not_ready")));
    assert!(action["detail"].as_str().unwrap().contains("enabled: "), "{action}");
    for writes in ["begin_run", "count_unrun", "create_request", "ensure_campaign", "record_test"] {
        assert_eq!(stage.store.all_calls().get(writes), before.get(writes), "{writes}");
    }
}

#[tokio::test]
async fn an_unsaved_rule_is_tried_with_all_kinds_of_actions() {
    let stage = Stage::new().await;
    let endpoint = stage.endpoint().await;
    let rule = json!({
        "name": "x", "events": ["delivery.failed"],
        "actions": [{"do": "call_endpoint", "endpoint_id": endpoint.id, "type": "ops.failed"}, {"do": "test"}],
    });
    let event =
        json!({"detail-type": "delivery.failed", "detail": {"event_id": "e1", "integration_id": stage.slack.id}});
    let tried = stage.post("/v1/rules/dry-run", json!({"rule": rule, "event": event})).await;
    assert_eq!((tried.status, &tried.body["would_run"]), (200, &json!(true)), "{}", tried.body);
    let [call, test] = &tried.body["actions"].as_array().unwrap()[..] else { panic!("{}", tried.body) };
    assert_eq!((&call["data"]["event"], &call["data"]["event_id"]), (&json!("delivery.failed"), &json!("e1")));
    assert!(call["data"]["run_id"].as_str().unwrap().starts_with("run_"));
    assert!(test["detail"].as_str().unwrap().contains(stage.slack.id.as_str()), "{test}");
    let wrong =
        json!({"rule": {"name": "", "events": ["delivery.failed"], "actions": [{"do": "test"}]}, "event": event});
    assert_eq!(fields(&stage.post("/v1/rules/dry-run", wrong).await), ["rule.name"]);
    let bad = json!({"rule": rule, "event": {"name": "delivery.failed", "detail": {"occurred_at": "yesterday"}}});
    assert_eq!(fields(&stage.post("/v1/rules/dry-run", bad).await), ["event.detail"]);
    assert_eq!(stage.get("/v1/rules").await["items"], json!([]));
}

#[tokio::test]
async fn runs_are_shown_and_everything_against_a_run_is_told() {
    let stage = Stage::new().await;
    let mut wanted = body();
    wanted["max_per_hour"] = json!(1);
    wanted["events"] = json!(["delivery.failed"]);
    wanted.as_object_mut().unwrap().remove("filter");
    let path = stage.made(wanted).await;
    let rule: RuleId = path.rsplit('/').next().unwrap().parse().unwrap();
    let run = Run {
        id: RunId::of(acme().tenant(), &rule, START, "e1"),
        rule: rule.clone(),
        rule_rev: 1,
        event: Trigger::DeliveryFailed,
        event_id: "e1".into(),
        event_at: START,
        started_at: START,
        finished_at: None,
        depth: 1,
        caused_by: vec![],
        results: vec![],
    };
    stage.store.begin_run(&acme(), &run, 1).await.unwrap();
    stage.store.count_unrun(&acme(), &rule, START, Unrun::Loop).await.unwrap();
    assert_eq!(stage.get(&path).await["this_hour"], json!({"runs": 1, "over_limit": 0, "loops": 1}));
    let runs = stage.get(&format!("{path}/runs")).await;
    assert_eq!((&runs["items"][0]["id"], &runs["items"][0]["state"]), (&json!(run.id), &json!("running")));
    stage.ask(Method::PATCH, &path, json!({"enabled": false})).await;
    let failed = json!({"name": "delivery.failed", "detail": {
        "campaign_id": CampaignId::of_rule(&rule), "deliveries": [{"id": format!("dlv_{}", run.id.request(0))}],
    }});
    let told = stage.post(&format!("{path}/dry-run"), json!({"event": failed})).await;
    let against: Vec<_> =
        told.body["against"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap()).collect();
    assert_eq!(against, ["disabled", "loop", "over_limit"]);
    let other = stage.post(&format!("{path}/dry-run"), json!({"event": {"name": "sync.failed", "detail": {}}})).await;
    assert_eq!(other.body["against"][1]["code"], "other_event");
    stage.clock.advance_ms(HOUR_MS);
    assert_eq!(stage.get(&format!("{path}/runs")).await["items"][0]["state"], "given_up");
    assert_eq!(stage.get(&path).await["this_hour"]["runs"], 0);
}

#[tokio::test]
async fn every_route_of_this_function_is_answered() {
    let stage = Stage::new().await;
    for route in api::routes::ROUTES.iter().filter(|route| route.function == "rules") {
        let path = stage.made(body()).await;
        let id = path.rsplit('/').next().unwrap();
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let answered = stage.ask(method, &route.path.replace("{id}", id), json!({})).await;
        assert!(!matches!(answered.status, 404 | 405), "{} {}", route.method, route.path);
    }
}
