//! Automation rules and their runs, by intent.

use crate::{Page, Result};
use domain::{
    audit::AuditEntry,
    ids::{RuleId, RunId},
    rule::{Rule, RuleHour, Run, Unrun},
    tenant::TenantScope,
    time::Timestamp,
};
use std::future::Future;

/// What became of a run that was to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It began.
    Fresh,
    /// It began before; this is how far it came.
    Before(Box<Run>),
    /// The rule ran as often in this hour as it may. Nothing is stored, and nothing is counted yet.
    OverLimit,
}

/// Automation rules.
pub trait Rules: Send + Sync {
    /// One rule.
    fn rule(&self, scope: &TenantScope, id: &RuleId) -> impl Future<Output = Result<Option<Rule>>> + Send;

    /// All rules, oldest first.
    fn rules(&self, scope: &TenantScope) -> impl Future<Output = Result<Vec<Rule>>> + Send;

    /// Writes a rule (new when `rev` is 1) with the audit record, all or nothing. `Conflict` unless the stored revision is
    /// `rule.rev - 1`.
    fn save_rule(
        &self,
        scope: &TenantScope,
        rule: &Rule,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes a rule with the audit record, all or nothing. `Conflict` unless the stored revision is `rule.rev`. Its runs
    /// stay for their time, and nobody finds them any more.
    fn delete_rule(
        &self,
        scope: &TenantScope,
        rule: &Rule,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Stores a run and counts it in its hour, all or nothing: if there is none of this id, and fewer than `max_per_hour`
    /// were counted. Of several who begin the same run, one is told `Fresh`.
    fn begin_run(
        &self,
        scope: &TenantScope,
        run: &Run,
        max_per_hour: u32,
    ) -> impl Future<Output = Result<Begun>> + Send;

    /// Writes how a run ended. The last to end it is right: all who run it do the same.
    fn finish_run(&self, scope: &TenantScope, run: &Run) -> impl Future<Output = Result<()>> + Send;

    /// One run.
    fn run(&self, scope: &TenantScope, rule: &RuleId, id: &RunId) -> impl Future<Output = Result<Option<Run>>> + Send;

    /// The runs of a rule, those of the newest events first, `limit` (<= 1,000) a page.
    fn runs(
        &self,
        scope: &TenantScope,
        rule: &RuleId,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Run>>> + Send;

    /// Counts an event for which a rule did not run though it was meant, in the hour that `at` is in.
    fn count_unrun(
        &self,
        scope: &TenantScope,
        rule: &RuleId,
        at: Timestamp,
        why: Unrun,
    ) -> impl Future<Output = Result<()>> + Send;

    /// What was counted of a rule in the hour that `at` is in.
    fn rule_hour(
        &self,
        scope: &TenantScope,
        rule: &RuleId,
        at: Timestamp,
    ) -> impl Future<Output = Result<RuleHour>> + Send;
}
