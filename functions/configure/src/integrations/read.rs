//! Reading integrations. Secrets are masked, because the stored record holds nothing else of them.

use super::saved;
use crate::{
    hub::{Hub, Place},
    may::{May, Read},
};
use api::{integrations::IntegrationView, page::List};
use axum::extract::State;
use domain::ids::IntegrationId;
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
) -> Answer<Json<List<IntegrationView>>> {
    let all = hub.store.integrations(&caller.scope).await?;
    Ok(Json(List { items: all.into_iter().map(IntegrationView::from).collect(), next: None }))
}

pub(crate) async fn one<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<IntegrationView>> {
    Ok(Json(saved::find(&hub, &caller.scope, &id).await?.into()))
}
