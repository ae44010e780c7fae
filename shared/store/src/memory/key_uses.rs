//! What API keys used of their limits.

use super::MemoryStore;
use crate::{KeyUseConflict, KeyUses, Result};
use domain::{ids::TenantId, quota::KeyUse};
use std::collections::HashMap;

/// By prefix.
pub(super) type Tables = HashMap<String, (TenantId, KeyUse)>;

impl KeyUses for MemoryStore {
    async fn key_use(&self, prefix: &str) -> Result<KeyUse> {
        self.call("key_use", |state| {
            Ok(state.key_uses.get(prefix).map(|(_, stored)| stored.clone()).unwrap_or_default())
        })
        .await
    }

    async fn save_key_use(
        &self,
        tenant: &TenantId,
        prefix: &str,
        next: &KeyUse,
    ) -> std::result::Result<(), KeyUseConflict> {
        self.call("save_key_use", |state| {
            let stored = state.key_uses.get(prefix).map(|(_, stored)| stored.clone()).unwrap_or_default();
            if next.rev != stored.rev + 1 {
                return Err(KeyUseConflict::Newer(Box::new(stored)));
            }
            state.key_uses.insert(prefix.to_owned(), (tenant.clone(), next.clone()));
            Ok(())
        })
        .await
    }
}
