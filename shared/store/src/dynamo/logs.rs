//! The log of everything: pages in one partition, in the order of time, and counts by the hour in another.
//!
//! | name | what |
//! |---|---|
//! | `z` | a page: its entries as JSON, deflated |
//! | `j` | one entry alone, as JSON: what the stream is filtered for, because it is not counted yet |
//! | `ttl` | when DynamoDB may delete it |
//!
//! Counts are a flat attribute each: `n` and a kind's and a status's number, `d` and a kind's number and a class of
//! duration: `n02`, `d0_17`. What was sent is `s`, what failed `f`, when the newest of both ended `l`, and behind it a
//! channel's number and, for one integration, its id: `s0`, `f0int_01JD...`.

use super::{
    DynamoStore,
    attributes::{Item, get_number, get_text, number, size_of, text},
    calls::{Query, Table, Transacted, Write, corrupt},
    keys,
};
use crate::{LogQuery, Logs, Page as Listed, Result, StoreError, logs::Search};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use domain::{
    channel::Channel,
    health::{LATENCY_CLASSES, hour_of},
    log::{Entry, EntryStatus, EntryType, Hour, KEEP_MS, LogId, Page, PageId, Stamped, Tally, Way},
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};
use miniz_oxide::{deflate::compress_to_vec, inflate::decompress_to_vec_with_limit};

/// How long a page without entries is kept, in milliseconds: it only says that its changes were counted, to whoever
/// hands them over again, which a stream does for a day.
const COUNTED_KEEP_MS: i64 = 2 * DAY_MS;

/// How many pages are asked for first, and then: who lists the newest needs few.
const FIRST_READ: usize = 60;
const NEXT_READ: usize = 200;

/// How much one look reads at most, about.
const READ_MAX_PAGES: usize = 1_000;
const READ_MAX_BYTES: usize = 1 << 20;

/// Of nine levels of compression one that is fast: the second pass would save a tenth.
const LEVEL: u8 = 4;

/// A page may have grown since it was bounded, by no more than this.
const INFLATED_MAX_BYTES: usize = 4 * domain::log::PAGE_MAX_BYTES;

fn pack(entries: &[Entry]) -> Result<AttributeValue> {
    let json = serde_json::to_vec(entries).map_err(|error| unwritable(&error))?;
    Ok(AttributeValue::B(Blob::new(compress_to_vec(&json, LEVEL))))
}

fn unwritable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt { key: "(not written)".to_owned(), reason: error.to_string() }
}

/// The entries of a page, or the one that stands alone; none where something was only counted.
fn entries_in(item: &Item) -> Result<Vec<Entry>> {
    if let Some(alone) = alone_in(item)? {
        return Ok(vec![alone]);
    }
    let Some(packed) = item.get("z").and_then(|value| value.as_b().ok()) else { return Ok(Vec::new()) };
    let json = decompress_to_vec_with_limit(packed.as_ref(), INFLATED_MAX_BYTES)
        .map_err(|_| corrupt(item, "its entries cannot be unpacked"))?;
    serde_json::from_slice(&json).map_err(|error| corrupt(item, error.to_string()))
}

/// The entry that stands alone.
pub(super) fn alone_in(item: &Item) -> Result<Option<Entry>> {
    let Some(json) = get_text(item, "j") else { return Ok(None) };
    serde_json::from_str(json).map(Some).map_err(|error| corrupt(item, error.to_string()))
}

fn page_in(item: &Item) -> Result<PageId> {
    get_text(item, "sk").and_then(|sk| sk.parse().ok()).ok_or_else(|| corrupt(item, "the key names no page"))
}

fn place_of<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|it| it == one).unwrap_or_default()
}

fn count_name(kind: EntryType, status: EntryStatus) -> String {
    format!("n{}{}", place_of(EntryType::ALL, &kind), place_of(EntryStatus::ALL, &status))
}

fn class_name(kind: EntryType, class: usize) -> String {
    format!("d{}_{class}", place_of(EntryType::ALL, &kind))
}

/// What names of counts of this way end with.
fn way_name(way: &Way) -> String {
    let integration = way.integration.as_ref().map_or("", |id| id.as_str());
    format!("{}{integration}", place_of(&Channel::ALL, &way.channel))
}

fn way_named(name: &str) -> Option<Way> {
    let (channel, integration) = name.split_at_checked(1)?;
    let channel = *Channel::ALL.get(channel.parse::<usize>().ok()?)?;
    let integration = if integration.is_empty() { None } else { Some(integration.parse().ok()?) };
    Some(Way { channel, integration })
}

/// Adds counts to those of their hour.
fn counted(scope: &TenantScope, hour: Timestamp, tally: &Tally) -> Write {
    let counts = tally.counts.iter().map(|((kind, status), count)| (count_name(*kind, *status), *count));
    let classes = tally.classes.iter().map(|((kind, class), count)| (class_name(*kind, *class), *count));
    let sends = tally.sends.iter().flat_map(|(way, sends)| {
        let way = way_name(way);
        [(format!("s{way}"), sends.sent), (format!("f{way}"), sends.failed)]
    });
    let all: Vec<(String, u64)> = counts.chain(classes).chain(sends.filter(|(_, count)| *count > 0)).collect();
    let newest = tally.sends.iter().filter_map(|(way, sends)| Some((format!("l{}", way_name(way)), sends.last_at?)));
    let moments: Vec<(String, Timestamp)> = newest.collect();
    let sums: Vec<String> = all.iter().map(|(name, _)| format!("#{name} :{name}")).collect();
    let sets = moments.iter().map(|(name, _)| format!("#{name} = :{name}"));
    let sets: Vec<String> = ["#ttl = :ttl".to_owned()].into_iter().chain(sets).collect();
    let expression = format!("SET {} ADD {}", sets.join(", "), sums.join(", "));
    let write = Write::update(keys::log_hour(scope, hour), expression)
        .value(":ttl", number(hour.plus_ms(KEEP_MS).as_seconds()));
    let write = moments.into_iter().fold(write, |write, (name, at)| write.value(&format!(":{name}"), number(at.0)));
    all.into_iter().fold(write, |write, (name, count)| write.value(&format!(":{name}"), number(count)))
}

fn hour_in(item: &Item) -> Result<Hour> {
    let hour = get_text(item, "sk").and_then(|sk| sk.parse().ok()).map(Timestamp);
    let hour = hour.ok_or_else(|| corrupt(item, "the key names no hour"))?;
    let mut tally = Tally::default();
    for kind in EntryType::ALL.iter().copied() {
        for status in EntryStatus::ALL.iter().copied() {
            if let Some(count) = get_number(item, &count_name(kind, status)) {
                tally.counts.insert((kind, status), count);
            }
        }
        for class in 0..LATENCY_CLASSES {
            if let Some(count) = get_number(item, &class_name(kind, class)) {
                tally.classes.insert((kind, class), count);
            }
        }
    }
    for name in item.keys() {
        let (what, way) = name.split_at_checked(1).unwrap_or_default();
        let Some(way) = way_named(way).filter(|_| ["s", "f", "l"].contains(&what)) else { continue };
        let sends = tally.sends.entry(way).or_default();
        match what {
            "s" => sends.sent = get_number(item, name).unwrap_or_default(),
            "f" => sends.failed = get_number(item, name).unwrap_or_default(),
            _ => sends.last_at = get_number(item, name).map(Timestamp),
        }
    }
    Ok(Hour { hour, tally })
}

impl Logs for DynamoStore {
    async fn put_log_entry(&self, scope: &TenantScope, page: PageId, entry: &Entry) -> Result<()> {
        let mut item = keys::log_page(scope, page).item();
        item.insert("j".to_owned(), text(serde_json::to_string(entry).map_err(|error| unwritable(&error))?));
        item.insert("ttl".to_owned(), number(entry.at.plus_ms(KEEP_MS).as_seconds()));
        self.write(Write::put(item)).await.map(|_| ())
    }

    async fn put_log_page(&self, scope: &TenantScope, page: &Page) -> Result<()> {
        let mut item = keys::log_page(scope, page.id).item();
        let newest = page.id.newest();
        let keep_ms = if page.entries.is_empty() { COUNTED_KEEP_MS } else { KEEP_MS };
        item.insert("ttl".to_owned(), number(newest.plus_ms(keep_ms).as_seconds()));
        if !page.entries.is_empty() {
            item.insert("z".to_owned(), pack(&page.entries)?);
        }
        let put = Write::put(item).only_if("attribute_not_exists(pk)");
        if page.tally.is_empty() {
            return self.write(put).await.map(|_| ());
        }
        let count = counted(scope, hour_of(newest), &page.tally);
        match self.transact(&[put, count]).await? {
            // It was written before, and counted with it.
            Transacted::Done | Transacted::Refused(..) => Ok(()),
        }
    }

    async fn log(
        &self,
        scope: &TenantScope,
        query: &LogQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed<Stamped>> {
        let mut search = Search::new(query, cursor, limit)?;
        let (first, mut last) = search.bounds();
        let (mut pages, mut bytes) = (0, 0);
        let mut wanted = FIRST_READ;
        while first <= last {
            let range = Query::of(keys::log_pages(scope), "pk = :pk AND sk BETWEEN :first AND :last")
                .value(":first", text(first.to_string()))
                .value(":last", text(last.to_string()))
                .backward();
            let found = self.query(range, wanted, |_| true).await?;
            for item in &found {
                let page = page_in(item)?;
                // One that cannot be read must not hide the others.
                let entries = entries_in(item).unwrap_or_else(|error| {
                    tracing::error!(%error, "a page of the log is passed over");
                    Vec::new()
                });
                if let Some(next) = search.look(page, entries) {
                    return Ok(search.listed(Some(next)));
                }
                bytes += size_of(item);
            }
            pages += found.len();
            let more = found.len() == wanted;
            let (Some(reached), true) = (found.last().map(page_in).transpose()?, more) else { break };
            if pages >= READ_MAX_PAGES || bytes >= READ_MAX_BYTES {
                return Ok(search.listed(Some(LogId { page: reached, place: 0 })));
            }
            let Some(before) = reached.before() else { break };
            last = before;
            wanted = NEXT_READ;
        }
        Ok(search.listed(None))
    }

    async fn log_entry(&self, scope: &TenantScope, id: LogId) -> Result<Option<Entry>> {
        // A caller may have its id from an answer a moment ago.
        let Some(item) = self.get_unchanging(Table::Tenant, keys::log_page(scope, id.page)).await? else {
            return Ok(None);
        };
        Ok(entries_in(&item)?.into_iter().nth(usize::from(id.place)))
    }

    async fn log_hours(&self, scope: &TenantScope, since: Timestamp) -> Result<Vec<Hour>> {
        let query = Query::of(keys::log_hours(scope), "pk = :pk AND sk >= :since")
            .value(":since", text(keys::moment(hour_of(since))));
        self.query(query, usize::MAX, |_| true).await?.iter().map(hour_in).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::log::{Direction, PAGE_MAX_BYTES};
    use proptest::prelude::*;

    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "\\PC{0,40}"]
    }

    prop_compose! {
        fn entries()(
            at in 0..4_000_000_000_000_i64,
            kind in prop::sample::select(EntryType::ALL),
            status in prop::sample::select(EntryStatus::ALL),
            direction in prop::sample::select(Direction::ALL),
            (event, code, detail, request_id, external_system) in (texts(), texts(), texts(), texts(), texts()),
            (http_status, duration_ms) in any::<(Option<u16>, Option<u32>)>(),
            (generation, retry_count, count) in any::<(u64, u32, u32)>(),
            integration in prop::option::of("int_[0-9A-HJKMNP-TV-Z]{26}"),
            hook in prop::option::of("whk_[0-9A-HJKMNP-TV-Z]{26}"),
            campaign in prop::option::of("[A-Za-z0-9._-]{1,64}"),
            delivery in prop::option::of("dlv_[0-9A-HJKMNP-TV-Z]{26}"),
            principal in prop::option::of("key_[0-9A-HJKMNP-TV-Z]{26}"),
        ) -> Entry {
            Entry {
                http_status,
                duration_ms,
                integration: integration.map(|id| id.parse().unwrap()),
                hook: hook.map(|id| id.parse().unwrap()),
                campaign: campaign.map(|id| id.parse().unwrap()),
                delivery: delivery.map(|id| id.parse().unwrap()),
                generation,
                retry_count,
                code,
                detail,
                request_id,
                principal: principal.map(|id| domain::principal::Principal::ApiKey(id.parse().unwrap())),
                external_system,
                count,
                ..Entry::new(Timestamp(at), kind, event, direction, status)
            }
        }
    }

    proptest! {
        #[test]
        fn a_page_is_unpacked_as_it_was_packed(all in prop::collection::vec(entries(), 0..40)) {
            let item = Item::from([("z".to_owned(), pack(&all).unwrap())]);
            prop_assert_eq!(entries_in(&item).unwrap(), all);
        }

        #[test]
        fn an_entry_alone_is_read_as_it_was_written(entry in entries()) {
            let item = Item::from([("j".to_owned(), text(serde_json::to_string(&entry).unwrap()))]);
            prop_assert_eq!(entries_in(&item).unwrap(), vec![entry]);
        }
    }

    /// What the decision for pages rests on: a delivery costs a small share of a write.
    #[test]
    fn a_full_page_is_a_few_write_units() {
        let request = domain::ids::RequestId::generate();
        let integration = domain::ids::IntegrationId::generate();
        let entry = |member: u16| Entry {
            integration: Some(integration.clone()),
            campaign: Some("spring".parse().unwrap()),
            delivery: Some(
                domain::bundle::BundleId { request: request.clone(), number: Some(member / 25), generation: 0 }
                    .delivery(member % 25),
            ),
            external_system: "slack".into(),
            ..Entry::new(
                Timestamp(1_763_640_000_000 + i64::from(member / 25) * 40),
                EntryType::Delivery,
                "delivery.sent",
                Direction::Outbound,
                EntryStatus::Success,
            )
        };
        let all: Vec<Entry> = (0..300).map(entry).collect();
        assert!(serde_json::to_string(&all).unwrap().len() < PAGE_MAX_BYTES);
        let item = Item::from([("z".to_owned(), pack(&all).unwrap())]);
        assert!(size_of(&item) < 300 * 16, "{} bytes for 300 entries", size_of(&item));
    }

    #[test]
    fn what_is_no_page_is_corrupt_and_does_not_take_all_memory() {
        let bomb = compress_to_vec(&vec![b' '; INFLATED_MAX_BYTES + 1], 9);
        for bytes in [b"nonsense".to_vec(), bomb] {
            let item = Item::from([("z".to_owned(), AttributeValue::B(Blob::new(bytes)))]);
            assert!(matches!(entries_in(&item), Err(StoreError::Corrupt { .. })));
        }
    }
}
