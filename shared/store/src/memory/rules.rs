//! Automation rules and their runs.

use super::{MemoryStore, erasure::Eraser, page, parse_cursor};
use crate::{Begun, Page, Result, Rules, StoreError};
use domain::{
    audit::AuditEntry,
    ids::{RuleId, RunId, TenantId},
    rule::{Rule, RuleHour, Run, Unrun},
    tenant::TenantScope,
    time::Timestamp,
};
use std::{cmp::Reverse, collections::BTreeMap};

#[derive(Debug, Default)]
pub(super) struct Tables {
    rules: BTreeMap<(TenantId, RuleId), Rule>,
    runs: BTreeMap<(TenantId, RuleId, Reverse<RunId>), Run>,
    hours: BTreeMap<(TenantId, RuleId, Timestamp), RuleHour>,
}

impl Tables {
    /// What somebody set up.
    pub(super) fn erase_settings(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.rules);
    }

    /// What was done.
    pub(super) fn erase_runs(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.runs);
        eraser.take(&mut self.hours);
    }
}

fn key(scope: &TenantScope, id: &RuleId) -> (TenantId, RuleId) {
    (scope.tenant().clone(), id.clone())
}

fn of<P>(scope: &TenantScope, rule: &RuleId, part: P) -> (TenantId, RuleId, P) {
    (scope.tenant().clone(), rule.clone(), part)
}

impl Rules for MemoryStore {
    async fn rule(&self, scope: &TenantScope, id: &RuleId) -> Result<Option<Rule>> {
        self.call("rule", |state| Ok(state.rules.rules.get(&key(scope, id)).cloned())).await
    }

    async fn rules(&self, scope: &TenantScope) -> Result<Vec<Rule>> {
        self.call("rules", |state| {
            let own = state.rules.rules.iter().filter(|((tenant, _), _)| tenant == scope.tenant());
            let mut own: Vec<Rule> = own.map(|(_, rule)| rule.clone()).collect();
            own.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(own)
        })
        .await
    }

    async fn save_rule(&self, scope: &TenantScope, rule: &Rule, audit: &AuditEntry) -> Result<()> {
        self.call("save_rule", |state| {
            state.still_open(scope.tenant())?;
            let stored = state.rules.rules.get(&key(scope, &rule.id)).map_or(0, |stored| stored.rev);
            if rule.rev != stored + 1 {
                return Err(StoreError::Conflict);
            }
            state.rules.rules.insert(key(scope, &rule.id), rule.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn delete_rule(&self, scope: &TenantScope, rule: &Rule, audit: &AuditEntry) -> Result<()> {
        self.call("delete_rule", |state| {
            state.still_open(scope.tenant())?;
            let stored = state.rules.rules.get(&key(scope, &rule.id)).map(|stored| stored.rev);
            if stored != Some(rule.rev) {
                return Err(StoreError::Conflict);
            }
            state.rules.rules.remove(&key(scope, &rule.id));
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn begin_run(&self, scope: &TenantScope, run: &Run, max_per_hour: u32) -> Result<Begun> {
        self.call("begin_run", |state| {
            let place = of(scope, &run.rule, Reverse(run.id.clone()));
            if let Some(before) = state.rules.runs.get(&place) {
                return Ok(Begun::Before(Box::new(before.clone())));
            }
            let hour = state.rules.hours.entry(of(scope, &run.rule, run.hour())).or_default();
            if hour.runs >= max_per_hour {
                return Ok(Begun::OverLimit);
            }
            hour.runs += 1;
            state.rules.runs.insert(place, run.clone());
            Ok(Begun::Fresh)
        })
        .await
    }

    async fn finish_run(&self, scope: &TenantScope, run: &Run) -> Result<()> {
        self.call("finish_run", |state| {
            if let Some(stored) = state.rules.runs.get_mut(&of(scope, &run.rule, Reverse(run.id.clone()))) {
                stored.finished_at = Some(run.finished_at.unwrap_or(run.started_at));
                stored.results.clone_from(&run.results);
            }
            Ok(())
        })
        .await
    }

    async fn run(&self, scope: &TenantScope, rule: &RuleId, id: &RunId) -> Result<Option<Run>> {
        self.call("run", |state| Ok(state.rules.runs.get(&of(scope, rule, Reverse(id.clone()))).cloned())).await
    }

    async fn runs(&self, scope: &TenantScope, rule: &RuleId, cursor: Option<&str>, limit: usize) -> Result<Page<Run>> {
        self.call("runs", |state| {
            let before: Option<RunId> = parse_cursor(cursor)?;
            let own = state.rules.runs.iter().filter(|((tenant, of, id), _)| {
                tenant == scope.tenant() && of == rule && before.as_ref().is_none_or(|before| id.0 < *before)
            });
            Ok(page(own.map(|(_, run)| run.clone()), limit, |run| run.id.to_string()))
        })
        .await
    }

    async fn count_unrun(&self, scope: &TenantScope, rule: &RuleId, at: Timestamp, why: Unrun) -> Result<()> {
        self.call("count_unrun", |state| {
            let hour = state.rules.hours.entry(of(scope, rule, RuleHour::of(at))).or_default();
            match why {
                Unrun::OverLimit => hour.over_limit += 1,
                Unrun::Loop => hour.loops += 1,
            }
            Ok(())
        })
        .await
    }

    async fn rule_hour(&self, scope: &TenantScope, rule: &RuleId, at: Timestamp) -> Result<RuleHour> {
        self.call("rule_hour", |state| {
            Ok(state.rules.hours.get(&of(scope, rule, RuleHour::of(at))).copied().unwrap_or_default())
        })
        .await
    }
}
