//! Says who calls: API key or operator credential in, tenant and permissions out.

mod credential;
mod handler;
mod proof;
mod verified;

use domain::time::Clock;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    secrets::{AwsSecret, Rotating},
};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("authorize")?;
    let [pepper, operator] = env::required(["PEPPER_SECRET_ARN", "OPERATOR_SECRET_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let secret = |arn| Rotating::new(AwsSecret::new(function.aws.clone(), arn), Arc::clone(&clock));
    let authorizer = handler::Authorizer {
        store: function.aws.lazy_store(),
        pepper: secret(pepper),
        operator: secret(operator),
        verified: verified::Verified::new()?,
        clock,
        log: function.log.clone(),
    };
    let authorizer = &authorizer;
    function::run(function, move |question, _| async move { Ok(authorizer.answer(&question).await) }).await
}
