//! The function over the in-memory store and queues, and the double of Slack for tests of integrations.

use crate::automaton::{Answer, Automaton, BusEvent};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId},
    campaign::CampaignState,
    channel::{Channel, Provider},
    health::{HealthStatus, TestReport},
    ids::{CampaignId, RuleId, RunId},
    integration::{Config, Integration},
    message::Content,
    principal::Principal,
    rule::{Action, Ended, PER_HOUR, Rule, RuleHour, Run, RunState, Trigger},
    secret::Secret,
    tenant::TenantScope,
    time::{Clock as _, ManualClock, SECOND_MS},
};
use doubles::slack::{Options, SlackDouble};
use guard::{Egress, Guard};
use hub::{
    automation::{KnownRules, RULES_TRUST_MS},
    connections::Connections,
    open_campaigns::OpenCampaigns,
};
use providers::Endpoints;
use runtime::{
    lazy::Lazy,
    log::Log,
    queue::{Fault, MemoryQueues, Queue},
    testing::{MemoryKms, START, integration},
    vault::Vault,
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Audit, Bundles, Campaigns, Due, Integrations, Rules as _, StoreError, memory::MemoryStore};

struct Stage {
    automaton: Automaton<MemoryStore, MemoryKms, Arc<MemoryQueues>>,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    vault: Arc<Vault<MemoryKms>>,
    clock: Arc<ManualClock>,
    slack: Integration,
    endpoint: Integration,
    _double: SlackDouble,
}

#[expect(clippy::disallowed_methods, reason = "a test looks into the store behind the API's back")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

fn entry() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

fn config(value: &Value) -> Config {
    value.as_object().unwrap().clone()
}

impl Stage {
    async fn new() -> Self {
        let double = SlackDouble::start(Options::default()).await.unwrap();
        let (store, clock) = (Lazy::ready(MemoryStore::default()), Arc::new(ManualClock::at(START)));
        let (queues, vault) =
            (Arc::new(MemoryQueues::default()), Arc::new(Vault::new(MemoryKms::default(), clock.clone())));
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
        let endpoints = Endpoints { slack_api: double.api_url(), ..Endpoints::default() };
        let automaton = Automaton {
            rules: KnownRules::new(store.clone()),
            campaigns: OpenCampaigns::new(store.clone()),
            connections: Connections::new(store.clone(), vault.clone(), guard, endpoints, clock.clone()),
            queues: queues.clone(),
            store: store.clone(),
            clock: clock.clone(),
            log: Log::in_memory("automate"),
        };
        let slack = Integration {
            config: config(&json!({"mode": "bot_token"})),
            secret_version: 1,
            last_test: Some(TestReport::passed("ready", 20, START)),
            ..integration(Provider::Slack)
        };
        let endpoint =
            Integration { config: config(&json!({"url": "https://example.com/in"})), ..integration(Provider::Webhook) };
        let stage = Self { automaton, store, queues, vault, clock, slack, endpoint, _double: double };
        let secrets = [("bot_token".to_owned(), Secret::new("xoxb-wrong".to_owned()))].into();
        let sealed = stage.vault.seal(&acme(), &stage.slack.id, 1, &secrets).await.unwrap();
        stage.store.save_integration(&acme(), &stage.slack, Some(&sealed), false, &entry()).await.unwrap();
        stage.store.save_integration(&acme(), &stage.endpoint, None, false, &entry()).await.unwrap();
        stage
    }

    async fn save(&self, integration: &Integration) {
        self.store.save_integration(&acme(), integration, None, false, &entry()).await.unwrap();
    }

    async fn rule(&self, events: &[Trigger], actions: &[Value]) -> Rule {
        let rule = Rule {
            id: RuleId::generate(),
            name: "Under test".into(),
            enabled: true,
            events: events.into(),
            filter: None,
            actions: actions.iter().map(|it| serde_json::from_value::<Action>(it.clone()).unwrap()).collect(),
            max_per_hour: PER_HOUR,
            created_at: START,
            updated_at: START,
            updated_by: Principal::System,
            rev: 1,
        };
        self.store.save_rule(&acme(), &rule, &entry()).await.unwrap();
        // What was read before is forgotten.
        self.clock.advance_ms(RULES_TRUST_MS);
        rule
    }

    async fn told(&self, name: &str, id: &str, more: Value) -> Result<Answer, runtime::Error> {
        let mut detail = json!({"tenant_id": "acme", "event_id": id, "occurred_at": START.to_rfc3339()});
        detail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.bus(json!({"source": "trunkline", "detail-type": name, "detail": detail})).await
    }

    async fn bus(&self, event: Value) -> Result<Answer, runtime::Error> {
        let event: BusEvent = serde_json::from_value(event).unwrap();
        Box::pin(self.automaton.take(event)).await
    }

    async fn runs(&self, rule: &Rule) -> Vec<Run> {
        self.store.runs(&acme(), &rule.id, None, 100).await.unwrap().items
    }

    async fn bundles(&self, campaign: &CampaignId) -> Vec<Bundle> {
        self.store.bundles(&acme(), campaign, None, 100).await.unwrap().items
    }

    async fn counted(&self, rule: &Rule) -> RuleHour {
        self.store.rule_hour(&acme(), &rule.id, self.clock.now()).await.unwrap()
    }

    /// What is told of it when the message of a run fails.
    async fn failed(&self, run: &Run, id: &str) -> Answer {
        let detail = json!({
            "campaign_id": CampaignId::of_rule(&run.rule), "channel": "slack", "integration_id": self.slack.id,
            "deliveries": [{"id": run.results[0].made[0], "status": "failed", "code": "x"}],
        });
        self.told("delivery.failed", id, detail).await.unwrap()
    }
}

fn send(to: &[&str]) -> Value {
    json!({"do": "send", "channel": "slack", "to": to, "message": {"text": "*{{ event }}*: {{ detail.body.user }}"}})
}

/// A message that needs nothing of the event.
fn plain() -> Value {
    json!({"do": "send", "channel": "slack", "to": ["C0123456789"], "message": {"text": "Look"}})
}

fn hello() -> Value {
    json!({"body": {"user": "<Sara> {{ 1 }}"}})
}

const RAN: Answer = Answer { ran: 1, before: 0, stopped: 0 };
const BEFORE: Answer = Answer { ran: 0, before: 1, stopped: 0 };
const STOPPED: Answer = Answer { ran: 0, before: 0, stopped: 1 };

#[tokio::test]
async fn a_message_goes_the_way_of_a_campaign() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789"])]).await;
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), RAN);
    let campaign = CampaignId::of_rule(&rule.id);
    let [run] = &stage.runs(&rule).await[..] else { panic!("one run") };
    assert_eq!((run.state(stage.clock.now()), run.depth, run.results[0].ended), (RunState::Done, 1, Ended::Done));
    let [bundle] = &stage.bundles(&campaign).await[..] else { panic!("one bundle") };
    assert_eq!(run.results[0].made, [bundle.id.delivery(0).to_string()]);
    assert_eq!((bundle.channel, &bundle.integration, bundle.pinned), (Channel::Slack, &stage.slack.id, false));
    assert_eq!(stage.queues.drain().len(), 1);
    let request = stage.store.request(&acme(), &campaign, &bundle.id.request).await.unwrap().unwrap();
    let Content::Message(message) = request.envelope.content else { panic!("no message") };
    let said = message.render(Channel::Slack, &std::collections::BTreeMap::new()).unwrap();
    assert_eq!(said.text, "*webhook.received*: &lt;Sara&gt; {{ 1 }}");
    let records = stage.store.audit(&acme(), None, 100).await.unwrap().items;
    let launch = records.iter().find(|record| record.action == "campaign.launched").unwrap();
    assert_eq!((launch.target.as_str(), launch.principal.clone()), (campaign.as_str(), format!("rule:{}", rule.id)));
}

#[tokio::test]
async fn what_is_told_twice_is_done_once() {
    let stage = Stage::new().await;
    let call = json!({"do": "call_endpoint", "endpoint_id": stage.endpoint.id});
    let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789", "C0123456780"]), call]).await;
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), RAN);
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), BEFORE);
    assert_eq!(stage.runs(&rule).await.len(), 1);
    assert_eq!(stage.bundles(&CampaignId::of_rule(&rule.id)).await.len(), 1);
    assert_eq!(stage.queues.drain().len(), 2);
    let mut replayed = hello();
    replayed["replay"] = json!(1);
    assert_eq!(stage.told("webhook.received", "e1", replayed).await.unwrap(), RAN, "a replay is wanted");
    assert_eq!(stage.told("webhook.received", "e2", hello()).await.unwrap(), RAN);
    assert_eq!(stage.counted(&rule).await.runs, 3);
}

#[tokio::test]
async fn a_run_that_was_interrupted_is_completed_and_does_nothing_twice() {
    for op in ["begin_run", "ensure_campaign", "create_request", "write_bundles", "mark_dispatched", "finish_run"] {
        for lost in [false, true] {
            let stage = Stage::new().await;
            let call = json!({"do": "call_endpoint", "endpoint_id": stage.endpoint.id});
            let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789", "C0123456780"]), call]).await;
            if lost {
                stage.store.lose_next_answer(op);
            } else {
                stage.store.fail_next(op, StoreError::Unavailable("throttled".into()));
            }
            let first = stage.told("webhook.received", "e1", hello()).await;
            // A mark that fails is the sweeper's to make up for.
            assert_eq!(first.is_ok(), op == "mark_dispatched", "{op}");
            let second = stage.told("webhook.received", "e1", hello()).await.unwrap();
            let ended = op == "mark_dispatched" || (op == "finish_run" && lost);
            assert_eq!(second, if ended { BEFORE } else { RAN }, "{op} {lost}");
            let [run] = &stage.runs(&rule).await[..] else { panic!("one run") };
            assert_eq!(run.state(stage.clock.now()), RunState::Done, "{op} {lost}");
            assert_eq!(stage.counted(&rule).await.runs, 1);
            for campaign in [CampaignId::of_rule(&rule.id), CampaignId::of_endpoint(&stage.endpoint.id)] {
                assert_eq!(stage.bundles(&campaign).await.len(), 1, "{op} {lost}");
            }
        }
    }
}

#[tokio::test]
async fn what_was_accepted_counts_as_done_even_if_it_may_go_no_more() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789"])]).await;
    stage.store.fail_next("finish_run", StoreError::Unavailable("throttled".into()));
    assert!(stage.told("webhook.received", "e1", hello()).await.is_err());
    stage.save(&Integration { enabled: false, rev: 2, ..stage.slack.clone() }).await;
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), RAN);
    assert_eq!(stage.runs(&rule).await[0].results[0].ended, Ended::Done);
    assert_eq!(stage.bundles(&CampaignId::of_rule(&rule.id)).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_is_away_is_the_sweepers_to_make_up_for() {
    let stage = Stage::new().await;
    stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789"])]).await;
    stage.queues.order(Fault::Away);
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), RAN);
    let due = stage.store.due(stage.clock.now().plus_ms(store::REPAIR_AFTER_MS), 10).await.unwrap();
    assert!(matches!(due.as_slice(), [Due::Bundle(..) | Due::Request(..)]), "{due:?}");
}

#[tokio::test]
async fn an_endpoint_gets_the_event_with_where_it_comes_from_even_when_it_is_paused() {
    let stage = Stage::new().await;
    let call = json!({"do": "call_endpoint", "endpoint_id": stage.endpoint.id, "type": "ops.alarm"});
    let rule = stage.rule(&[Trigger::SyncFailed], &[call]).await;
    stage.save(&Integration { enabled: false, rev: 2, ..stage.endpoint.clone() }).await;
    assert_eq!(stage.told("sync.failed", "e1", json!({"connector": "odoo"})).await.unwrap(), RAN);
    let campaign = CampaignId::of_endpoint(&stage.endpoint.id);
    let run = stage.runs(&rule).await.remove(0);
    let id = BundleId { request: run.id.request(0), number: None, generation: 0 };
    let payload = stage.store.payload(&acme(), &campaign, &id).await.unwrap().unwrap();
    let [event] = &payload.events[..] else { panic!("one event") };
    assert_eq!((event.kind.as_str(), vec![event.id.to_string()]), ("ops.alarm", run.results[0].made.clone()));
    let data: Value = serde_json::from_str(&event.data).unwrap();
    assert_eq!(data["detail"]["connector"], "odoo");
    assert_eq!((&data["rule_id"], &data["run_id"]), (&json!(rule.id), &json!(run.id)));
    let queued = stage.queues.drain();
    assert!(matches!(queued.as_slice(), [one] if one.queue == Queue::Channel(Channel::Webhook)), "{queued:?}");
}

#[tokio::test]
async fn a_test_is_kept_like_any_other_and_remembers_its_run() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::DeliveryFailed], &[json!({"do": "test"})]).await;
    let about = json!({"integration_id": stage.slack.id, "campaign_id": "spring", "deliveries": []});
    assert_eq!(stage.told("delivery.failed", "e1", about).await.unwrap(), RAN);
    let run = stage.runs(&rule).await.remove(0);
    assert_eq!((run.results[0].ended, run.results[0].code.as_str()), (Ended::Done, "slack_login_refused"));
    let tested = stage.store.integration(&acme(), &stage.slack.id).await.unwrap().unwrap().last_test.unwrap();
    assert_eq!((tested.status, tested.run.as_ref()), (HealthStatus::Fail, Some(&run.id)));
    let told = domain::event::of_integration(
        acme().tenant(),
        Some(&stage.slack),
        &Integration { last_test: Some(tested), ..stage.slack.clone() },
    );
    assert_eq!((told[0].name, &told[0].detail["run_id"]), ("integration.health_changed", &json!(run.id)));
}

#[tokio::test]
async fn what_comes_of_a_rule_does_not_set_it_off_again() {
    let stage = Stage::new().await;
    let call = json!({"do": "call_endpoint", "endpoint_id": stage.endpoint.id});
    let events = [
        Trigger::DeliveryFailed,
        Trigger::HealthChanged,
        Trigger::WebhookReceived,
        Trigger::EndpointFailing,
        Trigger::EndpointDisabled,
    ];
    let rule = stage.rule(&events, &[plain(), call]).await;
    let other = json!({"campaign_id": "spring", "deliveries": [{"id": "dlv_01JD0000000000000000000000"}]});
    assert_eq!(stage.told("delivery.failed", "e1", other).await.unwrap(), RAN);
    let run = stage.runs(&rule).await.remove(0);
    assert_eq!(stage.failed(&run, "f1").await, STOPPED, "its message failed");
    let own = [
        (
            "delivery.failed",
            json!({"endpoint_id": stage.endpoint.id, "deliveries": [{"id": format!("dlv_{}", run.id.request(1))}]}),
        ),
        ("integration.health_changed", json!({"run_id": run.id})),
        ("webhook.received", json!({"provider_id": run.results[1].made[0]})),
        ("webhook.received", json!({"body": {"type": "x", "data": {"run_id": run.id}}})),
        ("endpoint.failing", json!({"integration_id": stage.endpoint.id})),
        ("endpoint.disabled", json!({"integration_id": stage.endpoint.id})),
    ];
    for (number, (name, detail)) in own.into_iter().enumerate() {
        assert_eq!(stage.told(name, &format!("o{number}"), detail.clone()).await.unwrap(), STOPPED, "{name} {detail}");
    }
    assert_eq!(stage.counted(&rule).await, RuleHour { runs: 1, over_limit: 0, loops: 7 });
    assert_eq!(stage.runs(&rule).await.len(), 1);
}

#[tokio::test]
async fn rules_that_answer_each_other_end_after_one_round() {
    let stage = Stage::new().await;
    let one = stage.rule(&[Trigger::SyncFailed, Trigger::DeliveryFailed], &[plain()]).await;
    assert_eq!(stage.told("sync.failed", "e1", json!({})).await.unwrap(), RAN);
    let other = stage.rule(&[Trigger::DeliveryFailed], &[plain()]).await;
    let first = stage.runs(&one).await.remove(0);
    assert_eq!(stage.failed(&first, "f1").await, Answer { ran: 1, before: 0, stopped: 1 });
    let second = stage.runs(&other).await.remove(0);
    assert_eq!((second.depth, &second.caused_by), (2, &vec![one.id.clone()]));
    assert_eq!(stage.failed(&second, "f2").await, Answer { ran: 0, before: 0, stopped: 2 }, "neither goes on");
}

#[tokio::test]
async fn a_fourth_rule_in_a_row_is_not_run() {
    let stage = Stage::new().await;
    let first = stage.rule(&[Trigger::SyncFailed], &[plain()]).await;
    assert_eq!(stage.told("sync.failed", "e", json!({})).await.unwrap(), RAN);
    let mut run = stage.runs(&first).await.remove(0);
    for depth in 2..=3 {
        let next = stage.rule(&[Trigger::DeliveryFailed], &[plain()]).await;
        stage.failed(&run, &format!("f{depth}")).await;
        run = stage.runs(&next).await.remove(0);
        assert_eq!(run.depth, depth);
    }
    let fourth = stage.rule(&[Trigger::DeliveryFailed], &[plain()]).await;
    stage.failed(&run, "f4").await;
    assert_eq!((stage.runs(&fourth).await.len(), stage.counted(&fourth).await.loops), (0, 1));
}

#[tokio::test]
async fn what_is_over_the_limit_is_counted_and_not_run() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789"])]).await;
    let rule = Rule { max_per_hour: 2, rev: 2, ..rule };
    stage.store.save_rule(&acme(), &rule, &entry()).await.unwrap();
    for (number, expected) in [RAN, RAN, STOPPED, STOPPED].into_iter().enumerate() {
        let told = stage.told("webhook.received", &format!("e{number}"), hello()).await.unwrap();
        assert_eq!(told, expected);
    }
    assert_eq!(stage.counted(&rule).await, RuleHour { runs: 2, over_limit: 2, loops: 0 });
    assert_eq!(stage.queues.drain().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_keeps_nothing_else_from_being_done() {
    let stage = Stage::new().await;
    let gone = json!({"do": "call_endpoint", "endpoint_id": "int_01JD0000000000000000000000"});
    let test = json!({"do": "test"});
    let mail = json!({"do": "send", "channel": "email", "to": ["a@b.example"], "message": {"text": "x"}});
    let rule = stage.rule(&[Trigger::WebhookReceived], &[send(&["C0123456789"]), gone, test, mail, plain()]).await;
    assert_eq!(stage.told("webhook.received", "e1", json!({"body": {}})).await.unwrap(), RAN);
    let run = stage.runs(&rule).await.remove(0);
    let codes: Vec<_> = run.results.iter().map(|it| it.code.as_str()).collect();
    assert_eq!(codes, ["template_invalid", "endpoint_missing", "integration_missing", "not_ready", "ok"]);
    assert_eq!(run.state(stage.clock.now()), RunState::Failed);
    assert!(run.results[0].detail.contains("detail.body.user"), "{run:?}");
    assert_eq!(stage.told("webhook.received", "e1", json!({"body": {}})).await.unwrap(), BEFORE, "it is over");
    let campaign = CampaignId::of_rule(&rule.id);
    let (active, cancelled) = (CampaignState::Active, CampaignState::Cancelled);
    stage.store.set_campaign_state(&acme(), &campaign, active, cancelled, &entry()).await.unwrap();
    stage.clock.advance_ms(3 * SECOND_MS);
    stage.told("webhook.received", "e2", hello()).await.unwrap();
    let codes: Vec<_> =
        stage.runs(&rule).await[..].iter().filter_map(|run| run.results.last().map(|it| it.code.clone())).collect();
    assert!(codes.contains(&"campaign_cancelled".to_owned()), "{codes:?}");
}

#[tokio::test]
async fn one_rules_trouble_is_none_of_the_others() {
    let stage = Stage::new().await;
    let first = stage.rule(&[Trigger::WebhookReceived], &[plain()]).await;
    let second = stage.rule(&[Trigger::WebhookReceived], &[plain()]).await;
    stage.store.fail_next("begin_run", StoreError::Unavailable("throttled".into()));
    assert!(stage.told("webhook.received", "e1", hello()).await.is_err(), "so that it is tried again");
    // Rules that were made in one millisecond stand in no order.
    assert_eq!(stage.runs(&first).await.len() + stage.runs(&second).await.len(), 1);
    assert_eq!(stage.told("webhook.received", "e1", hello()).await.unwrap(), Answer { ran: 1, before: 1, stopped: 0 });
}

#[tokio::test]
async fn a_rule_that_was_changed_while_it_ran_is_not_run_on() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::WebhookReceived], &[plain()]).await;
    stage.store.fail_next("ensure_campaign", StoreError::Unavailable("throttled".into()));
    assert!(stage.told("webhook.received", "e1", hello()).await.is_err());
    let changed = Rule { rev: 2, actions: vec![serde_json::from_value(send(&["C1"])).unwrap()], ..rule.clone() };
    stage.store.save_rule(&acme(), &changed, &entry()).await.unwrap();
    stage.clock.advance_ms(RULES_TRUST_MS);
    stage.told("webhook.received", "e1", hello()).await.unwrap();
    assert_eq!(stage.runs(&rule).await[0].results[0].code, "rule_changed");
    assert!(stage.queues.drain().is_empty());
}

#[tokio::test]
async fn an_event_touches_its_own_tenant_only_and_what_is_not_ours_is_dropped() {
    let stage = Stage::new().await;
    let rule = stage.rule(&[Trigger::WebhookReceived], &[plain()]).await;
    let disabled = stage.rule(&[Trigger::WebhookReceived], &[plain()]).await;
    let off = Rule { enabled: false, rev: 2, ..disabled };
    stage.store.save_rule(&acme(), &off, &entry()).await.unwrap();
    let event = |source: &str, name: &str, tenant: &str| {
        let detail = json!({"tenant_id": tenant, "event_id": "e1", "occurred_at": START.to_rfc3339()});
        json!({"source": source, "detail-type": name, "detail": detail})
    };
    for other in [
        event("aws.ses", "webhook.received", "acme"),
        event("trunkline", "delivery.sent", "acme"),
        event("trunkline", "webhook.received", "globex"),
        event("trunkline", "webhook.received", "no tenant#"),
        json!({"source": "trunkline", "detail-type": "webhook.received", "detail": {}}),
    ] {
        assert_eq!(stage.bus(other.clone()).await.unwrap(), Answer::default(), "{other}");
    }
    assert_eq!(stage.bus(event("trunkline", "webhook.received", "acme")).await.unwrap(), RAN);
    assert_eq!((stage.runs(&rule).await.len(), stage.runs(&off).await.len()), (1, 0));
    let id = RunId::of(acme().tenant(), &rule.id, START, "e1");
    assert_eq!(stage.runs(&rule).await[0].id, id);
}

#[tokio::test]
async fn rules_are_remembered_for_half_a_minute() {
    let stage = Stage::new().await;
    stage.rule(&[Trigger::SyncFailed], &[plain()]).await;
    let reads = stage.store.calls("rules");
    for number in 0..5 {
        stage.told("webhook.received", &format!("e{number}"), hello()).await.unwrap();
    }
    assert_eq!(stage.store.calls("rules") - reads, 1);
    assert_eq!(stage.store.calls("run") + stage.store.calls("begin_run"), 0, "what no rule wants costs nothing more");
}
