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
pub(crate) trait Place: Send + Sync + 'static {
    /// Its store.
    type Store: Store + 'static;
    /// Its key service.
    type Kms: Kms + 'static;
    /// Its queues.
    type Queues: Queues + 'static;
}

/// On Lambda.
pub(crate) struct Lambda;

impl Place for Lambda {
    type Store = DynamoStore;
    type Kms = AwsKms;
    type Queues = SqsQueues;
}

/// What the handlers work with.
pub(crate) struct Hub<P: Place> {
    pub(crate) store: Lazy<P::Store>,
    pub(crate) vault: Arc<Vault<P::Kms>>,
    pub(crate) connections: Connections<P::Store, P::Kms>,
    pub(crate) queues: P::Queues,
    pub(crate) guard: Arc<Guard>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl<P: Place> Hub<P> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
