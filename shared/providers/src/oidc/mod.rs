//! OpenID Connect, as far as a relying party and an API need it: an issuer's discovery document and keys, and tokens
//! judged by them.
//!
//! Contracts: RFC 7515 (JWS), 7517 (JWK), 7519 (JWT), 8725 (JWT Best Current Practices), 9068 (JWT access tokens);
//! OpenID Connect Core 1.0 and Discovery 1.0.
//!
//! What is believed of a token before its signature is verified: nothing but where to look for the key. Its header
//! chooses among the issuer's own keys by `kid`, and never brings one along (`jwk`, `jku`, `x5c`, `x5u` are not read).
//! The key decides which algorithms are possible; there is no symmetric one and no `none`.

mod discovery;
mod jwks;
mod jws;
mod keys;
mod token;

pub(crate) use discovery::{Discovery, TokenAuth, discover};
pub use jwks::KeySet;
pub use keys::{IssuerKeys, NoKeys, Unverified};
pub use token::{Claims, Expected, LEEWAY_MS, Refused, TOKEN_MAX_BYTES, Token, check_time};

use crate::exchange;
use domain::failure::{Failure, FailureKind};
use guard::Guard;
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Request, Url};

/// The longest answer that is read. A set of keys with certificates has some 10 KB.
const ANSWER_MAX_BYTES: usize = 256 * 1_024;

/// An answer of the issuer.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) after_ms: Option<i64>,
    pub(crate) body: Vec<u8>,
}

/// Asks for a document of the issuer.
pub(crate) async fn get(guard: &Guard, url: &str) -> Result<Answered, Failure> {
    execute(guard, Request::new(Method::GET, guard.check_url(url)?)).await
}

/// Sends a form to the issuer; the login, where there is one, stands in the header `Authorization`.
pub(crate) async fn post(
    guard: &Guard,
    url: &str,
    form: &[(&str, &str)],
    login: Option<HeaderValue>,
) -> Result<Answered, Failure> {
    let mut request = Request::new(Method::POST, guard.check_url(url)?);
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, form_type);
    if let Some(mut login) = login {
        login.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, login);
    }
    *request.body_mut() = Some(encoded(form).into());
    execute(guard, request).await
}

/// A form as `application/x-www-form-urlencoded`.
pub(crate) fn encoded(form: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("form:") else { return String::new() };
    url.query_pairs_mut().extend_pairs(form);
    url.query().unwrap_or_default().to_owned()
}

async fn execute(guard: &Guard, mut request: Request) -> Result<Answered, Failure> {
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let asked = async {
        let response = guard.execute(request).await?;
        exchange::read(response, ANSWER_MAX_BYTES).await
    };
    // Nothing is sent to anybody here, so there is no doubt about a message, as the codes of a lost answer would have it.
    let (status, after_ms, body) = asked.await.map_err(|failure| match failure.code {
        "timeout" | "connection_lost" => {
            Failure::new(FailureKind::Transient { after_ms: None }, "unreachable", &failure.detail)
        }
        _ => failure,
    })?;
    Ok(Answered { status, after_ms, body })
}

#[cfg(test)]
mod tests;
