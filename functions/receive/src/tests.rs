//! Calls as providers make them, up to what is stored of them.

use crate::{
    handler::{Receiver, router},
    known::{Known, REMEMBERED_MS},
    tallies::Tallies,
};
use axum::{body::Body, http::Request};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::{
    audit::AuditEntry,
    hook::{BODY_MAX_BYTES, Cause, Hook, HookEvent, REPLAY_WINDOW_S, Rejection, Scheme},
    ids::HookId,
    principal::Principal,
    secret::{Secret, Secrets},
    tenant::TenantScope,
    time::{HOUR_MS, ManualClock},
};
use ring::hmac;
use runtime::{
    caller::Context,
    http::App,
    lazy::Lazy,
    log::Log,
    testing::{Answered, MemoryKms, START, send},
    vault::{DataKey, Kms, SealContext, Vault, VaultError},
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Hooks, StoreError, memory::MemoryStore};

/// The key service, which the stage keeps a hand on.
#[derive(Clone, Default)]
struct SharedKms(Arc<MemoryKms>);

impl Kms for SharedKms {
    async fn data_key(&self, context: &SealContext) -> Result<DataKey, VaultError> {
        self.0.data_key(context).await
    }

    async fn open(&self, sealed: &[u8], context: &SealContext) -> Result<zeroize::Zeroizing<Vec<u8>>, VaultError> {
        self.0.open(sealed, context).await
    }

    async fn rewrap(&self, sealed: &[u8], context: &SealContext) -> Result<Vec<u8>, VaultError> {
        self.0.rewrap(sealed, context).await
    }
}

struct Stage {
    app: App,
    store: Lazy<MemoryStore>,
    clock: Arc<ManualClock>,
    kms: SharedKms,
    vault: Vault<SharedKms>,
    log: Log,
}

#[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

const SECRET: &str = "It's a Secret to Everybody";

impl Stage {
    fn new() -> Self {
        let (clock, kms) = (Arc::new(ManualClock::at(START)), SharedKms::default());
        let (store, log) = (Lazy::ready(MemoryStore::default()), Log::in_memory("receive"));
        let vault = || Vault::new(kms.clone(), clock.clone());
        let receiver = Receiver {
            known: Known::new(store.clone(), vault()),
            store: store.clone(),
            clock: clock.clone(),
            log: log.clone(),
            tallies: Tallies::default(),
        };
        let vault = vault();
        Self { app: App::new(router(receiver)), store, clock, vault, log, kms }
    }

    async fn hook(&self, scheme: Scheme) -> Hook {
        let hook = Hook {
            id: HookId::generate(),
            name: "Code".into(),
            scheme,
            events: vec![],
            enabled: true,
            replay_window_s: REPLAY_WINDOW_S,
            secret_mask: String::new(),
            secret_version: 1,
            previous: None,
            created_at: START,
            updated_at: START,
            updated_by: Principal::System,
            rev: 1,
        };
        self.save(&hook, Some(SECRET)).await;
        hook
    }

    async fn save(&self, hook: &Hook, secret: Option<&str>) {
        let audit = AuditEntry {
            principal: Principal::System,
            action: "hook.created",
            target: hook.id.to_string(),
            detail: String::new(),
            at: START,
        };
        let sealed = match secret {
            Some(secret) => {
                let secrets = Secrets::from([("secret".to_owned(), Secret::new(secret.to_owned()))]);
                Some(self.vault.seal(&acme(), &hook.id, hook.secret_version, &secrets).await.unwrap())
            }
            None => None,
        };
        self.store.save_hook(&acme(), hook, sealed.as_ref(), &audit).await.unwrap();
    }

    async fn call(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answered {
        let mut request = Request::post(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(&self.app, &Context::default(), request.body(Body::from(body.to_vec())).unwrap()).await
    }

    /// A call as GitHub signs it.
    async fn github(&self, hook: &Hook, secret: &str, body: &[u8]) -> Answered {
        let signature = format!("sha256={}", hex(hmac::HMAC_SHA256, secret, body));
        let headers =
            [("x-hub-signature-256", signature.as_str()), ("x-github-event", "push"), ("user-agent", "Hookshot")];
        self.call(&path(hook), &headers, body).await
    }

    async fn events(&self, hook: &Hook) -> Vec<HookEvent> {
        self.store.hook_events(&acme(), &hook.id, None, 100).await.unwrap().items
    }

    async fn rejections(&self, hook: &Hook) -> Vec<Rejection> {
        self.store.rejections(&acme(), &hook.id, None, 100).await.unwrap().items
    }
}

fn path(hook: &Hook) -> String {
    format!("/v1/hooks/{}/in", hook.id)
}

fn hex(algorithm: hmac::Algorithm, secret: &str, body: &[u8]) -> String {
    domain::digest::hex(hmac::sign(&hmac::Key::new(algorithm, secret.as_bytes()), body).as_ref())
}

#[tokio::test]
async fn a_good_call_is_stored_as_it_came_before_it_is_answered() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    let body = br#"{ "action": "opened",  "n": 1.0 }"#;
    let answer = stage.github(&hook, SECRET, body).await;
    let [event] = &stage.events(&hook).await[..] else { panic!("one was stored") };
    assert_eq!((answer.status, &answer.body), (200, &json!({"received": true, "event_id": event.id})));
    let (stored, kept) = stage.store.hook_event(&acme(), &hook.id, &event.id).await.unwrap().unwrap();
    assert_eq!(kept, body, "byte for byte");
    assert_eq!((stored.event.as_deref(), stored.received_at), (Some("push.opened"), START));
    assert!(!stored.headers.keys().any(|name| name.contains("signature")), "{stored:?}");
    assert_eq!(stage.rejections(&hook).await, []);

    stage.store.fail_next("capture", StoreError::Unavailable("away".into()));
    let refused = stage.github(&hook, SECRET, b"{}").await;
    assert_eq!((refused.status, refused.headers["retry-after"].as_str()), (503, "1"), "not stored, not acknowledged");
    assert_eq!(stage.github(&hook, SECRET, b"{}").await.status, 200, "the provider tries again");
}

#[tokio::test]
async fn every_refusal_names_its_cause_and_is_counted() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    let large = vec![b'x'; BODY_MAX_BYTES + 1];
    let answers = [
        (stage.call(&path(&hook), &[], b"{}").await, 401, "webhook_refused", "signature_missing"),
        (stage.github(&hook, "wrong", b"{}").await, 401, "webhook_refused", "signature_mismatch"),
        (stage.github(&hook, SECRET, &large).await, 413, "body_too_large", "body_too_large"),
    ];
    for (answer, status, code, cause) in answers {
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)));
        assert_eq!(answer.body["errors"][0]["code"], cause);
    }
    let counted = stage.rejections(&hook).await;
    let causes: Vec<_> = counted.iter().map(|rejection| (rejection.cause.code(), rejection.count)).collect();
    assert_eq!(causes, [("signature_missing", 1), ("signature_mismatch", 1), ("body_too_large", 1)]);
    assert_eq!((counted[1].user_agent.as_str(), counted[1].body_bytes), ("Hookshot", 2));
    assert_eq!(stage.events(&hook).await, []);
}

#[tokio::test]
async fn nobodys_hook_is_not_found_and_nothing_is_written() {
    let stage = Stage::new();
    for path in [format!("/v1/hooks/{}/in", HookId::generate()), "/v1/hooks/whk_1/in".to_owned()] {
        let answer = stage.call(&path, &[], b"{}").await;
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));
    }
    assert_eq!(stage.store.calls("count_rejection"), 0);
}

#[tokio::test]
async fn a_repeat_is_acknowledged_and_stored_once() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    let first = stage.github(&hook, SECRET, b"{}").await;
    let again = stage.github(&hook, SECRET, b"{}").await;
    assert_eq!((again.status, &again.body["verdict"]), (200, &json!("duplicate")));
    assert_eq!(again.body["event_id"], first.body["event_id"]);
    assert_eq!(stage.events(&hook).await.len(), 1);
    assert_eq!(stage.rejections(&hook).await[0].cause, Cause::Duplicate);
}

#[tokio::test]
async fn what_the_filter_does_not_name_is_acknowledged_and_counted() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    let filtered = Hook { rev: 2, events: vec!["issues.*".parse().unwrap()], ..hook };
    stage.save(&filtered, None).await;
    let answer = stage.github(&filtered, SECRET, b"{}").await;
    assert_eq!((answer.status, &answer.body), (200, &json!({"received": true, "verdict": "filtered"})));
    assert_eq!(stage.events(&filtered).await, []);
    assert_eq!(stage.rejections(&filtered).await[0].event.as_deref(), Some("push"));
    assert_eq!(stage.github(&filtered, "wrong", b"{}").await.status, 401, "proof comes first");
}

#[tokio::test]
async fn both_secrets_serve_until_the_one_before_ends() {
    let stage = Stage::new();
    let mut hook = stage.hook(Scheme::Github).await;
    hook.rotate(String::new(), 24, START);
    hook.rev = 2;
    stage.save(&hook, Some("the new secret")).await;
    let with = async |secret: &str, n: i64| stage.github(&hook, secret, format!("[{n}]").as_bytes()).await.status;
    assert_eq!((with(SECRET, 1).await, with("the new secret", 2).await, with("a third", 3).await), (200, 200, 401));
    stage.clock.advance_ms(24 * HOUR_MS - 1);
    assert_eq!(with(SECRET, 9).await, 200);
    // To the moment, although the hook was looked up a moment ago.
    stage.clock.advance_ms(1);
    assert_eq!((with(SECRET, 4).await, with("the new secret", 5).await), (401, 200));
}

#[tokio::test]
async fn a_change_is_heeded_within_half_a_minute_and_looked_up_once_until_then() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    for body in [b"1", b"2", b"3"] {
        assert_eq!(stage.github(&hook, SECRET, body).await.status, 200);
    }
    assert_eq!((stage.store.calls("hook_owner"), stage.store.calls("hook"), stage.kms.0.calls()), (1, 1, 2));
    stage.save(&Hook { rev: 2, enabled: false, ..hook.clone() }, None).await;
    stage.clock.advance_ms(REMEMBERED_MS);
    let refused = stage.github(&hook, SECRET, b"4").await;
    assert_eq!((refused.status, &refused.body["errors"][0]["code"]), (403, &json!("hook_disabled")));
}

#[tokio::test]
async fn a_key_service_that_is_away_is_no_refusal() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    stage.kms.0.set_away(true);
    assert_eq!(stage.github(&hook, SECRET, b"{}").await.status, 503);
    assert_eq!(stage.rejections(&hook).await, []);
    stage.kms.0.set_away(false);
    assert_eq!(stage.github(&hook, SECRET, b"{}").await.status, 200);
}

#[tokio::test]
async fn a_flood_of_forgeries_is_a_handful_of_writes() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Github).await;
    for n in 0..300 {
        assert_eq!(stage.github(&hook, "wrong", format!("{n}").as_bytes()).await.status, 401);
    }
    assert_eq!(stage.store.calls("count_rejection"), 9);
    let [counted] = &stage.rejections(&hook).await[..] else { panic!("one minute, one cause") };
    assert_eq!(counted.count, 256);
    assert_eq!(stage.events(&hook).await, []);
}

#[tokio::test]
async fn graph_is_answered_with_its_token_as_plain_text() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Graph).await;
    let asked = async |token: &str| stage.call(&format!("{}?validationToken={token}", path(&hook)), &[], b"").await;
    let answer = asked("Validation%3A+a%2Bb").await;
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain; charset=utf-8"));
    assert_eq!((answer.body, answer.headers["x-content-type-options"].as_str()), (json!("Validation: a+b"), "nosniff"));
    assert_eq!(asked("%3Cscript%3E").await.status, 400);
    let notes = |state: &str| json!({"value": [{"clientState": state, "changeType": "updated"}]}).to_string();
    assert_eq!(stage.call(&path(&hook), &[], notes(SECRET).as_bytes()).await.status, 200);
    assert_eq!(stage.call(&path(&hook), &[], notes("another").as_bytes()).await.status, 401);
    let [event] = &stage.events(&hook).await[..] else { panic!("one was stored") };
    let (_, kept) = stage.store.hook_event(&acme(), &hook.id, &event.id).await.unwrap().unwrap();
    assert!(!String::from_utf8(kept).unwrap().contains(SECRET), "the client state is a secret");
}

#[tokio::test]
async fn slacks_challenge_is_repeated_and_its_events_are_answered_with_nothing() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Slack).await;
    let slack = async |body: &str| {
        let at = (START.0 / 1_000).to_string();
        let signature = format!("v0={}", hex(hmac::HMAC_SHA256, SECRET, format!("v0:{at}:{body}").as_bytes()));
        let headers = [("x-slack-request-timestamp", at.as_str()), ("x-slack-signature", &signature)];
        stage.call(&path(&hook), &headers, body.as_bytes()).await
    };
    let challenged = slack(r#"{"type":"url_verification","challenge":"abc"}"#).await;
    assert_eq!((challenged.status, challenged.body), (200, json!({"challenge": "abc"})));
    assert_eq!(stage.events(&hook).await, []);
    let event = slack(r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}"#).await;
    assert_eq!((event.status, event.body), (200, Value::Null));
    assert_eq!(stage.events(&hook).await[0].event.as_deref(), Some("message"));
}

#[tokio::test]
async fn twilio_signs_the_address_that_it_calls() {
    let stage = Stage::new();
    let hook = stage.hook(Scheme::Twilio { public_url: None }).await;
    let url = format!("https://api.example{}?a=1", path(&hook));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, SECRET.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, format!("{url}MessageStatussentTox").as_bytes()));
    let twilio = async |host: &str| {
        let headers = [
            ("host", host),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-twilio-signature", signature.as_str()),
        ];
        stage.call(&format!("{}?a=1", path(&hook)), &headers, b"To=x&MessageStatus=sent").await
    };
    assert_eq!(twilio("evil.example").await.status, 401);
    let good = twilio("api.example").await;
    assert_eq!((good.status, good.body), (200, Value::Null));
}

#[tokio::test]
async fn no_secret_and_no_body_is_in_the_log() {
    let stage = Stage::new();
    let _guard = tracing::subscriber::set_default(stage.log.subscriber());
    let hook = stage.hook(Scheme::Github).await;
    stage.github(&hook, SECRET, b"CANARY-1").await;
    stage.github(&hook, "wrong", b"CANARY-2").await;
    let lines = stage.log.lines().join("\n");
    assert!(!lines.contains("CANARY") && !lines.contains(SECRET), "{lines}");
}
