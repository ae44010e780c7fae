//! API keys of a tenant: make, list, read, revoke.

mod handler;

use runtime::{clock::SystemClock, function::Function, http};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("keys")?;
    let keys = handler::Keys { store: function.aws.lazy_store(), clock: Arc::new(SystemClock), bcrypt_cost: 12 };
    http::run(function, handler::router(keys)).await
}
