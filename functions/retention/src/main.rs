//! Retention, each day: what no time to live reaches is deleted, and a sample of the rest is looked at, to see that what
//! was promised to go is gone.

mod keeper;

use domain::time::Timestamp;
use keeper::Keeper;
use runtime::{
    clock::SystemClock,
    function::{self, Function},
};
use serde::de::IgnoredAny;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("retention")?;
    let log = function.log.clone();
    let keeper = Keeper { store: function.aws.lazy_store(), clock: Arc::new(SystemClock) };
    let (keeper, log) = (&keeper, &log);
    function::run(function, move |_: IgnoredAny, context| async move {
        let killed_at = Timestamp(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let kept = keeper.run(killed_at).await;
        log.note("retention", serde_json::to_value(&kept)?);
        Ok(kept)
    })
    .await
}
