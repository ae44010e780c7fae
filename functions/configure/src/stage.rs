//! Where the handlers are tested: all of them behind their router, in memory, with a double of Slack and a small mail
//! server on loopback.

mod mail;
pub(crate) use mail::{MailServer, PASSWORD};

use crate::{
    hub::{Hub, Place},
    router::router,
};
use ::hub::connections::Connections;
use axum::http::Method;
use domain::{
    ids::TenantId,
    principal::{Caller, Principal},
    tenant::TenantScope,
    time::ManualClock,
};
use doubles::{
    graph::GraphDouble,
    slack::{Options, SlackDouble},
};
use guard::{Egress, Guard};
use providers::Endpoints;
use runtime::{
    caller::Context,
    http::App,
    lazy::Lazy,
    queue::MemoryQueues,
    testing::{Answered, MemoryKms, START, call, key_of},
    vault::{DataKey, Kms, SealContext, Vault, VaultError},
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Audit, Integrations, memory::MemoryStore};

/// In a test.
pub(crate) struct Test;

impl Place for Test {
    type Store = MemoryStore;
    type Kms = SharedKms;
    type Queues = Arc<MemoryQueues>;
}

/// The key service, which the stage keeps a hand on.
#[derive(Clone, Default)]
pub(crate) struct SharedKms(pub(crate) Arc<MemoryKms>);

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

/// The function with everything around it.
pub(crate) struct Stage {
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) vault: Arc<Vault<SharedKms>>,
    pub(crate) kms: Arc<MemoryKms>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) slack: SlackDouble,
    pub(crate) app: App,
    /// An admin of the tenant `acme`.
    pub(crate) admin: Context,
}

/// A token that the double of Slack accepts. Its middle must never be seen again.
pub(crate) const TOKEN: &str = "xoxb-good-CANARY-4711";
/// What must be in no answer, record or log.
pub(crate) const CANARY: &str = "CANARY";

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Endpoints::default()).await
    }

    /// The same, with Microsoft where the double is.
    pub(crate) async fn with_graph(graph: &GraphDouble) -> Self {
        let (graph_api, login) = (graph.graph_url(), graph.login_url());
        Self::with(Endpoints { graph_api, login, ..Endpoints::default() }).await
    }

    async fn with(endpoints: Endpoints) -> Self {
        let slack = SlackDouble::start(Options::default()).await.unwrap();
        let clock = Arc::new(ManualClock::at(START));
        let store = Lazy::ready(MemoryStore::default());
        let (kms, queues) = (SharedKms::default(), Arc::new(MemoryQueues::default()));
        let vault = Arc::new(Vault::new(kms.clone(), clock.clone()));
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
        let endpoints = Endpoints { slack_api: slack.api_url(), ..endpoints };
        let hub: Hub<Test> = Hub {
            connections: Connections::new(store.clone(), vault.clone(), guard.clone(), endpoints, clock.clone()),
            store: store.clone(),
            vault: vault.clone(),
            queues: queues.clone(),
            guard,
            clock: clock.clone(),
        };
        let app = App::new(router(Arc::new(hub)));
        Self { store, vault, kms: kms.0, queues, clock, slack, app, admin: key_of("acme", "*") }
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        call(&self.app, &self.admin, Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        call(&self.app, &self.admin, Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answered {
        call(&self.app, &self.admin, Method::PUT, path, body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answered {
        call(&self.app, &self.admin, Method::PATCH, path, body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answered {
        call(&self.app, &self.admin, Method::DELETE, path, Value::Null).await
    }

    /// Creates a Slack integration that works, and answers its path.
    pub(crate) async fn slack_integration(&self) -> String {
        let answer = self.post("/v1/integrations", slack_body()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.headers["location"].clone()
    }

    /// The tenant's integrations as they are stored, deleted ones not among them.
    pub(crate) async fn stored(&self) -> Vec<domain::integration::Integration> {
        self.store.integrations(&acme()).await.unwrap()
    }

    /// What was done, and to which fields: `integration.created slack`.
    pub(crate) async fn audited(&self) -> Vec<String> {
        let records = self.store.audit(&acme(), None, 200).await.unwrap().items;
        records.iter().map(|record| format!("{} {}", record.action, record.detail).trim().to_owned()).collect()
    }

    /// That nothing was written: no integration, no audit record, no health log.
    pub(crate) async fn assert_untouched(&self) {
        assert_eq!(self.stored().await, []);
        assert_eq!(self.audited().await, [""; 0]);
        assert_eq!(self.store.calls("save_integration") + self.store.calls("record_test"), 0);
    }
}

/// A caller for what is done behind the API's back.
pub(crate) fn caller() -> Caller {
    Caller { scope: acme(), principal: Principal::System, grants: Vec::new() }
}

/// A new Slack integration that works.
pub(crate) fn slack_body() -> Value {
    json!({
        "provider": "slack", "name": "Team Slack",
        "config": {"mode": "bot_token", "channel": "C0123ABCD"}, "secrets": {"bot_token": TOKEN},
    })
}

#[expect(clippy::disallowed_methods, reason = "a test looks into the store behind the API's back")]
pub(crate) fn scope(tenant: &str) -> TenantScope {
    TenantScope::established(tenant.parse::<TenantId>().unwrap())
}

pub(crate) fn acme() -> TenantScope {
    scope("acme")
}

/// The same with these fields set, by their path from the root: `("config.port", json!(25))`; null takes one out.
pub(crate) fn with(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (path, value) in changes {
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
        let object = parents.split('.').filter(|part| !part.is_empty()).fold(&mut body, |at, part| &mut at[part]);
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            object[name] = value.clone();
        }
    }
    body
}
