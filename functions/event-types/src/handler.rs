//! Registering, changing and forgetting types of events. Whoever is second writes on top of the first.

use api::{
    events::{EventTypeBody, EventTypeView},
    page::List,
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::{Router, extract::State, http::StatusCode, routing::get};
use domain::{
    audit::AuditEntry,
    principal::{Caller, Scope},
    time::{Clock, Timestamp},
    webhook::{
        EventType,
        registered::{DESCRIPTION_MAX_CHARS, EVENT_TYPES_MAX, RegisteredType},
    },
};
use hub::event_types::Schema;
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    lazy::Lazy,
};
use std::sync::Arc;
use store::StoreError;

/// What the handlers work with.
pub struct EventTypes<S> {
    /// Where types are.
    pub store: Lazy<S>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<S: store::EventTypes + 'static>(types: EventTypes<S>) -> Router {
    Router::new()
        .route("/v1/event-types", get(list::<S>))
        .route("/v1/event-types/{type}", get(read::<S>).put(put::<S>).delete(delete::<S>))
        .with_state(Arc::new(types))
}

async fn list<S: store::EventTypes>(
    State(types): State<Arc<EventTypes<S>>>,
    auth: Auth,
) -> Answer<Json<List<EventTypeView>>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    let all = types.store.event_types(&caller.scope).await?;
    Ok(Json(List { items: all.iter().map(EventTypeView::from).collect(), next: None }))
}

async fn read<S: store::EventTypes>(
    State(types): State<Arc<EventTypes<S>>>,
    auth: Auth,
    Path(kind): Path<EventType>,
) -> Answer<Json<EventTypeView>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    let found = types.store.event_type(&caller.scope, &kind).await?;
    Ok(Json(EventTypeView::from(&found.ok_or_else(|| Problem::not_found("event type"))?)))
}

async fn put<S: store::EventTypes>(
    State(types): State<Arc<EventTypes<S>>>,
    auth: Auth,
    Path(kind): Path<EventType>,
    Json(body): Json<EventTypeBody>,
) -> Answer<Json<EventTypeView>> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    check(&body)?;
    let mut again = true;
    loop {
        let stored = types.store.event_type(&caller.scope, &kind).await?;
        if stored.is_none() && types.store.event_types(&caller.scope).await?.len() >= EVENT_TYPES_MAX {
            let detail = format!("There are {EVENT_TYPES_MAX} types of events, as many as can be. Forget one first.");
            return Err(Problem::new(ProblemKind::Conflict, detail).into());
        }
        let now = types.clock.now();
        let next = registered(kind.clone(), &body, stored.as_ref(), &caller, now);
        if stored.as_ref().is_some_and(|stored| is_same(stored, &next)) {
            return Ok(Json(EventTypeView::from(&next)));
        }
        let action = if stored.is_some() { "event_type.updated" } else { "event_type.created" };
        let audit = entry(&caller, action, &kind, changed(stored.as_ref(), &next), now);
        match types.store.save_event_type(&caller.scope, &next, &audit).await {
            Err(StoreError::Conflict) if again => again = false,
            saved => {
                saved?;
                return Ok(Json(EventTypeView::from(&next)));
            }
        }
    }
}

async fn delete<S: store::EventTypes>(
    State(types): State<Arc<EventTypes<S>>>,
    auth: Auth,
    Path(kind): Path<EventType>,
) -> Answer<StatusCode> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    let audit = entry(&caller, "event_type.deleted", &kind, String::new(), types.clock.now());
    if types.store.delete_event_type(&caller.scope, &kind, &audit).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::not_found("event type").into())
}

/// Every fault is named, not only the first.
fn check(body: &EventTypeBody) -> Answer<()> {
    let mut errors = Vec::new();
    let mut fault = |field: &str, code: &str, message: String| {
        errors.push(FieldProblem { field: field.to_owned(), code: code.to_owned(), message });
    };
    if body.description.chars().count() > DESCRIPTION_MAX_CHARS {
        fault("description", "too_long", format!("must be at most {DESCRIPTION_MAX_CHARS} characters"));
    }
    if let Some(Err(why)) = body.schema.as_ref().map(Schema::read) {
        fault("schema", "invalid", why);
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors).into()) }
}

fn registered(
    kind: EventType,
    body: &EventTypeBody,
    stored: Option<&RegisteredType>,
    caller: &Caller,
    now: Timestamp,
) -> RegisteredType {
    RegisteredType {
        kind,
        description: body.description.trim().to_owned(),
        schema: body.schema.as_ref().map(ToString::to_string),
        deprecated: body.deprecated,
        rev: stored.map_or(0, |stored| stored.rev) + 1,
        created_at: stored.map_or(now, |stored| stored.created_at),
        updated_at: now,
        updated_by: caller.principal.clone(),
    }
}

fn is_same(stored: &RegisteredType, next: &RegisteredType) -> bool {
    changed(Some(stored), next).is_empty()
}

/// The names of the fields that differ.
fn changed(stored: Option<&RegisteredType>, next: &RegisteredType) -> String {
    let Some(stored) = stored else { return String::new() };
    let fields = [
        ("description", stored.description != next.description),
        ("schema", stored.schema != next.schema),
        ("deprecated", stored.deprecated != next.deprecated),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect::<Vec<_>>().join(", ")
}

fn entry(caller: &Caller, action: &'static str, kind: &EventType, detail: String, at: Timestamp) -> AuditEntry {
    AuditEntry { principal: caller.principal.clone(), action, target: kind.to_string(), detail, at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Method;
    use domain::{tenant::TenantScope, time::ManualClock};
    use runtime::{
        http::App,
        testing::{Answered, START, call, key_of},
    };
    use serde_json::{Value, json};
    use store::{Audit as _, memory::MemoryStore};

    fn app() -> (App, Lazy<MemoryStore>) {
        let store = Lazy::ready(MemoryStore::default());
        let types = EventTypes { store: store.clone(), clock: Arc::new(ManualClock::at(START)) };
        (App::new(router(types)), store)
    }

    async fn ask(app: &App, grants: &str, method: Method, path: &str, body: Value) -> Answered {
        call(app, &key_of("acme", grants), method, path, body).await
    }

    const PATH: &str = "/v1/event-types/order.created";

    #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    #[tokio::test]
    async fn a_type_is_registered_changed_and_forgotten_and_leaves_a_trail() {
        let (app, store) = app();
        let put = async |body| ask(&app, "endpoints:*", Method::PUT, PATH, body).await;
        let first = put(json!({"description": "Placed.", "schema": {"type": "object"}})).await;
        assert_eq!(
            (first.status, &first.body["rev"], &first.body["schema"]["type"]),
            (200, &json!(1), &json!("object"))
        );
        let same = put(json!({"schema": {"type": "object"}, "description": " Placed. "})).await;
        assert_eq!(same.status, 200, "{}", same.body);
        let second = put(json!({"description": "Placed.", "deprecated": true})).await;
        assert_eq!((&second.body["rev"], &second.body["schema"]), (&json!(2), &Value::Null));
        let read = ask(&app, "endpoints:read", Method::GET, PATH, Value::Null).await;
        assert_eq!(read.body, second.body);
        let list = ask(&app, "endpoints:read", Method::GET, "/v1/event-types", Value::Null).await;
        assert_eq!(list.body["items"], json!([second.body]));
        let other = call(&app, &key_of("globex", "*"), Method::GET, PATH, Value::Null).await;
        assert_eq!(other.status, 404);
        let delete = async || ask(&app, "endpoints:*", Method::DELETE, PATH, Value::Null).await.status;
        assert_eq!((delete().await, delete().await), (204, 404));
        let trail = store.audit(&acme(), None, 10).await.unwrap().items;
        let told: Vec<_> = trail.iter().map(|it| (it.action.as_str(), it.detail.as_str())).collect();
        let expected =
            [("event_type.created", ""), ("event_type.updated", "schema, deprecated"), ("event_type.deleted", "")];
        assert_eq!(told, expected);
    }

    #[tokio::test]
    async fn what_is_no_type_or_no_schema_is_refused_by_field() {
        let (app, _) = app();
        for (body, field) in [
            (json!({"schema": {"type": "objekt"}}), "schema"),
            (json!({"schema": {"$ref": "https://example.com/a.json"}}), "schema"),
            (json!({"description": "x".repeat(1_001)}), "description"),
            (json!({"name": "x"}), "name"),
        ] {
            let answer = ask(&app, "endpoints:*", Method::PUT, PATH, body).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &field.into()), "{}", answer.body);
        }
        let odd = ask(&app, "endpoints:*", Method::PUT, "/v1/event-types/Order", json!({})).await;
        assert_eq!(odd.status, 404);
    }

    #[tokio::test]
    async fn a_key_needs_the_scope() {
        let (app, _) = app();
        for (grants, method) in [("endpoints:read", Method::PUT), ("events:write", Method::GET)] {
            assert_eq!(ask(&app, grants, method, PATH, json!({})).await.status, 403, "{grants}");
        }
    }

    #[tokio::test]
    async fn whoever_is_second_writes_on_top_of_the_first() {
        let (app, store) = app();
        store.fail_next("save_event_type", StoreError::Conflict);
        assert_eq!(ask(&app, "*", Method::PUT, PATH, json!({})).await.status, 200);
    }
}
