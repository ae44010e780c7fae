//! Says who calls: API key, sign-in token or operator credential in, tenant and permissions out.

mod credential;
mod handler;
mod limits;
mod users;

use authorize::key_check::KeyCheck;
use domain::{quota::Tiers, time::Clock};
use guard::{Egress, Guard, Timeouts};
use providers::Endpoints;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    secrets::{AwsSecret, Rotating},
};
use std::{sync::Arc, time::Duration};

/// How long each of the two requests for an issuer's keys may take: an issuer that answers slowly, on purpose or not, must
/// not hold the authorizers of everybody.
const KEYS_WITHIN: Timeouts = Timeouts { connect: Duration::from_secs(2), total: Duration::from_secs(2) };

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("authorize")?;
    let [pepper, operator] = env::required(["PEPPER_SECRET_ARN", "OPERATOR_SECRET_ARN"])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let guard = Guard::with_timeouts(Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?, KEYS_WITHIN);
    let users = users::Users::new(Arc::new(guard), &Endpoints::from_vars(env::optional))?;
    let tiers = Tiers::parse(&env::optional("KEY_TIERS").unwrap_or_default())?;
    let secret = |arn| Rotating::new(AwsSecret::new(function.aws.clone(), arn), Arc::clone(&clock));
    let authorizer = handler::Authorizer {
        keys: KeyCheck::new(function.aws.lazy_store(), secret(pepper))?,
        operator: secret(operator),
        users,
        tiers,
        limiter: limits::Limiter::default(),
        clock,
        log: function.log.clone(),
    };
    let authorizer = &authorizer;
    function::run(function, move |question, _| async move { Ok(authorizer.answer(&question).await) }).await
}
