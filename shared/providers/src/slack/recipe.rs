//! The tests of a Slack integration. Neither posts anything.

use super::{Slack, classify};
use domain::failure::Failure;
use reqwest::Url;

/// `auth.test` for a bot token; also looks whether the token may post.
pub(super) async fn token(slack: &Slack, url: &Url) -> Result<String, Failure> {
    classify::authenticated(slack.post(url, b"{}".to_vec()).await?).await
}

/// An incoming webhook has no read-only call. An empty message is refused by an existing webhook before anything is
/// posted (`no_text` or `invalid_payload`, "Handling errors" in Slack's page on incoming webhooks), and a deleted one
/// says so.
pub(super) async fn webhook(slack: &Slack) -> Result<String, Failure> {
    classify::refused_as_empty(slack.post(&slack.post_url, b"{}".to_vec()).await?).await
}
