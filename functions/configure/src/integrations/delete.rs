//! Deleting an integration. Its record stays for the history of what it sent; for everybody it is gone.

use super::{
    enable,
    saved::{self, Edit},
};
use crate::{
    hub::{Hub, Place},
    may::{May, Write},
};
use axum::{extract::State, http::StatusCode};
use domain::ids::IntegrationId;
use runtime::http::{Answer, Path};
use std::sync::Arc;

pub(crate) async fn delete<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
) -> Answer<StatusCode> {
    let now = hub.now();
    let stored = saved::find(&hub, &caller.scope, &id).await?;
    saved::refuse_endpoint(stored.provider, "deleted", &format!("DELETE /v1/endpoints/{id}"))?;
    // What is held is let go too: its sender then finds the integration deleted, and cancels it.
    let edit = Edit { action: "integration.deleted", detail: "", release: true };
    saved::edit(&hub, &caller, &id, edit, |integration| integration.deleted_at = Some(now)).await?;
    enable::release(&hub, &caller.scope, &id).await;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, acme};
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::Integrations;

    #[tokio::test]
    async fn a_deleted_one_is_gone_for_everybody_and_its_record_stays() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let id = stage.stored().await[0].id.clone();
        let answer = stage.delete(&path).await;
        assert_eq!((answer.status, &answer.body), (204, &Value::Null));
        let gone = [
            stage.get(&path).await,
            stage.patch(&path, json!({"name": "x"})).await,
            stage.delete(&path).await,
            stage.post(&format!("{path}/test"), Value::Null).await,
            stage.post(&format!("{path}/enable"), Value::Null).await,
            stage.post(&format!("{path}/disable"), Value::Null).await,
            stage.put(&format!("{path}/secrets"), json!({"secrets": {"bot_token": "xoxb-good-2"}})).await,
            stage.put(&format!("{path}/probe"), json!({"interval_minutes": 9})).await,
            stage.get(&format!("{path}/health")).await,
            stage.get(&format!("{path}/health/log")).await,
        ];
        assert!(gone.iter().all(|answer| answer.status == 404), "{gone:?}");
        assert_eq!(stage.get("/v1/integrations").await.body["items"], json!([]));
        assert_eq!(stage.get("/v1/integrations/summary").await.body["total"], 0);
        let kept = stage.store.integration(&acme(), &id).await.unwrap().unwrap();
        assert_eq!((kept.deleted_at, kept.next_probe_at()), (Some(START), None));
        assert_eq!(stage.audited().await, ["integration.created slack", "integration.deleted"]);
    }
}
