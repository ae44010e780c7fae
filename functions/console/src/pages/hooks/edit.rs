//! Changing a hook. Its scheme stays, and its secret is rotated instead.

use super::{
    form::{Entered, body},
    page, route,
};
use crate::{
    api::Asked,
    faults::refusal,
    flash::Flash,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::hooks::HookView;
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::ids::HookId;
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// `GET /console/hooks/{id}/edit`.
pub(super) async fn show(Path(id): Path<HookId>, visit: Visit) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let entered = Entered { scheme: hook.scheme, form: None, saved: Some(&hook), errors: &[] };
    Ok(form_page(&visit, &hook, &entered, &html! {}))
}

/// `POST /console/hooks/{id}/edit`.
pub(super) async fn save(Path(id): Path<HookId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let saved: Asked<HookView> = visit.api.send(Method::PATCH, &route(&id), &body(hook.scheme, &form)).await;
    Ok(match saved {
        Ok(_) => {
            let words = visit
                .say("Your changes are saved; they are heeded within 30 seconds.", "حُفظت تغييراتك؛ تسري خلال 30 ثانية.");
            visit.go(&page(&id), &Flash::good(words))
        }
        Err(problem) => {
            let entered = Entered { scheme: hook.scheme, form: Some(&form), saved: None, errors: &problem.errors };
            let note = refusal(&visit, &problem, &entered.shown());
            form_page(&visit, &hook, &entered, &note).with_status(problem.status).into_response()
        }
    })
}

fn form_page(visit: &Visit, hook: &HookView, entered: &Entered<'_>, note: &Markup) -> Page {
    let title = visit.say("Edit webhook", "تعديل الويب هوك");
    let page = page(&hook.id);
    let body = html! {
        (parts::crumbs(visit, &page, &hook.name))
        h1 { (title) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (entered.name(visit))
            (entered.of_scheme(visit))
            (entered.taken(visit))
            div.actions {
                button.button type="submit" { (visit.say("Save", "حفظ")) }
                a.button.second href=(visit.link(&page)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}
