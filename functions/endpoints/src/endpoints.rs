//! What the handlers work with, and the routes.

use crate::{attempts, change, create, dead_letters, deliveries, rotate, switch, trial};
use api::{
    endpoints::EndpointView,
    page::List,
    problem::{Problem, ProblemKind},
};
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{
    audit::AuditEntry,
    channel::Provider,
    failure::{Failure, FailureKind},
    health::TestReport,
    ids::IntegrationId,
    integration::Integration,
    principal::{Caller, Scope},
    secret::Secrets,
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use guard::Guard;
use hub::connections::Connections;
use providers::Webhook;
use runtime::{
    caller::Auth,
    http::{Answer, Failed, Json, Path},
    lazy::Lazy,
    queue::{Queues, SqsQueues},
    vault::{AwsKms, Kms, Vault},
};
use std::sync::Arc;
use store::{Integrations as _, Store, StoreError, dynamo::DynamoStore};

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
pub struct Endpoints<P: Place> {
    /// Where endpoints and their deliveries are.
    pub store: Lazy<P::Store>,
    /// Seals their secrets.
    pub vault: Arc<Vault<P::Kms>>,
    /// Opens their secrets, and posts.
    pub connections: Connections<P::Store, P::Kms, Webhook>,
    /// Where what was held, or is to be posted again, goes on.
    pub queues: P::Queues,
    /// Through which every tenant's address is reached.
    pub guard: Arc<Guard>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// The routes of this function.
pub fn router<P: Place>(endpoints: Endpoints<P>) -> Router {
    Router::new()
        .route("/v1/endpoints", get(list::<P>).post(create::create::<P>))
        .route("/v1/endpoints/{id}", get(read::<P>).patch(change::change::<P>).delete(change::delete::<P>))
        .route("/v1/endpoints/{id}/test", post(trial::test::<P>))
        .route("/v1/endpoints/{id}/pause", post(switch::pause::<P>))
        .route("/v1/endpoints/{id}/resume", post(switch::resume::<P>))
        .route("/v1/endpoints/{id}/rotate-secret", post(rotate::rotate::<P>))
        .route("/v1/endpoints/{id}/deliveries/{delivery_id}", get(deliveries::read::<P>))
        .route("/v1/endpoints/{id}/deliveries/{delivery_id}/resend", post(deliveries::resend::<P>))
        .route("/v1/endpoints/{id}/dead-letters", get(dead_letters::list::<P>))
        .route("/v1/endpoints/{id}/dead-letters/redrive", post(dead_letters::redrive::<P>))
        .route("/v1/endpoints/{id}/recover", post(dead_letters::recover::<P>))
        .route("/v1/endpoints/{id}/attempts", get(attempts::list::<P>))
        .route("/v1/endpoints/{id}/attempts/{attempt_id}", get(attempts::read::<P>))
        .with_state(Arc::new(endpoints))
}

async fn list<P: Place>(State(hub): State<Arc<Endpoints<P>>>, auth: Auth) -> Answer<Json<List<EndpointView>>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    let now = hub.now();
    let all = hub.all(&caller.scope).await?;
    // One whose settings cannot be read, by a defect of ours, must not hide the others.
    Ok(Json(List { items: all.iter().filter_map(|it| EndpointView::of(it, now)).collect(), next: None }))
}

async fn read<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<EndpointView>> {
    let caller = auth.require(Scope::EndpointsRead)?;
    Ok(Json(hub.view(&hub.find(&caller.scope, &id).await?)?))
}

/// What one change does to a saved endpoint.
pub(crate) struct Edit<'a> {
    /// What is done, e.g. `endpoint.paused`.
    pub(crate) action: &'static str,
    /// What changes, for the audit trail.
    pub(crate) detail: &'a str,
    /// Whether what is held for it may go on (to be posted, or to be cancelled).
    pub(crate) release: bool,
}

impl<P: Place> Endpoints<P> {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The tenant's endpoints, oldest first.
    pub(crate) async fn all(&self, scope: &TenantScope) -> Answer<Vec<Integration>> {
        let mut all = self.store.integrations(scope).await?;
        all.retain(|integration| integration.provider == Provider::Webhook);
        Ok(all)
    }

    /// The tenant's endpoint of this id. One that is deleted is as gone as one that never was, and another integration is
    /// none.
    pub(crate) async fn find(&self, scope: &TenantScope, id: &IntegrationId) -> Answer<Integration> {
        let found = self.store.integration(scope, id).await?;
        let found = found.filter(|it| it.provider == Provider::Webhook && it.deleted_at.is_none());
        Ok(found.ok_or_else(|| Problem::not_found("endpoint"))?)
    }

    /// The endpoint as it is shown.
    pub(crate) fn view(&self, endpoint: &Integration) -> Answer<EndpointView> {
        let unreadable = || {
            tracing::error!(endpoint = %endpoint.id, "the stored settings cannot be read");
            Problem::new(ProblemKind::Internal, "The stored settings of this endpoint cannot be read.")
        };
        Ok(EndpointView::of(endpoint, self.now()).ok_or_else(unreadable)?)
    }

    /// Its secrets, opened. Those that cannot be opened for good count as absent, so that they can be entered again.
    pub(crate) async fn opened(&self, scope: &TenantScope, endpoint: &Integration) -> Answer<Arc<Secrets>> {
        match self.connections.secrets(scope, endpoint).await {
            Ok(secrets) => Ok(secrets),
            Err(failure) if is_passing(&failure) => Err(away(endpoint, &failure)),
            Err(_) => Ok(Arc::default()),
        }
    }

    /// Edits a saved endpoint. If somebody else changes it at the same time, the edit is made once more on theirs. What
    /// changes nothing is not written.
    pub(crate) async fn edit(
        &self,
        caller: &Caller,
        id: &IntegrationId,
        edit: Edit<'_>,
        change: impl Fn(&mut Integration) + Send + Sync,
    ) -> Answer<Integration> {
        let mut again = true;
        loop {
            let stored = self.find(&caller.scope, id).await?;
            let mut next = stored.clone();
            change(&mut next);
            if next == stored {
                return Ok(stored);
            }
            let next = next_revision(caller, next, self.now());
            let audit = entry(caller, edit.action, &next, edit.detail.to_owned());
            match self.store.save_integration(&caller.scope, &next, None, edit.release, &audit).await {
                Ok(()) => return Ok(next),
                Err(StoreError::Conflict) if again => again = false,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts a test into the health log, whose audit record is that of the change it came with. The change is made already,
    /// so a log that does not take it is no failure of the request; the next probe writes the next entry.
    pub(crate) async fn log_test(&self, caller: &Caller, endpoint: &Integration, report: Option<&TestReport>) {
        let Some(report) = report else { return };
        if let Err(error) = self.store.record_test(&caller.scope, endpoint, report, &caller.principal).await {
            tracing::warn!(endpoint = %endpoint.id, %error, "the test is not in the health log");
        }
    }
}

/// Whether it says nothing about the endpoint: our own store or key service is away.
pub(crate) const fn is_passing(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Transient { .. })
}

/// 503: the secrets cannot be read for the moment.
pub(crate) fn away(endpoint: &Integration, failure: &Failure) -> Failed {
    tracing::warn!(endpoint = %endpoint.id, why = failure.detail, "the secrets cannot be opened now");
    let detail = "The stored secrets cannot be read for the moment. Nothing was changed; try again.";
    Problem::new(ProblemKind::Unavailable, detail).retry_after(1).into()
}

/// The endpoint as `caller` leaves it now.
pub(crate) fn next_revision(caller: &Caller, endpoint: Integration, now: Timestamp) -> Integration {
    Integration { rev: endpoint.rev + 1, updated_at: now, updated_by: caller.principal.clone(), ..endpoint }
}

/// What was done, for the audit trail.
pub(crate) fn entry(caller: &Caller, action: &'static str, endpoint: &Integration, detail: String) -> AuditEntry {
    let at = endpoint.updated_at;
    AuditEntry { principal: caller.principal.clone(), action, target: endpoint.id.to_string(), detail, at }
}
