//! What providers report of deliveries, by intent.

use crate::Result;
use domain::{
    bundle::BundleId,
    channel::Channel,
    feedback::{Feedback, FeedbackKind},
    ids::{CampaignId, IntegrationId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::{collections::BTreeMap, future::Future};

/// Through whom a report came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reporter {
    /// The integration whose provider reports.
    pub integration: IntegrationId,
    /// The channel that it serves.
    pub channel: Channel,
}

/// Of how many deliveries each kind was reported.
pub type FeedbackTotals = BTreeMap<FeedbackKind, u64>;

/// What comes back of deliveries. Kept as long as they are, one record for the deliveries of a bundle.
pub trait Feedbacks: Send + Sync {
    /// Adds what was reported: one write for each bundle that it concerns. Of each kind the first report of a delivery
    /// stays, so that one that comes twice, in any order, changes nothing. After an error some of it may be there; the
    /// same call may be repeated. It is kept as long from `now` as other records of deliveries, whatever time was reported.
    fn record_feedback(
        &self,
        scope: &TenantScope,
        reporter: &Reporter,
        feedback: &[Feedback],
        now: Timestamp,
    ) -> impl Future<Output = Result<()>> + Send;

    /// What was reported of the deliveries of these bundles, in any generation, sorted by delivery, then by kind. Half a
    /// read unit a bundle, as their payloads cost.
    fn feedback_of(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        bundles: &[BundleId],
    ) -> impl Future<Output = Result<Vec<Feedback>>> + Send;

    /// Counts what was reported of all deliveries of a campaign: one range, about as much to read as its bundles.
    fn feedback_totals(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
    ) -> impl Future<Output = Result<FeedbackTotals>> + Send;
}
