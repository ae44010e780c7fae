//! A campaign: the caller's grouping of deliveries, and the switch that pauses or cancels it.

use crate::{
    bundle::{Bundle, DeliveryStatus},
    ids::CampaignId,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a campaign's deliveries may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CampaignState {
    /// They go.
    #[default]
    Active,
    /// They are held until it is resumed.
    Paused,
    /// What has not been sent never will be.
    Cancelled,
}

impl CampaignState {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A campaign as stored. It comes to be with its first accepted request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// The caller's name for it.
    pub id: CampaignId,
    /// Whether its deliveries may go.
    pub state: CampaignState,
    /// When its first request was accepted.
    pub created_at: Timestamp,
    /// When its state last changed.
    pub updated_at: Timestamp,
}

/// How many of a campaign's deliveries stand where. Counted from the bundles themselves, so it is never wrong and a
/// send pays nothing for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Deliveries by status; a status without deliveries may be absent.
    pub by_status: BTreeMap<DeliveryStatus, u64>,
}

impl Totals {
    /// Adds a bundle's members.
    pub fn add(&mut self, bundle: &Bundle) {
        for status in bundle.statuses() {
            *self.by_status.entry(status).or_default() += 1;
        }
    }

    /// How many have this status.
    #[must_use]
    pub fn count(&self, status: DeliveryStatus) -> u64 {
        self.by_status.get(&status).copied().unwrap_or(0)
    }

    /// All deliveries.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.by_status.iter().all(|(status, count)| *count == 0 || status.is_final())
    }
}
