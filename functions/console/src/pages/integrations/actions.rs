//! What is done with an integration by a button: test, enable, disable, probe anew, delete.

use crate::{
    flash::Flash,
    origin,
    page::{Page, redirect},
    pages::dashboard,
    parts::{self, provider_name},
    visit::{Posted, Visit},
};
use api::integrations::{IntegrationView, ProbePut, TestView};
use axum::{
    http::{HeaderMap, Method},
    response::{IntoResponse, Response},
};
use domain::{health::HealthStatus, ids::IntegrationId};
use maud::html;
use runtime::http::{Answer, Path};
use serde_json::Value;

fn route(id: &IntegrationId, action: &str) -> String {
    format!("/v1/integrations/{id}{action}")
}

fn page(id: &IntegrationId) -> String {
    format!("/integrations/{id}")
}

/// `POST /console/integrations/{id}/test`. The script asks for the row of the table instead of a page.
pub(crate) async fn test(
    Path(id): Path<IntegrationId>,
    headers: HeaderMap,
    Posted { visit, form }: Posted,
) -> Answer<Response> {
    let tested: Result<TestView, _> = visit.api.post(&route(&id, "/test")).await;
    if headers.get("x-part").is_some() {
        tested?;
        let integration: IntegrationView = visit.api.get(&route(&id, "")).await?;
        let stats = dashboard::day(&visit).await;
        return Ok(Page::part(dashboard::row(&visit, &integration, stats.as_ref())).into_response());
    }
    let flash = match tested {
        Err(problem) => Flash::bad(crate::page::title_of(&visit, problem.code), problem.detail),
        Ok(test) => match test.status {
            HealthStatus::Ok => Flash::good(format!(
                "{} ({})",
                visit.say("The test passed.", "نجح الاختبار."),
                visit.ms(test.latency_ms)
            )),
            HealthStatus::Warn => Flash::warn(visit.say(&test.reason, &test.reason_ar), ""),
            HealthStatus::Fail => Flash::bad(visit.say(&test.reason, &test.reason_ar), test.detail.clone()),
        },
    };
    Ok(match origin::local(form.text("back")) {
        Some(back) => redirect(&format!("{}{back}", visit.base), Some(&flash)),
        None => visit.go(&page(&id), &flash),
    })
}

/// `POST /console/integrations/{id}/enable`.
pub(crate) async fn enable(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &route(&id, "/enable")).await;
    let done = visit.say("Enabled. What was held goes on.", "تم التفعيل. يُستأنف ما كان معلّقًا.");
    visit.went(&page(&id), outcome, done)
}

/// `POST /console/integrations/{id}/disable`.
pub(crate) async fn disable(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &route(&id, "/disable")).await;
    let done = visit.say("Disabled. What is queued on it is held.", "تم التعطيل. يُعلَّق ما في طابوره.");
    visit.went(&page(&id), outcome, done)
}

/// `POST /console/integrations/{id}/probe`.
pub(crate) async fn probe(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Response {
    let interval_minutes = form.text("interval_minutes").parse().unwrap_or(0);
    let body = ProbePut { interval_minutes };
    let outcome: Result<Value, _> = visit.api.send(Method::PUT, &route(&id, "/probe"), &body).await;
    visit.went(&page(&id), outcome, visit.say("The frequency of tests is saved.", "حُفظ تواتر الاختبارات."))
}

/// `GET /console/integrations/{id}/delete`: are you sure?
pub(crate) async fn ask_delete(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let integration: IntegrationView = visit.api.get(&route(&id, "")).await?;
    let title = visit.say("Delete integration", "حذف التكامل");
    let words = html! {
        p { (visit.say("This deletes", "سيُحذف")) " " strong { bdi { (integration.name) } } " ("
            (provider_name(integration.provider)) "). "
            (visit.say(
                "What is queued on it is cancelled, and its secrets are not used again. This cannot be undone.",
                "يُلغى ما في طابوره، ولا تُستخدم أسراره بعد ذلك. لا يمكن التراجع عن هذا.",
            )) }
    };
    let keeps = (page(&id), visit.say("Keep it", "إبقاؤه"));
    Ok(parts::ask(&visit, title, &words, visit.say("Delete", "حذف"), (&keeps.0, keeps.1)))
}

/// `POST /console/integrations/{id}/delete`.
pub(crate) async fn delete(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::DELETE, &route(&id, "")).await;
    let target = if outcome.is_ok() { "/integrations".to_owned() } else { page(&id) };
    visit.went(&target, outcome, visit.say("Deleted.", "تم الحذف."))
}
