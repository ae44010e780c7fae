//! Who is believed, what is kept, and what is answered.

use super::*;
use axum::{
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    audit::AuditEntry,
    bundle::BundleId,
    channel::Provider,
    feedback::FeedbackKind,
    ids::{CampaignId, DeliveryId},
    principal::Principal,
    secret::Secret,
    suppression::SuppressionReason,
    time::ManualClock,
};
use runtime::{
    caller::Context,
    http::App,
    testing::{MemoryKms, START, integration, send},
    vault::{DataKey, SealContext},
};
use serde_json::{Value, json};
use store::{StoreError, memory::MemoryStore};

const PASSWORD: &str = "a-long-word-for-postmark";
const DELIVERY: &str = "dlv_01JD00000000000000000000000003";

/// A key service that the test keeps a hand on.
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
    kms: Arc<MemoryKms>,
    postmark: Integration,
}

#[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

impl Stage {
    /// A tenant with one Postmark integration that has its password.
    async fn new() -> Self {
        let (kms, clock) = (SharedKms::default(), Arc::new(ManualClock::at(START)));
        let sealing = Vault::new(kms.clone(), clock.clone());
        let postmark = Integration { secret_version: 1, ..integration(Provider::Postmark) };
        let secrets = [("webhook_password".to_owned(), Secret::new(PASSWORD.to_owned()))].into();
        let sealed = sealing.seal(&acme(), &postmark.id, 1, &secrets).await.unwrap();
        let store = Lazy::ready(MemoryStore::default());
        store.save_integration(&acme(), &postmark, Some(&sealed), false, &audit()).await.unwrap();
        store.ensure_campaign(&acme(), &"spring".parse().unwrap(), &audit()).await.unwrap();
        let track = Track { store: store.clone(), vault: Vault::new(kms.clone(), clock.clone()), clock };
        Self { app: App::new(router(track)), store, kms: kms.0, postmark }
    }

    async fn post(&self, path: &str, password: Option<&str>, body: impl Into<Body>) -> (u16, Value) {
        let mut request = Request::builder().method(Method::POST).uri(path);
        if let Some(password) = password {
            let words = STANDARD.encode(format!("trunkline:{password}"));
            request = request.header("authorization", format!("Basic {words}"));
        }
        let answer = send(&self.app, &Context::default(), request.body(body.into()).unwrap()).await;
        (answer.status, answer.body)
    }

    fn path(&self) -> String {
        format!("/v1/tracking/acme/{}", self.postmark.id)
    }

    async fn report(&self, event: &Value) -> u16 {
        self.post(&self.path(), Some(PASSWORD), event.to_string()).await.0
    }

    async fn kinds(&self) -> Vec<FeedbackKind> {
        let delivery: DeliveryId = DELIVERY.parse().unwrap();
        let campaign: CampaignId = "spring".parse().unwrap();
        let found = self.store.feedback_of(&acme(), &campaign, &[BundleId::origin_of(&delivery)]).await.unwrap();
        assert!(found.iter().all(|feedback| feedback.delivery == delivery));
        found.into_iter().map(|feedback| feedback.kind).collect()
    }
}

fn event(kind: &str, extra: &Value) -> Value {
    let mut event = json!({
        "RecordType": kind, "Recipient": "Ann@Example.com", "Email": "Ann@Example.com",
        "Metadata": {"tenant": "acme", "campaign": "spring", "delivery": DELIVERY}
    });
    event.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    event
}

fn bounce() -> Value {
    event("Bounce", &json!({"Type": "HardBounce", "Inactive": true, "Details": "550 no such user"}))
}

#[tokio::test]
async fn what_is_reported_is_kept_and_a_bounce_suppresses_the_address() {
    let stage = Stage::new().await;
    for event in [event("Delivery", &json!({})), bounce(), bounce()] {
        assert_eq!(stage.report(&event).await, 200);
    }
    assert_eq!(stage.kinds().await, [FeedbackKind::Delivered, FeedbackKind::Bounced]);
    let listed = stage.store.suppression(&acme(), "ann@example.com").await.unwrap().unwrap();
    assert_eq!((listed.reason, listed.detail.as_str()), (SuppressionReason::Bounced, "550 no such user"));
    assert_eq!(listed.delivery.map(|id| id.to_string()).as_deref(), Some(DELIVERY));
    assert_eq!(listed.integration, Some(stage.postmark.id.clone()));
}

#[tokio::test]
async fn what_is_reported_of_a_campaign_that_does_not_exist_is_dropped_and_its_address_listed() {
    let stage = Stage::new().await;
    let mut stray = bounce();
    stray["Metadata"]["campaign"] = json!("erased");
    assert_eq!(stage.report(&stray).await, 200);
    assert_eq!(stage.store.calls("record_feedback"), 0);
    assert!(stage.store.suppression(&acme(), "ann@example.com").await.unwrap().is_some());
    stage.store.fail_next("campaign", StoreError::Unavailable("throttled".into()));
    assert_eq!(stage.report(&bounce()).await, 503, "what cannot be looked up is reported again");
}

#[tokio::test]
async fn a_providers_clock_is_believed_only_so_far_ahead() {
    let stage = Stage::new().await;
    assert_eq!(stage.report(&event("Delivery", &json!({"DeliveredAt": "2099-01-01T00:00:00Z"}))).await, 200);
    let origin = BundleId::origin_of(&DELIVERY.parse().unwrap());
    let kept = stage.store.feedback_of(&acme(), &"spring".parse().unwrap(), &[origin]).await.unwrap();
    assert_eq!(kept[0].at, START.plus_ms(5 * domain::time::MINUTE_MS));
}

#[tokio::test]
async fn who_cannot_prove_it_changes_nothing() {
    let stage = Stage::new().await;
    let body = bounce().to_string();
    for (password, cause) in [(None, "unsigned"), (Some("wrong"), "wrong_signature"), (Some(""), "wrong_signature")] {
        let (status, problem) = stage.post(&stage.path(), password, body.clone()).await;
        assert_eq!((status, &problem["code"]), (401, &json!("webhook_refused")), "{problem}");
        assert!(problem["detail"].as_str().unwrap().starts_with(cause), "{problem}");
    }
    assert_eq!(stage.post(&stage.path(), None, "no JSON").await.0, 401, "only after the proof is anything parsed");
    assert_eq!(stage.post(&stage.path(), Some(PASSWORD), "no JSON").await.0, 400);
    assert_eq!(stage.kinds().await, []);
    assert_eq!(stage.store.suppressions(&acme(), None, 9).await.unwrap().items, []);
}

#[tokio::test]
async fn an_integration_without_a_key_believes_nobody() {
    let stage = Stage::new().await;
    let bare = Integration { id: IntegrationId::generate(), ..integration(Provider::Sendgrid) };
    stage.store.save_integration(&acme(), &bare, None, false, &audit()).await.unwrap();
    let (status, problem) = stage.post(&format!("/v1/tracking/acme/{}", bare.id), None, "[]").await;
    assert_eq!(status, 401);
    assert!(problem["detail"].as_str().unwrap().starts_with("not_set_up"), "{problem}");
}

#[tokio::test]
async fn at_other_addresses_nobody_listens() {
    let stage = Stage::new().await;
    let slack = Integration { id: IntegrationId::generate(), ..integration(Provider::Slack) };
    let gone =
        Integration { id: IntegrationId::generate(), deleted_at: Some(START), ..integration(Provider::Postmark) };
    for integration in [&slack, &gone] {
        stage.store.save_integration(&acme(), integration, None, false, &audit()).await.unwrap();
    }
    for path in [
        format!("/v1/tracking/globex/{}", stage.postmark.id),
        format!("/v1/tracking/acme/{}", IntegrationId::generate()),
        format!("/v1/tracking/acme/{}", slack.id),
        format!("/v1/tracking/acme/{}", gone.id),
        "/v1/tracking/acme/nonsense".to_owned(),
        "/v1/tracking/Not%20a%20tenant/int_01JD0000000000000000000000".to_owned(),
    ] {
        let (status, problem) = stage.post(&path, Some(PASSWORD), bounce().to_string()).await;
        assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{path}");
    }
}

#[tokio::test]
async fn mail_of_others_is_no_fault() {
    let stage = Stage::new().await;
    let mut foreign = bounce();
    foreign["Metadata"]["tenant"] = json!("globex");
    for event in [foreign, json!({"RecordType": "Bounce", "Type": "HardBounce", "Email": "x@y.z"}), json!({})] {
        assert_eq!(stage.report(&event).await, 200, "{event}");
    }
    assert_eq!(stage.kinds().await, []);
    assert_eq!(stage.store.suppressions(&acme(), None, 9).await.unwrap().items, []);
    assert_eq!(stage.store.calls("record_feedback"), 0);
}

#[tokio::test]
async fn what_was_not_stored_is_not_acknowledged() {
    for op in ["integration", "secret", "suppress", "record_feedback"] {
        let stage = Stage::new().await;
        stage.store.fail_next(op, StoreError::Unavailable("throttled".to_owned()));
        assert_eq!(stage.report(&bounce()).await, 503, "{op}");
        assert_eq!(stage.report(&bounce()).await, 200, "{op}: the repeat");
        assert_eq!(stage.kinds().await, [FeedbackKind::Bounced]);
        assert!(stage.store.suppression(&acme(), "ann@example.com").await.unwrap().is_some());
    }
    let stage = Stage::new().await;
    stage.kms.set_away(true);
    assert_eq!(stage.report(&bounce()).await, 503);
}

#[tokio::test]
async fn too_large_a_body_is_refused_unread() {
    let stage = Stage::new().await;
    let (status, _) = stage.post(&stage.path(), Some(PASSWORD), vec![b' '; MAX_BODY_BYTES + 1]).await;
    assert_eq!(status, 413);
    assert_eq!(stage.store.calls("integration"), 0);
}

#[tokio::test]
async fn every_route_of_this_function_is_answered() {
    let stage = Stage::new().await;
    for route in api::routes::ROUTES.iter().filter(|route| route.function == "track") {
        let path = route.path.replace("{tenant}", "acme").replace("{integration_id}", stage.postmark.id.as_str());
        assert_eq!(stage.post(&path, None, "").await.0, 401, "{path}");
    }
}
