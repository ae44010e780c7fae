//! Making accepted deliveries durable, and queueing them.

use api::{
    campaigns::{AcceptedDelivery, RecipientBody, SendRequest},
    problem::{Problem, ProblemKind},
};
use domain::{
    bundle::{Bundle, BundleId, Envelope, Payload, Recipient},
    channel::Channel,
    ids::{CampaignId, IntegrationId, RequestId},
    log::ApiCall,
    message::Content,
    tenant::TenantScope,
    time::Timestamp,
};
use hub::accept;
use runtime::{http::Answer, queue::Queues};
use store::{Bundles, Request};

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
    /// The call that it comes with.
    pub(crate) call: ApiCall,
}

impl Accepted<'_> {
    /// Writes the request and its bundles, then queues them. A repeat completes what the first try left undone; of one that
    /// is none, what was stored tells of the call, and this is true.
    pub(crate) async fn write_then_queue(
        self,
        store: &impl Bundles,
        queues: &impl Queues,
        now: Timestamp,
    ) -> Answer<bool> {
        let bundles = self.bundles(now);
        let request = Request {
            id: self.id,
            campaign: self.campaign.clone(),
            body_hash: self.body_hash,
            bundles: 0,
            dispatched: false,
            created_at: now,
            envelope: Envelope { content: self.content },
            call: Some(self.call),
        };
        match accept::write_then_queue(store, queues, self.scope, request, bundles).await? {
            accept::Accepted::Stored => Ok(true),
            accept::Accepted::Repeated => Ok(false),
            accept::Accepted::OtherBody => Err(other_body().into()),
        }
    }

    fn bundles(&self, now: Timestamp) -> Vec<(Bundle, Payload)> {
        let only_one = self.recipients.len() == 1;
        self.recipients
            .chunks(self.channel.bundle_max())
            .enumerate()
            .map(|(number, recipients)| {
                let number = if only_one { None } else { Some(count(number)) };
                let id = BundleId { request: self.id.clone(), number, generation: 0 };
                let first =
                    Bundle::first(id, self.campaign, self.channel, self.integration, count(recipients.len()), now);
                let bundle = Bundle { sandbox: self.sandbox, pinned: self.pinned, ..first };
                (bundle, Payload { recipients: recipients.to_vec(), ..Payload::default() })
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
    if earlier.body_hash == body_hash { Ok(()) } else { Err(other_body().into()) }
}

fn other_body() -> Problem {
    let detail = "This Idempotency-Key was used in this campaign for another body. Use a new key for a new request, \
                  or send the same body again.";
    Problem::new(ProblemKind::IdempotencyMismatch, detail)
}
