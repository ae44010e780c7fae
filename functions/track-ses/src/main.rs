//! What Amazon SES reports of messages that it took, delivered by `EventBridge`: from the account of the hub itself, or
//! forwarded from a tenant's (docs/providers/ses.md). See [`handler`].

mod handler;

use domain::time::Clock;
use handler::TrackSes;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    vault::{AwsKms, Vault},
};
use serde_json::Value;
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("track-ses")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let track = TrackSes {
        store: function.aws.lazy_store(),
        vault: Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock)),
        clock,
        log: function.log.clone(),
    };
    let track = &track;
    function::run(function, move |event: Value, _| async move { track.take(&event).await }).await
}
