//! Accepts deliveries. See [`handler`].

mod accept;
mod handler;
#[cfg(test)]
mod tests;

use handler::Hub;
use hub::open_campaigns::OpenCampaigns;
use runtime::{clock::SystemClock, function::Function, queue::SqsQueues};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("enqueue")?;
    let queues = SqsQueues::channels_from_env(function.aws.clone())?;
    let store = function.aws.lazy_store();
    let hub = Hub { campaigns: OpenCampaigns::new(store.clone()), store, queues, clock: SystemClock };
    runtime::http::run(function, handler::router(Arc::new(hub))).await
}
