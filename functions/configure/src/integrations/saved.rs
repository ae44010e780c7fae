//! Saved integrations: finding one, changing one.

use super::draft::Draft;
use crate::hub::{Hub, Place};
use api::problem::{Problem, ProblemKind};
use domain::{
    audit::AuditEntry,
    channel::Provider,
    failure::{Failure, FailureKind},
    health::TestReport,
    ids::IntegrationId,
    integration::Integration,
    principal::Caller,
    secret::Secrets,
    tenant::TenantScope,
};
use runtime::http::{Answer, Failed};
use std::sync::Arc;
use store::{Integrations, SealedSecret, StoreError};

/// The tenant's integration of this id. One that is deleted is as gone as one that never was.
pub(super) async fn find<P: Place>(hub: &Hub<P>, scope: &TenantScope, id: &IntegrationId) -> Answer<Integration> {
    let found = hub.store.integration(scope, id).await?.filter(|integration| integration.deleted_at.is_none());
    Ok(found.ok_or_else(|| Problem::not_found("integration"))?)
}

/// 409 for an endpoint of outbound webhooks: `what` is done to it at its own route, in its own words.
pub(super) fn refuse_endpoint(provider: Provider, what: &str, route: &str) -> Answer<()> {
    if provider != Provider::Webhook {
        return Ok(());
    }
    let detail = format!("An endpoint of outbound webhooks is {what} at `{route}`.");
    Err(Problem::new(ProblemKind::Conflict, detail).into())
}

/// Its secrets, opened. Those that cannot be opened for good count as absent, so that they can be entered again.
pub(super) async fn opened<P: Place>(
    hub: &Hub<P>,
    scope: &TenantScope,
    integration: &Integration,
) -> Answer<Arc<Secrets>> {
    match hub.connections.secrets(scope, integration).await {
        Ok(secrets) => Ok(secrets),
        Err(failure) if matches!(failure.kind, FailureKind::Transient { .. }) => {
            Err(away(integration, &failure).into())
        }
        Err(_) => Ok(Arc::default()),
    }
}

/// 503: the secrets cannot be read for the moment, which says nothing about the integration.
pub(super) fn away(integration: &Integration, failure: &Failure) -> Problem {
    tracing::warn!(integration = %integration.id, why = failure.detail, "the secrets cannot be opened now");
    let detail = "The stored secrets cannot be read for the moment. Nothing was changed; try again.";
    Problem::new(ProblemKind::Unavailable, detail).retry_after(1)
}

/// The draft's secrets, sealed: see [`::hub::sealing::sealed`].
pub(super) async fn sealed<P: Place>(
    hub: &Hub<P>,
    scope: &TenantScope,
    integration: &Integration,
    draft: &Draft,
    before: u32,
    is_new: impl Fn(&str) -> bool + Send,
) -> Answer<SealedSecret> {
    let (store, vault) = (&*hub.store, &*hub.vault);
    ::hub::sealing::sealed(store, vault, scope, integration, &draft.secrets, before, is_new).await
}

/// What was done, for the audit trail.
pub(super) fn entry(caller: &Caller, action: &'static str, integration: &Integration, detail: String) -> AuditEntry {
    AuditEntry {
        principal: caller.principal.clone(),
        action,
        target: integration.id.to_string(),
        detail,
        at: integration.updated_at,
    }
}

/// The next revision of `stored`, changed by `caller` now.
pub(super) fn next_revision<P: Place>(hub: &Hub<P>, caller: &Caller, stored: &Integration) -> Integration {
    Integration { rev: stored.rev + 1, updated_at: hub.now(), updated_by: caller.principal.clone(), ..stored.clone() }
}

/// A change that needs no test, as the audit trail tells it.
pub(super) struct Edit<'a> {
    /// What is done, e.g. `integration.enabled`.
    pub(super) action: &'static str,
    /// What changes.
    pub(super) detail: &'a str,
    /// Whether what is held on the integration may go on (to be sent, or to be cancelled).
    pub(super) release: bool,
}

/// What came of an [`Edit`].
pub(super) enum Edited {
    /// It is done; this is the new revision.
    Done(Integration),
    /// It was so already.
    Unchanged(Integration),
}

/// Edits a saved integration. If somebody else changes it at the same time, the edit is made once more on theirs.
pub(super) async fn edit<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    id: &IntegrationId,
    edit: Edit<'_>,
    change: impl Fn(&mut Integration) + Send + Sync,
) -> Answer<Edited> {
    let mut again = true;
    loop {
        let stored = find(hub, &caller.scope, id).await?;
        let mut next = next_revision(hub, caller, &stored);
        let untouched = next.clone();
        change(&mut next);
        if next == untouched {
            return Ok(Edited::Unchanged(stored));
        }
        let audit = entry(caller, edit.action, &next, edit.detail.to_owned());
        match hub.store.save_integration(&caller.scope, &next, None, edit.release, &audit).await {
            Ok(()) => return Ok(Edited::Done(next)),
            Err(StoreError::Conflict) if again => again = false,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether somebody else was faster, so that it is worth to read again and decide anew.
pub(super) fn is_conflict<T>(answer: &Answer<T>) -> bool {
    answer.as_ref().is_err_and(|failed: &Failed| failed.problem().code == ProblemKind::Conflict)
}

/// Puts the test that an integration was saved with into its health log; the audit record of the save stands for it. The integration is saved already, so a log
/// that does not take it is no failure of the request; the next probe writes the next entry.
pub(super) async fn log_test<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    integration: &Integration,
    report: Option<&TestReport>,
) {
    let Some(report) = report else { return };
    if let Err(error) = hub.store.record_test(&caller.scope, integration, report, &caller.principal).await {
        tracing::warn!(integration = %integration.id, %error, "the test is not in the health log");
    }
}
