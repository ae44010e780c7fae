//! Integrations, their secrets and their health.

use super::{MemoryStore, erasure::Eraser};
use crate::{
    HeldFor, Integrations, LetGo, Result, SealedSecret, SecretName, StoreError,
    retention::{all_goes, secrets_go},
};
use domain::{
    audit::AuditEntry,
    health::{HealthHour, HealthTally, TestReport, hour_of},
    ids::{IntegrationId, TenantId},
    integration::Integration,
    principal::Principal,
    secret::SecretOwner,
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

impl Tables {
    pub(super) fn erase_settings(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.integrations);
        eraser.take(&mut self.secrets);
    }

    pub(super) fn erase_health(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.health);
        eraser.take(&mut self.hours);
    }

    /// Deletes what is left of integrations that were deleted, each after its time.
    pub(super) fn let_go(&mut self, scope: &TenantScope, now: Timestamp) -> (LetGo, Vec<IntegrationId>) {
        let deleted = self.integrations.iter().filter(|((tenant, _), _)| tenant == scope.tenant());
        let deleted: Vec<(IntegrationId, Timestamp)> =
            deleted.filter_map(|((_, id), it)| Some((id.clone(), it.deleted_at?))).collect();
        let (mut gone, mut all) = (LetGo::default(), Vec::new());
        for (id, at) in deleted.into_iter().filter(|(_, at)| secrets_go(*at, now)) {
            let (secrets, records) = (self.secrets.len(), self.health.len() + self.hours.len());
            let is_other = |tenant: &TenantId, of: &IntegrationId| tenant != scope.tenant() || *of != id;
            self.secrets.retain(|(tenant, of, _), _| is_other(tenant, of));
            gone.secrets += secrets - self.secrets.len();
            if all_goes(at, now) {
                self.health.retain(|(tenant, of, _), _| is_other(tenant, of));
                self.hours.retain(|(tenant, of, _), _| is_other(tenant, of));
                self.integrations.remove(&key(scope, &id));
                gone.records += records - self.health.len() - self.hours.len();
                gone.integrations += 1;
                all.push(id);
            }
        }
        (gone, all)
    }

    /// When the time of each test in the log, and of each hour, began.
    pub(super) fn tests(&self, scope: &TenantScope) -> impl Iterator<Item = Timestamp> {
        self.health
            .keys()
            .chain(self.hours.keys())
            .filter(|(tenant, ..)| tenant == scope.tenant())
            .map(|(_, _, at)| *at)
    }

    /// The versions of an integration's secrets, the newest first.
    fn versions(&self, scope: &TenantScope, id: &IntegrationId) -> Vec<(u32, SealedSecret)> {
        let own = self.secrets.iter().rev().filter(|((tenant, of, _), _)| tenant == scope.tenant() && of == id);
        own.map(|((_, _, version), sealed)| (*version, sealed.clone())).collect()
    }
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
            state.still_open(scope.tenant())?;
            let tables = &mut state.integrations;
            let stored = tables.integrations.get(&key(scope, &integration.id)).map_or(0, |stored| stored.rev);
            if integration.rev != stored + 1 {
                return Err(StoreError::Conflict);
            }
            let before = tables.integrations.get(&key(scope, &integration.id)).cloned();
            state.save_sign_in(scope, before.as_ref(), integration)?;
            let tables = &mut state.integrations;
            let (tenant, id) = key(scope, &integration.id);
            if let Some(secret) = secret {
                for (place, (version, old)) in tables.versions(scope, &id).into_iter().enumerate() {
                    if crate::is_outdated(place + 1, old.created_at, secret.created_at) {
                        tables.secrets.remove(&(tenant.clone(), id.clone(), version));
                    }
                }
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

    async fn secrets(&self, scope: &TenantScope, id: &IntegrationId) -> Result<Vec<(u32, SealedSecret)>> {
        self.call("secrets", |state| Ok(state.integrations.versions(scope, id))).await
    }

    async fn all_secrets(&self, scope: &TenantScope) -> Result<Vec<(SecretName, SealedSecret)>> {
        self.call("all_secrets", |state| {
            let own = state.integrations.secrets.iter().filter(|((tenant, ..), _)| tenant == scope.tenant());
            let named = own.map(|((_, integration, version), sealed)| {
                (SecretName { owner: integration.into(), version: *version }, sealed.clone())
            });
            Ok(named.chain(state.hooks.all_secrets(scope)).collect())
        })
        .await
    }

    async fn rewrap_secret(
        &self,
        scope: &TenantScope,
        name: &SecretName,
        old: &SealedSecret,
        data_key: &str,
        at: Timestamp,
    ) -> Result<bool> {
        self.call("rewrap_secret", |state| {
            let tenant = scope.tenant().clone();
            let stored = match name.owner.clone() {
                SecretOwner::Integration(id) => state.integrations.secrets.get_mut(&(tenant, id, name.version)),
                SecretOwner::Hook(id) => state.hooks.secret_mut(&(tenant, id, name.version)),
            };
            let Some(stored) = stored else { return Ok(false) };
            if (&stored.data_key, &stored.ciphertext) != (&old.data_key, &old.ciphertext) {
                return Ok(stored.data_key == data_key);
            }
            data_key.clone_into(&mut stored.data_key);
            stored.re_encrypted_at = Some(at);
            Ok(true)
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
