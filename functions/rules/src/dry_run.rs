//! Trying a rule on an event: whether it would run, and what would come of it. Nothing is done, and nothing is kept.

use crate::{
    draft,
    rules::{Rules, may_have_done},
};
use api::{
    preflight::CheckView,
    problem::Problem,
    rules::{Against, EventBody, ProspectView, RuleDryRun, RuleDryRunAnswer, RuleTry},
};
use axum::extract::State;
use domain::{
    ids::RuleId,
    principal::{Caller, Scope},
    rule::{Action, Happened, Rule, calls_its_cause},
};
use hub::{
    automation::{self, Prospect, Ready, Step},
    suppressed,
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn saved<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Path(id): Path<RuleId>,
    Json(wanted): Json<RuleDryRun>,
) -> Answer<Json<RuleDryRunAnswer>> {
    let caller = auth.require(Scope::RulesWrite)?;
    let rule = rules.find(&caller.scope, &id).await?;
    answer(&rules, &automation::caller_of(&caller.scope, &rule), &rule, wanted.event).await
}

pub(crate) async fn unsaved<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Json(wanted): Json<RuleTry>,
) -> Answer<Json<RuleDryRunAnswer>> {
    let caller = auth.require(Scope::RulesWrite)?;
    let rule = draft::rule(&*rules.store, &caller, RuleId::generate(), wanted.rule, rules.now(), "rule.").await?;
    may_have_done(&caller, &rule)?;
    answer(&rules, &automation::caller_of(&caller.scope, &rule), &rule, wanted.event).await
}

async fn answer<S: Store>(
    rules: &Rules<S>,
    caller: &Caller,
    rule: &Rule,
    event: EventBody,
) -> Answer<Json<RuleDryRunAnswer>> {
    let now = rules.now();
    let Some(event) = Happened::read(event.name, draft::completed(event.detail, now)) else {
        let message = "`event_id` must be a text and `occurred_at` a time such as 2026-12-01T08:00:00Z, or left out";
        return Err(Problem::invalid_field("event.detail", "invalid", message).into());
    };
    let against = against(rules, caller, rule, &event).await?;
    let run = event.run_of(caller.scope.tenant(), &rule.id);
    let mut actions = Vec::new();
    for (place, action) in rule.actions.iter().enumerate() {
        let step = Step { caller, rule: &rule.id, run: &run, place, event: &event };
        let mut prospect = automation::prospect(&*rules.store, step, action, now).await?;
        if let (Action::Send(send), Ok(Ready::Send(checked))) = (action, &prospect.ready) {
            let skipped = suppressed::check(&*rules.store, &caller.scope, send.channel, &checked.recipients).await?;
            prospect.checks.push(skipped);
        }
        actions.push(view(action, prospect));
    }
    Ok(Json(RuleDryRunAnswer { would_run: against.is_empty(), against, actions }))
}

/// Everything that keeps the rule from running, not only the first.
async fn against<S: Store>(rules: &Rules<S>, caller: &Caller, rule: &Rule, event: &Happened) -> Answer<Vec<Against>> {
    let mut against = Vec::new();
    let mut add = |code: &str, reason: String| against.push(Against { code: code.into(), reason });
    if !rule.enabled {
        add("disabled", "the rule is disabled".into());
    }
    if !rule.events.contains(&event.trigger) {
        add("other_event", format!("the rule does not wait for `{}`", event.trigger));
    }
    if rule.filter.as_ref().is_some_and(|filter| !filter.admits(&event.detail)) {
        add("filter", "the filter does not let the event in".into());
    }
    let all = rules.store.rules(&caller.scope).await?;
    let trail = automation::trail(&*rules.store, &caller.scope, &all, event).await?;
    if let Err(stopped) = trail.admit(&rule.id) {
        add("loop", stopped.reason().into());
    } else if calls_its_cause(rule, event) {
        add("loop", "the rule calls the very endpoint that the event tells of".into());
    }
    let hour = rules.store.rule_hour(&caller.scope, &rule.id, rules.now()).await?;
    if hour.runs >= rule.max_per_hour {
        add("over_limit", format!("the rule ran {} times in this hour, as often as it may", hour.runs));
    }
    Ok(against)
}

fn view(action: &Action, prospect: Prospect) -> ProspectView {
    let Prospect { said, checks, ready } = prospect;
    let (code, detail, data) = match &ready {
        Err(refusal) => (refusal.code, refusal.detail.clone(), None),
        Ok(Ready::Send(_)) => ("ok", String::new(), None),
        Ok(Ready::Call(call)) => {
            let held = if call.0.enabled { "" } else { "the endpoint is disabled: the event would be held for it" };
            // It was just written as JSON.
            ("ok", held.to_owned(), serde_json::from_str(&call.1.data).ok())
        }
        Ok(Ready::Test(integration)) => ("ok", format!("`{}` would be tested", integration.id), None),
    };
    ProspectView {
        action: action.as_str().into(),
        ready: ready.is_ok(),
        code: code.into(),
        detail,
        message: said.map(Into::into),
        checks: checks.into_iter().map(CheckView::from).collect(),
        data,
    }
}
