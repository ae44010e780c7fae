//! Calls to Microsoft Graph with the app's token.

use super::{classify, settings::Settings, token::Tokens};
use crate::{Endpoints, exchange::read};
use domain::{
    failure::{Failure, FailureKind},
    secret::Secrets,
};
use guard::Guard;
use http::{HeaderValue, Method, StatusCode, header};
use reqwest::{Request, Response, Url};
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

const ROOT: &str = "/v1.0/security/attackSimulation";
/// The longest answer that is read: a page of a report, with every event of a hundred users or more.
const ANSWER_MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most pages of one list. At the smallest page size seen (100), 1,000 targets are ten.
const PAGES_MAX: usize = 200;

/// Microsoft Graph as one app may use it.
pub(super) struct Graph {
    guard: Arc<Guard>,
    base: String,
    tokens: Tokens,
}

/// A page of a list (Microsoft Graph, "Paging Microsoft Graph data in your app").
#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Graph {
    pub(super) fn new(
        settings: &Settings,
        secrets: &Secrets,
        guard: Arc<Guard>,
        endpoints: &Endpoints,
    ) -> Result<Self, Failure> {
        let (login, graph) = (&endpoints.login, &endpoints.graph_api);
        let tokens = Tokens::new(settings, secrets, Arc::clone(&guard), login, graph)?;
        Ok(Self { guard, base: format!("{graph}{ROOT}"), tokens })
    }

    /// The address of something below attack simulation. What comes from outside must be an id or be encoded.
    pub(super) fn url(&self, path: &str) -> Result<Url, Failure> {
        Ok(self.guard.check_url(&format!("{}{path}", self.base))?)
    }

    /// The token alone.
    pub(super) async fn sign_in(&self) -> Result<(), Failure> {
        self.tokens.authorization(None).await.map(drop)
    }

    /// Reads something. A read that breaks off has done nothing.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: Url) -> Result<T, Failure> {
        let answer = async {
            let response = self.call(Method::GET, &url, None).await?;
            read(response, ANSWER_MAX_BYTES).await
        };
        let (status, after_ms, body) = answer.await.map_err(classify::harmless)?;
        if status != StatusCode::OK {
            return Err(classify::graph(status, after_ms, &body));
        }
        serde_json::from_slice(&body).map_err(|error| classify::not_understood(&error.to_string()))
    }

    /// Reads every page of a list. A link that leads to another host is not followed: the token goes with it.
    pub(super) async fn list<T: DeserializeOwned>(&self, first: Url) -> Result<Vec<T>, Failure> {
        let (mut all, mut next) = (Vec::new(), Some(first));
        for _ in 0..PAGES_MAX {
            let Some(url) = next else { return Ok(all) };
            let page: Page<T> = self.get(url).await?;
            all.extend(page.value);
            next = page.next.map(|link| self.next(&link)).transpose()?;
        }
        Err(classify::not_understood("the list does not end"))
    }

    fn next(&self, link: &str) -> Result<Url, Failure> {
        let url = self.guard.check_url(link)?;
        let own = self.url("")?;
        let below = url.path().to_ascii_lowercase().starts_with(&own.path().to_ascii_lowercase());
        if url.origin() != own.origin() || !below {
            return Err(classify::not_understood("the next page is not below attack simulation at Microsoft Graph"));
        }
        Ok(url)
    }

    /// Creates a simulation; the `Location` of the answer, which is 202 without a body.
    pub(super) async fn create(&self, body: Vec<u8>) -> Result<Option<String>, Failure> {
        let response = self.call(Method::POST, &self.url("/simulations")?, Some(body)).await?;
        let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
        match status {
            StatusCode::ACCEPTED | StatusCode::CREATED => Ok(location),
            // Taken, but not as documented: it may be there.
            status if status.is_success() => {
                Err(Failure { kind: FailureKind::Unknown, ..classify::graph(status, after_ms, &body) })
            }
            // Something on the way gave up waiting, or Graph broke off: it may be there, or come to be. What is tried
            // again in seconds might not see it yet, and people would get it twice.
            status if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE => {
                Err(Failure { kind: FailureKind::Unknown, ..classify::graph(status, after_ms, &body) })
            }
            status => Err(classify::creation(status, after_ms, &body)),
        }
    }

    /// Deletes a simulation.
    pub(super) async fn delete(&self, simulation: &str) -> Result<(), Failure> {
        let response = self.call(Method::DELETE, &self.url(&format!("/simulations/{simulation}"))?, None).await?;
        let (status, after_ms, body) = read(response, ANSWER_MAX_BYTES).await?;
        // "204 No Content"; some of Graph's deletions take their time and say so.
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::ACCEPTED) {
            return Ok(());
        }
        Err(classify::graph(status, after_ms, &body))
    }

    /// One call, with one fresh token if the first one is refused.
    async fn call(&self, method: Method, url: &Url, body: Option<Vec<u8>>) -> Result<Response, Failure> {
        let authorization = self.tokens.authorization(None).await?;
        let response = self.call_with(method.clone(), url, body.clone(), authorization.clone()).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let fresh = self.tokens.authorization(Some(&authorization)).await?;
        self.call_with(method, url, body, fresh).await
    }

    async fn call_with(
        &self,
        method: Method,
        url: &Url,
        body: Option<Vec<u8>>,
        authorization: HeaderValue,
    ) -> Result<Response, Failure> {
        let json = HeaderValue::from_static("application/json");
        let mut request = Request::new(method, url.clone());
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        request.headers_mut().insert(header::ACCEPT, json.clone());
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, json);
            *request.body_mut() = Some(body.into());
        }
        self.guard.execute(request).await
    }

    /// The address of something as a body names it (`...@odata.bind`).
    pub(super) fn bind(&self, kind: &str, id: &str) -> String {
        format!("{}/{kind}/{id}", self.base)
    }
}
