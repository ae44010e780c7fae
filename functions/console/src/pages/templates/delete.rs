//! `/console/templates/{id}/delete`: asked first.

use crate::{
    flash::Flash,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use ::api::templates::TemplateView;
use axum::{http::Method, response::Response};
use domain::ids::TemplateId;
use maud::html;
use runtime::http::{Answer, Path};

pub(crate) async fn ask(Path(id): Path<TemplateId>, visit: Visit) -> Answer<Page> {
    let template: TemplateView = visit.api.get(&format!("/v1/templates/{id}")).await?;
    let title = visit.say("Delete this template?", "حذف هذا القالب؟");
    let words = html! {
        p { strong { bdi { (template.name) } } " " code dir="ltr" { (id) } }
        p { (visit.say(
            "Campaigns that name it are refused from then on. What was accepted already is sent as it was written.",
            "تُرفض بعد ذلك الحملات التي تذكره. أما ما قُبل من قبل فيُرسل كما كُتب.",
        )) }
    };
    let keep = format!("/templates/{id}");
    Ok(parts::ask(&visit, title, &words, visit.say("Delete", "حذف"), (&keep, visit.say("Keep it", "إبقاء"))))
}

pub(crate) async fn delete(Path(id): Path<TemplateId>, Posted { visit, .. }: Posted) -> Response {
    let path = format!("/templates/{id}");
    match visit.api.act(Method::DELETE, &format!("/v1/templates/{id}")).await {
        Ok(()) => visit.go("/templates", &Flash::good(visit.say("The template is deleted.", "حُذف القالب."))),
        refused => visit.went(&path, refused, ""),
    }
}
