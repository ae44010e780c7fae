//! The test of a Postmark integration: whose token is it?

use super::{Postmark, classify};
use domain::failure::Failure;

/// `GET /server` answers the server that the token belongs to. Nothing is sent.
pub(super) async fn run(postmark: &Postmark) -> Result<String, Failure> {
    classify::server(postmark.api.get(&postmark.server_url).await?).await
}
