//! A new key. Its secret is on the page that answers, and nowhere else.

use super::{
    form::{Entered, beginning_of, fields, note},
    name,
};
use crate::{
    api::Asked,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{keys::KeyCreated, problem::Problem};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::quota::Tier;
use maud::html;
use serde_json::json;

/// `GET /console/keys/new`.
pub(super) async fn ask(visit: Visit) -> Page {
    let entered = Entered { tier: Tier::default().as_str().to_owned(), ..Entered::default() };
    form_page(&visit, &entered, None)
}

fn form_page(visit: &Visit, entered: &Entered, problem: Option<&Problem>) -> Page {
    let title = visit.say("Create key", "إنشاء مفتاح");
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let body = html! {
        (parts::crumbs(visit, "/keys", name(visit)))
        h1 { (title) }
        @if let Some(problem) = problem { (note(visit, problem)) }
        form.card.form method="post" {
            (visit.token())
            (fields(visit, entered, &[], errors))
            div.actions {
                button.button type="submit" { (title) }
                a.button.second href=(visit.link("/keys")) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

/// `POST /console/keys/new`.
pub(super) async fn create(Posted { visit, form }: Posted) -> Response {
    let entered = Entered::sent(&form);
    let mut wanted = json!({
        "name": entered.name,
        "scopes": entered.scopes,
        "tier": entered.tier,
        "allow": entered.networks(),
    });
    if !entered.expires.is_empty() {
        wanted["expires_at"] = beginning_of(&entered.expires).into();
    }
    let created: Asked<KeyCreated> = visit.api.send(Method::POST, "/v1/keys", &wanted).await;
    match created {
        Err(problem) => form_page(&visit, &entered, Some(&problem)).with_status(problem.status).into_response(),
        Ok(created) => {
            let title = visit.say("The key is made", "أُنشئ المفتاح");
            let how = visit.say("Programs send it with each call:", "ترسله البرامج مع كل طلب:");
            let note = html! { p { (how) " " code dir="ltr" { "Authorization: Bearer tk_live_…" } } };
            parts::secret_page(&visit, title, &created.key, &note, "/keys").into_response()
        }
    }
}
