//! What the two handlers work with.

use crate::{begin, callback};
use ::hub::connections::Connections;
use axum::{
    Router,
    routing::{get, post},
};
use domain::{
    failure::{Failure, FailureKind},
    health::TestReport,
    integration::Integration,
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use guard::Guard;
use providers::{Endpoints, Entra};
use runtime::{lazy::Lazy, vault::Kms};
use std::sync::Arc;
use store::{Integrations, SignIns};

/// Where the provider sends a person back to, below the API's address.
pub(crate) const CALLBACK: &str = "/v1/sign-in/callback";

/// What the handlers work with.
pub struct Hub<S, K> {
    /// The store.
    pub store: Lazy<S>,
    /// Opens the secrets of integrations.
    pub connections: Connections<S, K, Entra>,
    /// Through which providers are called.
    pub guard: Arc<Guard>,
    /// Where providers are.
    pub endpoints: Endpoints,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where the API is reached, where that is not the address that the gateway was called by.
    pub public_url: Option<String>,
}

/// The routes of this function.
pub fn router<S: Integrations + SignIns + 'static, K: Kms + 'static>(hub: Hub<S, K>) -> Router {
    Router::new()
        .route("/v1/integrations/{id}/sign-in-test", post(begin::begin::<S, K>))
        .route(CALLBACK, get(callback::callback::<S, K>))
        .with_state(Arc::new(hub))
}

/// Why a provider cannot be spoken to.
pub(crate) enum Closed {
    /// Something of ours is away for the moment.
    Away(Failure),
    /// Its settings or secrets are of no use.
    Unusable(Failure),
}

impl<S: Integrations, K: Kms> Hub<S, K> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The provider of a saved integration.
    pub(crate) async fn provider(&self, scope: &TenantScope, integration: &Integration) -> Result<Entra, Closed> {
        let secrets = self.connections.secrets(scope, integration).await.map_err(|failure| match failure.kind {
            FailureKind::Transient { .. } => Closed::Away(failure),
            _ => Closed::Unusable(failure),
        })?;
        Entra::open(&integration.config, &secrets, Arc::clone(&self.guard), &self.endpoints).map_err(Closed::Unusable)
    }

    /// What a step that began at `started` found wrong.
    pub(crate) fn failed(&self, started: Timestamp, failure: &Failure) -> TestReport {
        let now = self.now();
        TestReport::failed(failure, u64::try_from(now.since_ms(started)).unwrap_or(0), now)
    }
}
