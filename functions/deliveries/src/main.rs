//! What became of a campaign: totals, single deliveries, the error log; resend, pause, resume, cancel.

mod campaigns;
mod deliveries;
mod handler;
mod resend;
#[cfg(test)]
mod stage;
mod switch;

use handler::Hub;
use runtime::{clock::SystemClock, function::Function, http, queue::SqsQueues};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("deliveries")?;
    let hub = Hub {
        store: function.aws.lazy_store(),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        clock: Arc::new(SystemClock),
    };
    http::run(function, handler::router(Arc::new(hub))).await
}
