//! The loop over a batch from a queue.
//!
//! Only infrastructure faults are reported to SQS as failures of a message; what failed by its content is finished
//! business, written down by the handler and acknowledged. One record never spoils another: a panic is caught, a record
//! that cannot be read is written to the log and acknowledged, and when the time runs short the rest is given back
//! untouched.

use crate::{
    function::Function,
    log::Log,
    queue::{Message, Queue, Queues},
};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use domain::time::{Clock, Timestamp};
use futures::{FutureExt, StreamExt, stream};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::{future::Future, panic::AssertUnwindSafe};

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is finished, well or badly: acknowledge it.
    Done,
    /// Not now: let it be received again in `after_s` seconds.
    Later {
        /// In how many seconds.
        after_s: u32,
    },
    /// Something that we need is away: let it be received again. Says what, for the log.
    Fault(String),
}

/// What one record says beside its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// How often it was received, this time included.
    pub times: u32,
    /// When this process must be done.
    pub deadline: Timestamp,
}

/// Handles the records of a queue.
pub trait Consumer: Send + Sync {
    /// What the queue holds.
    type Message: Message;

    /// Handles one message.
    fn handle(&self, message: Self::Message, received: &Received) -> impl Future<Output = Outcome> + Send;

    /// Is told of a record that cannot be read and is about to be acknowledged. It is in the log already.
    fn unreadable(&self, _body: &str) -> impl Future<Output = ()> + Send {
        async {}
    }
}

/// How a batch is worked on.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many records at the same time.
    pub concurrency: usize,
    /// Records are begun only while more than this is left, in milliseconds: the provider's timeout and 5 s.
    pub begin_within_ms: i64,
}

/// Serves a queue until Lambda ends the process.
pub async fn run<C, Q>(
    function: Function,
    queue: Queue,
    queues: Q,
    clock: impl Clock,
    pace: Pace,
    consumer: C,
) -> Result<(), Error>
where
    C: Consumer,
    Q: Queues,
{
    function.log.started();
    let (function, queues, clock, consumer) = (&function, &queues, &clock, &consumer);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        let (event, context) = event.into_parts();
        function.log.begin(&context.request_id, context.xray_trace_id.as_deref());
        let deadline = Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let batch = Batch { queue, queues, clock, pace, deadline };
        let response = Box::pin(batch.handle(event, consumer, &function.log)).await;
        function.finish("a batch was handled");
        Ok::<_, Error>(response)
    }))
    .await
}

/// One batch, and what is needed to handle it.
pub struct Batch<'a, Q, K> {
    /// Where it comes from.
    pub queue: Queue,
    /// The queues.
    pub queues: &'a Q,
    /// The clock.
    pub clock: &'a K,
    /// The pace.
    pub pace: Pace,
    /// When Lambda ends the process.
    pub deadline: Timestamp,
}

impl<Q: Queues, K: Clock> Batch<'_, Q, K> {
    /// Handles every record and says which must come back.
    pub async fn handle<C: Consumer>(&self, event: SqsEvent, consumer: &C, log: &Log) -> SqsBatchResponse {
        let records = event.records.len();
        let again: Vec<String> = stream::iter(event.records)
            .map(|record| self.record(record, consumer))
            .buffer_unordered(self.pace.concurrency.max(1))
            .filter_map(std::future::ready)
            .collect()
            .await;
        log.note("records", records);
        log.note("records_again", again.len());
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = again.into_iter().map(failure).collect();
        response
    }

    /// Handles one record; its id if it must come back.
    async fn record<C: Consumer>(&self, record: SqsMessage, consumer: &C) -> Option<String> {
        let id = record.message_id.clone().unwrap_or_default();
        if self.deadline.since_ms(self.clock.now()) <= self.pace.begin_within_ms {
            tracing::warn!(message_id = id, "no time left to begin this record");
            return Some(id);
        }
        let body = record.body.as_deref().unwrap_or_default();
        let message = match C::Message::decode(body) {
            Ok(message) => message,
            Err(reason) => {
                tracing::error!(message_id = id, reason, "a record cannot be read; it is acknowledged and dropped");
                consumer.unreadable(body).await;
                return None;
            }
        };
        let received = Received { times: times_received(&record), deadline: self.deadline };
        // In a box: a sender's future is large, and a batch holds as many as it handles at once.
        let handled = AssertUnwindSafe(Box::pin(consumer.handle(message, &received))).catch_unwind().await;
        match handled {
            Ok(Outcome::Done) => None,
            Ok(Outcome::Later { after_s }) => {
                let receipt = record.receipt_handle.as_deref().unwrap_or_default();
                if let Err(error) = self.queues.retry_later(self.queue, receipt, after_s).await {
                    tracing::warn!(message_id = id, %error, "it comes back at the end of its visibility instead");
                }
                Some(id)
            }
            Ok(Outcome::Fault(reason)) => {
                tracing::warn!(message_id = id, reason, "a record goes back to its queue");
                Some(id)
            }
            Err(_) => {
                tracing::error!(message_id = id, "handling a record panicked; it goes back to its queue");
                Some(id)
            }
        }
    }
}

fn failure(id: String) -> BatchItemFailure {
    let mut failure = BatchItemFailure::default();
    failure.item_identifier = id;
    failure
}

fn times_received(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::{MemoryQueues, ProbeMessage},
        testing::START,
    };
    use domain::time::ManualClock;
    use serde_json::json;
    use std::sync::Mutex;

    const PACE: Pace = Pace { concurrency: 4, begin_within_ms: 15_000 };

    /// Does with each record what its tenant's name says.
    #[derive(Default)]
    struct Told {
        unreadable: Mutex<Vec<String>>,
        begun: Mutex<Vec<String>>,
        takes_ms: i64,
        clock: ManualClock,
    }

    impl Consumer for Told {
        type Message = ProbeMessage;

        async fn handle(&self, message: ProbeMessage, received: &Received) -> Outcome {
            let name = message.scope.tenant().to_string();
            self.begun.lock().unwrap().push(format!("{name} {}", received.times));
            self.clock.advance_ms(self.takes_ms);
            match name.as_str() {
                "later" => Outcome::Later { after_s: 7 },
                "fault" => Outcome::Fault("throttled".into()),
                "panic" => panic!("on purpose"),
                _ => Outcome::Done,
            }
        }

        async fn unreadable(&self, body: &str) {
            self.unreadable.lock().unwrap().push(body.to_owned());
        }
    }

    fn event(tenants: &[&str]) -> SqsEvent {
        let integration = domain::ids::IntegrationId::generate();
        let records: Vec<_> = tenants
            .iter()
            .map(|tenant| {
                let body = match *tenant {
                    "junk" => "{\"nonsense\": true}".to_owned(),
                    tenant => json!({ "tenant": tenant, "integration": integration }).to_string(),
                };
                json!({
                    "messageId": format!("m-{tenant}"), "receiptHandle": format!("r-{tenant}"), "body": body,
                    "attributes": {"ApproximateReceiveCount": "3"}, "messageAttributes": {},
                })
            })
            .collect();
        serde_json::from_value(json!({ "Records": records })).unwrap()
    }

    async fn handle(told: &Told, queues: &MemoryQueues, left_ms: i64, tenants: &[&str]) -> Vec<String> {
        let deadline = told.clock.now().plus_ms(left_ms);
        let batch = Batch { queue: Queue::Probe, queues, clock: &told.clock, pace: PACE, deadline };
        let response = batch.handle(event(tenants), told, &Log::in_memory("probe")).await;
        let mut again: Vec<_> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        again.sort();
        again
    }

    #[tokio::test]
    async fn only_what_must_come_back_is_reported_and_no_record_spoils_another() {
        let (told, queues) = (Told::default(), MemoryQueues::default());
        let again = handle(&told, &queues, 60_000, &["panic", "junk", "done", "fault", "later", "done2"]).await;
        assert_eq!(again, ["m-fault", "m-later", "m-panic"]);
        assert_eq!(queues.later(), [("r-later".to_owned(), 7)]);
        assert_eq!(told.unreadable.lock().unwrap().len(), 1);
        assert!(told.begun.lock().unwrap().contains(&"done2 3".to_owned()));
    }

    #[tokio::test]
    async fn records_that_cannot_be_finished_in_time_are_not_begun() {
        let told = Told { takes_ms: 10_000, clock: ManualClock::at(START), ..Told::default() };
        let again = handle(&told, &MemoryQueues::default(), 30_000, &["a", "b", "c", "d"]).await;
        assert_eq!(told.begun.lock().unwrap().len(), 2, "at 30 s and at 20 s, but not at 10 s");
        assert_eq!(again, ["m-c", "m-d"]);
    }
}
