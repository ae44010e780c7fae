//! Users of tenants, known by the tokens of their company's own provider of identities.
//!
//! A token says itself whose it is, so that is not believed: issuer and audience, as they stand in it, only find the
//! integration that takes such tokens ([`store::SignIns::sign_in`]), and everything else is that integration's: the
//! issuer whose keys verify the signature, the audience and directory that must be named, the roles that count. One that
//! is disabled is not found any more.

use authorize::verified::Verified;
use domain::{
    ids::{IntegrationId, SubjectId, TenantId},
    principal::Grant,
    sign_in::{Authority, SignIn},
    time::Timestamp,
};
use guard::Guard;
use providers::{
    Endpoints,
    oidc::{Claims, Expected, IssuerKeys, Refused, Token, Unverified, check_time},
};
use runtime::entropy::NoEntropy;
use std::sync::Arc;
use store::{SignIns, StoreError};

/// A user whose token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) tenant: TenantId,
    pub(crate) subject: SubjectId,
    /// Empty for a user without a role.
    pub(crate) grants: Vec<Grant>,
    /// When the token's time is over.
    pub(crate) until: Timestamp,
}

/// What came of a token.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is the user's.
    User(User),
    /// It was theirs and its time is over.
    Expired(TenantId),
    /// Nobody is known by it.
    Nobody,
    /// It could not be judged: the provider's keys cannot be had.
    CannotTell(TenantId),
}

/// Finds out who somebody is by their token.
pub(crate) struct Users {
    keys: IssuerKeys,
    /// Where Entra is.
    login: String,
    verified: Verified<User>,
}

impl Users {
    pub(crate) fn new(guard: Arc<Guard>, endpoints: &Endpoints) -> Result<Self, NoEntropy> {
        Ok(Self { keys: IssuerKeys::new(guard), login: endpoints.login.clone(), verified: Verified::new()? })
    }

    /// Whose token is it?
    pub(crate) async fn known(&self, store: &impl SignIns, token: &str, now: Timestamp) -> Result<Known, StoreError> {
        if let Some(user) = self.verified.get(token, now) {
            return Ok(if now < user.until { Known::User(user) } else { Known::Expired(user.tenant) });
        }
        let Ok(unverified) = Token::parse(token) else { return Ok(Known::Nobody) };
        let (Some(issuer), Some(audience)) = (unverified.issuer(), unverified.audience()) else {
            return Ok(Known::Nobody);
        };
        let authority = Authority::of(issuer, &self.login);
        let Some(SignIn { tenant, integration, settings }) = store.sign_in(&authority, audience).await? else {
            return Ok(Known::Nobody);
        };
        let (Some(trusted), audience) = (settings.authority(), settings.audience.clone()) else {
            return Ok(Known::Nobody);
        };
        let expected = Expected {
            issuer: &trusted.issuer(&self.login),
            audience: &audience,
            directory: settings.directory_id.as_deref(),
            nonce: None,
        };
        let claims = match self.keys.verify(unverified, expected, now).await {
            Ok(claims) => claims,
            Err(Unverified::Refused(refused)) => return Ok(refuse(&tenant, &integration, refused)),
            Err(Unverified::NoKeys(_)) => return Ok(Known::CannotTell(tenant)),
        };
        let user = |claims: &Claims, until| {
            let grants = settings.grants(&settings.roles(claims));
            Some(User { tenant: tenant.clone(), subject: settings.user(claims)?, grants, until })
        };
        match check_time(&claims, now).map(|until| user(&claims, until)) {
            Ok(Some(user)) => {
                self.verified.insert(token, user.clone(), now);
                Ok(Known::User(user))
            }
            Ok(None) => Ok(refuse(&tenant, &integration, Refused::Malformed)),
            Err(Refused::Expired) => Ok(Known::Expired(tenant)),
            Err(refused) => Ok(refuse(&tenant, &integration, refused)),
        }
    }
}

/// The caller learns nothing of why; the log does.
fn refuse(tenant: &TenantId, integration: &IntegrationId, refused: Refused) -> Known {
    tracing::info!(%tenant, %integration, reason = %refused, "a sign-in token was refused");
    Known::Nobody
}
