//! Who calls. The authorizer verifies the credential and hands over a [`Context`]; the gateway passes it on beside the
//! request, where no client can write; here it becomes a [`Caller`].
//!
//! Everything fails closed: a context without a tenant, or with one that cannot be read, is nobody.

use crate::http::Failed;
use api::problem::{Problem, ProblemKind};
use axum::{
    extract::FromRequestParts,
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, header, request::Parts},
};
use domain::{
    ids::{SubjectId, TenantId},
    key::{KeyRecord, KeyRefusal},
    principal::{Caller, Grant, Principal, Scope},
    tenant::TenantScope,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;

const RATE_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What stands before the id of a user, which no key's id begins with.
const USER: &str = "user:";

/// What the authorizer says of a request, as the gateway carries it: flat and all text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Context {
    /// The tenant that the caller may act for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The API key's id, or a user's with [`USER`] before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// What the caller may do, separated by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<String>,
    /// `1` where the operator calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The code of the problem to answer with, and no caller beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
    /// The header `RateLimit-Policy` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_policy: Option<String>,
    /// The header `RateLimit` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<String>,
    /// The header `Retry-After` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
}

impl Context {
    /// The holder of this key.
    #[must_use]
    pub fn key(key: &KeyRecord) -> Self {
        let grants: Vec<_> = key.grants.iter().map(Grant::as_str).collect();
        Self {
            tenant: Some(key.tenant.to_string()),
            principal: Some(key.id.to_string()),
            grants: Some(grants.join(" ")),
            ..Self::default()
        }
    }

    /// A user whose sign-in token was verified.
    #[must_use]
    pub fn user(tenant: &TenantId, user: &SubjectId, grants: &[Grant]) -> Self {
        let grants: Vec<_> = grants.iter().map(Grant::as_str).collect();
        Self {
            tenant: Some(tenant.to_string()),
            principal: Some(format!("{USER}{user}")),
            grants: Some(grants.join(" ")),
            ..Self::default()
        }
    }

    /// The operator, for itself or for one tenant's keys.
    #[must_use]
    pub fn operator(tenant: Option<&TenantId>) -> Self {
        Self {
            operator: Some("1".into()),
            tenant: tenant.map(ToString::to_string),
            grants: tenant.map(|_| "keys:*".into()),
            ..Self::default()
        }
    }

    /// A key that was verified and does not work any more. See [`Context::refused`].
    #[must_use]
    pub fn denied(refusal: KeyRefusal) -> Self {
        Self::refused(problem_of(refusal))
    }

    /// A request that is to be answered with this problem.
    ///
    /// It is let through with this and nothing else, because the gateway's own refusal is a bare 403 without a reason.
    /// It stays closed: no tenant is named, so no [`Caller`] can be made of it, whatever the function does.
    #[must_use]
    pub fn refused(kind: ProblemKind) -> Self {
        Self { denied: Some(kind.code().into()), ..Self::default() }
    }

    /// With what the caller is told of its limits.
    #[must_use]
    pub fn limited(self, policy: String, limit: String, retry_after_s: Option<u32>) -> Self {
        let retry_after = retry_after_s.map(|seconds| seconds.to_string());
        Self { rate_policy: Some(policy), rate_limit: Some(limit), retry_after, ..self }
    }
}

/// What the holder of a key that does not work is told.
#[must_use]
pub const fn problem_of(refusal: KeyRefusal) -> ProblemKind {
    match refusal {
        KeyRefusal::Revoked => ProblemKind::KeyRevoked,
        KeyRefusal::Expired => ProblemKind::KeyExpired,
        KeyRefusal::Suspended => ProblemKind::KeySuspended,
    }
}

/// The headers that tell a caller of its limits, as the authorizer made them.
pub(crate) fn rate_headers(fields: &HashMap<String, Value>) -> HeaderMap {
    let named = [("rate_policy", RATE_POLICY), ("rate_limit", RATE_LIMIT), ("retry_after", header::RETRY_AFTER)];
    let headers = named.into_iter().filter_map(|(field, name)| {
        let value = fields.get(field).and_then(Value::as_str)?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    headers.collect()
}

/// Who calls, as far as it is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Identity {
    Nobody,
    Refused(ProblemKind),
    Tenant(Caller),
    Operator,
}

impl Identity {
    /// Reads the authorizer's context as the gateway hands it over.
    pub(crate) fn read(fields: &HashMap<String, Value>) -> Self {
        let field = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(code) = field("denied") {
            return Self::Refused(ProblemKind::from_code(code).unwrap_or(ProblemKind::Unauthenticated));
        }
        let operator = field("operator") == Some("1");
        match field("tenant") {
            None if operator => Self::Operator,
            None => Self::Nobody,
            Some(tenant) => Self::tenant(tenant, operator, &field).unwrap_or(Self::Nobody),
        }
    }

    fn tenant<'a>(tenant: &str, operator: bool, field: &impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let principal = if operator {
            Principal::Operator
        } else {
            let principal = field("principal")?;
            match principal.strip_prefix(USER) {
                Some(user) => Principal::User(user.parse().ok()?),
                None => Principal::ApiKey(principal.parse().ok()?),
            }
        };
        // A grant that this version does not know permits nothing.
        let grants = field("grants").unwrap_or_default().split(' ');
        let grants = grants.filter_map(|grant| Grant::try_from(grant.to_owned()).ok()).collect();
        Some(Self::Tenant(Caller { scope: authenticated(tenant.parse().ok()?), principal, grants }))
    }

    fn of(extensions: &Extensions) -> &Self {
        extensions.get::<Self>().unwrap_or(&Self::Nobody)
    }
}

#[expect(clippy::disallowed_methods, reason = "the authorizer verified the credential that this tenant belongs to")]
fn authenticated(tenant: TenantId) -> TenantScope {
    TenantScope::established(tenant)
}

fn unauthenticated(kind: ProblemKind) -> Failed {
    let detail = match kind {
        ProblemKind::KeyRevoked => "This API key was revoked. Use another one.",
        ProblemKind::KeyExpired => "This API key has expired. Create a new one.",
        ProblemKind::KeySuspended => {
            "This API key is suspended. Whoever may manage keys can see why and activate it: `GET /v1/keys`, \
             `POST /v1/keys/{id}/activate`."
        }
        ProblemKind::AddressNotAllowed => {
            "This API key has a list of networks from which it may be used, and your address is in none of them. Call \
             from there, or have the list changed: `PATCH /v1/keys/{id}`."
        }
        ProblemKind::RateLimited => {
            "This API key made as many requests as its tier allows; `RateLimit` says which limit is reached. Wait for \
             the seconds in `Retry-After`, or have the tier raised. Nothing was done."
        }
        ProblemKind::TokenExpired => "This sign-in token has expired. Sign in again for a new one.",
        ProblemKind::NoRole => {
            "You are signed in, but none of your roles is one of this hub. Ask an administrator of your company to assign \
             you one, and sign in again."
        }
        ProblemKind::Unavailable => "The credential cannot be checked right now. Nothing was done; try again.",
        _ => "Send `Authorization: Bearer <API key or sign-in token>`.",
    };
    let problem = Problem::new(kind, detail);
    if kind == ProblemKind::Unavailable { problem.retry_after(1) } else { problem }.into()
}

/// A request of a tenant's caller; one without is answered 401. The caller itself is had only by naming the scope that
/// the route asks for, so no route can forget to.
#[derive(Clone, Debug)]
pub struct Auth(Caller);

impl Auth {
    /// The caller, if it may do `scope`; otherwise a 403 that names it.
    pub fn require(self, scope: Scope) -> Result<Caller, Failed> {
        if self.0.may(scope) {
            return Ok(self.0);
        }
        let lacking = match self.0.principal {
            Principal::User(_) => "which none of your roles gives",
            _ => "which the API key lacks",
        };
        let detail = format!("This needs the scope `{scope}`, {lacking}.");
        Err(Problem::new(ProblemKind::Forbidden, detail).into())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Auth {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        match Identity::of(&parts.extensions) {
            Identity::Tenant(caller) => Ok(Self(caller.clone())),
            Identity::Refused(kind) => Err(unauthenticated(*kind)),
            Identity::Nobody => Err(unauthenticated(ProblemKind::Unauthenticated)),
            Identity::Operator => Err(Problem::new(
                ProblemKind::Forbidden,
                "The operator acts for a tenant on `/v1/keys` only, with the header `X-Trunkline-Tenant: <tenant id>`.",
            )
            .into()),
        }
    }
}

/// The operator of this deployment, for routes that belong to no tenant.
#[derive(Clone, Copy, Debug)]
pub struct Operator;

impl<S: Send + Sync> FromRequestParts<S> for Operator {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failed> {
        match Identity::of(&parts.extensions) {
            Identity::Operator => Ok(Self),
            Identity::Refused(kind) => Err(unauthenticated(*kind)),
            Identity::Nobody => Err(unauthenticated(ProblemKind::Unauthenticated)),
            Identity::Tenant(_) => {
                Err(Problem::new(ProblemKind::Forbidden, "Only the operator of this deployment may do this.").into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{allow_list::AllowList, ids::KeyId, quota::Tier, time::Timestamp};

    fn read(context: &Context) -> Identity {
        Identity::read(&serde_json::from_value(serde_json::to_value(context).unwrap()).unwrap())
    }

    fn key() -> KeyRecord {
        KeyRecord {
            id: KeyId::generate(),
            prefix: "abcdefgh".into(),
            tenant: "acme".parse().unwrap(),
            name: "ci".into(),
            grants: vec![Grant::try_from("campaigns:*".to_owned()).unwrap()],
            bcrypt: String::new(),
            mac: None,
            created_at: Timestamp(0),
            expires_at: None,
            revoked_at: None,
            tier: Tier::Basic,
            allow: AllowList::default(),
            previous: None,
            suspended: None,
            reminded: None,
            rev: 1,
        }
    }

    #[test]
    fn a_key_becomes_a_caller_on_the_other_side_of_the_gateway() {
        let key = key();
        let caller = Caller {
            scope: authenticated(key.tenant.clone()),
            principal: Principal::ApiKey(key.id.clone()),
            grants: key.grants.clone(),
        };
        assert_eq!(read(&Context::key(&key)), Identity::Tenant(caller));
    }

    #[test]
    fn a_user_becomes_a_caller_on_the_other_side_of_the_gateway() {
        let (tenant, user) = ("acme".parse().unwrap(), "sub-0815".parse::<SubjectId>().unwrap());
        let grants = vec![Grant::try_from("campaigns:read".to_owned()).unwrap()];
        let Identity::Tenant(caller) = read(&Context::user(&tenant, &user, &grants)) else {
            panic!("expected a tenant")
        };
        assert_eq!((&caller.principal, caller.principal.to_string()), (&Principal::User(user), "user:sub-0815".into()));
        assert_eq!((&caller.scope, &caller.grants), (&authenticated(tenant), &grants));
        let refused = Auth(caller).require(Scope::CampaignsSend).unwrap_err();
        assert!(refused.problem().detail.contains("none of your roles"), "{:?}", refused.problem());
    }

    #[test]
    fn whatever_is_missing_or_strange_makes_it_nobody() {
        let whole = Context::key(&key());
        for broken in [
            Context::default(),
            Context { tenant: None, ..whole.clone() },
            Context { tenant: Some("A#B".into()), ..whole.clone() },
            Context { principal: None, ..whole.clone() },
            Context { principal: Some("someone".into()), ..whole.clone() },
            Context { principal: Some("user:".into()), ..whole.clone() },
            Context { principal: Some("user:key_01#x".into()), ..whole.clone() },
            Context { operator: Some("yes".into()), ..Context::default() },
        ] {
            assert_eq!(read(&broken), Identity::Nobody, "{broken:?}");
        }
    }

    #[test]
    fn unknown_grants_permit_nothing() {
        let context = Context { grants: Some("moon:fly campaigns:read".into()), ..Context::key(&key()) };
        let Identity::Tenant(caller) = read(&context) else { panic!("expected a tenant") };
        assert_eq!(caller.grants.len(), 1);
        let auth = Auth(caller);
        assert!(auth.clone().require(Scope::CampaignsRead).is_ok());
        assert!(auth.require(Scope::CampaignsSend).unwrap_err().problem().detail.contains("`campaigns:send`"));
    }

    #[test]
    fn a_denied_key_is_refused_even_beside_a_tenant() {
        let denied = Context::denied(KeyRefusal::Revoked);
        assert_eq!(read(&denied), Identity::Refused(ProblemKind::KeyRevoked));
        let forged = Context { denied: Some("whatever".into()), ..Context::key(&key()) };
        assert_eq!(read(&forged), Identity::Refused(ProblemKind::Unauthenticated));
    }

    #[test]
    fn the_operator_has_no_tenant_unless_it_names_one_and_then_only_its_keys() {
        assert_eq!(read(&Context::operator(None)), Identity::Operator);
        let Identity::Tenant(caller) = read(&Context::operator(Some(&"acme".parse().unwrap()))) else {
            panic!("expected a tenant")
        };
        assert_eq!(caller.principal, Principal::Operator);
        assert!(caller.may(Scope::KeysWrite) && !caller.may(Scope::CampaignsRead));
    }
}
