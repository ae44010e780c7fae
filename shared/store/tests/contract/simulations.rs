//! Simulations that run at a provider.

use crate::fixtures::{NOON, acme, scope, spring};
use domain::{
    bundle::{BundleId, Cause},
    feedback::FeedbackKind,
    ids::{IntegrationId, RequestId},
    simulation::{Simulation, SimulationStatus},
    time::{DAY_MS, MINUTE_MS},
};
use std::collections::BTreeMap;
use trunkline_store::{Store, StoreError};

fn simulation(look_in_ms: i64) -> Simulation {
    Simulation {
        campaign: spring(),
        origin: BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
        integration: IntegrationId::generate(),
        label: "Parcel [x]".to_owned(),
        provider_id: None,
        operation: Some("op-1".to_owned()),
        status: SimulationStatus::Scheduled,
        targets: 2,
        counts: BTreeMap::new(),
        report_digest: String::new(),
        problem: None,
        failures: 0,
        launch_at: NOON,
        duration_days: 7,
        sandbox: false,
        created_at: NOON,
        updated_at: NOON,
        next_look: Some(NOON.plus_ms(look_in_ms)),
        rev: 1,
    }
}

pub(crate) async fn a_simulation_is_begun_once_and_saved_by_who_saw_it_last(store: &impl Store) {
    let first = simulation(0);
    let (campaign, origin) = (&first.campaign, &first.origin);
    assert_eq!(store.simulation(&acme(), campaign, origin).await, Ok(None));
    store.begin_simulation(&acme(), &first).await.unwrap();
    let again = Simulation { provider_id: Some("other".to_owned()), ..first.clone() };
    store.begin_simulation(&acme(), &again).await.unwrap();
    assert_eq!(store.simulation(&acme(), campaign, origin).await, Ok(Some(first.clone())), "the first one stays");

    let seen = Simulation {
        provider_id: Some("s-1".to_owned()),
        status: SimulationStatus::Running,
        counts: BTreeMap::from([(FeedbackKind::Delivered, 2), (FeedbackKind::Clicked, 1)]),
        report_digest: "0c".repeat(32),
        problem: Some(Cause { code: "rate_limited".to_owned(), detail: String::new() }),
        failures: 1,
        rev: 2,
        ..first.clone()
    };
    assert_eq!(store.save_simulation(&acme(), &seen).await, Ok(()));
    assert_eq!(store.simulation(&acme(), campaign, origin).await, Ok(Some(seen.clone())));
    assert_eq!(store.save_simulation(&acme(), &seen).await, Err(StoreError::Conflict));
    let unknown = Simulation { rev: 2, ..simulation(0) };
    assert_eq!(store.save_simulation(&acme(), &unknown).await, Err(StoreError::Conflict));
    assert_eq!(store.simulation(&scope("globex"), campaign, origin).await, Ok(None));
}

pub(crate) async fn a_simulation_is_found_when_it_is_due_until_it_is_over(store: &impl Store) {
    let (late, soon, later) = (simulation(-MINUTE_MS), simulation(0), simulation(DAY_MS));
    for simulation in [&soon, &late, &later] {
        store.begin_simulation(&acme(), simulation).await.unwrap();
    }
    let due = async |at| {
        let due = store.simulations_due(at, 1_000).await.unwrap();
        let ours = due.into_iter().filter(|(_, _, id)| [&late, &soon, &later].iter().any(|it| it.origin == *id));
        ours.map(|(scope, campaign, id)| (scope.tenant().to_string(), campaign, id)).collect::<Vec<_>>()
    };
    let named = |simulation: &Simulation| ("acme".to_owned(), spring(), simulation.origin.clone());
    assert_eq!(due(NOON).await, [named(&late), named(&soon)]);
    let over = Simulation { status: SimulationStatus::Succeeded, next_look: None, rev: 2, ..late.clone() };
    store.save_simulation(&acme(), &over).await.unwrap();
    let put_off = Simulation { next_look: Some(NOON.plus_ms(MINUTE_MS)), rev: 2, ..soon.clone() };
    store.save_simulation(&acme(), &put_off).await.unwrap();
    assert_eq!(due(NOON).await, []);
    assert_eq!(due(NOON.plus_ms(2 * DAY_MS)).await, [named(&soon), named(&later)]);
}

pub(crate) async fn simulations_of_a_campaign_come_page_by_page(store: &impl Store) {
    let mut all: Vec<Simulation> = (0..3).map(|_| simulation(0)).collect();
    all.sort_by(|a, b| a.origin.cmp(&b.origin));
    // A campaign whose name begins alike is another one.
    let neighbour = Simulation { campaign: "spring-2".parse().unwrap(), ..simulation(0) };
    for simulation in all.iter().chain([&neighbour]) {
        store.begin_simulation(&acme(), simulation).await.unwrap();
    }
    let first = store.simulations(&acme(), &spring(), None, 2).await.unwrap();
    assert_eq!(first.items, all[..2]);
    let second = store.simulations(&acme(), &spring(), first.next.as_deref(), 2).await.unwrap();
    assert_eq!((second.items.as_slice(), second.next), (&all[2..], None));
    assert_eq!(store.simulations(&acme(), &spring(), Some("?"), 2).await, Err(StoreError::InvalidCursor));
}
