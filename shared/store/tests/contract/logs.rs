//! The log of everything.

use crate::fixtures::{NOON, acme, audit, scope};
use domain::{
    channel::Channel,
    ids::IntegrationId,
    log::{Direction, Entry, EntryStatus, EntryType, Filter, Hour, LogId, Page, PageId, Sends, Stamped, Way, pages},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use trunkline_store::{LogQuery, Store, StoreError};

fn entry(ms: i64, event: &str) -> Entry {
    let entry = Entry::new(NOON.plus_ms(ms), EntryType::Delivery, event, Direction::Outbound, EntryStatus::Success);
    Entry { duration_ms: Some(10), ..entry }
}

fn all() -> LogQuery {
    LogQuery { filter: Filter::default(), since: NOON.plus_ms(-DAY_MS), until: None }
}

fn paged(source: &str, entries: Vec<Entry>) -> Vec<Page> {
    pages(acme().tenant(), source, entries, &[])
}

async fn put(store: &impl Store, source: &str, entries: Vec<Entry>) {
    for page in paged(source, entries) {
        store.put_log_page(&acme(), &page).await.unwrap();
    }
}

/// Lists to the end, so many at a time.
async fn listed(store: &impl Store, query: &LogQuery, limit: usize) -> Vec<Stamped> {
    let (mut found, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.log(&acme(), query, cursor.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            return found;
        }
    }
}

fn events(found: &[Stamped]) -> Vec<&str> {
    found.iter().map(|it| it.entry.event.as_str()).collect()
}

pub(crate) async fn entries_come_newest_first_page_by_page(store: &impl Store) {
    put(store, "1", vec![entry(0, "a"), entry(2, "c"), entry(1, "b")]).await;
    put(store, "2", vec![entry(MINUTE_MS, "e"), entry(DAY_MS, "f")]).await;
    let page = PageId::of(NOON.plus_ms(3), [&b"r1"[..]]);
    store.put_log_entry(&acme(), page, &entry(3, "d")).await.unwrap();
    for limit in [1, 2, 5, 100] {
        let found = listed(store, &all(), limit).await;
        assert_eq!(events(&found), ["f", "e", "d", "c", "b", "a"], "{limit}");
        for stamped in &found {
            assert_eq!(store.log_entry(&acme(), stamped.id).await, Ok(Some(stamped.entry.clone())));
        }
    }
    assert_eq!(store.log(&acme(), &all(), Some("x"), 3).await, Err(StoreError::InvalidCursor));
    assert_eq!(store.log_entry(&acme(), LogId { page, place: 1 }).await, Ok(None));
}

pub(crate) async fn what_is_looked_for_is_found_in_its_span(store: &impl Store) {
    let integration = IntegrationId::generate();
    let others = (0..40).map(|ms| entry(ms, "delivery.sent"));
    let mine = (0..7).map(|ms| Entry { integration: Some(integration.clone()), ..entry(ms * 5, "delivery.failed") });
    put(store, "1", others.chain(mine).collect()).await;
    let of = LogQuery { filter: Filter::of_integration(&integration), ..all() };
    for limit in [1, 3, 7, 50] {
        let found = listed(store, &of, limit).await;
        let times: Vec<i64> = found.iter().map(|it| it.entry.at.since_ms(NOON)).collect();
        assert_eq!(times, [30, 25, 20, 15, 10, 5, 0], "{limit}");
    }
    let span = LogQuery { since: NOON.plus_ms(10), until: Some(NOON.plus_ms(20)), ..of.clone() };
    assert_eq!(listed(store, &span, 2).await.len(), 3, "both ends included");
    let later = LogQuery { since: NOON.plus_ms(41), ..all() };
    assert_eq!(listed(store, &later, 9).await, []);
    let earlier = LogQuery { until: Some(NOON.plus_ms(-1)), ..all() };
    assert_eq!(listed(store, &earlier, 9).await, []);
    let none = LogQuery { since: NOON.plus_ms(9), until: Some(NOON.plus_ms(-MINUTE_MS)), ..all() };
    assert_eq!(listed(store, &none, 9).await, []);
}

pub(crate) async fn a_page_is_counted_once_however_often_it_is_written(store: &impl Store) {
    let failed = Entry { status: EntryStatus::Error, duration_ms: None, count: 3, ..entry(1, "delivery.failed") };
    let single = Entry { kind: EntryType::Api, duration_ms: Some(70), ..entry(2, "GET /v1/keys") };
    let made = pages(acme().tenant(), "1", vec![entry(0, "delivery.sent"), failed], &[single]);
    for _ in 0..3 {
        for page in &made {
            store.put_log_page(&acme(), page).await.unwrap();
        }
    }
    let next_hour = paged("2", vec![entry(HOUR_MS, "delivery.sent")]);
    store.put_log_page(&acme(), &next_hour[0]).await.unwrap();
    let hours = store.log_hours(&acme(), NOON.plus_ms(5)).await.unwrap();
    assert_eq!(hours.iter().map(|it| it.hour).collect::<Vec<_>>(), [NOON, NOON.plus_ms(HOUR_MS)]);
    assert_eq!(hours[0].tally, made[0].tally);
    let figures = hours[0].tally.figures(EntryType::Delivery);
    assert_eq!((figures.count, figures.error, figures.p50_ms), (4, 3, Some(10)));
    assert_eq!(hours[0].tally.figures(EntryType::Api).p95_ms, Some(70));
    assert_eq!(listed(store, &all(), 9).await.len(), 3, "what was only counted stands elsewhere");
    let of_next = Hour { hour: NOON.plus_ms(HOUR_MS), tally: next_hour[0].tally.clone() };
    assert_eq!(store.log_hours(&acme(), NOON.plus_ms(HOUR_MS)).await, Ok(vec![of_next]));
}

pub(crate) async fn what_was_sent_is_counted_by_its_way(store: &impl Store) {
    let (mail, chat) = (IntegrationId::generate(), IntegrationId::generate());
    let sent = |ms, event: &str, channel: &str, integration: &IntegrationId| Entry {
        status: if event.ends_with("failed") { EntryStatus::Error } else { EntryStatus::Success },
        external_system: channel.to_owned(),
        integration: Some(integration.clone()),
        ..entry(ms, event)
    };
    let posted = Entry { kind: EntryType::Webhook, ..sent(5, "webhook.delivered", "webhook", &chat) };
    let of_mail = [sent(0, "delivery.sent", "email", &mail), sent(1, "delivery.failed", "email", &mail)];
    put(store, "1", of_mail.into_iter().chain([posted]).collect()).await;
    put(store, "2", vec![sent(2, "delivery.sent", "email", &mail), sent(3, "delivery.failed", "slack", &chat)]).await;
    let hours = store.log_hours(&acme(), NOON).await.unwrap();
    let way = |channel, integration: Option<&IntegrationId>| Way { channel, integration: integration.cloned() };
    let expected = [
        (way(Channel::Email, Some(&mail)), (2, 1, 2)),
        (way(Channel::Slack, Some(&chat)), (0, 1, 3)),
        (way(Channel::Webhook, None), (1, 0, 5)),
    ];
    let expected =
        expected.map(|(way, (sent, failed, last))| (way, Sends { sent, failed, last_at: Some(NOON.plus_ms(last)) }));
    assert_eq!(hours[0].tally.sends, expected.into());
}

pub(crate) async fn what_is_only_counted_is_counted_once_too(store: &impl Store) {
    let single = entry(0, "GET /v1/keys");
    let page = pages(acme().tenant(), "1", vec![], &[single]);
    for _ in 0..2 {
        store.put_log_page(&acme(), &page[0]).await.unwrap();
    }
    let hours = store.log_hours(&acme(), NOON).await.unwrap();
    assert_eq!(hours[0].tally.figures(EntryType::Delivery).count, 1);
    assert_eq!(listed(store, &all(), 9).await, []);
}

pub(crate) async fn of_another_tenant_nothing_is_seen(store: &impl Store) {
    put(store, "1", vec![entry(0, "a")]).await;
    let found = listed(store, &all(), 9).await;
    let globex = scope("globex");
    assert_eq!(store.log(&globex, &all(), None, 9).await.unwrap().items, []);
    assert_eq!(store.log_entry(&globex, found[0].id).await, Ok(None));
    assert_eq!(store.log_hours(&globex, NOON).await, Ok(vec![]));
}

pub(crate) async fn a_long_log_is_read_in_bounded_looks(store: &impl Store) {
    let noise = |ms: i64, number: i64| Entry {
        detail: format!("{:032x}", (ms * 31 + number).wrapping_mul(0x1E37_79B9_7F4A_7C15)),
        ..entry(ms, "delivery.sent")
    };
    for minute in 0..6 {
        let entries = (0..400).map(|number| noise(minute * MINUTE_MS + number, number)).collect();
        put(store, &minute.to_string(), entries).await;
    }
    put(store, "old", vec![entry(-HOUR_MS, "needle")]).await;
    let needle = LogQuery { filter: Filter { event: Some("needle".to_owned()), ..Filter::default() }, ..all() };
    assert_eq!(events(&listed(store, &needle, 1).await), ["needle"]);
    assert_eq!(listed(store, &all(), 1_000).await.len(), 2_401);
}

pub(crate) async fn an_erased_tenant_leaves_no_log(store: &impl Store) {
    let tenant = domain::tenant::Tenant::new(acme().tenant().clone(), "The company".to_owned(), NOON);
    store.create_tenant(&tenant, &audit("tenant.created")).await.unwrap();
    put(store, "1", (0..90).map(|day| entry(-day * DAY_MS, "a")).collect()).await;
    let alone = PageId::of(Timestamp(NOON.0), [&b"r1"[..]]);
    store.put_log_entry(&acme(), alone, &entry(0, "b")).await.unwrap();
    store.begin_erasure(&acme(), &audit("tenant.erasure_begun")).await.unwrap();
    while store.erase_access(&acme(), 25).await.unwrap() > 0 {}
    while store.erase_data(&acme(), 25).await.unwrap() > 0 {}
    let ever = LogQuery { since: Timestamp(0), ..all() };
    assert_eq!(listed(store, &ever, 9).await, []);
    assert_eq!(store.log_hours(&acme(), Timestamp(0)).await, Ok(vec![]));
}
