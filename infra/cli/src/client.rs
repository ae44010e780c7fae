//! A client of the HTTP API: one method a route, the API's own types in and out, and errors a person can act on.

mod calls;
mod error;

pub use calls::{DeliveryQuery, LogQuery};
pub use error::{Error, Reason};

use api::page::List;
use domain::{ids::TenantId, secret::Secret};
use reqwest::{Method, RequestBuilder};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The gateway itself gives up after 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);

/// Speaks to one deployment with one credential. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    credential: Secret,
    acting_for: Option<TenantId>,
}

impl Client {
    /// A client of the deployment at `endpoint` (what `/v1/...` is appended to) with an API key or the operator's
    /// credential.
    pub fn new(endpoint: &str, credential: &str) -> Result<Self, Error> {
        let endpoint = endpoint.trim_end_matches('/').trim_end_matches("/v1").to_owned();
        if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
            return Err(Error::Endpoint(endpoint));
        }
        Ok(Self { http: http()?, endpoint, credential: Secret::new(credential.to_owned()), acting_for: None })
    }

    /// The same client for the keys of one tenant: the operator belongs to none and has to say which it means.
    #[must_use]
    pub fn acting_for(self, tenant: TenantId) -> Self {
        Self { acting_for: Some(tenant), ..self }
    }

    /// The same deployment with another credential.
    #[must_use]
    pub fn with_credential(&self, credential: &str) -> Self {
        Self { credential: Secret::new(credential.to_owned()), acting_for: None, ..self.clone() }
    }

    /// Where the deployment is.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}/v1{path}", self.endpoint));
        let request = request.bearer_auth(self.credential.expose());
        match &self.acting_for {
            Some(tenant) => request.header("X-Trunkline-Tenant", tenant.as_str()),
            None => request,
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        self.read(self.request(Method::GET, path)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Error> {
        self.read(self.request(Method::POST, path).json(body)).await
    }

    /// The first entries of a list, at most `limit`.
    async fn first<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<T>, Error> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        while items.len() < limit {
            let wanted = (limit - items.len()).min(api::page::LIMIT_MAX);
            let request = self.request(Method::GET, path).query(query).query(&[("limit", wanted)]);
            let page: List<T> = self.read(request.query(&cursor.map(|cursor| [("cursor", cursor)]))).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Every entry of a list, page by page.
    async fn all<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<T>, Error> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let request = self.request(Method::GET, path).query(query).query(&[("limit", api::page::LIMIT_MAX)]);
            let page: List<T> = self.read(request.query(&cursor.map(|cursor| [("cursor", cursor)]))).await?;
            items.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(items);
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Error> {
        let text = self.text(request).await?;
        serde_json::from_str(&text).map_err(|source| Error::Answer { source, text })
    }

    /// The body of a successful answer.
    async fn text(&self, request: RequestBuilder) -> Result<String, Error> {
        Ok(self.text_and_link(request).await?.0)
    }

    /// The body of a successful answer, with its header `Link`.
    async fn text_and_link(&self, request: RequestBuilder) -> Result<(String, Option<String>), Error> {
        let unreachable = |source| Error::Unreachable { endpoint: self.endpoint.clone(), source };
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let link = answer.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let text = answer.text().await.map_err(unreachable)?;
        if status.is_success() { Ok((text, link)) } else { Err(Error::refused(status.as_u16(), text)) }
    }
}

#[expect(clippy::disallowed_methods, reason = "it speaks to the API that the user of this program chose, no tenant")]
pub(crate) fn http() -> Result<reqwest::Client, Error> {
    // reqwest is built without a TLS provider of its own; that another caller was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(TIMEOUT).build().map_err(Error::Setup)
}
