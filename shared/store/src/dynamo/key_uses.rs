//! What API keys used of their limits: one small item beside each key.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of, text},
    audit::put_revision,
    calls::{Table, Written},
    keys,
};
use crate::{KeyUseConflict, KeyUses, Result};
use domain::{ids::TenantId, quota::KeyUse, time::DAY_MS};

/// How long it is known when a key was used last, in milliseconds.
const KEPT_MS: i64 = 100 * DAY_MS;

impl KeyUses for DynamoStore {
    async fn key_use(&self, prefix: &str) -> Result<KeyUse> {
        // A stale one does no harm: the write that builds on it is refused, and tells what is stored.
        let item = self.get(Table::Auth, keys::key_use(prefix), false).await?;
        item.map_or_else(|| Ok(KeyUse::default()), record_of)
    }

    async fn save_key_use(
        &self,
        tenant: &TenantId,
        prefix: &str,
        next: &KeyUse,
    ) -> std::result::Result<(), KeyUseConflict> {
        let mut item = keys::key_use(prefix).item();
        item.extend(item_of(next)?);
        // By this, the erasure of the tenant finds it.
        item.insert("tenant".to_owned(), text(tenant.as_str()));
        // A request that was under way when its tenant was erased may leave one behind.
        let seen_at = next.used_at.unwrap_or(next.failing_since);
        item.insert("ttl".to_owned(), number(seen_at.plus_ms(KEPT_MS).as_seconds()));
        match self.write(put_revision(item, next.rev).on(Table::Auth)).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(stored) => {
                let stored = stored.map_or_else(|| Ok(KeyUse::default()), record_of)?;
                Err(KeyUseConflict::Newer(Box::new(stored)))
            }
        }
    }
}
