//! What the way of a delivery costs on DynamoDB: calls and capacity units are a promise like any other.

use crate::{
    emulator,
    fixtures::{
        NOON, SENT, acme, audit, bundle_of, cause, claimed, done, integration, next, payload, report, request, spring,
        stored_bundle, stored_single,
    },
};
use domain::{
    bundle::{BUNDLE_MAX, MemberResult},
    channel::Channel,
    feedback::{Feedback, FeedbackKind},
    health::HealthStatus,
    ids::IntegrationId,
    rate::RateState,
};
use std::{collections::BTreeMap, slice};
use trunkline_store::{
    Bundles as _, Campaigns as _, ClaimError, Feedbacks as _, Integrations as _, Rates as _, Reporter, Usage,
};

fn calls<const N: usize>(usage: &Usage, expected: [(&'static str, u64); N]) {
    assert_eq!(usage.calls, BTreeMap::from(expected));
}

fn units(usage: &Usage, read: f64, write: f64) {
    assert_eq!((usage.read_units, usage.write_units), (read, write));
}

#[tokio::test]
async fn a_full_bundle_is_claimed_and_finished_with_one_unit_each() {
    let store = emulator::store().await;
    let meter = store.meter();
    let members = u16::try_from(BUNDLE_MAX).unwrap();
    let bundle = bundle_of(&request(1), Some(0), members);
    store.write_bundles(&acme(), &[(bundle.clone(), payload(members))], false).await.unwrap();
    let usage = meter.reset();
    calls(&usage, [("BatchWriteItem", 1)]);

    let claim = claimed(&store, &bundle, NOON).await.bundle;
    let usage = meter.reset();
    calls(&usage, [("UpdateItem", 1)]);
    units(&usage, 0.0, 1.0);

    let sent = MemberResult::Sent { provider_id: Some("1763640000.123456".to_owned()) };
    store.finish(&acme(), &done(&claim, &sent), &[], false).await.unwrap();
    let usage = meter.reset();
    calls(&usage, [("UpdateItem", 1)]);
    units(&usage, 0.0, 1.0);

    let refused = store.claim(&acme(), &spring(), &bundle.id, NOON).await;
    assert!(matches!(refused, Err(ClaimError::Refused(_))));
    calls(&meter.reset(), [("UpdateItem", 1)]);
}

#[tokio::test]
async fn a_single_delivery_is_three_writes() {
    let store = emulator::store().await;
    let meter = store.meter();
    let (_, bundle) = stored_single(&store).await;
    let claim = claimed(&store, &bundle, NOON).await.bundle;
    store.finish(&acme(), &done(&claim, &SENT), &[], false).await.unwrap();
    let usage = meter.reset();
    calls(&usage, [("PutItem", 1), ("UpdateItem", 2)]);
    // Three of the item, and the index entry that comes and goes.
    units(&usage, 0.0, 5.0);
    store.generations(&acme(), &spring(), &bundle.id).await.unwrap();
    calls(&meter.reset(), [("GetItem", 1)]);
}

#[tokio::test]
async fn a_thousand_recipients_are_written_in_four_calls() {
    let store = emulator::store().await;
    let request = request(40);
    let bundles: Vec<_> = (0..40).map(|number| (bundle_of(&request, Some(number), 25), payload(25))).collect();
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    calls(&store.meter().reset(), [("BatchWriteItem", 4)]);
    let ids: Vec<_> = bundles.iter().map(|(bundle, _)| bundle.id.clone()).collect();
    store.payloads(&acme(), &spring(), &ids).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("BatchGetItem", 1)]);
    units(&usage, 20.0, 0.0);
}

#[tokio::test]
async fn the_exception_is_one_transaction() {
    let store = emulator::store().await;
    let (_, bundle) = stored_single(&store).await;
    let claim = claimed(&store, &bundle, NOON).await.bundle;
    store.meter().reset();
    let child = next(&claim, 0, NOON);
    store
        .finish(&acme(), &done(&claim, &MemberResult::Retrying(cause())), slice::from_ref(&child), true)
        .await
        .unwrap();
    calls(&store.meter().reset(), [("TransactWriteItems", 1)]);
}

#[tokio::test]
async fn a_probe_is_three_writes_and_a_change_of_health_a_transaction() {
    let store = emulator::store().await;
    let meter = store.meter();
    let first = integration(NOON);
    store.save_integration(&acme(), &first, None, false, &audit("integration.created")).await.unwrap();
    let tested = async |status, ms| {
        let stored = store.integration(&acme(), &first.id).await.unwrap().unwrap();
        meter.reset();
        let by = domain::principal::Principal::System;
        store.record_test(&acme(), &stored, &report(status, NOON.plus_ms(ms)), &by).await.unwrap();
        meter.reset()
    };
    let changed = [("GetItem", 1), ("PutItem", 1), ("TransactWriteItems", 1), ("UpdateItem", 1)];
    calls(&tested(HealthStatus::Ok, 1).await, changed);
    let usage = tested(HealthStatus::Ok, 2).await;
    calls(&usage, [("PutItem", 1), ("UpdateItem", 2)]);
    // One each of the log, the roll-up and the integration, and the index entry that moves.
    units(&usage, 0.0, 5.0);
    calls(&tested(HealthStatus::Fail, 3).await, changed);
}

#[tokio::test]
async fn what_comes_back_of_a_bundle_is_one_write() {
    let store = emulator::store().await;
    let bundle = stored_bundle(&store, 25).await.id;
    let reporter = Reporter { integration: IntegrationId::generate(), channel: Channel::Email };
    let reports: Vec<_> = [FeedbackKind::Delivered, FeedbackKind::Opened]
        .into_iter()
        .flat_map(|kind| (0..25).map(move |member| (kind, member)))
        .map(|(kind, member)| {
            let delivery = bundle.delivery(member);
            Feedback { campaign: spring(), delivery, kind, at: NOON, detail: String::new() }
        })
        .collect();
    store.meter().reset();
    store.record_feedback(&acme(), &reporter, &reports, NOON).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("UpdateItem", 1)]);
    units(&usage, 0.0, 1.0);
    store.feedback_totals(&acme(), &spring()).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("Query", 1)]);
    units(&usage, 0.5, 0.0);
    store.feedback_of(&acme(), &spring(), &[bundle]).await.unwrap();
    calls(&store.meter().reset(), [("BatchGetItem", 1)]);
}

#[tokio::test]
async fn what_is_asked_with_each_bundle_is_one_call() {
    let store = emulator::store().await;
    let meter = store.meter();
    let id = domain::ids::IntegrationId::generate();
    store.save_rate(&acme(), &id, &RateState { rev: 1, ..RateState::default() }).await.unwrap();
    let usage = meter.reset();
    calls(&usage, [("PutItem", 1)]);
    units(&usage, 0.0, 1.0);
    store.ensure_campaign(&acme(), &spring(), &audit("campaign.launched")).await.unwrap();
    meter.reset();
    store.ensure_campaign(&acme(), &spring(), &audit("campaign.launched")).await.unwrap();
    let usage = meter.reset();
    calls(&usage, [("GetItem", 1)]);
    units(&usage, 1.0, 0.0);
}

#[tokio::test]
async fn an_event_of_a_hook_is_two_writes_and_a_repeat_costs_a_look() {
    use trunkline_store::Hooks as _;
    let store = emulator::store().await;
    let event = crate::hooks::event(&domain::ids::HookId::generate(), NOON);
    store.capture(&acme(), &event, &[b'x'; 500], Some("f")).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("PutItem", 2)]);
    units(&usage, 0.0, 2.0);
    store.capture(&acme(), &event, &[b'x'; 500], Some("f")).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("GetItem", 1), ("PutItem", 1)]);
    units(&usage, 1.0, 1.0);
    store.capture(&acme(), &event, &[b'x'; 500], None).await.unwrap();
    calls(&store.meter().reset(), [("PutItem", 1)]);
}

#[tokio::test]
async fn a_call_that_nobody_has_a_hook_for_costs_one_read() {
    use trunkline_store::Hooks as _;
    let store = emulator::store().await;
    store.hook_owner(&domain::ids::HookId::generate()).await.unwrap();
    let usage = store.meter().reset();
    calls(&usage, [("GetItem", 1)]);
    units(&usage, 1.0, 0.0);
}

/// A crash between the two writes of an event: nobody was told that it is stored, and the next try completes it.
#[tokio::test]
async fn an_event_whose_first_try_was_interrupted_is_completed_by_the_next() {
    use aws_sdk_dynamodb::types::AttributeValue;
    use trunkline_store::{Captured, Hooks as _};
    let (store, client, tables) = emulator::opened().await;
    let hook = domain::ids::HookId::generate();
    let (first, second) = (crate::hooks::event(&hook, NOON), crate::hooks::event(&hook, NOON));
    store.capture(&acme(), &first, b"{}", Some("f")).await.unwrap();
    let text = |text: String| AttributeValue::S(text);
    let lost = client.delete_item().table_name(&tables.tenant).key("pk", text("T#acme#HKE".to_owned()));
    lost.key("sk", text(format!("WE#{hook}#{}", first.id))).send().await.unwrap();
    assert_eq!(store.hook_event(&acme(), &hook, &first.id).await, Ok(None));
    let completed = store.capture(&acme(), &second, b"{}", Some("f")).await.unwrap();
    assert_eq!(completed, Captured::Fresh(first.id.clone()), "under the id of the first");
    let (_, body) = store.hook_event(&acme(), &hook, &first.id).await.unwrap().unwrap();
    assert_eq!(body, b"{}");
    assert_eq!(store.capture(&acme(), &second, b"{}", Some("f")).await, Ok(Captured::Duplicate(first.id)));
}
