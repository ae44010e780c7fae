//! What the handlers work with, and the routes.

use crate::{change, create, dry_run, runs};
use api::{
    page::List,
    problem::{Problem, ProblemKind},
    rules::RuleView,
};
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{
    audit::AuditEntry,
    ids::RuleId,
    principal::{Caller, Scope},
    rule::Rule,
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    lazy::Lazy,
};
use std::sync::Arc;
use store::Store;

/// What the handlers work with.
pub struct Rules<S> {
    /// Rules, their runs, and what they act on.
    pub store: Lazy<S>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<S: Store + 'static>(rules: Rules<S>) -> Router {
    Router::new()
        .route("/v1/rules", get(list::<S>).post(create::create::<S>))
        .route("/v1/rules/dry-run", post(dry_run::unsaved::<S>))
        .route("/v1/rules/{id}", get(read::<S>).patch(change::change::<S>).delete(change::delete::<S>))
        .route("/v1/rules/{id}/runs", get(runs::list::<S>))
        .route("/v1/rules/{id}/dry-run", post(dry_run::saved::<S>))
        .with_state(Arc::new(rules))
}

async fn list<S: Store>(State(rules): State<Arc<Rules<S>>>, auth: Auth) -> Answer<Json<List<RuleView>>> {
    let caller = auth.require(Scope::RulesRead)?;
    let all = rules.store.rules(&caller.scope).await?;
    Ok(Json(List { items: all.iter().map(|rule| RuleView::new(rule, None)).collect(), next: None }))
}

async fn read<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Path(id): Path<RuleId>,
) -> Answer<Json<RuleView>> {
    let caller = auth.require(Scope::RulesRead)?;
    let rule = rules.find(&caller.scope, &id).await?;
    let hour = rules.store.rule_hour(&caller.scope, &id, rules.now()).await?;
    Ok(Json(RuleView::new(&rule, Some(hour))))
}

impl<S: Store> Rules<S> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The tenant's rule of this id.
    pub(crate) async fn find(&self, scope: &TenantScope, id: &RuleId) -> Answer<Rule> {
        Ok(self.store.rule(scope, id).await?.ok_or_else(|| Problem::not_found("rule"))?)
    }
}

/// A rule does by itself what its maker may do: nobody gets more by it than they have.
pub(crate) fn may_have_done(caller: &Caller, rule: &Rule) -> Answer<()> {
    let lacking: Vec<String> =
        rule.scopes().into_iter().filter(|scope| !caller.may(*scope)).map(|scope| format!("`{scope}`")).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "Whoever has a rule act needs to be allowed to do it themselves. This rule's actions need {}, which you lack.",
        lacking.join(" and ")
    );
    Err(Problem::new(ProblemKind::Forbidden, detail).into())
}

/// What was done, for the audit trail.
pub(crate) fn entry(
    caller: &Caller,
    action: &'static str,
    target: &RuleId,
    detail: String,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry { principal: caller.principal.clone(), action, target: target.to_string(), detail, at }
}
