//! Putting bundles on their queues. The bundle is always durable first; a message that does not get through is made up
//! for by the sweeper, so a failure here is logged and never an error.

use domain::{bundle::Bundle, tenant::TenantScope};
use runtime::queue::{BundleMessage, Outgoing, Queue, Queues};

/// Queues one bundle, to be seen after `delay_s` seconds. True when it got through.
pub async fn queue(queues: &impl Queues, scope: &TenantScope, bundle: &Bundle, delay_s: u32) -> bool {
    queue_all(queues, scope, std::slice::from_ref(bundle), delay_s).await
}

/// Queues bundles of one campaign and channel. True when all of them got through.
pub async fn queue_all(queues: &impl Queues, scope: &TenantScope, bundles: &[Bundle], delay_s: u32) -> bool {
    let Some(first) = bundles.first() else { return true };
    let messages: Vec<Outgoing<BundleMessage>> = bundles
        .iter()
        .map(|bundle| Outgoing {
            message: BundleMessage {
                scope: scope.clone(),
                campaign: bundle.campaign.clone(),
                bundle: bundle.id.clone(),
            },
            delay_s,
        })
        .collect();
    let left = queues.send(Queue::Channel(first.channel), &messages).await.len();
    if left > 0 {
        tracing::warn!(left, "bundles could not be queued; the sweeper will");
    }
    left == 0
}
