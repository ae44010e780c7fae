//! Requests, and the life of a bundle.

use crate::fixtures::{
    NOON, SENT, acme, audit, bundle_of, cause, claimed, done, next, payload, request, scope, spring, stored_bundle,
    stored_single,
};
use domain::{
    bundle::{BundleState, ClaimRefusal, KEEP_MS, LEASE_MS, MemberResult},
    ids::IntegrationId,
};
use futures::future::join_all;
use std::slice;
use trunkline_store::{
    ClaimError, Created, Due, HeldFor, RELEASE_STAYS_MS, REPAIR_AFTER_MS, Request, Store, StoreError,
};

const MINUTE: i64 = 60_000;

pub(crate) async fn a_request_is_created_once(store: &impl Store) {
    let first = request(3);
    assert_eq!(store.create_request(&acme(), &first, None).await, Ok(Created::Fresh));
    let second = Request { body_hash: "other".to_owned(), created_at: NOON.plus_ms(1), ..first.clone() };
    assert_eq!(store.create_request(&acme(), &second, None).await, Ok(Created::Exists(Box::new(first.clone()))));
    assert_eq!(store.request(&acme(), &spring(), &first.id).await, Ok(Some(first)));
    assert_eq!(store.request(&acme(), &spring(), &request(0).id).await, Ok(None));
}

pub(crate) async fn of_concurrent_creations_one_is_fresh(store: &impl Store) {
    let request = request(1);
    let scope = acme();
    let answers = join_all((0..8).map(|_| store.create_request(&scope, &request, None))).await;
    assert_eq!(answers.iter().filter(|answer| **answer == Ok(Created::Fresh)).count(), 1);
    assert!(answers.iter().all(Result::is_ok));
}

pub(crate) async fn a_request_whose_time_is_over_is_created_anew(store: &impl Store) {
    let old = request(0);
    let bundle = bundle_of(&old, None, 1);
    store.create_request(&acme(), &old, Some((&bundle, &payload(1)))).await.unwrap();
    let over = NOON.plus_ms(KEEP_MS + 1_000);
    assert_eq!(store.claim(&acme(), &spring(), &bundle.id, over).await, Err(ClaimError::Gone));
    let new = Request { created_at: over, ..old };
    let bundle = bundle_of(&new, None, 1);
    assert_eq!(store.create_request(&acme(), &new, Some((&bundle, &payload(1)))).await, Ok(Created::Fresh));
    assert_eq!(store.request(&acme(), &spring(), &new.id).await, Ok(Some(new)));

    let old = stored_bundle(store, 2).await;
    let mut new = old.clone();
    (new.created_at, new.members) = (over, vec![1]);
    store.write_bundles(&acme(), &[(new.clone(), payload(2))], true).await.unwrap();
    assert_eq!(claimed(store, &new, over).await.bundle.members, vec![1]);
}

pub(crate) async fn a_single_delivery_is_one_item_with_all_it_needs(store: &impl Store) {
    let (request, bundle) = stored_single(store).await;
    assert_eq!(store.request(&acme(), &spring(), &request.id).await, Ok(Some(request.clone())));
    assert_eq!(store.payload(&acme(), &spring(), &bundle.id).await, Ok(Some(payload(1))));
    let look = NOON.plus_ms(REPAIR_AFTER_MS);
    assert_eq!(store.due(look.plus_ms(-1), 10).await, Ok(vec![]));
    assert_eq!(store.due(look, 10).await, Ok(vec![Due::Bundle(acme(), spring(), bundle.id.clone())]));

    let claim = claimed(store, &bundle, NOON).await;
    assert_eq!(claim.inline, Some((request.envelope.clone(), payload(1))));
    assert!(!claim.interrupted);
    assert_eq!(store.due(look, 10).await, Ok(vec![]), "a claim takes it out of the index");
    let dispatched = store.request(&acme(), &spring(), &request.id).await.unwrap().unwrap().dispatched;
    assert!(dispatched, "what was claimed was queued");

    let again = store.create_request(&acme(), &request, Some((&bundle, &payload(1)))).await;
    assert!(matches!(again, Ok(Created::Exists(_))));
    assert!(matches!(
        store.claim(&acme(), &spring(), &bundle.id, NOON).await,
        Err(ClaimError::Refused(ClaimRefusal::Busy(_)))
    ));
}

pub(crate) async fn repeated_bundles_do_not_undo_what_happened(store: &impl Store) {
    let request = request(30);
    let bundles: Vec<_> = (0..30).map(|number| (bundle_of(&request, Some(number), 2), payload(2))).collect();
    store.write_bundles(&acme(), &bundles[..20], false).await.unwrap();
    let claim = claimed(store, &bundles[3].0, NOON).await;
    store.finish(&acme(), &done(&claim.bundle, &SENT), &[], false).await.unwrap();

    store.write_bundles(&acme(), &bundles, true).await.unwrap();
    assert_eq!(
        store.claim(&acme(), &spring(), &bundles[3].0.id, NOON).await,
        Err(ClaimError::Refused(ClaimRefusal::Settled))
    );
    for (bundle, payload) in &bundles[20..] {
        assert_eq!(store.payload(&acme(), &spring(), &bundle.id).await, Ok(Some(payload.clone())));
        claimed(store, bundle, NOON).await;
    }
}

pub(crate) async fn of_concurrent_claims_one_wins(store: &impl Store) {
    let bundle = stored_bundle(store, 3).await;
    let (scope, campaign) = (acme(), spring());
    let claims = join_all((0..12).map(|_| store.claim(&scope, &campaign, &bundle.id, NOON))).await;
    let (won, lost): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    let claim = won.into_iter().next().unwrap().unwrap();
    assert_eq!((claim.bundle.state, claim.bundle.fence), (BundleState::Sending, 1));
    assert_eq!(claim.bundle.lease_until, NOON.plus_ms(LEASE_MS));
    assert_eq!(claim.bundle.members, bundle.members);
    assert_eq!(claim.inline, None);
    let busy = Err(ClaimError::Refused(ClaimRefusal::Busy(NOON.plus_ms(LEASE_MS))));
    assert!(lost.iter().all(|claim| *claim == busy));
}

pub(crate) async fn a_refused_claim_says_why(store: &impl Store) {
    let claim = async |bundle: &domain::bundle::Bundle, now| {
        store.claim(&acme(), &spring(), &bundle.id, now).await.map(|claim| claim.bundle.fence)
    };
    let header = request(2);
    store.create_request(&acme(), &header, None).await.unwrap();
    assert_eq!(claim(&bundle_of(&header, Some(0), 1), NOON).await, Err(ClaimError::Gone));
    assert_eq!(claim(&bundle_of(&header, None, 1), NOON).await, Err(ClaimError::Gone), "a header is no bundle");

    let mut bundle = stored_bundle(store, 1).await;
    assert_eq!(claim(&bundle, NOON.plus_ms(KEEP_MS + 1_000)).await, Err(ClaimError::Gone), "its time is over");
    bundle.due = NOON.plus_ms(MINUTE);
    store.write_bundles(&acme(), &[(bundle.clone(), payload(1))], false).await.unwrap();
    assert_eq!(claim(&bundle, NOON).await, Err(ClaimError::Refused(ClaimRefusal::NotDue(bundle.due))));
    let held = claimed(store, &bundle, bundle.due).await.bundle;
    store.hold(&acme(), &held, &HeldFor::Campaign(spring())).await.unwrap();
    assert_eq!(claim(&bundle, bundle.due).await, Err(ClaimError::Refused(ClaimRefusal::Held)));
}

pub(crate) async fn a_lease_that_ran_out_tells_of_an_interruption(store: &impl Store) {
    for bundle in [stored_bundle(store, 2).await, stored_single(store).await.1] {
        claimed(store, &bundle, NOON).await;
        let end = NOON.plus_ms(LEASE_MS);
        let early = store.claim(&acme(), &spring(), &bundle.id, end).await;
        assert_eq!(early, Err(ClaimError::Refused(ClaimRefusal::Busy(end))));
        let second = claimed(store, &bundle, end.plus_ms(1)).await;
        assert!(second.interrupted);
        assert_eq!(second.bundle.fence, 2);
        store.put_back(&acme(), &second.bundle, end, true).await.unwrap();
        let third = claimed(store, &bundle, end.plus_ms(2)).await;
        assert!(!third.interrupted, "what was put back was not sent");
    }
}

pub(crate) async fn only_the_newest_claim_may_settle(store: &impl Store) {
    let bundle = stored_bundle(store, 1).await;
    let held_for = HeldFor::Campaign(spring());
    let stale = claimed(store, &bundle, NOON).await.bundle;
    let newest = claimed(store, &bundle, stale.lease_until.plus_ms(1)).await.bundle;
    let conflict = Err(StoreError::Conflict);
    let result = MemberResult::Retrying(cause());
    assert_eq!(store.finish(&acme(), &done(&stale, &SENT), &[], false).await, conflict);
    let child = next(&stale, 0, NOON);
    assert_eq!(store.finish(&acme(), &done(&stale, &result), slice::from_ref(&child), false).await, conflict);
    assert_eq!(store.hold(&acme(), &stale, &held_for).await, conflict);
    assert_eq!(store.put_back(&acme(), &stale, NOON, false).await, conflict);
    assert_eq!(store.cancel(&acme(), &stale).await, conflict);
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![newest.clone()]));
    assert_eq!(store.due(NOON.plus_ms(MINUTE), 10).await, Ok(vec![]));
    assert_eq!(store.held(&acme(), &held_for, 10).await, Ok(vec![]));
    assert_eq!(store.finish(&acme(), &done(&newest, &SENT), &[], false).await, Ok(()));
    assert_eq!(store.hold(&acme(), &newest, &held_for).await, conflict, "it is finished");
}

pub(crate) async fn results_written_twice_are_fine_but_different_ones_conflict(store: &impl Store) {
    for bundle in [stored_bundle(store, 2).await, stored_single(store).await.1] {
        let claim = claimed(store, &bundle, NOON).await.bundle;
        let retrying = done(&claim, &MemberResult::Retrying(cause()));
        let child = next(&claim, 0, NOON.plus_ms(MINUTE));
        store.finish(&acme(), &retrying, slice::from_ref(&child), true).await.unwrap();
        let child = claimed(store, &child, child.due).await.bundle;
        assert_eq!(
            store.finish(&acme(), &retrying, slice::from_ref(&child), true).await,
            Ok(()),
            "its answer may have been lost"
        );
        assert_eq!(store.finish(&acme(), &done(&claim, &SENT), &[], true).await, Err(StoreError::Conflict));
        let sent = done(&child, &MemberResult::Sent { provider_id: Some("250 queued".to_owned()) });
        store.finish(&acme(), &sent, &[], true).await.unwrap();
        assert_eq!(store.finish(&acme(), &sent, &[], true).await, Ok(()));
        let stored = store.generations(&acme(), &spring(), &bundle.id).await;
        assert_eq!(stored, Ok(vec![retrying, sent]), "the second writing made no second child");
    }
}

pub(crate) async fn a_bundle_may_be_moved_to_another_integration_by_its_newest_claim(store: &impl Store) {
    for bundle in [stored_bundle(store, 2).await, stored_single(store).await.1] {
        let other = IntegrationId::generate();
        let stale = claimed(store, &bundle, NOON).await.bundle;
        let newest = claimed(store, &bundle, stale.lease_until.plus_ms(1)).await.bundle;
        assert_eq!(store.move_to(&acme(), &stale, &other).await, Err(StoreError::Conflict));
        assert_eq!(store.move_to(&acme(), &newest, &other).await, Ok(()));
        assert_eq!(store.move_to(&acme(), &newest, &other).await, Ok(()), "its answer may have been lost");
        let moved = domain::bundle::Bundle { integration: other, ..newest };
        assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![moved.clone()]));
        store.finish(&acme(), &done(&moved, &SENT), &[], false).await.unwrap();
        assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![done(&moved, &SENT)]));
    }
}

pub(crate) async fn doubt_and_a_named_integration_are_remembered(store: &impl Store) {
    let mut named = bundle_of(&request(1), Some(0), 1);
    named.pinned = true;
    store.write_bundles(&acme(), &[(named.clone(), payload(1))], false).await.unwrap();
    assert!(claimed(store, &named, NOON).await.bundle.pinned);
    for bundle in [stored_bundle(store, 1).await, stored_single(store).await.1] {
        let first = claimed(store, &bundle, NOON).await.bundle;
        assert!(!first.pinned && !first.uncertain);
        let again = claimed(store, &bundle, first.lease_until.plus_ms(1)).await.bundle;
        assert!(again.uncertain, "its attempt was interrupted");
        let later = again.lease_until;
        store.put_back(&acme(), &again, later, true).await.unwrap();
        let third = claimed(store, &bundle, later).await;
        assert!(third.bundle.uncertain && !third.interrupted, "putting it back does not clear it up");
        let held_for = HeldFor::Campaign(spring());
        store.hold(&acme(), &third.bundle, &held_for).await.unwrap();
        assert_eq!(store.hold(&acme(), &third.bundle, &held_for).await, Ok(()), "its answer may have been lost");
        store.release(&acme(), &spring(), &bundle.id, later).await.unwrap();
        let fourth = claimed(store, &bundle, later).await.bundle;
        assert!(fourth.uncertain);
        store.finish(&acme(), &done(&fourth, &SENT), &[], false).await.unwrap();
        assert_eq!(store.finish(&acme(), &done(&fourth, &SENT), &[], false).await, Ok(()));
        assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await, Ok(vec![done(&fourth, &SENT)]));
    }
}

pub(crate) async fn what_is_in_doubt_goes_on_beside_the_others(store: &impl Store) {
    let bundle = stored_bundle(store, 2).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let mut both = [next(&claim, 0, NOON.plus_ms(MINUTE)), next(&claim, 4, NOON.plus_ms(2 * MINUTE))];
    (both[0].members, both[1].members, both[1].uncertain) = (vec![0], vec![1], true);
    let retrying = done(&claim, &MemberResult::Retrying(cause()));
    for _ in 0..2 {
        store.finish(&acme(), &retrying, &both, false).await.unwrap();
    }
    let due = both.clone().map(|it| Due::Bundle(acme(), spring(), it.id));
    assert_eq!(store.due(NOON.plus_ms(2 * MINUTE), 10).await, Ok(due.to_vec()));
    let [certain, doubtful] = both;
    let stored = store.generations(&acme(), &spring(), &bundle.id).await;
    assert_eq!(stored, Ok(vec![retrying, certain, doubtful]));
}

pub(crate) async fn what_goes_on_is_found_when_it_is_due(store: &impl Store) {
    for (queued_by_caller, look) in [(false, NOON.plus_ms(MINUTE)), (true, NOON.plus_ms(MINUTE + REPAIR_AFTER_MS))] {
        let bundle = stored_bundle(store, 2).await;
        let claim = claimed(store, &bundle, NOON).await.bundle;
        let child = next(&claim, 0, NOON.plus_ms(MINUTE));
        let retrying = done(&claim, &MemberResult::Retrying(cause()));
        store.finish(&acme(), &retrying, slice::from_ref(&child), queued_by_caller).await.unwrap();
        assert_eq!(store.due(look.plus_ms(-1), 10).await, Ok(vec![]));
        assert_eq!(store.due(look, 10).await, Ok(vec![Due::Bundle(acme(), spring(), child.id.clone())]));
        assert_eq!(store.payload(&acme(), &spring(), &child.id).await, Ok(Some(payload(2))));
        let claim = claimed(store, &child, child.due).await.bundle;
        assert_eq!(store.due(look, 10).await, Ok(vec![]));
        store.finish(&acme(), &done(&claim, &SENT), &[], false).await.unwrap();
        assert_eq!(store.due(look, 10).await, Ok(vec![]));
    }
}

pub(crate) async fn what_is_put_back_is_found_when_it_is_due(store: &impl Store) {
    let bundle = stored_bundle(store, 1).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let due = NOON.plus_ms(20 * MINUTE);
    store.put_back(&acme(), &claim, due, false).await.unwrap();
    assert_eq!(store.put_back(&acme(), &claim, due, false).await, Ok(()), "its answer may have been lost");
    let early = store.claim(&acme(), &spring(), &bundle.id, due.plus_ms(-1)).await;
    assert_eq!(early, Err(ClaimError::Refused(ClaimRefusal::NotDue(due))));
    assert_eq!(store.due(due.plus_ms(-1), 10).await, Ok(vec![]));
    assert_eq!(store.due(due, 10).await, Ok(vec![Due::Bundle(acme(), spring(), bundle.id.clone())]));
    let claim = claimed(store, &bundle, due).await.bundle;
    assert_eq!((claim.attempts, claim.fence), (0, 2));
}

pub(crate) async fn a_header_is_due_until_it_is_dispatched(store: &impl Store) {
    let request = request(2);
    store.create_request(&acme(), &request, None).await.unwrap();
    let look = NOON.plus_ms(REPAIR_AFTER_MS);
    let due = Due::Request(acme(), spring(), request.id.clone());
    assert_eq!(store.due(look, 10).await, Ok(vec![due.clone()]));
    store.mark_dispatched(&acme(), &spring(), &request.id).await.unwrap();
    assert_eq!(store.due(look, 10).await, Ok(vec![]));
    assert!(store.request(&acme(), &spring(), &request.id).await.unwrap().unwrap().dispatched);
    store.postpone(&due, NOON).await.unwrap();
    assert_eq!(store.due(look, 10).await, Ok(vec![]), "what left the index does not come back");
    assert_eq!(store.mark_dispatched(&acme(), &spring(), &crate::fixtures::request(1).id).await, Ok(()));
}

pub(crate) async fn a_late_mark_does_not_hide_what_is_held(store: &impl Store) {
    let (request, bundle) = stored_single(store).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let held_for = HeldFor::Campaign(spring());
    store.hold(&acme(), &claim, &held_for).await.unwrap();
    store.mark_dispatched(&acme(), &spring(), &request.id).await.unwrap();
    assert_eq!(store.held(&acme(), &held_for, 10).await, Ok(vec![(spring(), bundle.id)]));

    let (request, _) = stored_single(store).await;
    store.mark_dispatched(&acme(), &spring(), &request.id).await.unwrap();
    assert_eq!(store.due(NOON.plus_ms(REPAIR_AFTER_MS), 10).await, Ok(vec![]), "an unclaimed one leaves the index");
}

pub(crate) async fn the_longest_overdue_comes_first(store: &impl Store) {
    let mut expected = Vec::new();
    for minute in (1..=6).rev() {
        let request = Request { created_at: NOON.plus_ms(minute * MINUTE), ..request(1) };
        store.create_request(&acme(), &request, None).await.unwrap();
        expected.insert(0, Due::Request(acme(), spring(), request.id));
    }
    let now = NOON.plus_ms(10 * MINUTE);
    assert_eq!(store.due(now, 10).await, Ok(expected.clone()));
    assert_eq!(store.due(now, 2).await, Ok(expected[..2].to_vec()));
}

pub(crate) async fn what_was_just_queued_is_postponed(store: &impl Store) {
    let (_, bundle) = stored_single(store).await;
    let due = Due::Bundle(acme(), spring(), bundle.id.clone());
    let until = NOON.plus_ms(5 * MINUTE);
    store.postpone(&due, until).await.unwrap();
    assert_eq!(store.due(until.plus_ms(-1), 10).await, Ok(vec![]));
    assert_eq!(store.due(until, 10).await, Ok(vec![due.clone()]));
    let claim = claimed(store, &bundle, NOON).await.bundle;
    store.hold(&acme(), &claim, &HeldFor::Campaign(spring())).await.unwrap();
    store.postpone(&due, NOON).await.unwrap();
    assert_eq!(store.due(until, 10).await, Ok(vec![]), "what is held is not due");
}

pub(crate) async fn what_is_held_waits_for_its_release(store: &impl Store) {
    let integration = HeldFor::Integration(IntegrationId::generate());
    let campaign = HeldFor::Campaign(spring());
    let (first, second) = (stored_bundle(store, 1).await, stored_single(store).await.1);
    let third = stored_bundle(store, 1).await;
    for (bundle, held_for) in [(&first, &integration), (&second, &integration), (&third, &campaign)] {
        let claim = claimed(store, bundle, NOON).await.bundle;
        store.hold(&acme(), &claim, held_for).await.unwrap();
        assert_eq!(store.hold(&acme(), &claim, held_for).await, Ok(()), "its answer may have been lost");
    }
    let held = store.held(&acme(), &integration, 10).await.unwrap();
    assert_eq!(held.len(), 2);
    assert!(held.contains(&(spring(), first.id.clone())) && held.contains(&(spring(), second.id.clone())));
    assert_eq!(store.held(&acme(), &integration, 1).await.unwrap().len(), 1);
    assert_eq!(store.held(&acme(), &campaign, 10).await, Ok(vec![(spring(), third.id.clone())]));

    let now = NOON.plus_ms(MINUTE);
    for bundle in [&first, &second] {
        store.release(&acme(), &spring(), &bundle.id, now).await.unwrap();
        assert_eq!(store.release(&acme(), &spring(), &bundle.id, now).await, Err(StoreError::Conflict));
    }
    assert_eq!(store.held(&acme(), &integration, 10).await, Ok(vec![]));
    assert_eq!(store.due(now.plus_ms(REPAIR_AFTER_MS - 1), 10).await, Ok(vec![]));
    assert_eq!(store.due(now.plus_ms(REPAIR_AFTER_MS), 10).await.unwrap().len(), 2);
    let claim = claimed(store, &first, now).await;
    assert_eq!((claim.bundle.fence, claim.interrupted), (2, false));
    assert!(claimed(store, &second, now).await.inline.is_some());
}

pub(crate) async fn a_cancelled_bundle_is_settled(store: &impl Store) {
    let bundle = stored_bundle(store, 1).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    store.cancel(&acme(), &claim).await.unwrap();
    assert_eq!(store.cancel(&acme(), &claim).await, Ok(()), "its answer may have been lost");
    let again = store.claim(&acme(), &spring(), &bundle.id, NOON).await;
    assert_eq!(again, Err(ClaimError::Refused(ClaimRefusal::Settled)));
    assert_eq!(store.release(&acme(), &spring(), &bundle.id, NOON).await, Err(StoreError::Conflict));
}

pub(crate) async fn a_release_stays_due_for_a_while(store: &impl Store) {
    use domain::campaign::CampaignState::{Active, Paused};
    let audit = crate::fixtures::audit("campaign.resumed");
    let held_for = HeldFor::Campaign(spring());
    store.ensure_campaign(&acme(), &spring(), &audit).await.unwrap();
    store.set_campaign_state(&acme(), &spring(), Active, Paused, &audit).await.unwrap();
    assert_eq!(store.releases_due(NOON, 10).await, Ok(vec![]));
    store.set_campaign_state(&acme(), &spring(), Paused, Active, &audit).await.unwrap();
    let due = Ok(vec![(acme(), held_for.clone())]);
    assert_eq!(store.releases_due(NOON, 10).await, due);
    store.release_done(&acme(), &held_for, NOON.plus_ms(RELEASE_STAYS_MS - 1)).await.unwrap();
    assert_eq!(store.releases_due(NOON, 10).await, due, "more may have been held just now");
    store.release_done(&acme(), &held_for, NOON.plus_ms(RELEASE_STAYS_MS)).await.unwrap();
    assert_eq!(store.releases_due(NOON, 10).await, Ok(vec![]));
    assert_eq!(store.release_done(&acme(), &held_for, NOON.plus_ms(RELEASE_STAYS_MS)).await, Ok(()));
}

pub(crate) async fn a_resend_happens_once(store: &impl Store) {
    let bundle = stored_bundle(store, 2).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let mut stored = done(&claim, &MemberResult::Failed(cause()));
    store.finish(&acme(), &stored, &[], false).await.unwrap();
    for count in 1..=2 {
        let mut resent = stored.clone();
        resent.resends = count;
        resent.results[usize::from(count) - 1] = MemberResult::Resent(Some(cause()));
        let child = next(&stored, u64::from(count), NOON.plus_ms(5_000));
        let scope = acme();
        let answers = join_all((0..4).map(|_| store.resend(&scope, &resent, &child))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer, Ok(()) | Err(StoreError::Conflict))));
        let look = child.due.plus_ms(REPAIR_AFTER_MS);
        assert_eq!(store.due(look, 10).await, Ok(vec![Due::Bundle(acme(), spring(), child.id.clone())]));
        claimed(store, &child, child.due).await;
        stored = resent;
    }
    let unfinished = stored_bundle(store, 1).await;
    let resent = domain::bundle::Bundle { resends: 1, ..unfinished.clone() };
    let answer = store.resend(&acme(), &resent, &next(&unfinished, 1, NOON)).await;
    assert_eq!(answer, Err(StoreError::Conflict));
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await.unwrap()[0], stored);
}

pub(crate) async fn no_generation_is_written_over_another(store: &impl Store) {
    let bundle = stored_bundle(store, 2).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let retried = done(&claim, &MemberResult::Retrying(cause()));
    let child = next(&retried, 0, NOON.plus_ms(5_000));
    store.finish(&acme(), &retried, std::slice::from_ref(&child), true).await.unwrap();
    let held = claimed(store, &child, child.due).await.bundle;
    let repeat = store.finish(&acme(), &retried, std::slice::from_ref(&child), true).await;
    assert_eq!(repeat, Ok(()), "its answer may have been lost");
    // By a defect, others would give their next generation the same name.
    let resent = domain::bundle::Bundle { resends: 1, ..retried };
    assert_eq!(store.resend(&acme(), &resent, &child).await, Err(StoreError::Conflict));
    let other = stored_bundle(store, 2).await;
    let failed = done(&claimed(store, &other, NOON).await.bundle, &MemberResult::Retrying(cause()));
    let answer = store.finish(&acme(), &failed, std::slice::from_ref(&child), true).await;
    assert_eq!(answer, Err(StoreError::Conflict));
    assert_eq!(store.generations(&acme(), &spring(), &bundle.id).await.unwrap()[1], held);
}

pub(crate) async fn tenants_never_meet(store: &impl Store) {
    let (request, bundle) = stored_single(store).await;
    let many = stored_bundle(store, 2).await;
    let other = scope("acme-2");
    assert_eq!(store.request(&other, &spring(), &request.id).await, Ok(None));
    assert_eq!(store.claim(&other, &spring(), &bundle.id, NOON).await, Err(ClaimError::Gone));
    assert_eq!(store.claim(&other, &spring(), &many.id, NOON).await, Err(ClaimError::Gone));
    assert_eq!(store.payload(&other, &spring(), &many.id).await, Ok(None));
    assert_eq!(store.payloads(&other, &spring(), std::slice::from_ref(&many.id)).await, Ok(vec![None]));
    assert_eq!(store.bundles(&other, &spring(), None, 10).await.unwrap().items, vec![]);
    assert_eq!(store.generations(&other, &spring(), &many.id).await, Ok(vec![]));
    let created = store.create_request(&other, &request, Some((&bundle, &payload(1)))).await;
    assert_eq!(created, Ok(Created::Fresh), "the same id is another request");
    store.claim(&other, &spring(), &bundle.id, NOON).await.unwrap();

    let held_for = HeldFor::Campaign(spring());
    let claim = claimed(store, &bundle, NOON).await.bundle;
    assert_eq!(claim.fence, 1);
    store.hold(&acme(), &claim, &held_for).await.unwrap();
    assert_eq!(store.held(&other, &held_for, 10).await, Ok(vec![]));
    assert_eq!(store.release(&other, &spring(), &bundle.id, NOON).await, Err(StoreError::Conflict));

    let integration = crate::fixtures::integration(NOON);
    store
        .save_integration(&acme(), &integration, None, false, &crate::fixtures::audit("integration.created"))
        .await
        .unwrap();
    assert_eq!(store.integration(&other, &integration.id).await, Ok(None));
    assert_eq!(store.integrations(&other).await, Ok(vec![]));
    assert_eq!(store.audit(&other, None, 10).await.unwrap().items, vec![]);
    store.ensure_campaign(&acme(), &spring(), &audit("campaign.launched")).await.unwrap();
    assert_eq!(store.campaign(&other, &spring()).await, Ok(None));
    let rate = domain::rate::RateState { rev: 1, ..Default::default() };
    store.save_rate(&acme(), &integration.id, &rate).await.unwrap();
    assert_eq!(store.rate(&other, &integration.id).await, Ok(domain::rate::RateState::default()));
}
