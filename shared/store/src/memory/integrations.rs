//! Integrations, their secrets and their health.

use super::MemoryStore;
use crate::{HeldFor, Integrations, Result, SealedSecret, StoreError};
use domain::{
    audit::AuditEntry,
    health::{HealthHour, HealthTally, TestReport, hour_of},
    ids::{IntegrationId, TenantId},
    integration::Integration,
    principal::Principal,
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Tables {
    integrations: BTreeMap<(TenantId, IntegrationId), Integration>,
    secrets: BTreeMap<(TenantId, IntegrationId, u32), SealedSecret>,
    health: BTreeMap<(TenantId, IntegrationId, Timestamp), TestReport>,
    /// By the hour's beginning.
    hours: BTreeMap<(TenantId, IntegrationId, Timestamp), HealthTally>,
}

fn key(scope: &TenantScope, id: &IntegrationId) -> (TenantId, IntegrationId) {
    (scope.tenant().clone(), id.clone())
}

impl Integrations for MemoryStore {
    async fn integration(&self, scope: &TenantScope, id: &IntegrationId) -> Result<Option<Integration>> {
        self.call("integration", |state| Ok(state.integrations.integrations.get(&key(scope, id)).cloned())).await
    }

    async fn integrations(&self, scope: &TenantScope) -> Result<Vec<Integration>> {
        self.call("integrations", |state| {
            let all = state.integrations.integrations.iter();
            let own =
                all.filter(|((tenant, _), integration)| tenant == scope.tenant() && integration.deleted_at.is_none());
            let mut own: Vec<_> = own.map(|(_, integration)| integration.clone()).collect();
            own.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Ok(own)
        })
        .await
    }

    async fn save_integration(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        secret: Option<&SealedSecret>,
        release: bool,
        audit: &AuditEntry,
    ) -> Result<()> {
        self.call("save_integration", |state| {
            let tables = &mut state.integrations;
            let stored = tables.integrations.get(&key(scope, &integration.id)).map_or(0, |stored| stored.rev);
            if integration.rev != stored + 1 {
                return Err(StoreError::Conflict);
            }
            let (tenant, id) = key(scope, &integration.id);
            if let Some(secret) = secret {
                tables.secrets.insert((tenant.clone(), id.clone(), integration.secret_version), secret.clone());
            }
            tables.integrations.insert((tenant, id.clone()), integration.clone());
            if release {
                state.ask_release(scope, HeldFor::Integration(id), audit.at);
            }
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn secret(&self, scope: &TenantScope, id: &IntegrationId, version: u32) -> Result<Option<SealedSecret>> {
        self.call("secret", |state| {
            Ok(state.integrations.secrets.get(&(scope.tenant().clone(), id.clone(), version)).cloned())
        })
        .await
    }

    async fn record_test(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        report: &TestReport,
        by: &Principal,
    ) -> Result<()> {
        self.call("record_test", |state| {
            let (tenant, id) = key(scope, &integration.id);
            state.integrations.health.insert((tenant.clone(), id.clone(), report.at), report.clone());
            let hour = (tenant.clone(), id.clone(), hour_of(report.at));
            state.integrations.hours.entry(hour).or_default().count(report);
            let stored = state.integrations.integrations.get_mut(&(tenant, id));
            if let Some(stored) = stored.filter(|stored| {
                stored.rev == integration.rev && stored.last_test.as_ref().is_none_or(|last| last.at <= report.at)
            }) {
                let before = stored.last_test.replace(report.clone()).map(|last| last.status);
                if let Some(audit) = AuditEntry::health_changed(by, &integration.id, before, report) {
                    state.append_audit(scope.tenant(), &audit);
                }
            }
            Ok(())
        })
        .await
    }

    async fn health_log(
        &self,
        scope: &TenantScope,
        id: &IntegrationId,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<TestReport>> {
        self.call("health_log", |state| {
            let log = state.integrations.health.iter().rev();
            let own = log
                .filter(|((tenant, integration, at), _)| tenant == scope.tenant() && integration == id && *at >= since);
            Ok(own.map(|(_, report)| report.clone()).take(limit).collect())
        })
        .await
    }

    async fn health_hours(&self, scope: &TenantScope, id: &IntegrationId, since: Timestamp) -> Result<Vec<HealthHour>> {
        self.call("health_hours", |state| {
            let own = state.integrations.hours.iter().filter(|((tenant, integration, hour), _)| {
                tenant == scope.tenant() && integration == id && *hour >= since
            });
            Ok(own.map(|((_, _, hour), tally)| HealthHour { hour: *hour, tally: tally.clone() }).collect())
        })
        .await
    }

    async fn probes_due(&self, now: Timestamp, limit: usize) -> Result<Vec<(TenantScope, IntegrationId)>> {
        self.call("probes_due", |state| {
            let all = state.integrations.integrations.iter();
            let mut due: Vec<_> = all
                .filter_map(|((tenant, id), integration)| {
                    let at = integration.next_probe_at().filter(|at| *at <= now)?;
                    Some((at, super::trusted(tenant), id.clone()))
                })
                .collect();
            due.sort_by_key(|(at, ..)| *at);
            Ok(due.into_iter().take(limit).map(|(_, scope, id)| (scope, id)).collect())
        })
        .await
    }
}
