//! `/console/preflight`: may this campaign go? A question to the API, answered as a checklist. Nothing is sent or stored, so
//! the answer stands on the page of the form, which keeps what was entered.

mod answer;
mod form;
#[cfg(test)]
mod tests;

use crate::{
    api::{Asked, Listed},
    form::Form,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    integrations::IntegrationView,
    preflight::PreflightAnswer,
    problem::{FieldProblem, Problem},
    settings::{SandboxBody, SettingsView},
    templates::TemplateView,
};
use axum::{
    Router,
    http::Method,
    response::{IntoResponse, Response},
    routing::get,
};
use domain::channel::{Channel, Kind};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/preflight", get(ask).post(check))
}

/// What can be chosen from. Whoever may not see a thing does without its list.
struct Choices {
    integrations: Vec<IntegrationView>,
    templates: Vec<TemplateView>,
    sandbox: Option<SandboxBody>,
}

async fn choices(visit: &Visit) -> Choices {
    let integrations: Option<Listed<IntegrationView>> = visit.api.look("/v1/integrations").await;
    let templates: Option<Listed<TemplateView>> = visit.api.look("/v1/templates").await;
    let settings: Option<SettingsView> = visit.api.look("/v1/settings").await;
    let sends = |kind: Kind| kind.channel().is_some_and(|channel| Channel::OF_CAMPAIGNS.contains(&channel));
    let integrations = integrations.map(|listed| listed.items).unwrap_or_default();
    Choices {
        integrations: integrations.into_iter().filter(|integration| sends(integration.kind)).collect(),
        templates: templates.map(|listed| listed.items).unwrap_or_default(),
        sandbox: settings.map(|settings| settings.sandbox),
    }
}

async fn ask(visit: Visit) -> Response {
    form::page(&visit, &choices(&visit).await, &Form::default(), None, None).into_response()
}

async fn check(Posted { visit, form }: Posted) -> Response {
    let choices = choices(&visit).await;
    let asked: Asked<PreflightAnswer> = match form::body(&form) {
        Ok(body) => visit.api.send(Method::POST, "/v1/preflight", &body).await,
        Err(faults) => Err(Box::new(Problem::invalid(faults))),
    };
    match asked {
        Ok(answer) => {
            let answer = answer::checklist(&visit, &answer, form.text("template.id"));
            form::page(&visit, &choices, &form, None, Some(&answer)).into_response()
        }
        Err(mut problem) => {
            problem.errors = problem.errors.into_iter().map(beside_its_field).collect();
            form::page(&visit, &choices, &form, Some(&problem), None).with_status(problem.status).into_response()
        }
    }
}

/// The form has one field for all recipients and one for all values, so what is wrong with one of them is told there.
fn beside_its_field(fault: FieldProblem) -> FieldProblem {
    for field in ["recipients", "template.variables"] {
        if fault.field.starts_with(field) && fault.field != field {
            let message = format!("{}: {}", fault.field, fault.message);
            return FieldProblem { field: field.to_owned(), message, ..fault };
        }
    }
    fault
}
