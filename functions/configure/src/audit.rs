//! The audit trail, to be read and to be checked.

use crate::{
    hub::{Hub, Place},
    may::{May, ReadAudit},
};
use api::{
    audit::{AuditVerdict, AuditView},
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::audit::Head;
use runtime::http::{Answer, Json, Query};
use std::sync::Arc;
use store::{Audit, StoreError, check_chain};

/// How many records one request checks: some 5 MB, read in a few seconds.
const CHECKED_AT_ONCE: usize = 10_000;

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<ReadAudit>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<List<AuditView>>> {
    let records = hub.store.audit(&caller.scope, page.cursor.as_deref(), page.limit()).await?;
    Ok(Json(List { items: records.items.into_iter().map(AuditView::from).collect(), next: records.next }))
}

/// Checks the chain from its first record on, or from where the answer before left off. A caller who makes up a cursor
/// deceives nobody else.
pub(crate) async fn verify<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<ReadAudit>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<AuditVerdict>> {
    let from: Head = match &page.cursor {
        None => Head::default(),
        Some(cursor) => cursor.parse().map_err(|_| StoreError::InvalidCursor)?,
    };
    let limit = page.limit.unwrap_or(CHECKED_AT_ONCE).clamp(1, CHECKED_AT_ONCE);
    let check = check_chain(&*hub.store, &caller.scope, from, limit).await?;
    if let Some(broken) = check.broken {
        tracing::error!(seq = broken.seq, code = broken.code(), "an audit trail is broken");
    }
    Ok(Json(AuditVerdict {
        ok: check.broken.is_none() && !check.more,
        records: check.checked.seq,
        head: check.head.map(Into::into),
        broken: check.broken.map(Into::into),
        next: check.more.then(|| check.checked.to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, acme};
    use serde_json::{Value, json};

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

    #[tokio::test]
    async fn a_trail_that_was_let_alone_is_found_whole_in_one_piece_or_in_several() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for verb in ["disable", "enable", "disable", "enable"] {
            stage.post(&format!("{path}/{verb}"), Value::Null).await;
        }
        let newest = stage.get("/v1/audit").await.body["items"][4].clone();
        let head = json!({"seq": 5, "hash": newest["hash"]});
        let whole = stage.get("/v1/audit/verify").await.body;
        assert_eq!(whole, json!({"ok": true, "records": 5, "head": head, "broken": null, "next": null}));
        let (mut cursor, mut answers) = (String::new(), Vec::new());
        loop {
            let answer = stage.get(&format!("/v1/audit/verify?limit=2{cursor}")).await.body;
            answers.push((answer["ok"].clone(), answer["records"].clone()));
            let Some(next) = answer["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(answers, [(json!(false), json!(2)), (json!(false), json!(4)), (json!(true), json!(5))]);
        for wrong in ["1", "yesterday", "5.ab"] {
            assert_eq!(stage.get(&format!("/v1/audit/verify?cursor={wrong}")).await.status, 422, "{wrong}");
        }
    }

    #[tokio::test]
    async fn what_was_tampered_with_is_named_in_both_languages() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.post(&format!("{path}/disable"), Value::Null).await;
        stage.store.tamper_with_audit(&acme(), |chain| {
            let record = chain.records.get_mut(&1).unwrap().as_mut().unwrap();
            record.principal = "operator".into();
        });
        let broken = stage.get("/v1/audit/verify").await;
        assert_eq!((broken.status, &broken.body["ok"], &broken.body["records"]), (200, &json!(false), &json!(0)));
        assert_eq!(
            broken.body["broken"],
            json!({
                "seq": 1, "code": "record_altered",
                "reason": "Record 1 was altered: its content does not match its hash.",
                "reason_ar": "عُدِّل السجل رقم 1: محتواه لا يطابق بصمته.",
            })
        );
        stage.store.tamper_with_audit(&acme(), |chain| {
            chain.records.clear();
            chain.head = None;
        });
        assert_eq!(stage.get("/v1/audit/verify").await.body["broken"]["code"], "trail_missing");
    }
}
