//! Where the handlers are tested: all of them behind their router, in memory, with a double of receivers on loopback.

use crate::endpoints::{Endpoints, Place, router};
use axum::http::Method;
use domain::{
    bundle::{Bundle, BundleId, Envelope, FinishRules, Outcome, Payload},
    channel::{Channel, OnUnknown, ProviderClass},
    failure::{Failure, FailureKind},
    ids::{CampaignId, DeliveryId, EventId, IntegrationId, RequestId},
    integration::Integration,
    message::Content,
    retry::RetryPolicy,
    tenant::TenantScope,
    time::{Clock, ManualClock, Timestamp},
    webhook::{Answer, OutEvent},
};
use doubles::webhook::WebhookDouble;
use guard::{Egress, Guard};
use hub::connections::Connections;
use runtime::{
    caller::Context,
    clock::SystemClock,
    http::App,
    lazy::Lazy,
    queue::MemoryQueues,
    testing::{Answered, MemoryKms, START, call, key_of},
    vault::Vault,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Audit as _, Bundles as _, Integrations as _, Request, memory::MemoryStore};

/// In a test.
pub(crate) struct Test;

impl Place for Test {
    type Store = MemoryStore;
    type Kms = MemoryKms;
    type Queues = Arc<MemoryQueues>;
}

/// The function with everything around it.
pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) vault: Arc<Vault<MemoryKms>>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) receivers: WebhookDouble,
    pub(crate) admin: Context,
}

/// A header whose value must never be seen again.
pub(crate) const CANARY: &str = "Bearer CANARY-4711";

#[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
pub(crate) fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::at(START).await
    }

    /// The same at the present time, which receivers look at.
    pub(crate) async fn today() -> Self {
        Self::at(SystemClock.now()).await
    }

    async fn at(now: Timestamp) -> Self {
        let (store, clock) = (Lazy::ready(MemoryStore::default()), Arc::new(ManualClock::at(now)));
        let vault = Arc::new(Vault::new(MemoryKms::default(), clock.clone() as Arc<dyn Clock>));
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
        let (queues, settings) = (Arc::new(MemoryQueues::default()), providers::Endpoints::default());
        let endpoints: Endpoints<Test> = Endpoints {
            connections: Connections::new(store.clone(), vault.clone(), guard.clone(), settings, clock.clone()),
            store: store.clone(),
            vault: vault.clone(),
            queues: queues.clone(),
            guard,
            clock: clock.clone(),
        };
        let receivers = WebhookDouble::start(0).await.unwrap();
        let app = App::new(router(endpoints));
        Self { app, store, vault, queues, clock, receivers, admin: key_of("acme", "endpoints:*") }
    }

    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Answered {
        call(&self.app, &self.admin, method, path, body).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        self.ask(Method::POST, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.ask(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answered {
        self.ask(Method::PATCH, path, body).await
    }

    /// A new endpoint that is there.
    pub(crate) fn body(&self) -> Value {
        json!({
            "name": "Orders", "url": self.receivers.receiver_url("orders"), "events": ["order.*"],
            "headers": {"Authorization": CANARY},
        })
    }

    /// Makes one, and answers its path.
    pub(crate) async fn endpoint(&self) -> String {
        let made = self.post("/v1/endpoints", self.body()).await;
        assert_eq!(made.status, 201, "{}", made.body);
        made.headers["location"].clone()
    }

    /// The endpoint as it is stored.
    pub(crate) async fn stored(&self, path: &str) -> Integration {
        self.store.integration(&acme(), &id_of(path)).await.unwrap().unwrap()
    }

    /// What was done: `endpoint.created Orders`.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let records = self.store.audit(&acme(), None, 200).await.unwrap().items;
        records.iter().map(|record| format!("{} {}", record.action, record.detail).trim().to_owned()).collect()
    }

    /// A request with an event of each of these types, on its way to the endpoint.
    pub(crate) async fn events(&self, path: &str, kinds: &[&str]) -> Bundle {
        let (endpoint, now) = (id_of(path), self.clock.now());
        let campaign = CampaignId::of_endpoint(&endpoint);
        let alone = kinds.len() == 1;
        let request = Request {
            id: RequestId::generate(),
            campaign: campaign.clone(),
            body_hash: String::new(),
            bundles: u16::from(!alone),
            dispatched: false,
            created_at: now,
            envelope: Envelope { content: Content::Events },
            call: None,
        };
        let id = BundleId { request: request.id.clone(), number: (!alone).then_some(0), generation: 0 };
        let count = u16::try_from(kinds.len()).unwrap();
        let bundle = Bundle { pinned: true, ..Bundle::first(id, &campaign, Channel::Webhook, &endpoint, count, now) };
        let event = |(number, kind): (u16, &&str)| OutEvent {
            id: EventId::of(&request.id, (!alone).then_some(number)),
            kind: kind.parse().unwrap(),
            at: now,
            data: json!({"number": number}).to_string(),
            key: None,
        };
        let payload = Payload { events: (0..).zip(kinds).map(event).collect(), ..Payload::default() };
        if alone {
            self.store.create_request(&acme(), &request, Some((&bundle, &payload))).await.unwrap();
        } else {
            self.store.create_request(&acme(), &request, None).await.unwrap();
            self.store.write_bundles(&acme(), &[(bundle.clone(), payload)], false).await.unwrap();
        }
        bundle
    }

    /// One attempt on a bundle, as a sender makes it. The generations that follow.
    pub(crate) async fn attempt(&self, bundle: &Bundle, outcomes: Vec<(Outcome, Answer)>) -> Vec<Bundle> {
        self.attempt_by(bundle, outcomes, RetryPolicy::Manual).await
    }

    pub(crate) async fn attempt_by(
        &self,
        bundle: &Bundle,
        outcomes: Vec<(Outcome, Answer)>,
        retry_policy: RetryPolicy,
    ) -> Vec<Bundle> {
        let now = self.clock.now().max(bundle.due);
        let mut claimed = self.store.claim(&acme(), &bundle.campaign, &bundle.id, now).await.unwrap().bundle;
        let (outcomes, answers) = outcomes.into_iter().unzip();
        let class = ProviderClass::Deduplicates;
        let rules = FinishRules { retry_policy, on_unknown: OnUnknown::Retry, class, jitter: 0.0, one_by_one: false };
        let next = claimed.finish(outcomes, rules, self.clock.now());
        claimed.answers = answers;
        self.store.finish(&acme(), &claimed, &next, true).await.unwrap();
        next
    }

    /// An event of this type that the endpoint refused for good.
    pub(crate) async fn dead(&self, path: &str, kind: &str) -> DeliveryId {
        let bundle = self.events(path, &[kind]).await;
        self.attempt(&bundle, vec![refused(400)]).await;
        bundle.id.delivery(0)
    }

    /// What is queued, by bundle.
    pub(crate) fn queued(&self) -> Vec<String> {
        let queued = self.queues.drain();
        let bundle = |body: &str| serde_json::from_str::<Value>(body).unwrap()["bundle"].as_str().unwrap().to_owned();
        queued.iter().map(|queued| bundle(&queued.body)).collect()
    }
}

pub(crate) fn id_of(path: &str) -> IntegrationId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

pub(crate) fn taken() -> (Outcome, Answer) {
    (Outcome::Sent { provider_id: None }, Answer { status: Some(204), duration_ms: 31, ..Answer::default() })
}

/// An answer with this status, which ends the attempt as failed.
pub(crate) fn refused(status: u16) -> (Outcome, Answer) {
    let failure =
        Failure::new(FailureKind::Transient { after_ms: None }, "endpoint_refused", &format!("HTTP {status} no"));
    let answer = Answer {
        status: Some(status),
        duration_ms: 12,
        headers: vec![("content-type".to_owned(), "text/plain".to_owned())],
        body: "no".to_owned(),
        apart: false,
    };
    (Outcome::Failed(failure), answer)
}
