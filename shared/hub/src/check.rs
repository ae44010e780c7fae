//! Gathering what the preflight checks look at. `preflight` asks it as a question, `enqueue` as a condition, so both
//! always agree.

use crate::content::{self, Source};
use api::{
    campaigns::{RecipientBody, TemplateUse},
    problem::FieldProblem,
};
use domain::{
    bundle::Recipient,
    channel::Channel,
    ids::{CampaignId, IntegrationId},
    integration::{Integration, preferred},
    message::{Content, Message},
    preflight::{Check, Facts, run},
    principal::{Caller, Scope},
    simulation::Order,
    tenant::TenantScope,
    time::Timestamp,
};
use std::{collections::BTreeMap, sync::Arc};
use store::{Store, StoreError};

/// A campaign as a caller wants it to go.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// The channel.
    pub channel: Channel,
    /// The integration, if the caller named one.
    pub integration_id: Option<&'a IntegrationId>,
    /// The recipients.
    pub recipients: &'a [RecipientBody],
    /// The message, unless a template is given.
    pub message: Option<&'a Message>,
    /// The template, unless a message is given.
    pub template: Option<&'a TemplateUse>,
    /// The simulation, on a channel that runs them.
    pub simulation: Option<&'a Order>,
    /// Whether to send to the tenant's test recipients instead.
    pub sandbox: bool,
}

/// What came of checking a plan.
pub struct Checked {
    /// Every check.
    pub checks: Vec<Check>,
    /// For each recipient that cannot be reached on the channel: its number and why.
    pub bad_recipients: Vec<(usize, String)>,
    /// The integration that would send.
    pub integration: Option<Integration>,
    /// The content to be stored; `None` when the plan has none or its template does not exist.
    pub content: Option<Content>,
    /// The recipients, replaced by test recipients in sandbox mode.
    pub recipients: Vec<Recipient>,
}

/// What is wrong with a campaign that would be events, or be named like the deliveries of an endpoint or a rule. Nothing, mostly.
#[must_use]
pub fn refuse_events(channel: Channel, campaign: &CampaignId) -> Vec<FieldProblem> {
    let fault = |field: &str, message: &str| FieldProblem {
        field: field.to_owned(),
        code: "invalid".to_owned(),
        message: message.to_owned(),
    };
    let of_events = (channel == Channel::Webhook)
        .then(|| fault("channel", "endpoints get events, not campaigns; hand events over with `POST /v1/events`"));
    let of_endpoint = campaign
        .endpoint()
        .map(|_| fault("campaign_id", "is the name of an integration or endpoint; give the campaign one of its own"));
    let of_rule = campaign.rule().map(|_| {
        fault("campaign_id", "is where the messages of an automation rule stand; give the campaign another name")
    });
    of_events.into_iter().chain(of_endpoint).chain(of_rule).collect()
}

/// Checks a plan for `caller` at `now`. Every check runs, whatever the others say.
pub async fn check(store: &impl Store, caller: &Caller, plan: Plan<'_>, now: Timestamp) -> Result<Checked, StoreError> {
    let scope = &caller.scope;
    let integration = find_integration(store, scope, plan).await?;
    let sandbox =
        if plan.sandbox { store.settings(scope).await?.sandbox.of(plan.channel).to_vec() } else { Vec::new() };
    let recipients = recipients(plan, &sandbox);
    let bad_recipients = integration.as_ref().map(|it| bad_recipients(it, &recipients)).unwrap_or_default();
    let left_today = match &integration {
        Some(integration) => left_today(store, scope, integration, now).await?,
        None => None,
    };
    let (content, bad_messages) = content(store, scope, plan, &recipients).await?;
    let facts = Facts {
        integration: integration.as_ref(),
        caller_may_send: caller.may(Scope::CampaignsSend),
        bad_recipients: &bad_recipients,
        // A simulation is one, however many targets it has.
        recipients: if plan.channel.hands_over_whole() { recipients.len().min(1) } else { recipients.len() },
        left_today,
        sandbox: plan.sandbox,
        sandbox_recipients: sandbox.len(),
        bad_messages: &bad_messages,
    };
    let checks = run(&facts, now);
    Ok(Checked { checks, bad_recipients, integration, content, recipients })
}

/// The named integration if it belongs to the tenant and the channel; otherwise the preferred one, or, so that its
/// checks can say why not, a disabled one.
async fn find_integration(
    store: &impl Store,
    scope: &TenantScope,
    plan: Plan<'_>,
) -> Result<Option<Integration>, StoreError> {
    if let Some(id) = plan.integration_id {
        let found = store.integration(scope, id).await?;
        return Ok(found.filter(|it| it.deleted_at.is_none() && it.channel() == Some(plan.channel)));
    }
    let all = store.integrations(scope).await?;
    let any = || all.iter().find(|it| it.channel() == Some(plan.channel));
    Ok(preferred(&all, plan.channel).or_else(any).cloned())
}

/// The recipients as they will be stored; in sandbox mode the test recipients take their addresses in turn.
fn recipients(plan: Plan<'_>, sandbox: &[String]) -> Vec<Recipient> {
    let mut stand_ins = sandbox.iter().cycle();
    plan.recipients
        .iter()
        .map(|body| Recipient {
            user_id: body.user_id.clone(),
            address: stand_ins.next().unwrap_or(&body.address).trim().to_owned(),
            locale: body.locale,
            variables: body.variables.clone(),
        })
        .collect()
}

fn bad_recipients(integration: &Integration, recipients: &[Recipient]) -> Vec<(usize, String)> {
    let check = |address: &str| providers::check_address(integration.provider, &integration.config, address);
    recipients
        .iter()
        .enumerate()
        .filter_map(|(number, recipient)| check(&recipient.address).err().map(|why| (number, why)))
        .collect()
}

async fn left_today(
    store: &impl Store,
    scope: &TenantScope,
    integration: &Integration,
    now: Timestamp,
) -> Result<Option<u32>, StoreError> {
    let Some(per_day) = integration.limits.per_day else { return Ok(None) };
    let rate = store.rate(scope, &integration.id).await?;
    Ok(Some(per_day.saturating_sub(rate.at(now).day_used)))
}

/// The content to store, and for each recipient whose message cannot be made: its number and why.
async fn content(
    store: &impl Store,
    scope: &TenantScope,
    plan: Plan<'_>,
    recipients: &[Recipient],
) -> Result<(Option<Content>, Vec<(usize, String)>), StoreError> {
    if plan.channel.hands_over_whole() {
        return Ok((plan.simulation.cloned().map(Content::Simulation), Vec::new()));
    }
    let (content, source) = match (plan.message, plan.template) {
        (Some(message), _) => (Content::Message(message.clone()), Source::Message(message.clone())),
        (None, Some(wanted)) => {
            let template = content::template(store, scope, &wanted.id, None).await?;
            let Some(template) = template.filter(|template| template.channel == plan.channel) else {
                let why = format!("there is no template `{}` for this channel", wanted.id);
                return Ok((None, vec![(0, why)]));
            };
            let content = Content::Template {
                id: template.id.clone(),
                version: template.version,
                variables: wanted.variables.clone(),
            };
            (content, Source::Template { template: Arc::new(template), variables: wanted.variables.clone() })
        }
        (None, None) => return Ok((None, Vec::new())),
    };
    Ok((Some(content), bad_messages(plan.channel, &source, recipients)))
}

/// Renders each recipient's message once. Recipients with the same language and the same set of variables fail or pass
/// together, unless a value itself does harm, which escaping and limits rule out; so one of each kind is enough.
fn bad_messages(channel: Channel, source: &Source, recipients: &[Recipient]) -> Vec<(usize, String)> {
    let mut seen: BTreeMap<(Option<domain::template::Locale>, Vec<&str>), Option<String>> = BTreeMap::new();
    let mut bad = Vec::new();
    for (number, recipient) in recipients.iter().enumerate() {
        let kind = (recipient.locale, recipient.variables.keys().map(String::as_str).collect());
        let verdict =
            seen.entry(kind).or_insert_with(|| source.render(channel, recipient).err().map(|error| error.to_string()));
        if let Some(why) = verdict {
            bad.push((number, why.clone()));
        }
    }
    bad
}
