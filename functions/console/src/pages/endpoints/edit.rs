//! Changing an endpoint. A new address or header is tested before it is saved.

use super::{
    create::{buttons, first_button},
    draft::Draft,
    event_types,
    fields::{self, Shown},
    needs, page, route,
};
use crate::{
    api::Asked,
    faults::refusal,
    flash::Flash,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use ::api::{endpoints::EndpointView, events::EventTypeView, problem::Problem};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{ids::IntegrationId, principal::Scope};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

async fn both(visit: &Visit, id: &IntegrationId) -> Asked<(EndpointView, Vec<EventTypeView>)> {
    Ok((visit.api.get(&route(id, "")).await?, event_types(visit).await?))
}

/// `GET /console/endpoints/{id}/edit`.
pub(crate) async fn ask(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    needs(&visit, Scope::EndpointsWrite)?;
    let (endpoint, types) = both(&visit, &id).await?;
    let names: Vec<_> = types.iter().map(|kind| kind.kind.to_string()).collect();
    let shown = Shown { types: &types, errors: &[], more: "", is_new: false };
    Ok(form_page(&visit, &endpoint, &Draft::saved(&endpoint, &names), &shown, &html! {}))
}

/// `POST /console/endpoints/{id}/edit`.
pub(crate) async fn save(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let (endpoint, types) = both(&visit, &id).await?;
    let draft = Draft::entered(&form, Some(&endpoint));
    if let Some(more) = form.entered("more") {
        let shown = Shown { types: &types, errors: &[], more, is_new: false };
        return Ok(form_page(&visit, &endpoint, &draft, &shown, &html! {}).into_response());
    }
    let mut faults = Vec::new();
    let body = draft.body(&mut faults);
    let saved: Asked<EndpointView> = if faults.is_empty() {
        let query = if form.text("do") == "save" { "?test=false" } else { "" };
        visit.api.send(Method::PATCH, &route(&id, query), &body).await
    } else {
        Err(Box::new(Problem::invalid(faults)))
    };
    Ok(match saved {
        Ok(_) => visit.go(&page(&id, ""), &Flash::good(visit.say("Your changes are saved.", "حُفظت تغييراتك."))),
        Err(problem) => {
            let shown = Shown { types: &types, errors: &problem.errors, more: "", is_new: false };
            let note = refusal(&visit, &problem, &fields::shown(&problem.errors));
            form_page(&visit, &endpoint, &draft, &shown, &note).with_status(problem.status).into_response()
        }
    })
}

fn form_page(visit: &Visit, endpoint: &EndpointView, draft: &Draft, shown: &Shown<'_>, note: &Markup) -> Page {
    let title = visit.say("Edit endpoint", "تعديل الويب هوك");
    let back = page(&endpoint.id, "");
    let body = html! {
        (parts::crumbs(visit, &back, &endpoint.name))
        h1 { (title) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (first_button())
            (fields::all(visit, draft, shown))
            (buttons(visit, &back))
        }
    };
    visit.page(title, &body)
}
