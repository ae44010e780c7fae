//! The routes, over a store in memory.

use crate::logs::{Logs, router};
use axum::http::Method;
use domain::{
    ids::{HookId, IntegrationId},
    log::{Direction, Entry, EntryStatus, EntryType, KEEP_MS, PageId, pages},
    tenant::TenantScope,
    time::{HOUR_MS, ManualClock},
};
use runtime::{
    http::App,
    lazy::Lazy,
    testing::{Answered, START, call, key_of},
};
use serde_json::{Value, json};
use std::sync::Arc;
use store::{Logs as _, memory::MemoryStore};

struct Stage {
    store: Lazy<MemoryStore>,
    app: App,
}

#[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

impl Stage {
    fn new() -> Self {
        let store = Lazy::ready(MemoryStore::default());
        let clock = Arc::new(ManualClock::at(START));
        Self { app: App::new(router(Logs { store: store.clone(), clock })), store }
    }

    async fn put(&self, entries: Vec<Entry>) {
        for page in pages(acme().tenant(), &entries.len().to_string(), entries, &[]) {
            self.store.put_log_page(&acme(), &page).await.unwrap();
        }
    }

    async fn get(&self, path: &str) -> Answered {
        call(&self.app, &key_of("acme", "logs:read"), Method::GET, path, Value::Null).await
    }

    async fn ids(&self, path: &str) -> Vec<String> {
        let answer = self.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body["items"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap().to_owned()).collect()
    }
}

fn entry(ago_ms: i64, event: &str) -> Entry {
    let at = START.plus_ms(-ago_ms);
    Entry::new(at, EntryType::Delivery, event, Direction::Outbound, EntryStatus::Success)
}

#[tokio::test]
async fn an_entry_is_shown_with_what_its_code_means() {
    let stage = Stage::new();
    let endpoint: IntegrationId = "int_01JD0000000000000000000000".parse().unwrap();
    stage
        .put(vec![Entry {
            kind: EntryType::Webhook,
            status: EntryStatus::Error,
            http_status: Some(503),
            duration_ms: Some(12),
            integration: Some(endpoint),
            code: "timeout".into(),
            retry_count: 2,
            ..entry(0, "webhook.failed")
        }])
        .await;
    let list = stage.get("/v1/logs").await;
    let mut shown = list.body["items"][0].clone();
    let id = shown["id"].as_str().unwrap().to_owned();
    shown["id"] = json!("log_...");
    insta::assert_json_snapshot!(shown);
    let one = stage.get(&format!("/v1/logs/{id}")).await;
    assert_eq!((one.status, &one.body["id"], &one.body["code"]), (200, &json!(id), &json!("timeout")));
    assert!(one.body["reason"].is_string() && one.body["fix_ar"].is_string());
}

#[tokio::test]
async fn the_query_narrows_what_is_listed() {
    let stage = Stage::new();
    let integration = IntegrationId::generate();
    let hook = HookId::generate();
    let all = vec![
        Entry { integration: Some(integration.clone()), status: EntryStatus::Error, ..entry(5_000, "delivery.failed") },
        Entry {
            hook: Some(hook.clone()),
            direction: Direction::Inbound,
            kind: EntryType::Webhook,
            ..entry(4_000, "webhook.received")
        },
        Entry { code: "gone".into(), request_id: "r1".into(), ..entry(3_000, "delivery.retrying") },
        Entry { campaign: Some("spring".parse().unwrap()), ..entry(2_000, "delivery.sent") },
    ];
    stage.put(all).await;
    let at = |ago_ms: i64| START.plus_ms(-ago_ms).to_rfc3339();
    for (query, expected) in [
        ("type=webhook".to_owned(), vec!["webhook.received"]),
        ("direction=inbound".to_owned(), vec!["webhook.received"]),
        ("status=error".to_owned(), vec!["delivery.failed"]),
        (format!("integration_id={integration}"), vec!["delivery.failed"]),
        (format!("endpoint_id={integration}"), vec!["delivery.failed"]),
        (format!("hook_id={hook}"), vec!["webhook.received"]),
        ("campaign_id=spring".to_owned(), vec!["delivery.sent"]),
        ("event=delivery.s*".to_owned(), vec!["delivery.sent"]),
        ("code=gone".to_owned(), vec!["delivery.retrying"]),
        ("request_id=r1".to_owned(), vec!["delivery.retrying"]),
        (format!("since={}", at(3_000)), vec!["delivery.sent", "delivery.retrying"]),
        (format!("until={}", at(4_000)), vec!["webhook.received", "delivery.failed"]),
        ("type=api".to_owned(), vec![]),
    ] {
        assert_eq!(stage.ids(&format!("/v1/logs?{query}")).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_lead_on_to_the_end() {
    let stage = Stage::new();
    stage.put((0..7).map(|at| entry(at * 20_000, &format!("e.{at}"))).collect()).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/logs?limit=2".to_owned());
    loop {
        let answer = stage.get(&path).await;
        seen.extend(answer.body["items"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap().to_owned()));
        match answer.body["next"].as_str() {
            Some(next) => path = format!("/v1/logs?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ["e.0", "e.1", "e.2", "e.3", "e.4", "e.5", "e.6"]);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_said() {
    let stage = Stage::new();
    for (path, status) in [
        ("/v1/logs?since=yesterday", 422),
        ("/v1/logs?type=mail", 422),
        ("/v1/logs?cursor=x", 422),
        ("/v1/logs?hook_id=x", 422),
        ("/v1/logs/x", 404),
        ("/v1/logs/log_01JD0000000000000000000000", 404),
        ("/v1/logs/stats?hours=soon", 422),
    ] {
        assert_eq!(stage.get(path).await.status, status, "{path}");
    }
    let others = key_of("acme", "campaigns:*");
    for path in ["/v1/logs", "/v1/logs.csv", "/v1/logs/stats", "/v1/logs/log_01JD0000000000000000000000"] {
        assert_eq!(call(&stage.app, &others, Method::GET, path, Value::Null).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn what_is_over_is_not_shown_though_it_is_still_there() {
    let stage = Stage::new();
    let old = entry(KEEP_MS + 1, "old");
    let page = PageId::of(old.at, [&b"x"[..]]);
    stage.store.put_log_entry(&acme(), page, &old).await.unwrap();
    assert_eq!(stage.ids("/v1/logs").await, [] as [&str; 0]);
    assert_eq!(stage.ids("/v1/logs?since=2000-01-01T00:00:00Z").await, [] as [&str; 0]);
    assert_eq!(stage.get(&format!("/v1/logs/log_{page}")).await.status, 404);
}

#[tokio::test]
async fn figures_are_by_type_and_hour() {
    let stage = Stage::new();
    let timed = |ago_ms, status, duration_ms| Entry {
        kind: EntryType::Api,
        status,
        duration_ms: Some(duration_ms),
        ..entry(ago_ms, "GET /v1/keys")
    };
    let sent = |ago_ms, event, status| Entry {
        status,
        integration: Some("int_01JD0000000000000000000000".parse().unwrap()),
        external_system: "email".into(),
        ..entry(ago_ms, event)
    };
    stage
        .put(vec![
            timed(0, EntryStatus::Success, 10),
            timed(0, EntryStatus::Success, 20),
            timed(0, EntryStatus::Error, 900),
            timed(HOUR_MS, EntryStatus::Warning, 30),
            entry(30 * HOUR_MS, "delivery.sent"),
            sent(HOUR_MS, "delivery.sent", EntryStatus::Success),
            sent(HOUR_MS, "delivery.retrying", EntryStatus::Warning),
            sent(0, "delivery.failed", EntryStatus::Error),
        ])
        .await;
    insta::assert_json_snapshot!(stage.get("/v1/logs/stats").await.body);
    let types = stage.get("/v1/logs/stats?hours=48").await.body["types"].clone();
    assert_eq!(types.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_file_runs_nothing_and_leads_on() {
    let stage = Stage::new();
    let entries = (0..1_500).map(|at| Entry { detail: "x".repeat(3_000), ..entry(at, "delivery.sent") });
    stage.put(entries.collect()).await;
    let risky = Entry { code: "=1+1".into(), detail: "@x \"q\", y".into(), ..entry(-5, "delivery.failed") };
    stage.put(vec![risky]).await;
    let (mut rows, mut path) = (Vec::new(), "/v1/logs.csv?event=delivery.*&type=delivery".to_owned());
    let mut files = 0;
    loop {
        let answer = stage.get(&path).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/csv; charset=utf-8; header=present"));
        let text = answer.body.as_str().unwrap().strip_prefix('\u{feff}').unwrap().to_owned();
        assert!(text.len() < 5 << 20, "{}", text.len());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        rows.extend(reader.records().map(|row| row.unwrap()));
        files += 1;
        let Some(link) = answer.headers.get("link") else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
        assert!(path.starts_with("/v1/logs.csv?type=delivery&event=delivery.%2A&cursor=log_"), "{path}");
    }
    assert_eq!((rows.len(), files > 0), (1_501, true));
    assert_eq!((&rows[0][14], &rows[0][15]), ("'=1+1", "'@x \"q\", y"));
}

#[tokio::test]
async fn another_tenant_sees_nothing() {
    let stage = Stage::new();
    stage.put(vec![entry(0, "delivery.sent")]).await;
    let id = stage.get("/v1/logs").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    let globex = key_of("globex", "*");
    let get = async |path: &str| call(&stage.app, &globex, Method::GET, path, Value::Null).await;
    assert_eq!(get("/v1/logs").await.body["items"], json!([]));
    assert_eq!(get("/v1/logs/stats").await.body["types"], json!([]));
    assert_eq!(get(&format!("/v1/logs/{id}")).await.status, 404);
    assert_eq!(get("/v1/logs.csv").await.body.as_str().unwrap().lines().count(), 1);
}
