//! API keys of a tenant. A key is shown once, when it is made; afterwards only hashes of it exist.

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
    routing::get,
};
use domain::{
    audit::AuditEntry,
    ids::KeyId,
    key::{ApiKey, KeyRecord},
    principal::{Caller, Grant, Principal, Scope},
    secret::Secret,
    time::{Clock, Timestamp},
};
use runtime::{
    caller::Auth,
    entropy,
    http::{Answer, Failed, Json, Path},
    lazy::Lazy,
};
use std::sync::Arc;
use store::{Access, StoreError};

/// What the handlers work with.
pub(crate) struct Keys<S> {
    pub(crate) store: Lazy<S>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bcrypt_cost: u32,
}

/// The routes of this function.
pub(crate) fn router<S: Access + 'static>(keys: Keys<S>) -> Router {
    Router::new()
        .route("/v1/keys", get(list::<S>).post(create::<S>))
        .route("/v1/keys/{id}", get(read::<S>).delete(revoke::<S>))
        .with_state(Arc::new(keys))
}

async fn create<S: Access>(
    State(keys): State<Arc<Keys<S>>>,
    auth: Auth,
    Json(wanted): Json<KeyCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::KeysWrite)?;
    let now = keys.clock.now();
    let expires_at = well_formed(&wanted, now)?;
    may_grant(&caller, &wanted.scopes)?;
    if keys.store.tenant(caller.scope.tenant()).await?.is_none() {
        return Err(Problem::not_found("tenant").into());
    }
    let key = fresh_key()?;
    let record = KeyRecord {
        id: KeyId::generate(),
        prefix: key.prefix().to_owned(),
        tenant: caller.scope.tenant().clone(),
        name: wanted.name.trim().to_owned(),
        grants: wanted.scopes,
        bcrypt: hash(key.whole().clone(), keys.bcrypt_cost).await?,
        mac: None,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    let audit = AuditEntry {
        principal: caller.principal,
        action: "key.created",
        target: record.id.to_string(),
        detail: format!("{}: {}", record.name, spelled(&record.grants)),
        at: now,
    };
    keys.store.create_key(&caller.scope, &record, &audit).await.map_err(prefix_taken)?;
    let location = format!("/v1/keys/{}", record.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(KeyCreated::new(&key, &record))).into_response())
}

async fn list<S: Access>(State(keys): State<Arc<Keys<S>>>, auth: Auth) -> Answer<Json<List<KeyView>>> {
    let caller = auth.require(Scope::KeysRead)?;
    let records = keys.store.keys(&caller.scope).await?;
    Ok(Json(List { items: records.iter().map(KeyView::from).collect(), next: None }))
}

async fn read<S: Access>(State(keys): State<Arc<Keys<S>>>, auth: Auth, Path(id): Path<KeyId>) -> Answer<Json<KeyView>> {
    let caller = auth.require(Scope::KeysRead)?;
    let record = keys.store.key(&caller.scope, &id).await?.ok_or_else(no_such_key)?;
    Ok(Json(KeyView::from(&record)))
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

fn no_such_key() -> Failed {
    Problem::not_found("API key").into()
}

/// Checks what can be told wrong without looking anything up; gives back when the key is to expire.
fn well_formed(wanted: &KeyCreate, now: Timestamp) -> Answer<Option<Timestamp>> {
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
    let expires_at = wanted.expires_at.as_deref().map(Timestamp::parse);
    match expires_at {
        Some(None) => fault("expires_at", "invalid", "must be a time like 2027-01-01T00:00:00Z".into()),
        Some(Some(end)) if end <= now => fault("expires_at", "invalid", "must be in the future".into()),
        _ => {}
    }
    if errors.is_empty() { Ok(expires_at.flatten()) } else { Err(Problem::invalid(errors).into()) }
}

/// Nobody gives away more than they have. The operator is the exception: it makes each tenant's first key, and can do
/// anything to the deployment anyway.
fn may_grant(caller: &Caller, wanted: &[Grant]) -> Answer<()> {
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

fn spelled(grants: &[Grant]) -> String {
    grants.iter().map(Grant::as_str).collect::<Vec<_>>().join(" ")
}

fn fresh_key() -> Answer<ApiKey> {
    let bytes = entropy::bytes::<128>().map_err(defect)?;
    ApiKey::from_entropy(&bytes).ok_or_else(|| defect("too few random bytes were usable"))
}

/// bcrypt takes a quarter of a second: beside the thread that answers.
async fn hash(whole: Secret, cost: u32) -> Answer<String> {
    let hashed = tokio::task::spawn_blocking(move || bcrypt::non_truncating_hash(whole.expose(), cost)).await;
    hashed.map_err(defect)?.map_err(defect)
}

fn defect(error: impl std::fmt::Display) -> Failed {
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
            Self { app: App::new(router(Keys { store: store.clone(), clock, bcrypt_cost: 4 })), store }
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
        assert!(told.ends_with(&[("key.created", "ci: campaigns:*"), ("key.revoked", "")]), "{told:?}");
        let key = created.body["key"].as_str().unwrap();
        assert!(!format!("{records:?}").contains(key));
    }
}
