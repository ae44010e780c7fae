//! The test of an SES integration: whose account is it, and does it send?

use super::{Ses, classify};
use domain::failure::Failure;
use http::Method;
use reqwest::Request;

/// `GET /v2/email/account` answers whether the account sends in this region. Nothing is sent.
pub(super) async fn run(ses: &Ses) -> Result<String, Failure> {
    let request = Request::new(Method::GET, ses.account_url.clone());
    classify::account(ses.execute(request).await?).await
}
