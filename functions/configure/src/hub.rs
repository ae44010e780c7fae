//! What the handlers work with.

use ::hub::connections::Connections;
use domain::time::{Clock, Timestamp};
use guard::Guard;
use runtime::{
    lazy::Lazy,
    queue::{Queues, SqsQueues},
    vault::{AwsKms, Kms, Vault},
};
use std::sync::Arc;
use store::{Store, dynamo::DynamoStore};

/// Where it runs: on Lambda with AWS's services, or in a test with their twins.
pub trait Place: Send + Sync + 'static {
    /// Its store.
    type Store: Store + 'static;
    /// Its key service.
    type Kms: Kms + 'static;
    /// Its queues.
    type Queues: Queues + 'static;
}

/// On Lambda.
pub struct Lambda;

impl Place for Lambda {
    type Store = DynamoStore;
    type Kms = AwsKms;
    type Queues = SqsQueues;
}

/// What the handlers work with.
pub struct Hub<P: Place> {
    /// Integrations and all else.
    pub store: Lazy<P::Store>,
    /// Seals secrets.
    pub vault: Arc<Vault<P::Kms>>,
    /// Opens secrets, and what is connected with them.
    pub connections: Connections<P::Store, P::Kms>,
    /// Where what was held goes on.
    pub queues: P::Queues,
    /// Through which every tenant's address is reached.
    pub guard: Arc<Guard>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl<P: Place> Hub<P> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
