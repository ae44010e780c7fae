//! How often an integration is probed.

use super::{
    draft::check_probe_interval,
    saved::{self, Edit, Edited},
};
use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Write},
};
use api::integrations::{IntegrationView, ProbePut};
use axum::extract::State;
use domain::ids::IntegrationId;
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;

pub(crate) async fn set_interval<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
    Json(ProbePut { interval_minutes }): Json<ProbePut>,
) -> Answer<Json<IntegrationView>> {
    let mut faults = Faults::default();
    check_probe_interval(&mut faults, "interval_minutes", interval_minutes);
    faults.finish()?;
    let edit = Edit { action: "integration.updated", detail: "probe_interval_minutes", release: false };
    let edited =
        saved::edit(&hub, &caller, &id, edit, |integration| integration.probe_interval_minutes = interval_minutes);
    let (Edited::Done(integration) | Edited::Unchanged(integration)) = edited.await?;
    Ok(Json(integration.into()))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use runtime::testing::START;
    use serde_json::json;

    #[tokio::test]
    async fn the_schedule_moves() {
        let stage = Stage::new().await;
        let path = format!("{}/probe", stage.slack_integration().await);
        let answer = stage.put(&path, json!({"interval_minutes": 60})).await;
        assert_eq!((answer.status, &answer.body["probe_interval_minutes"]), (200, &json!(60)));
        assert_eq!(stage.stored().await[0].next_probe_at(), Some(START.plus_ms(3_600_000)));
        assert_eq!(stage.put(&path, json!({"interval_minutes": 60})).await.body["rev"], 2, "no change, no revision");
        for wrong in [json!(0), json!(61), json!(-1), json!("5")] {
            let answer = stage.put(&path, json!({"interval_minutes": wrong})).await;
            assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("interval_minutes")));
        }
        assert_eq!(stage.audited().await[1..], ["integration.updated probe_interval_minutes"]);
    }
}
