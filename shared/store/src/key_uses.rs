//! What API keys used of their limits, by intent.

use crate::{Result, StoreError};
use domain::{ids::TenantId, quota::KeyUse};
use std::future::Future;

/// What was leased for each API key. A record is found by the key's prefix, like the key, and goes with its tenant.
pub trait KeyUses: Send + Sync {
    /// The record of a key; the default where there is none. A moment behind what was written.
    fn key_use(&self, prefix: &str) -> impl Future<Output = Result<KeyUse>> + Send;

    /// Writes it if the stored revision is `next.rev - 1`; otherwise tells what is stored.
    fn save_key_use(
        &self,
        tenant: &TenantId,
        prefix: &str,
        next: &KeyUse,
    ) -> impl Future<Output = std::result::Result<(), KeyUseConflict>> + Send;
}

/// Why the record of a key was not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyUseConflict {
    /// Another instance wrote first; this is what is stored now.
    Newer(Box<KeyUse>),
    /// Infrastructure.
    Store(StoreError),
}

impl From<StoreError> for KeyUseConflict {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
