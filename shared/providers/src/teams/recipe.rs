//! The test of a Teams integration. Nothing is posted.

use super::{Teams, classify};
use domain::failure::Failure;
use http::Method;

/// A workflow has no read-only call. Its trigger takes POST alone: another method is answered with
/// `TriggerRequestMethodNotValid` ("expected 'POST' and actual 'GET'", Azure/logicapps issue 1441) and starts nothing,
/// which still shows that the name resolves to a public address, that TLS stands and that a trigger answers there. A
/// workflow that is gone or off says so. Whether the signature was looked at before the method is not documented, so a
/// wrong one may show only with the first message.
pub(super) async fn test(teams: &Teams) -> Result<String, Failure> {
    classify::refused_as_get(teams.call(Method::GET, None).await?).await
}
