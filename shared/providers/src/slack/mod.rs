//! Slack messages by an app's bot token or an incoming webhook.
//!
//! Contracts: `chat.postMessage`, `auth.test`, "Sending messages using incoming webhooks", "Rate limits" and the
//! Block Kit reference on docs.slack.dev.

mod classify;
mod recipe;
mod send;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use crate::{Endpoints, Outgoing};
use domain::{
    failure::{Failure, FailureKind},
    integration::Config,
    secret::{Secret, Secrets},
};
use guard::Guard;
use http::{HeaderMap, HeaderValue, Method, header};
use reqwest::{Request, Response, Url};
use settings::{Mode, Settings};
use std::{fmt, sync::Arc};

/// How many messages a bot sends at once. Slack limits by channel, so different channels may go in parallel.
const BOT_CONCURRENCY: usize = 8;

/// A Slack workspace, or one channel of it, with one integration's settings. What is equal in all its requests is
/// made once.
pub struct Slack {
    settings: Settings,
    guard: Arc<Guard>,
    /// Where messages go; with a webhook a secret.
    post_url: Url,
    /// Where the token is tested; `None` with a webhook.
    test_url: Option<Url>,
    /// Content type and, with a bot, the token, marked as sensitive.
    headers: HeaderMap,
}

impl Slack {
    pub(crate) fn open(
        config: &Config,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let malformed = |why: &str| Failure::new(FailureKind::Permanent, "settings_invalid", why);
        let settings = Settings::read(config).map_err(|error| malformed(&error.to_string()))?;
        let secret = secrets.get(settings.mode.secret()).map(Secret::expose);
        let secret = secret.ok_or_else(|| malformed("the secret is missing"))?;
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        let (post_url, test_url) = match settings.mode {
            Mode::BotToken => {
                settings::check_token(secret).map_err(|why| malformed(&why))?;
                let token = HeaderValue::from_str(&format!("Bearer {secret}"));
                let mut token = token.map_err(|_| malformed("the bot token has characters that no token has"))?;
                token.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, token);
                let url = |method: &str| guard.check_url(&format!("{}/{method}", endpoints.slack_api));
                (url("chat.postMessage")?, Some(url("auth.test")?))
            }
            Mode::IncomingWebhook => (settings::check_webhook(secret, &guard).map_err(|why| malformed(&why))?, None),
        };
        Ok(Self { settings, guard, post_url, test_url, headers })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        match &self.test_url {
            Some(url) => recipe::token(self, url).await,
            None => recipe::webhook(self).await,
        }
    }

    pub(crate) async fn send(&self, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        send::send(self, out).await
    }

    pub(crate) const fn concurrency(&self) -> usize {
        match self.settings.mode {
            Mode::BotToken => BOT_CONCURRENCY,
            Mode::IncomingWebhook => 1,
        }
    }

    async fn post(&self, url: &Url, body: Vec<u8>) -> Result<Response, Failure> {
        let mut request = Request::new(Method::POST, url.clone());
        request.headers_mut().clone_from(&self.headers);
        *request.body_mut() = Some(body.into());
        self.guard.execute(request).await
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack").field("settings", &self.settings).finish_non_exhaustive()
    }
}
