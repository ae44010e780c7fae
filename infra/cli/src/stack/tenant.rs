//! The tenant that every local stack has.

use super::Error;
use crate::client::{self, Client};
use api::{keys::KeyCreate, tenants::TenantCreate};
use domain::{ids::TenantId, principal::Grant, quota::Tier};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

/// Creates a tenant with the operator's credential and returns an API key of it that may do everything.
pub(super) async fn create(api_url: &str, operator_key: &str, tenant: &str) -> Result<String, Error> {
    let id: TenantId = tenant.parse().map_err(|error: domain::ids::InvalidId| Error::Api(error.to_string()))?;
    let everything = Grant::try_from("*".to_owned()).map_err(Error::Api)?;
    let operator = Client::new(api_url, operator_key).map_err(refused)?;
    operator.create_tenant(&TenantCreate { id: id.clone(), name: tenant.to_owned() }).await.map_err(refused)?;
    let key = KeyCreate {
        name: "local stack".to_owned(),
        scopes: vec![everything],
        expires_at: None,
        tier: Tier::Premium,
        allow: Vec::new(),
    };
    Ok(operator.acting_for(id).create_key(&key).await.map_err(refused)?.key)
}

/// Waits until the API serves its one public route.
pub(super) async fn until_served(api_url: &str, within: Duration) -> Result<(), Error> {
    let http = client::http().map_err(refused)?;
    let url = format!("{api_url}/v1/openapi.json");
    let deadline = Instant::now() + within;
    loop {
        let answer = match http.get(&url).send().await {
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

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: client::Error) -> Error {
    Error::Api(error.to_string())
}
