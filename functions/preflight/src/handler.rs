//! Answers one question: is this campaign allowed to go? Every failing reason is told, and nothing is changed.

use api::{
    campaigns::{RECIPIENTS_MAX, SimulationBody},
    preflight::{CheckView, PreflightAnswer, PreflightRequest},
    problem::{FieldProblem, Problem},
};
use axum::{Router, extract::State, routing::post};
use domain::{preflight::ready, principal::Scope, time::Clock};
use hub::{
    check::{Plan, check, refuse_events},
    suppressed,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json},
    lazy::Lazy,
};
use std::sync::Arc;
use store::Store;

/// What the handler works with.
pub struct Hub<S, C> {
    /// The store.
    pub store: Lazy<S>,
    /// What time it is.
    pub clock: C,
}

/// The routes of this function.
pub fn router<S: Store + 'static, C: Clock + 'static>(hub: Arc<Hub<S, C>>) -> Router {
    Router::new().route("/v1/preflight", post(preflight::<S, C>)).with_state(hub)
}

async fn preflight<S: Store, C: Clock>(
    State(hub): State<Arc<Hub<S, C>>>,
    auth: Auth,
    Json(request): Json<PreflightRequest>,
) -> Answer<Json<PreflightAnswer>> {
    let caller = auth.require(Scope::CampaignsPreflight)?;
    if request.recipients.len() > RECIPIENTS_MAX {
        let message = format!("give a sample of at most {RECIPIENTS_MAX} recipients");
        return Err(Problem::invalid_field("recipients", "too_many", message).into());
    }
    let refused = refuse_events(request.channel, &request.campaign_id);
    if !refused.is_empty() {
        return Err(Problem::invalid(refused).into());
    }
    let now = hub.clock.now();
    let order = request.simulation.as_ref().map(|body| {
        // A question schedules nothing, so it needs no confirmation.
        SimulationBody { confirm: true, ..body.clone() }.order(&request.campaign_id, now)
    });
    let order = order.transpose().map_err(|faults| {
        let field = |name: &str| format!("simulation.{name}");
        let problem = |(name, code, message): (&str, &str, String)| FieldProblem {
            field: field(name),
            code: code.into(),
            message,
        };
        Problem::invalid(faults.into_iter().map(problem).collect())
    })?;
    let plan = Plan {
        channel: request.channel,
        integration_id: request.integration_id.as_ref(),
        recipients: &request.recipients,
        message: request.message.as_ref(),
        template: request.template.as_ref(),
        simulation: order.as_ref(),
        sandbox: request.sandbox,
    };
    let mut checked = check(&*hub.store, &caller, plan, now).await?;
    let skipped = suppressed::check(&*hub.store, &caller.scope, request.channel, &checked.recipients).await?;
    checked.checks.push(skipped);
    Ok(Json(PreflightAnswer {
        ready: ready(&checked.checks),
        integration_id: checked.integration.map(|integration| integration.id),
        checks: checked.checks.into_iter().map(CheckView::from).collect(),
    }))
}
