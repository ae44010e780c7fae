//! The test of an endpoint. No event is posted: see `POST /v1/endpoints/{id}/test` for that.

use super::{Webhook, classify};
use domain::failure::Failure;
use http::Method;
use reqwest::Request;

/// Asks with HEAD, which no endpoint takes for an event. Any answer below 500 but 410 shows that the name leads to a public
/// address, that TLS stands and that somebody answers there.
pub(super) async fn test(webhook: &Webhook) -> Result<String, Failure> {
    let mut request = Request::new(Method::HEAD, webhook.url.clone());
    request.headers_mut().clone_from(&webhook.headers);
    let response = webhook.guard.execute(request).await?;
    classify::test(response.status())
}
