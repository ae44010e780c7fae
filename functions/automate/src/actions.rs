//! What a rule does. Sending takes the way of a campaign, so that its checks, limits, suppressions and records hold.

use crate::automaton::Automaton;
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, Envelope, Payload},
    campaign::CampaignState,
    channel::Channel,
    ids::{CampaignId, IntegrationId},
    integration::Integration,
    message::Content,
    rule::{Action, ActionResult, Ended, Send},
    webhook::OutEvent,
};
use hub::{
    accept::{self, Accepted},
    automation::{Ready, Step, prospect},
    check::Checked,
};
use runtime::{queue::Queues, vault::Kms};
use store::{Request, Store};

/// Does one action. An error is trouble of our own, after which it may be done again.
pub(crate) async fn carry_out<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
    action: &Action,
) -> Result<ActionResult, runtime::Error> {
    let prospect = prospect(&*automaton.store, step, action, automaton.clock.now()).await?;
    match (action, prospect.ready) {
        (Action::Send(wanted), Err(_)) if accepted_before(automaton, step).await? => {
            let count = u16::try_from(wanted.to.len()).unwrap_or(u16::MAX);
            Ok(result(action, Ended::Done, "ok", String::new(), delivery_ids(&first_bundle(step, count), count)))
        }
        (_, Err(refusal)) => Ok(failed(action, refusal.code, &refusal.detail)),
        (Action::Send(wanted), Ok(Ready::Send(checked))) => send(automaton, step, action, wanted, *checked).await,
        (_, Ok(Ready::Call(call))) => {
            let (endpoint, event) = *call;
            hand_over(automaton, step, action, &endpoint, event).await
        }
        (_, Ok(Ready::Test(integration))) => test(automaton, step, action, &integration).await,
        (_, Ok(Ready::Send(_))) => Ok(failed(action, "not_ready", "there is no message")),
    }
}

/// Whether a first try of the run accepted the message, which may not go any more now. It goes all the same.
async fn accepted_before<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
) -> Result<bool, runtime::Error> {
    let campaign = CampaignId::of_rule(step.rule);
    let earlier = automaton.store.request(&step.caller.scope, &campaign, &step.request()).await?;
    // One that was not dispatched may lack its bundle; a single one is whole.
    Ok(earlier.is_some_and(|earlier| earlier.dispatched || earlier.bundles == 0))
}

fn first_bundle(step: Step<'_>, count: u16) -> BundleId {
    BundleId { request: step.request(), number: (count > 1).then_some(0), generation: 0 }
}

fn delivery_ids(bundle: &BundleId, count: u16) -> Vec<String> {
    (0..count).map(|member| bundle.delivery(member).to_string()).collect()
}

/// An action that cannot be done.
pub(crate) fn failed(action: &Action, code: &str, detail: &str) -> ActionResult {
    result(action, Ended::Failed, code, domain::failure::shorten(detail), Vec::new())
}

fn result(action: &Action, ended: Ended, code: &str, detail: String, made: Vec<String>) -> ActionResult {
    ActionResult { action: action.as_str().into(), ended, code: code.into(), detail, made }
}

async fn send<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
    action: &Action,
    wanted: &Send,
    checked: Checked,
) -> Result<ActionResult, runtime::Error> {
    let (Some(integration), Some(content)) = (checked.integration, checked.content) else {
        return Ok(failed(action, "not_ready", "there is no integration for it"));
    };
    let campaign = CampaignId::of_rule(step.rule);
    let launch = AuditEntry {
        principal: step.caller.principal.clone(),
        action: "campaign.launched",
        target: campaign.to_string(),
        detail: format!("{} through {}, by its first run", wanted.channel, integration.id),
        at: automaton.clock.now(),
    };
    if automaton.campaigns.ensure(&step.caller.scope, &campaign, &launch).await? == CampaignState::Cancelled {
        return Ok(failed(action, "campaign_cancelled", "the campaign of the rule's messages was cancelled"));
    }
    let count = u16::try_from(checked.recipients.len()).unwrap_or(u16::MAX);
    let payload = Payload { recipients: checked.recipients, ..Payload::default() };
    let pinned = wanted.integration_id.is_some();
    let way = Way { campaign, channel: wanted.channel, integration: &integration.id, pinned };
    accepted(automaton, step, action, way, content, count, payload).await
}

async fn hand_over<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
    action: &Action,
    endpoint: &Integration,
    event: OutEvent,
) -> Result<ActionResult, runtime::Error> {
    let way = Way {
        campaign: CampaignId::of_endpoint(&endpoint.id),
        channel: Channel::Webhook,
        integration: &endpoint.id,
        pinned: true,
    };
    let payload = Payload { events: vec![event], ..Payload::default() };
    accepted(automaton, step, action, way, Content::Events, 1, payload).await
}

/// Where deliveries go.
struct Way<'a> {
    campaign: CampaignId,
    channel: Channel,
    integration: &'a IntegrationId,
    pinned: bool,
}

/// Makes the deliveries of an action durable and queues them; a repeat completes what the first try left undone.
async fn accepted<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
    action: &Action,
    way: Way<'_>,
    content: Content,
    count: u16,
    payload: Payload,
) -> Result<ActionResult, runtime::Error> {
    let now = automaton.clock.now();
    let id = first_bundle(step, count);
    let made: Vec<String> = if way.channel == Channel::Webhook {
        payload.events.iter().map(|event| event.id.to_string()).collect()
    } else {
        delivery_ids(&id, count)
    };
    let request = Request {
        id: id.request.clone(),
        campaign: way.campaign.clone(),
        // The request's own id says all: the run names rule and event, and only one revision of the rule runs it.
        body_hash: step.run.to_string(),
        bundles: 0,
        dispatched: false,
        created_at: now,
        envelope: Envelope { content },
        call: None,
    };
    let first = Bundle::first(id, &way.campaign, way.channel, way.integration, count, now);
    let bundle = Bundle { pinned: way.pinned, ..first };
    let (store, queues) = (&*automaton.store, &automaton.queues);
    match accept::write_then_queue(store, queues, &step.caller.scope, request, vec![(bundle, payload)]).await? {
        Accepted::Stored | Accepted::Repeated => Ok(result(action, Ended::Done, "ok", String::new(), made)),
        Accepted::OtherBody => Ok(failed(action, "conflict", "something else has the name of this request")),
    }
}

async fn test<S: Store, K: Kms, Q: Queues>(
    automaton: &Automaton<S, K, Q>,
    step: Step<'_>,
    action: &Action,
    integration: &Integration,
) -> Result<ActionResult, runtime::Error> {
    let scope = &step.caller.scope;
    let mut report = automaton.connections.test(scope, integration).await.map_err(|failure| failure.detail)?;
    report.run = Some(step.run.clone());
    automaton.store.record_test(scope, integration, &report, &step.caller.principal).await?;
    let detail = format!("{}: {}", integration.id, report.detail);
    Ok(result(action, Ended::Done, &report.code, domain::failure::shorten(&detail), Vec::new()))
}
