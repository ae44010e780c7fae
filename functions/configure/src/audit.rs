//! The audit trail, to be read.

use crate::{
    hub::{Hub, Place},
    may::{May, ReadAudit},
};
use api::{
    audit::AuditView,
    page::{List, PageQuery},
};
use axum::extract::State;
use runtime::http::{Answer, Json, Query};
use std::sync::Arc;
use store::Audit;

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<ReadAudit>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<AuditView>>> {
    let records = hub.store.audit(&caller.scope, page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(List { items: records.items.into_iter().map(AuditView::from).collect(), next: records.next }))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use serde_json::Value;

    #[tokio::test]
    async fn what_was_done_is_listed_page_by_page() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.post(&format!("{path}/disable"), Value::Null).await;
        stage.delete(&path).await;
        let first = stage.get("/v1/audit?limit=2").await.body;
        let actions = |page: &Value| {
            page["items"].as_array().unwrap().iter().map(|record| record["action"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(actions(&first), ["integration.created", "integration.disabled"]);
        assert_eq!(first["items"][1]["prev"], first["items"][0]["hash"]);
        assert!(first["items"][0]["principal"].as_str().unwrap().starts_with("api_key:key_"));
        let rest = stage.get(&format!("/v1/audit?limit=2&cursor={}", first["next"].as_str().unwrap())).await.body;
        assert_eq!(actions(&rest), ["integration.deleted"]);
        assert_eq!(rest["next"], Value::Null);
        assert_eq!(stage.get("/v1/audit?cursor=yesterday").await.status, 422);
    }
}
