//! The addresses to which a tenant sends nothing any more, for people to look at and to change.

mod handler;

use runtime::{clock::SystemClock, function::Function, http};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("suppressions")?;
    let list = handler::SuppressionList { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) };
    http::run(function, handler::router(list)).await
}
