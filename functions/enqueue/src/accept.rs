//! Making accepted deliveries durable, and queueing them.

use api::{
    campaigns::{AcceptedDelivery, RecipientBody, SendRequest},
    problem::{Problem, ProblemKind},
};
use domain::{
    bundle::{Bundle, BundleId, BundleState, Envelope, Payload, Recipient},
    channel::Channel,
    ids::{CampaignId, IntegrationId, RequestId},
    message::Content,
    tenant::TenantScope,
    time::Timestamp,
};
use hub::dispatch;
use runtime::{http::Answer, queue::Queues};
use store::{Bundles, Created, Request};

/// Deliveries that may go.
pub(crate) struct Accepted<'a> {
    pub(crate) scope: &'a TenantScope,
    pub(crate) campaign: &'a CampaignId,
    pub(crate) id: RequestId,
    pub(crate) body_hash: String,
    pub(crate) content: Content,
    pub(crate) channel: Channel,
    pub(crate) integration: &'a IntegrationId,
    pub(crate) recipients: Vec<Recipient>,
    pub(crate) sandbox: bool,
    /// Whether the caller named the integration.
    pub(crate) pinned: bool,
}

impl Accepted<'_> {
    /// Writes the request and its bundles, then queues them. A repeat completes what the first try left undone.
    pub(crate) async fn write_then_queue(
        self,
        store: &impl Bundles,
        queues: &impl Queues,
        now: Timestamp,
    ) -> Answer<RequestId> {
        let bundles = self.bundles(now);
        let request = Request {
            id: self.id,
            campaign: self.campaign.clone(),
            body_hash: self.body_hash,
            bundles: if bundles.len() == 1 && bundles[0].0.id.number.is_none() { 0 } else { count(bundles.len()) },
            dispatched: false,
            created_at: now,
            envelope: Envelope { content: self.content },
        };
        let single = bundles.first().filter(|_| request.bundles == 0).map(|(bundle, payload)| (bundle, payload));
        let repeat = match store.create_request(self.scope, &request, single).await? {
            Created::Fresh => false,
            Created::Exists(earlier) => {
                same_body(&earlier, &request.body_hash)?;
                if earlier.dispatched {
                    return Ok(request.id);
                }
                true
            }
        };
        if single.is_none() {
            store.write_bundles(self.scope, &bundles, repeat).await?;
        }
        let states: Vec<Bundle> = bundles.into_iter().map(|(bundle, _)| bundle).collect();
        let all_queued = dispatch::queue_all(queues, self.scope, &states, 0).await;
        // Of a single one, the claim is the mark. And a mark that fails costs only a second look by the sweeper.
        if all_queued
            && request.bundles > 0
            && let Err(error) = store.mark_dispatched(self.scope, self.campaign, &request.id).await
        {
            tracing::warn!(request = %request.id, %error, "dispatched but not marked; the sweeper will look again");
        }
        Ok(request.id)
    }

    fn bundles(&self, now: Timestamp) -> Vec<(Bundle, Payload)> {
        let only_one = self.recipients.len() == 1;
        self.recipients
            .chunks(self.channel.bundle_max())
            .enumerate()
            .map(|(number, recipients)| {
                let number = if only_one { None } else { Some(count(number)) };
                let bundle = Bundle {
                    id: BundleId { request: self.id.clone(), number, generation: 0 },
                    campaign: self.campaign.clone(),
                    channel: self.channel,
                    integration: self.integration.clone(),
                    state: BundleState::Queued,
                    members: (0..count(recipients.len())).collect(),
                    results: Vec::new(),
                    attempts: 0,
                    fence: 0,
                    lease_until: Timestamp(0),
                    due: now,
                    created_at: now,
                    finished_at: None,
                    resends: 0,
                    sandbox: self.sandbox,
                    pinned: self.pinned,
                    uncertain: false,
                };
                (bundle, Payload { recipients: recipients.to_vec() })
            })
            .collect()
    }
}

/// A request has at most 1,000 recipients, so every count fits.
fn count(value: usize) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

/// Each recipient's delivery id, in order.
pub(crate) fn delivery_ids(id: &RequestId, channel: Channel, recipients: &[RecipientBody]) -> Vec<AcceptedDelivery> {
    let (only_one, bundle_max) = (recipients.len() == 1, channel.bundle_max());
    recipients
        .iter()
        .enumerate()
        .map(|(index, recipient)| {
            let number = if only_one { None } else { Some(count(index / bundle_max)) };
            let bundle = BundleId { request: id.clone(), number, generation: 0 };
            AcceptedDelivery { id: bundle.delivery(count(index % bundle_max)), user_id: recipient.user_id.clone() }
        })
        .collect()
}

/// SHA-256 over the request as understood, in hex: white space and the order of fields do not matter.
pub(crate) fn body_hash(request: &SendRequest) -> String {
    // A request that was just read from JSON can be written as JSON.
    let body = serde_json::to_vec(request).unwrap_or_default();
    domain::digest::hex_of_parts([body.as_slice()])
}

/// An idempotency key stands for one body.
pub(crate) fn same_body(earlier: &Request, body_hash: &str) -> Answer<()> {
    if earlier.body_hash == body_hash {
        return Ok(());
    }
    let detail = "This Idempotency-Key was used in this campaign for another body. Use a new key for a new request, \
                  or send the same body again.";
    Err(Problem::new(ProblemKind::IdempotencyMismatch, detail).into())
}
