//! What providers report of deliveries.

use super::MemoryStore;
use crate::{FeedbackTotals, Feedbacks, Reporter, Result};
use domain::{
    bundle::BundleId,
    feedback::{Feedback, FeedbackKind},
    ids::{CampaignId, DeliveryId, TenantId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

pub(super) type Tables = BTreeMap<(TenantId, CampaignId, DeliveryId, FeedbackKind), Feedback>;

impl Feedbacks for MemoryStore {
    async fn record_feedback(
        &self,
        scope: &TenantScope,
        _reporter: &Reporter,
        feedback: &[Feedback],
        _now: Timestamp,
    ) -> Result<()> {
        self.call("record_feedback", |state| {
            for feedback in feedback {
                let Feedback { campaign, delivery, kind, .. } = feedback;
                let key = (scope.tenant().clone(), campaign.clone(), delivery.clone(), *kind);
                state.feedbacks.entry(key).or_insert_with(|| feedback.clone());
            }
            Ok(())
        })
        .await
    }

    async fn feedback_of(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        bundles: &[BundleId],
    ) -> Result<Vec<Feedback>> {
        self.call("feedback_of", |state| {
            let asked = |delivery: &DeliveryId| {
                let origin = BundleId::origin_of(delivery);
                bundles.iter().any(|id| (&id.request, id.number) == (&origin.request, origin.number))
            };
            let of_bundles = state
                .feedbacks
                .iter()
                .filter(|((tenant, of, delivery, _), _)| (tenant, of) == (scope.tenant(), campaign) && asked(delivery));
            Ok(of_bundles.map(|(_, feedback)| feedback.clone()).collect())
        })
        .await
    }

    async fn feedback_totals(&self, scope: &TenantScope, campaign: &CampaignId) -> Result<FeedbackTotals> {
        self.call("feedback_totals", |state| {
            let mut totals = FeedbackTotals::new();
            for (tenant, of, _, kind) in state.feedbacks.keys() {
                if (tenant, of) == (scope.tenant(), campaign) {
                    *totals.entry(*kind).or_default() += 1;
                }
            }
            Ok(totals)
        })
        .await
    }
}
