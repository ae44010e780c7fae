//! Which issuers' tokens are taken, and sign-ins under way.

use super::{MemoryStore, State, erasure::Eraser};
use crate::{Result, SignIns, StoreError};
use domain::{
    integration::Integration,
    sign_in::{Authority, PendingSignIn, SignIn},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By the authority's name and the audience.
    taken: BTreeMap<(String, String), SignIn>,
    /// By the hash of their state.
    pending: BTreeMap<String, PendingSignIn>,
}

impl Tables {
    pub(super) fn erase(&mut self, eraser: &mut Eraser<'_>) {
        self.taken.retain(|_, sign_in| eraser.spares(&sign_in.tenant));
        self.pending.retain(|_, pending| eraser.spares(&pending.tenant));
    }
}

fn key_of(sign_in: &SignIn) -> Option<(String, String)> {
    Some((sign_in.settings.authority()?.name(), sign_in.settings.audience.clone()))
}

impl State {
    /// Follows the save of an integration; refused if what it says belongs to another one.
    pub(super) fn save_sign_in(
        &mut self,
        scope: &TenantScope,
        before: Option<&Integration>,
        after: &Integration,
    ) -> Result<()> {
        let (before, after) = (before.and_then(|before| SignIn::of(scope, before)), SignIn::of(scope, after));
        let taken = &mut self.sign_ins.taken;
        if let Some((after, key)) = after.as_ref().and_then(|after| Some((after, key_of(after)?))) {
            let owner = taken.get(&key);
            if owner.is_some_and(|owner| (&owner.tenant, &owner.integration) != (&after.tenant, &after.integration)) {
                return Err(StoreError::Taken);
            }
        }
        if let Some(key) = before.as_ref().and_then(key_of) {
            taken.remove(&key);
        }
        if let Some((after, key)) = after.and_then(|after| key_of(&after).map(|key| (after, key))) {
            taken.insert(key, after);
        }
        Ok(())
    }
}

impl SignIns for MemoryStore {
    async fn sign_in(&self, authority: &Authority, audience: &str) -> Result<Option<SignIn>> {
        self.call("sign_in", |state| Ok(state.sign_ins.taken.get(&(authority.name(), audience.to_owned())).cloned()))
            .await
    }

    async fn begin_sign_in(&self, state_hash: &str, pending: &PendingSignIn) -> Result<()> {
        self.call("begin_sign_in", |state| {
            if state.sign_ins.pending.contains_key(state_hash) {
                return Err(StoreError::Conflict);
            }
            state.sign_ins.pending.insert(state_hash.to_owned(), pending.clone());
            Ok(())
        })
        .await
    }

    async fn end_sign_in(&self, state_hash: &str, now: Timestamp) -> Result<Option<PendingSignIn>> {
        self.call("end_sign_in", |state| {
            Ok(state.sign_ins.pending.remove(state_hash).filter(|pending| now < pending.expires_at))
        })
        .await
    }
}
