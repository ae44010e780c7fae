//! Pages: many entries in one record, so that each costs a small share of a write.

use super::{Entry, LogId, PageId, Tally};
use crate::{
    ids::TenantId,
    time::{MINUTE_MS, Timestamp},
};

/// How many bytes the entries of a page may have as JSON, before they are compressed.
pub const PAGE_MAX_BYTES: usize = 64 << 10;

/// Some entries of one tenant and minute, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its name, which grows out of the changes that it tells of.
    pub id: PageId,
    /// At least one, unless there is only something to count.
    pub entries: Vec<Entry>,
    /// What is counted with it: its own entries, and those that were stored one by one.
    pub tally: Tally,
}

impl Page {
    /// The minute (UTC) in which all of a page's entries happened.
    #[must_use]
    pub const fn minute_of(at: Timestamp) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(MINUTE_MS))
    }
}

/// An entry with the name by which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Its name.
    pub id: LogId,
    /// What it says.
    pub entry: Entry,
}

/// Makes pages of one tenant's entries: one a minute, more where they are too large. `single` are entries that are stored
/// already, one by one, and only have to be counted. `source` names the changes that all of it came from: the same
/// entries from the same source are the same pages.
#[must_use]
pub fn pages(tenant: &TenantId, source: &str, entries: Vec<Entry>, single: &[Entry]) -> Vec<Page> {
    let mut minutes: std::collections::BTreeMap<Timestamp, (Vec<Entry>, Tally)> = std::collections::BTreeMap::new();
    for entry in entries {
        let (told, tally) = minutes.entry(Page::minute_of(entry.at)).or_default();
        tally.count(&entry);
        told.push(entry);
    }
    for entry in single {
        minutes.entry(Page::minute_of(entry.at)).or_default().1.count(entry);
    }
    minutes
        .into_iter()
        .flat_map(|(minute, (entries, tally))| of_minute(tenant, source, minute, entries, tally))
        .collect()
}

fn of_minute(
    tenant: &TenantId,
    source: &str,
    minute: Timestamp,
    mut entries: Vec<Entry>,
    tally: Tally,
) -> impl Iterator<Item = Page> {
    entries.sort_by_key(|entry| entry.at);
    let mut parts: Vec<Vec<Entry>> = vec![Vec::new()];
    let mut bytes = 0;
    for entry in entries {
        let size = serde_json::to_string(&entry).map_or(0, |json| json.len() + 1);
        if bytes + size > PAGE_MAX_BYTES && bytes > 0 {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(entry);
        }
    }
    let name = |newest: Timestamp, part: usize| {
        let parts = [tenant.as_str(), source, &minute.0.to_string(), &part.to_string()].map(str::to_owned);
        PageId::of(newest, parts.iter().map(String::as_bytes))
    };
    // What is counted is counted with the first part.
    let mut tally = Some(tally);
    let pages: Vec<Page> = parts
        .into_iter()
        .enumerate()
        .map(|(part, entries)| Page {
            id: name(entries.last().map_or(minute, |newest| newest.at), part),
            entries,
            tally: tally.take().unwrap_or_default(),
        })
        .collect();
    pages.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Direction, EntryStatus, EntryType};

    fn entry(at: i64, detail: &str) -> Entry {
        Entry {
            detail: detail.to_owned(),
            ..Entry::new(Timestamp(at), EntryType::Delivery, "delivery.sent", Direction::Outbound, EntryStatus::Success)
        }
    }

    fn made(entries: Vec<Entry>, single: &[Entry]) -> Vec<Page> {
        pages(&"acme".parse().unwrap(), "001", entries, single)
    }

    #[test]
    fn a_page_is_of_one_minute_and_sorted() {
        let found = made(vec![entry(61_000, ""), entry(59_999, ""), entry(60_000, "")], &[]);
        let times: Vec<Vec<i64>> = found.iter().map(|page| page.entries.iter().map(|it| it.at.0).collect()).collect();
        assert_eq!(times, [vec![59_999], vec![60_000, 61_000]]);
        assert_eq!(found[1].id.newest(), Timestamp(61_000));
        assert_eq!(made(vec![], &[]), []);
    }

    #[test]
    fn a_page_is_split_before_it_is_too_large_and_counted_once() {
        let many: Vec<Entry> = (0..1_000).map(|at| entry(at, &"x".repeat(200))).collect();
        let found = made(many.clone(), &[]);
        assert!(found.len() > 2, "{}", found.len());
        for page in &found {
            let bytes = serde_json::to_string(&page.entries).unwrap().len();
            assert!(bytes <= PAGE_MAX_BYTES + 1, "{bytes}");
        }
        let all: Vec<Entry> = found.iter().flat_map(|page| page.entries.clone()).collect();
        assert_eq!(all, many);
        let mut whole = Tally::default();
        for page in &found {
            whole.add(&page.tally);
        }
        assert_eq!(whole.figures(EntryType::Delivery).count, 1_000);
        let names: std::collections::BTreeSet<_> = found.iter().map(|page| page.id).collect();
        assert_eq!(names.len(), found.len());
        assert_eq!(made(many, &[]), found, "the same changes are the same pages");
    }

    #[test]
    fn what_is_stored_already_is_only_counted() {
        let found = made(vec![entry(1, "")], &[entry(2, ""), entry(60_000, "")]);
        let counts: Vec<_> =
            found.iter().map(|page| (page.entries.len(), page.tally.figures(EntryType::Delivery).count)).collect();
        assert_eq!(counts, [(1, 2), (0, 1)]);
    }
}
