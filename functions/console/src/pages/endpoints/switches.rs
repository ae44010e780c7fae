//! Pausing, resuming and deleting an endpoint.

use super::{needs, page, route};
use crate::{
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use ::api::endpoints::EndpointView;
use axum::{http::Method, response::Response};
use domain::{ids::IntegrationId, principal::Scope};
use maud::html;
use runtime::http::{Answer, Path};

/// `POST /console/endpoints/{id}/pause`.
pub(crate) async fn pause(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &route(&id, "/pause")).await;
    let done = visit.say("Paused. Events are kept for it.", "أُوقف مؤقتًا. تُحفظ الأحداث له.");
    visit.went(&page(&id, ""), outcome, done)
}

/// `POST /console/endpoints/{id}/resume`.
pub(crate) async fn resume(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &route(&id, "/resume")).await;
    let done = visit.say("Resumed. What was kept is posted now.", "استُؤنف. يُرسل الآن ما حُفظ.");
    visit.went(&page(&id, ""), outcome, done)
}

/// `GET /console/endpoints/{id}/delete`.
pub(crate) async fn ask_delete(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    needs(&visit, Scope::EndpointsWrite)?;
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let title = visit.say("Delete the endpoint?", "حذف الويب هوك؟");
    let words = html! {
        p { strong { bdi { (endpoint.name) } } " " code.break dir="ltr" { (endpoint.url) } }
        p { (visit.say(
            "It gets nothing any more, and what waits for it is cancelled. This cannot be undone. To stop it for a while, pause it.",
            "لن يتلقى شيئًا بعد الآن، ويُلغى ما ينتظره. لا رجعة في ذلك. لإيقافه مدةً أوقفه مؤقتًا.",
        )) }
    };
    let back = page(&id, "");
    let keeps = (back.as_str(), visit.say("Keep it", "الإبقاء عليه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Delete endpoint", "حذف الويب هوك"), keeps))
}

/// `POST /console/endpoints/{id}/delete`.
pub(crate) async fn delete(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::DELETE, &route(&id, "")).await;
    visit.went(
        "/endpoints",
        outcome,
        visit.say("Deleted. What waited for it is cancelled.", "حُذف، وأُلغي ما كان ينتظره."),
    )
}
