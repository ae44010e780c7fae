//! One event: which of its tenant's rules want it, and what each does about it.
//!
//! `EventBridge` tells of an event at least once, and Lambda invokes a function again that failed. So a run is written
//! before anything of it is done, under an id that grows out of rule and event: whoever finds it ended has nothing to do,
//! whoever finds it begun does it again, and everything that an action makes has an id that grows out of the run.
//!
//! | What it is | What becomes of it |
//! |---|---|
//! | an event that no rule wants | nothing |
//! | one that a rule led to itself, or the fourth in a row, or over the rule's limit | it is counted, and not run |
//! | one that a rule wants | a run; what cannot be done of it is kept with the run, and told there |
//! | our store, queue or key service is away | an error, so that Lambda tries again and then puts it into the dead-letter queue |

use crate::actions;
use domain::{
    event::SOURCE,
    ids::TenantId,
    rule::{Happened, Rule, Run, Trail, Trigger, Unrun, calls_its_cause},
    tenant::TenantScope,
    time::Clock,
};
use hub::{
    automation::{self, KnownRules, Step},
    connections::Connections,
    open_campaigns::OpenCampaigns,
};
use runtime::{lazy::Lazy, log::Log, queue::Queues, vault::Kms};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use store::{Begun, Store, StoreError};

/// An event as `EventBridge` hands it over ("Event structure reference" of its User Guide).
#[derive(Debug, Deserialize)]
pub(crate) struct BusEvent {
    source: String,
    #[serde(rename = "detail-type")]
    name: String,
    detail: Value,
}

/// What the function works with.
pub(crate) struct Automaton<S, K, Q> {
    pub(crate) store: Lazy<S>,
    pub(crate) rules: KnownRules<S>,
    pub(crate) campaigns: OpenCampaigns<S>,
    pub(crate) connections: Connections<S, K>,
    pub(crate) queues: Q,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
}

/// What an event set off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    /// Rules that ran now.
    pub(crate) ran: u32,
    /// Rules that had run for it before.
    pub(crate) before: u32,
    /// Rules that were kept from running.
    pub(crate) stopped: u32,
}

/// What became of one rule.
enum Became {
    Ran,
    Before,
    Stopped,
}

impl<S: Store, K: Kms, Q: Queues> Automaton<S, K, Q> {
    /// Takes one event in.
    pub(crate) async fn take(&self, event: BusEvent) -> Result<Answer, runtime::Error> {
        let mut answer = Answer::default();
        let Some((scope, event)) = read(event) else {
            // None of ours, which the rule on the bus does not let through: no second try makes it one.
            tracing::error!("an event that is none of ours, or names no tenant, was dropped");
            return Ok(answer);
        };
        self.log.tenant(scope.tenant());
        self.log.note("event", event.trigger.as_str());
        let all = self.rules.of(&scope, self.clock.now()).await?;
        let wanted: Vec<&Rule> = all.iter().filter(|rule| rule.enabled && rule.wants(&event)).collect();
        if wanted.is_empty() {
            return Ok(answer);
        }
        let trail = automation::trail(&*self.store, &scope, &all, &event).await?;
        let mut fault = None;
        for rule in wanted {
            // One rule's trouble is none of the others'.
            match self.run(&scope, rule, &event, &trail).await {
                Ok(Became::Ran) => answer.ran += 1,
                Ok(Became::Before) => answer.before += 1,
                Ok(Became::Stopped) => answer.stopped += 1,
                Err(error) => {
                    tracing::warn!(rule = %rule.id, %error, "a rule could not run to its end; it will be tried again");
                    fault.get_or_insert(error);
                }
            }
        }
        self.log.note("ran", answer.ran);
        self.log.note("stopped", answer.stopped);
        fault.map_or(Ok(answer), Err)
    }

    async fn run(
        &self,
        scope: &TenantScope,
        rule: &Rule,
        event: &Happened,
        trail: &Trail,
    ) -> Result<Became, runtime::Error> {
        let now = self.clock.now();
        let depth = match trail.admit(&rule.id) {
            Ok(depth) if !calls_its_cause(rule, event) => depth,
            _ => {
                self.store.count_unrun(scope, &rule.id, now, Unrun::Loop).await?;
                return Ok(Became::Stopped);
            }
        };
        let run = Run {
            id: event.run_of(scope.tenant(), &rule.id),
            rule: rule.id.clone(),
            rule_rev: rule.rev,
            event: event.trigger,
            event_id: event.id.clone(),
            event_at: event.at,
            started_at: now,
            finished_at: None,
            depth,
            caused_by: trail.rules(),
            results: Vec::new(),
        };
        let run = match self.store.begin_run(scope, &run, rule.max_per_hour).await? {
            Begun::Fresh => run,
            Begun::Before(before) if before.finished_at.is_some() => return Ok(Became::Before),
            Begun::Before(before) => *before,
            Begun::OverLimit => {
                self.store.count_unrun(scope, &rule.id, now, Unrun::OverLimit).await?;
                return Ok(Became::Stopped);
            }
        };
        self.carry_out(scope, rule, run, event).await?;
        Ok(Became::Ran)
    }

    /// Does what the rule says, or what was left of it, and writes how it ended.
    async fn carry_out(
        &self,
        scope: &TenantScope,
        rule: &Rule,
        run: Run,
        event: &Happened,
    ) -> Result<(), runtime::Error> {
        let caller = automation::caller_of(scope, rule);
        let mut results = Vec::new();
        for (place, action) in rule.actions.iter().enumerate() {
            // Of a run that another revision of the rule began, nobody knows what it did: its ids are the same, what they
            // stand for is not.
            let result = if run.rule_rev == rule.rev {
                let step = Step { caller: &caller, rule: &rule.id, run: &run.id, place, event };
                actions::carry_out(self, step, action).await?
            } else {
                actions::failed(action, "rule_changed", "the rule was changed while it ran")
            };
            results.push(result);
        }
        let ended = Run { finished_at: Some(self.clock.now()), results, ..run };
        match self.store.finish_run(scope, &ended).await {
            // The tenant is gone; so is the run.
            Err(StoreError::Erased) => Ok(()),
            finished => Ok(finished?),
        }
    }
}

/// The event, and whose it is.
fn read(event: BusEvent) -> Option<(TenantScope, Happened)> {
    if event.source != SOURCE {
        return None;
    }
    let trigger: Trigger = event.name.parse().ok()?;
    let tenant: TenantId = event.detail.get("tenant_id")?.as_str()?.parse().ok()?;
    Some((told(tenant), Happened::read(trigger, event.detail)?))
}

#[expect(clippy::disallowed_methods, reason = "only `publish` may put events on our own bus, so IAM vouches for it")]
fn told(tenant: TenantId) -> TenantScope {
    TenantScope::established(tenant)
}
