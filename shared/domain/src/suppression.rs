//! Addresses to which a tenant sends nothing any more.

use crate::{
    feedback::{Feedback, FeedbackKind},
    ids::{CampaignId, DeliveryId, IntegrationId, TenantId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// The longest address that is listed, in bytes: 64 before the `@` and 255 after it (RFC 5321, section 4.5.3.1).
pub const ADDRESS_MAX_BYTES: usize = 320;

/// Why nothing is sent to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionReason {
    /// A message came back for good.
    Bounced,
    /// Its owner called a message spam.
    Complained,
    /// Its owner wants no more.
    Unsubscribed,
    /// Somebody of the tenant put it there.
    Manual,
}

/// One address to which nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The address in lower case: as [`listed_as`] writes it.
    pub address: String,
    /// Why.
    pub reason: SuppressionReason,
    /// Since when.
    pub at: Timestamp,
    /// The provider's words, or a person's note; often empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The campaign whose delivery it comes from.
    pub campaign: Option<CampaignId>,
    /// The delivery that it comes from.
    pub delivery: Option<DeliveryId>,
    /// The integration that reported it.
    pub integration: Option<IntegrationId>,
}

/// An address as the list has it. Mail servers may tell `Ann@` from `ann@`, but none in use does; the wrong guess here is
/// a message too few, not one too many.
#[must_use]
pub fn listed_as(address: &str) -> String {
    address.trim().to_lowercase()
}

/// How the audit trail names an address: so that whoever knows it finds it there, and nobody reads it there, when the
/// tenant and its list are long erased.
#[must_use]
pub fn audited_as(tenant: &TenantId, address: &str) -> String {
    let hash = crate::digest::hex_of_parts([tenant.as_str(), &listed_as(address)].map(str::as_bytes));
    format!("address:{}", hash.get(..32).unwrap_or_default())
}

impl Suppression {
    /// What a provider's report makes of the address that it names: nothing, unless the kind
    /// [suppresses](FeedbackKind::suppresses).
    #[must_use]
    pub fn of_feedback(feedback: &Feedback, address: &str, integration: &IntegrationId) -> Option<Self> {
        let reason = match feedback.kind {
            kind if !kind.suppresses() => return None,
            FeedbackKind::Complained => SuppressionReason::Complained,
            FeedbackKind::Unsubscribed => SuppressionReason::Unsubscribed,
            _ => SuppressionReason::Bounced,
        };
        let address = listed_as(address);
        if address.is_empty() || address.len() > ADDRESS_MAX_BYTES {
            return None;
        }
        Some(Self {
            address,
            reason,
            at: feedback.at,
            detail: feedback.detail.clone(),
            campaign: Some(feedback.campaign.clone()),
            delivery: Some(feedback.delivery.clone()),
            integration: Some(integration.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RequestId;

    #[test]
    fn what_came_back_for_good_is_listed_and_what_was_opened_is_not() {
        let integration = IntegrationId::generate();
        let feedback = |kind| Feedback {
            campaign: "spring".parse().unwrap(),
            delivery: DeliveryId { request: RequestId::generate(), place: None },
            kind,
            at: Timestamp(1),
            detail: "no such user".to_owned(),
        };
        let listed = |kind, address| Suppression::of_feedback(&feedback(kind), address, &integration);
        let bounced = listed(FeedbackKind::Bounced, " Ann@Example.COM ").unwrap();
        assert_eq!((bounced.address.as_str(), bounced.reason), ("ann@example.com", SuppressionReason::Bounced));
        let reasons =
            [FeedbackKind::Complained, FeedbackKind::Unsubscribed].map(|kind| listed(kind, "a@b").unwrap().reason);
        assert_eq!(reasons, [SuppressionReason::Complained, SuppressionReason::Unsubscribed]);
        for kind in FeedbackKind::ALL.into_iter().filter(|kind| !kind.suppresses()) {
            assert_eq!(listed(kind, "a@b"), None, "{kind}");
        }
        assert_eq!(listed(FeedbackKind::Bounced, " "), None, "nobody");
        assert_eq!(listed(FeedbackKind::Bounced, &"a".repeat(ADDRESS_MAX_BYTES + 1)), None);
    }
}
