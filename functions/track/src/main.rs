//! What e-mail providers report of messages that they took: delivered, opened, bounced.
//!
//! The only door through which somebody without our credential changes a tenant's data. What opens it is the provider's
//! own signature or password over the raw body.

mod handler;

use domain::time::Clock;
use runtime::{
    clock::SystemClock,
    env,
    function::Function,
    http,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("track")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let vault = Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock));
    let track = handler::Track { store: function.aws.lazy_store(), vault, clock };
    http::run(function, handler::router(track)).await
}
