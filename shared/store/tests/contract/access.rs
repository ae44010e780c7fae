//! Tenants and API keys.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    allow_list::AllowList,
    ids::KeyId,
    key::{KeyMac, KeyRecord},
    quota::{KeyUse, Tier, Tiers, Unspent},
    tenant::Tenant,
    time::{DAY_MS, Timestamp},
};
use trunkline_store::{KeyUseConflict, Store, StoreError};

fn tenant(id: &str) -> Tenant {
    Tenant::new(id.parse().unwrap(), format!("The {id} company"), NOON)
}

fn key(prefix: &str, created_at: Timestamp) -> KeyRecord {
    KeyRecord {
        id: KeyId::generate(),
        prefix: prefix.to_owned(),
        tenant: acme().tenant().clone(),
        name: "CI".to_owned(),
        grants: vec!["campaigns:*".to_owned().try_into().unwrap()],
        bcrypt: "$2b$12$...".to_owned(),
        mac: None,
        created_at,
        expires_at: Some(NOON.plus_ms(1)),
        revoked_at: None,
        tier: Tier::Basic,
        allow: AllowList::default(),
        previous: None,
        suspended: None,
        reminded: None,
        rev: 1,
    }
}

pub(crate) async fn a_tenant_is_created_once(store: &impl Store) {
    let acme = tenant("acme");
    assert_eq!(store.tenant(&acme.id).await, Ok(None));
    store.create_tenant(&acme, &audit("tenant.created")).await.unwrap();
    assert_eq!(store.create_tenant(&acme, &audit("tenant.created")).await, Err(StoreError::Conflict));
    assert_eq!(store.tenant(&acme.id).await, Ok(Some(acme)));
    let records = store.audit(&scope("acme"), None, 10).await.unwrap().items;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].action, "tenant.created");
}

pub(crate) async fn tenants_come_in_order_of_their_ids(store: &impl Store) {
    let names = ["b", "a", "d", "c"];
    for name in names {
        store.create_tenant(&tenant(name), &audit("tenant.created")).await.unwrap();
    }
    let first = store.tenants(None, 3).await.unwrap();
    assert_eq!(first.items, [tenant("a"), tenant("b"), tenant("c")]);
    let second = store.tenants(first.next.as_deref(), 3).await.unwrap();
    assert_eq!((second.items, second.next), (vec![tenant("d")], None));
    assert_eq!(store.tenants(None, 4).await.unwrap().next, None);
}

pub(crate) async fn a_key_is_found_by_prefix_and_by_id(store: &impl Store) {
    let (newer, older) = (key("bbbbbbbb", NOON.plus_ms(1)), key("aaaaaaaa", NOON));
    for key in [&newer, &older] {
        store.create_key(&acme(), key, &audit("key.created")).await.unwrap();
    }
    assert_eq!(store.key_by_prefix("aaaaaaaa").await, Ok(Some(older.clone())));
    assert_eq!(store.key_by_prefix("cccccccc").await, Ok(None));
    assert_eq!(store.key(&acme(), &newer.id).await, Ok(Some(newer.clone())));
    assert_eq!(store.keys(&acme()).await, Ok(vec![older.clone(), newer.clone()]), "oldest first");
    let other = scope("other");
    assert_eq!(store.key(&other, &newer.id).await, Ok(None));
    assert_eq!(store.keys(&other).await, Ok(vec![]));
    assert_eq!(store.revoke_key(&other, &newer.id, NOON, &audit("key.revoked")).await, Ok(false));

    let mac = KeyMac { pepper: "v1".to_owned(), hash: "aGFzaA==".to_owned() };
    store.remember_mac("aaaaaaaa", "of another secret", &mac).await.unwrap();
    assert_eq!(store.key_by_prefix("aaaaaaaa").await.unwrap().unwrap().mac, None, "it was regenerated meanwhile");
    store.remember_mac("aaaaaaaa", &older.bcrypt, &mac).await.unwrap();
    assert_eq!(store.key_by_prefix("aaaaaaaa").await.unwrap().unwrap().mac, Some(mac.clone()));
    assert_eq!(store.remember_mac("cccccccc", "", &mac).await, Ok(()));
    assert_eq!(store.key_by_prefix("cccccccc").await, Ok(None), "a hash alone makes no key");
}

pub(crate) async fn a_taken_prefix_is_refused(store: &impl Store) {
    let first = key("aaaaaaaa", NOON);
    store.create_key(&acme(), &first, &audit("key.created")).await.unwrap();
    let second = key("aaaaaaaa", NOON);
    assert_eq!(store.create_key(&acme(), &second, &audit("key.created")).await, Err(StoreError::Conflict));
    assert_eq!(store.key(&acme(), &second.id).await, Ok(None), "all or nothing");
    assert_eq!(store.key_by_prefix("aaaaaaaa").await, Ok(Some(first)));
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 1);
}

pub(crate) async fn a_revoked_key_stays_revoked(store: &impl Store) {
    let first = key("aaaaaaaa", NOON);
    store.create_key(&acme(), &first, &audit("key.created")).await.unwrap();
    assert_eq!(store.revoke_key(&acme(), &KeyId::generate(), NOON, &audit("key.revoked")).await, Ok(false));
    for minute in 1..=2 {
        let at = NOON.plus_ms(minute);
        assert_eq!(store.revoke_key(&acme(), &first.id, at, &audit("key.revoked")).await, Ok(true));
        let stored = store.key_by_prefix("aaaaaaaa").await.unwrap().unwrap();
        assert_eq!(stored.revoked_at, Some(NOON.plus_ms(1)), "the first time counts");
        assert_eq!(store.keys(&acme()).await, Ok(vec![stored]));
    }
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 2);
}

pub(crate) async fn a_writer_must_have_seen_the_newest_key(store: &impl Store) {
    let first = key("aaaaaaaa", NOON);
    let changed = |name: &str, rev| KeyRecord { name: name.to_owned(), rev, ..first.clone() };
    assert_eq!(store.save_key(&acme(), &changed("a", 2), None).await, Err(StoreError::Conflict), "there is none");
    store.create_key(&acme(), &first, &audit("key.created")).await.unwrap();
    store.save_key(&acme(), &changed("a", 2), Some(&audit("key.changed"))).await.unwrap();
    assert_eq!(store.save_key(&acme(), &changed("b", 2), Some(&audit("key.changed"))).await, Err(StoreError::Conflict));
    store.save_key(&acme(), &changed("c", 3), None).await.unwrap();
    assert_eq!(store.key(&acme(), &first.id).await, Ok(Some(changed("c", 3))));
    assert_eq!(store.key_by_prefix("aaaaaaaa").await, Ok(Some(changed("c", 3))));
    assert_eq!(store.save_key(&scope("other"), &changed("d", 4), None).await, Err(StoreError::Conflict));
    assert_eq!(store.revoke_key(&acme(), &first.id, NOON, &audit("key.revoked")).await, Ok(true));
    assert_eq!(store.key(&acme(), &first.id).await.unwrap().unwrap().rev, 4);
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 3);
}

pub(crate) async fn a_key_that_expires_is_found_when_its_tenant_is_to_be_reminded(store: &impl Store) {
    let mut soon = key("aaaaaaaa", NOON);
    soon.expire(Some(NOON.plus_ms(3 * DAY_MS)), NOON);
    let mut later = key("bbbbbbbb", NOON);
    later.expire(Some(NOON.plus_ms(31 * DAY_MS)), NOON);
    let mut never = key("cccccccc", NOON);
    never.expire(None, NOON);
    for key in [&soon, &later, &never] {
        store.create_key(&acme(), key, &audit("key.created")).await.unwrap();
    }
    let due = async |days: i64| {
        let due = store.keys_due(NOON.plus_ms(days * DAY_MS), 10).await.unwrap();
        due.into_iter().map(|(scope, id)| (scope.tenant().to_string(), id)).collect::<Vec<_>>()
    };
    let named = |key: &KeyRecord| ("acme".to_owned(), key.id.clone());
    assert_eq!(due(0).await, []);
    assert_eq!(due(1).await, [named(&later)], "the longest overdue comes first, and nobody is reminded at once");
    assert_eq!(due(2).await, [named(&later), named(&soon)]);
    later.reminded = Some(30);
    later.rev += 1;
    store.save_key(&acme(), &later, None).await.unwrap();
    assert_eq!(due(2).await, [named(&soon)]);
    assert_eq!(due(24).await, [named(&soon), named(&later)]);
    store.revoke_key(&acme(), &soon.id, NOON, &audit("key.revoked")).await.unwrap();
    assert_eq!(due(24).await, [named(&later)], "a revoked key is nothing to be reminded of");
}

pub(crate) async fn what_a_key_used_is_counted_once(store: &impl Store) {
    let first = key("aaaaaaaa", NOON);
    store.create_key(&acme(), &first, &audit("key.created")).await.unwrap();
    let quota = Tiers::default().of(Tier::Basic);
    let fresh = store.key_use("aaaaaaaa").await.unwrap();
    assert_eq!(fresh, KeyUse::default());
    let (next, _) = fresh.lease(quota, 1, Unspent::default(), NOON).unwrap();
    store.save_key_use(acme().tenant(), "aaaaaaaa", &next).await.unwrap();
    let other = fresh.lease(quota, 7, Unspent::default(), NOON).unwrap().0;
    let refused = store.save_key_use(acme().tenant(), "aaaaaaaa", &other).await;
    assert_eq!(refused, Err(KeyUseConflict::Newer(Box::new(next.clone()))));
    let (next, _) = next.failed(3, NOON);
    store.save_key_use(acme().tenant(), "aaaaaaaa", &next).await.unwrap();
    assert_eq!(store.key_use("aaaaaaaa").await, Ok(next));
    assert_eq!(store.key_use("bbbbbbbb").await, Ok(KeyUse::default()));
}
