//! What is done with a hook by a button: enable, disable, delete.

use super::{page, route};
use crate::{
    api::Asked,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::hooks::{HookPatch, HookView};
use axum::{http::Method, response::Response};
use domain::ids::HookId;
use maud::html;
use runtime::http::{Answer, Path};

async fn switch(visit: &Visit, id: &HookId, enabled: bool, done: &str) -> Response {
    let wanted = HookPatch { enabled: Some(enabled), ..HookPatch::default() };
    let outcome: Asked<HookView> = visit.api.send(Method::PATCH, &route(id), &wanted).await;
    visit.went(&page(id), outcome, done)
}

/// `POST /console/hooks/{id}/enable`.
pub(super) async fn enable(Path(id): Path<HookId>, Posted { visit, .. }: Posted) -> Response {
    let done = visit.say("Enabled; it takes calls within 30 seconds.", "تم التفعيل؛ يستقبل الطلبات خلال 30 ثانية.");
    switch(&visit, &id, true, done).await
}

/// `POST /console/hooks/{id}/disable`.
pub(super) async fn disable(Path(id): Path<HookId>, Posted { visit, .. }: Posted) -> Response {
    let done = visit.say(
        "Disabled; within 30 seconds calls are refused, and counted below.",
        "تم التعطيل؛ تُرفض الطلبات خلال 30 ثانية، وتُعدّ أدناه.",
    );
    switch(&visit, &id, false, done).await
}

/// `GET /console/hooks/{id}/delete`: are you sure?
pub(super) async fn ask_delete(Path(id): Path<HookId>, visit: Visit) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let title = visit.say("Delete webhook", "حذف الويب هوك");
    let words = html! {
        p { (visit.say("This deletes", "سيُحذف")) " " strong { bdi { (hook.name) } } " (" (hook.scheme.title()) "). "
            (visit.say(
                "Calls to its address are answered with 404, its secrets are deleted, and what it received cannot be looked \
                 at any more. This cannot be undone.",
                "يُجاب عن الطلبات إلى عنوانه بالرمز 404، وتُحذف أسراره، ولا يمكن بعدها عرض ما استلمه. لا يمكن التراجع عن هذا.",
            )) }
        p { (visit.say("Remove it at the provider, too.", "احذفه لدى المزوّد أيضًا.")) }
    };
    let keeps = (page(&id), visit.say("Keep it", "إبقاؤه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Delete", "حذف"), (&keeps.0, keeps.1)))
}

/// `POST /console/hooks/{id}/delete`.
pub(super) async fn delete(Path(id): Path<HookId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::DELETE, &route(&id)).await;
    let target = if outcome.is_ok() { "/hooks".to_owned() } else { page(&id) };
    visit.went(&target, outcome, visit.say("Deleted.", "تم الحذف."))
}
