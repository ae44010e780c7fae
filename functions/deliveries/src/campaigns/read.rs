//! `GET /v1/campaigns/{id}`: a campaign with its live totals.

use crate::handler::Hub;
use api::campaigns::CampaignView;
use axum::extract::State;
use domain::{campaign::Totals, ids::CampaignId, principal::Scope, tenant::TenantScope};
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
    queue::Queues,
};
use std::sync::Arc;
use store::{Bundles, Store, StoreError};

/// Bundles a page of the count. A thousand are about 1 MB, the most that one query reads.
const PAGE: usize = 1_000;

pub(crate) async fn read<S: Store, Q: Queues>(
    State(hub): State<Arc<Hub<S, Q>>>,
    auth: Auth,
    Path(id): Path<CampaignId>,
) -> Answer<Json<CampaignView>> {
    let caller = auth.require(Scope::CampaignsRead)?;
    let campaign = hub.campaign(&caller.scope, &id).await?;
    // What came back is a range of its own beside the bundles, about as long as theirs.
    let (totals, feedback) = futures::future::try_join(
        count(&*hub.store, &caller.scope, &id),
        hub.store.feedback_totals(&caller.scope, &id),
    )
    .await?;
    Ok(Json(CampaignView::new(&campaign, Some(&totals)).with_feedback(feedback)))
}

/// Counts from the bundles themselves, so that a send pays nothing for totals and they cannot drift. While deliveries
/// move, one may be seen twice or not at all for the moment of its move; a campaign that is settled is counted exactly.
async fn count(store: &impl Bundles, scope: &TenantScope, id: &CampaignId) -> Result<Totals, StoreError> {
    let mut totals = Totals::default();
    let mut cursor = None;
    loop {
        let page = store.bundles(scope, id, cursor.as_deref(), PAGE).await?;
        page.items.iter().for_each(|bundle| totals.add(bundle));
        cursor = page.next;
        if cursor.is_none() {
            return Ok(totals);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, failed, sent, transient};

    #[tokio::test]
    async fn totals_count_each_delivery_once_wherever_it_stands() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b", "c", "d"]).await;
        stage.send("spring", &["alone"]).await;
        stage
            .attempt_all(|user| match user {
                "a" => sent(),
                "b" => failed(),
                _ => transient(),
            })
            .await;
        let campaign = stage.get("/v1/campaigns/spring").await.body;
        let totals = &campaign["totals"];
        assert_eq!(
            (&totals["total"], &totals["sent"], &totals["failed"], &totals["retrying"], &totals["settled"]),
            (&5.into(), &1.into(), &1.into(), &3.into(), &false.into()),
            "{campaign}"
        );
    }
}
