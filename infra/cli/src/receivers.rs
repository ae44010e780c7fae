//! The receivers of webhooks of a local stack, seen from behind: what they got, and how they are made to answer.

use crate::client::{self, Client};
use api::endpoints::EndpointCreate;
use domain::{ids::IntegrationId, rate::Limits, retry::RetryPolicy, webhook::Signing};
use doubles::webhook::{Count, Seen, Setup, receiver_url};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// Controls a running double.
#[derive(Clone, Debug)]
pub struct Receivers {
    http: reqwest::Client,
    url: String,
}

impl Receivers {
    /// The double at that base address.
    pub fn new(url: &str) -> Result<Self, client::Error> {
        Ok(Self { http: client::http()?, url: url.to_owned() })
    }

    /// Where a receiver is posted to.
    pub fn url_of(&self, receiver: &str) -> String {
        receiver_url(&self.url, receiver)
    }

    /// Makes an endpoint of the tenant's that posts everything to a receiver, which verifies what it is posted.
    pub async fn connect(&self, client: &Client, receiver: &str) -> Result<IntegrationId, client::Error> {
        let endpoint = EndpointCreate {
            name: receiver.to_owned(),
            url: self.url_of(receiver),
            description: None,
            events: Vec::new(),
            filter: Value::Null,
            transform: Value::Null,
            headers: BTreeMap::new(),
            signing: Signing::Hmac,
            ordered: false,
            limits: Limits::default(),
            retry_policy: RetryPolicy::Standard,
            secret: None,
            enabled: true,
        };
        let created = client.create_endpoint(&endpoint, false).await?;
        let keys = created.new_secret.into_iter().collect();
        self.set_up(receiver, &Setup { keys, ..Setup::default() }).await?;
        Ok(created.endpoint.id)
    }

    /// Says what a receiver knows and does from now on.
    pub async fn set_up(&self, receiver: &str, setup: &Setup) -> Result<(), client::Error> {
        self.text(self.http.put(self.of(receiver)).json(setup)).await.map(drop)
    }

    /// Every post to a receiver so far.
    pub async fn seen(&self, receiver: &str) -> Result<Seen, client::Error> {
        self.answer(self.http.get(self.of(receiver))).await
    }

    /// How often each was posted to.
    pub async fn counts(&self) -> Result<BTreeMap<String, Count>, client::Error> {
        self.answer(self.http.get(format!("{}/_double/counts", self.url))).await
    }

    fn of(&self, receiver: &str) -> String {
        format!("{}/_double/receivers/{receiver}", self.url)
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
