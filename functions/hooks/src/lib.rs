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

pub use hooks::{Hooks, router};

use axum::Router;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock = Arc::new(SystemClock);
    let vault = Vault::new(AwsKms::new(function.aws.clone(), key_arn), clock.clone());
    Ok(router(Hooks { store: function.aws.lazy_store(), vault, clock }))
}
