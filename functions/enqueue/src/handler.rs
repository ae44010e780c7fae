//! Accepts deliveries: checks that the campaign may go, makes everything durable, queues it, answers 202.
//!
//! Durable first, queued second, never the other way round. Whatever fails after the deliveries are durable is made up
//! for by the sweeper, so the answer is 202 all the same.

use crate::accept::{self, Accepted};
use api::{
    campaigns::{RECIPIENTS_MAX, SendAccepted, SendRequest},
    preflight::CheckView,
    problem::{FieldProblem, Problem, ProblemKind},
};
use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION, request::Parts},
    response::{IntoResponse, Response},
    routing::post,
};
use domain::{
    audit::AuditEntry,
    bundle::WHOLE_BUNDLE_MAX_BYTES,
    campaign::CampaignState,
    ids::{CampaignId, IntegrationId, RequestId, TenantId},
    log::ApiCall,
    preflight::ready,
    principal::{Caller, Scope},
    simulation::Order,
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use hub::{
    check::{Checked, Plan, check, refuse_events},
    open_campaigns::OpenCampaigns,
};
use runtime::{
    caller::Auth,
    http::{self as gateway, Answer, Json, Path, Recorded},
    lazy::Lazy,
    queue::Queues,
};
use std::{collections::HashMap, sync::Arc};
use store::{Bundles, Store};

/// The header that makes a request safe to repeat.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// The longest `Idempotency-Key`, in characters.
const IDEMPOTENCY_KEY_MAX: usize = 255;

/// The most fields that one problem response names.
const FIELD_PROBLEMS_MAX: usize = 50;

/// What the handler works with.
pub(crate) struct Hub<S, Q, C> {
    pub(crate) store: Lazy<S>,
    pub(crate) campaigns: OpenCampaigns<S>,
    pub(crate) queues: Q,
    pub(crate) clock: C,
}

/// The routes of this function.
pub(crate) fn router<S, Q, C>(hub: Arc<Hub<S, Q, C>>) -> Router
where
    S: Store + 'static,
    Q: Queues + 'static,
    C: Clock + 'static,
{
    Router::new().route("/v1/campaigns/{id}/deliveries", post(send::<S, Q, C>)).with_state(hub)
}

async fn send<S: Store, Q: Queues, C: Clock>(
    State(hub): State<Arc<Hub<S, Q, C>>>,
    auth: Auth,
    Path(campaign): Path<CampaignId>,
    parts: Parts,
    Json(request): Json<SendRequest>,
) -> Answer<Response> {
    let caller = auth.require(Scope::CampaignsSend)?;
    let request_id = id_of(&parts.headers, caller.scope.tenant(), &campaign)?;
    let now = hub.clock.now();
    let has_key = parts.headers.contains_key(IDEMPOTENCY_KEY);
    let order = well_formed(&request, &campaign, has_key, now)?;
    let body_hash = accept::body_hash(&request);
    let checked = check(&*hub.store, &caller, plan(&request, order.as_ref()), now).await?;
    let (Some(integration), Some(content), true) = (&checked.integration, &checked.content, ready(&checked.checks))
    else {
        if accepted_before(&*hub.store, &caller.scope, &campaign, &request_id, &body_hash).await? {
            return Ok(answer(&campaign, &request_id, &request));
        }
        return Err(not_ready(checked).into());
    };
    let launch = launch(&caller, &campaign, &integration.id, &request, now);
    let state = hub.campaigns.ensure(&caller.scope, &campaign, &launch).await?;
    if state == CampaignState::Cancelled {
        return Err(Problem::new(
            ProblemKind::Conflict,
            "The campaign was cancelled. Send in a new campaign, under another id.",
        )
        .into());
    }
    let call = ApiCall {
        principal: caller.principal.clone(),
        route: "POST /v1/campaigns/{id}/deliveries".to_owned(),
        request_id: gateway::request_id(&parts.extensions).unwrap_or_default(),
        duration_ms: u32::try_from(hub.clock.now().since_ms(now)).unwrap_or_default(),
    };
    let accepted = Accepted {
        scope: &caller.scope,
        campaign: &campaign,
        id: request_id.clone(),
        body_hash,
        content: content.clone(),
        channel: request.channel,
        integration: &integration.id,
        recipients: checked.recipients,
        sandbox: request.sandbox,
        pinned: request.integration_id.is_some(),
        call,
    };
    let recorded = accepted.write_then_queue(&*hub.store, &hub.queues, now).await?;
    let mut answer = answer(&campaign, &request_id, &request);
    if recorded {
        answer.extensions_mut().insert(Recorded);
    }
    Ok(answer)
}

/// The request's identity: derived from the `Idempotency-Key` where there is one, fresh otherwise.
fn id_of(headers: &HeaderMap, tenant: &TenantId, campaign: &CampaignId) -> Answer<RequestId> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(RequestId::generate()) };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX {
        let message = format!("must be 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters");
        return Err(Problem::invalid_field(IDEMPOTENCY_KEY, "invalid", message).into());
    }
    Ok(RequestId::from_idempotency_key(tenant, campaign, key))
}

/// What can be told wrong without looking anything up. Every fault is named, not only the first.
fn well_formed(request: &SendRequest, campaign: &CampaignId, has_key: bool, now: Timestamp) -> Answer<Option<Order>> {
    let mut errors = refuse_events(request.channel, campaign);
    let mut order = None;
    if request.channel.hands_over_whole() {
        match simulation(request, campaign, now) {
            Ok(wanted) => order = Some(wanted),
            Err(faults) => errors.extend(faults),
        }
        // Of messages a caller may choose to risk a second one; a second simulation is a second attack on everybody.
        if !has_key {
            let message = "give each simulation a key of its own: without one, a repeat after a lost answer would run a \
                           second simulation";
            errors.push(FieldProblem {
                field: IDEMPOTENCY_KEY.into(),
                code: "required".into(),
                message: message.into(),
            });
        }
    } else if request.simulation.is_some() {
        let message = format!("the channel {} runs no simulations", request.channel);
        errors.push(FieldProblem { field: "simulation".into(), code: "conflict".into(), message });
    }
    let mut fault = |field: String, code: &str, message: String| {
        errors.push(FieldProblem { field, code: code.into(), message });
    };
    match (&request.message, &request.template) {
        _ if request.channel.hands_over_whole() => {}
        (None, None) => fault("message".into(), "required", "give either `message` or `template`".into()),
        (Some(_), Some(_)) => {
            fault("template".into(), "conflict", "give either `message` or `template`, not both".into());
        }
        _ => {}
    }
    let count = request.recipients.len();
    if count == 0 {
        fault("recipients".into(), "required", "give at least one recipient".into());
    } else if count > RECIPIENTS_MAX {
        let message = format!("{count} recipients are too many; send at most {RECIPIENTS_MAX} a request");
        fault("recipients".into(), "too_many", message);
    }
    let (mut users, mut addresses) = (HashMap::new(), HashMap::new());
    for (number, recipient) in request.recipients.iter().enumerate().take(RECIPIENTS_MAX) {
        if let Some(first) = users.insert(recipient.user_id.as_str(), number) {
            let message = format!("is the same user as recipients[{first}]; name each user once");
            fault(format!("recipients[{number}].user_id"), "duplicate", message);
        }
        if let Some(first) = addresses.insert(recipient.address.trim().to_lowercase(), number) {
            let message = format!("is the same address as recipients[{first}]; name each address once");
            fault(format!("recipients[{number}].address"), "duplicate", message);
        }
    }
    if errors.is_empty() {
        return Ok(order);
    }
    errors.truncate(FIELD_PROBLEMS_MAX);
    Err(Problem::invalid(errors).into())
}

/// What a request on a channel of simulations asks for. Nothing goes without its explicit confirmation.
fn simulation(request: &SendRequest, campaign: &CampaignId, now: Timestamp) -> Result<Order, Vec<FieldProblem>> {
    let mut errors = Vec::new();
    let mut fault = |field: String, code: &str, message: String| {
        errors.push(FieldProblem { field, code: code.into(), message });
    };
    for (field, given) in [("message", request.message.is_some()), ("template", request.template.is_some())] {
        if given {
            fault(field.into(), "conflict", "a simulation's payload says it all; leave this out".into());
        }
    }
    for (number, recipient) in request.recipients.iter().enumerate().take(RECIPIENTS_MAX) {
        if !recipient.variables.is_empty() {
            let message = "a simulation's payload knows no variables; leave them out";
            fault(format!("recipients[{number}].variables"), "conflict", message.into());
        }
    }
    let bytes: usize = request.recipients.iter().map(|it| it.user_id.as_str().len() + it.address.len()).sum();
    if bytes > WHOLE_BUNDLE_MAX_BYTES {
        let message = "their names and addresses are too long for one simulation; send two requests";
        fault("recipients".into(), "too_large", message.into());
    }
    let order = match &request.simulation {
        None => {
            let message = "say what to run, and confirm it: {\"confirm\": true}. To try it out without a simulation, use \
                           POST /v1/integrations/{id}/dry-run";
            fault("simulation".into(), "required", message.into());
            None
        }
        Some(body) => match body.order(campaign, now) {
            Ok(order) => Some(order),
            Err(faults) => {
                for (field, code, message) in faults {
                    fault(format!("simulation.{field}"), code, message);
                }
                None
            }
        },
    };
    order.filter(|_| errors.is_empty()).ok_or(errors)
}

const fn plan<'a>(request: &'a SendRequest, simulation: Option<&'a Order>) -> Plan<'a> {
    Plan {
        channel: request.channel,
        integration_id: request.integration_id.as_ref(),
        recipients: request.recipients.as_slice(),
        message: request.message.as_ref(),
        template: request.template.as_ref(),
        simulation,
        sandbox: request.sandbox,
    }
}

/// The campaign may not go now. But a repeat of a request that was accepted when it could is answered as it was then.
async fn accepted_before(
    store: &impl Bundles,
    scope: &TenantScope,
    campaign: &CampaignId,
    id: &RequestId,
    body_hash: &str,
) -> Answer<bool> {
    let Some(earlier) = store.request(scope, campaign, id).await? else { return Ok(false) };
    accept::same_body(&earlier, body_hash)?;
    // One that was not dispatched may lack bundles: it was never answered 202, so it is judged by today's checks.
    Ok(earlier.dispatched)
}

/// That a campaign begins, for the audit trail. Written only with the campaign itself, so by its first request that
/// passes every check.
fn launch(
    caller: &Caller,
    campaign: &CampaignId,
    integration: &IntegrationId,
    request: &SendRequest,
    now: Timestamp,
) -> AuditEntry {
    let sandbox = if request.sandbox { ", sandbox" } else { "" };
    let (channel, count) = (request.channel.as_str(), request.recipients.len());
    let recipients = if count == 1 { "recipient" } else { "recipients" };
    AuditEntry {
        principal: caller.principal.clone(),
        action: "campaign.launched",
        target: campaign.to_string(),
        detail: format!("{channel} through {integration}, {count} {recipients} in its first request{sandbox}"),
        at: now,
    }
}

/// What stands in the way: wrong addresses by field, everything else by check.
fn not_ready(checked: Checked) -> Problem {
    if !checked.bad_recipients.is_empty() {
        let errors = checked.bad_recipients.into_iter().take(FIELD_PROBLEMS_MAX).map(|(number, why)| FieldProblem {
            field: format!("recipients[{number}].address"),
            code: "address_invalid".into(),
            message: why,
        });
        return Problem::invalid(errors.collect());
    }
    let checks: Vec<CheckView> = checked.checks.into_iter().map(CheckView::from).collect();
    let detail = "The campaign may not go yet. `checks` says why and what to do; nothing was stored.";
    Problem::new(ProblemKind::NotReady, detail).with_checks(serde_json::json!(checks))
}

/// 202 with every delivery's id. It grows out of the request alone, so a repeat gets the very same answer.
fn answer(campaign: &CampaignId, id: &RequestId, request: &SendRequest) -> Response {
    let deliveries = accept::delivery_ids(id, request.channel, &request.recipients);
    let body = SendAccepted { campaign_id: campaign.clone(), accepted: deliveries.len(), deliveries };
    let location = format!("/v1/campaigns/{campaign}");
    (StatusCode::ACCEPTED, [(LOCATION, location)], Json(body)).into_response()
}
