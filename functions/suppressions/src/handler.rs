//! Listing, adding and removing suppressed addresses. What providers report is added elsewhere (`hub::feedback`); what a
//! person changes here leaves a record in the audit trail.

use api::{
    page::{List, PageQuery},
    problem::{Problem, ProblemKind},
    suppressions::{NOTE_MAX_CHARS, SuppressionCreate, SuppressionView},
};
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use domain::{
    audit::AuditEntry,
    channel::Provider,
    failure::shorten,
    integration::Config,
    principal::{Caller, Scope},
    suppression::{ADDRESS_MAX_BYTES, Suppression, SuppressionReason, audited_as, listed_as},
    time::{Clock, Timestamp},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path, Query},
    lazy::Lazy,
};
use std::sync::Arc;
use store::Suppressions;

/// What the handlers work with.
pub struct SuppressionList<S> {
    /// The store.
    pub store: Lazy<S>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<S: Suppressions + 'static>(suppressions: SuppressionList<S>) -> Router {
    Router::new()
        .route("/v1/suppressions", get(list::<S>).post(add::<S>))
        .route("/v1/suppressions/{address}", delete(remove::<S>))
        .with_state(Arc::new(suppressions))
}

async fn list<S: Suppressions>(
    State(suppressions): State<Arc<SuppressionList<S>>>,
    auth: Auth,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<SuppressionView>>> {
    let caller = auth.require(Scope::SuppressionsRead)?;
    let found = suppressions.store.suppressions(&caller.scope, page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(List { items: found.items.iter().map(SuppressionView::from).collect(), next: found.next }))
}

/// 201 when it is new, 200 with the entry as it stands when it was listed already: both ways nothing is sent to it.
async fn add<S: Suppressions>(
    State(suppressions): State<Arc<SuppressionList<S>>>,
    auth: Auth,
    Json(wanted): Json<SuppressionCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::SuppressionsWrite)?;
    let entry = read(&wanted, suppressions.clock.now())?;
    let audit = record(&caller, "suppression.added", &entry.address, entry.at);
    let fresh = suppressions.store.add_suppression(&caller.scope, &entry, &audit).await?;
    if fresh {
        return Ok((StatusCode::CREATED, Json(SuppressionView::from(&entry))).into_response());
    }
    let stored = suppressions.store.suppression(&caller.scope, &entry.address).await?.unwrap_or(entry);
    Ok(Json(SuppressionView::from(&stored)).into_response())
}

async fn remove<S: Suppressions>(
    State(suppressions): State<Arc<SuppressionList<S>>>,
    auth: Auth,
    Path(address): Path<String>,
) -> Answer<StatusCode> {
    let caller = auth.require(Scope::SuppressionsWrite)?;
    let address = listed_as(&address);
    let listed = !address.is_empty() && address.len() <= ADDRESS_MAX_BYTES;
    let audit = record(&caller, "suppression.removed", &address, suppressions.clock.now());
    if listed && suppressions.store.remove_suppression(&caller.scope, &address, &audit).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(ProblemKind::NotFound, "This address is not on the list.").into())
}

fn read(wanted: &SuppressionCreate, at: Timestamp) -> Answer<Suppression> {
    let address = listed_as(&wanted.address);
    // What every provider of e-mail takes as an address.
    if let Err(why) = providers::check_address(Provider::Smtp, &Config::new(), &address) {
        return Err(Problem::invalid_field("address", "invalid", why).into());
    }
    if wanted.note.chars().count() > NOTE_MAX_CHARS {
        let message = format!("must be at most {NOTE_MAX_CHARS} characters");
        return Err(Problem::invalid_field("note", "invalid", message).into());
    }
    Ok(Suppression {
        address,
        reason: SuppressionReason::Manual,
        at,
        detail: shorten(&wanted.note),
        campaign: None,
        delivery: None,
        integration: None,
    })
}

fn record(caller: &Caller, action: &'static str, address: &str, at: Timestamp) -> AuditEntry {
    AuditEntry {
        principal: caller.principal.clone(),
        action,
        // The trail outlives the tenant, and with it everybody's address.
        target: audited_as(caller.scope.tenant(), address),
        detail: String::new(),
        at,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;
    use domain::time::ManualClock;
    use runtime::{
        caller::Context,
        http::App,
        testing::{Answered, START, call, key_of},
    };
    use serde_json::{Value, json};
    use store::memory::MemoryStore;

    fn app() -> (App, Lazy<MemoryStore>) {
        let store = Lazy::ready(MemoryStore::default());
        let list = SuppressionList { store: store.clone(), clock: Arc::new(ManualClock::at(START)) };
        (App::new(router(list)), store)
    }

    async fn post(app: &App, caller: &Context, body: Value) -> Answered {
        call(app, caller, Method::POST, "/v1/suppressions", body).await
    }

    async fn addresses(app: &App, caller: &Context) -> Vec<String> {
        let answer = call(app, caller, Method::GET, "/v1/suppressions", Value::Null).await;
        let items = answer.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["address"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn an_address_is_listed_shown_and_removed() {
        let (app, store) = app();
        let admin = key_of("acme", "suppressions:*");
        let added = post(&app, &admin, json!({"address": " Ann@Example.com ", "note": "asked us"})).await;
        assert_eq!(added.status, 201, "{}", added.body);
        let expected = json!({
            "address": "ann@example.com", "reason": "manual", "at": START.to_rfc3339(), "detail": "asked us",
            "campaign_id": null, "delivery_id": null, "integration_id": null
        });
        assert_eq!(added.body, expected);
        let again = post(&app, &admin, json!({"address": "ANN@example.com", "note": "other words"})).await;
        assert_eq!((again.status, again.body), (200, expected), "the first reason stays");
        assert_eq!(addresses(&app, &admin).await, ["ann@example.com"]);
        assert_eq!(addresses(&app, &key_of("globex", "*")).await, [""; 0]);
        let remove = async |path: &str| call(&app, &admin, Method::DELETE, path, Value::Null).await.status;
        assert_eq!(remove("/v1/suppressions/Ann%40example.com").await, 204);
        assert_eq!(remove("/v1/suppressions/ann@example.com").await, 404);
        assert_eq!(addresses(&app, &admin).await, [""; 0]);
        let scope = admin_scope();
        let trail = store::Audit::audit(&*store, &scope, None, 10).await.unwrap().items;
        let told: Vec<_> = trail.iter().map(|it| (it.action.as_str(), it.target.as_str())).collect();
        let target = audited_as(scope.tenant(), "ann@example.com");
        let target = target.as_str();
        assert!(!target.contains("ann"), "{target}");
        assert_eq!(told, [("suppression.added", target), ("suppression.removed", target)]);
    }

    #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
    fn admin_scope() -> domain::tenant::TenantScope {
        domain::tenant::TenantScope::established("acme".parse().unwrap())
    }

    #[tokio::test]
    async fn what_is_no_address_is_refused_by_field() {
        let (app, _) = app();
        let admin = key_of("acme", "suppressions:*");
        for (body, field) in [
            (json!({"address": "nobody"}), "address"),
            (json!({"address": ""}), "address"),
            (json!({"note": "x"}), "address"),
            (json!({"address": "ann@example.com", "note": "x".repeat(301)}), "note"),
            (json!({"address": "ann@example.com", "reason": "bounced"}), "reason"),
        ] {
            let answer = post(&app, &admin, body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &field.into()), "{}", answer.body);
        }
    }

    #[tokio::test]
    async fn a_key_needs_the_scope() {
        let (app, _) = app();
        let body = json!({"address": "ann@example.com"});
        for grants in ["suppressions:read", "campaigns:*"] {
            assert_eq!(post(&app, &key_of("acme", grants), body.clone()).await.status, 403, "{grants}");
        }
        let list = async |grants| {
            call(&app, &key_of("acme", grants), Method::GET, "/v1/suppressions", Value::Null).await.status
        };
        assert_eq!((list("suppressions:read").await, list("suppressions:write").await), (200, 403));
    }

    #[tokio::test]
    async fn every_route_of_this_function_is_answered() {
        let (app, _) = app();
        for route in api::routes::ROUTES.iter().filter(|route| route.function == "suppressions") {
            let method = Method::from_bytes(route.method.as_bytes()).unwrap();
            let path = route.path.replace("{address}", "ann@example.com");
            let answer = call(&app, &key_of("acme", "*"), method, &path, json!({})).await;
            assert_ne!(answer.status, 405, "{path}");
            assert_ne!(answer.body["detail"], "There is no such route. See `/v1/openapi.json`.", "{path}");
        }
    }
}
