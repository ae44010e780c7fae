//! What is done with a key by a button: suspend, activate, revoke.

use super::{own_note, page, prefix, route};
use crate::{
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::keys::KeyView;
use axum::{http::Method, response::Response};
use domain::ids::KeyId;
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// Which key it is about.
fn named(key: &KeyView) -> Markup {
    html! { strong { bdi { (key.name) } } " (" (prefix(key)) ")" }
}

/// `GET /console/keys/{id}/suspend`: are you sure? It is asked of the key that one is signed in with.
pub(super) async fn ask_suspend(Path(id): Path<KeyId>, visit: Visit) -> Answer<Page> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    let title = visit.say("Suspend key", "إيقاف المفتاح");
    let words = html! {
        p { (visit.say("Until it is activated again, this key does not work:", "إلى أن يُنشَّط من جديد، لا يعمل هذا المفتاح:")) " " (named(&key)) }
        (own_note(&visit, &id))
    };
    let keeps = (page(&id), visit.say("Keep it", "إبقاؤه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Suspend", "إيقاف"), (&keeps.0, keeps.1)))
}

/// `POST /console/keys/{id}/suspend`.
pub(super) async fn suspend(Path(id): Path<KeyId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &format!("{}/suspend", route(&id))).await;
    let done = visit.say("Suspended; it stops working within a minute.", "أُوقف؛ يتوقف عن العمل خلال دقيقة.");
    visit.went(&page(&id), outcome, done)
}

/// `POST /console/keys/{id}/activate`.
pub(super) async fn activate(Path(id): Path<KeyId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &format!("{}/activate", route(&id))).await;
    visit.went(&page(&id), outcome, visit.say("It works again.", "عاد يعمل."))
}

/// `GET /console/keys/{id}/revoke`: are you sure?
pub(super) async fn ask_revoke(Path(id): Path<KeyId>, visit: Visit) -> Answer<Page> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    let title = visit.say("Revoke key", "إلغاء المفتاح");
    let words = html! {
        p { (visit.say("This ends", "سينتهي")) " " (named(&key)) ". "
            (visit.say(
                "Programs that use it are refused within a minute. A key that is revoked never works again; to stop it for a \
                 while, suspend it.",
                "تُرفض البرامج التي تستخدمه خلال دقيقة. المفتاح المُلغى لا يعمل ثانية أبدًا؛ ولإيقافه مؤقتًا استخدم الإيقاف.",
            )) }
        (own_note(&visit, &id))
    };
    let keeps = (page(&id), visit.say("Keep it", "إبقاؤه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Revoke", "إلغاء المفتاح"), (&keeps.0, keeps.1)))
}

/// `POST /console/keys/{id}/revoke`.
pub(super) async fn revoke(Path(id): Path<KeyId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::DELETE, &route(&id)).await;
    let target = if outcome.is_ok() { "/keys".to_owned() } else { page(&id) };
    let done = visit.say("Revoked; it stops working within a minute.", "أُلغي؛ يتوقف عن العمل خلال دقيقة.");
    visit.went(&target, outcome, done)
}
