//! The audit trail, to be read and to be checked.

use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, ReadAudit},
};
use api::{
    audit::{AuditVerdict, AuditView},
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{
    audit::{AuditSearch, Head},
    time::Timestamp,
};
use runtime::http::{Answer, Json, Query};
use serde::Deserialize;
use std::sync::Arc;
use store::{Audit, StoreError, check_chain, search_chain};

/// How many records one request checks: some 5 MB, read in a few seconds.
const CHECKED_AT_ONCE: usize = 10_000;

/// In which order, and which records.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    order: Order,
    principal: Option<String>,
    action: Option<String>,
    target: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
}

/// From which end the trail is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Order {
    #[default]
    Oldest,
    Newest,
}

impl Which {
    fn search(&self) -> Answer<AuditSearch> {
        let mut faults = Faults::default();
        let mut moment = |field: &str, text: Option<&String>| {
            let found = text.map(|text| Timestamp::parse(text));
            if found == Some(None) {
                faults.add(field, "invalid", "must be a time like `2026-11-20T10:00:00Z`");
            }
            found.flatten()
        };
        let (since, until) = (moment("since", self.since.as_ref()), moment("until", self.until.as_ref()));
        faults.finish()?;
        let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (principal, action, target) = (text(&self.principal), text(&self.action), text(&self.target));
        Ok(AuditSearch { principal, action, target, since, until })
    }
}

pub(crate) async fn list<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<ReadAudit>,
    Query(which): Query<Which>,
) -> Answer<Json<List<AuditView>>> {
    let search = which.search()?;
    let page = PageQuery { limit: which.limit, cursor: which.cursor };
    let (cursor, limit) = (page.cursor.as_deref(), page.limit());
    let records = if which.order == Order::Oldest && search == AuditSearch::default() {
        hub.store.audit(&caller.scope, cursor, limit).await?
    } else {
        search_chain(&*hub.store, &caller.scope, &search, cursor, limit).await?
    };
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
    use domain::time::HOUR_MS;
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
    async fn it_is_read_from_its_end_and_searched() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for verb in ["disable", "enable"] {
            stage.clock.advance_ms(HOUR_MS);
            stage.post(&format!("{path}/{verb}"), Value::Null).await;
        }
        let actions = async |query: &str| {
            let page = stage.get(&format!("/v1/audit?{query}")).await.body;
            let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).clone();
            let actions: Vec<_> = items.iter().map(|record| record["action"].as_str().unwrap().to_owned()).collect();
            (actions, page["next"].as_str().map(str::to_owned))
        };
        let (all, next) = actions("order=newest&limit=2").await;
        assert_eq!(all, ["integration.enabled", "integration.disabled"]);
        let rest = actions(&format!("order=newest&limit=2&cursor={}", next.unwrap())).await;
        assert_eq!(rest, (vec!["integration.created".to_owned()], None));
        for (query, expected) in [
            ("action=integration.c", vec!["integration.created"]),
            ("action=key.", vec![]),
            ("principal=api_key:key_&target=int_&action=integration.e", vec!["integration.enabled"]),
            ("principal=system", vec![]),
            ("since=2025-11-20T13:30:00Z", vec!["integration.enabled"]),
            ("until=2025-11-20T13:30:00Z", vec!["integration.disabled", "integration.created"]),
        ] {
            assert_eq!(actions(query).await, (expected.into_iter().map(str::to_owned).collect(), None), "{query}");
        }
        for wrong in ["since=yesterday", "order=sideways", "order=newest&cursor=x"] {
            assert!([400, 422].contains(&stage.get(&format!("/v1/audit?{wrong}")).await.status), "{wrong}");
        }
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
