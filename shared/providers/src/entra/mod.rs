//! Sign-in with Microsoft Entra ID or any other provider of OpenID Connect.
//!
//! Contracts: "OpenID Connect on the Microsoft identity platform", "OAuth 2.0 client credentials flow", "OAuth 2.0
//! authorization code flow", "Access token claims reference" and "Authentication and authorization error codes" in
//! Microsoft's documentation; RFC 6749, 7636 (PKCE) and 8707 (resource indicators) for all others.

mod classify;
mod recipe;
pub(crate) mod settings;
mod sign_in;

pub use sign_in::{Challenge, Redeem, SignedIn};

use crate::{
    Endpoints,
    exchange::malformed,
    oidc::{self, Discovery, Expected, TokenAuth},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    failure::Failure,
    integration::Config,
    secret::{Secret, Secrets},
    sign_in::{Authority, SignInSettings},
};
use guard::Guard;
use http::HeaderValue;
use serde::Deserialize;
use settings::CLIENT_SECRET;
use std::{fmt, sync::Arc};

/// A provider of identities with one integration's settings.
pub struct Entra {
    settings: SignInSettings,
    authority: Authority,
    issuer: String,
    secret: Secret,
    guard: Arc<Guard>,
}

/// What the token endpoint answers, as far as it matters.
#[derive(Deserialize)]
struct Tokens {
    access_token: String,
    id_token: Option<String>,
}

impl Entra {
    /// A provider with these settings, which were validated. No I/O.
    pub fn open(config: &Config, secrets: &Secrets, guard: Arc<Guard>, endpoints: &Endpoints) -> Result<Self, Failure> {
        let settings = SignInSettings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let authority = settings.authority().ok_or_else(|| malformed("neither a directory nor an issuer"))?;
        let secret = secrets.get(CLIENT_SECRET).cloned().ok_or_else(|| malformed("the secret is missing"))?;
        settings::check_secret(secret.expose()).map_err(|why| malformed(&why))?;
        let issuer = authority.issuer(&endpoints.login);
        Ok(Self { settings, authority, issuer, secret, guard })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::run(self).await
    }

    fn is_entra(&self) -> bool {
        matches!(self.authority, Authority::Directory(_))
    }

    /// What a token of this provider must say. With a nonce it is an id token, for the application; without one it is
    /// an access token, for this API.
    fn expected<'a>(&'a self, nonce: Option<&'a str>) -> Expected<'a> {
        let settings = &self.settings;
        Expected {
            issuer: &self.issuer,
            audience: if nonce.is_some() { &settings.client_id } else { &settings.audience },
            directory: settings.directory_id.as_deref(),
            nonce,
        }
    }

    /// Asks the token endpoint, as the application.
    async fn tokens(&self, discovery: &Discovery, form: &[(&str, &str)]) -> Result<Tokens, Failure> {
        let (id, secret) = (self.settings.client_id.as_str(), self.secret.expose());
        let mut form = form.to_vec();
        form.push(("client_id", id));
        let login = match discovery.token_auth {
            TokenAuth::Post => {
                form.push(("client_secret", secret));
                None
            }
            // Both are form-encoded first: RFC 6749, section 2.3.1.
            TokenAuth::Basic => {
                let encoded = |text: &str| oidc::encoded(&[("", text)]).trim_start_matches('=').to_owned();
                let both = STANDARD.encode(format!("{}:{}", encoded(id), encoded(secret)));
                let login = HeaderValue::from_str(&format!("Basic {both}"));
                Some(login.map_err(|_| malformed("the secret has characters that no secret has"))?)
            }
        };
        let answered = oidc::post(&self.guard, &discovery.token_endpoint, &form, login).await?;
        if !answered.status.is_success() {
            return Err(classify::refusal(&answered));
        }
        serde_json::from_slice(&answered.body).map_err(|_| classify::not_understood(&answered))
    }
}

impl fmt::Debug for Entra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entra").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
