//! Taking in what a provider reports of deliveries, after somebody has proven that the provider said it.

pub use providers::Report;

use domain::{
    feedback::Feedback,
    ids::CampaignId,
    integration::Integration,
    suppression::Suppression,
    tenant::TenantScope,
    time::{MINUTE_MS, Timestamp},
};
use std::collections::{BTreeMap, btree_map::Entry};
use store::{Campaigns, Feedbacks, Reporter, StoreError, Suppressions};

/// How far ahead of ours a provider's clock is believed to be, in milliseconds.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// Stores reports and lists the addresses to which nothing may be sent any more. Only when this is `Ok` may the provider be
/// told that its reports were taken: until then it reports again, and what is stored twice changes nothing.
///
/// The list comes first. A report that is stored and not listed would look done to a person, and the next campaign would
/// go to the address all the same.
///
/// Of a campaign that does not exist nothing is stored: a person's erasure goes from campaign to campaign, and would not
/// find it. The addresses are listed all the same, because the list is not kept by campaign.
///
/// An integration that delivers nothing has nothing to report: then this does nothing.
pub async fn take_in(
    store: &(impl Campaigns + Feedbacks + Suppressions),
    scope: &TenantScope,
    integration: &Integration,
    mut reports: Vec<Report>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(channel) = integration.provider.channel() else { return Ok(()) };
    for Report { feedback, .. } in &mut reports {
        feedback.at = feedback.at.min(now.plus_ms(AHEAD_MS));
    }
    let suppressed: Vec<Suppression> = reports
        .iter()
        .filter_map(|Report { feedback, address }| Suppression::of_feedback(feedback, address, &integration.id))
        .filter(|_| channel.has_suppressions())
        .collect();
    if !suppressed.is_empty() {
        store.suppress(scope, &suppressed).await?;
    }
    let feedback = of_known_campaigns(store, scope, reports).await?;
    if feedback.is_empty() {
        return Ok(());
    }
    let reporter = Reporter { integration: integration.id.clone(), channel };
    store.record_feedback(scope, &reporter, &feedback, now).await
}

async fn of_known_campaigns(
    store: &impl Campaigns,
    scope: &TenantScope,
    reports: Vec<Report>,
) -> Result<Vec<Feedback>, StoreError> {
    let mut known: BTreeMap<CampaignId, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for Report { feedback, .. } in reports {
        let is_known = match known.entry(feedback.campaign.clone()) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => *entry.insert(store.campaign(scope, &feedback.campaign).await?.is_some()),
        };
        if is_known {
            found.push(feedback);
        } else {
            tracing::warn!(campaign = %feedback.campaign, "what is reported of a campaign that does not exist is dropped");
        }
    }
    Ok(found)
}
