//! Outbound webhooks: endpoints, what was posted to them, and what they did not get.

mod attempts;
mod create;
mod dead_letters;
mod detail;
mod draft;
mod edit;
mod fields;
mod list;
mod sample;
mod secrets;
mod switches;
#[cfg(test)]
mod tests;
mod trial;
mod words;

use crate::{
    api::{Asked, Listed},
    router::Routes,
    visit::{Kept, Visit},
};
use ::api::{
    events::EventTypeView,
    problem::{Problem, ProblemKind},
};
use axum::{
    Router,
    routing::{get, post},
};
use domain::{ids::IntegrationId, principal::Scope};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/endpoints", get(list::show))
        .route("/console/endpoints/new", get(create::ask).post(create::create))
        .route("/console/endpoints/{id}", get(detail::show))
        .route("/console/endpoints/{id}/edit", get(edit::ask).post(edit::save))
        .route("/console/endpoints/{id}/test", get(trial::ask).post(trial::test))
        .route("/console/endpoints/{id}/pause", post(switches::pause))
        .route("/console/endpoints/{id}/resume", post(switches::resume))
        .route("/console/endpoints/{id}/delete", get(switches::ask_delete).post(switches::delete))
        .route("/console/endpoints/{id}/secret", get(secrets::ask).post(secrets::rotate))
        .route("/console/endpoints/{id}/attempts", get(attempts::list))
        .route("/console/endpoints/{id}/attempts/{attempt_id}", get(attempts::show))
        .route("/console/endpoints/{id}/attempts/{attempt_id}/answer.txt", get(attempts::answer))
        .route("/console/endpoints/{id}/attempts/{attempt_id}/event.json", get(attempts::event))
        .route("/console/endpoints/{id}/deliveries/{delivery_id}", get(attempts::delivery))
        .route("/console/endpoints/{id}/deliveries/{delivery_id}/resend", post(attempts::resend))
        .route("/console/endpoints/{id}/dead-letters", get(dead_letters::list))
        .route("/console/endpoints/{id}/redrive", post(dead_letters::redrive))
        .route(
            "/console/endpoints/{id}/recover",
            get(dead_letters::ask_recover::<S, P>).post(dead_letters::recover::<S, P>),
        )
}

/// Where the API has an endpoint.
fn route(id: &IntegrationId, rest: &str) -> String {
    format!("/v1/endpoints/{id}{rest}")
}

/// Where its page is.
fn page(id: &IntegrationId, rest: &str) -> String {
    format!("/endpoints/{id}{rest}")
}

/// Whether the person may send the form that they ask for.
fn needs(visit: &Visit, scope: Scope) -> Asked<()> {
    if visit.may(scope) {
        return Ok(());
    }
    Err(Box::new(Problem::new(ProblemKind::Forbidden, format!("This needs the scope {scope}."))))
}

/// The registered types of events.
async fn event_types(visit: &Visit) -> Asked<Vec<EventTypeView>> {
    let types: Listed<EventTypeView> = visit.api.get("/v1/event-types").await?;
    Ok(types.items)
}
