//! The test of a sign-in integration: is this the issuer, are its keys of use, and does it know our application?

use super::{Entra, classify};
use crate::oidc::{KeySet, Token, discover};
use domain::failure::Failure;

/// Reads discovery document and keys, and has a token made for the application itself. That token is judged like a
/// user's, but for its roles: so a wrong audience, an opaque token or one of Entra's older version are found here and
/// not by the first user. Nobody signs in.
pub(super) async fn run(entra: &Entra) -> Result<String, Failure> {
    let discovery =
        discover(&entra.guard, &entra.issuer).await.map_err(|failure| classify::directory(entra, failure))?;
    let keys = KeySet::fetch(&entra.guard, &discovery.jwks_uri).await?;
    let audience = &entra.settings.audience;
    // "OAuth 2.0 client credentials flow": the scope names the API. Elsewhere a resource does (RFC 8707) or, with
    // Auth0, an audience; whoever knows neither leaves them out of account (RFC 6749, section 3.2).
    let scope = format!("{audience}/.default");
    let mut form = vec![("grant_type", "client_credentials")];
    if entra.is_entra() {
        form.push(("scope", &scope));
    } else if *audience != entra.settings.client_id {
        form.extend([("resource", audience.as_str()), ("audience", audience.as_str())]);
    }
    let tokens = entra.tokens(&discovery, &form).await?;
    let token = Token::parse(&tokens.access_token).map_err(|refused| classify::unusable(entra, None, refused))?;
    let said = token.issuer().map(ToOwned::to_owned);
    token.verify(&keys, entra.expected(None)).map_err(|refused| classify::unusable(entra, said.as_deref(), refused))?;
    Ok(format!("{} made a token for {audience}", entra.issuer))
}
