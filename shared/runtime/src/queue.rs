//! The queues. A message carries only keys; what is to be done stands in the store.

use domain::{
    bundle::BundleId,
    channel::Channel,
    ids::{CampaignId, IntegrationId, TenantId},
    tenant::TenantScope,
};
use serde::{Deserialize, Serialize};
use std::future::Future;

mod memory;
mod sqs;

pub use memory::{Fault, MemoryQueues, Queued};
pub use sqs::SqsQueues;

/// The longest delay that SQS knows, in seconds. Whatever is later is left to the sweeper.
pub const DELAY_MAX_S: u32 = 900;

/// One of our queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Bundles to be sent on a channel.
    Channel(Channel),
    /// Integrations to be tested.
    Probe,
}

/// A bundle to be sent: the content of a channel's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleMessage {
    /// Whose it is.
    pub scope: TenantScope,
    /// Its campaign.
    pub campaign: CampaignId,
    /// The bundle.
    pub bundle: BundleId,
}

/// An integration to be tested: the content of the probe queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeMessage {
    /// Whose it is.
    pub scope: TenantScope,
    /// The integration.
    pub integration: IntegrationId,
}

/// Something that travels through a queue.
pub trait Message: Sized + Send + Sync {
    /// Whose it is: the fair-queue group.
    fn scope(&self) -> &TenantScope;
    /// As it is sent.
    fn encode(&self) -> String;
    /// As it was received.
    fn decode(body: &str) -> Result<Self, String>;
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleBody {
    tenant: TenantId,
    campaign: CampaignId,
    bundle: BundleId,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbeBody {
    tenant: TenantId,
    integration: IntegrationId,
}

#[expect(clippy::disallowed_methods, reason = "only our own functions may write to our queues, so IAM vouches for it")]
fn trusted(tenant: TenantId) -> TenantScope {
    TenantScope::established(tenant)
}

impl Message for BundleMessage {
    fn scope(&self) -> &TenantScope {
        &self.scope
    }

    fn encode(&self) -> String {
        let (tenant, campaign, bundle) = (self.scope.tenant().clone(), self.campaign.clone(), self.bundle.clone());
        serde_json::to_string(&BundleBody { tenant, campaign, bundle }).unwrap_or_default()
    }

    fn decode(body: &str) -> Result<Self, String> {
        let body: BundleBody = serde_json::from_str(body).map_err(|error| error.to_string())?;
        Ok(Self { scope: trusted(body.tenant), campaign: body.campaign, bundle: body.bundle })
    }
}

impl Message for ProbeMessage {
    fn scope(&self) -> &TenantScope {
        &self.scope
    }

    fn encode(&self) -> String {
        let (tenant, integration) = (self.scope.tenant().clone(), self.integration.clone());
        serde_json::to_string(&ProbeBody { tenant, integration }).unwrap_or_default()
    }

    fn decode(body: &str) -> Result<Self, String> {
        let body: ProbeBody = serde_json::from_str(body).map_err(|error| error.to_string())?;
        Ok(Self { scope: trusted(body.tenant), integration: body.integration })
    }
}

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing<M> {
    /// The message.
    pub message: M,
    /// Not to be received before this many seconds are over; at most [`DELAY_MAX_S`], more is cut to it.
    pub delay_s: u32,
}

impl<M> From<M> for Outgoing<M> {
    fn from(message: M) -> Self {
        Self { message, delay_s: 0 }
    }
}

/// The queue does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the queue is unavailable: {0}")]
pub struct QueueUnavailable(pub String);

/// What is asked of the queues.
pub trait Queues: Send + Sync {
    /// Sends messages. Returns the indexes of those that may not have been taken, after all attempts; empty means that
    /// all are queued. One that was reported may have been taken all the same (its answer was lost): receivers must
    /// bear a repeat, and do, by the claim's fence.
    fn send<M: Message>(&self, queue: Queue, messages: &[Outgoing<M>]) -> impl Future<Output = Vec<usize>> + Send;

    /// Lets a received message be received again in `after_s` seconds rather than at the end of its visibility.
    fn retry_later(
        &self,
        queue: Queue,
        receipt: &str,
        after_s: u32,
    ) -> impl Future<Output = Result<(), QueueUnavailable>> + Send;
}

impl<Q: Queues> Queues for &Q {
    async fn send<M: Message>(&self, queue: Queue, messages: &[Outgoing<M>]) -> Vec<usize> {
        (**self).send(queue, messages).await
    }

    async fn retry_later(&self, queue: Queue, receipt: &str, after_s: u32) -> Result<(), QueueUnavailable> {
        (**self).retry_later(queue, receipt, after_s).await
    }
}

impl<Q: Queues> Queues for std::sync::Arc<Q> {
    async fn send<M: Message>(&self, queue: Queue, messages: &[Outgoing<M>]) -> Vec<usize> {
        (**self).send(queue, messages).await
    }

    async fn retry_later(&self, queue: Queue, receipt: &str, after_s: u32) -> Result<(), QueueUnavailable> {
        (**self).retry_later(queue, receipt, after_s).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_message_survives_the_queue_and_holds_only_keys() {
        let body = r#"{"tenant":"acme","campaign":"spring","bundle":"01JD0000000000000000000000.0003~1"}"#;
        let message = BundleMessage::decode(body).unwrap();
        assert_eq!(message.scope().tenant().as_str(), "acme");
        assert_eq!(message.encode(), body);
        for bad in ["", "{}", r#"{"tenant":"A","campaign":"c","bundle":"b"}"#, "null"] {
            assert!(BundleMessage::decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_probe_message_survives_the_queue() {
        let body = r#"{"tenant":"acme","integration":"int_01JD0000000000000000000000"}"#;
        assert_eq!(ProbeMessage::decode(body).unwrap().encode(), body);
    }

    #[tokio::test]
    async fn ordered_faults_happen_once_each_in_order() {
        let queues = MemoryQueues::default();
        let message = ProbeMessage::decode(r#"{"tenant":"acme","integration":"int_01JD0000000000000000000000"}"#);
        let both: Vec<Outgoing<_>> = vec![message.clone().unwrap().into(), message.unwrap().into()];
        for fault in [Fault::Away, Fault::Refuse(vec![1]), Fault::LoseAnswer] {
            queues.order(fault);
        }
        let mut seen = Vec::new();
        for _ in 0..4 {
            let refused = queues.send(Queue::Probe, &both).await;
            seen.push((refused, queues.drain().len()));
        }
        assert_eq!(seen, [(vec![0, 1], 0), (vec![1], 1), (vec![0, 1], 2), (vec![], 2)]);
    }
}
