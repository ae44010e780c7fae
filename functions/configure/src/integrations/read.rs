//! Reading integrations. Secrets are masked, because the stored record holds nothing else of them.

use super::saved;
use crate::{
    hub::{Hub, Place},
    may::{May, Read},
};
use api::{integrations::IntegrationView, page::List};
use axum::extract::State;
use domain::ids::{IntegrationId, TenantId};
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
) -> Answer<Json<List<IntegrationView>>> {
    let all = hub.store.integrations(&caller.scope).await?;
    let items = all.into_iter().map(|it| with_tracking(it.into(), caller.scope.tenant())).collect();
    Ok(Json(List { items, next: None }))
}

pub(crate) async fn one<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<IntegrationView>> {
    let found = saved::find(&hub, &caller.scope, &id).await?;
    Ok(Json(with_tracking(found.into(), caller.scope.tenant())))
}

/// Says where its provider may report, if it can. A path, because the API's own address is not known to the function: the
/// stack that made it knows, and whoever reads this has just called it.
pub(crate) fn with_tracking(view: IntegrationView, tenant: &TenantId) -> IntegrationView {
    let tracking_path = providers::posts_events(view.provider).then(|| format!("/v1/tracking/{tenant}/{}", view.id));
    IntegrationView { tracking_path, ..view }
}
