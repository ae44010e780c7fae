//! Inbound webhooks and what they received.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    hook::{
        BODY_MAX_BYTES, Call, Cause, Hook, HookEvent, INLINE_MAX_BYTES, PreviousSecret, REPLAY_WINDOW_S, Rejection,
        SEEN_KEEP_MS, Scheme, SchemeName, minute_of,
    },
    ids::{HookEventId, HookId},
    principal::Principal,
    time::{MINUTE_MS, Timestamp},
};
use std::collections::BTreeMap;
use trunkline_store::{Captured, SealedSecret, Store, StoreError};

pub(crate) fn hook() -> Hook {
    let settings =
        serde_json::json!({"header": "X-Sig", "timestamp_header": "X-Time", "template": "{timestamp}.{body}"});
    Hook {
        id: HookId::generate(),
        name: "الأحداث".to_owned(),
        scheme: Scheme::Hmac(serde_json::from_value(settings).unwrap()),
        events: vec!["issues.*".parse().unwrap()],
        enabled: true,
        replay_window_s: REPLAY_WINDOW_S,
        secret_mask: "••••••••cret".to_owned(),
        secret_version: 1,
        previous: None,
        created_at: NOON,
        updated_at: NOON,
        updated_by: Principal::Operator,
        rev: 1,
    }
}

fn sealed(name: &str) -> SealedSecret {
    SealedSecret {
        data_key: name.to_owned(),
        ciphertext: name.to_owned(),
        created_at: NOON,
        by: None,
        fields: BTreeMap::new(),
        re_encrypted_at: None,
    }
}

pub(crate) fn event(hook: &HookId, at: Timestamp) -> HookEvent {
    HookEvent {
        id: HookEventId::generate(),
        hook: hook.clone(),
        hook_name: "Code".to_owned(),
        scheme: SchemeName::Github,
        received_at: at,
        event: Some("issues.opened".to_owned()),
        provider_id: None,
        headers: BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]),
        body_bytes: 2,
        replays: 0,
    }
}

pub(crate) async fn a_hook_is_found_by_its_id_before_its_tenant_is_known(store: &impl Store) {
    let first = hook();
    assert_eq!(store.hook_owner(&first.id).await, Ok(None));
    store.save_hook(&acme(), &first, Some(&sealed("one")), &audit("hook.created")).await.unwrap();
    assert_eq!(store.hook_owner(&first.id).await, Ok(Some(acme())));
    assert_eq!(store.hook(&acme(), &first.id).await, Ok(Some(first.clone())));
    assert_eq!(store.hook_secret(&acme(), &first.id, 1).await, Ok(Some(sealed("one"))));
    let globex = scope("globex");
    assert_eq!(store.hook(&globex, &first.id).await, Ok(None));
    assert_eq!(store.hook_secret(&globex, &first.id, 1).await, Ok(None));
    let stolen = store.save_hook(&globex, &first, None, &audit("hook.created")).await;
    assert_eq!(stolen, Err(StoreError::Conflict), "an id is one tenant's");
    let second = Hook { created_at: NOON.plus_ms(1), ..hook() };
    store.save_hook(&acme(), &second, None, &audit("hook.created")).await.unwrap();
    assert_eq!(store.hooks(&acme()).await, Ok(vec![first, second]));
    assert_eq!(store.hooks(&globex).await, Ok(vec![]));
}

pub(crate) async fn a_writer_must_have_seen_the_newest_hook(store: &impl Store) {
    let first = hook();
    store.save_hook(&acme(), &first, Some(&sealed("one")), &audit("hook.created")).await.unwrap();
    let previous = Some(PreviousSecret { version: 1, until: NOON.plus_ms(1) });
    let next = Hook { rev: 2, secret_version: 2, previous, ..first.clone() };
    store.save_hook(&acme(), &next, Some(&sealed("two")), &audit("hook.secret_rotated")).await.unwrap();
    assert_eq!(store.hook_secret(&acme(), &first.id, 1).await, Ok(Some(sealed("one"))), "it is still valid");
    assert_eq!(store.hook_secret(&acme(), &first.id, 2).await, Ok(Some(sealed("two"))));
    let late = store.save_hook(&acme(), &next, None, &audit("hook.updated")).await;
    assert_eq!(late, Err(StoreError::Conflict));
    assert_eq!(store.delete_hook(&acme(), &first, &audit("hook.deleted")).await, Err(StoreError::Conflict));
    store.delete_hook(&acme(), &next, &audit("hook.deleted")).await.unwrap();
    assert_eq!(store.hook(&acme(), &first.id).await, Ok(None));
    assert_eq!(store.hook_owner(&first.id).await, Ok(None));
    for version in [1, 2] {
        assert_eq!(store.hook_secret(&acme(), &first.id, version).await, Ok(None), "no secret is left behind");
    }
    let trail = store.audit(&acme(), None, 10).await.unwrap().items;
    let actions: Vec<_> = trail.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["hook.created", "hook.secret_rotated", "hook.deleted"]);
}

pub(crate) async fn an_event_is_captured_once_a_day(store: &impl Store) {
    let hook = HookId::generate();
    let first = event(&hook, NOON);
    let capture =
        async |event: &HookEvent, fingerprint| store.capture(&acme(), event, b"{}", fingerprint).await.unwrap();
    assert_eq!(capture(&first, Some("f")).await, Captured::Fresh(first.id.clone()));
    let again = event(&hook, NOON.plus_ms(SEEN_KEEP_MS - 1_000));
    assert_eq!(capture(&again, Some("f")).await, Captured::Duplicate(first.id.clone()));
    let tomorrow = event(&hook, NOON.plus_ms(SEEN_KEEP_MS + 2_000));
    assert_eq!(capture(&tomorrow, Some("f")).await, Captured::Fresh(tomorrow.id.clone()));
    let elsewhere = event(&HookId::generate(), NOON);
    assert_eq!(capture(&elsewhere, Some("f")).await, Captured::Fresh(elsewhere.id.clone()), "of another hook");
    let other = event(&hook, NOON);
    let globex = store.capture(&scope("globex"), &other, b"{}", Some("f")).await.unwrap();
    assert_eq!(globex, Captured::Fresh(other.id), "of another tenant");
    for _ in 0..2 {
        let unnamed = event(&hook, NOON);
        assert_eq!(capture(&unnamed, None).await, Captured::Fresh(unnamed.id.clone()), "nothing tells them apart");
    }
    assert_eq!(store.hook_events(&acme(), &hook, None, 10).await.unwrap().items.len(), 4);
    assert_eq!(store.hook_event(&acme(), &hook, &first.id).await, Ok(Some((first.clone(), b"{}".to_vec()))));
    assert_eq!(store.hook_event(&scope("globex"), &hook, &first.id).await, Ok(None));
}

pub(crate) async fn of_concurrent_captures_one_is_fresh(store: &impl Store) {
    let hook = HookId::generate();
    let events: Vec<_> = (0..8).map(|_| event(&hook, NOON)).collect();
    let scope = acme();
    let captured =
        futures::future::join_all(events.iter().map(|event| store.capture(&scope, event, b"x", Some("f")))).await;
    let fresh = captured.iter().filter(|captured| matches!(captured, Ok(Captured::Fresh(_)))).count();
    assert_eq!(fresh, 1, "{captured:?}");
    assert_eq!(store.hook_events(&acme(), &hook, None, 10).await.unwrap().items.len(), 1);
}

pub(crate) async fn a_body_is_kept_byte_for_byte_up_to_its_limit(store: &impl Store) {
    let hook = HookId::generate();
    for size in [0, 1, INLINE_MAX_BYTES, INLINE_MAX_BYTES + 1, BODY_MAX_BYTES] {
        let body: Vec<u8> = (0..size).map(|at| u8::try_from(at * 7 % 256).unwrap()).collect();
        let event = event(&hook, NOON);
        store.capture(&acme(), &event, &body, None).await.unwrap();
        let (_, kept) = store.hook_event(&acme(), &hook, &event.id).await.unwrap().unwrap();
        assert!(kept == body, "{size} bytes");
    }
    assert_eq!(store.hook_events(&acme(), &hook, None, 10).await.unwrap().items.len(), 5, "no parts among them");
}

pub(crate) async fn events_come_newest_first_page_by_page(store: &impl Store) {
    let hook = HookId::generate();
    let mut ids = Vec::new();
    for _ in 0..7 {
        let event = event(&hook, NOON);
        store.capture(&acme(), &event, b"{}", None).await.unwrap();
        ids.push(event.id);
    }
    ids.sort();
    ids.reverse();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.hook_events(&acme(), &hook, cursor.as_deref(), 3).await.unwrap();
        found.extend(page.items.into_iter().map(|event| event.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, ids);
    assert_eq!(store.hook_events(&acme(), &hook, Some("x"), 3).await, Err(StoreError::InvalidCursor));
    assert_eq!(store.hook_events(&acme(), &HookId::generate(), None, 3).await.unwrap().items, []);
}

pub(crate) async fn a_replay_is_counted_and_remembered(store: &impl Store) {
    let hook = HookId::generate();
    let event = event(&hook, NOON);
    let replay = async || store.replay_hook_event(&acme(), &hook, &event.id, &audit("hook.event_replayed")).await;
    assert_eq!(replay().await, Ok(None));
    store.capture(&acme(), &event, b"{}", None).await.unwrap();
    assert_eq!(replay().await.unwrap().unwrap().replays, 1);
    assert_eq!(replay().await.unwrap().unwrap().replays, 2);
    let (stored, body) = store.hook_event(&acme(), &hook, &event.id).await.unwrap().unwrap();
    assert_eq!((stored.replays, body), (2, b"{}".to_vec()));
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 2);
}

pub(crate) async fn what_is_turned_away_is_counted_by_minute_and_cause(store: &impl Store) {
    let hook = HookId::generate();
    let headers = BTreeMap::from([("user-agent".to_owned(), "curl".to_owned())]);
    let call = Call { url: "", headers: &headers, body: b"x" };
    let count = async |cause, count, ms: i64, event: Option<&str>| {
        let rejection = Rejection { count, ..Rejection::of(cause, &call, "203.0.113.7", event, NOON.plus_ms(ms)) };
        store.count_rejection(&acme(), &hook, &rejection).await.unwrap();
        rejection
    };
    count(Cause::SignatureMismatch, 1, 0, None).await;
    let last = count(Cause::SignatureMismatch, 4, 500, None).await;
    let filtered = count(Cause::Filtered, 1, 700, Some("push")).await;
    let later = count(Cause::SignatureMismatch, 1, MINUTE_MS, None).await;
    let whole = store.rejections(&acme(), &hook, None, 10).await.unwrap();
    assert_eq!(whole.items, [later, Rejection { count: 5, ..last }, filtered]);
    assert_eq!(whole.items[1].minute, minute_of(NOON));
    let first = store.rejections(&acme(), &hook, None, 1).await.unwrap();
    let rest = store.rejections(&acme(), &hook, first.next.as_deref(), 10).await.unwrap();
    assert_eq!([first.items, rest.items].concat(), whole.items);
    assert_eq!(store.rejections(&acme(), &hook, Some("1.nothing"), 1).await, Err(StoreError::InvalidCursor));
    assert_eq!(store.rejections(&scope("globex"), &hook, None, 1).await.unwrap().items, []);
}

pub(crate) async fn an_erased_tenant_leaves_no_hook(store: &impl Store) {
    let tenant = domain::tenant::Tenant::new(acme().tenant().clone(), "The company".to_owned(), NOON);
    store.create_tenant(&tenant, &audit("tenant.created")).await.unwrap();
    let hook = hook();
    store.save_hook(&acme(), &hook, Some(&sealed("one")), &audit("hook.created")).await.unwrap();
    let event = event(&hook.id, NOON);
    store.capture(&acme(), &event, &vec![b'x'; INLINE_MAX_BYTES + 1], Some("f")).await.unwrap();
    let headers = BTreeMap::new();
    let call = Call { url: "", headers: &headers, body: b"x" };
    let rejection = Rejection::of(Cause::BodyTooLarge, &call, "", None, NOON);
    store.count_rejection(&acme(), &hook.id, &rejection).await.unwrap();
    store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await.unwrap();
    while store.erase_access(&acme(), 25).await.unwrap() > 0 {}
    assert_eq!(store.hook_owner(&hook.id).await, Ok(None), "no call begins any more");
    while store.erase_data(&acme(), 25).await.unwrap() > 0 {}
    assert_eq!(store.hook(&acme(), &hook.id).await, Ok(None));
    assert_eq!(store.hook_secret(&acme(), &hook.id, 1).await, Ok(None));
    assert_eq!(store.hook_events(&acme(), &hook.id, None, 10).await.unwrap().items, []);
    assert_eq!(store.rejections(&acme(), &hook.id, None, 10).await.unwrap().items, []);
    let again = store.capture(&acme(), &event, b"x", Some("f")).await.unwrap();
    assert_eq!(again, Captured::Fresh(event.id), "what was seen is forgotten");
}

pub(crate) async fn a_hooks_data_key_is_found_and_replaced_like_an_integrations(store: &impl Store) {
    let hook = hook();
    store.save_hook(&acme(), &hook, Some(&sealed("one")), &audit("hook.created")).await.unwrap();
    let integration = crate::fixtures::integration(NOON);
    let audit = audit("integration.created");
    store.save_integration(&acme(), &integration, Some(&sealed("other")), false, &audit).await.unwrap();
    let all = store.all_secrets(&acme()).await.unwrap();
    let owners: Vec<_> = all.iter().map(|(name, _)| name.owner.to_string()).collect();
    assert_eq!(owners, [integration.id.to_string(), hook.id.to_string()]);
    assert!(all[0].0 < all[1].0, "in the order of their names");
    let (name, old) = &all[1];
    assert_eq!(store.rewrap_secret(&acme(), name, old, "anew", NOON).await, Ok(true));
    let stored = store.hook_secret(&acme(), &hook.id, 1).await.unwrap().unwrap();
    assert_eq!((stored.data_key.as_str(), stored.re_encrypted_at), ("anew", Some(NOON)));
}
