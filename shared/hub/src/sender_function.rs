//! A sender function's wiring. Every channel has a function of its own, so that one channel's trouble never holds up
//! another, and all are wired alike.

use crate::{
    connections::Connections,
    sender::{Sender, reserve_ms},
};
use domain::{channel::Channel, time::Clock};
use guard::{Egress, Guard};
use providers::{Carry, Endpoints};
pub use providers::{Email, M365, Slack, Teams, Webhook};
use runtime::{
    clock::SystemClock,
    entropy, env,
    function::Function,
    queue::{Queue, SqsQueues},
    sqs::{self, Pace},
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

/// How many bundles of one batch are worked on at the same time: all of them.
const CONCURRENCY: usize = 10;

/// Serves the queue of `channel` through the providers `L` until Lambda ends the process. Naming the channel's own
/// providers keeps those of the others out of the binary.
pub async fn run<L: Carry>(service: &str, channel: Channel) -> Result<(), runtime::Error> {
    let function = Function::start(service)?;
    let [kms_key_arn] = env::required(["KMS_KEY_ARN"])?;
    let egress = Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?;
    let queue = Queue::Channel(channel);
    let queues = SqsQueues::from_env(function.aws.clone(), &[queue])?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), kms_key_arn), Arc::clone(&clock)));
    let guard = Arc::new(Guard::new(egress));
    let endpoints = Endpoints::from_vars(env::optional);
    let lines = Connections::<_, _, L>::new(store.clone(), vault, guard, endpoints, Arc::clone(&clock));
    let sender = Sender::new(store, queues.clone(), lines, clock, entropy::jitter);
    let pace = Pace { concurrency: CONCURRENCY, begin_within_ms: reserve_ms(channel) };
    sqs::run(function, queue, queues, SystemClock, pace, sender).await
}
