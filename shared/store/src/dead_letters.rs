//! Events that an endpoint did not get, by intent.

use crate::{Page, Result};
use domain::{
    bundle::{Bundle, BundleId},
    ids::{IntegrationId, InvalidId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::{fmt, future::Future, str::FromStr};

/// Which dead letters, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeadSpan {
    /// Of bundles that finished then or later.
    pub since: Timestamp,
    /// Of bundles that finished then or before.
    pub until: Timestamp,
    /// Whether the newest comes first. Of those that finished at the same millisecond, either may.
    pub newest_first: bool,
}

/// The bundles of an endpoint with events that were given up: [`Bundle::is_dead_letter`]. They come to be with the write
/// that finishes them, and are none any more with the one that resends the last of these events.
pub trait DeadLetters: Send + Sync {
    /// A page of at most `limit` (<= 1,000) of them. What was finished or resent a moment ago may be missing from its
    /// page, which is then short. Where a page ends may be named for oneself: [`dead_letter_cursor`].
    fn dead_letters(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        span: DeadSpan,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Page<Bundle>>> + Send;
}

/// The cursor of the page that begins behind this bundle.
#[must_use]
pub fn dead_letter_cursor(bundle: &Bundle) -> String {
    DeadPlace { at: bundle.finished_at.unwrap_or_default(), id: bundle.id.clone() }.to_string()
}

/// Where a bundle stands among the dead letters of its endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeadPlace {
    pub(crate) at: Timestamp,
    pub(crate) id: BundleId,
}

impl fmt::Display for DeadPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.at.0, self.id)
    }
}

impl FromStr for DeadPlace {
    type Err = InvalidId;

    fn from_str(text: &str) -> std::result::Result<Self, InvalidId> {
        let invalid = InvalidId { what: "cursor", rule: "as it was given" };
        let (at, id) = text.split_once('.').ok_or_else(|| invalid.clone())?;
        Ok(Self { at: Timestamp(at.parse().map_err(|_| invalid)?), id: id.parse()? })
    }
}
