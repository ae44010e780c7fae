//! The audit trail at the console: searched, checked in parts, taken along.

use crate::stage::{Browser, Stage, audit, scope};
use domain::{audit::AuditEntry, time::HOUR_MS};
use http::header;
use runtime::testing::START;
use store::Audit;

async fn scene() -> (Stage, Browser) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    for hour in 0..70 {
        let (target, detail) = (format!("thing-{hour}"), "=1+1, \"quoted\"".to_owned());
        let action = if hour == 3 { "key.created" } else { "thing.changed" };
        let entry = AuditEntry { action, target, detail, at: START.plus_ms(hour * HOUR_MS), ..audit() };
        stage.store.append_audit(&scope("acme"), &entry).await.unwrap();
    }
    stage.clock.advance_ms(100 * HOUR_MS);
    let browser = stage.browser(&key).await;
    (stage, browser)
}

#[tokio::test]
async fn the_newest_comes_first_and_the_rest_on_the_next_pages() {
    let (stage, browser) = scene().await;
    let page = stage.get(&browser.session, "/console/audit").await.body;
    assert!(page.find("thing-69").unwrap() < page.find("thing-68").unwrap());
    assert!(!page.contains("thing-10<"));
    let next = page.split("href=\"/base").find(|rest| rest.starts_with("/console/audit?cursor=")).unwrap();
    let next = next.split('"').next().unwrap().replace("&amp;", "&");
    let page = stage.get(&browser.session, &next).await.body;
    assert!(page.contains("thing-10<") && !page.contains("rel=\"next\""), "{page}");
}

#[tokio::test]
async fn it_is_searched_by_what_and_when_and_the_search_stays_in_the_form() {
    let (stage, browser) = scene().await;
    let page = stage.get(&browser.session, "/console/audit?action=key.cre&target=thing-").await.body;
    assert!(page.contains("thing-3<") && !page.contains("thing-4<") && page.contains("value=\"key.cre\""), "{page}");
    let day = stage.get(&browser.session, "/console/audit?from=2025-11-21&to=2025-11-21").await.body;
    assert!(day.contains("thing-12<") && day.contains("thing-35<"), "{day}");
    assert!(!day.contains("thing-11<") && !day.contains("thing-36<"), "{day}");
    let none = stage.look(&browser.session, "/console/audit?who=nobody", "ar").await.body;
    assert!(none.contains("لا نتيجة لبحثك."), "{none}");
    assert_eq!(stage.get(&browser.session, "/console/audit?from=yesterday").await.status, 422);
}

#[tokio::test]
async fn what_was_found_can_be_taken_along() {
    let (stage, browser) = scene().await;
    let file = stage.get(&browser.session, "/console/audit/file?as=csv&action=thing.").await;
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"audit.csv\"");
    assert_eq!(file.body.lines().count(), 70, "a head and 69 records");
    assert!(file.body.contains("\"'=1+1, \"\"quoted\"\"\""), "{}", file.body);
    let file = stage.get(&browser.session, "/console/audit/file?as=json&target=thing-7").await;
    let records: Vec<serde_json::Value> = serde_json::from_str(&file.body).unwrap();
    assert_eq!((records.len(), &records[0]["target"]), (1, &"thing-7".into()));
}

#[tokio::test]
async fn a_check_says_that_the_trail_is_whole_or_where_it_is_broken() {
    let (stage, browser) = scene().await;
    let count = stage.store.audit_head(&scope("acme")).await.unwrap().unwrap().seq;
    let checked = stage.post(&browser, "/console/audit/verify", &[]).await;
    let flash = crate::flash::Flash::read(&checked.cookie("__Host-flash").unwrap()).unwrap();
    assert_eq!(flash.text, format!("{count} records: the trail is whole"));
    stage.store.tamper_with_audit(&scope("acme"), |chain| {
        chain.records.get_mut(&9).unwrap().as_mut().unwrap().detail = "never mind".into();
    });
    let checked = stage.post(&browser, "/console/audit/verify", &[]).await;
    let flash = crate::flash::Flash::read(&checked.cookie("__Host-flash").unwrap()).unwrap();
    assert!(flash.text.starts_with("The trail is broken at record 9"), "{}", flash.text);
}

#[tokio::test]
async fn a_long_trail_is_checked_in_parts_that_are_counted_once() {
    let (stage, browser) = scene().await;
    for _ in 0..10_000 {
        stage.store.append_audit(&scope("acme"), &audit()).await.unwrap();
    }
    let count = stage.store.audit_head(&scope("acme")).await.unwrap().unwrap().seq;
    let part = stage.post(&browser, "/console/audit/verify", &[]).await;
    assert_eq!(part.status, 200);
    assert!(
        part.body.contains("10,000 records are right so far") && part.body.contains("data-continue"),
        "{}",
        part.body
    );
    assert!(part.body.contains(&format!("<progress max=\"{count}\" value=\"10000\"")), "{}", part.body);
    let cursor = part.body.split("name=\"cursor\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let rest = stage.post(&browser, "/console/audit/verify", &[("cursor", cursor)]).await;
    let flash = crate::flash::Flash::read(&rest.cookie("__Host-flash").unwrap()).unwrap();
    assert_eq!(flash.text, format!("10,{:03} records: the trail is whole", count - 10_000), "not counted twice");
}
