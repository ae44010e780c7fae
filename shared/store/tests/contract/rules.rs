//! Automation rules and their runs.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    ids::{RuleId, RunId},
    principal::Principal,
    rule::{Action, ActionResult, Ended, PER_HOUR, Rule, RuleHour, Run, Test, Trigger, Unrun},
    time::{HOUR_MS, Timestamp},
};
use std::collections::BTreeSet;
use trunkline_store::{Begun, Store, StoreError};

fn rule(at: Timestamp) -> Rule {
    let filter = serde_json::json!({"conditions": [{"field": "status", "op": "in", "value": ["fail", 1.5]}]});
    let send = serde_json::json!({
        "do": "send", "channel": "slack", "to": ["C0123456789"], "message": {"text": "{{ detail.status }} في"},
    });
    Rule {
        id: RuleId::generate(),
        name: "تنبيه".to_owned(),
        enabled: true,
        events: vec![Trigger::HealthChanged, Trigger::WebhookReceived],
        filter: Some(serde_json::from_value(filter).unwrap()),
        actions: vec![serde_json::from_value(send).unwrap(), Action::Test(Test::default())],
        max_per_hour: PER_HOUR,
        created_at: at,
        updated_at: at,
        updated_by: Principal::System,
        rev: 1,
    }
}

fn run(rule: &RuleId, event: &str, at: Timestamp) -> Run {
    Run {
        id: RunId::of(acme().tenant(), rule, at, event),
        rule: rule.clone(),
        rule_rev: 3,
        event: Trigger::DeliveryFailed,
        event_id: event.to_owned(),
        event_at: at,
        started_at: at,
        finished_at: None,
        depth: 2,
        caused_by: vec![RuleId::generate()],
        results: vec![],
    }
}

pub(crate) async fn a_writer_must_have_seen_the_newest_rule(store: &impl Store) {
    let first = rule(NOON);
    store.save_rule(&acme(), &first, &audit("rule.created")).await.unwrap();
    assert_eq!(store.save_rule(&acme(), &first, &audit("rule.created")).await, Err(StoreError::Conflict));
    let next = Rule { rev: 2, enabled: false, filter: None, ..first.clone() };
    store.save_rule(&acme(), &next, &audit("rule.updated")).await.unwrap();
    assert_eq!(store.save_rule(&acme(), &next, &audit("rule.updated")).await, Err(StoreError::Conflict));
    assert_eq!(store.rule(&acme(), &first.id).await, Ok(Some(next.clone())));
    assert_eq!(store.rule(&scope("globex"), &first.id).await, Ok(None));
    let second = rule(NOON.plus_ms(1));
    store.save_rule(&acme(), &second, &audit("rule.created")).await.unwrap();
    assert_eq!(store.rules(&acme()).await, Ok(vec![next.clone(), second]));
    assert_eq!(store.delete_rule(&acme(), &first, &audit("rule.deleted")).await, Err(StoreError::Conflict));
    store.delete_rule(&acme(), &next, &audit("rule.deleted")).await.unwrap();
    assert_eq!(store.rule(&acme(), &first.id).await, Ok(None));
    let trail = store.audit(&acme(), None, 10).await.unwrap().items;
    let actions: Vec<_> = trail.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(actions, ["rule.created", "rule.updated", "rule.created", "rule.deleted"]);
}

pub(crate) async fn a_run_begins_once_and_keeps_how_it_ended(store: &impl Store) {
    let rule = RuleId::generate();
    let begun = run(&rule, "e1", NOON);
    assert_eq!(store.begin_run(&acme(), &begun, 9).await, Ok(Begun::Fresh));
    let late = Run { started_at: NOON.plus_ms(5), ..begun.clone() };
    assert_eq!(store.begin_run(&acme(), &late, 9).await, Ok(Begun::Before(Box::new(begun.clone()))));
    let result = |ended| ActionResult {
        action: "send".to_owned(),
        ended,
        code: "ok".to_owned(),
        detail: String::new(),
        made: vec!["dlv_1".to_owned()],
    };
    let results = vec![result(Ended::Done), result(Ended::Failed)];
    let ended = Run { finished_at: Some(NOON.plus_ms(9)), results, ..begun };
    store.finish_run(&acme(), &ended).await.unwrap();
    assert_eq!(store.run(&acme(), &rule, &ended.id).await, Ok(Some(ended.clone())));
    assert_eq!(store.run(&scope("globex"), &rule, &ended.id).await, Ok(None));
    assert_eq!(store.begin_run(&acme(), &late, 9).await, Ok(Begun::Before(Box::new(ended))));
    assert_eq!(store.rule_hour(&acme(), &rule, NOON).await.unwrap().runs, 1, "it counts once");
    let unknown = run(&rule, "e2", NOON);
    store.finish_run(&acme(), &unknown).await.unwrap();
    assert_eq!(store.run(&acme(), &rule, &unknown.id).await, Ok(None), "an end makes no run");
}

pub(crate) async fn a_rule_runs_as_often_in_an_hour_as_it_may(store: &impl Store) {
    let (rule, other) = (RuleId::generate(), RuleId::generate());
    let begin =
        async |rule: &RuleId, event: &str, at| store.begin_run(&acme(), &run(rule, event, at), 2).await.unwrap();
    assert_eq!(begin(&rule, "e1", NOON).await, Begun::Fresh);
    assert_eq!(begin(&rule, "e2", NOON.plus_ms(HOUR_MS - 1)).await, Begun::Fresh);
    assert_eq!(begin(&rule, "e3", NOON.plus_ms(2)).await, Begun::OverLimit);
    assert!(matches!(begin(&rule, "e1", NOON).await, Begun::Before(_)), "what began goes on, whatever the limit says");
    assert_eq!(begin(&other, "e3", NOON.plus_ms(2)).await, Begun::Fresh);
    assert_eq!(begin(&rule, "e4", NOON.plus_ms(HOUR_MS)).await, Begun::Fresh);
    for why in [Unrun::OverLimit, Unrun::Loop, Unrun::Loop] {
        store.count_unrun(&acme(), &rule, NOON.plus_ms(7), why).await.unwrap();
    }
    let hour = RuleHour { runs: 2, over_limit: 1, loops: 2 };
    assert_eq!(store.rule_hour(&acme(), &rule, NOON).await, Ok(hour));
    store.count_unrun(&acme(), &other, NOON.plus_ms(-1), Unrun::Loop).await.unwrap();
    let hour = RuleHour { loops: 1, ..RuleHour::default() };
    assert_eq!(store.rule_hour(&acme(), &other, NOON.plus_ms(-HOUR_MS)).await, Ok(hour));
    assert_eq!(begin(&other, "e5", NOON.plus_ms(-HOUR_MS)).await, Begun::Fresh, "a count is there, and no run");
}

pub(crate) async fn of_concurrent_runs_one_is_fresh_and_none_is_over_the_limit(store: &impl Store) {
    let rule = RuleId::generate();
    let same = run(&rule, "e1", NOON);
    let acme = acme();
    let begun = futures::future::join_all((0..6).map(|_| store.begin_run(&acme, &same, 9))).await;
    assert_eq!(begun.iter().filter(|it| **it == Ok(Begun::Fresh)).count(), 1, "{begun:?}");
    let names: Vec<String> = (0..6).map(|number| format!("f{number}")).collect();
    let others: Vec<Run> = names.iter().map(|name| run(&rule, name, NOON)).collect();
    let begun = futures::future::join_all(others.iter().map(|it| store.begin_run(&acme, it, 4))).await;
    assert_eq!(begun.iter().filter(|it| **it == Ok(Begun::Fresh)).count(), 3, "{begun:?}");
    assert_eq!(store.rule_hour(&acme, &rule, NOON).await.unwrap().runs, 4);
}

pub(crate) async fn runs_come_newest_first_page_by_page(store: &impl Store) {
    let (rule, other) = (RuleId::generate(), RuleId::generate());
    let mut made = Vec::new();
    for number in 0..5 {
        let run = run(&rule, &format!("e{number}"), NOON.plus_ms(number));
        store.begin_run(&acme(), &run, 9).await.unwrap();
        made.push(run);
    }
    store.begin_run(&acme(), &run(&other, "e", NOON), 9).await.unwrap();
    made.reverse();
    let first = store.runs(&acme(), &rule, None, 3).await.unwrap();
    assert_eq!(first.items, made[..3]);
    let rest = store.runs(&acme(), &rule, first.next.as_deref(), 3).await.unwrap();
    assert_eq!((rest.items.as_slice(), rest.next), (&made[3..], None));
    let ids: BTreeSet<_> =
        store.runs(&acme(), &other, None, 9).await.unwrap().items.into_iter().map(|it| it.rule).collect();
    assert_eq!(ids, BTreeSet::from([other]));
    assert_eq!(store.runs(&acme(), &rule, Some("made up"), 3).await, Err(StoreError::InvalidCursor));
}
