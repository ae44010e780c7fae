//! What is deleted because its time is over, and what is found to have outlived it.

use crate::{
    fixtures::{NOON, SENT, acme, audit, bundle_of, claimed, done, integration, payload, report, request, scope},
    hooks::hook,
};
use domain::{
    health::HealthStatus,
    hook::Hook,
    ids::CampaignId,
    integration::Integration,
    principal::Principal,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use std::collections::BTreeMap;
use trunkline_store::{LetGo, Overdue, SealedSecret, Store};

const MANY: usize = 100;

fn days(count: i64) -> Timestamp {
    NOON.plus_ms(count * DAY_MS + HOUR_MS)
}

fn sealed() -> SealedSecret {
    SealedSecret {
        data_key: "a2V5".to_owned(),
        ciphertext: "dGV4dA==".to_owned(),
        created_at: NOON,
        by: None,
        fields: BTreeMap::new(),
        re_encrypted_at: None,
    }
}

pub(crate) async fn what_is_left_of_a_deleted_integration_goes_in_its_time(store: &impl Store) {
    let (kept, first) = (integration(NOON), integration(NOON));
    let save = async |integration: &Integration, secret| {
        store.save_integration(&acme(), integration, secret, false, &audit("integration.saved")).await.unwrap();
    };
    let secret = sealed();
    save(&kept, Some(&secret)).await;
    save(&first, Some(&secret)).await;
    store.record_test(&acme(), &first, &report(HealthStatus::Ok, NOON), &Principal::System).await.unwrap();
    // Something it sent, as an endpoint.
    let mut bundle = bundle_of(&request(1), Some(0), 1);
    bundle.campaign = CampaignId::of_endpoint(&first.id);
    store.write_bundles(&acme(), &[(bundle.clone(), payload(1))], false).await.unwrap();
    let taken = claimed(store, &bundle, NOON).await;
    store.finish(&acme(), &done(&taken.bundle, &SENT), &[], false).await.unwrap();
    save(&Integration { deleted_at: Some(NOON), rev: 2, ..first.clone() }, None).await;

    let nothing = LetGo::default();
    assert_eq!(store.let_go(&acme(), days(29), MANY).await, Ok(nothing));
    assert_eq!(store.let_go(&scope("other"), days(200), MANY).await, Ok(nothing));
    assert_eq!(store.let_go(&acme(), days(30), MANY).await, Ok(LetGo { secrets: 1, ..nothing }));
    assert_eq!(store.secrets(&acme(), &first.id).await, Ok(Vec::new()));
    assert_eq!(store.let_go(&acme(), days(90), MANY).await, Ok(nothing), "its record is still there");
    assert!(store.integration(&acme(), &first.id).await.unwrap().is_some());

    let gone = store.let_go(&acme(), days(91), MANY).await.unwrap();
    assert_eq!((gone.integrations, gone.secrets), (1, 0));
    assert_eq!(gone.records, 4, "a test, an hour, a bundle and its recipients");
    assert_eq!(store.integration(&acme(), &first.id).await, Ok(None));
    assert_eq!(store.health_log(&acme(), &first.id, Timestamp(0), 9).await, Ok(Vec::new()));
    assert_eq!(store.generations(&acme(), &bundle.campaign, &bundle.id).await, Ok(Vec::new()));
    assert_eq!(store.let_go(&acme(), days(91), MANY).await, Ok(nothing));
    assert_eq!(store.integrations(&acme()).await, Ok(vec![kept.clone()]), "what is not deleted stays for ever");
    assert_eq!(store.secrets(&acme(), &kept.id).await.unwrap().len(), 1);
}

pub(crate) async fn secrets_of_hooks_that_serve_nothing_go(store: &impl Store) {
    let mut saved = hook();
    store.save_hook(&acme(), &saved, Some(&sealed()), &audit("hook.created")).await.unwrap();
    for _ in 0..3 {
        saved.rotate("••••".to_owned(), 24, NOON);
        saved = Hook { rev: saved.rev + 1, updated_at: NOON, ..saved };
        store.save_hook(&acme(), &saved, Some(&sealed()), &audit("hook.secret_rotated")).await.unwrap();
    }
    assert_eq!(store.let_go(&acme(), NOON.plus_ms(HOUR_MS), MANY).await, Ok(LetGo::default()), "too fresh");
    let gone = store.let_go(&acme(), days(1), MANY).await;
    assert_eq!(gone, Ok(LetGo { secrets: 3, ..LetGo::default() }), "the one before ended with its day");
    let left = store.all_secrets(&acme()).await.unwrap();
    assert_eq!(left.iter().map(|(name, _)| name.version).collect::<Vec<_>>(), [4]);
}

pub(crate) async fn what_outlives_its_time_is_counted(store: &impl Store) {
    let tested = integration(NOON);
    store.save_integration(&acme(), &tested, None, false, &audit("integration.created")).await.unwrap();
    store.record_test(&acme(), &tested, &report(HealthStatus::Ok, NOON), &Principal::System).await.unwrap();
    let look = async |now| store.overdue(&acme(), now, 20).await.unwrap();
    let fine = Overdue { looked: 2, ..Overdue::default() };
    assert_eq!(look(NOON).await, fine);
    assert_eq!(look(days(90)).await, fine, "DynamoDB deletes late");
    let late = look(days(98)).await;
    assert_eq!((late.looked, late.late, late.endless), (2, 2, 0));
    assert_eq!(store.overdue(&scope("other"), days(98), 20).await, Ok(Overdue::default()));
    assert_eq!(store.overdue_lookups(days(98), 20).await.unwrap().late, 0);
}
