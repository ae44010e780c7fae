//! Where the console is tested: over the very handlers of the API, with the stores in memory.

use crate::{
    router::router,
    visit::{Console, hash},
};
use authorize::key_check::KeyCheck;
use axum::{
    body::Body,
    http::{HeaderMap, Request, Response, header},
};
use configure::{Hub, Place};
use domain::{
    allow_list::AllowList,
    audit::AuditEntry,
    ids::KeyId,
    key::{ApiKey, KeyRecord},
    principal::{Grant, Principal},
    quota::{Tier, Tiers},
    tenant::{Tenant, TenantScope},
    time::ManualClock,
};
use guard::{Egress, Guard};
use hub::{connections::Connections, sign_in::Flow};
use lambda_http::request::RequestContext;
use providers::Endpoints;
use runtime::{
    http::App,
    lazy::Lazy,
    queue::MemoryQueues,
    secrets::Rotating,
    testing::{MemoryKms, MemorySecret, START},
    vault::{DataKey, Kms, SealContext, Vault, VaultError},
};
use serde_json::json;
use std::sync::Arc;
use store::{Access, memory::MemoryStore};

struct Test;

impl Place for Test {
    type Store = MemoryStore;
    type Kms = SharedKms;
    type Queues = Arc<MemoryQueues>;
}

impl ::endpoints::Place for Test {
    type Store = MemoryStore;
    type Kms = SharedKms;
    type Queues = Arc<MemoryQueues>;
}

#[derive(Clone, Default)]
pub(crate) struct SharedKms(Arc<MemoryKms>);

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

/// Where the console is reached.
const URL: &str = "http://127.0.0.1:4566/base";

/// The console with everything around it.
pub(crate) struct Stage {
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) vault: Arc<Vault<SharedKms>>,
    app: App,
}

/// A page as a browser gets it.
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a cookie that it sets.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        let all = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let mut found = all.filter_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('=')?.split(';').next());
        found.next().map(str::to_owned)
    }
}

/// Somebody's browser: what cookie it holds and what its forms carry.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    pub(crate) session: String,
    pub(crate) csrf: String,
}

#[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
pub(crate) fn scope(tenant: &str) -> TenantScope {
    TenantScope::established(tenant.parse().unwrap())
}

pub(crate) fn audit() -> AuditEntry {
    let (target, detail) = (String::new(), String::new());
    AuditEntry { principal: Principal::System, action: "test", target, detail, at: START }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let store = Lazy::ready(MemoryStore::default());
        let vault = Arc::new(Vault::new(SharedKms::default(), clock.clone()));
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
        let endpoints = Endpoints::default();
        let connections =
            Connections::new(store.clone(), vault.clone(), guard.clone(), endpoints.clone(), clock.clone());
        let out = ::endpoints::Endpoints::<Test> {
            connections: Connections::new(
                store.clone(),
                vault.clone(),
                guard.clone(),
                endpoints.clone(),
                clock.clone(),
            ),
            queues: Arc::new(MemoryQueues::default()),
            store: store.clone(),
            vault: vault.clone(),
            guard: guard.clone(),
            clock: clock.clone(),
        };
        let flow = || Flow {
            store: store.clone(),
            connections: Connections::new(
                store.clone(),
                vault.clone(),
                guard.clone(),
                endpoints.clone(),
                clock.clone(),
            ),
            guard: guard.clone(),
            endpoints: endpoints.clone(),
            clock: clock.clone(),
        };
        let tries = ::sign_in::Hub { flow: flow(), public_url: Some(URL.to_owned()) };
        let door = flow();
        let (queues, kms) = (Arc::new(MemoryQueues::default()), SharedKms::default());
        let hub: Hub<Test> = Hub {
            connections,
            store: store.clone(),
            vault: vault.clone(),
            queues: queues.clone(),
            guard,
            clock: clock.clone(),
        };
        let sender = deliveries::Hub { store: store.clone(), queues, clock: clock.clone() };
        let keys = keys::Keys { store: store.clone(), clock: clock.clone(), bcrypt_cost: 4, tiers: Tiers::default() };
        let hooks = hooks::Hooks { store: store.clone(), vault: Vault::new(kms, clock.clone()), clock: clock.clone() };
        let api = configure::router(Arc::new(hub))
            .merge(deliveries::router(Arc::new(sender)))
            .merge(::endpoints::router(out))
            .merge(event_types::router(event_types::EventTypes { store: store.clone(), clock: clock.clone() }))
            .merge(logs::router(logs::Logs { store: store.clone(), clock: clock.clone() }))
            .merge(preflight::router(Arc::new(preflight::Hub { store: store.clone(), clock: clock.clone() })))
            .merge(rules::router(rules::Rules { store: store.clone(), clock: clock.clone() }))
            .merge(::sign_in::router(tries))
            .merge(suppressions::router(suppressions::SuppressionList { store: store.clone(), clock: clock.clone() }))
            .merge(keys::router(keys))
            .merge(hooks::router(hooks));
        let pepper: &'static MemorySecret = Box::leak(Box::new(MemorySecret::new("pepper")));
        let check = KeyCheck::new(store.clone(), Rotating::new(pepper, clock.clone())).unwrap();
        let console = Console::new(check, App::new(api).recording(store.clone()), clock.clone(), Some(URL.to_owned()));
        for tenant in ["acme", "other"] {
            let tenant = Tenant::new(tenant.parse().unwrap(), tenant.to_owned(), START);
            store.create_tenant(&tenant, &audit()).await.unwrap();
        }
        Self { app: App::new(router(Arc::new(console), door)), store, clock, vault }
    }

    /// A key of a tenant with these grants.
    pub(crate) async fn key(&self, tenant: &str, grants: &str, seed: u8) -> (ApiKey, KeyRecord) {
        let bytes: Vec<u8> = (0..128).map(|n: u8| n.wrapping_mul(3).wrapping_add(seed)).collect();
        let key = ApiKey::from_entropy(&bytes).unwrap();
        let record = KeyRecord {
            id: KeyId::generate(),
            prefix: key.prefix().to_owned(),
            tenant: tenant.parse().unwrap(),
            name: "<script>alert('key')</script>".to_owned(),
            grants: grants.split(' ').map(|grant| Grant::try_from(grant.to_owned()).unwrap()).collect(),
            bcrypt: bcrypt::hash(key.whole().expose(), 4).unwrap(),
            mac: None,
            created_at: START,
            expires_at: None,
            revoked_at: None,
            tier: Tier::Basic,
            allow: AllowList::default(),
            previous: None,
            suspended: None,
            reminded: None,
            rev: 1,
        };
        self.store.create_key(&scope(tenant), &record, &audit()).await.unwrap();
        (key, record)
    }

    /// Sends a request as a browser on our own page does.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Seen {
        let gateway = json!({
            "routeKey": "$default", "stage": "$default", "requestId": "req-1", "timeEpoch": 0,
            "http": { "method": "GET", "path": "/", "sourceIp": "203.0.113.7" },
        });
        let gateway = serde_json::from_value(gateway).unwrap();
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(gateway));
        let response: Response<_> = self.app.answer(request, "req-1").await;
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Seen { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    pub(crate) async fn sign_in(&self, key: &ApiKey) -> Seen {
        self.post_as("", "/console/sign-in", &[("key", key.whole().expose())]).await
    }

    /// Somebody who is signed in with this key.
    pub(crate) async fn browser(&self, key: &ApiKey) -> Browser {
        self.browser_of(self.sign_in(key).await.cookie("__Host-session").unwrap()).await
    }

    /// Somebody who is signed in by this session.
    pub(crate) async fn browser_of(&self, session: String) -> Browser {
        let page = self.get(&session, "/console/account").await;
        assert_eq!(page.status, 200, "{}", page.body);
        let start = page.body.find("name=\"csrf\" value=\"").unwrap() + 19;
        let csrf = page.body[start..].split('"').next().unwrap().to_owned();
        Browser { session, csrf }
    }

    pub(crate) async fn get(&self, session: &str, path: &str) -> Seen {
        self.look(session, path, "en").await
    }

    pub(crate) async fn look(&self, session: &str, path: &str, language: &str) -> Seen {
        let request = Request::get(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header(header::ACCEPT_LANGUAGE, language)
            .header(header::COOKIE, format!("__Host-session={session}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The page to which a form has led, with what it tells.
    pub(crate) async fn told(&self, session: &str, path: &str, flash: &str) -> Seen {
        let request = Request::get(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header(header::COOKIE, format!("__Host-session={session}; __Host-flash={flash}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A part of a page, as the script asks for it.
    pub(crate) async fn part(&self, session: &str, path: &str, part: &str) -> Seen {
        let request = Request::get(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header("x-part", part)
            .header(header::COOKIE, format!("__Host-session={session}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form with its token.
    pub(crate) async fn post(&self, browser: &Browser, path: &str, fields: &[(&str, &str)]) -> Seen {
        let fields: Vec<_> = [("csrf", browser.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        self.post_as(&browser.session, path, &fields).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post_as(&self, session: &str, path: &str, fields: &[(&str, &str)]) -> Seen {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header(header::ORIGIN, "http://127.0.0.1:4566")
            .header(header::COOKIE, format!("__Host-session={session}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Whether a session is known.
    pub(crate) async fn knows(&self, session: &str) -> bool {
        use domain::time::Clock;
        store::Sessions::session(&*self.store, &hash(session), self.clock.now()).await.unwrap().is_some()
    }
}
