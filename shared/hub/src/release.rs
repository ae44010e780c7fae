//! Letting go of what was held, once an integration is enabled or a campaign resumed (or deleted, or cancelled: then the
//! sender finds out and cancels).

use crate::dispatch;
use domain::{bundle::Bundle, bundle::BundleId, ids::CampaignId, tenant::TenantScope, time::Timestamp};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use runtime::queue::Queues;
use store::{Bundles, HeldFor, StoreError};

/// How many held bundles are looked up at once.
const PAGE: usize = 100;

/// How many are released at a time.
const AT_ONCE: usize = 16;

/// Releases everything held for `held_for`. Returns how many bundles went back to their queue.
///
/// The release marker stays: index reads are eventually consistent, so the sweeper looks once more a minute later and
/// then removes it.
pub async fn all(
    store: &impl Bundles,
    queues: &impl Queues,
    scope: &TenantScope,
    held_for: &HeldFor,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut released = 0;
    loop {
        let held = store.held(scope, held_for, PAGE).await?;
        let went: Vec<bool> = stream::iter(held.iter().cloned())
            .map(|(campaign, id)| by_id(store, queues, scope, campaign, id, now))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let progress = went.into_iter().filter(|went| *went).count();
        released += progress;
        // A short page was the last one; a page without progress is an index that lags behind.
        if held.len() < PAGE || progress == 0 {
            return Ok(released);
        }
    }
}

/// Releases one bundle that was just held.
pub async fn one(
    store: &impl Bundles,
    queues: &impl Queues,
    scope: &TenantScope,
    bundle: &Bundle,
    now: Timestamp,
) -> Result<(), StoreError> {
    match store.release(scope, &bundle.campaign, &bundle.id, now).await {
        Ok(()) => {
            dispatch::queue(queues, scope, bundle, 0).await;
            Ok(())
        }
        // Somebody else released it.
        Err(StoreError::Conflict) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn by_id(
    store: &impl Bundles,
    queues: &impl Queues,
    scope: &TenantScope,
    campaign: CampaignId,
    id: BundleId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match store.release(scope, &campaign, &id, now).await {
        Ok(()) => {}
        Err(StoreError::Conflict) => return Ok(false),
        Err(error) => return Err(error),
    }
    let origin = BundleId { generation: 0, ..id.clone() };
    let generations = store.generations(scope, &campaign, &origin).await?;
    if let Some(bundle) = generations.iter().find(|bundle| bundle.id == id) {
        dispatch::queue(queues, scope, bundle, 0).await;
    }
    Ok(true)
}
