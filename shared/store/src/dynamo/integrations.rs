//! Integrations, their secrets and their health.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, item_of, number, record_of, text, value_of},
    audit::put_revision,
    calls::{Query, Table, Transacted, Write, Written, corrupt},
    keys::{self, Kind, Look, Named},
};
use crate::{HeldFor, Integrations, Result, SealedSecret, StoreError};
use domain::{
    audit::AuditEntry,
    health::{HealthHour, HealthStatus, HealthTally, LATENCY_CLASSES, TestReport, hour_of},
    ids::IntegrationId,
    integration::Integration,
    principal::Principal,
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};

/// How long the health log and its roll-ups are kept, in milliseconds.
const HEALTH_LOG_MS: i64 = 90 * DAY_MS;

macro_rules! counting {
    ($($class:literal)*) => { [$(concat!("SET #ttl = :ttl ADD n :one, b", $class, " :one")),*] };
}

/// Counts a test that passed, by the class of its latency.
const COUNT_PASSED: [&str; LATENCY_CLASSES] = counting!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23);
const COUNT_FAILED: &str = "SET #ttl = :ttl ADD n :one, f :one";

/// Counts a test in the roll-up of its hour: `n` tests, `f` failed, `b<class>` passed with a latency of that class.
fn counted(scope: &TenantScope, id: &IntegrationId, report: &TestReport) -> Write {
    let expression = match report.status {
        HealthStatus::Fail => COUNT_FAILED,
        HealthStatus::Ok | HealthStatus::Warn => COUNT_PASSED[HealthTally::class(report.latency_ms)],
    };
    let hour = hour_of(report.at);
    Write::update(keys::health_hour(scope, id, hour), expression)
        .value(":one", number(1))
        .value(":ttl", number(hour.plus_ms(HEALTH_LOG_MS).as_seconds()))
}

fn hour_in(item: &Item) -> Result<HealthHour> {
    let hour = get_text(item, "sk").and_then(|sk| sk.parse().ok()).map(Timestamp);
    let hour = hour.ok_or_else(|| corrupt(item, "the key names no hour"))?;
    let count = |name: &str| get_number(item, name).unwrap_or(0);
    let classes = std::array::from_fn(|class| count(&format!("b{class}")));
    Ok(HealthHour { hour, tally: HealthTally { tests: count("n"), failed: count("f"), classes } })
}

/// How often a test is recorded anew while others change the status.
const ATTEMPTS: u32 = 4;

/// Makes a test the integration's newest, and moves the next probe: unless its settings are not those of `rev` any more,
/// a newer test is known, or its status is not `before` any more.
fn newest_test(
    scope: &TenantScope,
    integration: &Integration,
    report: &TestReport,
    before: Option<HealthStatus>,
) -> Result<Write> {
    let tested = Integration { last_test: Some(report.clone()), ..integration.clone() };
    let key = keys::integration(scope, &integration.id);
    let update = match tested.next_probe_at().map(|at| Look::at(Kind::Probe, &key, at)) {
        Some(look) => Write::update(key, "SET last_test = :report, dk = :dk, da = :da")
            .value(":dk", text(look.dk))
            .value(":da", number(look.da.0)),
        None => Write::update(key, "SET last_test = :report REMOVE dk, da"),
    };
    let update = update.value(":rev", number(integration.rev)).value(":report", value_of(report)?);
    Ok(match before {
        None => update.only_if("#rev = :rev AND attribute_not_exists(last_test)"),
        Some(before) => update
            .only_if("#rev = :rev AND last_test.#at <= :at AND last_test.#status = :before")
            .value(":at", number(report.at.0))
            .value(":before", value_of(&before)?),
    })
}

impl Integrations for DynamoStore {
    async fn integration(&self, scope: &TenantScope, id: &IntegrationId) -> Result<Option<Integration>> {
        // Consistent: after a change is confirmed, nothing is sent with what was before.
        self.get(Table::Tenant, keys::integration(scope, id), true).await?.map(record_of).transpose()
    }

    async fn integrations(&self, scope: &TenantScope) -> Result<Vec<Integration>> {
        // Consistent: a list after a change shows the change.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::INTEGRATIONS))
            .consistent();
        let items = self.query(query, usize::MAX, |item| !item.contains_key("deleted_at")).await?;
        let mut integrations: Vec<Integration> = items.into_iter().map(record_of).collect::<Result<_>>()?;
        integrations.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        Ok(integrations)
    }

    async fn save_integration(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        secret: Option<&SealedSecret>,
        release: bool,
        audit: &AuditEntry,
    ) -> Result<()> {
        let key = keys::integration(scope, &integration.id);
        let mut item = key.clone().item();
        item.extend(item_of(integration)?);
        if let Some(at) = integration.next_probe_at() {
            Look::at(Kind::Probe, &key, at).put_into(&mut item);
        }
        let mut writes = vec![put_revision(item, integration.rev)];
        if let Some(secret) = secret {
            let mut item = keys::secret(scope, &integration.id, integration.secret_version).item();
            item.extend(item_of(secret)?);
            writes.push(Write::put(item));
        }
        if release {
            let held_for = HeldFor::Integration(integration.id.clone());
            writes.push(super::bundles::ask_release(scope, &held_for, audit.at));
        }
        self.audited_or_conflict(scope, writes, audit).await
    }

    async fn secret(&self, scope: &TenantScope, id: &IntegrationId, version: u32) -> Result<Option<SealedSecret>> {
        self.get_unchanging(Table::Tenant, keys::secret(scope, id, version)).await?.map(record_of).transpose()
    }

    async fn record_test(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        report: &TestReport,
        by: &Principal,
    ) -> Result<()> {
        let mut entry = keys::health_report(scope, &integration.id, report.at).item();
        entry.extend(item_of(report)?);
        entry.insert("ttl".to_owned(), number(report.at.plus_ms(HEALTH_LOG_MS).as_seconds()));
        // Not in one transaction, which would cost twice as much: a log entry and a count alone are still true.
        futures::try_join!(self.write(Write::put(entry)), self.write(counted(scope, &integration.id, report)))?;
        let mut before = integration.last_test.as_ref().map(|last| last.status);
        for _ in 0..ATTEMPTS {
            let update = newest_test(scope, integration, report, before)?;
            let refused = match AuditEntry::health_changed(by, &integration.id, before, report) {
                None => match self.write(update).await? {
                    Written::Done(_) => return Ok(()),
                    Written::Refused(stored) => stored,
                },
                Some(audit) => match self.audited(scope, vec![update], &audit).await? {
                    Transacted::Done => return Ok(()),
                    Transacted::Refused(_, stored) => stored,
                },
            };
            let stored: Option<Integration> = refused.map(record_of).transpose()?;
            let Some(stored) = stored.filter(|stored| stored.rev == integration.rev) else { return Ok(()) };
            if stored.last_test.as_ref().is_some_and(|last| last.at > report.at) {
                return Ok(());
            }
            // Another test changed the status since it was read: whether this one does is to be decided anew.
            before = stored.last_test.map(|last| last.status);
        }
        Err(StoreError::Unavailable("this integration is tested too often at once".to_owned()))
    }

    async fn health_log(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<TestReport>> {
        let query = Query::of(keys::health_log(scope, id), "pk = :pk AND sk >= :since")
            .value(":since", text(keys::moment(since)))
            .backward();
        self.query(query, limit, |_| true).await?.into_iter().map(record_of).collect()
    }

    async fn health_hours(&self, scope: &TenantScope, id: &IntegrationId, since: Timestamp) -> Result<Vec<HealthHour>> {
        let query = Query::of(keys::health_hours(scope, id), "pk = :pk AND sk >= :since")
            .value(":since", text(keys::moment(since)));
        self.query(query, usize::MAX, |_| true).await?.iter().map(hour_in).collect()
    }

    async fn probes_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, IntegrationId)>> {
        let due = self.index(&[Kind::Probe], now, limit).await?;
        let probe = |(scope, named)| match named {
            Named::Integration(id) => Some((scope, id)),
            _ => None,
        };
        Ok(due.into_iter().filter_map(|(_, scope, named)| probe((scope, named))).collect())
    }
}
