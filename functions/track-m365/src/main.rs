//! Looks, every few minutes, at the simulations that Microsoft 365 runs: where each stands and what its targets did.

#[cfg(test)]
mod stage;
mod tracker;

use domain::time::{Clock, Timestamp};
use guard::{Egress, Guard};
use hub::connections::Connections;
use providers::{Endpoints, M365};
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    vault::{AwsKms, Vault},
};
use serde::de::IgnoredAny;
use std::sync::Arc;
use tracker::Tracker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("track-m365")?;
    let log = function.log.clone();
    let [kms_key_arn] = env::required(["KMS_KEY_ARN"])?;
    let egress = Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), kms_key_arn), Arc::clone(&clock)));
    let guard = Arc::new(Guard::new(egress));
    let endpoints = Endpoints::from_vars(env::optional);
    let connections = Connections::<_, _, M365>::new(store.clone(), vault, guard, endpoints, Arc::clone(&clock));
    let tracker = Tracker { store, connections, clock };
    let (tracker, log) = (&tracker, &log);
    function::run(function, move |_: IgnoredAny, context| async move {
        let killed_at = Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let round = tracker.run(killed_at).await;
        log.note("tracked", serde_json::to_value(&round)?);
        Ok(round)
    })
    .await
}
