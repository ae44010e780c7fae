//! Sealed secrets. Each version of an integration's secrets is encrypted under its own data key, which KMS made and only
//! KMS can open again, and only for the same tenant, integration and version: they are the encryption context there
//! and the associated data here, so a ciphertext copied to another place does not open.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    ids::{IntegrationId, TenantId},
    secret::{Secret, SecretOwner, Secrets},
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};
use store::SealedSecret;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

mod aws_kms;
pub use aws_kms::AwsKms;

/// How long opened secrets are kept, in milliseconds: a withdrawn KMS permission takes effect within this time.
pub const CACHE_MS: i64 = 300_000;
/// How many opened secrets are kept.
pub const CACHE_ENTRIES: usize = 500;

/// Why secrets could not be sealed or opened. Never says anything of their content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The key service does not answer; try again later.
    #[error("the key service is unavailable: {0}")]
    Unavailable(String),
    /// They were tampered with, or sealed for something else, or by another key.
    #[error("the secret cannot be opened: {0}")]
    Unreadable(&'static str),
}

/// What a sealed secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealContext {
    /// The tenant.
    pub tenant: TenantId,
    /// What they are the secrets of.
    pub owner: SecretOwner,
    /// The version of its secrets.
    pub version: u32,
}

impl SealContext {
    /// The parts by name: the encryption context in KMS.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, String); 3] {
        let owner = match &self.owner {
            SecretOwner::Integration(id) => ("integration", id.to_string()),
            SecretOwner::Hook(id) => ("hook", id.to_string()),
        };
        [("tenant", self.tenant.to_string()), owner, ("version", self.version.to_string())]
    }

    /// The associated data of the ciphertext: every part after its length, so no two contexts share it.
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::with_capacity(128);
        for (_, part) in self.parts() {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// A fresh data key.
pub struct DataKey {
    /// The key itself: 32 bytes.
    pub plain: Zeroizing<Vec<u8>>,
    /// The same, as only the key service can open it.
    pub sealed: Vec<u8>,
}

/// The key service.
pub trait Kms: Send + Sync {
    /// A fresh data key of 256 bits.
    fn data_key(&self, context: &SealContext) -> impl Future<Output = Result<DataKey, VaultError>> + Send;

    /// Opens a data key again.
    fn open(
        &self,
        sealed: &[u8],
        context: &SealContext,
    ) -> impl Future<Output = Result<Zeroizing<Vec<u8>>, VaultError>> + Send;

    /// Encrypts a data key anew, under what the deployment's key is today, without it ever being seen outside of the key
    /// service. It stays bound to the same context.
    fn rewrap(&self, sealed: &[u8], context: &SealContext) -> impl Future<Output = Result<Vec<u8>, VaultError>> + Send;
}

impl<K: Kms> Kms for Arc<K> {
    async fn data_key(&self, context: &SealContext) -> Result<DataKey, VaultError> {
        (**self).data_key(context).await
    }

    async fn open(&self, sealed: &[u8], context: &SealContext) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        (**self).open(sealed, context).await
    }

    async fn rewrap(&self, sealed: &[u8], context: &SealContext) -> Result<Vec<u8>, VaultError> {
        (**self).rewrap(sealed, context).await
    }
}

/// Seals and opens the secrets of integrations.
pub struct Vault<K> {
    kms: K,
    clock: Arc<dyn Clock>,
    cache: Mutex<HashMap<SealContext, Cached>>,
}

#[derive(Clone)]
struct Cached {
    since: Timestamp,
    /// What is cached is the answer to this ciphertext; another one under the same version is not.
    sealed: SealedSecret,
    /// Filled by the first to ask; whoever asks at the same time waits for that one answer.
    secrets: Arc<OnceCell<Arc<Secrets>>>,
}

impl<K: Kms> Vault<K> {
    /// A vault with nothing in its cache.
    pub fn new(kms: K, clock: Arc<dyn Clock>) -> Self {
        Self { kms, clock, cache: Mutex::default() }
    }

    /// Seals the secret fields of one version.
    pub async fn seal(
        &self,
        scope: &TenantScope,
        owner: impl Into<SecretOwner> + Send,
        version: u32,
        secrets: &Secrets,
    ) -> Result<SealedSecret, VaultError> {
        let context = context(scope, owner.into(), version);
        let data_key = self.kms.data_key(&context).await?;
        let nonce = crate::entropy::bytes::<NONCE_LEN>().map_err(|error| VaultError::Unavailable(error.to_string()))?;
        let mut text = encode(secrets);
        let aad = Aad::from(context.associated_data());
        let tag = aes(&data_key.plain)?
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, &mut text)
            .map_err(|_| VaultError::Unreadable("encryption failed"))?;
        let ciphertext = [&nonce[..], &text[..], tag.as_ref()].concat();
        Ok(SealedSecret {
            data_key: STANDARD.encode(data_key.sealed),
            ciphertext: STANDARD.encode(ciphertext),
            created_at: self.clock.now(),
            by: None,
            fields: BTreeMap::new(),
            re_encrypted_at: None,
        })
    }

    /// Opens the secret fields of one version, from the cache where they are.
    pub async fn open(
        &self,
        scope: &TenantScope,
        owner: impl Into<SecretOwner> + Send,
        version: u32,
        sealed: &SealedSecret,
    ) -> Result<Arc<Secrets>, VaultError> {
        let context = context(scope, owner.into(), version);
        let slot = self.slot(&context, sealed);
        slot.get_or_try_init(|| self.open_uncached(&context, sealed)).await.cloned()
    }

    /// The data key of a sealed version, encrypted anew; what it opens stays as it is.
    pub async fn rewrap(
        &self,
        scope: &TenantScope,
        owner: impl Into<SecretOwner> + Send,
        version: u32,
        sealed: &SealedSecret,
    ) -> Result<String, VaultError> {
        let old = STANDARD.decode(&sealed.data_key).map_err(|_| VaultError::Unreadable("not base 64"))?;
        let new = self.kms.rewrap(&old, &context(scope, owner.into(), version)).await?;
        Ok(STANDARD.encode(new))
    }

    /// Forgets what is cached of an integration, e.g. after its provider refused the credentials.
    pub fn forget(&self, scope: &TenantScope, integration: &IntegrationId) {
        let owner = SecretOwner::from(integration);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|context, _| context.tenant != *scope.tenant() || context.owner != owner);
    }

    fn slot(&self, context: &SealContext, sealed: &SealedSecret) -> Arc<OnceCell<Arc<Secrets>>> {
        let now = self.clock.now();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        // The age is checked both ways: a clock that was set back must not keep secrets for longer.
        let fresh = |cached: &Cached| (0..CACHE_MS).contains(&now.since_ms(cached.since));
        if let Some(cached) = cache.get(context).filter(|cached| fresh(cached) && cached.sealed == *sealed) {
            return Arc::clone(&cached.secrets);
        }
        cache.retain(|_, cached| fresh(cached));
        if cache.len() >= CACHE_ENTRIES {
            let oldest = cache.iter().min_by_key(|(_, cached)| cached.since).map(|(context, _)| context.clone());
            oldest.map(|context| cache.remove(&context));
        }
        let cached = Cached { since: now, sealed: sealed.clone(), secrets: Arc::default() };
        let slot = Arc::clone(&cached.secrets);
        cache.insert(context.clone(), cached);
        slot
    }

    async fn open_uncached(&self, context: &SealContext, sealed: &SealedSecret) -> Result<Arc<Secrets>, VaultError> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|_| VaultError::Unreadable("not base 64"));
        let data_key = self.kms.open(&bytes(&sealed.data_key)?, context).await?;
        let mut ciphertext = Zeroizing::new(bytes(&sealed.ciphertext)?);
        let (nonce, text) =
            ciphertext.split_at_mut_checked(NONCE_LEN).ok_or(VaultError::Unreadable("the ciphertext is too short"))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| VaultError::Unreadable("no nonce"))?;
        let plain = aes(&data_key)?
            .open_in_place(nonce, Aad::from(context.associated_data()), text)
            .map_err(|_| VaultError::Unreadable("it was changed, or sealed for something else"))?;
        decode(plain).map(Arc::new)
    }
}

fn context(scope: &TenantScope, owner: SecretOwner, version: u32) -> SealContext {
    SealContext { tenant: scope.tenant().clone(), owner, version }
}

fn aes(key: &[u8]) -> Result<LessSafeKey, VaultError> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| VaultError::Unreadable("the data key is not 256 bits"))?;
    Ok(LessSafeKey::new(key))
}

/// The fields as JSON, in memory that is wiped. It is reserved at once, because growing would leave copies behind.
fn encode(secrets: &Secrets) -> Zeroizing<Vec<u8>> {
    // No character takes more than six in JSON (`\u0000`).
    let room = secrets.iter().map(|(name, secret)| 6 * (name.len() + secret.expose().len()) + 6).sum::<usize>() + 2;
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    let fields: BTreeMap<&str, &str> = secrets.iter().map(|(name, secret)| (name.as_str(), secret.expose())).collect();
    // Text into memory cannot fail.
    let _ = serde_json::to_writer(&mut *text, &fields);
    text
}

fn decode(text: &[u8]) -> Result<Secrets, VaultError> {
    let fields: BTreeMap<String, String> =
        serde_json::from_slice(text).map_err(|_| VaultError::Unreadable("it holds no fields"))?;
    Ok(fields.into_iter().map(|(name, value)| (name, Secret::new(value))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{MemoryKms, START};
    use domain::time::ManualClock;

    #[expect(clippy::disallowed_methods, reason = "a test acts for whom it likes")]
    fn scope(tenant: &str) -> TenantScope {
        TenantScope::established(tenant.parse().unwrap())
    }

    fn secrets(password: &str) -> Secrets {
        [("password", password), ("username", "ann")]
            .map(|(name, value)| (name.to_owned(), Secret::new(value.into())))
            .into()
    }

    struct Fixture {
        vault: Vault<MemoryKms>,
        clock: Arc<ManualClock>,
        acme: TenantScope,
        integration: IntegrationId,
    }

    impl Fixture {
        fn new() -> Self {
            let clock = Arc::new(ManualClock::at(START));
            let vault = Vault::new(MemoryKms::default(), clock.clone());
            Self { vault, clock, acme: scope("acme"), integration: IntegrationId::generate() }
        }

        async fn seal(&self, password: &str) -> SealedSecret {
            self.vault.seal(&self.acme, &self.integration, 1, &secrets(password)).await.unwrap()
        }

        async fn open(&self, sealed: &SealedSecret) -> Result<String, VaultError> {
            let opened = self.vault.open(&self.acme, &self.integration, 1, sealed).await?;
            Ok(opened["password"].expose().to_owned())
        }
    }

    #[tokio::test]
    async fn what_was_sealed_opens_again_and_shows_nothing_meanwhile() {
        let fixture = Fixture::new();
        for password in ["", "correct horse", "ünï \u{0} \"\\ كلمة", &"x".repeat(10_000)] {
            let sealed = fixture.seal(password).await;
            assert_eq!(fixture.open(&sealed).await.unwrap(), password);
        }
        let sealed = fixture.seal("canary").await;
        assert!(!format!("{sealed:?}").contains("canary"));
        assert_ne!(sealed.ciphertext, fixture.seal("canary").await.ciphertext, "never the same twice");
    }

    #[tokio::test]
    async fn any_flipped_bit_of_any_byte_is_noticed_without_the_key_service_noticing() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("correct horse").await;
        let bytes = STANDARD.decode(&sealed.ciphertext).unwrap();
        for position in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[position] ^= 1 << (position % 8);
            let forged = SealedSecret { ciphertext: STANDARD.encode(changed), ..sealed.clone() };
            assert!(matches!(fixture.open(&forged).await, Err(VaultError::Unreadable(_))), "byte {position}");
        }
        for cut in 0..bytes.len() {
            let forged = SealedSecret { ciphertext: STANDARD.encode(&bytes[..cut]), ..sealed.clone() };
            assert!(fixture.open(&forged).await.is_err(), "cut to {cut}");
        }
        assert!(fixture.open(&sealed).await.is_ok());
    }

    /// A key service like the emulator's: it hands out a key whatever the ciphertext and the context say.
    struct Trusting;

    impl Kms for Trusting {
        async fn data_key(&self, _: &SealContext) -> Result<DataKey, VaultError> {
            Ok(DataKey { plain: Zeroizing::new(vec![9; 32]), sealed: vec![1, 2, 3] })
        }

        async fn open(&self, _: &[u8], _: &SealContext) -> Result<Zeroizing<Vec<u8>>, VaultError> {
            Ok(Zeroizing::new(vec![9; 32]))
        }

        async fn rewrap(&self, sealed: &[u8], _: &SealContext) -> Result<Vec<u8>, VaultError> {
            Ok(sealed.to_vec())
        }
    }

    #[tokio::test]
    async fn it_opens_for_its_own_tenant_integration_and_version_only() {
        let vault = Vault::new(Trusting, Arc::new(ManualClock::at(START)));
        let (acme, other) = (scope("acme"), scope("other"));
        let (here, elsewhere) = (IntegrationId::generate(), IntegrationId::generate());
        let sealed = vault.seal(&acme, &here, 1, &secrets("p")).await.unwrap();
        for (scope, integration, version) in [(&other, &here, 1), (&acme, &elsewhere, 1), (&acme, &here, 2)] {
            let opened = vault.open(scope, integration, version, &sealed).await;
            assert!(matches!(opened, Err(VaultError::Unreadable(_))));
        }
        assert!(vault.open(&acme, &here, 1, &sealed).await.is_ok());
    }

    #[tokio::test]
    async fn a_hooks_secret_is_no_integrations() {
        let fixture = Fixture::new();
        let hook: domain::ids::HookId = "whk_01JD0000000000000000000000".parse().unwrap();
        let alike: IntegrationId = "int_01JD0000000000000000000000".parse().unwrap();
        let sealed = fixture.vault.seal(&fixture.acme, &hook, 1, &secrets("p")).await.unwrap();
        assert!(fixture.vault.open(&fixture.acme, &hook, 1, &sealed).await.is_ok());
        assert!(fixture.vault.open(&fixture.acme, &alike, 1, &sealed).await.is_err());
    }

    #[tokio::test]
    async fn it_is_opened_once_in_five_minutes_however_many_ask_at_once() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("p").await;
        let before = fixture.vault.kms.calls();
        futures::future::join_all((0..10).map(|_| fixture.open(&sealed))).await;
        fixture.clock.advance_ms(CACHE_MS - 1);
        fixture.open(&sealed).await.unwrap();
        assert_eq!(fixture.vault.kms.calls() - before, 1);
        fixture.clock.advance_ms(1);
        fixture.open(&sealed).await.unwrap();
        assert_eq!(fixture.vault.kms.calls() - before, 2);
        fixture.vault.forget(&fixture.acme, &fixture.integration);
        fixture.open(&sealed).await.unwrap();
        assert_eq!(fixture.vault.kms.calls() - before, 3);
    }

    #[tokio::test]
    async fn a_throttled_key_service_is_not_held_against_the_secret() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("p").await;
        fixture.vault.kms.set_away(true);
        assert!(matches!(fixture.open(&sealed).await, Err(VaultError::Unavailable(_))));
        fixture.vault.kms.set_away(false);
        assert_eq!(fixture.open(&sealed).await.unwrap(), "p");
    }

    #[tokio::test]
    async fn an_encrypted_key_is_encrypted_anew_for_the_same_place_only_and_opens_as_before() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("p").await;
        let rewrap = async |version| fixture.vault.rewrap(&fixture.acme, &fixture.integration, version, &sealed).await;
        let data_key = rewrap(1).await.unwrap();
        assert_ne!(data_key, sealed.data_key);
        let renewed = SealedSecret { data_key, ..sealed.clone() };
        assert_eq!(fixture.open(&renewed).await.unwrap(), "p");
        assert!(matches!(rewrap(2).await, Err(VaultError::Unreadable(_))));
        fixture.vault.kms.set_away(true);
        assert!(matches!(rewrap(1).await, Err(VaultError::Unavailable(_))));
    }

    #[tokio::test]
    async fn the_cache_is_bounded_and_lets_the_oldest_go() {
        let fixture = Fixture::new();
        let sealed = fixture.seal("p").await;
        for version in 0..=u32::try_from(CACHE_ENTRIES).unwrap() {
            fixture.clock.advance_ms(1);
            // Whether it opens does not matter: a slot is taken before.
            let _ = fixture.vault.open(&fixture.acme, &fixture.integration, version, &sealed).await;
        }
        let cache = fixture.vault.cache.lock().unwrap();
        assert_eq!(cache.len(), CACHE_ENTRIES);
        assert!(!cache.keys().any(|context| context.version == 0));
    }
}
