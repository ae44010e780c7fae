//! What providers report of deliveries, and the addresses that are suppressed for it.

use crate::fixtures::{NOON, acme, audit, bundle_of, payload, request, scope, spring, stored_bundle, stored_single};
use domain::{
    bundle::{Bundle, BundleId},
    channel::Channel,
    feedback::{Feedback, FeedbackKind},
    ids::IntegrationId,
    suppression::{Suppression, SuppressionReason},
};
use std::collections::BTreeMap;
use trunkline_store::{Reporter, Store, StoreError};

fn reporter() -> Reporter {
    Reporter { integration: IntegrationId::generate(), channel: Channel::Email }
}

fn report(bundle: &BundleId, member: u16, kind: FeedbackKind, ms: i64, detail: &str) -> Feedback {
    let delivery = bundle.delivery(member);
    Feedback { campaign: spring(), delivery, kind, at: NOON.plus_ms(ms), detail: detail.to_owned() }
}

pub(crate) async fn of_each_kind_the_first_report_stays(store: &impl Store) {
    use FeedbackKind::{Bounced, Clicked, Delivered, Opened};
    let bundle = stored_bundle(store, 25).await.id;
    let first = [
        report(&bundle, 3, Delivered, 1_000, ""),
        report(&bundle, 3, Opened, 2_000, ""),
        report(&bundle, 24, Bounced, 500, "550 5.1.1 no such user: ليلى"),
        report(&bundle, 3, Opened, 2_500, "in the same batch"),
    ];
    store.record_feedback(&acme(), &reporter(), &first, NOON).await.unwrap();
    let late = [
        report(&bundle, 24, Bounced, 900, "again"),
        report(&bundle, 3, Opened, 1, ""),
        report(&bundle, 3, Clicked, 3_000, ""),
    ];
    for _ in 0..2 {
        store.record_feedback(&acme(), &reporter(), &late, NOON).await.unwrap();
    }
    let expected = vec![first[0].clone(), first[1].clone(), late[2].clone(), first[2].clone()];
    assert_eq!(store.feedback_of(&acme(), &spring(), std::slice::from_ref(&bundle)).await, Ok(expected));
    assert_eq!(store.feedback_of(&scope("globex"), &spring(), &[bundle]).await, Ok(vec![]));
    store.record_feedback(&acme(), &reporter(), &[], NOON).await.unwrap();
}

pub(crate) async fn feedback_is_of_the_delivery_whatever_its_generation(store: &impl Store) {
    let (_, single) = stored_single(store).await;
    let bundle = stored_bundle(store, 2).await.id;
    let reports = [
        report(&single.id.child(0).unwrap(), 0, FeedbackKind::Complained, 0, "spam"),
        report(&bundle, 1, FeedbackKind::Delivered, 0, ""),
    ];
    store.record_feedback(&acme(), &reporter(), &reports, NOON).await.unwrap();
    let asked = [bundle.child(1).unwrap(), single.id.clone(), bundle.clone(), stored_bundle(store, 1).await.id];
    let mut found = store.feedback_of(&acme(), &spring(), &asked).await.unwrap();
    found.sort_by_key(|feedback| feedback.kind);
    assert_eq!(found, [reports[1].clone(), reports[0].clone()]);
    assert_eq!(store.feedback_of(&acme(), &spring(), &[single.id]).await, Ok(vec![reports[0].clone()]));
}

pub(crate) async fn feedback_is_counted_and_stands_apart_from_the_bundles(store: &impl Store) {
    use FeedbackKind::{Delivered, Opened};
    let request = request(3);
    let bundles: Vec<_> = (0..3).map(|number| (bundle_of(&request, Some(number), 25), payload(25))).collect();
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    let (_, single) = stored_single(store).await;
    let all = |bundle: &Bundle| bundle.members.iter().map(|member| (bundle.id.clone(), *member)).collect::<Vec<_>>();
    let mut reports = Vec::new();
    for (id, member) in bundles.iter().flat_map(|(bundle, _)| all(bundle)).chain(all(&single)) {
        reports.push(report(&id, member, Delivered, 0, ""));
        if member % 5 == 0 {
            reports.push(report(&id, member, Opened, 1, ""));
        }
        // More than one write has room for.
        for kind in [FeedbackKind::Clicked, FeedbackKind::Reported] {
            reports.push(report(&id, member, kind, 2, "why"));
        }
    }
    store.record_feedback(&acme(), &reporter(), &reports, NOON).await.unwrap();
    let totals = store.feedback_totals(&acme(), &spring()).await.unwrap();
    let expected = [(Delivered, 76), (Opened, 16), (FeedbackKind::Clicked, 76), (FeedbackKind::Reported, 76)];
    assert_eq!(totals, BTreeMap::from(expected));
    assert_eq!(store.bundles(&acme(), &spring(), None, 100).await.unwrap().items.len(), 4, "no feedback among them");
    assert_eq!(store.generations(&acme(), &spring(), &bundles[0].0.id).await.unwrap().len(), 1);
    assert_eq!(store.feedback_totals(&acme(), &"autumn".parse().unwrap()).await, Ok(BTreeMap::new()));
}

fn entry(address: &str, reason: SuppressionReason) -> Suppression {
    Suppression {
        address: address.to_owned(),
        reason,
        at: NOON,
        detail: String::new(),
        campaign: None,
        delivery: None,
        integration: Some(IntegrationId::generate()),
    }
}

pub(crate) async fn an_address_is_listed_once_with_its_first_reason(store: &impl Store) {
    let first = entry("ann@example.com", SuppressionReason::Bounced);
    let others = [first.clone(), entry("bo#1@example.com", SuppressionReason::Complained)];
    store.suppress(&acme(), &others).await.unwrap();
    store.suppress(&acme(), &[entry("ann@example.com", SuppressionReason::Complained)]).await.unwrap();
    assert_eq!(store.suppression(&acme(), "ann@example.com").await, Ok(Some(first)));
    let manual = entry("ann@example.com", SuppressionReason::Manual);
    assert_eq!(store.add_suppression(&acme(), &manual, &audit("suppression.added")).await, Ok(false));
    assert_eq!(store.suppression(&scope("globex"), "ann@example.com").await, Ok(None));
    let asked = ["bo#1@example.com", "new@example.com", "ann@example.com", "ann@example.com", ""].map(str::to_owned);
    let listed = store.suppressed_among(&acme(), &asked).await.unwrap();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), ["ann@example.com", "bo#1@example.com"]);
    assert_eq!(store.suppressed_among(&acme(), &[]).await.unwrap().len(), 0);
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 0, "nobody changed it by hand");
}

pub(crate) async fn what_a_person_lists_and_removes_is_remembered(store: &impl Store) {
    let manual = entry("ann@example.com", SuppressionReason::Manual);
    let removed = async || store.remove_suppression(&acme(), "ann@example.com", &audit("suppression.removed")).await;
    assert_eq!(removed().await, Ok(false));
    assert_eq!(store.add_suppression(&acme(), &manual, &audit("suppression.added")).await, Ok(true));
    assert_eq!(store.suppression(&acme(), "ann@example.com").await, Ok(Some(manual)));
    assert_eq!(removed().await, Ok(true));
    assert_eq!(store.suppression(&acme(), "ann@example.com").await, Ok(None));
    let records = store.audit(&acme(), None, 10).await.unwrap().items;
    let actions: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["suppression.added", "suppression.removed"]);
}

pub(crate) async fn suppressions_come_page_by_page(store: &impl Store) {
    let addresses: Vec<String> = (0..7).map(|number| format!("user{number}@example.com")).collect();
    let entries: Vec<_> = addresses.iter().map(|address| entry(address, SuppressionReason::Bounced)).collect();
    store.suppress(&acme(), &entries).await.unwrap();
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.suppressions(&acme(), cursor.as_deref(), 3).await.unwrap();
        found.extend(page.items.into_iter().map(|entry| entry.address));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(found, addresses);
    assert_eq!(store.suppressions(&acme(), Some(""), 3).await, Err(StoreError::InvalidCursor));
}
