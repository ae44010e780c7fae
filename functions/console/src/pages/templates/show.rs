//! `GET /console/templates/{id}`: what it is, and how it looks in both languages.

use super::{LOCALES, direction, locale_name, preview};
use crate::{
    page::Page,
    parts::{self, badge, facts},
    visit::Visit,
};
use ::api::templates::TemplateView;
use axum::{extract::Query, response::Response};
use domain::{
    ids::TemplateId,
    principal::Scope,
    template::{Locale, TemplateText},
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use std::collections::BTreeMap;

pub(crate) async fn show(
    Path(id): Path<TemplateId>,
    visit: Visit,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Answer<Response> {
    let template: TemplateView = visit.api.get(&format!("/v1/templates/{id}")).await?;
    let values = preview::entered(asked.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let values = preview::with_samples(values, &template.variables);
    let preview = preview::preview(&visit, template.channel, &template.texts, values).await?;
    let (both, styles) = preview::both(&visit, &preview);
    let link = visit.link(&format!("/templates/{id}"));
    let body = html! {
        (parts::crumbs(&visit, "/templates", visit.say("Templates", "القوالب")))
        div.head {
            h1 { bdi { (template.name) } }
            @if template.ready_made { (badge("off", visit.say("Ready-made", "جاهز"))) }
            @if visit.may(Scope::IntegrationsWrite) {
                a.button.second href=(visit.link(&crate::query::address("/templates/new", &[("from", id.as_str())]))) {
                    (visit.say("Copy", "نسخ"))
                }
                @if !template.ready_made {
                    a.button.second href={ (link) "/delete" } { (visit.say("Delete", "حذف")) }
                    a.button href={ (link) "/edit" } { (visit.say("Edit", "تعديل")) }
                }
            }
        }
        (about(&visit, &template))
        section aria-labelledby="preview" {
            h2 #preview { (visit.say("Preview", "معاينة")) }
            @if !preview.values.is_empty() {
                details open[!asked.is_empty()] {
                    summary { (visit.say("Values that it is shown with", "القيم التي يُعرض بها")) }
                    form.card.form method="get" action=(link) {
                        (preview::values(&visit, &preview))
                        button.small type="submit" { (visit.say("Preview with these", "معاينة بهذه القيم")) }
                    }
                }
            }
            (both)
        }
        section aria-labelledby="source" {
            h2 #source { (visit.say("As it is written", "كما كُتب")) }
            div.languages { @for locale in LOCALES { @if let Some(text) = template.texts.get(&locale) {
                article.card {
                    h3 { (locale_name(&visit, locale)) }
                    (source(&visit, text, locale))
                }
            } } }
        }
    };
    let page: Page = visit.page(&template.name, &body);
    Ok(preview::styled(page, styles))
}

fn about(visit: &Visit, template: &TemplateView) -> Markup {
    let mut rows = vec![
        (visit.say("Id", "المعرّف"), html! { code dir="ltr" { (template.id) } }),
        (visit.say("Channel", "القناة"), html! { (parts::channel_name(visit, template.channel)) }),
        (
            visit.say("Variables", "المتغيرات"),
            html! {
                @if template.variables.is_empty() { (visit.say("none", "لا شيء")) }
                ul.tags { @for name in &template.variables { li { code dir="ltr" { (name) } } } }
            },
        ),
        (
            visit.say("For whoever has no language", "لمن لا لغة له"),
            html! { (locale_name(visit, template.default_locale)) },
        ),
    ];
    if !template.ready_made {
        let version = html! { (visit.number(u64::from(template.version))) " · " (visit.time(&template.created_at)) };
        rows.push((visit.say("Version", "الإصدار"), version));
    }
    facts(&rows)
}

fn source(visit: &Visit, text: &TemplateText, locale: Locale) -> Markup {
    let (language, dir) = (locale_name(visit, locale), direction(locale));
    let parts = [
        (visit.say("Subject", "الموضوع"), text.subject.as_deref(), dir),
        (visit.say("Text", "النص"), Some(text.text.as_str()), dir),
        ("HTML", text.html.as_deref(), "ltr"),
        (visit.say("Link", "الرابط"), text.link.as_deref(), "ltr"),
    ];
    html! {
        @for (name, source, dir) in parts { @if let Some(source) = source {
            p.label { (name) }
            pre tabindex="0" role="region" aria-label=(format!("{language}: {name}")) dir=(dir) { code { (source) } }
        } }
    }
}
