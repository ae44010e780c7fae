//! Endpoints of outbound webhooks: make, change, test, pause, rotate; look at what they were posted, post it again.
//!
//! An endpoint is an integration of the channel `webhook`, and its events travel as bundles. What is here is its own API,
//! in the words of webhooks: what `/v1/integrations` calls `config.url` is `url`, and `secrets.header.X-Key` is
//! `headers.X-Key`.

mod attempts;
mod body;
mod change;
mod create;
mod dead_letters;
mod deliveries;
mod draft;
mod endpoints;
mod faults;
mod rotate;
#[cfg(test)]
mod stage;
mod story;
mod switch;
#[cfg(test)]
mod tests;
mod trial;

pub use endpoints::{Endpoints, Lambda, Place, router};

use axum::Router;
use domain::time::Clock;
use guard::{Egress, Guard};
use hub::connections::Connections;
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
    let endpoints: Endpoints<Lambda> = Endpoints {
        connections: Connections::new(
            store.clone(),
            Arc::clone(&vault),
            Arc::clone(&guard),
            providers::Endpoints::from_vars(env::optional),
            Arc::clone(&clock),
        ),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        store,
        vault,
        guard,
        clock,
    };
    Ok(router(endpoints))
}
