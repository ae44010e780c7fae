//! A person's sign-in at their company's own provider of identities: out to its page and back (authorization code flow,
//! RFC 6749 section 4.1, with PKCE, RFC 7636, and a nonce, OpenID Connect Core section 3.1.2.1).
//!
//! Whoever begins says what for ([`Purpose`]), and whoever ends checks it: the state of a test lets nobody in. To which
//! browser a sign-in belongs, and what it is worth, is for the callers.

use crate::connections::Connections;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    digest,
    failure::{Failure, FailureKind},
    integration::Integration,
    sign_in::{PendingSignIn, Purpose, SIGN_IN_MS},
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use guard::Guard;
use providers::{Challenge, Endpoints, Entra, Redeem, SignedIn};
use ring::digest::{SHA256, digest};
use runtime::{
    entropy::{self, NoEntropy},
    lazy::Lazy,
    vault::Kms,
};
use serde::Deserialize;
use std::sync::Arc;
use store::{Integrations, SignIns, StoreError};

/// The longest state of ours, in bytes.
const STATE_MAX_BYTES: usize = 64;
/// The longest code that is passed on, in bytes. Entra's have some 1,500.
const CODE_MAX_BYTES: usize = 8_192;

/// The way to the provider and back.
pub struct Flow<S, K> {
    /// The store.
    pub store: Lazy<S>,
    /// Opens the secrets of integrations.
    pub connections: Connections<S, K, Entra>,
    /// Through which providers are called.
    pub guard: Arc<Guard>,
    /// Where providers are.
    pub endpoints: Endpoints,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What the provider says when it sends a person back: RFC 6749, sections 4.1.2 and 4.1.2.1, and RFC 9207.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Said {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

/// A sign-in that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Where the person signs in.
    pub authorization_url: String,
    /// Until when it must have ended.
    pub expires_at: Timestamp,
}

/// Why a sign-in goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Something of ours is away for the moment.
    Away(Failure),
    /// The provider, or what is stored of it, does not let it.
    Unusable(Failure),
}

impl From<StoreError> for Stuck {
    fn from(error: StoreError) -> Self {
        away(&error.to_string())
    }
}

impl From<NoEntropy> for Stuck {
    fn from(error: NoEntropy) -> Self {
        away(&error.to_string())
    }
}

fn away(why: &str) -> Stuck {
    Stuck::Away(Failure::new(FailureKind::Transient { after_ms: None }, "provider_error", why))
}

impl<S: Integrations + SignIns, K: Kms> Flow<S, K> {
    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Begins a sign-in, which is to come back to `redirect_uri`.
    pub async fn begin(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        redirect_uri: &str,
        purpose: Purpose,
    ) -> Result<Begun, Stuck> {
        let provider = self.provider(scope, integration).await?;
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let code_challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
        let challenge = Challenge { state: &state, nonce: &nonce, code_challenge: &code_challenge, redirect_uri };
        let authorization_url = provider.authorization_url(challenge).await.map_err(Stuck::Unusable)?;
        let expires_at = self.now().plus_ms(SIGN_IN_MS);
        let pending = PendingSignIn {
            tenant: scope.tenant().clone(),
            integration: integration.id.clone(),
            verifier,
            nonce,
            redirect_uri: redirect_uri.to_owned(),
            purpose,
            expires_at,
        };
        self.store.begin_sign_in(&hash(&state), &pending).await?;
        Ok(Begun { authorization_url, expires_at })
    }

    /// The sign-in that this is the answer to, the first time and in time. It is over with this.
    pub async fn answered(&self, said: &Said) -> Result<Option<PendingSignIn>, StoreError> {
        match said.state.as_deref().filter(|state| state.len() <= STATE_MAX_BYTES) {
            Some(state) => self.store.end_sign_in(&hash(state), self.now()).await,
            None => Ok(None),
        }
    }

    /// Ends a sign-in with the provider. `None` if the person did not want to sign in after all.
    pub async fn end(
        &self,
        scope: &TenantScope,
        integration: &Integration,
        pending: &PendingSignIn,
        said: &Said,
    ) -> Result<Option<SignedIn>, Stuck> {
        let refused =
            |words: &str| Stuck::Unusable(Failure::new(FailureKind::Permanent, "oidc_sign_in_refused", words));
        if let Some(error) = &said.error {
            if error == "access_denied" {
                return Ok(None);
            }
            return Err(refused(&format!("{error}: {}", said.error_description.as_deref().unwrap_or_default())));
        }
        let code = said.code.as_deref().filter(|code| code.len() <= CODE_MAX_BYTES);
        let code = code.ok_or_else(|| refused("the provider sent neither a code nor an error"))?;
        let provider = self.provider(scope, integration).await?;
        let PendingSignIn { verifier, nonce, redirect_uri, .. } = pending;
        let answer = Redeem { code, issuer: said.iss.as_deref(), verifier, nonce, redirect_uri };
        provider.redeem(answer, self.now()).await.map(Some).map_err(Stuck::Unusable)
    }

    /// The provider of a saved integration.
    async fn provider(&self, scope: &TenantScope, integration: &Integration) -> Result<Entra, Stuck> {
        let secrets = self.connections.secrets(scope, integration).await.map_err(|failure| match failure.kind {
            FailureKind::Transient { .. } => Stuck::Away(failure),
            _ => Stuck::Unusable(failure),
        })?;
        Entra::open(&integration.config, &secrets, Arc::clone(&self.guard), &self.endpoints).map_err(Stuck::Unusable)
    }
}

/// Under which a state is stored: whoever reads the table cannot end anybody's sign-in.
fn hash(state: &str) -> String {
    digest::hex_of_parts([state.as_bytes()])
}

/// 256 random bits in 43 characters: as many as a PKCE verifier has (RFC 7636, section 4.1).
fn random() -> Result<String, NoEntropy> {
    Ok(URL_SAFE_NO_PAD.encode(entropy::bytes::<32>()?))
}
