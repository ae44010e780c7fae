//! Which endpoints there are, as a warm function remembers it.

use crate::expiring::Expiring;
use domain::{
    channel::Provider, ids::IntegrationId, ids::TenantId, tenant::TenantScope, time::SECOND_MS, time::Timestamp,
    webhook::EndpointSettings,
};
use runtime::lazy::Lazy;
use std::sync::Arc;
use store::{Integrations, StoreError};

/// How long a tenant's endpoints are trusted to be as they were read, in milliseconds. So this is how long after its change
/// events may still be matched by what an endpoint wanted before.
pub const TRUST_MS: i64 = 10 * SECOND_MS;

/// An endpoint that gets events. One that is stopped gets them too: they are held for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Its id.
    pub id: IntegrationId,
    /// What it wants.
    pub settings: EndpointSettings,
}

/// Remembers the endpoints of tenants.
pub struct Endpoints<S> {
    store: Lazy<S>,
    known: Expiring<TenantId, Arc<[Endpoint]>>,
}

impl<S: Integrations> Endpoints<S> {
    /// Endpoints in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, known: Expiring::new(TRUST_MS) }
    }

    /// Those of a tenant that are not deleted, the oldest first.
    pub async fn of(&self, scope: &TenantScope, now: Timestamp) -> Result<Arc<[Endpoint]>, StoreError> {
        let load = async { self.load(scope).await.map(Some) };
        Ok(self.known.get_or_load(scope.tenant().clone(), now, load).await?.unwrap_or_default())
    }

    async fn load(&self, scope: &TenantScope) -> Result<Arc<[Endpoint]>, StoreError> {
        let all = self.store.integrations(scope).await?;
        let endpoints = all.into_iter().filter(|it| it.provider == Provider::Webhook).filter_map(|it| {
            match EndpointSettings::read(&it.config) {
                Ok(settings) => Some(Endpoint { id: it.id, settings }),
                Err(error) => {
                    // Only a defect of ours stores what cannot be read. The others' events are not held up by it.
                    tracing::error!(tenant = %scope.tenant(), endpoint = %it.id, %error, "an endpoint cannot be read");
                    None
                }
            }
        });
        Ok(endpoints.collect())
    }
}
