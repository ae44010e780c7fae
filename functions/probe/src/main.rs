//! Probes integrations: every minute asks which are due and queues them; then, one by one from the queue, runs the test
//! of each and keeps what it found. See [`prober`].

mod prober;

use domain::time::Clock;
use guard::{Egress, Guard};
use hub::connections::Connections;
use prober::Prober;
use providers::Endpoints;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    queue::{Queue, SqsQueues},
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("probe")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let endpoints = Endpoints::from_vars(env::optional);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock)));
    let guard = Arc::new(Guard::new(Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?));
    let prober = Prober {
        connections: Connections::new(store.clone(), vault, guard, endpoints, Arc::clone(&clock)),
        queues: SqsQueues::from_env(function.aws.clone(), &[Queue::Probe])?,
        store,
        clock,
        log: function.log.clone(),
    };
    let prober = &prober;
    function::run(function, move |event, context| prober.answer(event, context)).await
}
