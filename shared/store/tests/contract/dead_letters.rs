//! Events that an endpoint did not get.

use crate::fixtures::{NOON, SENT, acme, bundle_of, cause, claimed, done, next, payload, request, scope};
use domain::{
    bundle::{Bundle, MemberResult},
    channel::Channel,
    ids::{CampaignId, IntegrationId},
    time::Timestamp,
};
use trunkline_store::{DeadSpan, Request, Store, StoreError, dead_letter_cursor};

const ALWAYS: DeadSpan = DeadSpan { since: Timestamp(0), until: Timestamp(i64::MAX), newest_first: true };

/// A bundle of events that is finished then with these results; alone in its request if there is one.
async fn finished(store: &impl Store, endpoint: &IntegrationId, results: &[MemberResult], at: Timestamp) -> Bundle {
    let members = u16::try_from(results.len()).unwrap();
    let campaign = CampaignId::of_endpoint(endpoint);
    let request = Request { campaign: campaign.clone(), ..request(u16::from(members > 1)) };
    let number = (members > 1).then_some(0);
    let bundle =
        Bundle { channel: Channel::Webhook, integration: endpoint.clone(), ..bundle_of(&request, number, members) };
    if number.is_none() {
        store.create_request(&acme(), &request, Some((&bundle, &payload(1)))).await.unwrap();
    } else {
        store.write_bundles(&acme(), &[(bundle.clone(), payload(members))], false).await.unwrap();
    }
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let finished = Bundle { results: results.to_vec(), finished_at: Some(at), ..done(&claim, &SENT) };
    store.finish(&acme(), &finished, &[], false).await.unwrap();
    finished
}

async fn dead(store: &impl Store, endpoint: &IntegrationId, span: DeadSpan) -> Vec<Bundle> {
    store.dead_letters(&acme(), endpoint, span, None, 100).await.unwrap().items
}

pub(crate) async fn what_failed_for_good_is_a_dead_letter_until_it_is_resent(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let (failed, unknown) = (MemberResult::Failed(cause()), MemberResult::Unknown(cause()));
    finished(store, &endpoint, &[SENT, SENT], NOON).await;
    let several = finished(store, &endpoint, &[failed, SENT, unknown], NOON.plus_ms(1)).await;
    let single = finished(store, &endpoint, &[MemberResult::Dead(cause())], NOON.plus_ms(2)).await;
    assert_eq!(dead(store, &endpoint, ALWAYS).await, [single.clone(), several.clone()]);
    assert_eq!(store.due(Timestamp(i64::MAX), 10).await, Ok(vec![]), "no sweeper looks at them");

    let mut part = several.clone();
    let child = part.resend_those(|dead| dead.member == 0, &[], NOON.plus_ms(9)).unwrap();
    store.resend(&acme(), &part, &child).await.unwrap();
    assert_eq!(dead(store, &endpoint, ALWAYS).await, [single.clone(), part.clone()], "the other is still dead");
    let child = part.resend_those(|_| true, &[], NOON.plus_ms(9)).unwrap();
    store.resend(&acme(), &part, &child).await.unwrap();
    let (mut whole, alone) = (single.clone(), single);
    let child = whole.resend_those(|_| true, &[], NOON.plus_ms(9)).unwrap();
    store.resend(&acme(), &whole, &child).await.unwrap();
    let page = store.dead_letters(&acme(), &endpoint, ALWAYS, None, 1).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None), "the index names none of them any more");

    // What was resent and fails again is one once more, as the generation that it is now.
    let claim = claimed(store, &child, child.due).await.bundle;
    let again = Bundle { finished_at: Some(NOON.plus_ms(20)), ..done(&claim, &MemberResult::Dead(cause())) };
    store.finish(&acme(), &again, &[], false).await.unwrap();
    assert_eq!(dead(store, &endpoint, ALWAYS).await, [again]);
    assert_eq!(store.resend(&acme(), &alone, &next(&alone, 2, NOON)).await, Err(StoreError::Conflict));
}

pub(crate) async fn what_goes_on_is_no_dead_letter_beside_what_does_not(store: &impl Store) {
    let endpoint = IntegrationId::generate();
    let campaign = CampaignId::of_endpoint(&endpoint);
    let request = Request { campaign, ..request(1) };
    let bundle = Bundle { channel: Channel::Webhook, integration: endpoint.clone(), ..bundle_of(&request, Some(0), 2) };
    store.write_bundles(&acme(), &[(bundle.clone(), payload(2))], false).await.unwrap();
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let results = vec![MemberResult::Retrying(cause()), MemberResult::Failed(cause())];
    let bundle = Bundle { results, uncertain: true, ..done(&claim, &SENT) };
    let child = Bundle { members: vec![0], ..next(&bundle, 1, NOON) };
    for _ in 0..2 {
        store.finish(&acme(), &bundle, std::slice::from_ref(&child), true).await.unwrap();
    }
    assert_eq!(dead(store, &endpoint, ALWAYS).await, [bundle]);
}

pub(crate) async fn campaigns_have_no_dead_letters(store: &impl Store) {
    let bundle = crate::fixtures::stored_bundle(store, 2).await;
    let claim = claimed(store, &bundle, NOON).await.bundle;
    let failed = done(&claim, &MemberResult::Dead(cause()));
    store.finish(&acme(), &failed, &[], false).await.unwrap();
    assert_eq!(dead(store, &bundle.integration, ALWAYS).await, []);
}

pub(crate) async fn dead_letters_come_by_time_page_by_page_and_to_their_tenant(store: &impl Store) {
    let (endpoint, other) = (IntegrationId::generate(), IntegrationId::generate());
    let mut all = Vec::new();
    for minute in 0..7 {
        let at = NOON.plus_ms(minute * 60_000);
        all.push(finished(store, &endpoint, &[MemberResult::Dead(cause())], at).await);
    }
    finished(store, &other, &[MemberResult::Dead(cause())], NOON).await;
    let (since, until) = (NOON.plus_ms(60_000), NOON.plus_ms(5 * 60_000));
    for newest_first in [false, true] {
        let span = DeadSpan { since, until, newest_first };
        let mut expected = all[1..=5].to_vec();
        if newest_first {
            expected.reverse();
        }
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = store.dead_letters(&acme(), &endpoint, span, cursor.as_deref(), 2).await.unwrap();
            assert!(page.items.len() <= 2);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
        let behind = dead_letter_cursor(&expected[2]);
        let page = store.dead_letters(&acme(), &endpoint, span, Some(&behind), 9).await.unwrap();
        assert_eq!(page.items, expected[3..]);
    }
    assert_eq!(store.dead_letters(&scope("globex"), &endpoint, ALWAYS, None, 9).await.unwrap().items, []);
    let made_up = store.dead_letters(&acme(), &endpoint, ALWAYS, Some("x"), 9).await;
    assert_eq!(made_up, Err(StoreError::InvalidCursor));
}
