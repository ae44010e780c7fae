//! API keys of a tenant: make, list, read, change, regenerate, suspend, activate, revoke.

mod change;
mod handler;

pub use handler::{Keys, router};

use axum::Router;
use domain::quota::Tiers;
use runtime::{clock::SystemClock, env, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    Ok(router(Keys {
        store: function.aws.lazy_store(),
        clock: Arc::new(SystemClock),
        bcrypt_cost: 12,
        tiers: Tiers::parse(&env::optional("KEY_TIERS").unwrap_or_default())?,
    }))
}
