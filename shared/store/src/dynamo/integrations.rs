//! Integrations, their secrets and their health.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, item_of, number, record_of, text, value_of},
    audit::put_revision,
    calls::{Query, Table, Transacted, Write, Written, corrupt},
    keys::{self, Kind, Look, Named},
};
use crate::{HeldFor, Integrations, Result, SealedSecret, SecretName, StoreError};
use domain::{
    audit::AuditEntry,
    channel,
    health::{HealthHour, HealthStatus, HealthTally, LATENCY_CLASSES, TestReport, hour_of},
    ids::IntegrationId,
    integration::Integration,
    principal::Principal,
    secret::SecretOwner,
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
    let expression =
        if report.is_downtime() { COUNT_FAILED } else { COUNT_PASSED[HealthTally::class(report.latency_ms)] };
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

/// How many writes a transaction may have before those of the audit chain, with room for what else is in it. What is not
/// let go of this time is by the next rotation.
const LET_GO_MAX: usize = 50;

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

impl DynamoStore {
    /// The secrets whose sort keys begin so, in their order.
    async fn sealed(&self, scope: &TenantScope, kind: String) -> Result<Vec<(SecretName, SealedSecret)>> {
        // Consistent: what was rotated a moment ago is what is shown, and re-encrypted.
        let query = Query::of(keys::config(scope), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(kind))
            .consistent();
        let named = |item: Item| {
            let name = get_text(&item, "sk").and_then(keys::secret_name);
            let name = name.ok_or_else(|| corrupt(&item, "the key names no secret"))?;
            Ok((name, record_of(item)?))
        };
        self.query(query, usize::MAX, |_| true).await?.into_iter().map(named).collect()
    }
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
        if integration.kind() == channel::Kind::Entra {
            writes.extend(self.sign_in_writes(scope, integration).await?);
        }
        let claims = 1..writes.len();
        if let Some(secret) = secret {
            for (place, (version, old)) in self.secrets(scope, &integration.id).await?.into_iter().enumerate() {
                // The new one is the newest, before all of these.
                if crate::is_outdated(place + 1, old.created_at, secret.created_at) && writes.len() < LET_GO_MAX {
                    writes.push(Write::delete(keys::secret(scope, &integration.id, version)));
                }
            }
            let mut item = keys::secret(scope, &integration.id, integration.secret_version).item();
            item.extend(item_of(secret)?);
            writes.push(Write::put(item));
        }
        if release {
            let held_for = HeldFor::Integration(integration.id.clone());
            writes.push(super::bundles::ask_release(scope, &held_for, audit.at));
        }
        match self.audited(scope, writes, audit).await? {
            Transacted::Done => Ok(()),
            Transacted::Refused(index, _) if claims.contains(&index) => Err(StoreError::Taken),
            Transacted::Refused(..) => Err(StoreError::Conflict),
        }
    }

    async fn secret(&self, scope: &TenantScope, id: &IntegrationId, version: u32) -> Result<Option<SealedSecret>> {
        // Only how its data key is encrypted ever changes, and either way opens.
        self.get_unchanging(Table::Tenant, keys::secret(scope, id, version)).await?.map(record_of).transpose()
    }

    async fn secrets(&self, scope: &TenantScope, id: &IntegrationId) -> Result<Vec<(u32, SealedSecret)>> {
        let found = self.sealed(scope, keys::secrets_of(id)).await?;
        Ok(found.into_iter().rev().map(|(name, sealed)| (name.version, sealed)).collect())
    }

    async fn all_secrets(&self, scope: &TenantScope) -> Result<Vec<(SecretName, SealedSecret)>> {
        let of_integrations = self.sealed(scope, keys::SECRETS.to_owned());
        let of_hooks = self.sealed(scope, keys::HOOK_SECRETS.to_owned());
        let (of_integrations, of_hooks) = futures::try_join!(of_integrations, of_hooks)?;
        Ok([of_integrations, of_hooks].concat())
    }

    async fn rewrap_secret(
        &self,
        scope: &TenantScope,
        name: &SecretName,
        old: &SealedSecret,
        data_key: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let key = match &name.owner {
            SecretOwner::Integration(id) => keys::secret(scope, id, name.version),
            SecretOwner::Hook(id) => keys::hook_secret(scope, id, name.version),
        };
        let rewrap = Write::update(key, "SET data_key = :new, re_encrypted_at = :at")
            .only_if("data_key = :old AND ciphertext = :ciphertext")
            .value(":new", text(data_key))
            .value(":at", number(at.0))
            .value(":old", text(&old.data_key))
            .value(":ciphertext", text(&old.ciphertext));
        match self.write(rewrap).await? {
            Written::Done(_) => Ok(true),
            // A lost answer: the write before was ours.
            Written::Refused(Some(stored)) => Ok(get_text(&stored, "data_key") == Some(data_key)),
            Written::Refused(None) => Ok(false),
        }
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
