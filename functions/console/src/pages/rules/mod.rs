//! Rules: what is done by itself when something happens. The list, one with its runs, its form, a try on an example.

mod draft;
mod form;
mod list;
mod outcome;
mod show;
mod triggers;
mod try_out;
mod words;

#[cfg(test)]
mod tests;

use crate::{
    api::Listed,
    flash::Flash,
    parts,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{endpoints::EndpointView, integrations::IntegrationView, rules::RuleView};
use axum::{
    Router,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{ids::RuleId, principal::Scope};
use http::Method;
use maud::html;
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde_json::{Value, json};

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/rules", get(list::list))
        .route("/console/rules/new", get(form::create).post(form::created))
        .route("/console/rules/{id}", get(show::show))
        .route("/console/rules/{id}/edit", get(form::edit).post(form::edited))
        .route("/console/rules/{id}/try", get(try_out::ask).post(try_out::tried))
        .route("/console/rules/{id}/enable", post(enable))
        .route("/console/rules/{id}/disable", post(disable))
        .route("/console/rules/{id}/delete", get(ask_delete).post(delete))
}

/// What a rule's actions may name: the tenant's integrations and endpoints, as far as the person may see them.
#[derive(Default)]
pub(super) struct Known {
    integrations: Vec<IntegrationView>,
    endpoints: Vec<EndpointView>,
}

impl Known {
    async fn of(visit: &Visit) -> Self {
        let integrations: Option<Listed<IntegrationView>> = visit.api.look("/v1/integrations").await;
        let endpoints: Option<Listed<EndpointView>> =
            if visit.may(Scope::EndpointsRead) { visit.api.look("/v1/endpoints").await } else { None };
        Self {
            integrations: integrations.map(|listed| listed.items).unwrap_or_default(),
            endpoints: endpoints.map(|listed| listed.items).unwrap_or_default(),
        }
    }

    /// By what name people know an integration or endpoint, and where it is in the console.
    fn named(&self, id: &str) -> (String, String) {
        if let Some(endpoint) = self.endpoints.iter().find(|it| it.id.to_string() == id) {
            return (endpoint.name.clone(), format!("/endpoints/{id}"));
        }
        let found = self.integrations.iter().find(|it| it.id.to_string() == id);
        (found.map_or_else(|| id.to_owned(), |it| it.name.clone()), format!("/integrations/{id}"))
    }
}

async fn switch(visit: &Visit, id: &RuleId, enabled: bool) -> Response {
    let changed =
        visit.api.send::<Value>(Method::PATCH, &format!("/v1/rules/{id}"), &json!({"enabled": enabled})).await;
    let done = if enabled {
        visit.say("Enabled; it runs within half a minute.", "فُعّلت؛ تعمل خلال نصف دقيقة.")
    } else {
        visit.say("Disabled; it stops within half a minute.", "عُطّلت؛ تتوقف خلال نصف دقيقة.")
    };
    visit.went(&format!("/rules/{id}"), changed, done)
}

/// `POST /console/rules/{id}/enable`.
async fn enable(Path(id): Path<RuleId>, Posted { visit, .. }: Posted) -> Response {
    switch(&visit, &id, true).await
}

/// `POST /console/rules/{id}/disable`.
async fn disable(Path(id): Path<RuleId>, Posted { visit, .. }: Posted) -> Response {
    switch(&visit, &id, false).await
}

/// `GET /console/rules/{id}/delete`.
async fn ask_delete(Path(id): Path<RuleId>, visit: Visit) -> Answer<Response> {
    let rule: RuleView = visit.api.get(&format!("/v1/rules/{id}")).await?;
    let words = html! {
        p { (visit.say("It will do nothing any more. What it has queued already is still sent.",
            "لن تفعل شيئًا بعد ذلك. ما وضعته في الطابور من قبل يُرسل.")) }
        p { (visit.say("Disable it instead to keep it for later.", "عطّلها بدلًا من ذلك لتبقى لوقت لاحق.")) }
    };
    let title = format!("{} {}?", visit.say("Delete", "حذف"), rule.name);
    let keeps = (format!("/rules/{id}"), visit.say("Keep it", "إبقاؤها"));
    let page = parts::ask(&visit, &title, &words, visit.say("Delete rule", "حذف القاعدة"), (&keeps.0, keeps.1));
    Ok(page.into_response())
}

/// `POST /console/rules/{id}/delete`.
async fn delete(Path(id): Path<RuleId>, Posted { visit, .. }: Posted) -> Response {
    match visit.api.act(Method::DELETE, &format!("/v1/rules/{id}")).await {
        Ok(()) => {
            let words = visit.say("Deleted; it stops within half a minute.", "حُذفت؛ تتوقف خلال نصف دقيقة.");
            visit.go("/rules", &Flash::good(words))
        }
        refused => visit.went(&format!("/rules/{id}"), refused, ""),
    }
}
