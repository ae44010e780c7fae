//! What a tenant configures: integrations, templates, settings; and what it can look up: the catalog, the audit trail,
//! the description of this API.
//!
//! A connection is tested before it is saved, secrets are sealed before they are stored, and every change leaves a
//! record in the audit trail in the same transaction.

mod audit;
mod catalog;
mod faults;
mod hub;
mod integrations;
mod may;
mod openapi;
mod previews;
mod router;
mod settings;
#[cfg(test)]
mod stage;
mod templates;

pub use crate::{
    hub::{Hub, Lambda, Place},
    router::router,
};

use ::hub::connections::Connections;
use axum::Router;
use domain::time::Clock;
use guard::{Egress, Guard};
use providers::Endpoints;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    queue::SqsQueues,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock)));
    let guard = Arc::new(Guard::new(Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?));
    let hub: Hub<Lambda> = Hub {
        connections: Connections::new(
            store.clone(),
            Arc::clone(&vault),
            Arc::clone(&guard),
            Endpoints::from_vars(env::optional),
            Arc::clone(&clock),
        ),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        store,
        vault,
        guard,
        clock,
    };
    Ok(router(Arc::new(hub)))
}
