//! Takes events in: finds the endpoints that want them, makes their deliveries durable, queues them, answers 202.
//!
//! Durable first, queued second, never the other way round. Whatever fails after the deliveries are durable is made up
//! for by the sweeper, so the answer is 202 all the same. An event that nobody wants is accepted, and goes nowhere.

mod answer;
mod fan_out;
mod given;
mod handler;
#[cfg(test)]
mod tests;

pub use handler::{Events, router};

use axum::Router;
use hub::{endpoints::Endpoints, event_types::Schemas};
use runtime::{clock::SystemClock, function::Function, queue::SqsQueues};

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    let queues = SqsQueues::channels_from_env(function.aws.clone())?;
    let store = function.aws.lazy_store();
    Ok(router(Events {
        endpoints: Endpoints::new(store.clone()),
        schemas: Schemas::new(store.clone()),
        store,
        queues,
        clock: SystemClock,
    }))
}
