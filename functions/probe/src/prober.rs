//! One function, two triggers. The schedule's tick asks which integrations are due and queues one message for each; the
//! queue brings them back, spread over as many processes as it takes.
//!
//! An integration stays due until its test is recorded. So a message that is lost is made up for by the next tick, and
//! one that comes twice finds the integration not due any more.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use domain::{
    job::Job,
    principal::Principal,
    time::{Clock, SECOND_MS, Timestamp},
};
use hub::{
    connections::{Connections, TEST_TIMEOUT_MS},
    jobs::{self, Outcome as Ran},
};
use lambda_runtime::Context;
use runtime::{
    lazy::Lazy,
    log::Log,
    queue::{Outgoing, ProbeMessage, Queue, Queues},
    sqs::{Batch, Consumer, Outcome, Pace, Received},
    vault::Kms,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::{Integrations, Jobs};

/// How many due integrations one tick queues. Those over it are still due at the next.
const PROBES_A_TICK: usize = 1_000;

/// All records of a batch at once: a test is mostly waiting.
const PACE: Pace = Pace { concurrency: 10, begin_within_ms: TEST_TIMEOUT_MS.cast_signed() + 5 * SECOND_MS };

/// What wakes this function.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Event {
    /// The schedule: `{"due": "probes"}`.
    Tick {
        /// What is due.
        #[expect(dead_code, reason = "only tells this event from the other")]
        due: Due,
    },
    /// Messages of the queue.
    Batch(SqsEvent),
}

/// What is due.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Due {
    /// Probes of integrations.
    Probes,
}

/// What either trigger is answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// How many probes a tick queued.
    Tick {
        /// The number.
        queued: usize,
    },
    /// Which messages must come back.
    Batch(SqsBatchResponse),
}

/// What the function works with.
pub(crate) struct Prober<S, K, Q> {
    pub(crate) store: Lazy<S>,
    pub(crate) connections: Connections<S, K>,
    pub(crate) queues: Q,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) log: Log,
}

impl<S: Integrations + Jobs, K: Kms, Q: Queues> Prober<S, K, Q> {
    /// Answers either trigger.
    pub(crate) async fn answer(&self, event: Event, context: Context) -> Result<Answer, runtime::Error> {
        match event {
            Event::Tick { .. } => Ok(Answer::Tick { queued: self.tick().await? }),
            Event::Batch(batch) => {
                let deadline = Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX));
                Ok(Answer::Batch(self.test_batch(batch, deadline).await))
            }
        }
    }

    /// Queues what is due, and remembers having done so.
    async fn tick(&self) -> Result<usize, runtime::Error> {
        let started_at = self.clock.now();
        let queued = self.queue_due().await;
        let ran = match &queued {
            Ok((queued, left)) => Ran::counted([("queued", *queued)])
                .with_failed(*left, "tests could not be queued; they are due at the next tick"),
            Err(error) => Ran { error: Some(error.to_string()), ..Ran::counted([("queued", 0)]) },
        };
        jobs::ended(&*self.store, &*self.clock, Job::Probe, started_at, ran).await;
        Ok(queued?.0)
    }

    /// Queues what is due. Returns how many got through, and how many did not; these are still due at the next tick.
    async fn queue_due(&self) -> Result<(usize, usize), runtime::Error> {
        let due = self.store.probes_due(self.clock.now(), PROBES_A_TICK).await?;
        let messages: Vec<Outgoing<ProbeMessage>> =
            due.into_iter().map(|(scope, integration)| ProbeMessage { scope, integration }.into()).collect();
        let left = self.queues.send(Queue::Probe, &messages).await.len();
        if left > 0 {
            tracing::warn!(left, "some probes could not be queued; the next tick will");
        }
        let queued = messages.len() - left;
        self.log.note("queued", queued);
        Ok((queued, left))
    }

    async fn test_batch(&self, batch: SqsEvent, deadline: Timestamp) -> SqsBatchResponse {
        let (queues, clock) = (&self.queues, &self.clock);
        Batch { queue: Queue::Probe, queues, clock, pace: PACE, deadline }.handle(batch, self, &self.log).await
    }

    /// Tests one integration and keeps what was found. Returns what of our own was away, if something was.
    async fn test(&self, message: &ProbeMessage) -> Result<(), String> {
        let ProbeMessage { scope, integration } = message;
        let found = self.store.integration(scope, integration).await.map_err(|error| error.to_string())?;
        let is_due = |at: Timestamp| at <= self.clock.now();
        // Gone, disabled, or tested since the message was queued.
        let Some(integration) = found.filter(|found| found.next_probe_at().is_some_and(is_due)) else { return Ok(()) };
        let report = self.connections.test(scope, &integration).await.map_err(|failure| failure.detail)?;
        let recorded = self.store.record_test(scope, &integration, &report, &Principal::System).await;
        recorded.map_err(|error| error.to_string())
    }
}

impl<S: Integrations + Jobs, K: Kms, Q: Queues> Consumer for Prober<S, K, Q> {
    type Message = ProbeMessage;

    async fn handle(&self, message: ProbeMessage, _: &Received) -> Outcome {
        self.test(&message).await.map_or_else(Outcome::Fault, |()| Outcome::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        audit::AuditEntry,
        health::{HealthStatus, TestReport},
        ids::IntegrationId,
        integration::Integration,
        secret::Secret,
        tenant::TenantScope,
        time::{MINUTE_MS, ManualClock},
    };
    use doubles::slack::{Options, SlackDouble};
    use guard::{Egress, Guard};
    use providers::Endpoints;
    use runtime::{
        queue::{Fault, MemoryQueues},
        testing::{MemoryKms, START},
        vault::Vault,
    };
    use serde_json::{Value, json};
    use store::{StoreError, memory::MemoryStore};

    struct Stage {
        prober: Prober<MemoryStore, MemoryKms, Arc<MemoryQueues>>,
        vault: Arc<Vault<MemoryKms>>,
        clock: Arc<ManualClock>,
        slack: SlackDouble,
    }

    #[expect(clippy::disallowed_methods, reason = "a test looks into the store behind the API's back")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    fn entry() -> AuditEntry {
        AuditEntry {
            principal: Principal::System,
            action: "integration.created",
            target: String::new(),
            detail: String::new(),
            at: START,
        }
    }

    impl Stage {
        async fn new() -> Self {
            let slack = SlackDouble::start(Options::default()).await.unwrap();
            let clock = Arc::new(ManualClock::at(START));
            let store = Lazy::ready(MemoryStore::default());
            let vault = Arc::new(Vault::new(MemoryKms::default(), clock.clone()));
            let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1/32:*").unwrap()));
            let endpoints = Endpoints { slack_api: slack.api_url(), ..Endpoints::default() };
            let prober = Prober {
                connections: Connections::new(store.clone(), vault.clone(), guard, endpoints, clock.clone()),
                store,
                queues: Arc::new(MemoryQueues::default()),
                clock: clock.clone(),
                log: Log::in_memory("probe"),
            };
            Self { prober, vault, clock, slack }
        }

        /// Saves an integration that was never tested, so that it is due at once.
        async fn save(&self, token: &str) -> IntegrationId {
            let id = IntegrationId::generate();
            let integration: Integration = serde_json::from_value(json!({
                "id": id, "provider": "slack", "name": "Slack", "config": {"mode": "bot_token"}, "masks": {},
                "secret_version": 1, "enabled": true, "priority": 100, "limits": {}, "retry_policy": "exponential",
                "on_unknown": "retry", "probe_interval_minutes": 5, "last_test": null, "created_at": START,
                "updated_at": START, "updated_by": "system", "rev": 1, "deleted_at": null,
            }))
            .unwrap();
            let secrets = [("bot_token".to_owned(), Secret::new(token.to_owned()))].into();
            let sealed = self.vault.seal(&acme(), &id, 1, &secrets).await.unwrap();
            let store = &self.prober.store;
            store.save_integration(&acme(), &integration, Some(&sealed), false, &entry()).await.unwrap();
            id
        }

        async fn edit(&self, id: &IntegrationId, change: impl Fn(&mut Integration)) {
            let store = &self.prober.store;
            let mut integration = store.integration(&acme(), id).await.unwrap().unwrap();
            integration.rev += 1;
            change(&mut integration);
            store.save_integration(&acme(), &integration, None, false, &entry()).await.unwrap();
        }

        /// Lets a minute's tick happen, as the schedule sends it.
        async fn tick(&self) -> Value {
            self.wake(json!({"due": "probes"})).await
        }

        /// Delivers whatever is queued, each message as often as `times` says, as SQS does.
        async fn deliver(&self, times: usize) -> Value {
            let queued = self.prober.queues.drain();
            let records: Vec<Value> = (0..times)
                .flat_map(|time| queued.iter().enumerate().map(move |(number, message)| (time, number, message)))
                .map(|(time, number, message)| {
                    json!({
                        "messageId": format!("m{number}-{time}"), "receiptHandle": "r", "body": message.body,
                        "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {},
                        "eventSource": "aws:sqs",
                    })
                })
                .collect();
            self.wake(json!({"Records": records})).await
        }

        async fn wake(&self, event: Value) -> Value {
            let mut context = Context::default();
            context.deadline = u64::try_from(self.clock.now().plus_ms(30_000).0).unwrap();
            let answer = self.prober.answer(serde_json::from_value(event).unwrap(), context).await.unwrap();
            serde_json::to_value(answer).unwrap()
        }

        async fn last_test(&self, id: &IntegrationId) -> Option<TestReport> {
            self.prober.store.integration(&acme(), id).await.unwrap().unwrap().last_test
        }
    }

    #[tokio::test]
    async fn what_is_due_is_queued_tested_and_due_again_an_interval_later() {
        let stage = Stage::new().await;
        let (good, bad) = (stage.save("xoxb-good-1").await, stage.save("xoxb-revoked-1").await);
        assert_eq!(stage.tick().await, json!({"queued": 2}));
        assert_eq!(stage.deliver(1).await, json!({"batchItemFailures": []}));
        assert_eq!(stage.last_test(&good).await.unwrap().status, HealthStatus::Ok);
        let failed = stage.last_test(&bad).await.unwrap();
        assert_eq!((failed.status, failed.code.as_str()), (HealthStatus::Fail, "slack_login_refused"));
        assert_eq!(stage.tick().await, json!({"queued": 0}));
        stage.clock.advance_ms(5 * MINUTE_MS);
        assert_eq!(stage.tick().await, json!({"queued": 2}));
        stage.deliver(1).await;
        let log = stage.prober.store.health_log(&acme(), &good, START, 9).await.unwrap();
        assert_eq!(log.len(), 2);
    }

    #[tokio::test]
    async fn messages_are_grouped_by_tenant_and_hold_keys_only() {
        let stage = Stage::new().await;
        let id = stage.save("xoxb-good-1").await;
        stage.tick().await;
        let [queued] = &stage.prober.queues.drain()[..] else { panic!("one message") };
        assert_eq!((queued.queue, queued.group.as_str()), (Queue::Probe, "acme"));
        assert_eq!(serde_json::from_str::<Value>(&queued.body).unwrap(), json!({"tenant": "acme", "integration": id}));
    }

    #[tokio::test]
    async fn a_message_that_comes_again_later_tests_nothing() {
        let stage = Stage::new().await;
        stage.save("xoxb-good-1").await;
        stage.tick().await;
        stage.tick().await;
        let twice = stage.prober.queues.drain();
        assert_eq!(twice.len(), 2);
        for message in twice {
            let message = runtime::queue::Message::decode(&message.body).unwrap();
            assert_eq!(stage.prober.test(&message).await, Ok(()));
        }
        assert_eq!(stage.slack.requests().len(), 1);
        stage.clock.advance_ms(5 * MINUTE_MS);
        stage.tick().await;
        assert_eq!(stage.deliver(2).await, json!({"batchItemFailures": []}), "at the same time, it only costs a test");
    }

    #[tokio::test]
    async fn what_was_disabled_or_deleted_meanwhile_is_left_alone() {
        let stage = Stage::new().await;
        let (off, gone) = (stage.save("xoxb-good-1").await, stage.save("xoxb-good-2").await);
        stage.tick().await;
        stage.edit(&off, |integration| integration.enabled = false).await;
        stage.edit(&gone, |integration| integration.deleted_at = Some(START)).await;
        assert_eq!(stage.deliver(1).await, json!({"batchItemFailures": []}));
        assert_eq!(stage.slack.requests(), []);
        assert_eq!(stage.tick().await, json!({"queued": 0}));
    }

    #[tokio::test]
    async fn what_is_away_of_ours_brings_the_message_back_and_says_nothing_of_the_integration() {
        let stage = Stage::new().await;
        let id = stage.save("xoxb-good-1").await;
        for op in ["integration", "secret", "record_test"] {
            stage.tick().await;
            stage.prober.store.fail_next(op, StoreError::Unavailable("throttled".into()));
            assert_eq!(stage.deliver(1).await, json!({"batchItemFailures": [{"itemIdentifier": "m0-0"}]}), "{op}");
            assert_eq!(stage.last_test(&id).await, None, "{op}");
        }
        stage.prober.queues.order(Fault::Away);
        assert_eq!(stage.tick().await, json!({"queued": 0}));
        assert_eq!(stage.tick().await, json!({"queued": 1}), "still due at the next tick");
    }

    #[tokio::test]
    async fn a_secret_that_cannot_be_opened_is_the_integrations_trouble() {
        let stage = Stage::new().await;
        let id = stage.save("xoxb-good-1").await;
        stage.edit(&id, |integration| integration.secret_version = 7).await;
        stage.tick().await;
        stage.deliver(1).await;
        assert_eq!(stage.last_test(&id).await.unwrap().code, "secret_unreadable");
    }

    #[test]
    fn both_events_are_told_apart_and_nothing_else_is_one() {
        assert!(matches!(serde_json::from_value(json!({"due": "probes"})).unwrap(), Event::Tick { .. }));
        assert!(matches!(serde_json::from_value(json!({"Records": []})).unwrap(), Event::Batch(_)));
        for other in [json!({"due": "all"}), json!({}), json!([])] {
            assert!(serde_json::from_value::<Event>(other.clone()).is_err(), "{other}");
        }
    }
}
