//! Making a rule.

use crate::{
    draft,
    rules::{Rules, entry, may_have_done},
};
use api::{
    problem::{Problem, ProblemKind},
    rules::{RuleCreate, RuleView},
};
use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{ids::RuleId, principal::Scope, rule::RULES_MAX};
use runtime::{
    caller::Auth,
    http::{Answer, Json},
};
use std::sync::Arc;
use store::Store;

pub(crate) async fn create<S: Store>(
    State(rules): State<Arc<Rules<S>>>,
    auth: Auth,
    Json(wanted): Json<RuleCreate>,
) -> Answer<Response> {
    let caller = auth.require(Scope::RulesWrite)?;
    let now = rules.now();
    let rule = draft::rule(&*rules.store, &caller, RuleId::generate(), wanted, now, "").await?;
    may_have_done(&caller, &rule)?;
    if rules.store.rules(&caller.scope).await?.len() >= RULES_MAX {
        let detail = format!("A tenant has at most {RULES_MAX} rules. Delete one that is not used any more.");
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let audit = entry(&caller, "rule.created", &rule.id, draft::summary(&rule), now);
    rules.store.save_rule(&caller.scope, &rule, &audit).await?;
    let location = format!("/v1/rules/{}", rule.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(RuleView::new(&rule, None))).into_response())
}
