//! Repairs, each minute: what should be queued and is not, and what was held and may go. Also marks who is to be reminded
//! that an API key expires.

mod due;
mod handler;
mod releases;
mod reminders;
#[cfg(test)]
mod stage;

use domain::time::Timestamp;
use handler::Sweeper;
use runtime::{
    clock::SystemClock,
    function::{self, Function},
    queue::SqsQueues,
};
use serde::de::IgnoredAny;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("sweep")?;
    let log = function.log.clone();
    let sweeper = Sweeper {
        store: function.aws.lazy_store(),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        clock: Arc::new(SystemClock),
    };
    let (sweeper, log) = (&sweeper, &log);
    function::run(function, move |_: IgnoredAny, context| async move {
        let killed_at = Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let swept = sweeper.run(killed_at).await;
        log.note("swept", serde_json::to_value(&swept)?);
        Ok(swept)
    })
    .await
}
