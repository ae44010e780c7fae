//! Runs a tenant's automation rules when something happens. Told by `EventBridge` of our own events. See [`automaton`].

mod actions;
mod automaton;
#[cfg(test)]
mod tests;

use automaton::Automaton;
use domain::time::Clock;
use guard::{Egress, Guard};
use hub::{automation::KnownRules, connections::Connections, open_campaigns::OpenCampaigns};
use providers::Endpoints;
use runtime::{
    clock::SystemClock,
    env,
    function::{self, Function},
    queue::SqsQueues,
    vault::{AwsKms, Vault},
};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), runtime::Error> {
    let function = Function::start("automate")?;
    let [key_arn] = env::required(["KMS_KEY_ARN"])?;
    let endpoints = Endpoints::from_vars(env::optional);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = function.aws.lazy_store();
    let vault = Arc::new(Vault::new(AwsKms::new(function.aws.clone(), key_arn), Arc::clone(&clock)));
    let guard = Arc::new(Guard::new(Egress::parse(&env::optional("EGRESS_ALLOW").unwrap_or_default())?));
    let automaton = Automaton {
        rules: KnownRules::new(store.clone()),
        campaigns: OpenCampaigns::new(store.clone()),
        connections: Connections::new(store.clone(), vault, guard, endpoints, Arc::clone(&clock)),
        queues: SqsQueues::channels_from_env(function.aws.clone())?,
        store,
        clock,
        log: function.log.clone(),
    };
    let automaton = &automaton;
    function::run(function, move |event, _| async move { Box::pin(automaton.take(event)).await }).await
}
