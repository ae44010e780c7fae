//! Sealing the secrets that a person gave.

use domain::{integration::Integration, secret::Secrets, tenant::TenantScope};
use runtime::{
    http::Answer,
    vault::{Kms, Vault},
};
use store::{Integrations, SealedSecret};

/// The secrets sealed as the version that `integration` names. Beside them stands who gave it, and of each field since when
/// it is what it is: `before` is the version that served until now (0 for none), `is_new` says which fields differ from it.
pub async fn sealed<S: Integrations, K: Kms>(
    store: &S,
    vault: &Vault<K>,
    scope: &TenantScope,
    integration: &Integration,
    secrets: &Secrets,
    before: u32,
    is_new: impl Fn(&str) -> bool + Send,
) -> Answer<SealedSecret> {
    let known = match before {
        0 => None,
        version => store.secret(scope, &integration.id, version).await?,
    };
    let known = known.map(|known| known.fields).unwrap_or_default();
    let mut sealed = vault.seal(scope, &integration.id, integration.secret_version, secrets).await?;
    let given = |name: &String| if is_new(name) { Some(sealed.created_at) } else { known.get(name).copied() };
    // Of a field from before this was kept, nobody knows.
    sealed.fields = secrets.keys().filter_map(|name| Some((name.clone(), given(name)?))).collect();
    sealed.by = Some(integration.updated_by.clone());
    Ok(sealed)
}
