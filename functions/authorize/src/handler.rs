//! Answers the gateway's question before every request: who is this, and what may they do?

use crate::{
    credential::Credential,
    limits::{Limited, Limiter},
    users::{Known, Users},
};
use api::problem::ProblemKind;
use authorize::key_check::{Holder, KeyCheck};
use domain::{
    ids::TenantId,
    key::ApiKey,
    quota::Tiers,
    secret::Secret,
    time::{Clock, Timestamp},
};
use runtime::{
    caller::Context,
    log::Log,
    secrets::{Rotating, SecretSource, SecretUnavailable},
};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, net::IpAddr, sync::Arc};
use store::{Access, KeyUses, SignIns, StoreError};
use subtle::ConstantTimeEq;

/// The routes on which the operator may act for a tenant: to give it its first key, and to help with those it has.
const FOR_A_TENANT: [&str; 8] = [
    "GET /v1/keys",
    "POST /v1/keys",
    "GET /v1/keys/{id}",
    "PATCH /v1/keys/{id}",
    "DELETE /v1/keys/{id}",
    "POST /v1/keys/{id}/regenerate",
    "POST /v1/keys/{id}/suspend",
    "POST /v1/keys/{id}/activate",
];
/// The header in which the operator names that tenant.
const TENANT_HEADER: &str = "x-trunkline-tenant";

/// What the gateway asks (payload format 2.0), as far as it matters here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Question {
    /// The route that was matched, e.g. `POST /v1/keys`.
    route_key: String,
    #[serde(default)]
    headers: HashMap<String, String>,
    request_context: RequestContext,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: String,
    #[serde(default)]
    http: Http,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Http {
    /// From where the request came to the gateway; a header could say anything.
    #[serde(default)]
    source_ip: String,
}

impl Question {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn source(&self) -> Option<IpAddr> {
        self.request_context.http.source_ip.parse().ok()
    }
}

/// What the gateway is answered (simple format).
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Context>,
}

impl From<Option<Context>> for Answer {
    fn from(context: Option<Context>) -> Self {
        Self { is_authorized: context.is_some(), context }
    }
}

/// The table or the secrets cannot be read.
struct Unavailable(String);

impl From<StoreError> for Unavailable {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<SecretUnavailable> for Unavailable {
    fn from(error: SecretUnavailable) -> Self {
        Self(error.to_string())
    }
}

/// What is needed to answer.
pub(crate) struct Authorizer<S, P> {
    pub(crate) keys: KeyCheck<S, P>,
    pub(crate) operator: Rotating<P>,
    pub(crate) users: Users,
    pub(crate) tiers: Tiers,
    pub(crate) limiter: Limiter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
}

impl<S: Access + SignIns + KeyUses, P: SecretSource> Authorizer<S, P> {
    /// Who asks? Whoever cannot be verified is nobody.
    pub(crate) async fn answer(&self, question: &Question) -> Answer {
        self.log.correlation(&question.request_context.request_id);
        let who = match question.header("authorization").and_then(Credential::parse) {
            None => Ok(None),
            Some(Credential::Key(key)) => self.key_holder(&key, question.source()).await,
            Some(Credential::Token(token)) => self.user(&token).await,
            Some(Credential::Operator(secret)) => self.operator(&secret, question).await,
        };
        who.unwrap_or_else(|Unavailable(reason)| {
            tracing::error!(reason, "cannot verify anybody right now");
            // Through to the function, which answers 503; an error here would be the gateway's bare 500.
            Some(Context::refused(ProblemKind::Unavailable))
        })
        .into()
    }

    async fn key_holder(&self, key: &ApiKey, source: Option<IpAddr>) -> Result<Option<Context>, Unavailable> {
        let now = self.clock.now();
        let Some(holder) = self.keys.holder(key, source, now).await? else { return Ok(None) };
        Ok(Some(self.permit(&holder, source, now).await))
    }

    /// The key was verified; does it work, from there, and now?
    async fn permit(&self, holder: &Holder, source: Option<IpAddr>, now: Timestamp) -> Context {
        let record = holder.record();
        self.log.tenant(&record.tenant);
        if let Some(kind) = holder.refusal(source, now) {
            return Context::refused(kind);
        }
        let quota = self.tiers.of(record.tier);
        let limited = Limited { name: &record.prefix, tenant: &record.tenant, quota };
        let verdict = self.limiter.admit(&*self.keys.store, limited, now).await;
        let context = match verdict.retry_after_s {
            None => Context::key(record),
            Some(_) => Context::refused(ProblemKind::RateLimited),
        };
        context.limited(quota.policy(), verdict.limit, verdict.retry_after_s)
    }

    async fn user(&self, token: &Secret) -> Result<Option<Context>, Unavailable> {
        let known = self.users.known(&*self.keys.store, token.expose(), self.clock.now()).await?;
        let (tenant, context) = match known {
            Known::Nobody => return Ok(None),
            Known::CannotTell(tenant) => (tenant, Context::refused(ProblemKind::Unavailable)),
            Known::Expired(tenant) => (tenant, Context::refused(ProblemKind::TokenExpired)),
            Known::User(user) if user.grants.is_empty() => (user.tenant, Context::refused(ProblemKind::NoRole)),
            Known::User(user) => {
                let context = Context::user(&user.tenant, &user.subject, &user.grants);
                (user.tenant, context)
            }
        };
        self.log.tenant(&tenant);
        Ok(Some(context))
    }

    async fn operator(&self, secret: &Secret, question: &Question) -> Result<Option<Context>, Unavailable> {
        let good = self.operator.get().await?;
        // Every version is compared, so that the time taken does not tell which of them was near.
        let matches = good.iter().fold(subtle::Choice::from(0), |matches, version| {
            matches | version.value.expose().as_bytes().ct_eq(secret.expose().as_bytes())
        });
        if !bool::from(matches) {
            return Ok(None);
        }
        let Some(tenant) = question.header(TENANT_HEADER) else { return Ok(Some(Context::operator(None))) };
        let Ok(tenant) = tenant.parse::<TenantId>() else { return Ok(None) };
        Ok(FOR_A_TENANT.contains(&question.route_key.as_str()).then(|| Context::operator(Some(&tenant))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use authorize::verified::TRUST_MS;
    use domain::{
        allow_list::AllowList,
        audit::AuditEntry,
        channel::Provider,
        ids::KeyId,
        integration::Integration,
        key::{KeyRecord, PreviousSecret, SuspensionCause},
        principal::{Grant, Principal},
        quota::Tier,
        tenant::{Tenant, TenantScope},
        time::ManualClock,
    };
    use doubles::oidc::{OidcDouble, Signer, with};
    use guard::{Egress, Guard};
    use providers::Endpoints;
    use runtime::{
        lazy::Lazy,
        testing::{MemorySecret, START},
    };
    use serde_json::{Value, json};
    use store::{Audit, Integrations, memory::MemoryStore};

    const OPERATOR: &str = "the-operator-secret";

    struct Fixture<'a> {
        authorizer: Authorizer<MemoryStore, &'a MemorySecret>,
        clock: Arc<ManualClock>,
        key: ApiKey,
    }

    #[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    fn audit() -> AuditEntry {
        AuditEntry {
            principal: Principal::System,
            action: "test",
            target: String::new(),
            detail: String::new(),
            at: START,
        }
    }

    fn authorizer<'a>(
        store: Lazy<MemoryStore>,
        clock: &Arc<ManualClock>,
        pepper: &'a MemorySecret,
        operator: &'a MemorySecret,
    ) -> Authorizer<MemoryStore, &'a MemorySecret> {
        Authorizer {
            keys: KeyCheck::new(store, Rotating::new(pepper, clock.clone())).unwrap(),
            operator: Rotating::new(operator, clock.clone()),
            users: Users::new(Arc::new(Guard::new(Egress::default())), &Endpoints::default()).unwrap(),
            tiers: Tiers::default(),
            limiter: Limiter::default(),
            clock: clock.clone(),
            log: Log::in_memory("authorize"),
        }
    }

    impl<'a> Fixture<'a> {
        /// A store with one key of `acme`, hashed cheaply, that expires an hour after the start.
        async fn new(pepper: &'a MemorySecret, operator: &'a MemorySecret) -> Self {
            // tracing judges a callsite when it is first passed: with nobody listening then, a listener of another
            // test that comes at the same moment may never hear of it. So somebody always listens.
            let _ = tracing::subscriber::set_global_default(Log::in_memory("authorize").subscriber());
            let clock = Arc::new(ManualClock::at(START));
            let store = MemoryStore::default();
            let tenant = Tenant::new("acme".parse().unwrap(), "Acme".into(), START);
            store.create_tenant(&tenant, &audit()).await.unwrap();
            let key = ApiKey::from_entropy(&(0..128).collect::<Vec<u8>>()).unwrap();
            let record = KeyRecord {
                id: "key_01JD0000000000000000000000".parse().unwrap(),
                prefix: key.prefix().into(),
                tenant: tenant.id,
                name: "ci".into(),
                grants: vec![Grant::try_from("campaigns:*".to_owned()).unwrap()],
                bcrypt: bcrypt::hash(key.whole().expose(), 4).unwrap(),
                mac: None,
                created_at: START,
                expires_at: Some(START.plus_ms(3_600_000)),
                revoked_at: None,
                tier: Tier::Basic,
                allow: AllowList::default(),
                previous: None,
                suspended: None,
                reminded: None,
                rev: 1,
            };
            store.create_key(&acme(), &record, &audit()).await.unwrap();
            Self { authorizer: authorizer(Lazy::ready(store), &clock, pepper, operator), clock, key }
        }

        fn bearer(&self) -> String {
            format!("Bearer {}", self.key.whole().expose())
        }

        async fn ask(&self, authorization: &str) -> Value {
            self.ask_on("GET /v1/campaigns", authorization, None).await
        }

        async fn ask_on(&self, route: &str, authorization: &str, tenant: Option<&str>) -> Value {
            let mut headers = json!({ "Authorization": authorization });
            if let Some(tenant) = tenant {
                headers["x-trunkline-tenant"] = tenant.into();
            }
            let mut answer = self.ask_from(route, &headers, "192.0.2.1").await;
            if let Some(context) = answer.get_mut("context").and_then(Value::as_object_mut) {
                context.retain(|field, _| !field.starts_with("rate_"));
            }
            answer
        }

        async fn ask_from(&self, route: &str, headers: &Value, source: &str) -> Value {
            let context = json!({ "requestId": "r", "http": { "sourceIp": source } });
            let question = json!({ "routeKey": route, "headers": headers, "requestContext": context });
            let answer = self.authorizer.answer(&serde_json::from_value(question).unwrap()).await;
            serde_json::to_value(answer).unwrap()
        }

        /// What a key is answered with from an address: its denial, or none.
        async fn denial_at(&self, authorization: &str, source: &str) -> Value {
            let headers = json!({ "Authorization": authorization, "X-Forwarded-For": "10.0.0.1" });
            self.ask_from("GET /v1/campaigns", &headers, source).await["context"]["denied"].clone()
        }

        async fn record(&self) -> KeyRecord {
            self.authorizer.keys.store.key_by_prefix(self.key.prefix()).await.unwrap().unwrap()
        }

        /// Changes the key as `functions/keys` does, and lets what is known of it be over.
        async fn change(&self, change: impl FnOnce(&mut KeyRecord)) {
            let mut record = self.record().await;
            change(&mut record);
            record.rev += 1;
            self.authorizer.keys.store.save_key(&acme(), &record, Some(&audit())).await.unwrap();
            self.clock.advance_ms(TRUST_MS);
        }

        /// A well-formed key with the right prefix and a wrong secret.
        fn forged(&self) -> String {
            let forged = ApiKey::with_prefix(self.key.prefix(), &[9; 128]).unwrap();
            format!("Bearer {}", forged.whole().expose())
        }

        async fn revoke(&self) {
            let id: KeyId = "key_01JD0000000000000000000000".parse().unwrap();
            assert!(self.authorizer.keys.store.revoke_key(&acme(), &id, self.clock.now(), &audit()).await.unwrap());
        }

        async fn stored_mac(&self) -> Option<String> {
            let record = self.authorizer.keys.store.key_by_prefix(self.key.prefix()).await.unwrap().unwrap();
            record.mac.map(|mac| mac.pepper)
        }
    }

    fn nobody() -> Value {
        json!({ "isAuthorized": false })
    }

    fn holder() -> Value {
        json!({ "isAuthorized": true, "context": {
            "tenant": "acme", "principal": "key_01JD0000000000000000000000", "grants": "campaigns:*",
        }})
    }

    fn denied(code: &str) -> Value {
        json!({ "isAuthorized": true, "context": { "denied": code } })
    }

    #[tokio::test]
    async fn a_key_is_verified_once_and_then_known_for_less_than_a_minute() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        for _ in 0..3 {
            assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        }
        assert_eq!(fixture.authorizer.keys.store.calls("key_by_prefix"), 1);
        fixture.revoke().await;
        fixture.clock.advance_ms(TRUST_MS - 1);
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        fixture.clock.advance_ms(1);
        assert_eq!(fixture.ask(&fixture.bearer()).await, denied("key_revoked"));
    }

    #[tokio::test]
    async fn a_key_expires_to_the_millisecond_even_when_it_is_known() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        fixture.clock.advance_ms(3_599_999);
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        fixture.clock.advance_ms(1);
        assert_eq!(fixture.ask(&fixture.bearer()).await, denied("key_expired"));
    }

    #[tokio::test]
    async fn junk_is_rejected_without_a_look_up_and_a_forged_key_with_one() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        for junk in ["", "Bearer junk", "Bearer tk_live_abc", "Basic x"] {
            assert_eq!(fixture.ask(junk).await, nobody(), "{junk}");
        }
        assert_eq!(fixture.authorizer.keys.store.calls("key_by_prefix"), 0);
        // Well-formed, with the prefix of a real key: first without a keyed hash to compare, then with one.
        let other = ApiKey::from_entropy(&(0..8).chain(100..228).collect::<Vec<u8>>()).unwrap();
        assert_eq!(other.prefix(), fixture.key.prefix());
        let forged = format!("Bearer {}", other.whole().expose());
        assert_eq!(fixture.ask(&forged).await, nobody());
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        assert_eq!(fixture.ask(&forged).await, nobody());
        assert_eq!(fixture.authorizer.keys.store.calls("key_by_prefix"), 3);
    }

    #[tokio::test]
    async fn the_keyed_hash_follows_the_pepper_and_bcrypt_helps_where_it_is_gone() {
        let (pepper, operator) = (MemorySecret::new("one"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        fixture.ask(&fixture.bearer()).await;
        assert_eq!(fixture.stored_mac().await.as_deref(), Some("v1"));
        // The next process verifies with the pepper before, and renews the hash.
        pepper.rotate("v2", "two");
        let store = fixture.authorizer.keys.store.clone();
        let next = Fixture { authorizer: authorizer(store.clone(), &fixture.clock, &pepper, &operator), ..fixture };
        assert_eq!(next.ask(&next.bearer()).await, holder());
        assert_eq!(next.stored_mac().await.as_deref(), Some("v2"));
        // Two rotations later the hash's pepper is unknown.
        pepper.rotate("v3", "three");
        pepper.rotate("v4", "four");
        let last = Fixture { authorizer: authorizer(store, &next.clock, &pepper, &operator), ..next };
        assert_eq!(last.ask(&last.bearer()).await, holder());
        assert_eq!(last.stored_mac().await.as_deref(), Some("v4"));
    }

    #[tokio::test]
    async fn without_the_pepper_keys_are_still_verified_and_without_the_table_the_answer_is_unavailable() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        pepper.lose();
        let fixture = Fixture::new(&pepper, &operator).await;
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        assert_eq!(fixture.stored_mac().await, None);
        fixture.clock.advance_ms(TRUST_MS);
        fixture.authorizer.keys.store.fail_next("key_by_prefix", StoreError::Unavailable("throttled".into()));
        assert_eq!(fixture.ask(&fixture.bearer()).await, denied("unavailable"));
        operator.lose();
        assert_eq!(fixture.ask("Bearer tk_ops_x").await, denied("unavailable"));
    }

    #[tokio::test]
    async fn a_keyed_hash_that_cannot_be_stored_does_not_stop_the_request() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        fixture.authorizer.keys.store.fail_next("remember_mac", StoreError::Unavailable("throttled".into()));
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
    }

    #[tokio::test]
    async fn the_operator_has_no_tenant_but_may_make_and_list_the_keys_of_one() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        let bearer = format!("Bearer tk_ops_{OPERATOR}");
        let plain = json!({ "isAuthorized": true, "context": { "operator": "1" } });
        let for_acme = json!({ "isAuthorized": true, "context": {
            "operator": "1", "tenant": "acme", "grants": "keys:*",
        }});
        assert_eq!(fixture.ask(&bearer).await, plain);
        assert_eq!(fixture.ask_on("POST /v1/keys", &bearer, Some("acme")).await, for_acme);
        assert_eq!(fixture.ask_on("GET /v1/keys", &bearer, Some("acme")).await, for_acme);
        let help = fixture.ask_on("POST /v1/keys/{id}/activate", &bearer, Some("acme")).await;
        assert_eq!(help, for_acme);
        for route in ["POST /v1/campaigns/{id}/deliveries", "GET /v1/integrations"] {
            assert_eq!(fixture.ask_on(route, &bearer, Some("acme")).await, nobody(), "{route}");
        }
        assert_eq!(fixture.ask_on("POST /v1/keys", &bearer, Some("A#B")).await, nobody());
        for wrong in ["Bearer tk_ops_", "Bearer tk_ops_the-operator-secreT", "Bearer tk_ops_the-operator-secret2"] {
            assert_eq!(fixture.ask(wrong).await, nobody(), "{wrong}");
        }
        // A key holder gains nothing by the header.
        assert_eq!(fixture.ask_on("POST /v1/keys", &fixture.bearer(), Some("other")).await, holder());
    }

    #[tokio::test]
    async fn both_versions_of_the_operators_credential_are_good_during_a_rotation() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new("old"));
        operator.rotate("v2", "new");
        let fixture = Fixture::new(&pepper, &operator).await;
        for good in ["old", "new"] {
            assert_eq!(fixture.ask(&format!("Bearer tk_ops_{good}")).await["isAuthorized"], true);
        }
    }

    #[tokio::test]
    async fn answers_tell_of_limits_and_too_many_requests_are_refused() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        let headers = json!({ "Authorization": fixture.bearer() });
        let ask = async || fixture.ask_from("GET /v1/campaigns", &headers, "192.0.2.1").await["context"].clone();
        let first = ask().await;
        assert_eq!(first["rate_policy"], "\"minute\";q=60;w=60, \"hour\";q=1000;w=3600, \"burst\";q=10;w=10");
        assert_eq!(first["rate_limit"], "\"minute\";r=59;t=60, \"hour\";r=999;t=3600");
        for _ in 1..10 {
            assert_eq!(ask().await["tenant"], "acme");
        }
        let refused = ask().await;
        assert_eq!((&refused["denied"], &refused["retry_after"]), (&json!("rate_limited"), &json!("1")));
        assert!(refused["tenant"].is_null() && refused["rate_policy"].is_string());
        fixture.clock.advance_ms(1_000);
        assert_eq!(ask().await["tenant"], "acme");
        assert_eq!(fixture.authorizer.keys.store.calls("key_by_prefix"), 1);
    }

    #[tokio::test]
    async fn a_key_is_used_from_its_networks_only_and_a_header_says_nothing_of_that() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        let allow = AllowList::new(vec!["10.0.0.0/8".parse().unwrap()]).unwrap();
        fixture.change(|key| key.allow = allow).await;
        let bearer = fixture.bearer();
        for inside in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(fixture.denial_at(&bearer, inside).await, Value::Null, "{inside}");
        }
        let calls = fixture.authorizer.keys.store.all_calls();
        for outside in ["192.0.2.1", "2001:db8::1", ""] {
            assert_eq!(fixture.denial_at(&bearer, outside).await, "address_not_allowed", "{outside}");
        }
        assert_eq!(fixture.authorizer.keys.store.all_calls(), calls, "it counts as nothing");
    }

    #[tokio::test]
    async fn wrong_secrets_suspend_a_key_with_a_write_for_five_and_the_tenant_is_told() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        for _ in 0..9 {
            assert_eq!(fixture.ask(&fixture.forged()).await, nobody());
        }
        assert_eq!(fixture.authorizer.keys.store.calls("save_key_use"), 1);
        assert_eq!(fixture.record().await.suspended, None);
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        fixture.ask(&fixture.forged()).await;
        let suspension = fixture.record().await.suspended.unwrap();
        assert_eq!((suspension.at, suspension.cause), (START, SuspensionCause::Failures));
        let records = fixture.authorizer.keys.store.audit(&acme(), None, 10).await.unwrap().items;
        let last = records.last().unwrap();
        assert_eq!((last.action.as_str(), last.principal.as_str()), ("key.suspended", "system"));
        fixture.clock.advance_ms(TRUST_MS);
        assert_eq!(fixture.ask(&fixture.bearer()).await, denied("key_suspended"));
        let calls = fixture.authorizer.keys.store.calls("save_key_use");
        for _ in 0..20 {
            assert_eq!(fixture.ask(&fixture.forged()).await, nobody());
        }
        assert_eq!(fixture.authorizer.keys.store.calls("save_key_use"), calls, "what is suspended counts no more");
    }

    #[tokio::test]
    async fn few_wrong_secrets_and_those_from_outside_suspend_nothing() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        for _ in 0..4 {
            for _ in 0..9 {
                fixture.ask(&fixture.forged()).await;
            }
            fixture.clock.advance_ms(domain::quota::FAILURES_WITHIN_MS);
        }
        assert_eq!(fixture.record().await.suspended, None, "nine within ten minutes are not too many");
        let allow = AllowList::new(vec!["10.0.0.0/8".parse().unwrap()]).unwrap();
        fixture.change(|key| key.allow = allow).await;
        for _ in 0..30 {
            fixture.denial_at(&fixture.forged(), "192.0.2.1").await;
        }
        assert_eq!(fixture.record().await.suspended, None);
        for _ in 0..10 {
            fixture.denial_at(&fixture.forged(), "10.0.0.9").await;
        }
        assert!(fixture.record().await.suspended.is_some());
    }

    #[tokio::test]
    async fn a_replaced_secret_works_for_its_grace_and_is_never_taken_for_an_attack() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        fixture.ask(&fixture.bearer()).await;
        let new = ApiKey::with_prefix(fixture.key.prefix(), &[5; 128]).unwrap();
        let bearer = format!("Bearer {}", new.whole().expose());
        let hash = bcrypt::hash(new.whole().expose(), 4).unwrap();
        let grace = START.plus_ms(1_800_000);
        fixture
            .change(|key| {
                let bcrypt = std::mem::replace(&mut key.bcrypt, hash);
                key.previous = Some(PreviousSecret { bcrypt, mac: key.mac.take(), until: grace });
            })
            .await;
        assert_eq!(fixture.ask(&bearer).await, holder());
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        fixture.clock.advance_ms(grace.since_ms(fixture.clock.now()) - 1);
        assert_eq!(fixture.ask(&fixture.bearer()).await, holder());
        fixture.clock.advance_ms(1);
        for _ in 0..30 {
            assert_eq!(
                fixture.ask(&fixture.bearer()).await,
                denied("key_revoked"),
                "known, and over to the millisecond"
            );
            fixture.clock.advance_ms(TRUST_MS / 10);
        }
        assert_eq!(fixture.ask(&bearer).await, holder());
        assert_eq!(fixture.record().await.suspended, None);
        assert_eq!(fixture.ask(&fixture.forged()).await, nobody());
    }

    #[tokio::test]
    async fn nothing_of_a_key_is_logged() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let fixture = Fixture::new(&pepper, &operator).await;
        let log = fixture.authorizer.log.clone();
        let guard = tracing::subscriber::set_default(log.subscriber());
        fixture.authorizer.keys.store.fail_next("remember_mac", StoreError::Unavailable("throttled".into()));
        fixture.ask(&fixture.bearer()).await;
        drop(guard);
        let lines = log.lines().join("\n");
        assert!(lines.contains("not remembered"));
        assert!(!lines.contains("tk_live_"));
    }

    // ---- Users ------------------------------------------------------------------------------------------------------

    const NOW_S: i64 = START.0 / 1_000;

    /// A tenant with a provider of identities.
    struct Company {
        provider: OidcDouble,
        clock: Arc<ManualClock>,
        integration: Integration,
    }

    impl Company {
        async fn new() -> Self {
            let provider = OidcDouble::start(NOW_S).await.unwrap();
            let config = json!({
                "issuer": provider.url(), "client_id": "app", "audience": "api", "roles_claim": "roles",
                "admin_roles": ["Boss"], "operator_roles": [], "viewer_roles": ["Guest"],
            });
            let Value::Object(config) = config else { unreachable!() };
            let integration = Integration { config, ..runtime::testing::integration(Provider::Entra) };
            Self { provider, clock: Arc::new(ManualClock::at(START)), integration }
        }

        fn authorizer<'a>(
            &self,
            pepper: &'a MemorySecret,
            operator: &'a MemorySecret,
        ) -> Authorizer<MemoryStore, &'a MemorySecret> {
            let guard = Guard::new(Egress::parse("127.0.0.1/32:*").unwrap());
            let users = Users::new(Arc::new(guard), &Endpoints::default()).unwrap();
            Authorizer { users, ..authorizer(Lazy::ready(MemoryStore::default()), &self.clock, pepper, operator) }
        }

        async fn save<P: SecretSource>(&mut self, authorizer: &Authorizer<MemoryStore, P>, enabled: bool) {
            self.integration.enabled = enabled;
            authorizer.keys.store.save_integration(&acme(), &self.integration, None, false, &audit()).await.unwrap();
            self.integration.rev += 1;
        }

        fn token(&self, over: &Value) -> String {
            let usual = json!({
                "iss": self.provider.url(), "aud": "api", "sub": "sara", "exp": NOW_S + 3_600, "roles": ["Guest"],
            });
            self.provider.behaviour().keys[0].token(&with(usual, over))
        }
    }

    async fn ask<P: SecretSource>(authorizer: &Authorizer<MemoryStore, P>, token: &str) -> Value {
        let headers = json!({ "authorization": format!("Bearer {token}") });
        let question = json!({ "routeKey": "GET /v1/x", "headers": headers, "requestContext": { "requestId": "r" } });
        serde_json::to_value(authorizer.answer(&serde_json::from_value(question).unwrap()).await).unwrap()
    }

    #[tokio::test]
    async fn a_user_is_known_by_their_companys_token_until_it_is_disabled() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let mut company = Company::new().await;
        let authorizer = company.authorizer(&pepper, &operator);
        let token = company.token(&json!({}));
        assert_eq!(ask(&authorizer, &token).await, nobody(), "nobody takes it yet");
        company.save(&authorizer, true).await;
        let known = ask(&authorizer, &token).await;
        let context = &known["context"];
        let viewer = "campaigns:read endpoints:read hooks:read integrations:read logs:read rules:read";
        assert_eq!((&context["tenant"], &context["grants"]), (&json!("acme"), &json!(viewer)));
        assert!(context["principal"].as_str().unwrap().starts_with("user:sub-"), "{known}");
        assert_eq!(ask(&authorizer, &token).await, known);
        assert_eq!(authorizer.keys.store.calls("sign_in"), 2, "known for a while");

        company.save(&authorizer, false).await;
        company.clock.advance_ms(TRUST_MS - 1);
        assert_eq!(ask(&authorizer, &token).await, known);
        company.clock.advance_ms(1);
        assert_eq!(ask(&authorizer, &token).await, nobody());
        assert_eq!(company.provider.behaviour().asked["jwks"], 1);
    }

    #[tokio::test]
    async fn a_user_without_a_role_and_one_who_is_late_are_told() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let mut company = Company::new().await;
        let authorizer = company.authorizer(&pepper, &operator);
        company.save(&authorizer, true).await;
        for roles in [json!(["boss", "*"]), json!(null)] {
            assert_eq!(ask(&authorizer, &company.token(&json!({"roles": roles}))).await, denied("no_role"));
        }
        let short = company.token(&json!({"exp": NOW_S - 30, "roles": ["Boss"]}));
        assert_eq!(ask(&authorizer, &short).await["context"]["grants"], "*", "within the leeway");
        company.clock.advance_ms(30_000);
        assert_eq!(ask(&authorizer, &short).await, denied("token_expired"), "known and late all the same");
        assert_eq!(ask(&authorizer, &company.token(&json!({"exp": NOW_S - 60}))).await, denied("token_expired"));
    }

    #[tokio::test]
    async fn a_forged_token_is_nobodys_and_an_issuer_that_is_away_is_told() {
        let (pepper, operator) = (MemorySecret::new("pepper"), MemorySecret::new(OPERATOR));
        let mut company = Company::new().await;
        let authorizer = company.authorizer(&pepper, &operator);
        company.save(&authorizer, true).await;
        company.provider.behaviour().down = Some(503);
        assert_eq!(ask(&authorizer, &company.token(&json!({}))).await, denied("unavailable"));
        company.provider.behaviour().down = None;
        let asked = company.provider.behaviour().asked["configuration"];
        company.clock.advance_ms(29_999);
        assert_eq!(ask(&authorizer, &company.token(&json!({}))).await, denied("unavailable"));
        assert_eq!(company.provider.behaviour().asked["configuration"], asked, "it is left alone for half a minute");
        company.clock.advance_ms(1);
        let good = company.token(&json!({}));
        let claims = json!({
            "iss": company.provider.url(), "aud": "api", "sub": "sara", "exp": NOW_S + 3_600, "roles": ["Boss"],
        });
        let forged = [
            Signer::new("first").unwrap().token(&claims),
            company.token(&json!({"aud": "other"})),
            company.token(&json!({"iss": "https://evil.example"})),
            company.token(&json!({"nbf": NOW_S + 600})),
            company.token(&json!({"sub": null})),
            format!("{good}x"),
            format!("ey.{good}"),
        ];
        for token in forged {
            assert_eq!(ask(&authorizer, &token).await, nobody(), "{token}");
        }
        assert_eq!(ask(&authorizer, &good).await["isAuthorized"], true);
        authorizer.keys.store.fail_next("sign_in", StoreError::Unavailable("throttled".into()));
        assert_eq!(ask(&authorizer, &company.token(&json!({"jti": 1}))).await, denied("unavailable"));
    }
}
