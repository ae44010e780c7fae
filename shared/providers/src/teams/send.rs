//! Posting a message.

use super::{Teams, card, classify};
use crate::Outgoing;
use domain::failure::Failure;
use http::Method;

pub(super) async fn send(teams: &Teams, out: &Outgoing<'_>) -> Result<Option<String>, Failure> {
    let body = card::compose(&teams.settings, out)?;
    classify::posted(teams.call(Method::POST, Some(body)).await?).await
}
