//! Automation rules, as far as it takes a store to judge them: what led to an event, and what an action would come to.
//! `rules` asks it as a question and `automate` does it, so both always agree.

use crate::{
    check::{Checked, Plan, check},
    expiring::Expiring,
};
use api::campaigns::RecipientBody;
use domain::{
    channel::Provider,
    ids::{EventId, IntegrationId, RequestId, RuleId, RunId, TenantId, UserId},
    integration::Integration,
    message::Message,
    preflight::{Check, CheckStatus, ready},
    principal::{Caller, Grant, Principal},
    rule::{Action, Call, Happened, Rule, Send, Test, Trail, named_runs},
    template::Rendered,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
    webhook::{DATA_MAX_BYTES, EventType, OutEvent},
};
use runtime::lazy::Lazy;
use std::{collections::BTreeMap, sync::Arc};
use store::{Rules, Store, StoreError};

/// For how long a function trusts the rules that it read, in milliseconds: a change is heeded after that at the latest.
pub const RULES_TRUST_MS: i64 = 30 * SECOND_MS;

/// The rules of tenants, as a warm function remembers them.
pub struct KnownRules<S> {
    store: Lazy<S>,
    known: Expiring<TenantId, Arc<Vec<Rule>>>,
}

impl<S: Rules> KnownRules<S> {
    /// Rules in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, known: Expiring::new(RULES_TRUST_MS) }
    }

    /// All rules of a tenant.
    pub async fn of(&self, scope: &TenantScope, now: Timestamp) -> Result<Arc<Vec<Rule>>, StoreError> {
        let load = async { Ok(Some(Arc::new(self.store.rules(scope).await?))) };
        Ok(self.known.get_or_load(scope.tenant().clone(), now, load).await?.unwrap_or_default())
    }
}

/// What led to an event. Only runs of the tenant's own rules that are found count; a rule that the event names outright
/// counts without.
pub async fn trail(
    store: &impl Rules,
    scope: &TenantScope,
    rules: &[Rule],
    event: &Happened,
) -> Result<Trail, StoreError> {
    let (runs, named) = named_runs(event);
    let mut trail = Trail::default();
    for id in runs {
        for rule in rules.iter().filter(|rule| id.is_of(&rule.id)) {
            if let Some(run) = store.run(scope, &rule.id, &id).await? {
                trail.add(&run);
            }
        }
    }
    if let Some(rule) = named {
        trail.add_rule(&rule);
    }
    Ok(trail)
}

/// Who a rule is when it acts: itself, with what its actions need. Whoever made it had as much.
#[must_use]
pub fn caller_of(scope: &TenantScope, rule: &Rule) -> Caller {
    let grants = rule.scopes().into_iter().filter_map(|it| Grant::try_from(it.as_str().to_owned()).ok()).collect();
    Caller { scope: scope.clone(), principal: Principal::Rule(rule.id.clone()), grants }
}

/// One action of a run.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    /// Who acts.
    pub caller: &'a Caller,
    /// The rule.
    pub rule: &'a RuleId,
    /// The run.
    pub run: &'a RunId,
    /// The action's place in the rule.
    pub place: usize,
    /// The event.
    pub event: &'a Happened,
}

impl Step<'_> {
    /// The request that this action makes, whoever makes it and however often.
    #[must_use]
    pub fn request(&self) -> RequestId {
        self.run.request(self.place)
    }
}

/// What an action comes to.
pub struct Prospect {
    /// The message, as its recipients would read it.
    pub said: Option<Rendered>,
    /// What was checked of the message's way.
    pub checks: Vec<Check>,
    /// What is to be done, or why it cannot be.
    pub ready: Result<Ready, Refusal>,
}

/// What is to be done.
pub enum Ready {
    /// These are to be made durable and queued.
    Send(Box<Checked>),
    /// This is to be made durable and queued for this endpoint.
    Call(Box<(Integration, OutEvent)>),
    /// This is to be tested.
    Test(Box<Integration>),
}

/// Why an action cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code: `template_invalid`, `not_ready`, `endpoint_missing`, `too_large`, `integration_missing`.
    pub code: &'static str,
    /// For people.
    pub detail: String,
}

fn refused(code: &'static str, detail: impl Into<String>) -> Prospect {
    Prospect { said: None, checks: Vec::new(), ready: Err(Refusal { code, detail: detail.into() }) }
}

fn prepared(ready: Ready) -> Prospect {
    Prospect { said: None, checks: Vec::new(), ready: Ok(ready) }
}

/// Looks at what an action would come to. Changes nothing.
pub async fn prospect(
    store: &impl Store,
    step: Step<'_>,
    action: &Action,
    now: Timestamp,
) -> Result<Prospect, StoreError> {
    match action {
        Action::Send(send) => message(store, step, send, now).await,
        Action::CallEndpoint(call) => handover(store, step, call).await,
        Action::Test(test) => integration(store, step, test).await,
    }
}

async fn message(store: &impl Store, step: Step<'_>, send: &Send, now: Timestamp) -> Result<Prospect, StoreError> {
    let said = match step.event.render(send) {
        Ok(said) => said,
        Err(error) => return Ok(refused("template_invalid", error.to_string())),
    };
    let message = Message::saying(&said);
    let recipients: Vec<RecipientBody> = send.to.iter().enumerate().filter_map(recipient).collect();
    let plan = Plan {
        channel: send.channel,
        integration_id: send.integration_id.as_ref(),
        recipients: &recipients,
        message: Some(&message),
        template: None,
        simulation: None,
        sandbox: false,
    };
    let checked = check(store, step.caller, plan, now).await?;
    let checks = checked.checks.clone();
    let failing = checks.iter().filter(|check| check.status == CheckStatus::Fail);
    let why: Vec<String> = failing.map(|check| format!("{}: {}", check.check, check.reason)).collect();
    let ready = if ready(&checks) && checked.integration.is_some() {
        Ok(Ready::Send(Box::new(checked)))
    } else {
        Err(Refusal { code: "not_ready", detail: why.join("; ") })
    };
    Ok(Prospect { said: Some(said), checks, ready })
}

/// A rule knows addresses and no users, so they are numbered.
fn recipient((number, address): (usize, &String)) -> Option<RecipientBody> {
    let user_id: UserId = format!("to-{}", number + 1).parse().ok()?;
    Some(RecipientBody { user_id, address: address.clone(), locale: None, variables: BTreeMap::new() })
}

async fn handover(store: &impl Store, step: Step<'_>, call: &Call) -> Result<Prospect, StoreError> {
    let Some(endpoint) = endpoint(store, &step.caller.scope, &call.endpoint_id).await? else {
        return Ok(refused("endpoint_missing", format!("there is no endpoint `{}`", call.endpoint_id)));
    };
    let own_type = || step.event.trigger.as_str().parse::<EventType>().ok();
    let Some(kind) = call.kind.clone().or_else(own_type) else {
        return Ok(refused("type_invalid", "the event's name is no type of event"));
    };
    let data = step.event.data(step.rule, step.run).to_string();
    if data.len() > DATA_MAX_BYTES {
        return Ok(refused("too_large", format!("the event has {} bytes; {DATA_MAX_BYTES} may be posted", data.len())));
    }
    let id = EventId::of(&step.request(), None);
    let event = OutEvent { id, kind, at: step.event.at, data, key: None };
    Ok(prepared(Ready::Call(Box::new((endpoint, event)))))
}

/// An endpoint of the tenant. What comes for one that is disabled is held for it.
pub async fn endpoint(
    store: &impl Store,
    scope: &TenantScope,
    id: &IntegrationId,
) -> Result<Option<Integration>, StoreError> {
    let found = store.integration(scope, id).await?;
    Ok(found.filter(|it| it.provider == Provider::Webhook && it.deleted_at.is_none()))
}

async fn integration(store: &impl Store, step: Step<'_>, test: &Test) -> Result<Prospect, StoreError> {
    let Some(id) = test.integration_id.clone().or_else(|| step.event.integration()) else {
        return Ok(refused("integration_missing", "the event names no integration; name one in the action"));
    };
    let found = store.integration(&step.caller.scope, &id).await?.filter(|it| it.deleted_at.is_none());
    Ok(found.map_or_else(
        || refused("integration_missing", format!("there is no integration `{id}`")),
        |found| prepared(Ready::Test(Box::new(found))),
    ))
}
