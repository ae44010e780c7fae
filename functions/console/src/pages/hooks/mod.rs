//! Inbound webhooks: the list, a new one by its scheme, one with its address, what it received and turned away; change,
//! rotate, replay, delete.

mod actions;
mod create;
mod detail;
mod edit;
mod events;
mod form;
mod list;
mod rejections;
mod rotate;
mod scheme;
#[cfg(test)]
mod tests;

use crate::{parts, router::Routes, view::View, visit::Kept};
use api::hooks::HookView;
use axum::{
    Router,
    routing::{get, post},
};
use domain::ids::HookId;
use maud::{Markup, html};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/hooks", get(list::show))
        .route("/console/hooks/new", get(create::choose))
        .route("/console/hooks/new/{scheme}", get(create::show).post(create::create))
        .route("/console/hooks/{id}", get(detail::show))
        .route("/console/hooks/{id}/edit", get(edit::show).post(edit::save))
        .route("/console/hooks/{id}/rotate", get(rotate::show).post(rotate::rotate))
        .route("/console/hooks/{id}/enable", post(actions::enable))
        .route("/console/hooks/{id}/disable", post(actions::disable))
        .route("/console/hooks/{id}/delete", get(actions::ask_delete).post(actions::delete))
        .route("/console/hooks/{id}/events", get(events::list))
        .route("/console/hooks/{id}/events/{event_id}", get(events::show))
        .route("/console/hooks/{id}/events/{event_id}/body", get(events::download))
        .route("/console/hooks/{id}/events/{event_id}/replay", post(events::replay))
        .route("/console/hooks/{id}/rejections", get(rejections::list))
}

/// Where the API has a hook.
fn route(id: &HookId) -> String {
    format!("/v1/hooks/{id}")
}

/// Where the console has it.
fn page(id: &HookId) -> String {
    format!("/hooks/{id}")
}

/// What this part is called.
const fn name(view: &View) -> &str {
    view.say("Webhooks in", "الويب هوك الواردة")
}

/// The address that a provider calls.
fn url(view: &View, hook: &HookView) -> String {
    format!("{}{}", view.site, hook.path)
}

/// That address, to be copied.
fn copied_url(view: &View, hook: &HookView) -> Markup {
    parts::copied(view, "url", view.say("The webhook's address", "عنوان الويب هوك"), &url(view, hook))
}

fn state(view: &View, hook: &HookView) -> Markup {
    if hook.enabled {
        parts::badge("good", view.say("Enabled", "مفعّل"))
    } else {
        parts::badge("off", view.say("Disabled", "معطّل"))
    }
}

/// Which events a hook takes.
fn taken(view: &View, hook: &HookView) -> Markup {
    html! {
        @if hook.events.is_empty() { (view.say("all", "الكل")) }
        @else { ul.tags { @for pattern in &hook.events { li { code dir="ltr" { (pattern) } } } } }
    }
}
