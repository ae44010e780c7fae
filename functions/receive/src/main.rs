//! Takes calls of inbound webhooks: proves them over the raw body, stores them, and answers. Nothing else happens before
//! the answer; the bus is told by `publish`, out of what was stored.

mod handler;
mod known;
mod tallies;
#[cfg(test)]
mod tests;

use domain::time::Clock;
use handler::Receiver;
use known::Known;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    http,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;
use tallies::Tallies;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("receive")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let vault = Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock));
    let store = function.aws.lazy_store();
    let receiver = Receiver {
        known: Known::new(store.clone(), vault),
        store,
        clock,
        log: function.log.clone(),
        tallies: Tallies::default(),
    };
    http::run(function, handler::router(receiver)).await
}
