//! Integrations, their secrets and their health.

use crate::fixtures::{NOON, acme, audit, integration, report, scope};
use domain::{
    health::{HealthHour, HealthStatus, HealthTally, TestReport},
    integration::Integration,
    principal::Principal,
    time::{DAY_MS, Timestamp},
};
use futures::future::join_all;
use std::collections::BTreeMap;
use trunkline_store::{HeldFor, SealedSecret, SecretName, Store, StoreError};

const MINUTE: i64 = 60_000;

async fn save(store: &impl Store, integration: &Integration) -> trunkline_store::Result<()> {
    store.save_integration(&acme(), integration, None, false, &audit("integration.saved")).await
}

/// The integration with a change, as its next revision.
fn changed(integration: &Integration, change: impl FnOnce(&mut Integration)) -> Integration {
    let mut next = Integration { rev: integration.rev + 1, ..integration.clone() };
    change(&mut next);
    next
}

pub(crate) async fn a_writer_must_have_seen_the_newest_integration(store: &impl Store) {
    let first = integration(NOON);
    assert_eq!(store.integration(&acme(), &first.id).await, Ok(None));
    save(store, &first).await.unwrap();
    assert_eq!(store.integration(&acme(), &first.id).await, Ok(Some(first.clone())));
    assert_eq!(save(store, &first).await, Err(StoreError::Conflict), "it exists already");
    let second = changed(&first, |next| next.priority = 20);
    save(store, &second).await.unwrap();
    let stale = changed(&first, |next| next.priority = 30);
    assert_eq!(save(store, &stale).await, Err(StoreError::Conflict));
    let unknown = changed(&integration(NOON), |_| ());
    assert_eq!(save(store, &unknown).await, Err(StoreError::Conflict), "there is nothing to change");
    assert_eq!(store.integration(&acme(), &first.id).await, Ok(Some(second)));
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 2, "what was refused leaves no record");
}

pub(crate) async fn a_deleted_integration_is_found_but_not_listed(store: &impl Store) {
    let (old, new, deleted) = (integration(NOON), integration(NOON.plus_ms(2)), integration(NOON.plus_ms(1)));
    for integration in [&new, &deleted, &old] {
        save(store, integration).await.unwrap();
    }
    let gone = changed(&deleted, |next| next.deleted_at = Some(NOON));
    save(store, &gone).await.unwrap();
    assert_eq!(store.integrations(&acme()).await, Ok(vec![old.clone(), new.clone()]), "oldest first");
    assert_eq!(store.integration(&acme(), &deleted.id).await, Ok(Some(gone)));
    let due = store.probes_due(NOON.plus_ms(MINUTE), 10).await.unwrap();
    assert_eq!(due, [(acme(), old.id), (acme(), new.id)], "what is deleted is not tested");
}

fn sealed(text: &str, at: Timestamp) -> SealedSecret {
    SealedSecret {
        data_key: "a2V5".to_owned(),
        ciphertext: text.to_owned(),
        created_at: at,
        by: Some(Principal::Operator),
        fields: BTreeMap::from([("password".to_owned(), at)]),
        re_encrypted_at: None,
    }
}

pub(crate) async fn old_versions_of_secrets_go_when_nobody_needs_them(store: &impl Store) {
    let mut newest = integration(NOON);
    let write = async |integration: &Integration, days: i64| {
        let secret = sealed("sealed", NOON.plus_ms(days * DAY_MS));
        store.save_integration(&acme(), integration, Some(&secret), false, &audit("integration.saved")).await.unwrap();
    };
    write(&newest, 0).await;
    for days in [1, 2, 3, 32] {
        newest = changed(&newest, |next| next.secret_version += 1);
        write(&newest, days).await;
    }
    let versions = store.secrets(&acme(), &newest.id).await.unwrap();
    let numbers: Vec<u32> = versions.iter().map(|(version, _)| *version).collect();
    assert_eq!(numbers, [5, 4, 3], "version 2 is 30 days old, version 1 older");
    assert_eq!(versions[0].1, sealed("sealed", NOON.plus_ms(32 * DAY_MS)));
    newest = changed(&newest, |next| next.secret_version += 1);
    write(&newest, 32).await;
    let numbers: Vec<u32> = store.secrets(&acme(), &newest.id).await.unwrap().iter().map(|(n, _)| *n).collect();
    assert_eq!(numbers, [6, 5, 4, 3], "version 3 is 30 days old to the day");
    assert_eq!(store.secret(&acme(), &newest.id, 2).await, Ok(None));
    assert_eq!(store.secrets(&scope("other"), &newest.id).await, Ok(vec![]));
}

pub(crate) async fn a_data_key_is_replaced_only_where_it_was(store: &impl Store) {
    let (one, other) = (integration(NOON), integration(NOON));
    for integration in [&one, &other] {
        let secret = sealed(integration.id.as_str(), NOON);
        store.save_integration(&acme(), integration, Some(&secret), false, &audit("integration.saved")).await.unwrap();
    }
    let all = store.all_secrets(&acme()).await.unwrap();
    assert_eq!(all.len(), 2);
    let (name, old) = &all[0];
    let later = NOON.plus_ms(9);
    let rewrap = async |old: &SealedSecret, key: &str| store.rewrap_secret(&acme(), name, old, key, later).await;
    assert_eq!(rewrap(old, "bmV3").await, Ok(true));
    assert_eq!(rewrap(old, "bmV3").await, Ok(true), "an answer that was lost is asked for again");
    assert_eq!(rewrap(old, "bGF0ZQ==").await, Ok(false), "somebody was faster");
    let domain::secret::SecretOwner::Integration(owner) = &name.owner else { panic!("{name:?}") };
    let new = store.secret(&acme(), owner, name.version).await.unwrap().unwrap();
    assert_eq!(new, SealedSecret { data_key: "bmV3".to_owned(), re_encrypted_at: Some(later), ..old.clone() });
    let gone = SecretName { version: 7, ..name.clone() };
    assert_eq!(store.rewrap_secret(&acme(), &gone, old, "bmV3", later).await, Ok(false), "none comes to be");
    assert_eq!(store.secret(&acme(), owner, 7).await, Ok(None));
    assert_eq!(store.all_secrets(&acme()).await.unwrap()[1], all[1]);
}

pub(crate) async fn secrets_are_kept_by_version(store: &impl Store) {
    let sealed = |text: &str| sealed(text, NOON);
    let first = integration(NOON);
    let write = async |integration: &Integration, secret: &SealedSecret| {
        store.save_integration(&acme(), integration, Some(secret), false, &audit("integration.saved")).await
    };
    write(&first, &sealed("one")).await.unwrap();
    let second = changed(&first, |next| next.secret_version = 2);
    write(&second, &sealed("two")).await.unwrap();
    let stale = changed(&first, |next| next.secret_version = 3);
    assert_eq!(write(&stale, &sealed("three")).await, Err(StoreError::Conflict));
    assert_eq!(store.secret(&acme(), &first.id, 1).await, Ok(Some(sealed("one"))));
    assert_eq!(store.secret(&acme(), &first.id, 2).await, Ok(Some(sealed("two"))));
    assert_eq!(store.secret(&acme(), &first.id, 3).await, Ok(None), "all or nothing");
}

pub(crate) async fn the_probe_schedule_follows_the_integration(store: &impl Store) {
    let first = integration(NOON);
    save(store, &first).await.unwrap();
    let due = Ok(vec![(acme(), first.id.clone())]);
    assert_eq!(store.probes_due(NOON.plus_ms(-1), 10).await, Ok(vec![]));
    assert_eq!(store.probes_due(NOON, 10).await, due, "never tested: at once");
    store.record_test(&acme(), &first, &report(HealthStatus::Ok, NOON), &Principal::Operator).await.unwrap();
    let next = NOON.plus_ms(15 * MINUTE);
    assert_eq!(store.probes_due(next.plus_ms(-1), 10).await, Ok(vec![]));
    assert_eq!(store.probes_due(next, 10).await, due);
    let tested = store.integration(&acme(), &first.id).await.unwrap().unwrap();
    assert_eq!((tested.rev, tested.last_test.as_ref().map(|test| test.at)), (1, Some(NOON)));

    let disabled = changed(&tested, |next| next.enabled = false);
    save(store, &disabled).await.unwrap();
    assert_eq!(store.probes_due(next, 10).await, Ok(vec![]));
    store
        .record_test(&acme(), &disabled, &report(HealthStatus::Fail, NOON.plus_ms(MINUTE)), &Principal::Operator)
        .await
        .unwrap();
    assert_eq!(store.probes_due(next.plus_ms(MINUTE), 10).await, Ok(vec![]), "a test by hand starts no schedule");
    let stored = store.integration(&acme(), &first.id).await.unwrap().unwrap();
    assert_eq!(stored.last_test.map(|test| test.status), Some(HealthStatus::Fail));
}

pub(crate) async fn a_test_of_older_settings_is_only_logged(store: &impl Store) {
    let first = integration(NOON);
    save(store, &first).await.unwrap();
    let second = changed(&first, |next| next.priority = 1);
    save(store, &second).await.unwrap();
    store.record_test(&acme(), &first, &report(HealthStatus::Fail, NOON), &Principal::Operator).await.unwrap();
    assert_eq!(store.integration(&acme(), &first.id).await, Ok(Some(second.clone())));
    let newer = report(HealthStatus::Ok, NOON.plus_ms(2));
    store.record_test(&acme(), &second, &newer, &Principal::Operator).await.unwrap();
    store
        .record_test(&acme(), &second, &report(HealthStatus::Fail, NOON.plus_ms(1)), &Principal::Operator)
        .await
        .unwrap();
    let stored = store.integration(&acme(), &first.id).await.unwrap().unwrap();
    assert_eq!(stored.last_test, Some(newer), "an older test does not replace a newer one");
    assert_eq!(store.health_log(&acme(), &first.id, NOON, 10).await.unwrap().len(), 3);
    let unknown = integration(NOON);
    assert_eq!(
        store.record_test(&acme(), &unknown, &report(HealthStatus::Ok, NOON), &Principal::Operator).await,
        Ok(())
    );
    assert_eq!(store.integration(&acme(), &unknown.id).await, Ok(None));
}

/// The changes of health that are in the audit trail: who and what.
async fn remembered(store: &impl Store) -> Vec<(String, String)> {
    let records = store.audit(&acme(), None, 200).await.unwrap().items;
    let changes = records.into_iter().filter(|record| record.action == "integration.health_changed");
    changes.map(|record| (record.principal, record.detail)).collect()
}

pub(crate) async fn a_change_of_health_is_remembered(store: &impl Store) {
    let first = integration(NOON);
    save(store, &first).await.unwrap();
    let results = [HealthStatus::Ok, HealthStatus::Ok, HealthStatus::Fail, HealthStatus::Fail, HealthStatus::Warn];
    let mut seen = first.clone();
    for (minute, status) in (0..).zip(results) {
        let by = if status == HealthStatus::Warn { Principal::System } else { Principal::Operator };
        store.record_test(&acme(), &seen, &report(status, NOON.plus_ms(minute * MINUTE)), &by).await.unwrap();
        // Every other test knows only what was there before the last.
        if minute % 2 == 1 {
            seen = store.integration(&acme(), &first.id).await.unwrap().unwrap();
        }
    }
    let expected =
        [("operator", "untested -> ok (ok)"), ("operator", "ok -> fail (ok)"), ("system", "fail -> warn (ok)")];
    assert_eq!(remembered(store).await, expected.map(|(who, what)| (who.to_owned(), what.to_owned())));
    let stored = store.integration(&acme(), &first.id).await.unwrap().unwrap();
    assert_eq!(stored.last_test.map(|test| test.status), Some(HealthStatus::Warn));
    assert_eq!(store.health_log(&acme(), &first.id, NOON, 10).await.unwrap().len(), 5);

    // What tells nothing of the saved settings changes nothing.
    let late = report(HealthStatus::Fail, NOON);
    store.record_test(&acme(), &seen, &late, &Principal::System).await.unwrap();
    let older = Integration { rev: 0, ..seen.clone() };
    let newer = report(HealthStatus::Fail, NOON.plus_ms(60 * MINUTE));
    store.record_test(&acme(), &older, &newer, &Principal::System).await.unwrap();
    assert_eq!(remembered(store).await.len(), 3);
}

pub(crate) async fn of_concurrent_tests_one_changes_the_status(store: &impl Store) {
    let (first, scope) = (integration(NOON), acme());
    save(store, &first).await.unwrap();
    let others: Vec<_> = (0..30).map(|_| integration(NOON)).collect();
    for other in &others {
        save(store, other).await.unwrap();
    }
    let failed = report(HealthStatus::Fail, NOON);
    let all = join_all((0..4).map(|_| store.record_test(&scope, &first, &failed, &Principal::System))).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(remembered(store).await.len(), 1);
    let all = join_all(others.iter().map(|it| store.record_test(&scope, it, &failed, &Principal::System))).await;
    assert!(all.iter().all(Result::is_ok), "all of a tenant's at once: {all:?}");
    assert_eq!(remembered(store).await.len(), 31);
}

pub(crate) async fn the_health_log_is_newest_first(store: &impl Store) {
    let (first, other) = (integration(NOON), integration(NOON));
    // Across two months.
    let days = [0, 12, 1, 30];
    for day in days {
        let at = NOON.plus_ms(day * 24 * 60 * MINUTE);
        store.record_test(&acme(), &first, &report(HealthStatus::Warn, at), &Principal::Operator).await.unwrap();
        store.record_test(&acme(), &other, &report(HealthStatus::Fail, at), &Principal::Operator).await.unwrap();
    }
    let log = async |since, limit| {
        let log = store.health_log(&acme(), &first.id, since, limit).await.unwrap();
        log.iter().map(|test| test.at.since_ms(NOON) / (24 * 60 * MINUTE)).collect::<Vec<_>>()
    };
    assert_eq!(log(NOON, 10).await, [30, 12, 1, 0]);
    assert_eq!(log(NOON.plus_ms(1), 10).await, [30, 12, 1]);
    assert_eq!(log(NOON, 2).await, [30, 12]);
}

pub(crate) async fn tests_are_rolled_up_by_the_hour(store: &impl Store) {
    let (first, other) = (integration(NOON), integration(NOON));
    let test = async |integration: &Integration, minute: i64, status, latency_ms| {
        let report = TestReport { latency_ms, ..report(status, NOON.plus_ms(minute * MINUTE)) };
        store.record_test(&acme(), integration, &report, &Principal::System).await.unwrap();
        report
    };
    assert_eq!(store.health_hours(&acme(), &first.id, NOON).await, Ok(vec![]));
    let noon = [
        test(&first, 0, HealthStatus::Ok, 0).await,
        test(&first, 1, HealthStatus::Warn, 4_000).await,
        test(&first, 59, HealthStatus::Fail, 9_000).await,
    ];
    let two = [test(&first, 120, HealthStatus::Ok, 60_000).await, test(&first, 121, HealthStatus::Ok, 80).await];
    test(&other, 1, HealthStatus::Fail, 1).await;
    let hour = |hour: i64, reports: &[TestReport]| {
        let mut tally = HealthTally::default();
        for report in reports {
            tally.count(report);
        }
        HealthHour { hour: NOON.plus_ms(hour * 60 * MINUTE), tally }
    };
    let all = [hour(0, &noon), hour(2, &two)];
    assert_eq!(store.health_hours(&acme(), &first.id, NOON).await.unwrap(), all);
    assert_eq!(store.health_hours(&acme(), &first.id, NOON.plus_ms(1)).await.unwrap(), all[1..]);
    assert_eq!(store.health_hours(&crate::fixtures::scope("other"), &first.id, NOON).await, Ok(vec![]));
}

pub(crate) async fn enabling_asks_for_a_release(store: &impl Store) {
    let first = integration(NOON);
    save(store, &first).await.unwrap();
    assert_eq!(store.releases_due(NOON, 10).await, Ok(vec![]));
    let second = changed(&first, |next| next.priority = 3);
    store.save_integration(&acme(), &second, None, true, &audit("integration.enabled")).await.unwrap();
    assert_eq!(store.releases_due(NOON, 10).await, Ok(vec![(acme(), HeldFor::Integration(first.id.clone()))]));
    assert_eq!(store.releases_due(NOON.plus_ms(-1), 10).await, Ok(vec![]));
    let stale = store.save_integration(&acme(), &second, None, true, &audit("integration.enabled")).await;
    assert_eq!(stale, Err(StoreError::Conflict));
}
