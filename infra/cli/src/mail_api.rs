//! The doubles of the e-mail APIs of a local stack, seen from behind: what they took, and what they report of it.

use crate::client;
use doubles::mail_api::{Posting, Wanted};
use reqwest::{RequestBuilder, Response};
use serde::{Deserialize, de::DeserializeOwned};

/// Controls running doubles.
#[derive(Clone, Debug)]
pub struct MailApiControl {
    http: reqwest::Client,
    url: String,
}

/// What the doubles have seen.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Seen {
    /// Accepted messages.
    pub accepted: u64,
    /// Calls to paths that the providers do not have.
    pub strays: Vec<String>,
}

impl MailApiControl {
    /// The doubles at that base address.
    pub fn new(url: &str) -> Result<Self, client::Error> {
        Ok(Self { http: client::http()?, url: url.to_owned() })
    }

    /// The key by which `SendGrid`'s reports are verified, as its settings page shows it.
    pub async fn sendgrid_public_key(&self) -> Result<String, client::Error> {
        self.text(self.http.get(format!("{}/_double/sendgrid/public-key", self.url))).await
    }

    /// What the doubles have seen so far.
    pub async fn seen(&self) -> Result<Seen, client::Error> {
        self.answer(self.http.get(format!("{}/_double/requests", self.url))).await
    }

    /// Lets the provider report something of a message, signed as it would be, to the hub at `tracking_url`. Answers
    /// whether the hub took every report.
    pub async fn report(&self, wanted: &Wanted, tracking_url: &str) -> Result<bool, client::Error> {
        let request = self.http.post(format!("{}/_double/reports", self.url)).json(wanted);
        let postings: Vec<Posting> = self.answer(request).await?;
        let mut taken = !postings.is_empty();
        for Posting { headers, body } in postings {
            let request = self.http.post(tracking_url).body(body);
            let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
            taken &= self.response(request).await?.status().is_success();
        }
        Ok(taken)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, client::Error> {
        let text = self.text(request).await?;
        serde_json::from_str(&text).map_err(|source| client::Error::Answer { source, text })
    }

    async fn text(&self, request: RequestBuilder) -> Result<String, client::Error> {
        self.response(request).await?.text().await.map_err(|source| self.unreachable(source))
    }

    async fn response(&self, request: RequestBuilder) -> Result<Response, client::Error> {
        request.send().await.map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: reqwest::Error) -> client::Error {
        client::Error::Unreachable { endpoint: self.url.clone(), source }
    }
}
