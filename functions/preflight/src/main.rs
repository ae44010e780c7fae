//! Says whether a campaign may go, and if not, every reason. See [`handler`].

mod handler;
#[cfg(test)]
mod tests;

use handler::Hub;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("preflight")?;
    let hub = Hub { store: function.aws.lazy_store(), clock: SystemClock };
    runtime::http::run(function, handler::router(Arc::new(hub))).await
}
