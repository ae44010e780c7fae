//! Reading deliveries back.

use crate::fixtures::{
    NOON, SENT, acme, bundle_of, cause, claimed, done, next, payload, request, spring, stored_bundle, stored_single,
};
use domain::bundle::{Bundle, BundleId, MemberResult};
use std::slice;
use trunkline_store::{Store, StoreError};

pub(crate) async fn generations_come_in_order_without_their_neighbours(store: &impl Store) {
    let request = request(12);
    let bundles: Vec<_> = (0..12).map(|number| (bundle_of(&request, Some(number), 2), payload(2))).collect();
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    let mut bundle = bundles[1].0.clone();
    let mut expected = Vec::new();
    for _ in 0..4 {
        let claim = claimed(store, &bundle, NOON.plus_ms(60_000)).await.bundle;
        let finished = done(&claim, &MemberResult::Waiting);
        let child = next(&claim, 0, NOON);
        store.finish(&acme(), &finished, slice::from_ref(&child), false).await.unwrap();
        expected.push(finished);
        bundle = child;
    }
    expected.push(bundle);
    let numbers: Vec<_> = expected.iter().map(|bundle| bundle.id.generation).collect();
    assert_eq!(numbers, [0, 1, 3, 7, 15]);
    assert_eq!(store.generations(&acme(), &spring(), &bundles[1].0.id).await, Ok(expected));
    assert_eq!(store.generations(&acme(), &spring(), &bundles[11].0.id).await.unwrap().len(), 1);
}

pub(crate) async fn a_single_delivery_has_generations_too(store: &impl Store) {
    let (_, bundle) = stored_single(store).await;
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![bundle.clone()]));
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let finished = done(&claim, &MemberResult::Retrying(cause()));
    let child = next(&claim, 0, NOON);
    store.finish(&acme(), &finished, slice::from_ref(&child), false).await.unwrap();
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![finished, child.clone()]));
    assert_eq!(store.payload(&acme(), &spring(), &child.id).await, Ok(Some(payload(1))));
    assert_eq!(claimed(store, &child, NOON).await.inline, None, "only the first generation carries it");
}

pub(crate) async fn a_campaign_is_listed_page_by_page(store: &impl Store) {
    assert_eq!(store.bundles(&acme(), &spring(), None, 2).await.unwrap().items, vec![]);
    for _ in 0..3 {
        stored_single(store).await;
        let request = request(3);
        store.create_request(&acme(), &request, None).await.unwrap();
        let bundles: Vec<_> = (0..3).map(|number| (bundle_of(&request, Some(number), 1), payload(1))).collect();
        store.write_bundles(&acme(), &bundles, false).await.unwrap();
        let claim = claimed(store, &bundles[1].0, NOON).await.bundle;
        let child = next(&claim, 0, NOON);
        store.finish(&acme(), &done(&claim, &MemberResult::Waiting), slice::from_ref(&child), false).await.unwrap();
    }
    let whole = store.bundles(&acme(), &spring(), None, 1_000).await.unwrap();
    assert_eq!((whole.items.len(), &whole.next), (3 + 9 + 3, &None), "no headers, no payloads");
    let generations: Vec<_> = whole.items.iter().map(|bundle| bundle.id.generation).collect();
    assert_eq!(generations, [0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0]);
    for limit in [1, 4, 5, 15] {
        let mut found: Vec<Bundle> = Vec::new();
        let mut cursor = None;
        loop {
            let page = store.bundles(&acme(), &spring(), cursor.as_deref(), limit).await.unwrap();
            assert!(page.items.len() == limit || page.next.is_none(), "only the last page is short");
            found.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, whole.items);
    }
}

pub(crate) async fn payloads_come_in_the_order_asked_for(store: &impl Store) {
    let request = request(120);
    let bundles: Vec<_> =
        (0..120).map(|number| (bundle_of(&request, Some(number), 1), payload(1 + number % 3))).collect();
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    let single = stored_single(store).await.1.id;
    let missing = BundleId { number: Some(500), ..single.clone() };
    let mut ids: Vec<_> = bundles.iter().rev().map(|(bundle, _)| bundle.id.clone()).collect();
    ids.extend([single, missing, ids[0].child(0).unwrap()]);
    let found = store.payloads(&acme(), &spring(), &ids).await.unwrap();
    let mut expected: Vec<_> = bundles.iter().rev().map(|(_, payload)| Some(payload.clone())).collect();
    expected.extend([Some(payload(1)), None, expected[0].clone()]);
    assert_eq!(found, expected);
    assert_eq!(store.payloads(&acme(), &spring(), &[]).await, Ok(vec![]));
}

pub(crate) async fn a_made_up_cursor_is_refused(store: &impl Store) {
    let bundle = stored_bundle(store, 1).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    store.finish(&acme(), &done(&claim, &SENT), &[], false).await.unwrap();
    for cursor in ["", "x", "A#1", "T#other#CFG"] {
        assert_eq!(
            store.bundles(&acme(), &spring(), Some(cursor), 5).await,
            Err(StoreError::InvalidCursor),
            "{cursor}"
        );
        assert_eq!(store.audit(&acme(), Some(cursor), 5).await, Err(StoreError::InvalidCursor), "{cursor}");
    }
    assert_eq!(store.campaigns(&acme(), Some("a b"), 5).await, Err(StoreError::InvalidCursor));
    assert_eq!(store.tenants(Some("A B"), 5).await, Err(StoreError::InvalidCursor));
}
