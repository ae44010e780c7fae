//! Says whether a campaign may go, and if not, every reason. See [`handler`].

mod handler;
#[cfg(test)]
mod tests;

pub use handler::{Hub, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Router {
    router(Arc::new(Hub { store: function.aws.lazy_store(), clock: SystemClock }))
}
