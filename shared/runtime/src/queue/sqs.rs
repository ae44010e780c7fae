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
    /// Reads the addresses of these queues from the environment: `EMAIL_QUEUE_URL`, `SLACK_QUEUE_URL`,
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
        match request.send().await {
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
