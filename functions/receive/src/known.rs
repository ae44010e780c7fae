//! What a call needs to be judged: the hook and its opened secrets, remembered for a short while, because a provider that
//! calls once usually calls again.

use domain::{hook::Hook, ids::HookId, secret::Secret, tenant::TenantScope, time::Timestamp};
use runtime::{
    http::Answer,
    lazy::Lazy,
    vault::{Kms, Vault, VaultError},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// How long a hook is remembered, in milliseconds: a change, a rotation, a deletion is heeded within this time.
pub(crate) const REMEMBERED_MS: i64 = 30_000;
/// How many are remembered.
const ENTRIES: usize = 500;
/// The name of a hook's one secret field.
const SECRET: &str = "secret";

/// A hook, whose it is, and its secrets by version.
pub(crate) struct Judge {
    pub(crate) scope: TenantScope,
    pub(crate) hook: Hook,
    secrets: Vec<(u32, Secret)>,
}

impl Judge {
    /// The secrets that are valid now, the newest first.
    pub(crate) fn secrets(&self, now: Timestamp) -> Vec<Secret> {
        let versions = self.hook.valid_versions(now);
        let of = |version: &u32| self.secrets.iter().find(|(known, _)| known == version);
        versions.iter().filter_map(of).map(|(_, secret)| secret.clone()).collect()
    }
}

/// The hooks that were called lately. Ids that nobody has are not remembered: nobody could say how many there are.
pub(crate) struct Known<S, K> {
    store: Lazy<S>,
    vault: Vault<K>,
    judges: Mutex<HashMap<HookId, (Timestamp, Arc<Judge>)>>,
}

impl<S: store::Hooks, K: Kms> Known<S, K> {
    pub(crate) fn new(store: Lazy<S>, vault: Vault<K>) -> Self {
        Self { store, vault, judges: Mutex::default() }
    }

    /// What judges calls of this hook; `None` if there is no such hook.
    pub(crate) async fn judge(&self, id: &HookId, now: Timestamp) -> Answer<Option<Arc<Judge>>> {
        if let Some(judge) = self.remembered(id, now) {
            return Ok(Some(judge));
        }
        let Some(scope) = self.store.hook_owner(id).await? else { return Ok(None) };
        let Some(hook) = self.store.hook(&scope, id).await? else { return Ok(None) };
        let mut secrets = Vec::new();
        for version in hook.valid_versions(now) {
            if let Some(secret) = self.secret(&scope, id, version).await? {
                secrets.push((version, secret));
            }
        }
        let judge = Arc::new(Judge { scope, hook, secrets });
        let mut judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        if judges.len() >= ENTRIES {
            judges.clear();
        }
        judges.insert(id.clone(), (now, Arc::clone(&judge)));
        Ok(Some(judge))
    }

    fn remembered(&self, id: &HookId, now: Timestamp) -> Option<Arc<Judge>> {
        let judges = self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, judge) = judges.get(id)?;
        // Both ways: a clock that was set back must not keep a hook for longer.
        (0..REMEMBERED_MS).contains(&now.since_ms(*since)).then(|| Arc::clone(judge))
    }

    /// One secret, opened. One that cannot be opened for good proves nothing, and the tenant is told so.
    async fn secret(&self, scope: &TenantScope, id: &HookId, version: u32) -> Answer<Option<Secret>> {
        let Some(sealed) = self.store.hook_secret(scope, id, version).await? else { return Ok(None) };
        match self.vault.open(scope, id, version, &sealed).await {
            Ok(secrets) => Ok(secrets.get(SECRET).cloned()),
            Err(error @ VaultError::Unreadable(_)) => {
                tracing::error!(hook = %id, version, %error, "a webhook's secret cannot be opened");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}
