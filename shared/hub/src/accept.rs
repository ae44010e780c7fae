//! Making accepted deliveries durable, and queueing them. Durable first, queued second, never the other way round: what
//! fails after the first is made up for by the sweeper.

use crate::dispatch;
use domain::{
    bundle::{Bundle, Payload},
    tenant::TenantScope,
};
use runtime::queue::Queues;
use store::{Bundles, Created, Request, Result};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is durable, and new: what the stream tells of it has not been told before.
    Stored,
    /// It was durable before; a repeat completed what the first try left undone.
    Repeated,
    /// There is a request of this id with another body.
    OtherBody,
}

/// Writes the request and its bundles, then queues them. A repeat completes what the first try left undone. `bundles` are
/// all of one campaign, or endpoint, and channel; if the only one has no number, it is stored with the request as one item.
pub async fn write_then_queue(
    store: &impl Bundles,
    queues: &impl Queues,
    scope: &TenantScope,
    mut request: Request,
    bundles: Vec<(Bundle, Payload)>,
) -> Result<Accepted> {
    let alone = bundles.len() == 1 && bundles[0].0.id.number.is_none();
    // A request has at most 1,000 members, so every count fits.
    request.bundles = if alone { 0 } else { u16::try_from(bundles.len()).unwrap_or(u16::MAX) };
    let single = bundles.first().filter(|_| alone).map(|(bundle, payload)| (bundle, payload));
    let repeat = match store.create_request(scope, &request, single).await? {
        Created::Fresh => false,
        Created::Exists(earlier) if earlier.body_hash != request.body_hash => return Ok(Accepted::OtherBody),
        Created::Exists(earlier) if earlier.dispatched => return Ok(Accepted::Repeated),
        Created::Exists(_) => true,
    };
    if single.is_none() {
        store.write_bundles(scope, &bundles, repeat).await?;
    }
    let states: Vec<Bundle> = bundles.into_iter().map(|(bundle, _)| bundle).collect();
    let all_queued = dispatch::queue_all(queues, scope, &states, 0).await;
    // Of a single one, the claim is the mark. And a mark that fails costs only a second look by the sweeper.
    if all_queued
        && request.bundles > 0
        && let Err(error) = store.mark_dispatched(scope, &request.campaign, &request.id).await
    {
        tracing::warn!(request = %request.id, %error, "dispatched but not marked; the sweeper will look again");
    }
    Ok(if repeat { Accepted::Repeated } else { Accepted::Stored })
}
