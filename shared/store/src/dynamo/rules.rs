//! Automation rules with the tenant's configuration; their runs, and what was counted of them by the hour, in a partition
//! of their own.

use super::{
    DynamoStore,
    attributes::{Item, item_of, number, record_of, text, value_of},
    audit::{parse_cursor, put_revision},
    calls::{Query, Table, Transacted, Write, corrupt},
    keys,
};
use crate::{Begun, Page, Result, Rules};
use domain::{
    audit::AuditEntry,
    ids::{RuleId, RunId},
    rule::{RUN_KEEP_MS, Rule, RuleHour, Run, Unrun},
    tenant::TenantScope,
    time::Timestamp,
};

fn put_run(scope: &TenantScope, run: &Run) -> Result<Item> {
    let mut item = keys::run(scope, &run.rule, &run.id).item();
    item.extend(item_of(run)?);
    item.insert("ttl".to_owned(), number(run.started_at.plus_ms(RUN_KEEP_MS).as_seconds()));
    Ok(item)
}

fn counted(scope: &TenantScope, rule: &RuleId, hour: Timestamp, expression: &'static str) -> Write {
    Write::update(keys::rule_hour(scope, rule, hour), expression)
        .value(":one", number(1))
        .value(":ttl", number(hour.plus_ms(RUN_KEEP_MS).as_seconds()))
}

impl Rules for DynamoStore {
    async fn rule(&self, scope: &TenantScope, id: &RuleId) -> Result<Option<Rule>> {
        self.get(Table::Tenant, keys::rule(scope, id), true).await?.map(record_of).transpose()
    }

    async fn rules(&self, scope: &TenantScope) -> Result<Vec<Rule>> {
        // Consistent: a list after a change shows the change.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::RULES))
            .consistent();
        let items = self.query(query, usize::MAX, |_| true).await?;
        let mut rules: Vec<Rule> = items.into_iter().map(record_of).collect::<Result<_>>()?;
        rules.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(rules)
    }

    async fn save_rule(&self, scope: &TenantScope, rule: &Rule, audit: &AuditEntry) -> Result<()> {
        let mut item = keys::rule(scope, &rule.id).item();
        item.extend(item_of(rule)?);
        self.audited_or_conflict(scope, vec![put_revision(item, rule.rev)], audit).await
    }

    async fn delete_rule(&self, scope: &TenantScope, rule: &Rule, audit: &AuditEntry) -> Result<()> {
        let delete = Write::delete(keys::rule(scope, &rule.id)).only_if("#rev = :rev").value(":rev", number(rule.rev));
        self.audited_or_conflict(scope, vec![delete], audit).await
    }

    async fn begin_run(&self, scope: &TenantScope, run: &Run, max_per_hour: u32) -> Result<Begun> {
        let put = Write::put(put_run(scope, run)?).only_if("attribute_not_exists(pk)");
        let count = counted(scope, &run.rule, run.hour(), "SET #ttl = :ttl ADD #runs :one")
            .only_if("attribute_not_exists(#runs) OR #runs < :max")
            .value(":max", number(max_per_hour));
        match self.transact(&[put, count]).await? {
            Transacted::Done => Ok(Begun::Fresh),
            Transacted::Refused(0, stored) => {
                let stored = stored.ok_or_else(|| corrupt(&Item::new(), "a run that is there was not shown"))?;
                Ok(Begun::Before(Box::new(record_of(stored)?)))
            }
            Transacted::Refused(..) => Ok(Begun::OverLimit),
        }
    }

    async fn finish_run(&self, scope: &TenantScope, run: &Run) -> Result<()> {
        let finish = Write::update(keys::run(scope, &run.rule, &run.id), "SET finished_at = :at, results = :results")
            .only_if("attribute_exists(pk)")
            .value(":at", number(run.finished_at.unwrap_or(run.started_at).0))
            .value(":results", value_of(&run.results)?);
        // A run that is not there any more, because its tenant is erased, needs no end.
        self.write(finish).await.map(|_| ())
    }

    async fn run(&self, scope: &TenantScope, rule: &RuleId, id: &RunId) -> Result<Option<Run>> {
        // Consistent: what follows of a run may be told a moment after it began.
        self.get(Table::Tenant, keys::run(scope, rule, id), true).await?.map(record_of).transpose()
    }

    async fn runs(&self, scope: &TenantScope, rule: &RuleId, cursor: Option<&str>, limit: usize) -> Result<Page<Run>> {
        let after: Option<RunId> = parse_cursor(cursor)?;
        let query = Query::of(keys::runs(scope), "pk = :pk AND begins_with(sk, :of)")
            .value(":of", text(keys::runs_of(rule)))
            .after(after.as_ref().map(|id| keys::run(scope, rule, id)))
            .backward();
        self.page(query, limit, |_| true, record_of, |run: &Run| run.id.to_string()).await
    }

    async fn count_unrun(&self, scope: &TenantScope, rule: &RuleId, at: Timestamp, why: Unrun) -> Result<()> {
        let expression = match why {
            Unrun::OverLimit => "SET #ttl = :ttl ADD over_limit :one",
            Unrun::Loop => "SET #ttl = :ttl ADD loops :one",
        };
        self.write(counted(scope, rule, RuleHour::of(at), expression)).await.map(|_| ())
    }

    async fn rule_hour(&self, scope: &TenantScope, rule: &RuleId, at: Timestamp) -> Result<RuleHour> {
        let found = self.get(Table::Tenant, keys::rule_hour(scope, rule, RuleHour::of(at)), false).await?;
        found.map_or_else(|| Ok(RuleHour::default()), record_of)
    }
}
