//! Lets an admin try a sign-in integration as a person will use it: through the provider's own page and back.

mod begin;
mod callback;
mod hub;
mod page;
#[cfg(test)]
mod tests;

pub use crate::hub::{Hub, router};

use ::hub::{connections::Connections, sign_in::Flow};
use axum::Router;
use domain::time::Clock;
use guard::{Egress, Guard, Timeouts};
use providers::Endpoints;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    vault::{AwsKms, Vault},
};
use std::{sync::Arc, time::Duration};
use store::dynamo::DynamoStore;

/// How long each request to a provider may take: anybody can begin a sign-in, and a provider that is slow on purpose must not
/// hold many instances for long.
const PROVIDER_WITHIN: Timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(5) };

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    let public_url = env::optional("PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned());
    Ok(router(Hub { flow: flow(function)?, public_url }))
}

/// The way to the provider and back as it runs on Lambda.
pub fn flow(function: &Function) -> Result<Flow<DynamoStore, AwsKms>, runtime::Error> {
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock)));
    let egress = Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?;
    let guard = Arc::new(Guard::with_timeouts(egress, PROVIDER_WITHIN));
    let endpoints = Endpoints::from_vars(env::optional);
    let connections = Connections::new(store.clone(), vault, Arc::clone(&guard), endpoints.clone(), Arc::clone(&clock));
    Ok(Flow { store, connections, guard, endpoints, clock })
}
