//! A person's sign-in: authorization code flow with PKCE (RFC 7636) and nonce.

use super::{Entra, classify};
use crate::oidc::{self, KeySet, Refused, Token, check_time, discover};
use domain::{
    failure::{Failure, FailureKind},
    ids::SubjectId,
    principal::Grant,
    time::Timestamp,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a sign-in begins with and must end with.
#[derive(Clone, Copy, Debug)]
pub struct Challenge<'a> {
    /// Comes back with the code, and ties it to whoever began.
    pub state: &'a str,
    /// Comes back in the id token, and ties it to this sign-in.
    pub nonce: &'a str,
    /// The S256 hash of the PKCE verifier, base64url.
    pub code_challenge: &'a str,
    /// Where the provider sends the person back to. Must be registered there.
    pub redirect_uri: &'a str,
}

/// What the provider answered, and what it must fit.
#[derive(Clone, Copy, Debug)]
pub struct Redeem<'a> {
    /// The code that stands for the sign-in.
    pub code: &'a str,
    /// Who says so (RFC 9207), where the answer tells.
    pub issuer: Option<&'a str>,
    /// The secret of PKCE.
    pub verifier: &'a str,
    /// As in the [`Challenge`].
    pub nonce: &'a str,
    /// As in the [`Challenge`].
    pub redirect_uri: &'a str,
}

/// Who signed in, and what the API would let them do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIn {
    /// The name by which the audit trail knows them.
    pub subject: SubjectId,
    /// What the provider calls them; for them to read, and not kept.
    pub name: String,
    /// The roles and capabilities in their access token.
    pub roles: BTreeSet<String>,
    /// What these permit.
    pub grants: Vec<Grant>,
}

impl Entra {
    /// Where to send a person who is to sign in.
    pub async fn authorization_url(&self, challenge: Challenge<'_>) -> Result<String, Failure> {
        let discovery =
            discover(&self.guard, &self.issuer).await.map_err(|failure| classify::directory(self, failure))?;
        let mut url = self.guard.check_url(&discovery.authorization_endpoint)?;
        let scope = self.scope();
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", challenge.redirect_uri),
            ("scope", &scope),
            ("state", challenge.state),
            ("nonce", challenge.nonce),
            ("code_challenge", challenge.code_challenge),
            ("code_challenge_method", "S256"),
        ]);
        if let Some(resource) = self.resource() {
            url.query_pairs_mut().extend_pairs([("resource", resource), ("audience", resource)]);
        }
        Ok(url.into())
    }

    /// Ends a sign-in: exchanges the code, and verifies who it was and what they may do.
    pub async fn redeem(&self, answer: Redeem<'_>, now: Timestamp) -> Result<SignedIn, Failure> {
        let Redeem { code, issuer, verifier, nonce, redirect_uri } = answer;
        // A code of another provider is not shown to this one.
        if issuer.is_some_and(|issuer| issuer != self.issuer) {
            return Err(refused("the answer is another issuer's"));
        }
        let discovery =
            discover(&self.guard, &self.issuer).await.map_err(|failure| classify::directory(self, failure))?;
        if discovery.names_itself && issuer.is_none() {
            return Err(refused("the answer does not say whose it is, as this issuer's do"));
        }
        let keys = KeySet::fetch(&self.guard, &discovery.jwks_uri).await?;
        let scope = self.scope();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        if self.is_entra() {
            form.push(("scope", scope.as_str()));
        }
        form.extend(self.resource().map(|resource| ("resource", resource)));
        let tokens = self.tokens(&discovery, &form).await?;

        let id_token = tokens.id_token.as_deref().ok_or_else(|| id_token_refused("there is none"))?;
        let judge = |text: &str, nonce| -> Result<oidc::Claims, Refused> {
            let claims = Token::parse(text)?.verify(&keys, self.expected(nonce))?;
            check_time(&claims, now)?;
            Ok(claims)
        };
        let who = judge(id_token, Some(nonce)).map_err(|refused| id_token_refused(&refused.to_string()))?;
        let access = &tokens.access_token;
        let said = Token::parse(access).ok().and_then(|token| token.issuer().map(ToOwned::to_owned));
        let may = judge(access, None).map_err(|refused| classify::unusable(self, said.as_deref(), refused))?;
        let subject = self.settings.user(&may).ok_or_else(|| id_token_refused("it names no user"))?;
        let roles = self.settings.roles(&may);
        Ok(SignedIn { subject, name: name(&who), grants: self.settings.grants(&roles), roles })
    }

    /// In Entra the scope names the API; `.default` is all that was consented to.
    fn scope(&self) -> String {
        if self.is_entra() {
            format!("openid profile {}/.default", self.settings.audience)
        } else {
            "openid profile".to_owned()
        }
    }

    /// Elsewhere a resource names the API, where it is not the application itself.
    fn resource(&self) -> Option<&str> {
        let audience = self.settings.audience.as_str();
        (!self.is_entra() && audience != self.settings.client_id).then_some(audience)
    }
}

fn refused(why: &str) -> Failure {
    Failure::new(FailureKind::Permanent, "oidc_sign_in_refused", why)
}

fn id_token_refused(why: &str) -> Failure {
    Failure::new(FailureKind::Permanent, "oidc_id_token_refused", why)
}

/// What the provider calls the person, on one line of bounded length.
fn name(claims: &oidc::Claims) -> String {
    let names = ["preferred_username", "email", "name", "sub"];
    let name = names.iter().find_map(|name| claims.get(*name).and_then(Value::as_str)).unwrap_or_default();
    name.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect()
}
