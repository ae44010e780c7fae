//! E-mail by `SendGrid`'s Mail Send API.
//!
//! Contracts: "Mail Send", "Email Activity", "Errors", "Responses", "Rate limits" and "Retrieve a list of scopes for which this user has
//! access" in the Twilio `SendGrid` API reference (www.twilio.com/docs/sendgrid/api-reference), and the support article
//! "4XX API Errors and Troubleshooting Suggestions".

mod classify;
pub(crate) mod events;
mod find;
mod recipe;
mod send;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use crate::{
    Endpoints, Found, Outgoing,
    exchange::{Api, malformed},
};
use domain::{
    failure::Failure,
    integration::Config,
    secret::{Secret, Secrets},
};
use guard::Guard;
use http::header;
use reqwest::Url;
use settings::{API_KEY, Settings};
use std::{fmt, sync::Arc};

/// How many messages one sender hands over at once. `SendGrid` takes 10,000 requests a second; eight keep a sender busy.
pub(crate) const CONCURRENCY: usize = 8;

/// A `SendGrid` account with one integration's settings.
pub struct Sendgrid {
    settings: Settings,
    api: Api,
    send_url: Url,
    scopes_url: Url,
    activity_url: Url,
}

impl Sendgrid {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let key = secrets.get(API_KEY).map(Secret::expose).ok_or_else(|| malformed("the secret is missing"))?;
        settings::check_key(key).map_err(|why| malformed(&why))?;
        let api = Api::new(guard, header::AUTHORIZATION, &format!("Bearer {key}"))?;
        let base = settings.region.base(endpoints);
        let (send_url, scopes_url) = (api.url(base, "/v3/mail/send")?, api.url(base, "/v3/scopes")?);
        let activity_url = api.url(base, "/v3/messages")?;
        Ok(Self { settings, api, send_url, scopes_url, activity_url })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::run(self).await
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        let response = self.api.post(&self.send_url, send::compose(&self.settings, out)?).await?;
        classify::accepted(response, self.settings.sandbox).await
    }

    pub(crate) async fn find(&self, out: &Outgoing<'_>) -> Found {
        find::find(self, out).await
    }
}

impl fmt::Debug for Sendgrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sendgrid").field("settings", &self.settings).finish_non_exhaustive()
    }
}
