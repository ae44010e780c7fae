//! The routes as a tenant's admin uses them.

use crate::hooks::{Hooks, SECRET, router};
use axum::http::Method;
use domain::{
    hook::{Call, Cause, EVENT_KEEP_MS, HookEvent, Rejection, SchemeName},
    ids::{HookEventId, HookId},
    tenant::TenantScope,
    time::{HOUR_MS, MINUTE_MS, ManualClock},
};
use runtime::{
    caller::Context,
    http::App,
    lazy::Lazy,
    testing::{Answered, MemoryKms, START, call, key_of},
    vault::Vault,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use store::{Audit, Hooks as _, StoreError, memory::MemoryStore};

struct Stage {
    app: App,
    store: Lazy<MemoryStore>,
    clock: Arc<ManualClock>,
    admin: Context,
}

#[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

impl Stage {
    fn new() -> Self {
        let (store, clock) = (Lazy::ready(MemoryStore::default()), Arc::new(ManualClock::at(START)));
        let vault = Vault::new(MemoryKms::default(), clock.clone());
        let hooks = Hooks { store: store.clone(), vault, clock: clock.clone() };
        Self { app: App::new(router(hooks)), store, clock, admin: key_of("acme", "hooks:*") }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answered {
        call(&self.app, &self.admin, method, path, body).await
    }

    async fn post(&self, path: &str, body: Value) -> Answered {
        self.ask(Method::POST, path, body).await
    }

    async fn get(&self, path: &str) -> Answered {
        self.ask(Method::GET, path, Value::Null).await
    }

    /// A GitHub hook; its path.
    async fn github(&self) -> String {
        let made = self.post("/v1/hooks", json!({"name": "Code", "scheme": "github"})).await;
        made.headers["location"].clone()
    }

    async fn event(&self, path: &str, name: &str, body: &[u8]) -> HookEventId {
        self.event_as(path, HookEventId::generate(), name, body).await
    }

    async fn event_as(&self, path: &str, id: HookEventId, name: &str, body: &[u8]) -> HookEventId {
        let hook: HookId = path.rsplit('/').next().unwrap().parse().unwrap();
        let event = HookEvent {
            id,
            hook,
            hook_name: "Code".into(),
            scheme: SchemeName::Github,
            received_at: START,
            event: Some(name.into()),
            provider_id: None,
            headers: BTreeMap::new(),
            body_bytes: body.len() as u64,
            replays: 0,
        };
        self.store.capture(&acme(), &event, body, None).await.unwrap();
        event.id
    }

    async fn audited(&self) -> Vec<String> {
        let records = self.store.audit(&acme(), None, 100).await.unwrap().items;
        records.into_iter().map(|record| format!("{} {}", record.action, record.detail)).collect()
    }
}

#[tokio::test]
async fn a_secret_that_is_made_is_shown_once() {
    let stage = Stage::new();
    let wanted = json!({"name": " Orders ", "scheme": "standard_webhooks", "events": ["order.*"]});
    let made = stage.post("/v1/hooks", wanted).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["new_secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"));
    let path = &made.headers["location"];
    assert_eq!(made.body["path"], format!("{path}/in"));
    let read = stage.get(path).await;
    assert_eq!((&read.body["name"], &read.body["scheme"]), (&json!("Orders"), &json!("standard_webhooks")));
    let listed = stage.get("/v1/hooks").await;
    assert_eq!(listed.body["items"][0], read.body);
    for answer in [&read.body, &listed.body] {
        assert!(!answer.to_string().contains(secret) && answer.to_string().contains(&secret[secret.len() - 4..]));
    }
    assert_eq!(stage.audited().await, ["hook.created Orders: standard_webhooks"]);
}

#[tokio::test]
async fn a_secret_that_is_given_is_sealed_and_never_shown() {
    let stage = Stage::new();
    let wanted = json!({"name": "Slack", "scheme": "slack", "secret": "8f742231b10e8888CANARY"});
    let made = stage.post("/v1/hooks", wanted).await;
    assert_eq!((made.status, made.body.get("new_secret")), (201, None));
    assert_eq!(made.body["secret"], "••••••••NARY");
    let id: HookId = made.body["id"].as_str().unwrap().parse().unwrap();
    let sealed = stage.store.hook_secret(&acme(), &id, 1).await.unwrap().unwrap();
    assert!(sealed.by.is_some() && !format!("{sealed:?}").contains("CANARY"));
    assert!(!made.body.to_string().contains("CANARY") && !stage.audited().await.join("").contains("CANARY"));
    assert_eq!(SECRET, "secret", "`receive` opens it by this name");
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let stage = Stage::new();
    let wanted = json!({
        "name": "", "scheme": "hmac", "hmac": {"header": "no header", "template": "{url}"}, "secret": "short",
        "public_url": "https://x.example", "replay_window_s": 5,
    });
    let refused = stage.post("/v1/hooks", wanted).await;
    let fields: Vec<_> =
        refused.body["errors"].as_array().unwrap().iter().map(|error| error["field"].clone()).collect();
    assert_eq!(
        json!(fields),
        json!(["name", "replay_window_s", "public_url", "hmac.header", "hmac.template", "hmac.template", "secret"])
    );
    for (wanted, field) in [
        (json!({"name": "x", "scheme": "slack"}), "secret"),
        (json!({"name": "x", "scheme": "hmac"}), "hmac"),
        (json!({"name": "x", "scheme": "github", "hmac": {"header": "X"}}), "hmac"),
        (json!({"name": "x", "scheme": "github", "events": ["*x"]}), "events[0]"),
        (json!({"name": "x", "scheme": "gitlab"}), "scheme"),
        (json!({"name": "x", "scheme": "sendgrid", "secret": "no key at all"}), "secret"),
        (json!({"name": "x", "scheme": "twilio", "secret": "12345678", "public_url": "ftp://x"}), "public_url"),
    ] {
        let refused = stage.post("/v1/hooks", wanted).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!(field)), "{}", refused.body);
    }
    assert!(stage.store.hooks(&acme()).await.unwrap().is_empty(), "nothing was stored");
}

#[tokio::test]
async fn a_change_is_told_field_by_field() {
    let stage = Stage::new();
    let path = stage.github().await;
    let wanted = json!({"name": "Repository", "enabled": false, "events": ["push"], "replay_window_s": 600});
    let changed = stage.ask(Method::PATCH, &path, wanted.clone()).await;
    assert_eq!((changed.status, &changed.body["rev"], &changed.body["enabled"]), (200, &json!(2), &json!(false)));
    assert_eq!(stage.ask(Method::PATCH, &path, wanted).await.body["rev"], 2, "nothing was different");
    assert_eq!(stage.audited().await[1], "hook.updated name, events, enabled, replay_window_s");
    assert_eq!(stage.ask(Method::PATCH, &path, json!({"hmac": {"header": "X"}})).await.status, 422);
    stage.store.fail_next("save_hook", StoreError::Conflict);
    assert_eq!(stage.ask(Method::PATCH, &path, json!({"enabled": true})).await.body["rev"], 3, "on top of the other's");
}

#[tokio::test]
async fn a_rotation_keeps_the_secret_before_for_its_hours() {
    let stage = Stage::new();
    let path = stage.github().await;
    let rotate = async |body| stage.post(&format!("{path}/rotate-secret"), body).await;
    let rotated = rotate(json!({})).await;
    assert_eq!((rotated.status, &rotated.body["secret_version"]), (200, &json!(2)));
    assert_eq!(rotated.body["previous_secret_until"], START.plus_ms(24 * HOUR_MS).to_rfc3339());
    assert_eq!(rotated.body["new_secret"].as_str().unwrap().len(), 64);
    stage.clock.advance_ms(24 * HOUR_MS - 1);
    assert!(stage.get(&path).await.body["previous_secret_until"].is_string());
    stage.clock.advance_ms(1);
    assert_eq!(stage.get(&path).await.body["previous_secret_until"], Value::Null, "its time is over");
    let given = rotate(json!({"secret": "a secret of theirs", "grace_hours": 0})).await;
    assert_eq!((&given.body["previous_secret_until"], given.body.get("new_secret")), (&Value::Null, None));
    assert_eq!(rotate(json!({"grace_hours": 169})).await.body["errors"][0]["field"], "grace_hours");
    assert_eq!(stage.audited().await[2], "hook.secret_rotated version 3, the one before valid for 0 h");
    stage.store.fail_next("save_hook", StoreError::Conflict);
    assert_eq!(rotate(json!({})).await.status, 409);
}

#[tokio::test]
async fn events_are_listed_filtered_read_and_replayed() {
    let stage = Stage::new();
    let path = stage.github().await;
    for n in 0..5 {
        stage.event(&path, if n % 2 == 0 { "push" } else { "issues.opened" }, b"{}").await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = stage.get(&format!("{path}/events?limit=2&event=issues.*{cursor}")).await.body;
        seen.extend(page["items"].as_array().unwrap().iter().map(|event| event["event"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(json!(seen), json!(["issues.opened", "issues.opened"]));
    let page = stage.get(&format!("{path}/events?limit=3")).await.body;
    assert_eq!((page["items"].as_array().unwrap().len(), page["next"].is_string()), (3, true));
    let rest = stage.get(&format!("{path}/events?limit=3&cursor={}", page["next"].as_str().unwrap())).await.body;
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (2, &Value::Null));
    assert_eq!(stage.get(&format!("{path}/events?cursor=x")).await.status, 422);

    for (body, field, expected) in [
        (&br#"{"a":[1]}"#[..], "body", json!({"a": [1]})),
        (b"a=1", "body_text", json!("a=1")),
        (b"\xff\x00", "body_base64", json!("/wA=")),
    ] {
        let id = stage.event(&path, "push", body).await;
        assert_eq!(stage.get(&format!("{path}/events/{id}")).await.body[field], expected);
    }
    let id = stage.event(&path, "push", b"{}").await;
    for replay in [1, 2] {
        let answer = stage.post(&format!("{path}/events/{id}/replay"), Value::Null).await;
        assert_eq!((answer.status, answer.body), (202, json!({"id": id, "replay": replay})));
    }
    assert_eq!(stage.audited().await.last().unwrap(), &format!("hook.event_replayed {id}"));
    stage.clock.advance_ms(EVENT_KEEP_MS + 1);
    assert_eq!(stage.get(&format!("{path}/events/{id}")).await.status, 404, "its time is over");
    assert_eq!(stage.post(&format!("{path}/events/{id}/replay"), Value::Null).await.status, 404);
    assert_eq!(stage.get(&format!("{path}/events")).await.body["items"], json!([]));
}

#[tokio::test]
async fn events_are_found_by_their_time() {
    let stage = Stage::new();
    let path = stage.github().await;
    let at = |minute: i64| START.plus_ms(minute * MINUTE_MS);
    for minute in 0..6 {
        stage.event_as(&path, HookEventId::least_at(at(minute)), &format!("of.{minute}"), b"{}").await;
    }
    let names = async |query: String| {
        let page = stage.get(&format!("{path}/events?{query}")).await.body;
        let names: Vec<_> = page["items"].as_array().unwrap().iter().map(|event| event["event"].clone()).collect();
        (json!(names), page["next"].clone())
    };
    let (since, until) = (format!("since={}", at(2)), format!("until={}", at(4)));
    assert_eq!(names(since.clone()).await, (json!(["of.5", "of.4", "of.3", "of.2"]), Value::Null));
    assert_eq!(names(until.clone()).await.0, json!(["of.4", "of.3", "of.2", "of.1", "of.0"]));
    let (first, next) = names(format!("{since}&{until}&limit=2")).await;
    assert_eq!(first, json!(["of.4", "of.3"]));
    let rest = names(format!("{since}&{until}&limit=2&cursor={}", next.as_str().unwrap())).await;
    assert_eq!(rest, (json!(["of.2"]), Value::Null), "and no further than was asked");
    assert_eq!(names(format!("{since}&{until}&event=of.3")).await, (json!(["of.3"]), Value::Null));
    let refused = stage.get(&format!("{path}/events?since=yesterday")).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["field"]), (422, &json!("since")));
}

#[tokio::test]
async fn what_was_turned_away_is_told_with_its_cause_in_two_languages() {
    let stage = Stage::new();
    let path = stage.github().await;
    let id: HookId = path.rsplit('/').next().unwrap().parse().unwrap();
    let headers = BTreeMap::new();
    let call = Call { url: "", headers: &headers, body: b"x" };
    for cause in [Cause::SignatureMismatch, Cause::Filtered] {
        let rejection = Rejection::of(cause, &call, "203.0.113.7", None, START);
        stage.store.count_rejection(&acme(), &id, &rejection).await.unwrap();
    }
    let all = stage.get(&format!("{path}/rejections")).await.body;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let one = stage.get(&format!("{path}/rejections?cause=signature_mismatch")).await.body["items"].clone();
    assert_eq!(
        (one.as_array().unwrap().len(), &one[0]["verdict"], &one[0]["count"]),
        (1, &json!("rejected"), &json!(1))
    );
    let filtered = stage.get(&format!("{path}/rejections?limit=1&cause=event_filtered")).await.body;
    assert_eq!(filtered["items"].as_array().unwrap().len(), 1, "what others fill is passed over");
    assert!(one[0]["reason_ar"].as_str().unwrap().contains("التوقيع") && !one[0]["fix"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn a_deleted_hook_is_gone_with_what_it_received() {
    let stage = Stage::new();
    let path = stage.github().await;
    let id = stage.event(&path, "push", b"{}").await;
    assert_eq!(stage.ask(Method::DELETE, &path, Value::Null).await.status, 204);
    for path in [path.clone(), format!("{path}/events"), format!("{path}/events/{id}"), format!("{path}/rejections")] {
        assert_eq!(stage.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(stage.ask(Method::DELETE, &path, Value::Null).await.status, 404);
    assert_eq!(stage.audited().await[1], "hook.deleted Code");
}

#[tokio::test]
async fn every_route_asks_for_its_scope_and_finds_ones_own_only() {
    use api::routes::{Access, ROUTES};
    let stage = Stage::new();
    let path = stage.github().await;
    let event = stage.event(&path, "push", b"{}").await;
    let body = |request: Option<&str>| match request {
        None => Value::Null,
        Some("HookCreate") => json!({"name": "x", "scheme": "github"}),
        Some(_) => json!({}),
    };
    let own = ROUTES.iter().filter(|route| route.function == "hooks");
    let mut tried = 0;
    for route in own {
        let Access::Scope(scope) = route.access else { panic!("{} is not public", route.path) };
        let id = path.rsplit('/').next().unwrap();
        let target = route.path.replace("{id}", id).replace("{event_id}", event.as_str());
        let method: Method = route.method.parse().unwrap();
        let without = key_of("acme", "keys:* audit:read campaigns:*");
        let refused = call(&stage.app, &without, method.clone(), &target, body(route.request)).await;
        assert_eq!(refused.status, 403, "{method} {target}");
        assert!(refused.body["detail"].as_str().unwrap().contains(scope.as_str()));
        if route.path.contains('{') {
            let stranger = key_of("globex", "*");
            let hidden = call(&stage.app, &stranger, method.clone(), &target, body(route.request)).await;
            assert_eq!(hidden.status, 404, "{method} {target}");
        }
        tried += 1;
    }
    assert_eq!(tried, 10);
}
