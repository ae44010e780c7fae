//! What happened to a tenant: the log of everything, looked through, counted, and as a file.

mod csv_file;
mod list;
mod logs;
mod read;
mod stats;
#[cfg(test)]
mod tests;

pub use logs::{Logs, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Router {
    router(Logs { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) })
}
