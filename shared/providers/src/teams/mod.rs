//! Microsoft Teams messages by a Workflows webhook: Adaptive Cards in the channel or chat that the workflow posts to.
//!
//! Contracts: "Create incoming webhooks with Workflows for Microsoft Teams" (Microsoft support), "Send Adaptive Cards
//! using an Incoming Webhook" and "Create an Incoming Webhook" (Teams platform documentation: message form, 28 KB, four
//! requests a second), "Call, trigger, or nest workflows with HTTPS endpoints" (Azure Logic Apps: the URL and its
//! signature, 202 where the workflow has no response of its own), and the schema of Adaptive Cards 1.5.

mod card;
mod classify;
mod recipe;
mod send;
pub(crate) mod settings;
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
use settings::{Settings, WEBHOOK_URL};
use std::{fmt, sync::Arc};

/// How many messages go at once: all of them go to the same channel.
pub(crate) const CONCURRENCY: usize = 1;

/// A workflow that posts to one channel or chat of Teams.
pub struct Teams {
    settings: Settings,
    guard: Arc<Guard>,
    /// Where messages go. It carries its own signature, so it is a secret.
    url: Url,
}

impl Teams {
    pub(crate) fn open(config: &Config, secrets: &Secrets, guard: Arc<Guard>, _: &Endpoints) -> Result<Self, Failure> {
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let secret = secrets.get(WEBHOOK_URL).map(Secret::expose).ok_or_else(|| malformed("the secret is missing"))?;
        let url = settings::check_webhook(secret, &guard).map_err(|why| malformed(&why))?;
        Ok(Self { settings, guard, url })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        recipe::test(self).await
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        send::send(self, out).await
    }

    /// Speaks to the workflow. The signature in the URL is all it asks for: an `Authorization` beside it is refused.
    async fn call(&self, method: Method, body: Option<Vec<u8>>) -> Result<Response, Failure> {
        let mut request = Request::new(method, self.url.clone());
        if let Some(body) = body {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.into());
        }
        self.guard.execute(request).await
    }
}

impl fmt::Debug for Teams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teams").field("settings", &self.settings).finish_non_exhaustive()
    }
}
