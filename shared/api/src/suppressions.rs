//! Addresses to which a tenant sends nothing any more.

use domain::{
    ids::{CampaignId, DeliveryId, IntegrationId},
    suppression::{Suppression, SuppressionReason},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest note, in characters.
pub const NOTE_MAX_CHARS: usize = 300;

/// An address to put on the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SuppressionCreate {
    /// The e-mail address; upper and lower case do not differ.
    #[schema(example = "ann@example.com")]
    pub address: String,
    /// Why, for people; at most 300 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(example = "Asked us by telephone.")]
    pub note: String,
}

/// An address on the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SuppressionView {
    /// The address, in lower case.
    pub address: String,
    /// `bounced`, `complained`, `unsubscribed` or `manual`.
    #[schema(value_type = String)]
    pub reason: SuppressionReason,
    /// Since when, RFC 3339.
    pub at: String,
    /// The provider's words, or a person's note.
    pub detail: String,
    /// The campaign whose delivery it comes from.
    #[schema(value_type = Option<String>)]
    pub campaign_id: Option<CampaignId>,
    /// The delivery that it comes from.
    #[schema(value_type = Option<String>)]
    pub delivery_id: Option<DeliveryId>,
    /// The integration that reported it.
    #[schema(value_type = Option<String>)]
    pub integration_id: Option<IntegrationId>,
}

impl From<&Suppression> for SuppressionView {
    fn from(entry: &Suppression) -> Self {
        Self {
            address: entry.address.clone(),
            reason: entry.reason,
            at: entry.at.to_rfc3339(),
            detail: entry.detail.clone(),
            campaign_id: entry.campaign.clone(),
            delivery_id: entry.delivery.clone(),
            integration_id: entry.integration.clone(),
        }
    }
}
