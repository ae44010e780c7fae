//! Tenants and API keys.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    ids::KeyId,
    key::{KeyMac, KeyRecord},
    tenant::Tenant,
    time::Timestamp,
};
use trunkline_store::{Store, StoreError};

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
    store.remember_mac("aaaaaaaa", &mac).await.unwrap();
    assert_eq!(store.key_by_prefix("aaaaaaaa").await.unwrap().unwrap().mac, Some(mac.clone()));
    assert_eq!(store.remember_mac("cccccccc", &mac).await, Ok(()));
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
