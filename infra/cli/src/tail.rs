//! Following the log: every entry once, though entries come late and not in order.
//!
//! An entry is written some seconds after what it tells of, and one that happened earlier may be written later. So each look
//! begins a while before the newest entry that was seen, and what was seen in that while is known by its id.

use api::logs::LogEntryView;
use domain::{
    log::LogId,
    time::{MINUTE_MS, Timestamp},
};
use std::collections::BTreeMap;

/// How long an entry may take to be written, in milliseconds: many times what it takes while nothing is wrong. An alarm
/// tells if the log is later than that (`RecordBehind`).
pub const OVERLAP_MS: i64 = 2 * MINUTE_MS;

/// Where a follower of the log is.
#[derive(Debug)]
pub struct Tail {
    /// Nothing from before is shown.
    since: Timestamp,
    /// When the newest entry happened that was seen, by the clock of who wrote it, which may not be ours.
    newest: Timestamp,
    /// What was shown and would be found again, and when it happened.
    seen: BTreeMap<LogId, Timestamp>,
}

impl Tail {
    /// Follows the log from a moment on.
    #[must_use]
    pub const fn since(since: Timestamp) -> Self {
        Self { since, newest: since, seen: BTreeMap::new() }
    }

    /// From where on the next look has to be.
    #[must_use]
    pub fn from(&self) -> Timestamp {
        self.since.max(self.newest.plus_ms(-OVERLAP_MS))
    }

    /// What was not shown yet of all that was found from [`Tail::from`] on, the oldest first.
    pub fn fresh(&mut self, found: Vec<LogEntryView>) -> Vec<LogEntryView> {
        let before = self.newest;
        let at = |entry: &LogEntryView| Timestamp::parse(&entry.at).unwrap_or(before);
        let mut fresh: Vec<_> =
            found.into_iter().filter(|entry| self.seen.insert(entry.id, at(entry)).is_none()).collect();
        fresh.sort_by_key(|entry| (at(entry), entry.id));
        self.newest = fresh.last().map_or(before, |last| before.max(at(last)));
        let from = self.from();
        self.seen.retain(|_, at| *at >= from);
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::log::{Direction, Entry, EntryStatus, EntryType, PageId, Stamped};
    use proptest::prelude::*;

    const START: Timestamp = Timestamp(1_763_640_000_000);

    fn entry(at: Timestamp, name: usize) -> LogEntryView {
        let entry = Entry::new(at, EntryType::Api, name.to_string(), Direction::Inbound, EntryStatus::Success);
        let id = LogId { page: PageId::of(at, [name.to_string().as_bytes()]), place: 0 };
        LogEntryView::from(Stamped { id, entry })
    }

    proptest! {
        /// Entries that happen at any time, each written up to a minute later, looked for every few seconds.
        #[test]
        fn nothing_is_lost_and_nothing_comes_twice(
            entries in prop::collection::vec((0..600_000_i64, 0..60_000_i64), 0..80), pause_ms in 500..20_000_i64
        ) {
            let mut tail = Tail::since(START);
            let mut shown = Vec::new();
            let mut now = START;
            while now.since_ms(START) < 700_000 {
                now = now.plus_ms(pause_ms);
                let from = tail.from();
                let written = entries.iter().enumerate().filter(|(_, (at, late))| {
                    let at = START.plus_ms(*at);
                    at >= from && at.plus_ms(*late) <= now
                });
                let found = written.map(|(name, (at, _))| entry(START.plus_ms(*at), name)).rev().collect();
                shown.extend(tail.fresh(found).into_iter().map(|it| it.event));
            }
            shown.sort_by_key(|name| name.parse::<usize>().unwrap());
            let all: Vec<_> = (0..entries.len()).map(|name| name.to_string()).collect();
            prop_assert_eq!(shown, all);
        }
    }

    #[test]
    fn what_is_long_seen_is_forgotten() {
        let mut tail = Tail::since(START);
        assert_eq!(tail.fresh(vec![entry(START, 0)]).len(), 1);
        assert_eq!(tail.fresh(vec![entry(START, 0)]).len(), 0);
        assert_eq!(tail.fresh(vec![entry(START.plus_ms(OVERLAP_MS + 1), 1)]).len(), 1);
        assert_eq!((tail.seen.len(), tail.from()), (1, START.plus_ms(1)));
    }
}
