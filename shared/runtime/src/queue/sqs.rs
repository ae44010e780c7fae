//! SQS: standard queues with a message group per tenant, which makes them fair queues.

use super::{DELAY_MAX_S, Message, Outgoing, Queue, QueueUnavailable, Queues};
use crate::{
    aws::Aws,
    entropy::jitter,
    env::{self, EnvError},
};
use aws_sdk_sqs::{error::DisplayErrorContext, types::SendMessageBatchRequestEntry};
use std::{collections::BTreeMap, time::Duration};

/// The most messages that one call may carry. Ours are far below the size limit: at most 300 bytes each.
const BATCH: usize = 10;
/// How often what was not taken is sent, the first time included.
const ROUNDS: u32 = 3;
const PAUSE_MS: f64 = 100.0;

/// The queues of one deployment.
#[derive(Clone)]
pub struct SqsQueues {
    aws: Aws,
    urls: BTreeMap<Queue, String>,
}

impl SqsQueues {
    /// Reads the addresses of these queues from the environment: `EMAIL_QUEUE_URL`, `SLACK_QUEUE_URL`, ... and
    /// `PROBE_QUEUE_URL`.
    pub fn from_env(aws: Aws, queues: &[Queue]) -> Result<Self, EnvError> {
        let mut urls = BTreeMap::new();
        let mut missing = Vec::new();
        for queue in queues {
            let name = variable(*queue);
            match env::optional(&name) {
                Some(url) => {
                    urls.insert(*queue, url);
                }
                None => missing.push(name),
            }
        }
        if missing.is_empty() { Ok(Self { aws, urls }) } else { Err(EnvError::Missing(missing)) }
    }

    /// The queues of every channel, from the environment.
    pub fn channels_from_env(aws: Aws) -> Result<Self, EnvError> {
        let queues: Vec<_> = domain::channel::Channel::ALL.into_iter().map(Queue::Channel).collect();
        Self::from_env(aws, &queues)
    }

    /// Sends up to ten; returns the indexes that were not taken.
    async fn send_batch<M: Message>(&self, url: &str, batch: &[(usize, &Outgoing<M>)]) -> Vec<usize> {
        let all = || batch.iter().map(|(index, _)| *index).collect();
        let mut request = self.aws.sqs().send_message_batch().queue_url(url);
        for (index, outgoing) in batch {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(outgoing.message.encode())
                .message_group_id(outgoing.message.scope().tenant().as_str())
                .delay_seconds(outgoing.delay_s.min(DELAY_MAX_S).cast_signed())
                .build();
            match entry {
                Ok(entry) => request = request.entries(entry),
                Err(error) => {
                    tracing::error!(%error, "a queue message could not be made");
                    return all();
                }
            }
        }
        let attempt = match (self.aws.direct_sqs(), request.as_input().clone().build()) {
            (Some((sqs, operation)), Ok(input)) => sqs.attempt(operation, input, |_| false).await,
            _ => None,
        };
        let answered = match attempt {
            Some(answer) => answer,
            None => Box::pin(request.send()).await,
        };
        match answered {
            Ok(answer) => {
                for entry in &answer.failed {
                    tracing::warn!(code = entry.code, "a message was not taken by the queue");
                }
                answer.failed.iter().filter_map(|entry| entry.id.parse().ok()).collect()
            }
            Err(error) => {
                tracing::warn!(error = %DisplayErrorContext(&error), "the queue did not answer");
                all()
            }
        }
    }
}

fn variable(queue: Queue) -> String {
    match queue {
        Queue::Channel(channel) => format!("{}_QUEUE_URL", channel.as_str().to_uppercase()),
        Queue::Probe => "PROBE_QUEUE_URL".into(),
    }
}

impl Queues for SqsQueues {
    async fn send<M: Message>(&self, queue: Queue, messages: &[Outgoing<M>]) -> Vec<usize> {
        let mut left: Vec<usize> = (0..messages.len()).collect();
        let Some(url) = self.urls.get(&queue) else {
            tracing::error!(?queue, "this function was not given the queue");
            return left;
        };
        for round in 0..ROUNDS {
            if round > 0 {
                let pause_ms = PAUSE_MS * f64::from(1 << round) * (1.0 + 0.5 * jitter());
                tokio::time::sleep(Duration::from_secs_f64(pause_ms / 1000.0)).await;
            }
            let mut again = Vec::new();
            for chunk in left.chunks(BATCH) {
                let batch: Vec<_> = chunk.iter().filter_map(|index| Some((*index, messages.get(*index)?))).collect();
                again.extend(self.send_batch(url, &batch).await);
            }
            left = again;
            if left.is_empty() {
                break;
            }
        }
        left
    }

    async fn retry_later(&self, queue: Queue, receipt: &str, after_s: u32) -> Result<(), QueueUnavailable> {
        let url = self.urls.get(&queue).ok_or_else(|| QueueUnavailable("no such queue".into()))?;
        self.aws
            .sqs()
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(receipt)
            .visibility_timeout(after_s.min(DELAY_MAX_S).cast_signed())
            .send()
            .await
            .map_err(|error| QueueUnavailable(DisplayErrorContext(&error).to_string()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::ProbeMessage;
    use serde_json::{Value, json};

    fn messages(count: usize, delay_s: u32) -> Vec<Outgoing<ProbeMessage>> {
        let body = |number| format!(r#"{{"tenant":"t{}","integration":"int_{number:026}"}}"#, number % 2);
        (0..count).map(|number| Outgoing { message: ProbeMessage::decode(&body(number)).unwrap(), delay_s }).collect()
    }

    fn queues(aws: Aws) -> SqsQueues {
        SqsQueues { aws, urls: [(Queue::Probe, "https://queue.example/probe".to_owned())].into() }
    }

    fn ids(request: &Value) -> Vec<String> {
        let entries = request["Entries"].as_array().unwrap();
        entries.iter().map(|entry| entry["Id"].as_str().unwrap().to_owned()).collect()
    }

    /// Takes every entry but those.
    fn all_but(request: &Value, refused: &[&str]) -> (u16, Value) {
        let (failed, taken): (Vec<_>, Vec<_>) = ids(request).into_iter().partition(|id| refused.contains(&id.as_str()));
        let failed: Vec<_> =
            failed.iter().map(|id| json!({ "Id": id, "SenderFault": false, "Code": "InternalError" })).collect();
        let taken: Vec<_> = taken
            .iter()
            .map(|id| json!({ "Id": id, "MessageId": format!("m-{id}"), "MD5OfMessageBody": "x" }))
            .collect();
        (200, json!({ "Failed": failed, "Successful": taken }))
    }

    #[tokio::test]
    async fn sends_tens_with_the_tenant_as_group_and_no_longer_delay_than_sqs_knows() {
        let (aws, asked) = Aws::scripted(|_, request| all_but(request, &[]));
        assert_eq!(queues(aws).send(Queue::Probe, &messages(23, 5_000)).await, Vec::<usize>::new());
        let asked = asked.lock().unwrap();
        assert_eq!(asked.iter().map(|(_, request)| ids(request).len()).collect::<Vec<_>>(), [10, 10, 3]);
        let entry = &asked[0].1["Entries"][1];
        assert_eq!((&entry["MessageGroupId"], &entry["DelaySeconds"]), (&json!("t1"), &json!(900)));
        assert!(ProbeMessage::decode(entry["MessageBody"].as_str().unwrap()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn sends_again_only_what_was_not_taken_and_reports_what_never_is() {
        let (aws, asked) = Aws::scripted(|_, request| all_but(request, &["3", "7", "11"]));
        assert_eq!(queues(aws).send(Queue::Probe, &messages(12, 0)).await, [3, 7, 11]);
        let rounds: Vec<_> = asked.lock().unwrap().iter().map(|(_, request)| ids(request)).collect();
        assert_eq!(rounds[2..], [["3", "7", "11"], ["3", "7", "11"]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_does_not_answer_takes_nothing() {
        let (aws, _) = Aws::scripted(|_, _| (400, json!({ "__type": "QueueDoesNotExist" })));
        let queues = queues(aws);
        assert_eq!(queues.send(Queue::Probe, &messages(2, 0)).await, [0, 1]);
        assert!(queues.retry_later(Queue::Probe, "r", 5).await.is_err());
        let unknown = Queue::Channel(domain::channel::Channel::Email);
        assert_eq!(queues.send(unknown, &messages(1, 0)).await, [0]);
    }

    #[tokio::test]
    async fn a_message_comes_back_when_asked() {
        let (aws, asked) = Aws::scripted(|_, _| (200, json!({})));
        queues(aws).retry_later(Queue::Probe, "r-1", 7).await.unwrap();
        let (operation, request) = asked.lock().unwrap()[0].clone();
        assert_eq!(operation, "ChangeMessageVisibility");
        assert_eq!((&request["ReceiptHandle"], &request["VisibilityTimeout"]), (&json!("r-1"), &json!(7)));
    }
}
