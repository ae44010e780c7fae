//! Changing an integration, and replacing its secrets. Both are tested before they are saved.

use super::fields::{Entered, Entry, catalog, limit_fields, limits_of};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    flash::Flash,
    form::Form,
    page::Page,
    parts, retries,
    visit::{Posted, Visit},
};
use api::{
    integrations::{IntegrationView, SecretsView},
    problem::Problem,
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{channel::OnUnknown, ids::IntegrationId, retry::RetryPolicy};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde_json::{Map, Value, json};

async fn both(visit: &Visit, id: &IntegrationId) -> Asked<(IntegrationView, Entry)> {
    let integration: IntegrationView = visit.api.get(&format!("/v1/integrations/{id}")).await?;
    let provider = integration.provider.as_str();
    let entry = catalog(visit).await?.into_iter().find(|entry| entry.provider == provider);
    Ok((integration, entry.ok_or_else(|| Box::new(Problem::not_found("form for this provider")))?))
}

/// `GET /console/integrations/{id}/edit`.
pub(crate) async fn show(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let (integration, entry) = both(&visit, &id).await?;
    let entered = Entered { config: Some(&integration.config), ..Entered::default() };
    Ok(form_page(&visit, &integration, &entry, &entered, &html! {}))
}

/// `POST /console/integrations/{id}/edit`.
pub(crate) async fn save(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let (integration, entry) = both(&visit, &id).await?;
    let body = json!({
        "name": form.text("name"),
        "config": entry.config_of(&form),
        "limits": limits_of(&form),
        "retry_policy": form.text("retry_policy"),
        "on_unknown": form.text("on_unknown"),
        "priority": form.text("priority").parse::<u16>().map_or_else(|_| json!(form.text("priority")), |number| json!(number)),
    });
    let query = if form.text("do") == "save" { "?test=false" } else { "" };
    let saved: Result<IntegrationView, _> =
        visit.api.send(Method::PATCH, &format!("/v1/integrations/{id}{query}"), &body).await;
    Ok(match saved {
        Ok(_) => visit
            .go(&format!("/integrations/{id}"), &Flash::good(visit.say("Your changes are saved.", "حُفظت تغييراتك."))),
        Err(problem) => {
            let entered = Entered { form: Some(&form), errors: &problem.errors, ..Entered::default() };
            let note = refusal(&visit, &problem, &entry.field_names());
            form_page(&visit, &integration, &entry, &entered, &note).with_status(problem.status).into_response()
        }
    })
}

fn form_page(
    visit: &Visit,
    integration: &IntegrationView,
    entry: &Entry,
    entered: &Entered<'_>,
    note: &Markup,
) -> Page {
    let title = visit.say("Edit integration", "تعديل التكامل");
    let page = format!("/integrations/{}", integration.id);
    let sent = |name: &str, saved: String| entered.form.map_or(saved, |form: &Form| form.text(name).to_owned());
    let name = sent("name", integration.name.clone());
    let limits = match serde_json::to_value(integration.limits) {
        Ok(Value::Object(limits)) => limits,
        _ => Map::new(),
    };
    let retry = sent("retry_policy", integration.retry_policy.as_str().to_owned());
    let unknown = sent("on_unknown", on_unknown(integration.on_unknown).to_owned());
    let priority = sent("priority", integration.priority.to_string());
    let field = |name, english, arabic| {
        Field::new(visit, name, visit.say(english, arabic), "").required().judged(entered.errors)
    };
    let body = html! {
        (parts::crumbs(visit, &page, &integration.name))
        h1 { (title) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (field("name", "Name", "الاسم").around(visit, |id, described| html! {
                input id=(id) name="name" value=(name) required maxlength="100" dir="auto" aria-describedby=[described];
            }))
            fieldset {
                legend { (visit.say("Connection", "الاتصال")) }
                (entry.settings(visit, entered))
                @if !entry.secrets.is_empty() { (masks(visit, integration, &page)) }
            }
            fieldset {
                legend { (visit.say("How it sends", "كيف يُرسل")) }
                (limit_fields(visit, &limits, entered))
                (field("retry_policy", "Retries", "إعادة المحاولة").around(visit, |id, described| html! {
                    select id=(id) name="retry_policy" aria-describedby=[described] {
                        @for policy in RetryPolicy::ALL { option value=(policy.as_str()) selected[policy.as_str() == retry] { (retries::policy(visit, policy)) } }
                    }
                }))
                (field("on_unknown", "If it is not known whether a message arrived", "إن لم يُعلم هل وصلت الرسالة").around(visit, |id, described| html! {
                    select id=(id) name="on_unknown" aria-describedby=[described] {
                        option value="retry" selected[unknown == "retry"] { (retries::unknown(visit, OnUnknown::Retry)) }
                        option value="hold" selected[unknown == "hold"] { (retries::unknown(visit, OnUnknown::Hold)) }
                    }
                }))
                (field("priority", "Order among those of its channel (lowest first)", "الترتيب بين تكاملات قناته (الأصغر أولًا)").around(visit, |id, described| html! {
                    input id=(id) type="number" name="priority" min="0" max="65535" value=(priority) dir="ltr" required aria-describedby=[described];
                }))
            }
            div.actions {
                button.button type="submit" name="do" value="test-and-save" { (visit.say("Test & save", "اختبار وحفظ")) }
                button.plain type="submit" name="do" value="save" { (visit.say("Save without a test", "حفظ دون اختبار")) }
                a.button.second href=(visit.link(&page)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

const fn on_unknown(choice: OnUnknown) -> &'static str {
    match choice {
        OnUnknown::Retry => "retry",
        OnUnknown::Hold => "hold",
    }
}

/// What is saved of the secrets, as far as it may be shown.
fn masks(visit: &Visit, integration: &IntegrationView, page: &str) -> Markup {
    html! {
        div.field {
            span.label { (visit.say("Secrets", "الأسرار")) }
            ul.plain-list {
                @for (name, mask) in &integration.secrets { li { code dir="ltr" { (name) ": " (mask) } } }
                @if integration.secrets.is_empty() { li.quiet { (visit.say("none", "لا شيء")) } }
            }
            p { a href={ (visit.link(page)) "/secrets" } { (visit.say("Replace secrets", "استبدال الأسرار")) } }
        }
    }
}

/// `GET /console/integrations/{id}/secrets`.
pub(crate) async fn secrets(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let (integration, entry) = both(&visit, &id).await?;
    let kept: SecretsView = visit.api.get(&format!("/v1/integrations/{id}/secrets")).await?;
    Ok(secrets_page(&visit, &integration, &entry, &kept, &Entered::default(), &html! {}))
}

/// `POST /console/integrations/{id}/secrets`: what is left empty stays as it is.
pub(crate) async fn rotate(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let (integration, entry) = both(&visit, &id).await?;
    let (route, page) = (format!("/v1/integrations/{id}/secrets"), format!("/integrations/{id}"));
    let body = json!({ "secrets": entry.secrets_of(&form) });
    let rotated: Result<IntegrationView, _> = visit.api.send(Method::PUT, &route, &body).await;
    let Err(problem) = rotated else {
        let words = visit.say("The new secrets work and are saved.", "الأسرار الجديدة تعمل وحُفظت.");
        return Ok(visit.go(&page, &Flash::good(words)));
    };
    let kept: SecretsView = visit.api.get(&route).await?;
    let entered = Entered { form: None, errors: &problem.errors, ..Entered::default() };
    let note = refusal(&visit, &problem, &entry.field_names());
    Ok(secrets_page(&visit, &integration, &entry, &kept, &entered, &note).with_status(problem.status).into_response())
}

fn secrets_page(
    visit: &Visit,
    integration: &IntegrationView,
    entry: &Entry,
    kept: &SecretsView,
    entered: &Entered<'_>,
    note: &Markup,
) -> Page {
    let title = visit.say("Replace secrets", "استبدال الأسرار");
    let page = visit.link(&format!("/integrations/{}", integration.id));
    let body = html! {
        nav.crumbs aria-label=(visit.say("Path", "المسار")) { a href=(page) { bdi { (integration.name) } } }
        h1 { (title) }
        p.quiet { (visit.say(
            "The new secrets are tested first; until they pass, the old ones serve. What you leave empty stays as it is.",
            "تُختبر الأسرار الجديدة أولًا، وتبقى القديمة عاملة حتى تنجح. ما تتركه فارغًا يبقى كما هو.",
        )) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (entry.secret_fields(visit, Some(&integration.secrets), entered))
            div.actions {
                button.button type="submit" { (visit.say("Test & replace", "اختبار واستبدال")) }
                a.button.second href=(page) { (visit.say("Cancel", "إلغاء")) }
            }
        }
        section aria-labelledby="versions" {
            h2 #versions { (visit.say("Versions", "الإصدارات")) }
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Version", "الإصدار")) }
                    th scope="col" { (visit.say("Changed", "ما تغيّر")) }
                    th scope="col" { (visit.say("Given", "أُدخل")) }
                    th scope="col" { (visit.say("By", "بواسطة")) }
                } }
                tbody {
                    @for version in &kept.versions {
                        tr {
                            th scope="row" { (visit.number(u64::from(version.version)))
                                @if version.serves { " " (parts::badge("good", visit.say("serves", "عامل"))) } }
                            td data-label=(visit.say("Changed", "ما تغيّر")) { code dir="ltr" { (version.changed.join(", ")) } }
                            td data-label=(visit.say("Given", "أُدخل")) { (visit.time(&version.created_at)) }
                            td data-label=(visit.say("By", "بواسطة")) { bdi { (version.by.as_deref().unwrap_or("–")) } }
                        }
                    }
                }
            }
        }
    };
    visit.page(title, &body)
}
