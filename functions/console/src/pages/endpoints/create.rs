//! A new endpoint. It is tested before it is saved, and its secret is shown once.

use super::{
    draft::Draft,
    event_types,
    fields::{self, Shown},
    needs, page, secrets,
};
use crate::{
    api::Asked,
    faults::refusal,
    flash::Flash,
    page::Page,
    visit::{Posted, Visit},
};
use ::api::{endpoints::EndpointSecretShown, events::EventTypeView, problem::Problem};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::principal::Scope;
use maud::{Markup, html};
use runtime::http::Answer;
use serde_json::json;

/// `GET /console/endpoints/new`.
pub(crate) async fn ask(visit: Visit) -> Answer<Page> {
    needs(&visit, Scope::EndpointsWrite)?;
    let types = event_types(&visit).await?;
    let shown = Shown { types: &types, errors: &[], more: "", is_new: true };
    Ok(form_page(&visit, &Draft::fresh(), &shown, &html! {}))
}

/// `POST /console/endpoints/new`.
pub(crate) async fn create(Posted { visit, form }: Posted) -> Answer<Response> {
    let types = event_types(&visit).await?;
    let draft = Draft::entered(&form, None);
    if let Some(more) = form.entered("more") {
        let shown = Shown { types: &types, errors: &[], more, is_new: true };
        return Ok(form_page(&visit, &draft, &shown, &html! {}).into_response());
    }
    let mut faults = Vec::new();
    let mut body = draft.body(&mut faults);
    if !faults.is_empty() {
        return Ok(refused(&visit, &draft, &types, &Problem::invalid(faults)));
    }
    body.insert("signing".to_owned(), json!(draft.signing));
    body.insert("enabled".to_owned(), json!(!draft.paused));
    if !draft.secret.is_empty() {
        body.insert("secret".to_owned(), json!(draft.secret));
    }
    let route = if form.text("do") == "save" { "/v1/endpoints?test=false" } else { "/v1/endpoints" };
    let made: Asked<EndpointSecretShown> = visit.api.send(Method::POST, route, &body).await;
    Ok(match made {
        Err(problem) => refused(&visit, &draft, &types, &problem),
        Ok(made) => {
            let title = visit.say("The endpoint is made", "أُنشئ الويب هوك");
            secrets::shown(&visit, title, &made).map_or_else(
                || {
                    let words = visit.say(
                        "The endpoint is made; posts are signed with your secret.",
                        "أُنشئ الويب هوك، وتُوقَّع الرسائل بسرّك.",
                    );
                    visit.go(&page(&made.endpoint.id, ""), &Flash::good(words))
                },
                IntoResponse::into_response,
            )
        }
    })
}

fn refused(visit: &Visit, draft: &Draft, types: &[EventTypeView], problem: &Problem) -> Response {
    let shown = Shown { types, errors: &problem.errors, more: "", is_new: true };
    let note = refusal(visit, problem, &fields::shown(&problem.errors));
    form_page(visit, draft, &shown, &note).with_status(problem.status).into_response()
}

fn form_page(visit: &Visit, draft: &Draft, shown: &Shown<'_>, note: &Markup) -> Page {
    let title = visit.say("Add endpoint", "إضافة ويب هوك");
    let body = html! {
        (crate::parts::crumbs(visit, "/endpoints", visit.say("Webhooks out", "الويب هوك الصادرة")))
        h1 { (title) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (first_button())
            (fields::all(visit, draft, shown))
            (buttons(visit, "/endpoints"))
        }
    };
    visit.page(title, &body)
}

/// What the Enter key does in a form whose first visible button only adds rows.
pub(super) fn first_button() -> Markup {
    html! { button.hidden type="submit" name="do" value="test-and-save" tabindex="-1" aria-hidden="true" {} }
}

/// Test and save, save, or leave it.
pub(super) fn buttons(visit: &Visit, back: &str) -> Markup {
    html! {
        div.actions {
            button.button type="submit" name="do" value="test-and-save" { (visit.say("Test & save", "اختبار وحفظ")) }
            button.plain type="submit" name="do" value="save" { (visit.say("Save without a test", "حفظ دون اختبار")) }
            a.button.second href=(visit.link(back)) { (visit.say("Cancel", "إلغاء")) }
        }
    }
}
