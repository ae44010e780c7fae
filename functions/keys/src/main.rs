//! API keys of a tenant: make, list, read, change, regenerate, suspend, activate, revoke.

mod change;
mod handler;

use domain::quota::Tiers;
use runtime::{clock::SystemClock, env, function::Function, http};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("keys")?;
    let keys = handler::Keys {
        store: function.aws.lazy_store(),
        clock: Arc::new(SystemClock),
        bcrypt_cost: 12,
        tiers: Tiers::parse(&env::optional("KEY_TIERS").unwrap_or_default())?,
    };
    http::run(function, handler::router(keys)).await
}
