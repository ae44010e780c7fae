//! A delivery as the API shows it, told from the generations that hold it.

use super::walk::Part;
use api::campaigns::{AttemptView, DeliveryError, DeliveryView, FeedbackView};
use domain::{
    bundle::{Bundle, BundleId, Cause, DeliveryStatus, LEASE_MS, MemberResult, Recipient},
    failure::explain,
    feedback::Feedback,
    ids::{CampaignId, DeliveryId},
    tenant::TenantScope,
    time::Timestamp,
};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use store::{Bundles, Feedbacks, StoreError};

/// How many histories are read at once. Only deliveries that were retried or resent need theirs.
const HISTORIES_AT_ONCE: usize = 16;

/// A member's attempt in one generation.
struct Attempt<'a> {
    bundle: &'a Bundle,
    result: &'a MemberResult,
}

impl Attempt<'_> {
    fn cause(&self) -> Option<&Cause> {
        match self.result {
            MemberResult::Failed(cause)
            | MemberResult::Dead(cause)
            | MemberResult::Unknown(cause)
            | MemberResult::Retrying(cause)
            | MemberResult::Resent(Some(cause)) => Some(cause),
            MemberResult::Sent { .. } | MemberResult::Waiting | MemberResult::Resent(None) => None,
        }
    }

    fn view(&self) -> AttemptView {
        let result = match self.result {
            MemberResult::Sent { .. } | MemberResult::Resent(None) => "sent",
            // What was resent had failed, died or was unknown; which of them is not kept, its cause is.
            MemberResult::Failed(_) | MemberResult::Resent(Some(_)) => "failed",
            MemberResult::Dead(_) => "dead",
            MemberResult::Unknown(_) => "unknown",
            MemberResult::Retrying(_) => "retrying",
            MemberResult::Waiting => "waiting",
        };
        let words = self.cause().and_then(|cause| explain(&cause.code));
        AttemptView {
            number: self.bundle.attempts + 1,
            result: result.to_owned(),
            integration_id: self.bundle.integration.clone(),
            code: self.cause().map(|cause| cause.code.clone()),
            detail: self.cause().map(|cause| cause.detail.clone()),
            reason: words.map(|words| words.en.to_owned()),
            reason_ar: words.map(|words| words.ar.to_owned()),
            at: self.bundle.finished_at.unwrap_or(self.bundle.created_at).to_rfc3339(),
        }
    }
}

/// The delivery of `member` from all generations that hold it, the first one first; `None` where there is none.
pub(super) fn whole(generations: &[&Bundle], member: u16, recipient: &Recipient) -> Option<DeliveryView> {
    let holding: Vec<(&Bundle, usize)> = generations
        .iter()
        .filter_map(|bundle| Some((*bundle, bundle.members.iter().position(|it| *it == member)?)))
        .collect();
    let (first, _) = holding.first()?;
    let (newest, place) = holding.last()?;
    let attempts: Vec<Attempt<'_>> = holding
        .iter()
        .filter_map(|(bundle, place)| Some(Attempt { bundle, result: bundle.results.get(*place)? }))
        .collect();
    // It goes on in a generation that this read came too early to see.
    let status = newest.status_of(*place).unwrap_or(DeliveryStatus::Queued);
    let cause = attempts.iter().rev().find_map(Attempt::cause).filter(|_| status != DeliveryStatus::Sent);
    let provider_message_id = match newest.results.get(*place) {
        Some(MemberResult::Sent { provider_id }) => provider_id.clone(),
        _ => None,
    };
    Some(DeliveryView {
        id: newest.id.delivery(member),
        user_id: recipient.user_id.clone(),
        address: recipient.address.clone(),
        channel: newest.channel,
        integration_id: newest.integration.clone(),
        status,
        provider_message_id,
        error: cause.map(|cause| DeliveryError::new(&cause.code, &cause.detail)),
        sandbox: newest.sandbox,
        created_at: first.created_at.to_rfc3339(),
        updated_at: changed_at(newest).to_rfc3339(),
        attempts: attempts.iter().map(Attempt::view).collect(),
        feedback: Vec::new(),
    })
}

/// What was reported of one delivery, as it happened.
pub(super) fn feedback(reported: &[Feedback]) -> Vec<FeedbackView> {
    let mut reported: Vec<&Feedback> = reported.iter().collect();
    reported.sort_by_key(|feedback| feedback.at);
    reported.into_iter().map(FeedbackView::from).collect()
}

/// When a bundle's state last changed, as far as it is kept: a claim is known by the end of its lease.
fn changed_at(bundle: &Bundle) -> Timestamp {
    match bundle.finished_at {
        Some(finished_at) => finished_at,
        None if bundle.fence > 0 => bundle.lease_until.plus_ms(-LEASE_MS),
        None => bundle.created_at,
    }
}

/// The deliveries of a page, in its order, each with its newest attempt only.
pub(super) async fn newest(
    store: &(impl Bundles + Feedbacks),
    scope: &TenantScope,
    campaign: &CampaignId,
    parts: &[Part],
) -> Result<Vec<DeliveryView>, StoreError> {
    let bundles: Vec<BundleId> = parts.iter().map(|part| origin(&part.bundle)).collect();
    let (recipients, reported) = futures::future::try_join(
        recipients(store, scope, campaign, parts),
        store.feedback_of(scope, campaign, &bundles),
    )
    .await?;
    let mut by_delivery: BTreeMap<DeliveryId, Vec<Feedback>> = BTreeMap::new();
    for feedback in reported {
        by_delivery.entry(feedback.delivery.clone()).or_default().push(feedback);
    }
    let retried: BTreeSet<BundleId> =
        parts.iter().filter(|part| part.bundle.id.generation > 0).map(|part| origin(&part.bundle)).collect();
    let histories: BTreeMap<BundleId, Vec<Bundle>> = stream::iter(retried)
        .map(|origin| async move {
            let generations = store.generations(scope, campaign, &origin).await?;
            Ok::<_, StoreError>((origin, generations))
        })
        .buffer_unordered(HISTORIES_AT_ONCE)
        .try_collect()
        .await?;
    let mut views = Vec::new();
    for Part { bundle, places } in parts {
        let origin = origin(bundle);
        // What the walk has read decides how the delivery stands: a history read later may know more, and what it knows
        // more is shown by a later generation.
        let earlier = histories.get(&origin).into_iter().flatten().filter(|it| it.id.generation < bundle.id.generation);
        let generations: Vec<&Bundle> = earlier.chain([bundle]).collect();
        for member in places.iter().filter_map(|place| bundle.members.get(*place)) {
            let recipient = recipients.get(&origin).and_then(|all| all.get(usize::from(*member)));
            let Some(recipient) = recipient else {
                tracing::error!(%campaign, bundle = %bundle.id, member, "the recipient is missing");
                continue;
            };
            if let Some(mut view) = whole(&generations, *member, recipient) {
                view.attempts.drain(..view.attempts.len().saturating_sub(1));
                view.feedback = by_delivery.get(&view.id).map(|reported| feedback(reported)).unwrap_or_default();
                views.push(view);
            }
        }
    }
    Ok(views)
}

/// The generation that a bundle grew from: recipients are stored with it.
pub(super) fn origin(bundle: &Bundle) -> BundleId {
    BundleId { generation: 0, ..bundle.id.clone() }
}

/// The recipients of a page's bundles by their origins.
pub(super) async fn recipients(
    store: &impl Bundles,
    scope: &TenantScope,
    campaign: &CampaignId,
    parts: &[Part],
) -> Result<BTreeMap<BundleId, Vec<Recipient>>, StoreError> {
    let mut origins: Vec<BundleId> = parts.iter().map(|part| origin(&part.bundle)).collect();
    origins.sort();
    origins.dedup();
    let payloads = store.payloads(scope, campaign, &origins).await?;
    Ok(origins.into_iter().zip(payloads).filter_map(|(origin, payload)| Some((origin, payload?.recipients))).collect())
}
