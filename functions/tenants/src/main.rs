//! Tenants, by the operator alone.

mod audit;
mod erase;
mod handler;
mod jobs;
mod re_encrypt;
#[cfg(test)]
mod stage;

use domain::time::Clock;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    http,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("tenants")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let vault = Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock));
    let tenants = handler::Tenants { store: function.aws.lazy_store(), vault, clock };
    http::run(function, handler::router(tenants)).await
}
