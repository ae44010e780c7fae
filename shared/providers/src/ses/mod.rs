//! E-mail by Amazon SES, API version 2, in an AWS account of the tenant's.
//!
//! Contracts: "`SendEmail`", "`GetAccount`", "`MessageTag`", "`MessageHeader`" and "Common Errors" in the Amazon SES API v2
//! Reference; "Authenticating Requests (AWS Signature Version 4)" in the IAM User Guide.

mod classify;
pub mod event;
mod recipe;
mod send;
pub(crate) mod settings;
mod sign;
mod tags;
#[cfg(test)]
mod tests;

use crate::{Endpoints, Outgoing, exchange::malformed};
use domain::{
    failure::Failure,
    integration::Config,
    secret::{Secret, Secrets},
};
use guard::Guard;
use http::{HeaderValue, Method, header};
use reqwest::{Request, Response, Url};
use settings::{SECRET_ACCESS_KEY, Settings};
use sign::Signer;
use std::{fmt, sync::Arc};
use tags::ProofKey;

/// How many messages one sender hands over at once. SES counts by second, and a new account may send 14 in one.
pub(crate) const CONCURRENCY: usize = 8;

/// An SES account with one integration's settings.
pub struct Ses {
    settings: Settings,
    /// Name and address of the sender in one text, as SES wants it.
    from: String,
    guard: Arc<Guard>,
    signer: Signer,
    proof_key: ProofKey,
    send_url: Url,
    account_url: Url,
}

impl Ses {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let secret = secrets.get(SECRET_ACCESS_KEY).ok_or_else(|| malformed("the secret is missing"))?;
        settings::check_secret(secret.expose()).map_err(|why| malformed(&why))?;
        let base = settings.base(endpoints);
        let url = |path| guard.check_url(&format!("{base}{path}"));
        let (send_url, account_url) = (url("/v2/email/outbound-emails")?, url("/v2/email/account")?);
        Ok(Self {
            from: send::mailbox(&settings.sender),
            signer: Signer::new(&settings.access_key_id, Secret::expose(secret), settings.region.clone()),
            proof_key: ProofKey::of(secret),
            settings,
            guard,
            send_url,
            account_url,
        })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::run(self).await
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        let mut request = Request::new(Method::POST, self.send_url.clone());
        *request.body_mut() = Some(send::compose(&self.settings, &self.from, &self.proof_key, out)?.into());
        classify::accepted(self.execute(request).await?, &self.settings.sender.from_address).await
    }

    async fn execute(&self, mut request: Request) -> Result<Response, Failure> {
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.signer.sign(&mut request, sign::now())?;
        self.guard.execute(request).await
    }
}

impl fmt::Debug for Ses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ses").field("settings", &self.settings).finish_non_exhaustive()
    }
}
