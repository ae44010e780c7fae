//! What endpoints answered, where that is too long for the bundle, by intent.

use crate::Result;
use domain::{
    bundle::{Bundle, BundleId},
    ids::CampaignId,
    tenant::TenantScope,
    webhook::Answer,
};
use std::{collections::BTreeMap, future::Future};

/// Answers of endpoints in full, by the member's number in the payload. They stand beside their generation of a bundle and
/// are kept as long.
pub trait Answers: Send + Sync {
    /// Stores answers of a generation. A repeat replaces what an attempt that was interrupted left.
    fn save_answers(
        &self,
        scope: &TenantScope,
        bundle: &Bundle,
        answers: &BTreeMap<u16, Answer>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The answers that were stored of a generation. Of those that its bundle does not mark as `apart` nothing is said:
    /// an attempt that was interrupted may have left some.
    fn answers(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
    ) -> impl Future<Output = Result<BTreeMap<u16, Answer>>> + Send;
}
