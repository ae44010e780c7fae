//! Integrations, their secrets and their health.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of, text, value_of},
    audit::put_revision,
    calls::{Query, Table, Write, Written},
    keys::{self, Kind, Look, Named},
};
use crate::{HeldFor, Integrations, Result, SealedSecret};
use domain::{
    audit::AuditEntry,
    health::TestReport,
    ids::IntegrationId,
    integration::Integration,
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};

/// How long the health log is kept, in milliseconds.
const HEALTH_LOG_MS: i64 = 90 * DAY_MS;

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

    async fn record_test(&self, scope: &TenantScope, integration: &Integration, report: &TestReport) -> Result<()> {
        let mut entry = keys::health_report(scope, &integration.id, report.at).item();
        entry.extend(item_of(report)?);
        entry.insert("ttl".to_owned(), number(report.at.plus_ms(HEALTH_LOG_MS).as_seconds()));
        self.write(Write::put(entry)).await?;

        // Not in one transaction, which would cost twice as much: a log entry alone is still true.
        let tested = Integration { last_test: Some(report.clone()), ..integration.clone() };
        let key = keys::integration(scope, &integration.id);
        let update = match tested.next_probe_at().map(|at| Look::at(Kind::Probe, &key, at)) {
            Some(look) => Write::update(key, "SET last_test = :report, dk = :dk, da = :da")
                .value(":dk", text(look.dk))
                .value(":da", number(look.da.0)),
            None => Write::update(key, "SET last_test = :report REMOVE dk, da"),
        };
        let update = update
            .only_if("#rev = :rev AND (attribute_not_exists(last_test) OR last_test.#at <= :at)")
            .value(":rev", number(integration.rev))
            .value(":at", number(report.at.0))
            .value(":report", value_of(report)?);
        // Refused: it was changed or deleted in the meantime, or a newer test is known.
        let (Written::Done(_) | Written::Refused(_)) = self.write(update).await?;
        Ok(())
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

    async fn probes_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, IntegrationId)>> {
        let due = self.index(&[Kind::Probe], now, limit).await?;
        let probe = |(scope, named)| match named {
            Named::Integration(id) => Some((scope, id)),
            _ => None,
        };
        Ok(due.into_iter().filter_map(|(_, scope, named)| probe((scope, named))).collect())
    }
}
