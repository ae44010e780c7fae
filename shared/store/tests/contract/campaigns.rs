//! Campaigns, and the leases of what they send.

use crate::fixtures::{NOON, acme, audit, spring};
use domain::{
    audit::AuditEntry,
    breaker::Breaker,
    campaign::{Campaign, CampaignState},
    ids::{CampaignId, IntegrationId},
    rate::{Lease, Limits, RateState},
};
use futures::future::join_all;
use trunkline_store::{HeldFor, RateConflict, Store, StoreError};

fn launch(ms: i64) -> AuditEntry {
    AuditEntry { at: NOON.plus_ms(ms), ..audit("campaign.launched") }
}

pub(crate) async fn a_campaign_comes_to_be_once(store: &impl Store) {
    assert_eq!(store.campaign(&acme(), &spring()).await, Ok(None));
    let first = store.ensure_campaign(&acme(), &spring(), &launch(0)).await.unwrap();
    assert_eq!(first, Campaign { id: spring(), state: CampaignState::Active, created_at: NOON, updated_at: NOON });
    assert_eq!(store.ensure_campaign(&acme(), &spring(), &launch(1_000)).await, Ok(first.clone()));
    assert_eq!(store.campaign(&acme(), &spring()).await, Ok(Some(first)));
    let id: CampaignId = "autumn".parse().unwrap();
    let scope = acme();
    let launches: Vec<_> = (0..6).map(launch).collect();
    let answers = join_all(launches.iter().map(|launch| store.ensure_campaign(&scope, &id, launch))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "all see the same one");
}

pub(crate) async fn a_launch_is_remembered_once(store: &impl Store) {
    let (scope, id) = (acme(), spring());
    let (first, second) = (launch(0), launch(1));
    let twice = join_all([&first, &second].map(|launch| store.ensure_campaign(&scope, &id, launch))).await;
    assert!(twice.iter().all(Result::is_ok), "{twice:?}");
    store.ensure_campaign(&scope, &spring(), &launch(2)).await.unwrap();
    let records = store.audit(&scope, None, 10).await.unwrap().items;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(
        (records[0].action.as_str(), Ok(records[0].at)),
        ("campaign.launched", twice[0].clone().map(|it| it.created_at))
    );
}

pub(crate) async fn a_switch_works_only_from_the_state_it_was_seen_in(store: &impl Store) {
    use CampaignState::{Active, Cancelled, Paused};
    let set = async |from, to| store.set_campaign_state(&acme(), &spring(), from, to, &audit("campaign.changed")).await;
    assert_eq!(set(Active, Paused).await, Err(StoreError::Conflict), "there is none");
    store.ensure_campaign(&acme(), &spring(), &launch(-5)).await.unwrap();
    assert_eq!(set(Paused, Active).await, Err(StoreError::Conflict));
    assert_eq!(set(Active, Paused).await, Ok(()));
    assert_eq!(set(Active, Cancelled).await, Err(StoreError::Conflict));
    let campaign = store.campaign(&acme(), &spring()).await.unwrap().unwrap();
    assert_eq!((campaign.state, campaign.updated_at), (Paused, NOON));
    assert_eq!(store.audit(&acme(), None, 10).await.unwrap().items.len(), 2, "what was refused leaves no record");
}

pub(crate) async fn leaving_a_pause_asks_for_a_release(store: &impl Store) {
    use CampaignState::{Active, Cancelled, Paused};
    for (name, from, to, asks) in [
        ("pausing", Active, Paused, false),
        ("resuming", Paused, Active, true),
        ("stopping", Paused, Cancelled, true),
        ("cancelling", Active, Cancelled, true),
    ] {
        let id: CampaignId = name.parse().unwrap();
        store.ensure_campaign(&acme(), &id, &launch(0)).await.unwrap();
        if from == Paused {
            store.set_campaign_state(&acme(), &id, Active, Paused, &audit("campaign.paused")).await.unwrap();
        }
        store.set_campaign_state(&acme(), &id, from, to, &audit("campaign.changed")).await.unwrap();
        let releases = store.releases_due(NOON, 10).await.unwrap();
        assert_eq!(releases.contains(&(acme(), HeldFor::Campaign(id))), asks, "{name}");
    }
}

pub(crate) async fn campaigns_come_in_order_of_their_ids(store: &impl Store) {
    for name in ["b", "a-2", "a", "c.1"] {
        store.ensure_campaign(&acme(), &name.parse().unwrap(), &launch(0)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.campaigns(&acme(), cursor.as_deref(), 2).await.unwrap();
        names.push(page.items.iter().map(|campaign| campaign.id.to_string()).collect::<Vec<_>>());
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, [["a", "a-2"], ["b", "c.1"]]);
}

pub(crate) async fn concurrent_leases_are_all_counted(store: &impl Store) {
    let id = IntegrationId::generate();
    assert_eq!(store.rate(&acme(), &id).await, Ok(RateState::default()));
    let limits = Limits { per_day: Some(1_000), ..Limits::default() };
    let lease = async || {
        let mut state = store.rate(&acme(), &id).await.unwrap();
        loop {
            let Lease::Granted { next, .. } = state.lease(limits, 25, NOON) else { panic!("there is room") };
            match store.save_rate(&acme(), &id, &next).await {
                Ok(()) => break,
                Err(RateConflict::Newer(stored)) => state = stored,
                Err(RateConflict::Store(error)) => panic!("{error}"),
            }
        }
    };
    join_all((0..8).map(|_| lease())).await;
    let state = store.rate(&acme(), &id).await.unwrap();
    assert_eq!((state.rev, state.day_used), (8, 200));
    let lost = RateState { rev: 11, ..RateState::default() };
    assert_eq!(store.save_rate(&acme(), &id, &lost).await, Err(RateConflict::Newer(state)));
    let open = store.rate(&acme(), &id).await.unwrap().with_breaker(Breaker::Open { until: NOON });
    store.save_rate(&acme(), &id, &open).await.unwrap();
    assert_eq!(store.rate(&acme(), &id).await.unwrap(), open);
    let unknown = store.save_rate(&acme(), &IntegrationId::generate(), &lost).await;
    assert_eq!(unknown, Err(RateConflict::Newer(RateState::default())));
}
