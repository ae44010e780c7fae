//! `GET /v1/sign-in/callback`: where the provider sends a person back to. Anybody can call it; what counts is a `state`
//! that was given to somebody who may test the integration, and only the first time.

use crate::{
    hub::Hub,
    page::{Language, Outcome, page},
};
use ::hub::sign_in::{Said, Stuck};
use axum::{extract::State, http::HeaderMap, response::Response};
use domain::{
    health::{HealthStatus, TestReport},
    sign_in::{PendingSignIn, Purpose},
    tenant::TenantScope,
    time::Timestamp,
};
use providers::SignedIn;
use runtime::{http::Query, vault::Kms};
use std::sync::Arc;
use store::{Integrations, SignIns};

pub(crate) async fn callback<S: Integrations + SignIns, K: Kms>(
    State(hub): State<Arc<Hub<S, K>>>,
    headers: HeaderMap,
    Query(said): Query<Said>,
) -> Response {
    let outcome = outcome(&hub, &said).await;
    page(&outcome, Language::of(&headers))
}

async fn outcome<S: Integrations + SignIns, K: Kms>(hub: &Hub<S, K>, said: &Said) -> Outcome {
    let flow = &hub.flow;
    let pending = match flow.answered(said).await {
        Ok(Some(pending)) => pending,
        Ok(None) => return Outcome::Unknown,
        Err(error) => return away(&error.to_string()),
    };
    // One that lets somebody into the console does not end here.
    let Purpose::Test { by } = &pending.purpose else { return Outcome::Unknown };
    let scope = of_whoever_began(&pending);
    let integration = match flow.store.integration(&scope, &pending.integration).await {
        Ok(Some(found)) if found.deleted_at.is_none() => found,
        Ok(_) => return Outcome::Unknown,
        Err(error) => return away(&error.to_string()),
    };
    let started = flow.now();
    let signed_in = match flow.end(&scope, &integration, &pending, said).await {
        Ok(Some(signed_in)) => Ok(signed_in),
        // Whoever changes their mind tells nothing about the integration.
        Ok(None) => return Outcome::Cancelled,
        Err(Stuck::Away(failure)) => return away(&failure.detail),
        Err(Stuck::Unusable(failure)) => Err(failure),
    };
    let report = match &signed_in {
        Ok(signed_in) => report(signed_in, started, flow.now()),
        Err(failure) => hub.failed(started, failure),
    };
    if let Err(error) = flow.store.record_test(&scope, &integration, &report, by).await {
        tracing::warn!(integration = %integration.id, %error, "the sign-in is not in the health log");
    }
    match signed_in {
        Ok(signed_in) => Outcome::SignedIn(signed_in),
        Err(_) => Outcome::Failed(report),
    }
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
