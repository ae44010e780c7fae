//! What became of a campaign: totals, single deliveries, the error log; resend, pause, resume, cancel.

mod campaigns;
mod deliveries;
mod handler;
mod resend;
#[cfg(test)]
mod stage;
mod switch;

pub use handler::{Hub, router};

use axum::Router;
use runtime::{clock::SystemClock, function::Function, queue::SqsQueues};
use std::sync::Arc;

/// The routes as they run on Lambda.
pub fn wired(function: &Function) -> Result<Router, runtime::Error> {
    let hub = Hub {
        store: function.aws.lazy_store(),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        clock: Arc::new(SystemClock),
    };
    Ok(router(Arc::new(hub)))
}
