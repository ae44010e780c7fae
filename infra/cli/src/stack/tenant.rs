//! The tenant that every local stack has.

use super::Error;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Creates a tenant with the operator's credential and returns an API key of it that may do everything.
pub(super) async fn create(api_url: &str, operator_key: &str, tenant: &str) -> Result<String, Error> {
    let client = client()?;
    let create = json!({ "id": tenant, "name": tenant });
    post(client.post(format!("{api_url}/v1/tenants")).bearer_auth(operator_key).json(&create)).await?;
    let key = json!({ "name": "local stack", "scopes": ["*"] });
    let request = client.post(format!("{api_url}/v1/keys")).bearer_auth(operator_key).json(&key);
    // The operator belongs to no tenant: the header says for which one it acts.
    let created = post(request.header("X-Trunkline-Tenant", tenant)).await?;
    created["key"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::Api("POST /v1/keys answered without a key".to_owned()))
}

/// Waits until the API serves its one public route.
pub(super) async fn until_served(api_url: &str, within: Duration) -> Result<(), Error> {
    let client = client()?;
    let url = format!("{api_url}/v1/openapi.json");
    let deadline = Instant::now() + within;
    loop {
        let answer = match client.get(&url).send().await {
            Ok(answer) if answer.status() == StatusCode::OK => return Ok(()),
            Ok(answer) => format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default()),
            Err(error) => error.to_string(),
        };
        if Instant::now() > deadline {
            return Err(Error::Api(format!("GET {url} did not answer 200 within {} s but {answer}", within.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn post(request: RequestBuilder) -> Result<Value, Error> {
    let answer = request.send().await.map_err(|error| Error::Api(error.to_string()))?;
    let (status, url) = (answer.status(), answer.url().clone());
    let text = answer.text().await.map_err(|error| Error::Api(error.to_string()))?;
    if !status.is_success() {
        return Err(Error::Api(format!("POST {url} answered {status}: {text}")));
    }
    serde_json::from_str(&text).map_err(|error| Error::Api(format!("POST {url} answered no JSON: {error}")))
}

#[expect(clippy::disallowed_methods, reason = "it speaks to the stack's own API on loopback, which no tenant chose")]
fn client() -> Result<Client, Error> {
    // reqwest is built without a TLS provider of its own; that another caller was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|error| Error::Api(format!("no HTTP client: {error}")))
}
