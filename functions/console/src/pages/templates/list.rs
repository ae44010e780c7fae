//! `GET /console/templates`.

use super::locale_name;
use crate::{
    api::Listed,
    page::Page,
    parts::{self, badge},
    visit::Visit,
};
use ::api::templates::TemplateView;
use domain::principal::Scope;
use maud::{Markup, html};
use runtime::http::Answer;

pub(crate) async fn list(visit: Visit) -> Answer<Page> {
    let templates: Listed<TemplateView> = visit.api.get("/v1/templates").await?;
    let title = visit.say("Templates", "القوالب");
    let (own, ready): (Vec<_>, Vec<_>) = templates.items.iter().partition(|template| !template.ready_made);
    let new = visit.link("/templates/new");
    let create = visit.say("Create template", "إنشاء قالب");
    let may = visit.may(Scope::IntegrationsWrite);
    let body = html! {
        div.head {
            h1 { (title) }
            @if may { a.button href=(new) { (create) } }
        }
        @if own.is_empty() {
            (parts::empty(
                visit.say("No template of your own yet", "لا قوالب خاصة بكم بعد"),
                visit.say(
                    "Campaigns can use the ready-made ones below. Write your own, or begin with a copy of one of them.",
                    "يمكن للحملات استخدام القوالب الجاهزة أدناه. اكتب قالبك، أو ابدأ بنسخة من أحدها.",
                ),
                may.then_some((new.as_str(), create)),
            ))
        } @else {
            (table(&visit, &own))
        }
        section aria-labelledby="ready" {
            h2 #ready { (visit.say("Ready-made", "قوالب جاهزة")) }
            (table(&visit, &ready))
        }
    };
    Ok(visit.page(title, &body))
}

fn table(visit: &Visit, templates: &[&TemplateView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Template", "القالب")) }
                th scope="col" { (visit.say("Channel", "القناة")) }
                th scope="col" { (visit.say("Languages", "اللغات")) }
                th scope="col" { (visit.say("Version", "الإصدار")) }
            } }
            tbody { @for template in templates { tr {
                th scope="row" {
                    a href=(visit.link(&format!("/templates/{}", template.id))) { bdi { (template.name) } }
                    small.quiet { code dir="ltr" { (template.id) } }
                }
                td data-label=(visit.say("Channel", "القناة")) { (parts::channel_name(visit, template.channel)) }
                td data-label=(visit.say("Languages", "اللغات")) {
                    ul.tags { @for locale in template.texts.keys() { li { (locale_name(visit, *locale)) } } }
                }
                td data-label=(visit.say("Version", "الإصدار")) { (version(visit, template)) }
            } } }
        }
    }
}

fn version(visit: &Visit, template: &TemplateView) -> Markup {
    if template.ready_made {
        return badge("off", visit.say("Ready-made", "جاهز"));
    }
    html! { span { (visit.number(u64::from(template.version))) small.quiet { (visit.time(&template.created_at)) } } }
}
