//! The test of a `SendGrid` integration: what may the key do?

use super::{Sendgrid, classify};
use domain::failure::Failure;

/// `GET /v3/scopes` names what the key may do; `mail.send` must be among it. Nothing is sent.
pub(super) async fn run(sendgrid: &Sendgrid) -> Result<String, Failure> {
    classify::may_send(sendgrid.api.get(&sendgrid.scopes_url).await?).await
}
