//! API keys: the list, a new one whose secret is shown once, one with its limits and what it used; change, regenerate,
//! suspend, activate, revoke.

mod actions;
mod create;
mod detail;
mod edit;
mod form;
mod list;
mod regenerate;
mod scopes;
#[cfg(test)]
mod tests;

use crate::{language::Counted, parts, router::Routes, view::View, visit::Kept, visit::Visit};
use api::keys::{KeyState, KeyView};
use axum::{
    Router,
    routing::{get, post},
};
use domain::{
    ids::KeyId,
    principal::{Grant, Principal},
};
use maud::{Markup, html};
use runtime::secrets::SecretSource;

const REQUESTS: Counted = Counted {
    one: "{n} request",
    other: "{n} requests",
    arabic: ["لا طلبات", "طلب واحد", "طلبان", "{n} طلبات", "{n} طلبًا", "{n} طلب"],
};

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/keys", get(list::show))
        .route("/console/keys/new", get(create::ask).post(create::create))
        .route("/console/keys/{id}", get(detail::show))
        .route("/console/keys/{id}/edit", get(edit::show).post(edit::save))
        .route("/console/keys/{id}/regenerate", get(regenerate::ask).post(regenerate::regenerate))
        .route("/console/keys/{id}/suspend", get(actions::ask_suspend).post(actions::suspend))
        .route("/console/keys/{id}/activate", post(actions::activate))
        .route("/console/keys/{id}/revoke", get(actions::ask_revoke).post(actions::revoke))
}

/// Where the API has a key.
fn route(id: &KeyId) -> String {
    format!("/v1/keys/{id}")
}

/// Where the console has it.
fn page(id: &KeyId) -> String {
    format!("/keys/{id}")
}

/// What this part is called.
const fn name(view: &View) -> &str {
    view.say("API keys", "مفاتيح API")
}

/// Whether this is the key that the person is signed in with: what stops it ends their session.
fn is_own(visit: &Visit, id: &KeyId) -> bool {
    visit.api.caller.principal == Principal::ApiKey(id.clone())
}

/// What is said of that before it is too late.
fn own_note(visit: &Visit, id: &KeyId) -> Markup {
    html! {
        @if is_own(visit, id) {
            p { strong { (visit.say(
                "This is the key that you are signed in with: you will be signed out.",
                "هذا هو المفتاح الذي سجّلت الدخول به: ستُنهى جلستك.",
            )) } }
        }
    }
}

/// Whether the person has all that the key may do, and so may make its secret.
fn may_hold(visit: &Visit, grants: &[Grant]) -> bool {
    visit.api.caller.lacks(grants).is_none()
}

fn state(view: &View, state: KeyState) -> Markup {
    match state {
        KeyState::Active => parts::badge("good", view.say("Active", "نشط")),
        KeyState::Suspended => parts::badge("warn", view.say("Suspended", "موقوف")),
        KeyState::Expired => parts::badge("off", view.say("Expired", "منتهٍ")),
        KeyState::Revoked => parts::badge("off", view.say("Revoked", "مُلغى")),
    }
}

/// The part of a key that is no secret.
fn prefix(key: &KeyView) -> Markup {
    html! { code dir="ltr" { "tk_live_" (key.prefix) "_…" } }
}
