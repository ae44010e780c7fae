//! What the way in of events remembers: requests, chains of events with the same key, registered types.

use crate::fixtures::{NOON, acme, audit, bundle_of, next, payload, request, scope};
use domain::{
    bundle::{BundleId, KEEP_MS},
    ids::{CampaignId, IntegrationId, RequestId},
    principal::Principal,
    webhook::{EventType, batch::Wanted, registered::RegisteredType},
};
use futures::future::join_all;
use std::collections::BTreeSet;
use trunkline_store::{EventRequest, LINKS_KEPT, Match, Store, StoreError};

fn event_request() -> EventRequest {
    let wanted = Wanted::of(30, |number| number % 3 == 0);
    EventRequest {
        id: RequestId::generate(),
        body_hash: "0c".repeat(32),
        at: NOON,
        matches: vec![
            Match { endpoint: IntegrationId::generate(), ordered: false, wanted: wanted.clone() },
            Match { endpoint: IntegrationId::generate(), ordered: true, wanted },
        ],
    }
}

pub(crate) async fn a_request_of_events_is_begun_once(store: &impl Store) {
    let (first, other) = (event_request(), event_request());
    assert_eq!(store.begin_event_request(&acme(), &first).await, Ok(None));
    assert_eq!(store.begin_event_request(&acme(), &other).await, Ok(None));
    let again = EventRequest { at: NOON.plus_ms(5), matches: Vec::new(), ..first.clone() };
    assert_eq!(store.begin_event_request(&acme(), &again).await, Ok(Some(first)));
    assert_eq!(store.begin_event_request(&scope("globex"), &again).await, Ok(None), "tenants never meet");
    let over = EventRequest { at: NOON.plus_ms(KEEP_MS + 1_000), ..other };
    assert_eq!(store.begin_event_request(&acme(), &over).await, Ok(None), "its time is over");
}

fn first_of(request: &RequestId) -> BundleId {
    BundleId { request: request.clone(), number: Some(0), generation: 0 }
}

fn fresh() -> BundleId {
    first_of(&RequestId::generate())
}

/// Links a bundle and writes it, as the way in does.
async fn link(store: &impl Store, endpoint: &IntegrationId, key: &str, id: &BundleId) -> Option<BundleId> {
    let before = store.chain(&acme(), endpoint, key, id, NOON).await.unwrap();
    write(store, endpoint, id).await;
    before
}

async fn write(store: &impl Store, endpoint: &IntegrationId, id: &BundleId) {
    let campaign = CampaignId::of_endpoint(endpoint);
    let request = trunkline_store::Request { id: id.request.clone(), campaign, ..request(0) };
    let bundle = bundle_of(&request, id.number, 1);
    if id.number.is_some() {
        store.write_bundles(&acme(), &[(bundle, payload(1))], true).await.unwrap();
    } else {
        store.create_request(&acme(), &request, Some((&bundle, &payload(1)))).await.unwrap();
    }
}

pub(crate) async fn a_chain_is_linked_in_order_and_a_repeat_finds_its_place(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let chain = async |bundle: &BundleId| link(store, &endpoint, "order-1", bundle).await;
    let single = BundleId { number: None, ..fresh() };
    let (second, third) = (fresh(), fresh());
    assert_eq!(chain(&single).await, None);
    assert_eq!(chain(&single).await, None, "a repeat is not its own predecessor");
    assert_eq!(chain(&second).await, Some(single.clone()));
    assert_eq!(chain(&third).await, Some(second.clone()));
    assert_eq!(chain(&second).await, Some(single), "though another came after it");
    let fourth = fresh();
    assert_eq!(chain(&fourth).await, Some(third), "a repeat moves no end");
}

pub(crate) async fn what_was_linked_and_never_written_is_passed_over(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let [first, lost, also_lost, next] = [fresh(), fresh(), fresh(), fresh()];
    let only_link = async |bundle| store.chain(&acme(), &endpoint, "a", bundle, NOON).await.unwrap();
    link(store, &endpoint, "a", &first).await;
    assert_eq!(only_link(&lost).await, Some(first.clone()));
    assert_eq!(only_link(&also_lost).await, Some(first.clone()));
    assert_eq!(link(store, &endpoint, "a", &next).await, Some(first.clone()), "it overtakes nobody");
    // A repeat of what was lost keeps its place, so that no two wait for each other.
    assert_eq!(link(store, &endpoint, "a", &lost).await, Some(first));
    assert_eq!(only_link(&also_lost).await, Some(lost.clone()));
    assert_eq!(only_link(&fresh()).await, Some(next));
}

pub(crate) async fn chains_are_of_one_endpoint_and_key(store: &impl Store) {
    let (one, other) = (IntegrationId::generate(), IntegrationId::generate());
    let bundle = fresh();
    assert_eq!(link(store, &one, "a", &bundle).await, None);
    assert_eq!(link(store, &one, "b", &fresh()).await, None);
    assert_eq!(link(store, &other, "a", &fresh()).await, None);
    assert_eq!(store.chain(&scope("globex"), &one, "a", &fresh(), NOON).await, Ok(None));
    assert_eq!(link(store, &one, "a", &fresh()).await, Some(bundle));
}

pub(crate) async fn concurrent_links_make_one_chain(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let bundles: Vec<BundleId> = (0..6).map(|_| fresh()).collect();
    for bundle in &bundles {
        write(store, &endpoint, bundle).await;
    }
    let before = join_all(bundles.iter().map(|it| link(store, &endpoint, "a", it))).await;
    let before: BTreeSet<Option<BundleId>> = before.into_iter().collect();
    assert_eq!(before.len(), bundles.len(), "no two come after the same");
    assert!(before.contains(&None));
}

pub(crate) async fn a_long_chain_remembers_its_newest_links(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let bundles: Vec<BundleId> = (0..5 * LINKS_KEPT).map(|_| fresh()).collect();
    let mut before = None;
    for bundle in &bundles {
        assert_eq!(link(store, &endpoint, "a", bundle).await, before);
        before = Some(bundle.clone());
    }
    for pair in bundles.windows(2).rev().take(LINKS_KEPT) {
        let [before, bundle] = pair else { panic!() };
        assert_eq!(link(store, &endpoint, "a", bundle).await, Some(before.clone()));
    }
}

pub(crate) async fn bundles_of_a_request_are_found_whatever_their_numbers(store: &impl Store) {
    let endpoint = CampaignId::of_endpoint(&IntegrationId::generate());
    let request = trunkline_store::Request { campaign: endpoint.clone(), ..request(3) };
    let bundles = [0, 7, 999].map(|number| (bundle_of(&request, Some(number), 1), payload(1)));
    store.create_request(&acme(), &request, None).await.unwrap();
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    let claimed = store.claim(&acme(), &endpoint, &bundles[1].0.id, NOON).await.unwrap().bundle;
    let done = crate::fixtures::done(&claimed, &crate::fixtures::SENT);
    store.finish(&acme(), &done, &[next(&done, 0, NOON)], true).await.unwrap();
    let other = trunkline_store::Request { id: RequestId::generate(), ..request.clone() };
    store.write_bundles(&acme(), &[(bundle_of(&other, Some(1), 1), payload(1))], false).await.unwrap();
    let found = store.bundles_of(&acme(), &endpoint, &request.id).await.unwrap();
    let numbers: Vec<_> = found.iter().map(|it| (it.id.number, it.id.generation)).collect();
    assert_eq!(numbers, [(Some(0), 0), (Some(7), 0), (Some(999), 0)]);
    assert_eq!(store.bundles_of(&scope("globex"), &endpoint, &request.id).await, Ok(Vec::new()));
}

fn registered(kind: &str, rev: u64) -> RegisteredType {
    RegisteredType {
        kind: kind.parse().unwrap(),
        description: "An order was placed.".to_owned(),
        schema: Some(r#"{"type": "object"}"#.to_owned()),
        deprecated: rev > 1,
        rev,
        created_at: NOON,
        updated_at: NOON.plus_ms(5),
        updated_by: Principal::Operator,
    }
}

pub(crate) async fn a_type_of_events_has_a_revision_and_leaves_a_trail(store: &impl Store) {
    let (created, paid): (EventType, EventType) = ("order.created".parse().unwrap(), "order.paid".parse().unwrap());
    let save = async |it: &RegisteredType| store.save_event_type(&acme(), it, &audit("event_type.saved")).await;
    let (first, second) = (registered("order.created", 1), registered("order.created", 2));
    assert_eq!(store.event_type(&acme(), &created).await, Ok(None));
    assert_eq!(save(&second).await, Err(StoreError::Conflict));
    save(&first).await.unwrap();
    assert_eq!(save(&first).await, Err(StoreError::Conflict));
    save(&second).await.unwrap();
    save(&registered("order.paid", 1)).await.unwrap();
    assert_eq!(store.event_type(&acme(), &created).await, Ok(Some(second.clone())));
    assert_eq!(store.event_types(&acme()).await, Ok(vec![second, registered("order.paid", 1)]));
    assert_eq!(store.event_types(&scope("globex")).await, Ok(Vec::new()));
    let delete = async |kind| store.delete_event_type(&acme(), kind, &audit("event_type.deleted")).await;
    assert_eq!(delete(&created).await, Ok(true));
    assert_eq!(delete(&created).await, Ok(false));
    assert_eq!(store.event_types(&acme()).await.unwrap().len(), 1);
    save(&first).await.unwrap();
    assert_eq!(delete(&paid).await, Ok(true));
    let trail = store.audit(&acme(), None, 20).await.unwrap().items;
    assert_eq!(trail.iter().filter(|it| it.action.starts_with("event_type.")).count(), 6);
}
