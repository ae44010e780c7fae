//! The addresses to which a tenant sends nothing any more, for people to look at and to change.

mod handler;

pub use handler::{SuppressionList, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Router {
    router(SuppressionList { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) })
}
