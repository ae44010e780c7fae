//! What the pages of the log show and to whom, and that what the console changes is in it.

use crate::{
    stage::{Browser, Stage, scope},
    sweep::hostile::HOSTILE,
};
use domain::{
    ids::IntegrationId,
    log::{Direction, Entry, EntryStatus, EntryType, Filter, Stamped, pages},
    time::{HOUR_MS, MINUTE_MS, Timestamp},
};
use runtime::testing::START;
use store::{LogQuery, Logs};

fn entry(ago_ms: i64, event: &str, status: EntryStatus) -> Entry {
    let at = START.plus_ms(-ago_ms);
    Entry { external_system: "email".into(), ..Entry::new(at, EntryType::Delivery, event, Direction::Outbound, status) }
}

/// What failed, with everything that an entry may have.
fn failed(ago_ms: i64) -> Entry {
    Entry {
        code: "smtp_recipient_refused".into(),
        detail: format!("550 {HOSTILE}"),
        campaign: Some("spring".parse().unwrap()),
        delivery: Some("dlv_01JD0000000000000000000000".parse().unwrap()),
        integration: Some("int_01JD0000000000000000000000".parse().unwrap()),
        retry_count: 2,
        duration_ms: Some(1_250),
        ..entry(ago_ms, "delivery.failed", EntryStatus::Error)
    }
}

async fn put(stage: &Stage, entries: Vec<Entry>) {
    let acme = scope("acme");
    for page in pages(acme.tenant(), &entries.len().to_string(), entries, &[]) {
        stage.store.put_log_page(&acme, &page).await.unwrap();
    }
}

async fn logged(stage: &Stage, tenant: &str) -> Vec<Stamped> {
    let query = LogQuery { filter: Filter::default(), since: Timestamp(0), until: None };
    stage.store.log(&scope(tenant), &query, None, 1_000).await.unwrap().items
}

async fn somebody(stage: &Stage, tenant: &str, grants: &str) -> Browser {
    let seed = u8::try_from(tenant.len() + grants.len()).unwrap();
    let (key, _) = stage.key(tenant, grants, seed).await;
    stage.browser(&key).await
}

#[tokio::test]
async fn entries_are_listed_newest_first_and_lead_on() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    let empty = stage.get(&browser.session, "/console/logs").await;
    assert!(empty.body.contains("Nothing has happened yet") && empty.body.contains("hidden"), "{}", empty.body);
    let mut all: Vec<_> = (0..60).map(|n| entry(n * MINUTE_MS, "delivery.sent", EntryStatus::Success)).collect();
    all.push(failed(30 * MINUTE_MS + 1));
    put(&stage, all).await;
    let first = stage.get(&browser.session, "/console/logs").await;
    assert_eq!((first.status, first.body.matches("data-entry").count()), (200, 50));
    let next = first.body.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let second = stage.get(&browser.session, next.strip_prefix("/base").unwrap()).await;
    assert_eq!(second.body.matches("data-entry").count(), 11);
    assert!(!second.body.contains("data-tail="), "what comes new does not belong to an older page");

    let narrow = stage.look(&browser.session, "/console/logs?status=error&campaign_id=spring&span=1h", "ar").await;
    assert_eq!(narrow.body.matches("data-entry").count(), 1, "{}", narrow.body);
    assert!(narrow.body.contains("فشلت رسالة") && narrow.body.contains("smtp_recipient_refused"), "{}", narrow.body);
    assert!(narrow.body.contains("value=\"spring\""), "what was looked for is kept");
    let none = stage.get(&browser.session, "/console/logs?type=sync").await;
    assert!(none.body.contains("Nothing of this kind"), "{}", none.body);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_said_beside_the_form() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    let seen = stage.get(&browser.session, "/console/logs?campaign_id=%22%3E%3Cscript%3E&since=soon").await;
    assert_eq!(seen.status, 422, "{}", seen.body);
    assert!(seen.body.contains("role=\"alert\"") && seen.body.contains("name=\"campaign_id\""), "{}", seen.body);
    assert!(!seen.body.contains("<script>"), "{}", seen.body);
}

#[tokio::test]
async fn the_script_gets_what_is_new_as_rows() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    put(&stage, vec![entry(MINUTE_MS, "delivery.sent", EntryStatus::Success), failed(10 * MINUTE_MS)]).await;
    let page = stage.get(&browser.session, "/console/logs").await.body;
    assert!(page.contains("data-tail=\"/base/console/logs\"") && page.contains("role=\"status\""), "{page}");
    let rows = stage.part(&browser.session, "/console/logs", "rows").await;
    assert!(rows.body.starts_with("<tbody><tr data-entry=\"log_"), "{}", rows.body);
    assert_eq!(rows.body.matches("data-entry").count(), 1, "the last two minutes: {}", rows.body);
    let others = stage.part(&browser.session, "/console/logs?type=api", "rows").await;
    assert_eq!(others.body, "<tbody></tbody>");
}

#[tokio::test]
async fn an_entry_says_what_its_code_means_and_where_to_look_on() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    let call = Entry {
        code: "not_found".into(),
        request_id: "req-9".into(),
        http_status: Some(404),
        ..Entry::new(START, EntryType::Api, "GET /v1/keys/{id}", Direction::Inbound, EntryStatus::Warning)
    };
    put(&stage, vec![failed(5), call]).await;
    let ids: Vec<_> = logged(&stage, "acme").await.into_iter().map(|it| (it.entry.event.clone(), it.id)).collect();
    let of = |event: &str| format!("/console/logs/{}", ids.iter().find(|(it, _)| it == event).unwrap().1);
    for (language, reason) in [("en", "What to do:"), ("ar", "ما العمل:")] {
        let seen = stage.look(&browser.session, &of("delivery.failed"), language).await;
        assert!(seen.body.contains(reason), "{}", seen.body);
        assert!(!seen.body.contains("<script>alert"), "{}", seen.body);
        for target in [
            "/integrations/int_01JD0000000000000000000000",
            "/campaigns/spring\"",
            "/campaigns/spring/deliveries/dlv_01JD0000000000000000000000",
            "/logs?code=smtp_recipient_refused",
        ] {
            assert!(seen.body.contains(&format!("href=\"/base/console{target}")), "{target}: {}", seen.body);
        }
    }
    let call = stage.look(&browser.session, &of("GET /v1/keys/{id}"), "ar").await;
    assert!(call.body.contains("غير موجود") && call.body.contains("/logs?request_id=req-9"), "{}", call.body);
}

#[tokio::test]
async fn figures_are_shown_by_type_and_time() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    let nothing = stage.get(&browser.session, "/console/logs/stats").await;
    assert!(nothing.body.contains("Nothing happened in this time"), "{}", nothing.body);
    put(&stage, vec![entry(0, "delivery.sent", EntryStatus::Success), failed(0), failed(40 * HOUR_MS)]).await;
    let day = stage.get(&browser.session, "/console/logs/stats").await.body;
    assert!(
        day.contains("Entries: Without error 1, Errors 1") && day.contains("Deliveries: Sent 1, Failed 1"),
        "{day}"
    );
    assert!(day.contains("50%"), "{day}");
    for (span, columns) in [("7d", 28), ("30d", 30), ("90d", 30), ("x", 24)] {
        let seen = stage.look(&browser.session, &format!("/console/logs/stats?span={span}"), "ar").await.body;
        assert!(seen.contains(&format!("viewBox=\"0 0 {columns}0 104\"")), "{span}: {seen}");
        assert!(seen.len() <= 100_000, "{}", seen.len());
    }
}

#[tokio::test]
async fn a_short_log_is_one_file_and_a_long_one_comes_in_parts() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    put(&stage, vec![failed(5)]).await;
    let file = stage.get(&browser.session, "/console/logs/file.csv?type=delivery").await;
    assert_eq!(
        (file.status, file.headers["content-disposition"].to_str().unwrap()),
        (200, "attachment; filename=\"logs.csv\"")
    );
    assert_eq!((file.body.lines().count(), file.headers.contains_key("link")), (2, false));

    let long = |n: i64| Entry { detail: "x".repeat(1_500), ..entry(n, "delivery.sent", EntryStatus::Success) };
    put(&stage, (0..4_000).map(long).collect()).await;
    let whole = stage.get(&browser.session, "/console/logs/file.csv?type=delivery").await;
    assert_eq!((whole.status, whole.location()), (303, "/base/console/logs/parts?type=delivery"));
    let (mut rows, mut path, mut parts) = (0, "/console/logs/file.csv?type=delivery&part=1".to_owned(), 0);
    loop {
        let part = stage.get(&browser.session, &path).await;
        parts += 1;
        let named = format!("attachment; filename=\"logs-{parts}.csv\"");
        assert_eq!((part.status, part.headers["content-disposition"].to_str().unwrap()), (200, named.as_str()));
        assert!(part.body.len() < 6_000_000);
        rows += part.body.lines().count() - 1;
        let page = stage.get(&browser.session, &path.replace("file.csv", "parts")).await.body;
        assert!(page.contains(&format!("Part {parts}<")) && page.contains("Download this part"), "{page}");
        let Some(link) = part.headers.get("link") else {
            assert!(page.contains("the last part"), "{page}");
            break;
        };
        assert!(page.contains("rel=\"next\""), "{page}");
        let link = link.to_str().unwrap().strip_prefix("</base").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
        path = link.to_owned();
    }
    assert_eq!((rows, parts > 1), (4_001, true));
}

#[tokio::test]
async fn another_tenants_log_is_unknown_and_who_may_not_look_is_told() {
    let stage = Stage::new().await;
    put(&stage, vec![failed(5)]).await;
    let id = logged(&stage, "acme").await.remove(0).id;
    let other = somebody(&stage, "other", "*").await;
    assert_eq!(stage.get(&other.session, &format!("/console/logs/{id}")).await.status, 404);
    for path in ["/console/logs", "/console/logs?status=error", "/console/logs/stats"] {
        let seen = stage.get(&other.session, path).await;
        assert_eq!(seen.status, 200);
        assert!(!seen.body.contains("smtp_recipient_refused") && !seen.body.contains(&id.to_string()), "{path}");
    }
    let weak = somebody(&stage, "acme", "console:use keys:read").await;
    for path in ["/console/logs", "/console/logs/stats", "/console/logs/file.csv", "/console/logs/parts"] {
        assert_eq!(stage.get(&weak.session, path).await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn what_the_console_changes_is_in_the_log_and_looks_are_not() {
    let stage = Stage::new().await;
    let browser = somebody(&stage, "acme", "*").await;
    for path in ["/console", "/console/keys", "/console/logs"] {
        assert_eq!(stage.get(&browser.session, path).await.status, 200);
    }
    assert_eq!(logged(&stage, "acme").await, [], "a look leaves nothing");
    stage.post(&browser, "/console/keys/new", &[("name", "From a page"), ("scope", "keys:read")]).await;
    let unknown = IntegrationId::generate();
    stage.post(&browser, &format!("/console/integrations/{unknown}/disable"), &[]).await;
    let found: Vec<_> = logged(&stage, "acme").await.into_iter().map(|it| it.entry).collect();
    let mut told: Vec<_> = found.iter().map(|it| (it.event.as_str(), it.status, it.http_status)).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("POST /v1/integrations/{id}/disable", EntryStatus::Warning, Some(404)),
            ("POST /v1/keys", EntryStatus::Success, Some(201)),
        ]
    );
    assert!(found.iter().all(|it| it.principal.is_some() && it.request_id == "req-1"), "{found:?}");
}

#[tokio::test]
async fn the_dashboard_draws_the_day_and_leads_to_what_failed() {
    let stage = Stage::new().await;
    let mut mail = runtime::testing::integration(domain::channel::Provider::Smtp);
    mail.last_test = Some(domain::health::TestReport {
        status: domain::health::HealthStatus::Fail,
        code: "unreachable".into(),
        ..domain::health::TestReport::passed("", 5, START)
    });
    store::Integrations::save_integration(&*stage.store, &scope("acme"), &mail, None, false, &crate::stage::audit())
        .await
        .unwrap();
    let of_mail = |entry: Entry| Entry { integration: Some(mail.id.clone()), ..entry };
    let sent = (0..3).map(|n| of_mail(entry(n * HOUR_MS, "delivery.sent", EntryStatus::Success)));
    let gone = Entry { integration: Some(IntegrationId::generate()), ..failed(HOUR_MS) };
    put(&stage, sent.chain([of_mail(failed(0)), gone]).collect()).await;
    let browser = somebody(&stage, "acme", "*").await;
    for (language, label, rate) in [
        ("en", "Deliveries of the last 24 hours: Sent 3, Failed 2", "40%"),
        ("ar", "رسائل آخر 24 ساعة: أُرسلت 3، فشلت 2", "25%"),
    ] {
        let page = stage.look(&browser.session, "/console", language).await.body;
        assert!(page.contains(label) && page.contains(rate), "{page}");
        assert!(page.contains(&format!("/console/logs?integration_id={}\"", mail.id)), "{page}");
        assert!(page.matches(&START.to_rfc3339()).count() >= 2, "the last delivery is told: {page}");
    }
    let weak = somebody(&stage, "acme", "console:use integrations:read").await;
    let page = stage.get(&weak.session, "/console").await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("Failure rates") && !page.body.contains("Last delivery"), "{}", page.body);
    assert!(page.body.contains("#log\""), "to what they may see");
}
