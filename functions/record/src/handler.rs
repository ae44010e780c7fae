//! One batch of the stream: its changes become entries, the entries of a tenant pages.
//!
//! Pages are named by the first change that they tell of. So a batch that is handed over again because a write failed makes
//! the same pages, and those that were written before are neither written nor counted again. For this a batch fails as a
//! whole, and is not cut in two. A record that cannot be understood is logged and passed over: it would hold up everything
//! behind it.

use crate::entries::{Said, said};
use domain::{
    ids::TenantId,
    log::{Entry, pages},
    tenant::TenantScope,
    time::Timestamp,
};
use futures::stream::{self as streams, StreamExt as _, TryStreamExt as _};
use runtime::{
    log::Log,
    stream::{self, Batch},
};
use std::collections::BTreeMap;
use store::{Access, Logs, StoreError};

/// How many pages are written at the same time.
const AT_ONCE: usize = 8;

/// What a batch says of one tenant.
struct Group {
    scope: TenantScope,
    /// The place in the stream of the first of its changes.
    source: String,
    entries: Vec<Entry>,
    single: Vec<Entry>,
}

/// Records what a batch tells.
pub(crate) async fn record<S: Logs + Access>(
    store: &S,
    log: &Log,
    batch: Batch,
    now: Timestamp,
) -> Result<(), runtime::Error> {
    let records = batch.records.len();
    let mut groups: BTreeMap<TenantId, Group> = BTreeMap::new();
    let mut passed_over = 0;
    for record in batch.records {
        let (key, place) = (stream::key(&record), stream::sequence_number(&record).unwrap_or_default());
        match stream::read(record, now) {
            Ok(None) => {}
            Ok(Some((change, at))) => gather(&mut groups, said(change, at), place),
            Err(reason) => {
                passed_over += 1;
                tracing::error!(key, %reason, "a change cannot be understood and leaves nothing in the log");
            }
        }
    }
    let mut written = Vec::new();
    let mut entries = 0;
    for (tenant, group) in groups {
        if is_erased(store, &tenant).await? {
            continue;
        }
        entries += group.entries.len() + group.single.len();
        let pages = pages(&tenant, &group.source, group.entries, &group.single);
        written.extend(pages.into_iter().map(|page| (group.scope.clone(), page)));
    }
    log.note("records", records);
    log.note("entries", entries);
    log.note("pages", written.len());
    if passed_over > 0 {
        log.note("passed_over", passed_over);
    }
    streams::iter(&written)
        .map(|(scope, page)| store.put_log_page(scope, page))
        .buffer_unordered(AT_ONCE)
        .try_for_each(|()| async { Ok(()) })
        .await?;
    Ok(())
}

fn gather(groups: &mut BTreeMap<TenantId, Group>, said: Said, place: String) {
    if said.entries.is_empty() && said.single.is_none() {
        return;
    }
    let group = groups.entry(said.scope.tenant().clone()).or_insert_with(|| Group {
        scope: said.scope,
        source: place,
        entries: Vec::new(),
        single: Vec::new(),
    });
    group.entries.extend(said.entries);
    group.single.extend(said.single);
}

/// Whether a tenant is being erased, or was: its data goes, and a stream that is behind must not bring any of it back.
async fn is_erased(store: &impl Access, tenant: &TenantId) -> Result<bool, StoreError> {
    Ok(store.tenant(tenant).await?.is_none_or(|tenant| tenant.erasing_since.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        audit::AuditEntry,
        log::{EntryType, Filter, Stamped},
        principal::Principal,
        tenant::Tenant,
        time::DAY_MS,
    };
    use serde_json::{Value, json};
    use store::{LogQuery, memory::MemoryStore};

    /// When every change of these tests was committed.
    const AT: Timestamp = Timestamp(1_763_640_001_000);
    const NOW: Timestamp = Timestamp(AT.0 + 5_000);
    const REQUEST: &str = "01JD0000000000000000000000";
    const INTEGRATION: &str = "int_01JD0000000000000000000000";
    const HOOK: &str = "whk_01JD0000000000000000000000";
    const EVENT: &str = "evt_01JD0000000000000000000000";

    /// What must not be found in any log.
    const CANARY: &str = "canary-7Hq2pWmZ0xV4tL9b";
    const ADDRESS: &str = "ann@example.com";

    fn record(number: u32, old: Option<Value>, new: Value) -> Value {
        let mut change = json!({
            "Keys": {"pk": new["pk"], "sk": new["sk"]},
            "ApproximateCreationDateTime": 1_763_640_001.0, "SequenceNumber": format!("{number:03}"),
        });
        let name = if old.is_some() { "MODIFY" } else { "INSERT" };
        if let Some(old) = old {
            change["OldImage"] = old;
        }
        change["NewImage"] = new;
        json!({"eventID": format!("e{number}"), "eventName": name, "eventSource": "aws:dynamodb", "dynamodb": change})
    }

    /// A bundle's image as it stands in the table: the names of `store::dynamo`, which owns them.
    fn bundle(partition: &str, channel: &str, state: &str, more: Value) -> Value {
        let mut image = json!({
            "pk": {"S": partition}, "sk": {"S": format!("B#{REQUEST}#00000")},
            "c": {"S": channel}, "i": {"S": INTEGRATION}, "st": {"S": state}, "m": {"S": "0-1"},
            "f": {"N": "1"}, "d": {"N": "1763640000000"}, "t": {"N": "1763640000000"}, "ttl": {"N": "1771416000"},
        });
        if let (Some(image), Value::Object(more)) = (image.as_object_mut(), more) {
            image.extend(more);
        }
        image
    }

    fn finished(number: u32, tenant: &str) -> Value {
        let partition = format!("T#{tenant}#C#spring");
        let results = json!([{"S": "s q1"}, {"S": format!("f smtp_recipient_refused no {ADDRESS} key {CANARY}1")}]);
        let more = json!({"r": {"L": results}, "e": {"N": "1763640001000"}});
        record(number, Some(bundle(&partition, "email", "s", json!({}))), bundle(&partition, "email", "d", more))
    }

    fn posted(number: u32) -> Value {
        let partition = format!("T#acme#C#{INTEGRATION}");
        let answer = |status: u16| {
            json!({"s": status, "m": 12, "h": [["x-token", CANARY]], "b": format!("{CANARY} {ADDRESS}")}).to_string()
        };
        let more = json!({
            "r": {"L": [{"S": "s"}, {"S": "r webhook_status"}]}, "e": {"N": "1763640001000"},
            "y": {"L": [{"S": answer(204)}, {"S": answer(503)}]},
        });
        record(number, Some(bundle(&partition, "webhook", "s", json!({}))), bundle(&partition, "webhook", "d", more))
    }

    fn called(number: u32) -> Value {
        let call = json!({"M": {
            "p": {"M": {"api_key": {"S": "key_01JD0000000000000000000000"}}},
            "r": {"S": "POST /v1/events"}, "i": {"S": "req-1"}, "m": {"N": "7"},
        }});
        record(
            number,
            None,
            json!({
                "pk": {"S": format!("T#acme#C#{INTEGRATION}")}, "sk": {"S": format!("A#{REQUEST}")}, "h": {"S": "x"},
                "v": {"M": {}}, "t": {"N": "1763640000500"}, "b": {"N": "1"}, "k": call,
            }),
        )
    }

    fn received(number: u32, replays: u32) -> Value {
        let image = |replays: u32| {
            json!({
                "pk": {"S": "T#acme#HKE"}, "sk": {"S": format!("WE#{HOOK}#{EVENT}")},
                "id": {"S": EVENT}, "hook": {"S": HOOK}, "hook_name": {"S": "Code"}, "scheme": {"S": "github"},
                "received_at": {"N": "1763640000000"}, "event": {"S": "push"}, "headers": {"M": {"x-token": {"S": CANARY}}},
                "body_bytes": {"N": "7"}, "replays": {"N": replays.to_string()}, "b": {"B": "eyJhIjoxfQ=="},
            })
        };
        record(number, (replays > 0).then(|| image(replays - 1)), image(replays))
    }

    fn rejected(number: u32) -> Value {
        let image = |count: u32| {
            json!({
                "pk": {"S": "T#acme#HKR"}, "sk": {"S": format!("{HOOK}#001763640000000#signature_mismatch")},
                "cause": {"S": "signature_mismatch"}, "minute": {"N": "1763640000000"}, "last_at": {"N": "1763640000900"},
                "source_ip": {"S": "203.0.113.7"}, "user_agent": {"S": CANARY}, "body_bytes": {"N": "1"},
                "body_sha256": {"S": "x"}, "event": {"NULL": true}, "count": {"N": count.to_string()},
            })
        };
        record(number, Some(image(1)), image(4))
    }

    fn tested(number: u32) -> Value {
        let image = |at: Option<i64>| {
            let mut image = json!({
                "pk": {"S": "T#acme#CFG"}, "sk": {"S": format!("INT#{INTEGRATION}")},
                "id": {"S": INTEGRATION}, "provider": {"S": "smtp"}, "name": {"S": "Mail"}, "config": {"M": {}},
                "masks": {"M": {}}, "secret_version": {"N": "1"}, "enabled": {"BOOL": true}, "priority": {"N": "0"},
                "limits": {"M": {}}, "retry_policy": {"S": "exponential"}, "on_unknown": {"S": "retry"},
                "probe_interval_minutes": {"N": "5"}, "created_at": {"N": "1"}, "updated_at": {"N": "1"},
                "updated_by": {"S": "system"}, "rev": {"N": "1"},
            });
            if let Some(at) = at {
                image["last_test"] = json!({"M": {
                    "status": {"S": "fail"}, "code": {"S": "smtp_login_refused"}, "latency_ms": {"N": "40"},
                    "detail": {"S": format!("535 {ADDRESS} password {CANARY}")}, "at": {"N": at.to_string()},
                }});
            }
            image
        };
        record(number, Some(image(None)), image(Some(1_763_640_000_700)))
    }

    /// A run of an automation rule that ended.
    fn ran(number: u32) -> Value {
        let (rule, id) = ("rul_01JD0000000000000000000000", "run_01JD0000000000000000000000");
        let image = json!({
            "pk": {"S": "T#acme#ARR"}, "sk": {"S": format!("RUN#{rule}#{id}")}, "id": {"S": id}, "rule": {"S": rule},
            "rule_rev": {"N": "1"}, "event": {"S": "webhook.received"}, "event_id": {"S": EVENT},
            "event_at": {"N": "1763640000000"}, "started_at": {"N": "1763640000000"}, "depth": {"N": "1"},
        });
        let mut ended = image.clone();
        ended["finished_at"] = json!({"N": "1763640000009"});
        ended["results"] = json!({"L": [{"M": {
            "action": {"S": "send"}, "ended": {"S": "failed"}, "code": {"S": "not_ready"}, "detail": {"S": CANARY},
        }}]});
        record(number, Some(image), ended)
    }

    fn alone(number: u32) -> Value {
        let entry = r#"{"t":1763640000100,"k":"api","e":"GET /v1/keys","d":"inbound","s":"warning","m":3}"#;
        record(
            number,
            None,
            json!({
                "pk": {"S": "T#acme#LOG"}, "sk": {"S": "01KAGHXXXX0000000000000000"}, "j": {"S": entry},
            }),
        )
    }

    async fn run(store: &MemoryStore, records: Vec<Value>, now: Timestamp) -> Result<Log, String> {
        for tenant in ["acme", "globex"] {
            // That there is one already is fine.
            let _ = store.create_tenant(&Tenant::new(tenant.parse().unwrap(), "T".into(), AT), &audit()).await;
        }
        let log = Log::in_memory("record");
        record_batch(store, &log, records, now).await.map(|()| log)
    }

    fn audit() -> AuditEntry {
        AuditEntry {
            principal: Principal::Operator,
            action: "tenant.created",
            target: String::new(),
            detail: String::new(),
            at: AT,
        }
    }

    async fn record_batch(store: &MemoryStore, log: &Log, records: Vec<Value>, now: Timestamp) -> Result<(), String> {
        super::record(store, log, Batch { records }, now).await.map_err(|error| error.to_string())
    }

    #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
    fn scope(tenant: &str) -> TenantScope {
        TenantScope::established(tenant.parse().unwrap())
    }

    async fn logged(store: &MemoryStore, tenant: &str) -> Vec<Stamped> {
        let query = LogQuery { filter: Filter::default(), since: AT.plus_ms(-DAY_MS), until: None };
        store.log(&scope(tenant), &query, None, 1_000).await.unwrap().items
    }

    async fn counted(store: &MemoryStore, kind: EntryType) -> u64 {
        let hours = store.log_hours(&scope("acme"), AT.plus_ms(-DAY_MS)).await.unwrap();
        hours.iter().map(|hour| hour.tally.figures(kind).count).sum()
    }

    fn everything() -> Vec<Value> {
        vec![
            finished(1, "acme"),
            posted(2),
            called(3),
            received(4, 0),
            received(5, 1),
            rejected(6),
            tested(7),
            alone(8),
            finished(9, "globex"),
        ]
    }

    #[tokio::test]
    async fn everything_that_happened_is_in_the_log_of_its_tenant_and_nothing_that_was_said() {
        let store = MemoryStore::default();
        let happened = everything().into_iter().chain([ran(10)]).collect();
        run(&store, happened, NOW).await.unwrap();
        let found = logged(&store, "acme").await;
        let mut told: Vec<_> = found
            .iter()
            .map(|it| (it.entry.event.as_str(), it.entry.status.as_str(), it.entry.http_status, it.entry.duration_ms))
            .collect();
        told.sort_unstable();
        assert_eq!(
            told,
            [
                ("POST /v1/events", "success", Some(202), Some(7)),
                ("automation.failed", "error", None, Some(9)),
                ("delivery.failed", "error", None, None),
                ("delivery.sent", "success", None, None),
                ("integration.tested", "error", None, Some(40)),
                ("webhook.delivered", "success", Some(204), Some(12)),
                ("webhook.received", "success", None, None),
                ("webhook.rejected", "error", None, None),
                ("webhook.replayed", "success", None, None),
                ("webhook.retrying", "warning", Some(503), Some(12)),
            ]
        );
        let text = serde_json::to_string(&found.iter().map(|it| &it.entry).collect::<Vec<_>>()).unwrap();
        for unsaid in [CANARY, ADDRESS, "203.0.113.7"] {
            assert!(!text.contains(unsaid), "{unsaid} in {text}");
        }
        assert_eq!(logged(&store, "globex").await.len(), 2);
        assert_eq!(
            (counted(&store, EntryType::Api).await, counted(&store, EntryType::Webhook).await),
            (2, 2 + 1 + 1 + 3)
        );
    }

    #[tokio::test]
    async fn a_batch_that_comes_again_leaves_and_counts_nothing_more() {
        let store = MemoryStore::default();
        // A page of acme is written, one is not; or all are, and nobody was told.
        store.lose_next_answer("put_log_page");
        assert!(run(&store, everything(), NOW).await.is_err());
        store.fail_next("put_log_page", StoreError::Unavailable("throttled".into()));
        assert!(run(&store, everything(), NOW).await.is_err());
        for _ in 0..2 {
            run(&store, everything(), NOW).await.unwrap();
        }
        assert_eq!((logged(&store, "acme").await.len(), logged(&store, "globex").await.len()), (9, 2));
        assert_eq!((counted(&store, EntryType::Api).await, counted(&store, EntryType::Delivery).await), (2, 2));
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_understood_is_named_and_holds_nothing_up() {
        let store = MemoryStore::default();
        let mut broken = finished(1, "acme");
        broken["dynamodb"]["NewImage"]["m"] = json!({"S": CANARY});
        let log = run(&store, vec![], NOW).await.unwrap();
        let _guard = tracing::subscriber::set_default(log.subscriber());
        record_batch(&store, &log, vec![broken, json!({"eventName": "INSERT"}), posted(2)], NOW).await.unwrap();
        assert_eq!(logged(&store, "acme").await.len(), 2);
        let lines = log.lines().join("\n");
        assert!(lines.contains(&format!("T#acme#C#spring/B#{REQUEST}#00000")) && !lines.contains(CANARY), "{lines}");
    }

    #[tokio::test]
    async fn nothing_of_an_erased_tenant_comes_back() {
        let store = MemoryStore::default();
        run(&store, vec![], NOW).await.unwrap();
        store::Erasure::begin_erasure(&store, &scope("acme"), &audit()).await.unwrap();
        run(&store, vec![finished(1, "acme"), finished(2, "globex")], NOW).await.unwrap();
        assert_eq!((logged(&store, "acme").await.len(), logged(&store, "globex").await.len()), (0, 2));
    }

    #[tokio::test]
    async fn what_only_waits_or_is_claimed_leaves_nothing() {
        let store = MemoryStore::default();
        let queued = bundle("T#acme#C#spring", "email", "q", json!({}));
        let claimed = bundle("T#acme#C#spring", "email", "s", json!({}));
        run(&store, vec![record(1, None, queued.clone()), record(2, Some(queued), claimed)], NOW).await.unwrap();
        assert_eq!((logged(&store, "acme").await.len(), store.calls("put_log_page")), (0, 0));
    }
}
