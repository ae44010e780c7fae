//! What a provider tells of a message after it took it: delivered, opened, bounced ...

use crate::{
    ids::{CampaignId, DeliveryId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedbackKind {
    /// The recipient's server took it.
    Delivered,
    /// The recipient's server refused it for now; the provider goes on trying, or gave up.
    SoftBounced,
    /// The recipient's server refused it for good.
    Bounced,
    /// The recipient opened it.
    Opened,
    /// The recipient followed a link.
    Clicked,
    /// The recipient called it spam.
    Complained,
    /// The recipient wants no more.
    Unsubscribed,
    /// The target of a simulation gave away what it should not have.
    Compromised,
    /// The target of a simulation reported it, as it should.
    Reported,
}

impl FeedbackKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Delivered,
        Self::SoftBounced,
        Self::Bounced,
        Self::Opened,
        Self::Clicked,
        Self::Complained,
        Self::Unsubscribed,
        Self::Compromised,
        Self::Reported,
    ];

    /// The name in the API; `delivery.<name>` is the event's.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::SoftBounced => "soft_bounced",
            Self::Bounced => "bounced",
            Self::Opened => "opened",
            Self::Clicked => "clicked",
            Self::Complained => "complained",
            Self::Unsubscribed => "unsubscribed",
            Self::Compromised => "compromised",
            Self::Reported => "reported",
        }
    }

    /// Whether nothing may be sent to the address any more.
    #[must_use]
    pub const fn suppresses(self) -> bool {
        matches!(self, Self::Bounced | Self::Complained | Self::Unsubscribed)
    }
}

impl fmt::Display for FeedbackKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FeedbackKind {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(crate::channel::UnknownName)
    }
}

/// One thing that happened to one delivery. Of each kind the first is kept, so a second report changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feedback {
    /// The campaign.
    pub campaign: CampaignId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// What happened.
    pub kind: FeedbackKind,
    /// When, by the provider's clock.
    pub at: Timestamp,
    /// The provider's own words, e.g. why a message bounced; often empty. At most
    /// [`DETAIL_MAX_CHARS`](crate::failure::DETAIL_MAX_CHARS).
    pub detail: String,
}
