//! A new integration: which provider, then its form. It can be tested before it is saved, and is tested when it is.

use super::fields::{Entered, Entry, catalog, limit_fields, limits_of};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    flash::Flash,
    form::Form,
    page::Page,
    parts,
    view::View,
    visit::{Posted, Visit},
};
use api::{
    integrations::{IntegrationView, TestView},
    problem::Problem,
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::health::HealthStatus;
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde_json::{Map, json};

/// `GET /console/integrations/new`.
pub(crate) async fn choose(visit: Visit) -> Answer<Page> {
    let entries = catalog(&visit).await?;
    let title = visit.say("Add integration", "إضافة تكامل");
    let body = html! {
        h1 { (title) }
        p.quiet { (visit.say("What do you want to connect?", "ما الذي تريد وصله؟")) }
        ul.choices {
            @for entry in &entries {
                li {
                    a.card href=(visit.link(&format!("/integrations/new/{}", entry.provider))) {
                        strong { (entry.name(&visit)) }
                        span.quiet { (entry.description(&visit)) }
                    }
                }
            }
        }
    };
    Ok(visit.page(title, &body))
}

async fn entry_of(visit: &Visit, provider: &str) -> Asked<Entry> {
    let found = catalog(visit).await?.into_iter().find(|entry| entry.provider == provider);
    found.ok_or_else(|| Box::new(Problem::not_found("provider")))
}

/// `GET /console/integrations/new/{provider}`.
pub(crate) async fn show(Path(provider): Path<String>, visit: Visit) -> Answer<Page> {
    let entry = entry_of(&visit, &provider).await?;
    Ok(form_page(&visit, &entry, &Entered::default(), &html! {}))
}

/// `POST /console/integrations/new/{provider}`: tests, or tests and saves.
pub(crate) async fn create(Path(provider): Path<String>, Posted { visit, form }: Posted) -> Answer<Response> {
    let entry = entry_of(&visit, &provider).await?;
    let mut body = json!({
        "provider": provider,
        "name": form.text("name"),
        "config": entry.config_of(&form),
        "secrets": entry.secrets_of(&form),
    });
    let limits = limits_of(&form);
    if !limits.is_empty() {
        body["limits"] = limits.into();
    }
    if form.text("do") == "test" {
        let tested: Result<TestView, _> = visit.api.send(Method::POST, "/v1/integrations/test", &body).await;
        return Ok(match tested {
            Ok(test) => form_page(
                &visit,
                &entry,
                &Entered { form: Some(&form), ..Entered::default() },
                &tested_note(&visit, &test),
            ),
            Err(problem) => refused_page(&visit, &entry, &form, &problem),
        }
        .into_response());
    }
    let route = if form.text("do") == "save" { "/v1/integrations?test=false" } else { "/v1/integrations" };
    let created: Result<IntegrationView, _> = visit.api.send(Method::POST, route, &body).await;
    Ok(match created {
        Ok(created) => {
            let words = visit.say("The integration is saved.", "حُفظ التكامل.");
            visit.go(&format!("/integrations/{}", created.id), &Flash::good(words))
        }
        Err(problem) => refused_page(&visit, &entry, &form, &problem).into_response(),
    })
}

fn refused_page(visit: &Visit, entry: &Entry, form: &Form, problem: &Problem) -> Page {
    let entered = Entered { form: Some(form), errors: &problem.errors, ..Entered::default() };
    form_page(visit, entry, &entered, &refusal(visit, problem, &entry.field_names())).with_status(problem.status)
}

pub(super) fn tested_note(view: &View, test: &TestView) -> Markup {
    let tone = match test.status {
        HealthStatus::Ok => "good",
        HealthStatus::Warn => "warn",
        HealthStatus::Fail => "bad",
    };
    html! {
        div.toast.(tone) role="alert" tabindex="-1" data-focus {
            p { (parts::result(view, test.status)) " " (view.say("Nothing was saved.", "لم يُحفظ شيء.")) " " (view.ms(test.latency_ms)) }
            (parts::found(view, test))
            @if test.status == HealthStatus::Ok {
                p.detail { (view.say("Secrets are not sent back to you: enter them again to save.", "لا تُعاد إليك الأسرار: أدخلها من جديد للحفظ.")) }
            }
        }
    }
}

fn form_page(visit: &Visit, entry: &Entry, entered: &Entered<'_>, note: &Markup) -> Page {
    let title = format!("{} {}", visit.say("Connect", "وصل"), entry.name(visit));
    let name = entered.form.map_or_else(|| entry.name(visit), |form| form.text("name"));
    let name_field = Field::new(visit, "name", visit.say("Name", "الاسم"), "").required().judged(entered.errors);
    let defaults = Map::new();
    let body = html! {
        h1 { (title) }
        p.quiet { (entry.description(visit)) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (name_field.around(visit, |id, described| html! {
                input id=(id) name="name" value=(name) required maxlength="100" dir="auto" aria-describedby=[described];
            }))
            fieldset {
                legend { (visit.say("Connection", "الاتصال")) }
                (entry.settings(visit, entered))
                (entry.secret_fields(visit, None, entered))
            }
            details open[entered.errors.iter().any(|error| error.field.starts_with("limits"))] {
                summary { (visit.say("Limits", "الحدود")) }
                p.help { (entry.limits_note(visit)) }
                (limit_fields(visit, &defaults, entered))
            }
            div.actions {
                button.button type="submit" name="do" value="test-and-save" { (visit.say("Test & save", "اختبار وحفظ")) }
                button.button.second type="submit" name="do" value="test" { (visit.say("Test", "اختبار")) }
                button.plain type="submit" name="do" value="save" { (visit.say("Save without a test", "حفظ دون اختبار")) }
            }
        }
    };
    visit.page(&title, &body)
}
