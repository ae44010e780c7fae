//! Types of events that a tenant registers, with a schema that the data of their events is held against.

mod handler;

pub use handler::{EventTypes, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Router {
    router(EventTypes { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) })
}
