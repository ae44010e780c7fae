//! Which issuers' tokens are taken, and sign-ins under way: in the table of what is looked up before the tenant is
//! known.

use super::{
    DynamoStore,
    attributes::{item_of, number, record_of, text},
    calls::{Table, Write, Written},
    keys::{self, Key},
};
use crate::{Integrations, Result, SignIns, StoreError};
use domain::{
    integration::Integration,
    sign_in::{Authority, PendingSignIn, SignIn},
    tenant::TenantScope,
    time::Timestamp,
};

/// Whose record it is, if there is one: nobody takes it from its integration.
const FREE_OR_OWN: &str = "attribute_not_exists(pk) OR (#tenant = :tenant AND #integration = :integration)";

fn key_of(sign_in: &SignIn) -> Option<Key> {
    Some(keys::sign_in(&sign_in.settings.authority()?, &sign_in.settings.audience))
}

fn own(write: Write, sign_in: &SignIn) -> Write {
    write
        .on(Table::Auth)
        .only_if(FREE_OR_OWN)
        .value(":tenant", text(sign_in.tenant.to_string()))
        .value(":integration", text(sign_in.integration.to_string()))
}

impl DynamoStore {
    /// What the save of an integration changes about whose tokens are taken. Reads the integration as it is stored; if
    /// that is not the revision before, the save is a conflict anyway.
    pub(super) async fn sign_in_writes(&self, scope: &TenantScope, integration: &Integration) -> Result<Vec<Write>> {
        let stored = self.integration(scope, &integration.id).await?;
        if stored.as_ref().map_or(0, |stored| stored.rev) + 1 != integration.rev {
            return Err(StoreError::Conflict);
        }
        let before = stored.and_then(|stored| SignIn::of(scope, &stored));
        let after = SignIn::of(scope, integration);
        let mut writes = Vec::new();
        let key_after = after.as_ref().and_then(key_of);
        if let Some((before, key)) = before.as_ref().and_then(|before| Some((before, key_of(before)?)))
            && key_after.as_ref() != Some(&key)
        {
            writes.push(own(Write::delete(key), before));
        }
        if let Some((after, key)) = after.as_ref().zip(key_after) {
            let mut item = key.item();
            item.extend(item_of(after)?);
            writes.push(own(Write::put(item), after));
        }
        Ok(writes)
    }
}

impl SignIns for DynamoStore {
    async fn sign_in(&self, authority: &Authority, audience: &str) -> Result<Option<SignIn>> {
        // One cheap read: whoever makes tokens up asks for what is not there.
        self.get(Table::Auth, keys::sign_in(authority, audience), false).await?.map(record_of).transpose()
    }

    async fn begin_sign_in(&self, state_hash: &str, pending: &PendingSignIn) -> Result<()> {
        let mut item = keys::pending_sign_in(state_hash).item();
        item.extend(item_of(pending)?);
        item.insert("ttl".to_owned(), number(pending.expires_at.as_seconds()));
        match self.write(Write::put(item).on(Table::Auth).only_if("attribute_not_exists(pk)")).await? {
            Written::Done(_) => Ok(()),
            Written::Refused(_) => Err(StoreError::Conflict),
        }
    }

    async fn end_sign_in(&self, state_hash: &str, now: Timestamp) -> Result<Option<PendingSignIn>> {
        let key = keys::pending_sign_in(state_hash);
        // Consistent: the provider may send the user back within the second.
        let Some(item) = self.get(Table::Auth, key.clone(), true).await? else { return Ok(None) };
        // Of several that read it, one deletes it.
        let taken = self.write(Write::delete(key).on(Table::Auth).only_if("attribute_exists(pk)")).await?;
        let pending: PendingSignIn = record_of(item)?;
        Ok((matches!(taken, Written::Done(_)) && now < pending.expires_at).then_some(pending))
    }
}
