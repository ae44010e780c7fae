//! Both handlers behind their router, in memory, with a double of a provider.

use crate::hub::{Hub, router};
use ::hub::{connections::Connections, sign_in::Flow};
use axum::http::Method;
use domain::{
    audit::AuditEntry,
    channel::Provider,
    digest,
    health::HealthStatus,
    ids::TenantId,
    integration::Integration,
    principal::Principal,
    secret::{Secret, Secrets},
    sign_in::{PendingSignIn, Purpose, SIGN_IN_MS},
    tenant::TenantScope,
    time::ManualClock,
};
use doubles::oidc::{CLIENT_ID, CLIENT_SECRET, OidcDouble};
use guard::{Egress, Guard};
use providers::Endpoints;
use runtime::{
    http::App,
    lazy::Lazy,
    testing::{Answered, MemoryKms, START, call, integration, key_of},
    vault::{DataKey, Kms, SealContext, Vault, VaultError},
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Integrations, SignIns, StoreError, memory::MemoryStore};

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
    provider: OidcDouble,
    store: Lazy<MemoryStore>,
    kms: SharedKms,
    clock: Arc<ManualClock>,
    integration: Integration,
    app: App,
}

#[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse::<TenantId>().unwrap())
}

impl Stage {
    async fn new() -> Self {
        let provider = OidcDouble::start(START.0 / 1_000).await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let (store, kms) = (Lazy::ready(MemoryStore::default()), SharedKms::default());
        let vault = Arc::new(Vault::new(kms.clone(), clock.clone()));
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
        let endpoints = Endpoints::default();
        let config = json!({
            "issuer": provider.url(), "client_id": CLIENT_ID, "audience": "api", "roles_claim": "roles",
            "admin_roles": ["Boss"], "operator_roles": [], "viewer_roles": [],
        });
        let Value::Object(config) = config else { unreachable!() };
        let integration = Integration { config, secret_version: 1, ..integration(Provider::Entra) };
        let secrets = Secrets::from([("client_secret".to_owned(), Secret::new(CLIENT_SECRET.to_owned()))]);
        let sealed = vault.seal(&acme(), &integration.id, 1, &secrets).await.unwrap();
        store.save_integration(&acme(), &integration, Some(&sealed), false, &audit()).await.unwrap();
        let flow = Flow {
            store: store.clone(),
            connections: Connections::new(store.clone(), vault, guard.clone(), endpoints.clone(), clock.clone()),
            guard,
            endpoints,
            clock: clock.clone(),
        };
        let hub = Hub { flow, public_url: Some("https://api.example".to_owned()) };
        Self { provider, store, kms, clock, integration, app: App::new(router(hub)) }
    }

    async fn begin(&self) -> Answered {
        let path = format!("/v1/integrations/{}/sign-in-test", self.integration.id);
        call(&self.app, &key_of("acme", "integrations:test"), Method::POST, &path, Value::Null).await
    }

    /// A person signs in; the query that they come back with.
    async fn walk(&self) -> String {
        let begun = self.begin().await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let url = begun.body["authorization_url"].as_str().unwrap();
        let code = self.provider.sign_in_as(url);
        let state = url.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap();
        format!("state={state}&code={code}")
    }

    /// The page that a person ends on, with its status.
    async fn back(&self, query: &str) -> (u16, String) {
        let path = format!("/v1/sign-in/callback?{query}");
        let page = call(&self.app, &runtime::caller::Context::default(), Method::GET, &path, Value::Null).await;
        assert!(page.headers["content-security-policy"].contains("default-src 'none'"), "{page:?}");
        assert_eq!(page.headers["cache-control"], "no-store");
        let text = page.body.as_str().unwrap_or_default().to_owned();
        assert!(!text.contains("CANARY") && !text.contains("eyJ") && !text.contains("<script"), "{text}");
        (page.status, text)
    }

    async fn last_test(&self) -> Option<(HealthStatus, String)> {
        let stored = self.store.integration(&acme(), &self.integration.id).await.unwrap().unwrap();
        stored.last_test.map(|test| (test.status, test.code))
    }
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

#[tokio::test]
async fn a_sign_in_that_works_is_told_and_remembered() {
    let stage = Stage::new().await;
    stage.provider.behaviour().access = json!({"roles": ["Boss"]});
    let begun = stage.begin().await;
    assert_eq!(begun.body["redirect_uri"], "https://api.example/v1/sign-in/callback");
    let query = stage.walk().await;
    let (status, page) = stage.back(&query).await;
    assert_eq!(status, 200);
    assert!(page.contains("Sign-in works") && page.contains("sara@acme.example"), "{page}");
    assert_eq!(stage.last_test().await, Some((HealthStatus::Ok, "ok".to_owned())));
    assert_eq!(stage.back(&query).await.0, 400, "an answer counts once");
}

#[tokio::test]
async fn other_peoples_text_is_text() {
    let stage = Stage::new().await;
    stage.provider.behaviour().id = json!({"preferred_username": "<img src=x>\"&'"});
    let (status, page) = stage.back(&stage.walk().await).await;
    assert_eq!(status, 200);
    assert!(page.contains("&lt;img src=x&gt;&quot;&amp;&#39;") && !page.contains("<img"), "{page}");
    assert_eq!(stage.last_test().await, Some((HealthStatus::Warn, "oidc_no_role".to_owned())));
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_changes_nothing() {
    let stage = Stage::new().await;
    let late = stage.walk().await;
    for query in ["", "code=x", "state=made-up&code=x", &format!("state={}&code=x", "s".repeat(99))] {
        assert_eq!(stage.back(query).await.0, 400, "{query}");
    }
    stage.clock.advance_ms(SIGN_IN_MS);
    assert_eq!(stage.back(&late).await.0, 400, "too late");
    let pending = PendingSignIn {
        tenant: acme().tenant().clone(),
        integration: stage.integration.id.clone(),
        verifier: "v".to_owned(),
        nonce: "n".to_owned(),
        redirect_uri: String::new(),
        purpose: Purpose::Console { browser: String::new(), next: String::new() },
        expires_at: START.plus_ms(2 * SIGN_IN_MS),
    };
    stage.store.begin_sign_in(&digest::hex_of_parts([&b"consoles"[..]]), &pending).await.unwrap();
    assert_eq!(stage.back("state=consoles&code=the-code").await.0, 400, "begun for the console");
    // Whoever changes their mind tells nothing about the integration.
    let query = stage.walk().await.replace("code=the-code", "error=access_denied");
    let (status, page) = stage.back(&query).await;
    assert!(status == 200 && page.contains("cancelled"), "{page}");
    assert_eq!(stage.last_test().await, None);
}

#[tokio::test]
async fn a_sign_in_that_fails_says_how_to_mend_it() {
    let stage = Stage::new().await;
    let query =
        stage.walk().await.replace("code=the-code", "error=consent_required&error_description=Ask%20an%20admin");
    let (status, page) = stage.back(&query).await;
    assert!(status == 400 && page.contains("consent_required: Ask an admin"), "{page}");
    assert_eq!(stage.last_test().await, Some((HealthStatus::Fail, "oidc_sign_in_refused".to_owned())));
    let mixed_up = format!("{}&iss=https://evil.example", stage.walk().await);
    assert!(stage.back(&mixed_up).await.1.contains("another issuer"));
    assert!(!stage.provider.behaviour().asked.contains_key("token"), "the code is not shown");
    stage.provider.behaviour().names_itself = true;
    assert!(stage.back(&stage.walk().await).await.1.contains("does not say whose it is"));
    assert!(!stage.provider.behaviour().asked.contains_key("token"), "the code is not shown");
    stage.provider.behaviour().names_itself = false;
    stage.provider.behaviour().id = json!({"nonce": "of another sign-in"});
    assert_eq!(stage.back(&stage.walk().await).await.0, 400);
    assert_eq!(stage.last_test().await, Some((HealthStatus::Fail, "oidc_id_token_refused".to_owned())));
}

#[tokio::test]
async fn only_a_sign_in_can_be_begun_and_only_by_whoever_may() {
    let stage = Stage::new().await;
    let path = format!("/v1/integrations/{}/sign-in-test", stage.integration.id);
    for (caller, expected) in [
        (runtime::caller::Context::default(), 401),
        (key_of("acme", "integrations:read"), 403),
        (key_of("other", "*"), 404),
    ] {
        assert_eq!(call(&stage.app, &caller, Method::POST, &path, Value::Null).await.status, expected);
    }
    let slack = integration(Provider::Slack);
    stage.store.save_integration(&acme(), &slack, None, false, &audit()).await.unwrap();
    let path = format!("/v1/integrations/{}/sign-in-test", slack.id);
    let refused = call(&stage.app, &key_of("acme", "*"), Method::POST, &path, Value::Null).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("conflict")));

    stage.provider.behaviour().down = Some(404);
    let refused = stage.begin().await;
    assert_eq!((refused.status, &refused.body["test"]["code"]), (422, &json!("oidc_discovery_failed")), "{refused:?}");
    stage.clock.advance_ms(domain::time::HOUR_MS);
    stage.kms.0.set_away(true);
    assert_eq!(stage.begin().await.status, 503);
    stage.store.fail_next("end_sign_in", StoreError::Unavailable("throttled".into()));
    assert_eq!(stage.back("state=s&code=c").await.0, 503);
}
