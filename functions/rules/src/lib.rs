//! Automation rules of a tenant: make, change, try; look at what they did. `automate` runs them.

mod change;
mod create;
mod draft;
mod dry_run;
mod rules;
mod runs;
#[cfg(test)]
mod tests;

pub use rules::{Rules, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Router {
    router(Rules { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) })
}
