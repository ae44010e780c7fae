//! Where the chain of an endpoint's events with the same key ends, by intent.

use crate::Result;
use domain::{bundle::BundleId, ids::IntegrationId, tenant::TenantScope, time::Timestamp};
use std::future::Future;

/// How many of the newest requests of a chain find their predecessor again when they are repeated.
pub const LINKS_KEPT: usize = 8;

/// How many links may be there before those beyond [`LINKS_KEPT`] are let go, so that this is not done for each.
pub(crate) const LINKS_MAX: usize = 2 * LINKS_KEPT;

/// The ends of chains, kept as long as deliveries. Only endpoints with strict order have any.
pub trait OrderTails: Send + Sync {
    /// Makes `last` the end of the chain of this endpoint and key, and returns the bundle that has to be over first: the
    /// nearest before it that was written. What was linked and never written, because its function was ended in between, is
    /// passed over, or whoever came before it would be overtaken. A repeat of the same request keeps its place, even when
    /// others have come after it, up to [`LINKS_KEPT`] of them;
    /// beyond that, it comes last.
    fn chain(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        key: &str,
        last: &BundleId,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<BundleId>>> + Send;
}
