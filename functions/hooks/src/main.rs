//! Inbound webhooks of a tenant: make, change, rotate; look at what they received, replay it.

mod change;
mod create;
mod draft;
mod events;
mod hooks;
mod rejections;
mod rotate;
#[cfg(test)]
mod tests;

use hooks::Hooks;
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
    let function = Function::start("hooks")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock = Arc::new(SystemClock);
    let vault = Vault::new(AwsKms::new(function.aws.clone(), key_arn), clock.clone());
    let hooks = Hooks { store: function.aws.lazy_store(), vault, clock };
    http::run(function, hooks::router(hooks)).await
}
