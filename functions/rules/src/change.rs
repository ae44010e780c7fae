//! Changing and deleting a rule. Whoever is second writes on top of the first.

use crate::{
    draft,
    rules::{Rules, entry, may_have_done},
};
use api::rules::{RuleCreate, RulePatch, RuleView};
use axum::{extract::State, http::StatusCode};
use domain::{ids::RuleId, principal::Scope, rule::Rule};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use std::sync::Arc;
use store::{Store, StoreError};

pub(crate) async fn change<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Path(id): Path<RuleId>,
    Json(patch): Json<RulePatch>,
) -> Answer<Json<RuleView>> {
    let caller = auth.require(Scope::RulesWrite)?;
    let mut again = true;
    loop {
        let stored = rules.find(&caller.scope, &id).await?;
        let now = rules.now();
        let next = if only_stops(&patch) {
            // A rule that cannot run any more as it stands must still be stopped.
            Rule { enabled: false, ..stored.clone() }
        } else {
            let wanted = merged(&stored, patch.clone());
            draft::rule(&*rules.store, &caller, id.clone(), wanted, now, "").await?
        };
        let changed = draft::differing(&stored, &next);
        if changed.is_empty() {
            return Ok(Json(RuleView::new(&stored, None)));
        }
        // Any change but these has the rule do what it did not do before.
        if changed.iter().any(|field| *field != "name" && (*field != "enabled" || next.enabled)) {
            may_have_done(&caller, &next)?;
        }
        let next = Rule {
            created_at: stored.created_at,
            updated_at: now,
            updated_by: caller.principal.clone(),
            rev: stored.rev + 1,
            ..next
        };
        let audit = entry(&caller, "rule.updated", &id, changed.join(", "), now);
        match rules.store.save_rule(&caller.scope, &next, &audit).await {
            Err(StoreError::Conflict) if again => again = false,
            saved => {
                saved?;
                return Ok(Json(RuleView::new(&next, None)));
            }
        }
    }
}

fn only_stops(patch: &RulePatch) -> bool {
    *patch == RulePatch { enabled: Some(false), ..RulePatch::default() }
}

fn merged(stored: &Rule, patch: RulePatch) -> RuleCreate {
    let RuleView { name, enabled, events, filter, actions, max_per_hour, .. } = RuleView::new(stored, None);
    RuleCreate {
        name: patch.name.unwrap_or(name),
        enabled: patch.enabled.unwrap_or(enabled),
        events: patch.events.unwrap_or(events),
        filter: patch.filter.unwrap_or(filter),
        actions: patch.actions.unwrap_or(actions),
        max_per_hour: patch.max_per_hour.unwrap_or(max_per_hour),
    }
}

pub(crate) async fn delete<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Path(id): Path<RuleId>,
) -> Answer<StatusCode> {
    let caller = auth.require(Scope::RulesWrite)?;
    let mut again = true;
    loop {
        let stored = rules.find(&caller.scope, &id).await?;
        let audit = entry(&caller, "rule.deleted", &id, stored.name.clone(), rules.now());
        match rules.store.delete_rule(&caller.scope, &stored, &audit).await {
            Err(StoreError::Conflict) if again => again = false,
            deleted => {
                deleted?;
                return Ok(StatusCode::NO_CONTENT);
            }
        }
    }
}
