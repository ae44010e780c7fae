//! E-mail by Postmark's API.
//!
//! Contracts: "Email API", "Server API", "Messages API" and "Overview" (response codes, API error codes) at
//! postmarkapp.com/developer/api.

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
use http::HeaderName;
use reqwest::Url;
use settings::{SERVER_TOKEN, Settings};
use std::{fmt, sync::Arc};

/// How many messages one sender hands over at once. Postmark publishes no number; its 429 slows us down.
pub(crate) const CONCURRENCY: usize = 8;
/// "Overview", Authentication.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-postmark-server-token");

/// A Postmark server with one integration's settings.
pub struct Postmark {
    settings: Settings,
    /// Name and address of the sender in one text, as Postmark wants it.
    from: String,
    api: Api,
    send_url: Url,
    server_url: Url,
    search_url: Url,
}

impl Postmark {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let token = secrets.get(SERVER_TOKEN).map(Secret::expose).ok_or_else(|| malformed("the secret is missing"))?;
        settings::check_token(token).map_err(|why| malformed(&why))?;
        let api = Api::new(guard, TOKEN_HEADER, token)?;
        let url = |path| api.url(&endpoints.postmark_api, path);
        let (send_url, server_url, search_url) = (url("/email")?, url("/server")?, url("/messages/outbound")?);
        Ok(Self { from: send::mailbox(&settings.sender), settings, api, send_url, server_url, search_url })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::run(self).await
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        let body = send::compose(&self.settings, &self.from, out)?;
        classify::accepted(self.api.post(&self.send_url, body).await?).await
    }

    pub(crate) async fn find(&self, out: &Outgoing<'_>) -> Found {
        find::find(self, out).await
    }
}

impl fmt::Debug for Postmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postmark").field("settings", &self.settings).finish_non_exhaustive()
    }
}
