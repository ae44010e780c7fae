//! Sealed secrets. Each version of an integration's secrets is encrypted under its own data key, which KMS made and only
//! KMS can open again, and only for the same tenant, integration and version: they are the encryption context there
//! and the associated data here, so a ciphertext copied to another place does not open.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    ids::{IntegrationId, TenantId},
    secret::{Secret, Secrets},
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
    /// The integration.
    pub integration: IntegrationId,
    /// The version of its secrets.
    pub version: u32,
}

impl SealContext {
    /// The parts by name: the encryption context in KMS.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, String); 3] {
        [
            ("tenant", self.tenant.to_string()),
            ("integration", self.integration.to_string()),
            ("version", self.version.to_string()),
        ]
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
        integration: &IntegrationId,
        version: u32,
        secrets: &Secrets,
    ) -> Result<SealedSecret, VaultError> {
        let context = context(scope, integration, version);
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
        })
    }

    /// Opens the secret fields of one version, from the cache where they are.
    pub async fn open(
        &self,
        scope: &TenantScope,
        integration: &IntegrationId,
        version: u32,
        sealed: &SealedSecret,
    ) -> Result<Arc<Secrets>, VaultError> {
        let context = context(scope, integration, version);
        let slot = self.slot(&context, sealed);
        slot.get_or_try_init(|| self.open_uncached(&context, sealed)).await.cloned()
    }

    /// Forgets what is cached of an integration, e.g. after its provider refused the credentials.
    pub fn forget(&self, scope: &TenantScope, integration: &IntegrationId) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|context, _| context.tenant != *scope.tenant() || context.integration != *integration);
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

fn context(scope: &TenantScope, integration: &IntegrationId, version: u32) -> SealContext {
    SealContext { tenant: scope.tenant().clone(), integration: integration.clone(), version }
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
