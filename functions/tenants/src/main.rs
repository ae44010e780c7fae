//! Tenants, by the operator alone.

mod handler;

use runtime::{clock::SystemClock, function::Function, http};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("tenants")?;
    let tenants = handler::Tenants { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) };
    http::run(function, handler::router(tenants)).await
}
