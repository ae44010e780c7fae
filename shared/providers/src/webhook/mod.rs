//! Outbound webhooks: events posted to an endpoint of a tenant's, signed as Standard Webhooks says.

mod classify;
mod recipe;
mod send;
pub(crate) mod settings;
mod sign;

use self::sign::Signer;
use crate::{Endpoints, Outgoing, exchange::malformed};
use domain::{
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    integration::Config,
    secret::Secrets,
    time::Timestamp,
    webhook::{Answer, EndpointSettings, OutEvent, secret::SigningKey, transform::Transform},
};
use guard::Guard;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::Url;
use std::{fmt, sync::Arc, time::Duration};

/// How many events are posted to one endpoint at once.
pub(crate) const CONCURRENCY: usize = 10;

/// The longest a post may take, its answer included.
pub const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// One event to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// The delivery, which is told in a header.
    pub delivery: &'a DeliveryId,
    /// The event.
    pub event: &'a OutEvent,
    /// The time of this attempt.
    pub at: Timestamp,
}

/// What came of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the endpoint answered, as far as it did.
    pub answer: Answer,
    /// What that means.
    pub result: Result<(), Failure>,
}

/// An endpoint that is ready to be posted to.
pub struct Webhook {
    url: Url,
    transform: Option<Transform>,
    /// What all posts have in common; the tenant's own are marked as sensitive.
    headers: HeaderMap,
    signer: Signer,
    brand: Brand,
    timeout: Duration,
    guard: Arc<Guard>,
}

/// The names of our own headers, which begin as the deployment wants.
struct Brand {
    signature: HeaderName,
    event: HeaderName,
    delivery: HeaderName,
}

impl Brand {
    fn new(prefix: &str) -> Result<Self, Failure> {
        let name = |rest: &str| {
            let name = HeaderName::try_from(format!("{prefix}-{rest}"));
            name.map_err(|_| malformed("the prefix of the headers is no beginning of a header's name"))
        };
        Ok(Self { signature: name("Signature")?, event: name("Event")?, delivery: name("Delivery-ID")? })
    }
}

impl Webhook {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let settings = EndpointSettings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let key = |name: &str| {
            let key = secrets.get(name).map(|secret| SigningKey::parse(secret.expose())).transpose();
            key.map_err(|error| malformed(&error.to_string()))
        };
        let serving = key(settings::SIGNING_SECRET)?.ok_or_else(|| malformed("the signing secret is missing"))?;
        let previous = key(settings::PREVIOUS_SECRET)?.zip(settings.previous_until);
        let prefix = endpoints.webhook_header_prefix.trim_end_matches('-');
        Ok(Self {
            url: guard.check_url(&settings.url)?,
            transform: settings.transform.filter(|transform| !transform.is_nothing()),
            headers: headers(secrets, prefix)?,
            signer: Signer::new(serving, previous),
            brand: Brand::new(prefix)?,
            timeout: POST_TIMEOUT,
            guard,
        })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::test(self).await
    }

    pub(crate) fn send(_: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "an endpoint takes events, not messages"))
    }

    pub(crate) async fn post(&self, post: &Post<'_>) -> Reply {
        send::post(self, post).await
    }
}

/// The tenant's headers, and who we are.
fn headers(secrets: &Secrets, prefix: &str) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    for (name, secret) in settings::custom_headers(secrets) {
        let name = HeaderName::try_from(name).map_err(|_| malformed("a custom header has no valid name"))?;
        let mut value =
            HeaderValue::from_str(secret.expose()).map_err(|_| malformed("a custom header has no valid value"))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let brand = prefix.strip_prefix("X-").unwrap_or(prefix);
    let agent = HeaderValue::from_str(&format!("{brand}-Webhooks/1.0"));
    headers.insert(header::USER_AGENT, agent.map_err(|_| malformed("the prefix of the headers is no text"))?);
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(headers)
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
