//! Access tokens for Microsoft Graph, by the OAuth 2.0 client credentials grant ("Microsoft identity platform and the
//! OAuth 2.0 client credentials flow").
//!
//! One token serves everybody who shares the line: it is fetched by whoever needs it first, while all others wait for
//! that one answer.

use super::{
    assertion::Signer,
    classify,
    settings::{Auth, Settings},
};
use crate::exchange::{malformed, read};
use domain::{
    failure::Failure,
    secret::{Secret, Secrets},
};
use guard::Guard;
use http::{HeaderValue, Method, header};
use reqwest::{Request, Url};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// How long before its end a token is used no more: longer than the longest call that is made with it.
const END_MARGIN_S: u64 = 120;
const ANSWER_MAX_BYTES: usize = 64 * 1024;

enum Credential {
    Secret(Secret),
    Certificate(Box<Signer>),
}

/// A token as it is kept.
#[derive(Clone)]
struct Kept {
    /// `Bearer ...`, marked as sensitive.
    header: HeaderValue,
    until: Instant,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

/// The source of an app's tokens.
pub(super) struct Tokens {
    guard: Arc<Guard>,
    url: Url,
    client_id: String,
    scope: String,
    credential: Credential,
    kept: Mutex<Option<Kept>>,
}

impl Tokens {
    /// Tokens for the API at `graph` from the login server at `login`.
    pub(super) fn new(
        settings: &Settings,
        secrets: &Secrets,
        guard: Arc<Guard>,
        login: &str,
        graph: &str,
    ) -> Result<Self, Failure> {
        let secret = secrets.get(settings.auth.secret()).ok_or_else(|| malformed("the secret is missing"))?;
        let credential = match settings.auth {
            Auth::ClientSecret => Credential::Secret(secret.clone()),
            Auth::Certificate => {
                let certificate = settings.certificate.as_deref().unwrap_or_default();
                let signer = Signer::new(certificate, secret.expose()).map_err(|why| malformed(&why))?;
                Credential::Certificate(Box::new(signer))
            }
        };
        let url = guard.check_url(&format!("{login}/{}/oauth2/v2.0/token", settings.directory_id))?;
        Ok(Self {
            guard,
            url,
            client_id: settings.client_id.clone(),
            scope: format!("{graph}/.default"),
            credential,
            kept: Mutex::default(),
        })
    }

    /// The `Authorization` header of a call. `refused` is one that was just answered with 401: it is not given again.
    pub(super) async fn authorization(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, Failure> {
        // Held while a token is fetched: that is what makes it one call.
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref()
            && kept.until > Instant::now()
            && Some(&kept.header) != refused
        {
            return Ok(kept.header.clone());
        }
        *kept = None;
        let fresh = self.fetch().await?;
        *kept = Some(fresh.clone());
        Ok(fresh.header)
    }

    async fn fetch(&self) -> Result<Kept, Failure> {
        let asked = Instant::now();
        let mut request = Request::new(Method::POST, self.url.clone());
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form);
        *request.body_mut() = Some(self.form()?.into());
        // What breaks on the way to a token has created nothing.
        let sent = self.guard.execute(request).await.map_err(classify::harmless);
        let (status, after_ms, body) = read(sent?, ANSWER_MAX_BYTES).await.map_err(classify::harmless)?;
        if !status.is_success() {
            return Err(classify::login(status, after_ms, &body));
        }
        // serde's words could quote the token.
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| classify::not_understood("the token"))?;
        let header = HeaderValue::from_str(&format!("Bearer {}", granted.access_token));
        let mut header = header.map_err(|_| classify::not_understood("the token"))?;
        header.set_sensitive(true);
        let good_for = Duration::from_secs(granted.expires_in.saturating_sub(END_MARGIN_S));
        Ok(Kept { header, until: asked + good_for })
    }

    fn form(&self) -> Result<Vec<u8>, Failure> {
        let mut fields = vec![
            ("client_id", self.client_id.clone()),
            ("scope", self.scope.clone()),
            ("grant_type", "client_credentials".to_owned()),
        ];
        match &self.credential {
            Credential::Secret(secret) => fields.push(("client_secret", secret.expose().to_owned())),
            Credential::Certificate(signer) => {
                let assertion = signer.assertion(&self.client_id, self.url.as_str(), now_s());
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                fields.push(("client_assertion_type", kind.to_owned()));
                fields.push(("client_assertion", assertion.map_err(|why| malformed(&why))?));
            }
        }
        // A URL's query is written in the very form that a body of this type has.
        let mut url = self.url.clone();
        url.query_pairs_mut().clear().extend_pairs(fields);
        Ok(url.query().unwrap_or_default().as_bytes().to_vec())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "an assertion is dated for Microsoft's clock; no rule of ours looks at it"
)]
fn now_s() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
