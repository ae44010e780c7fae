//! Erasing a tenant. Besides the tests here, every test of the contract on the table ends by erasing the tenant that it
//! spoke of ([`leaves_nothing_but_the_proof`]): so whatever a store can be made to write is shown to be erased.

use crate::fixtures::{
    NOON, acme, audit, bundle_of, claimed, integration, payload, report, request, scope, spring, stored_bundle,
    stored_single,
};
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use domain::{
    allow_list::AllowList,
    audit::{AuditEntry, Head},
    health::HealthStatus,
    ids::KeyId,
    integration::Integration,
    key::KeyRecord,
    principal::Principal,
    quota::Tier,
    rate::RateState,
    settings::TenantSettings,
    tenant::{Tenant, TenantScope, TenantState},
    time::Timestamp,
};
use std::collections::HashMap;
use trunkline_store::{
    ClaimError, Erasure, HeldFor, Store, StoreError, check_chain,
    dynamo::{DynamoStore, Tables},
};

const LATER: Timestamp = Timestamp(NOON.0 + 300_000);

async fn make(store: &impl Store, scope: &TenantScope) {
    let tenant = Tenant::new(scope.tenant().clone(), "The company".to_owned(), NOON);
    match store.create_tenant(&tenant, &audit("tenant.created")).await {
        Ok(()) | Err(StoreError::Conflict) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Erases a tenant in small steps; how many there were that found something.
async fn erase(store: &impl Erasure, scope: &TenantScope, limit: usize) -> usize {
    let begun = store.begin_erasure(scope, &audit("tenant.erasure_begun")).await.unwrap().unwrap();
    assert_ne!(begun.state(), TenantState::Active);
    let mut steps = 0;
    while store.erase_access(scope, limit).await.unwrap() > 0 {
        steps += 1;
    }
    while store.erase_data(scope, limit).await.unwrap() > 0 {
        steps += 1;
    }
    let last = AuditEntry { at: LATER, ..audit("tenant.erased") };
    assert_eq!(store.end_erasure(scope, &last).await.unwrap().state(), TenantState::Erased);
    steps
}

fn key(scope: &TenantScope, prefix: &str) -> KeyRecord {
    KeyRecord {
        id: KeyId::generate(),
        prefix: prefix.to_owned(),
        tenant: scope.tenant().clone(),
        name: "CI".to_owned(),
        grants: vec!["campaigns:*".to_owned().try_into().unwrap()],
        bcrypt: "$2b$12$...".to_owned(),
        mac: None,
        created_at: NOON,
        expires_at: None,
        revoked_at: None,
        tier: Tier::Basic,
        allow: AllowList::default(),
        previous: None,
        suspended: None,
        reminded: None,
        rev: 1,
    }
}

/// What is left of a tenant, as its people would see it.
async fn seen(store: &impl Store, scope: &TenantScope) -> String {
    let integrations = store.integrations(scope).await.unwrap();
    let mut health = Vec::new();
    for integration in &integrations {
        health.extend(store.health_log(scope, &integration.id, Timestamp(0), 10).await.unwrap());
    }
    let bundles = store.bundles(scope, &spring(), None, 100).await.unwrap().items;
    let campaigns = store.campaigns(scope, None, 10).await.unwrap().items;
    let (keys, settings) = (store.keys(scope).await.unwrap(), store.settings(scope).await.unwrap());
    let due = store.due(NOON.plus_ms(10_000_000), 1_000).await.unwrap();
    let due: Vec<_> =
        due.into_iter().map(|due| format!("{due:?}")).filter(|due| due.contains(&format!("{scope:?}"))).collect();
    format!("{integrations:?} {health:?} {bundles:?} {campaigns:?} {keys:?} {settings:?} {due:?}")
}

/// A tenant with something of most kinds.
async fn settle_in(store: &impl Store, scope: &TenantScope, prefix: &str) {
    make(store, scope).await;
    store.create_key(scope, &key(scope, prefix), &audit("key.created")).await.unwrap();
    for place in 0..3 {
        let integration = integration(NOON.plus_ms(place));
        store.save_integration(scope, &integration, None, true, &audit("integration.created")).await.unwrap();
        let tested = report(HealthStatus::Ok, NOON.plus_ms(place));
        store.record_test(scope, &integration, &tested, &Principal::System).await.unwrap();
        let rate = RateState { rev: 1, ..RateState::default() };
        store.save_rate(scope, &integration.id, &rate).await.unwrap();
    }
    let settings = TenantSettings { rev: 1, ..TenantSettings::default() };
    store.save_settings(scope, &settings, &audit("settings.updated")).await.unwrap();
    store.ensure_campaign(scope, &spring(), &audit("campaign.launched")).await.unwrap();
    let request = request(30);
    store.create_request(scope, &request, None).await.unwrap();
    let bundles: Vec<_> = (0..30).map(|number| (bundle_of(&request, Some(number), 2), payload(2))).collect();
    store.write_bundles(scope, &bundles, false).await.unwrap();
}

pub(crate) async fn an_erased_tenant_leaves_its_name_and_its_trail(store: &impl Store) {
    // A name that begins with another's, and one that another's begins with.
    let (acme, longer, shorter) = (acme(), scope("acme-2"), scope("acm"));
    for (scope, prefix) in [(&acme, "aaaaaaaa"), (&longer, "bbbbbbbb"), (&shorter, "cccccccc")] {
        settle_in(store, scope, prefix).await;
    }
    let others = (seen(store, &longer).await, seen(store, &shorter).await);
    assert!(erase(store, &acme, 7).await > 9, "bounded work");
    assert_eq!(seen(store, &acme).await, seen(store, &scope("nobody")).await);
    assert_eq!((seen(store, &longer).await, seen(store, &shorter).await), others, "others are left alone");
    assert_eq!(store.key_by_prefix("aaaaaaaa").await, Ok(None));
    assert!(store.key_by_prefix("bbbbbbbb").await.unwrap().is_some());

    let tombstone = store.tenant(acme.tenant()).await.unwrap().unwrap();
    assert_eq!((tombstone.name.as_str(), tombstone.erasing_since, tombstone.erased_at), ("", Some(NOON), Some(LATER)));
    let again = Tenant::new(acme.tenant().clone(), "Another".to_owned(), LATER);
    assert_eq!(store.create_tenant(&again, &audit("tenant.created")).await, Err(StoreError::Conflict));
    let check = check_chain(store, &acme, Head::default(), 1_000).await.unwrap();
    assert_eq!((check.broken, check.more), (None, false));
    let trail = store.audit(&acme, None, 200).await.unwrap().items;
    let newest: Vec<_> = trail.iter().rev().take(2).map(|record| record.action.as_str()).collect();
    assert_eq!(newest, ["tenant.erased", "tenant.erasure_begun"]);
}

pub(crate) async fn an_erasure_is_repeated_from_wherever_it_was_left(store: &impl Store) {
    assert_eq!(store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await, Ok(None), "there is no such tenant");
    settle_in(store, &acme(), "aaaaaaaa").await;
    assert_eq!(store.end_erasure(&acme(), &audit("tenant.erased")).await, Err(StoreError::Conflict), "not begun");
    for _ in 0..2 {
        let begun = store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await.unwrap().unwrap();
        assert_eq!(begun.erasing_since, Some(NOON));
    }
    store.erase_access(&acme(), 4).await.unwrap();
    erase(store, &acme(), 100).await;
    assert_eq!(erase(store, &acme(), 100).await, 0, "and once more when it is done");
    let trail = store.audit(&acme(), None, 200).await.unwrap().items;
    for action in ["tenant.erasure_begun", "tenant.erased"] {
        assert_eq!(trail.iter().filter(|record| record.action == action).count(), 1, "{action}");
    }
}

pub(crate) async fn from_the_beginning_of_an_erasure_nothing_comes_back_to_life(store: &impl Store) {
    settle_in(store, &acme(), "aaaaaaaa").await;
    let bundle = stored_bundle(store, 2).await;
    let (_, held) = stored_single(store).await;
    let at_work = claimed(store, &bundle, NOON).await.bundle;
    let waits = claimed(store, &held, NOON).await.bundle;
    store.hold(&acme(), &waits, &HeldFor::Campaign(spring())).await.unwrap();
    let known = store.integrations(&acme()).await.unwrap().remove(0);
    store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await.unwrap();

    let changed = Integration { rev: known.rev + 1, ..known.clone() };
    let saved = store.save_integration(&acme(), &changed, None, false, &audit("integration.updated")).await;
    assert_eq!(saved, Err(StoreError::Erased));
    let key = key(&acme(), "dddddddd");
    assert_eq!(store.create_key(&acme(), &key, &audit("key.created")).await, Err(StoreError::Erased));
    let launched = store.ensure_campaign(&acme(), &"autumn".parse().unwrap(), &audit("campaign.launched")).await;
    assert_eq!(launched, Err(StoreError::Erased));
    assert_eq!(store.append_audit(&acme(), &audit("something.happened")).await, Err(StoreError::Erased));

    erase(store, &acme(), 100).await;
    // A sender that was at work when the data went writes nothing any more, nor does who comes late.
    let next = crate::fixtures::next(&at_work, 0, NOON);
    let done = crate::fixtures::done(&at_work, &crate::fixtures::SENT);
    assert_eq!(store.finish(&acme(), &done, std::slice::from_ref(&next), true).await, Err(StoreError::Conflict));
    assert_eq!(store.put_back(&acme(), &at_work, LATER, true).await, Err(StoreError::Conflict));
    assert_eq!(store.cancel(&acme(), &at_work).await, Err(StoreError::Conflict));
    assert_eq!(store.release(&acme(), &spring(), &waits.id, LATER).await, Err(StoreError::Conflict));
    assert_eq!(store.claim(&acme(), &spring(), &bundle.id, LATER).await, Err(ClaimError::Gone));
    store.mark_dispatched(&acme(), &spring(), &bundle.id.request).await.unwrap();
    assert_eq!(seen(store, &acme()).await, seen(store, &scope("nobody")).await);
}

/// Erases the tenant that a test spoke of, then looks at every item of both tables.
pub(crate) async fn leaves_nothing_but_the_proof(store: &DynamoStore, client: &Client, tables: &Tables) {
    make(store, &acme()).await;
    let partitions = every_item(client, &tables.tenant).await;
    for part in partitions.iter().filter_map(|item| text(item, "pk").strip_prefix("T#acme#")) {
        bring_about(store, part).await;
    }
    erase(store, &acme(), 40).await;
    for table in [&tables.tenant, &tables.auth] {
        for item in every_item(client, table).await {
            let (pk, sk) = (text(&item, "pk"), text(&item, "sk"));
            let is_proof = pk == "T#acme#AUD" || (pk, sk) == ("TENANT", "acme");
            let shown = format!("{item:?}");
            let names_it = shown.contains("T#acme#") || shown.contains("S(\"acme\")");
            assert!(is_proof || !names_it, "left: {shown}");
        }
    }
}

type Item = HashMap<String, AttributeValue>;

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

async fn every_item(client: &Client, table: &str) -> Vec<Item> {
    let (mut items, mut start) = (Vec::new(), None);
    loop {
        let page = client.scan().table_name(table).set_exclusive_start_key(start).consistent_read(true);
        let page = page.send().await.unwrap();
        items.extend(page.items().iter().cloned());
        start = page.last_evaluated_key().cloned();
        if start.is_none() {
            return items;
        }
    }
}

/// Some tests speak of deliveries without their campaign, or of the health of an integration that was never saved, which
/// no function does.
async fn bring_about(store: &impl Store, partition: &str) {
    let Some((kind, name)) = partition.split_once('#') else { return };
    if kind == "C" {
        // One whose chain is closed already is refused.
        let _ = store.ensure_campaign(&acme(), &name.parse().unwrap(), &audit("campaign.launched")).await;
    } else if let Ok(id) = name.parse() {
        let saved = Integration { id, ..integration(NOON) };
        let _ = store.save_integration(&acme(), &saved, None, false, &audit("integration.created")).await;
    }
}
