//! What an issuer says about itself: OpenID Connect Discovery 1.0, section 4.

use super::{Answered, get};
use crate::exchange;
use domain::failure::{Failure, FailureKind};
use guard::Guard;
use serde::Deserialize;

/// An issuer's own description, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Discovery {
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
    pub(crate) token_auth: TokenAuth,
    /// Whether its answers name it (RFC 9207, section 3), so that one that does not is somebody else's.
    pub(crate) names_itself: bool,
}

/// How a client shows its secret to the token endpoint (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAuth {
    /// In the header, which every server takes that says nothing else.
    Basic,
    /// In the form.
    Post,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// Reads the discovery document of an issuer. It must be the issuer's own, and every address in it one that the guard
/// lets through: the document is written by whoever the tenant named.
pub(crate) async fn discover(guard: &Guard, issuer: &str) -> Result<Discovery, Failure> {
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let Answered { status, after_ms, body } = get(guard, &url).await?;
    let unusable = |why: &str| Failure::new(FailureKind::Permanent, "oidc_discovery_failed", why);
    if !status.is_success() {
        let passing = exchange::gateway(status, after_ms, &body);
        return Err(passing.unwrap_or_else(|| unusable(&exchange::quoted(status, &body))));
    }
    let document: Document = serde_json::from_slice(&body).map_err(|error| unusable(&error.to_string()))?;
    if document.issuer != issuer {
        let words = format!("the issuer calls itself `{}`", document.issuer);
        return Err(Failure::new(FailureKind::Permanent, "oidc_issuer_mismatch", &words));
    }
    for address in [&document.authorization_endpoint, &document.token_endpoint, &document.jwks_uri] {
        guard.check_url(address)?;
    }
    let methods = &document.token_endpoint_auth_methods_supported;
    let post = methods.iter().any(|method| method == "client_secret_post");
    Ok(Discovery {
        authorization_endpoint: document.authorization_endpoint,
        token_endpoint: document.token_endpoint,
        jwks_uri: document.jwks_uri,
        token_auth: if post { TokenAuth::Post } else { TokenAuth::Basic },
        names_itself: document.authorization_response_iss_parameter_supported,
    })
}
