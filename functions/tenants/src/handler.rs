//! Tenants: made, listed and erased by the operator. A tenant's first API key is made by `POST /v1/keys` with the operator's
//! credential and the header `X-Trunkline-Tenant`.

use crate::{audit as trail, erase, jobs, re_encrypt};
use api::{
    page::{List, PageQuery},
    problem::{Problem, ProblemKind},
    tenants::{NAME_MAX_CHARS, TenantCreate, TenantView},
};
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    principal::Principal,
    tenant::{Tenant, TenantScope},
    time::Clock,
};
use runtime::{
    caller::Operator,
    http::{Answer, Failed, Json, Query},
    lazy::Lazy,
    vault::{Kms, Vault},
};
use std::sync::Arc;
use store::{Access, Audit, Erasure, Integrations, Jobs, StoreError};

/// What the handlers work with.
pub(crate) struct Tenants<S, K> {
    pub(crate) store: Lazy<S>,
    pub(crate) vault: Vault<K>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub(crate) fn router<S, K>(tenants: Tenants<S, K>) -> Router
where
    S: Access + Audit + Erasure + Integrations + Jobs + 'static,
    K: Kms + 'static,
{
    Router::new()
        .route("/v1/tenants", get(list::<S, K>).post(create::<S, K>))
        .route("/v1/tenants/{id}", delete(erase::erase::<S, K>))
        .route("/v1/tenants/{id}/re-encrypt", post(re_encrypt::re_encrypt::<S, K>))
        .route("/v1/jobs", get(jobs::list::<S, K>))
        .route("/v1/tenants/{id}/audit", get(trail::list::<S, K>))
        .route("/v1/tenants/{id}/audit/verify", get(trail::verify::<S, K>))
        .with_state(Arc::new(tenants))
}

#[expect(clippy::disallowed_methods, reason = "the operator, whom the extractor let in, may do this to any tenant")]
pub(crate) fn of_operator(id: &TenantId) -> TenantScope {
    TenantScope::established(id.clone())
}

async fn create<S: Access, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Json(wanted): Json<TenantCreate>,
) -> Answer<Response> {
    let name = wanted.name.trim();
    if name.is_empty() || name.chars().count() > NAME_MAX_CHARS {
        let message = format!("must be 1 to {NAME_MAX_CHARS} characters");
        return Err(Problem::invalid_field("name", "invalid", message).into());
    }
    let tenant = Tenant::new(wanted.id, name.to_owned(), tenants.clock.now());
    let audit = AuditEntry {
        principal: Principal::Operator,
        action: "tenant.created",
        target: tenant.id.to_string(),
        detail: tenant.name.clone(),
        at: tenant.created_at,
    };
    tenants.store.create_tenant(&tenant, &audit).await.map_err(exists)?;
    Ok((StatusCode::CREATED, Json(TenantView::from(&tenant))).into_response())
}

async fn list<S: Access, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<TenantView>>> {
    let found = tenants.store.tenants(page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(List { items: found.items.iter().map(TenantView::from).collect(), next: found.next }))
}

fn exists(error: StoreError) -> Failed {
    match error {
        StoreError::Conflict => {
            Problem::new(ProblemKind::Conflict, "A tenant with this id exists already, or did. Choose another id.")
                .into()
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use axum::http::Method;
    use runtime::{
        caller::Context,
        http::App,
        testing::{Answered, call, key_of},
    };
    use serde_json::{Value, json};

    fn app() -> App {
        Stage::new().app
    }

    async fn create(app: &App, body: Value) -> Answered {
        call(app, &Context::operator(None), Method::POST, "/v1/tenants", body).await
    }

    async fn list(app: &App, query: &str) -> Answered {
        let path = format!("/v1/tenants{query}");
        call(app, &Context::operator(None), Method::GET, &path, Value::Null).await
    }

    #[tokio::test]
    async fn a_tenant_is_made_once_and_listed_page_by_page() {
        let app = app();
        let made = create(&app, json!({ "id": "acme", "name": " Acme Ltd. " })).await;
        assert_eq!(made.status, 201);
        let acme = json!({
            "id": "acme", "name": "Acme Ltd.", "state": "active", "created_at": "2025-11-20T12:00:00.000Z",
            "erased_at": null,
        });
        assert_eq!(made.body, acme);
        let again = create(&app, json!({ "id": "acme", "name": "Other" })).await;
        assert_eq!((again.status, &again.body["code"]), (409, &json!("conflict")));
        create(&app, json!({ "id": "beta", "name": "Beta" })).await;

        let first = list(&app, "?limit=1").await;
        assert_eq!(first.body["items"], json!([made.body]), "the name is the first one's");
        let cursor = first.body["next"].as_str().unwrap();
        let second = list(&app, &format!("?limit=1&cursor={cursor}")).await;
        assert_eq!((&second.body["items"][0]["id"], &second.body["next"]), (&json!("beta"), &Value::Null));
    }

    #[tokio::test]
    async fn wrong_fields_are_named() {
        let app = app();
        for (body, field) in [
            (json!({ "id": "Acme!", "name": "A" }), "id"),
            (json!({ "id": "acme" }), "name"),
            (json!({ "id": "acme", "name": "  " }), "name"),
            (json!({ "id": "acme", "name": "A", "plan": "gold" }), "plan"),
        ] {
            let answer = create(&app, body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!(field)));
        }
        assert_eq!(list(&app, "?limit=many").await.body["errors"][0]["field"], "limit");
        assert_eq!(list(&app, "").await.body["items"], json!([]));
    }

    #[tokio::test]
    async fn nobody_but_the_operator_gets_in() {
        let app = app();
        for (who, status) in [
            (key_of("acme", "*"), 403),
            (Context::default(), 401),
            (Context::operator(Some(&"acme".parse().unwrap())), 403),
        ] {
            let answer = call(&app, &who, Method::POST, "/v1/tenants", json!({ "id": "x", "name": "X" })).await;
            assert_eq!(answer.status, status);
            for (method, path, body) in [
                (Method::DELETE, "/v1/tenants/acme?confirm=acme", Value::Null),
                (Method::POST, "/v1/tenants/acme/re-encrypt", json!({})),
                (Method::GET, "/v1/jobs", Value::Null),
                (Method::GET, "/v1/tenants/acme/audit", Value::Null),
                (Method::GET, "/v1/tenants/acme/audit/verify", Value::Null),
            ] {
                assert_eq!(call(&app, &who, method, path, body).await.status, status, "{path}");
            }
        }
    }
}
