//! API keys of a tenant. A key is shown once, when it is made; afterwards only hashes of it exist.

use crate::change;
use api::{
    keys::{KeyCreate, KeyCreated, KeyView, NAME_MAX_CHARS},
    page::List,
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{
    allow_list::{AllowList, ENTRIES_MAX},
    audit::AuditEntry,
    ids::KeyId,
    key::{ApiKey, KeyRecord},
    principal::{Caller, Grant, Principal, Scope},
    quota::{KeyUse, Tiers},
    secret::Secret,
    time::{Clock, Timestamp},
};
use futures::{StreamExt, TryStreamExt, stream};
use runtime::{
    caller::Auth,
    entropy,
    http::{Answer, Failed, Json, Path},
    lazy::Lazy,
};
use std::sync::Arc;
use store::{Access, KeyUses, StoreError};

/// Keys whose use is looked up at a time.
const AT_ONCE: usize = 8;

/// What the handlers work with.
pub struct Keys<S> {
    /// Where the keys are.
    pub store: Lazy<S>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The cost of the hash that is kept of a secret: 12.
    pub bcrypt_cost: u32,
    /// What each tier permits.
    pub tiers: Tiers,
}

impl<S: Access + KeyUses> Keys<S> {
    /// The key as its people see it, with what it used.
    pub(crate) async fn view(&self, key: &KeyRecord, now: Timestamp) -> Answer<KeyView> {
        let used = self.store.key_use(&key.prefix).await?;
        Ok(self.shown(key, &used, now))
    }

    fn shown(&self, key: &KeyRecord, used: &KeyUse, now: Timestamp) -> KeyView {
        KeyView::new(key, self.tiers.of(key.tier), used, now)
    }
}

/// The routes of this function.
pub fn router<S: Access + KeyUses + 'static>(keys: Keys<S>) -> Router {
    Router::new()
        .route("/v1/keys", get(list::<S>).post(create::<S>))
        .route("/v1/keys/{id}", get(read::<S>).patch(change::change::<S>).delete(revoke::<S>))
        .route("/v1/keys/{id}/regenerate", post(change::regenerate::<S>))
        .route("/v1/keys/{id}/suspend", post(change::suspend::<S>))
        .route("/v1/keys/{id}/activate", post(change::activate::<S>))
        .with_state(Arc::new(keys))
}

async fn create<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Json(wanted): Json<KeyCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let (expires_at, allow) = well_formed(&wanted, now)?;
    may_grant(&caller, &wanted.scopes)?;
    if keys.store.tenant(caller.scope.tenant()).await?.is_none() {
        return Err(Problem::not_found("tenant").into());
    }
    let key = fresh_key()?;
    let mut record = KeyRecord {
        id: KeyId::generate(),
        prefix: key.prefix().to_owned(),
        tenant: caller.scope.tenant().clone(),
        name: wanted.name.trim().to_owned(),
        grants: wanted.scopes,
        bcrypt: hash(key.whole().clone(), keys.bcrypt_cost).await?,
        mac: None,
        created_at: now,
        expires_at: None,
        revoked_at: None,
        tier: wanted.tier,
        allow,
        previous: None,
        suspended: None,
        reminded: None,
        rev: 1,
    };
    record.expire(expires_at, now);
    let audit = AuditEntry {
        principal: caller.principal,
        action: "key.created",
        target: record.id.to_string(),
        detail: told(&record),
        at: now,
    };
    keys.store.create_key(&caller.scope, &record, &audit).await.map_err(prefix_taken)?;
    let location = format!("/v1/keys/{}", record.id);
    Ok((
        StatusCode::CREATED,
        [(LOCATION, location)],
        Json(KeyCreated::new(&key, keys.shown(&record, &KeyUse::default(), now))),
    )
        .into_response())
}

async fn list<S: Access + KeyUses>(State(keys): State<Arc<Keys<S>>>, auth: Auth) -> Answer<Json<List<KeyView>>> {
    let caller = auth.require(Scope::KeysRead)?;
    let (records, now) = (keys.store.keys(&caller.scope).await?, keys.clock.now());
    let keys = &*keys;
    let views = stream::iter(records).map(|record| async move { keys.view(&record, now).await }).buffered(AT_ONCE);
    Ok(Json(List { items: views.try_collect().await?, next: None }))
}

async fn read<S: Access + KeyUses>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Path(id): Path<KeyId>,
) -> Answer<Json<KeyView>> {
    let caller = auth.require(Scope::KeysRead)?;
    let record = keys.store.key(&caller.scope, &id).await?.ok_or_else(no_such_key)?;
    Ok(Json(keys.view(&record, keys.clock.now()).await?))
}

async fn revoke<S: Access>(State(keys): State<Arc<Keys<S>>>, auth: Auth, Path(id): Path<KeyId>) -> Answer<StatusCode> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let audit = AuditEntry {
        principal: caller.principal,
        action: "key.revoked",
        target: id.to_string(),
        detail: String::new(),
        at: now,
    };
    if keys.store.revoke_key(&caller.scope, &id, now, &audit).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(no_such_key())
    }
}

/// What the audit trail says of a new key.
fn told(record: &KeyRecord) -> String {
    let mut told = format!("{}: {}; tier {}", record.name, spelled(&record.grants), record.tier);
    if !record.allow.is_empty() {
        told.push_str("; allow ");
        told.push_str(&record.allow.to_texts().join(" "));
    }
    told
}

pub(crate) fn no_such_key() -> Failed {
    Problem::not_found("API key").into()
}

/// Checks what can be told wrong without looking anything up; gives back when the key is to expire, and from where it may
/// be used.
fn well_formed(wanted: &KeyCreate, now: Timestamp) -> Answer<(Option<Timestamp>, AllowList)> {
    let mut errors = Vec::new();
    let mut fault = |field: &str, code: &str, message: String| {
        errors.push(FieldProblem { field: field.into(), code: code.into(), message });
    };
    let length = wanted.name.trim().chars().count();
    if length == 0 || length > NAME_MAX_CHARS {
        fault("name", "invalid", format!("must be 1 to {NAME_MAX_CHARS} characters"));
    }
    if wanted.scopes.is_empty() {
        fault("scopes", "required", "give at least one, e.g. `campaigns:*`".into());
    }
    let expires_at = wanted.expires_at.as_deref().map(|text| until(text, now)).transpose();
    let expires_at = expires_at.unwrap_or_else(|message| {
        fault("expires_at", "invalid", message.into());
        None
    });
    let allow = AllowList::new(wanted.allow.clone()).unwrap_or_else(|| {
        fault("allow", "invalid", format!("must be at most {ENTRIES_MAX} networks"));
        AllowList::default()
    });
    if errors.is_empty() { Ok((expires_at, allow)) } else { Err(Problem::invalid(errors).into()) }
}

/// Reads when a key is to expire; what is wrong with it otherwise.
pub(crate) fn until(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    match Timestamp::parse(text) {
        None => Err("must be a time like 2027-01-01T00:00:00Z"),
        Some(end) if end <= now => Err("must be in the future"),
        Some(end) => Ok(end),
    }
}

/// Nobody gives away more than they have. The operator is the exception: it makes each tenant's first key, and can do
/// anything to the deployment anyway.
pub(crate) fn may_grant(caller: &Caller, wanted: &[Grant]) -> Answer<()> {
    if caller.principal == Principal::Operator {
        return Ok(());
    }
    match caller.lacks(wanted) {
        None => Ok(()),
        Some(more) => {
            let detail =
                format!("`{}` is more than this API key has. Use a key that has it to pass it on.", more.as_str());
            Err(Problem::new(ProblemKind::Forbidden, detail).into())
        }
    }
}

pub(crate) fn spelled(grants: &[Grant]) -> String {
    grants.iter().map(Grant::as_str).collect::<Vec<_>>().join(" ")
}

fn fresh_key() -> Answer<ApiKey> {
    let bytes = entropy::bytes::<128>().map_err(defect)?;
    ApiKey::from_entropy(&bytes).ok_or_else(|| defect("too few random bytes were usable"))
}

/// bcrypt takes a quarter of a second: beside the thread that answers.
pub(crate) async fn hash(whole: Secret, cost: u32) -> Answer<String> {
    let hashed = tokio::task::spawn_blocking(move || bcrypt::non_truncating_hash(whole.expose(), cost)).await;
    hashed.map_err(defect)?.map_err(defect)
}

pub(crate) fn defect(error: impl std::fmt::Display) -> Failed {
    tracing::error!(%error, "no key could be made");
    Problem::new(ProblemKind::Internal, "No key could be made. Try again.").into()
}

/// Two keys with the same prefix: 1 in 10^14 for each pair.
fn prefix_taken(error: StoreError) -> Failed {
    match error {
        StoreError::Conflict => {
            Problem::new(ProblemKind::Conflict, "The key that was drawn exists already. Try again.").into()
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;
    use domain::{
        tenant::{Tenant, TenantScope},
        time::ManualClock,
    };
    use runtime::{
        caller::Context,
        http::App,
        testing::{Answered, START, call, key_of},
    };
    use serde_json::{Value, json};
    use store::{Audit, memory::MemoryStore};

    struct Fixture {
        app: App,
        store: Lazy<MemoryStore>,
        clock: Arc<ManualClock>,
    }

    #[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
    fn scope(tenant: &str) -> TenantScope {
        TenantScope::established(tenant.parse().unwrap())
    }

    impl Fixture {
        async fn new() -> Self {
            let store = MemoryStore::default();
            for id in ["acme", "other"] {
                let tenant = Tenant::new(id.parse().unwrap(), id.into(), START);
                let audit = AuditEntry {
                    principal: Principal::Operator,
                    action: "tenant.created",
                    target: id.into(),
                    detail: String::new(),
                    at: START,
                };
                store.create_tenant(&tenant, &audit).await.unwrap();
            }
            let store = Lazy::ready(store);
            let clock = Arc::new(ManualClock::at(START));
            Self {
                clock: clock.clone(),
                app: App::new(router(Keys {
                    store: store.clone(),
                    clock: clock.clone(),
                    bcrypt_cost: 4,
                    tiers: Tiers::default(),
                })),
                store,
            }
        }

        async fn create(&self, as_: &Context, body: Value) -> Answered {
            call(&self.app, as_, Method::POST, "/v1/keys", body).await
        }

        async fn get(&self, as_: &Context, path: &str) -> Answered {
            call(&self.app, as_, Method::GET, path, Value::Null).await
        }
    }

    fn wanted(scopes: &[&str]) -> Value {
        json!({ "name": "ci", "scopes": scopes, "expires_at": "2026-01-01T00:00:00Z" })
    }

    #[tokio::test]
    async fn a_key_is_shown_once_and_works_as_made() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let created = fixture.create(&admin, wanted(&["campaigns:*", "keys:read"])).await;
        assert_eq!(created.status, 201);
        let key = ApiKey::parse(created.body["key"].as_str().unwrap()).unwrap();
        let stored = fixture.store.key_by_prefix(key.prefix()).await.unwrap().unwrap();
        assert!(bcrypt::verify(key.whole().expose(), &stored.bcrypt).unwrap());
        assert_eq!(created.headers["location"], format!("/v1/keys/{}", stored.id));

        let listed = fixture.get(&admin, "/v1/keys").await;
        let one = fixture.get(&admin, &created.headers["location"]).await;
        assert_eq!(listed.body["items"][0], one.body);
        insta::assert_json_snapshot!([&created.body, &listed.body], {
            ".**.id" => "[id]", ".**.key" => "[key]", ".**.prefix" => "[prefix]",
        });
        for answer in [&listed, &one] {
            let text = answer.body.to_string();
            assert!(!text.contains(key.whole().expose()) && !text.contains("$2"), "no secret, no hash: {text}");
        }
    }

    #[tokio::test]
    async fn nobody_gives_away_more_than_they_have_but_the_operator() {
        let fixture = Fixture::new().await;
        let limited = key_of("acme", "keys:* campaigns:read");
        for more in ["*", "campaigns:*", "campaigns:send", "audit:read"] {
            let refused = fixture.create(&limited, wanted(&["campaigns:read", more])).await;
            assert_eq!(refused.body["code"], "forbidden", "{more}");
            assert!(refused.body["detail"].as_str().unwrap().contains(&format!("`{more}`")));
        }
        assert_eq!(fixture.create(&limited, wanted(&["campaigns:read", "keys:write", "keys:*"])).await.status, 201);
        let operator = Context::operator(Some(&"acme".parse().unwrap()));
        assert_eq!(fixture.create(&operator, wanted(&["*"])).await.status, 201);
        let nowhere = Context::operator(Some(&"nowhere".parse().unwrap()));
        assert_eq!(fixture.create(&nowhere, wanted(&["*"])).await.body["detail"], "There is no such tenant.");
        assert_eq!(fixture.create(&key_of("acme", "keys:read"), wanted(&["keys:read"])).await.status, 403);
    }

    #[tokio::test]
    async fn every_wrong_field_is_named() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let bad = [
            json!({}),
            json!({ "name": "", "scopes": [], "expires_at": "soon" }),
            json!({ "name": "x".repeat(101), "scopes": ["*"], "expires_at": "2025-11-20T12:00:00Z" }),
            json!({ "name": "ci", "scopes": ["campaigns:fly"] }),
            json!({ "name": "ci", "scopes": ["*"], "tenant": "other" }),
        ];
        let mut problems = Vec::new();
        for body in bad {
            let answer = fixture.create(&admin, body).await;
            assert_eq!(answer.status, 422);
            problems.push(answer.body["errors"].clone());
        }
        insta::assert_json_snapshot!(problems);
        assert!(fixture.store.keys(&scope("acme")).await.unwrap().is_empty(), "nothing was stored");
    }

    #[tokio::test]
    async fn a_revoked_key_stays_in_the_list_and_another_tenants_key_is_not_found() {
        let fixture = Fixture::new().await;
        let (admin, stranger) = (key_of("acme", "*"), key_of("other", "*"));
        let path = fixture.create(&admin, wanted(&["*"])).await.headers["location"].clone();
        assert_eq!(fixture.get(&stranger, &path).await.status, 404);
        assert_eq!(call(&fixture.app, &stranger, Method::DELETE, &path, Value::Null).await.status, 404);
        assert_eq!(fixture.get(&stranger, "/v1/keys").await.body["items"], json!([]));
        assert!(fixture.get(&admin, &path).await.body["revoked_at"].is_null());

        for _ in 0..2 {
            assert_eq!(call(&fixture.app, &admin, Method::DELETE, &path, Value::Null).await.status, 204);
        }
        assert_eq!(fixture.get(&admin, &path).await.body["revoked_at"], "2025-11-20T12:00:00.000Z");
    }

    #[tokio::test]
    async fn the_audit_trail_tells_of_keys_and_holds_no_secret() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let created = fixture.create(&admin, wanted(&["campaigns:*"])).await;
        call(&fixture.app, &admin, Method::DELETE, &created.headers["location"], Value::Null).await;
        let records = fixture.store.audit(&scope("acme"), None, 10).await.unwrap().items;
        let told: Vec<_> = records.iter().map(|record| (record.action.as_str(), record.detail.as_str())).collect();
        assert!(told.ends_with(&[("key.created", "ci: campaigns:*; tier basic"), ("key.revoked", "")]), "{told:?}");
        let key = created.body["key"].as_str().unwrap();
        assert!(!format!("{records:?}").contains(key));
    }

    // ---- Changes ----------------------------------------------------------------------------------------------------

    impl Fixture {
        async fn change(&self, as_: &Context, method: Method, path: &str, body: Value) -> Answered {
            call(&self.app, as_, method, path, body).await
        }

        async fn stored(&self, key: &Value) -> KeyRecord {
            let key = ApiKey::parse(key["key"].as_str().unwrap()).unwrap();
            self.store.key_by_prefix(key.prefix()).await.unwrap().unwrap()
        }
    }

    #[tokio::test]
    async fn a_key_is_changed_in_what_the_body_names() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let body = json!({
            "name": "ci", "scopes": ["campaigns:*"], "tier": "standard", "allow": ["10.1.2.3/8", "2001:db8::1"],
        });
        let made = fixture.create(&admin, body).await;
        assert_eq!(
            (&made.body["tier"], &made.body["allow"]),
            (&json!("standard"), &json!(["10.0.0.0/8", "2001:db8::1/128"]))
        );
        assert_eq!(made.body["limits"], json!({"minute": 300, "hour": 10_000, "burst": 50}));
        let path = &made.headers["location"];
        let wishes = json!({"name": "deploy", "tier": "premium", "allow": [], "expires_at": "2025-12-24T12:00:00Z"});
        let changed = fixture.change(&admin, Method::PATCH, path, wishes).await;
        let seen = ["name", "scopes", "tier", "allow", "expires_at", "state"].map(|field| changed.body[field].clone());
        assert_eq!(
            json!(seen),
            json!(["deploy", ["campaigns:*"], "premium", [], "2025-12-24T12:00:00.000Z", "active"])
        );
        assert_eq!(fixture.stored(&made.body).await.reminded, None, "the reminder of thirty days is to come");
        let never = fixture.change(&admin, Method::PATCH, path, json!({"expires_at": "never"})).await;
        assert_eq!((never.status, &never.body["expires_at"]), (200, &Value::Null));
        let same = fixture.change(&admin, Method::PATCH, path, json!({})).await;
        assert_eq!((same.status, fixture.stored(&made.body).await.rev), (200, 3), "nothing is written for nothing");
        let records = fixture.store.audit(&scope("acme"), None, 10).await.unwrap().items;
        let told = records.iter().find(|record| record.action == "key.changed").unwrap();
        assert_eq!(told.detail, "name deploy; tier premium; allow []; expires 2025-12-24T12:00:00.000Z");
    }

    #[tokio::test]
    async fn a_change_is_checked_like_a_creation() {
        let fixture = Fixture::new().await;
        let path = fixture.create(&key_of("acme", "*"), wanted(&["campaigns:*"])).await.headers["location"].clone();
        let limited = key_of("acme", "keys:*");
        let networks: Vec<String> = (0..51).map(|n| format!("10.0.{n}.0/24")).collect();
        for (field, bad) in [
            ("name", json!({"name": " "})),
            ("scopes", json!({"scopes": []})),
            ("expires_at", json!({"expires_at": "2025-11-20T12:00:00Z"})),
            ("expires_at", json!({"expires_at": "tomorrow"})),
            ("allow", json!({"allow": networks})),
            ("allow[0]", json!({"allow": ["everywhere"]})),
            ("tier", json!({"tier": "gold"})),
            ("key", json!({"key": "x"})),
        ] {
            let answer = fixture.change(&limited, Method::PATCH, &path, bad).await;
            assert_eq!((answer.status, answer.body["errors"][0]["field"].as_str()), (422, Some(field)));
        }
        let more = fixture.change(&limited, Method::PATCH, &path, json!({"scopes": ["audit:read"]})).await;
        assert_eq!(more.body["code"], "forbidden");
        let stranger = key_of("other", "*");
        for (method, path) in [
            (Method::PATCH, path.clone()),
            (Method::POST, format!("{path}/regenerate")),
            (Method::POST, format!("{path}/suspend")),
            (Method::POST, format!("{path}/activate")),
        ] {
            assert_eq!(fixture.change(&stranger, method.clone(), &path, json!({})).await.status, 404);
            let reader = key_of("acme", "keys:read");
            assert_eq!(fixture.change(&reader, method, &path, json!({})).await.status, 403);
        }
    }

    #[tokio::test]
    async fn a_new_secret_is_shown_once_and_the_old_one_is_kept_for_its_grace() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let made = fixture.create(&admin, wanted(&["campaigns:*"])).await;
        let path = format!("{}/regenerate", made.headers["location"]);
        let old = fixture.stored(&made.body).await;
        let again = fixture.change(&admin, Method::POST, &path, json!({"grace_hours": 2})).await;
        assert_eq!((again.status, &again.body["id"]), (200, &made.body["id"]));
        assert_eq!(again.body["old_secret_until"], "2025-11-20T14:00:00.000Z");
        assert_ne!(again.body["key"], made.body["key"]);
        let stored = fixture.stored(&again.body).await;
        let previous = stored.previous.clone().unwrap();
        assert_eq!((&previous.bcrypt, previous.until), (&old.bcrypt, START.plus_ms(7_200_000)));
        assert!(bcrypt::verify(again.body["key"].as_str().unwrap(), &stored.bcrypt).unwrap());
        assert!(fixture.get(&admin, &made.headers["location"]).await.body.get("key").is_none());

        let at_once = fixture.change(&admin, Method::POST, &path, json!({})).await;
        assert_eq!(at_once.body["old_secret_until"], Value::Null);
        assert_eq!(fixture.change(&admin, Method::POST, &path, json!({"grace_hours": 25})).await.status, 422);
        let weaker = key_of("acme", "keys:*");
        let refused = fixture.change(&weaker, Method::POST, &path, json!({})).await;
        assert_eq!(refused.body["code"], "forbidden", "whoever makes a secret holds what it may do");
    }

    #[tokio::test]
    async fn a_key_is_suspended_and_activated_with_its_failures_forgotten() {
        let fixture = Fixture::new().await;
        let admin = key_of("acme", "*");
        let made = fixture.create(&admin, wanted(&["campaigns:*"])).await;
        let path = made.headers["location"].clone();
        let record = fixture.stored(&made.body).await;
        let failed = KeyUse::default().failed(7, START).0;
        fixture.store.save_key_use(&record.tenant, &record.prefix, &failed).await.unwrap();
        for _ in 0..2 {
            let suspended = fixture.change(&admin, Method::POST, &format!("{path}/suspend"), Value::Null).await;
            assert_eq!(suspended.body["state"], "suspended");
            assert_eq!(suspended.body["suspended_for"], "asked");
            assert_eq!(suspended.body["usage"]["failures"], 7);
            fixture.clock.advance_ms(1_000);
        }
        for _ in 0..2 {
            let active = fixture.change(&admin, Method::POST, &format!("{path}/activate"), Value::Null).await;
            assert_eq!((&active.body["state"], &active.body["usage"]["failures"]), (&json!("active"), &json!(0)));
        }
        let records = fixture.store.audit(&scope("acme"), None, 10).await.unwrap().items;
        let actions: Vec<_> = records.iter().skip(1).map(|record| record.action.as_str()).collect();
        assert_eq!(actions, ["key.created", "key.suspended", "key.activated"]);
        call(&fixture.app, &admin, Method::DELETE, &path, Value::Null).await;
        let gone = fixture.change(&admin, Method::POST, &format!("{path}/activate"), Value::Null).await;
        assert_eq!((gone.status, gone.body["code"].as_str()), (409, Some("conflict")), "nothing brings it back");
    }
}
