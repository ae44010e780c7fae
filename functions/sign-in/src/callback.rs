//! `GET /v1/sign-in/callback`: where the provider sends a person back to. Anybody can call it; what counts is a `state`
//! that was given to somebody who may test the integration, and only the first time.

use crate::{
    begin::hash,
    hub::{Closed, Hub},
    page::{Language, Outcome, page},
};
use axum::{extract::State, http::HeaderMap, response::Response};
use domain::{
    failure::{Failure, FailureKind},
    health::{HealthStatus, TestReport},
    integration::Integration,
    sign_in::PendingSignIn,
    tenant::TenantScope,
    time::Timestamp,
};
use providers::SignedIn;
use runtime::{http::Query, vault::Kms};
use serde::Deserialize;
use std::sync::Arc;
use store::{Integrations, SignIns};

/// What the provider says: RFC 6749, sections 4.1.2 and 4.1.2.1, and RFC 9207.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Said {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
    iss: Option<String>,
}

/// The longest state of ours, in bytes.
const STATE_MAX_BYTES: usize = 64;
/// The longest code that is passed on, in bytes. Entra's have some 1,500.
const CODE_MAX_BYTES: usize = 8_192;

pub(crate) async fn callback<S: Integrations + SignIns, K: Kms>(
    State(hub): State<Arc<Hub<S, K>>>,
    headers: HeaderMap,
    Query(said): Query<Said>,
) -> Response {
    let outcome = outcome(&hub, &said).await;
    page(&outcome, Language::of(&headers))
}

async fn outcome<S: Integrations + SignIns, K: Kms>(hub: &Hub<S, K>, said: &Said) -> Outcome {
    let Some(state) = said.state.as_deref().filter(|state| state.len() <= STATE_MAX_BYTES) else {
        return Outcome::Unknown;
    };
    let pending = match hub.store.end_sign_in(&hash(state), hub.now()).await {
        Ok(Some(pending)) => pending,
        Ok(None) => return Outcome::Unknown,
        Err(error) => return away(&error.to_string()),
    };
    let scope = of_whoever_began(&pending);
    let integration = match hub.store.integration(&scope, &pending.integration).await {
        Ok(Some(found)) if found.deleted_at.is_none() => found,
        Ok(_) => return Outcome::Unknown,
        Err(error) => return away(&error.to_string()),
    };
    let started = hub.now();
    let signed_in = match signed_in(hub, &scope, &integration, &pending, said).await {
        Ok(Some(signed_in)) => Ok(signed_in),
        // Whoever changes their mind tells nothing about the integration.
        Ok(None) => return Outcome::Cancelled,
        Err(Closed::Away(failure)) => return away(&failure.detail),
        Err(Closed::Unusable(failure)) => Err(failure),
    };
    let report = match &signed_in {
        Ok(signed_in) => report(signed_in, started, hub.now()),
        Err(failure) => hub.failed(started, failure),
    };
    if let Err(error) = hub.store.record_test(&scope, &integration, &report, &pending.by).await {
        tracing::warn!(integration = %integration.id, %error, "the sign-in is not in the health log");
    }
    match signed_in {
        Ok(signed_in) => Outcome::SignedIn(signed_in),
        Err(_) => Outcome::Failed(report),
    }
}

/// Ends the sign-in with the provider. `None` if the person did not want to sign in after all.
async fn signed_in<S: Integrations, K: Kms>(
    hub: &Hub<S, K>,
    scope: &TenantScope,
    integration: &Integration,
    pending: &PendingSignIn,
    said: &Said,
) -> Result<Option<SignedIn>, Closed> {
    let refused = |words: &str| Closed::Unusable(Failure::new(FailureKind::Permanent, "oidc_sign_in_refused", words));
    if let Some(error) = &said.error {
        if error == "access_denied" {
            return Ok(None);
        }
        return Err(refused(&format!("{error}: {}", said.error_description.as_deref().unwrap_or_default())));
    }
    let code = said.code.as_deref().filter(|code| code.len() <= CODE_MAX_BYTES);
    let code = code.ok_or_else(|| refused("the provider sent neither a code nor an error"))?;
    let provider = hub.provider(scope, integration).await?;
    // A code of another provider is not shown to this one.
    if said.iss.as_deref().is_some_and(|issuer| issuer != provider.issuer()) {
        return Err(refused("the answer is another issuer's"));
    }
    let PendingSignIn { verifier, nonce, redirect_uri, .. } = pending;
    let signed_in = provider.redeem(code, verifier, nonce, redirect_uri, hub.now()).await;
    signed_in.map(Some).map_err(Closed::Unusable)
}

/// What goes into the health log: the roles, and not the person.
fn report(signed_in: &SignedIn, started: Timestamp, now: Timestamp) -> TestReport {
    // A person takes their time at the provider's page; what is measured is what comes after it.
    let latency_ms = u64::try_from(now.since_ms(started)).unwrap_or(0);
    let roles = signed_in.roles.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let passed = TestReport::passed(&format!("a person signed in with the roles: {roles}"), latency_ms, now);
    if signed_in.grants.is_empty() {
        return TestReport { status: HealthStatus::Warn, code: "oidc_no_role".to_owned(), ..passed };
    }
    passed
}

fn away(why: &str) -> Outcome {
    tracing::warn!(why, "a sign-in cannot be ended now");
    Outcome::Away
}

#[expect(clippy::disallowed_methods, reason = "a verified caller of this tenant began the sign-in of this state")]
fn of_whoever_began(pending: &PendingSignIn) -> TenantScope {
    TenantScope::established(pending.tenant.clone())
}
