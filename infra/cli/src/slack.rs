//! The Slack double of a local stack, seen from behind: what it got, and how it is made to fail.

use crate::client;
use doubles::slack::Script;
use serde::{Deserialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// Controls a running double.
#[derive(Clone, Debug)]
pub struct SlackControl {
    http: reqwest::Client,
    url: String,
}

/// What the double has seen.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Seen {
    /// Accepted posts.
    pub accepted: u64,
    /// Posts by channel or person.
    pub by_channel: BTreeMap<String, Posts>,
    /// Calls to paths that Slack does not have.
    pub strays: Vec<String>,
}

/// How often it was posted to one channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Posts {
    /// How often it was tried.
    pub calls: u64,
    /// How often it was accepted.
    pub accepted: u64,
}

impl SlackControl {
    /// The double at that base address.
    pub fn new(url: &str) -> Result<Self, client::Error> {
        Ok(Self { http: client::http()?, url: url.to_owned() })
    }

    /// Makes every attempt to post fail: with an HTTP status such as `503`, or with one of Slack's errors.
    pub async fn fail_with(&self, answer: &str) -> Result<(), client::Error> {
        self.script(&Script { fail: Some(answer.to_owned()), retry_after: None }).await
    }

    /// Ends that.
    pub async fn recover(&self) -> Result<(), client::Error> {
        self.script(&Script::default()).await
    }

    /// What it has seen so far.
    pub async fn seen(&self) -> Result<Seen, client::Error> {
        self.answer(self.http.get(format!("{}/_double/requests", self.url))).await
    }

    async fn script(&self, script: &Script) -> Result<(), client::Error> {
        let request = self.http.post(format!("{}/_double/script", self.url)).json(script);
        self.text(request).await.map(drop)
    }

    async fn answer<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<T, client::Error> {
        let text = self.text(request).await?;
        serde_json::from_str(&text).map_err(|source| client::Error::Answer { source, text })
    }

    async fn text(&self, request: reqwest::RequestBuilder) -> Result<String, client::Error> {
        let unreachable = |source| client::Error::Unreachable { endpoint: self.url.clone(), source };
        request.send().await.map_err(unreachable)?.text().await.map_err(unreachable)
    }
}
