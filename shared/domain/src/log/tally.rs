//! What figures of the log are made from: counts by the hour.

use super::{Entry, EntryStatus, EntryType, Sends, WAYS_MAX, Way, percent};
use crate::{
    health::{HealthTally, LATENCY_CLASSES, LATENCY_CLASSES_MS},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// Entries, counted by kind, status and class of duration (the classes of [`LATENCY_CLASSES_MS`]).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many of a kind went how.
    pub counts: BTreeMap<(EntryType, EntryStatus), u64>,
    /// How many of a kind took as long as this class says. What took longer than the last class is in the last.
    pub classes: BTreeMap<(EntryType, usize), u64>,
    /// What was sent, by each way that something went.
    pub sends: BTreeMap<Way, Sends>,
}

impl Tally {
    /// Counts an entry.
    pub fn count(&mut self, entry: &Entry) {
        let times = u64::from(entry.count);
        *self.counts.entry((entry.kind, entry.status)).or_default() += times;
        if let Some(duration_ms) = entry.duration_ms {
            *self.classes.entry((entry.kind, HealthTally::class(u64::from(duration_ms)))).or_default() += times;
        }
        if let Some(way) = Way::of(entry) {
            let is_told_apart = self.sends.contains_key(&way) || self.sends.len() < WAYS_MAX;
            let way = if is_told_apart { way } else { Way::of_channel(way.channel) };
            self.sends.entry(way).or_default().count(entry);
        }
    }

    /// Counts what another tally counted.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.counts {
            *self.counts.entry(*key).or_default() += count;
        }
        for (key, count) in &other.classes {
            *self.classes.entry(*key).or_default() += count;
        }
        for (way, sends) in &other.sends {
            self.sends.entry(way.clone()).or_default().add(sends);
        }
    }

    /// Whether it counts nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The figures of one kind.
    #[must_use]
    pub fn figures(&self, kind: EntryType) -> Figures {
        let of = |status| self.counts.get(&(kind, status)).copied().unwrap_or(0);
        let [success, warning, error] = [EntryStatus::Success, EntryStatus::Warning, EntryStatus::Error].map(of);
        let count = success + warning + error;
        let classes: [u64; LATENCY_CLASSES] =
            std::array::from_fn(|class| self.classes.get(&(kind, class)).copied().unwrap_or(0));
        let timed: u64 = classes.iter().sum();
        let percentile = |percent: u64| {
            let rank = (timed * percent).div_ceil(100).max(1);
            let mut up_to = 0;
            let class = classes.iter().position(|count| {
                up_to += count;
                up_to >= rank
            });
            class.map(|class| LATENCY_CLASSES_MS[class])
        };
        let error_rate_percent = percent(error, count);
        Figures { count, success, warning, error, error_rate_percent, p50_ms: percentile(50), p95_ms: percentile(95) }
    }
}

/// Figures of one kind over a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// How many entries.
    pub count: u64,
    /// Of them, those that went well.
    pub success: u64,
    /// Those that did not go well and may still.
    pub warning: u64,
    /// Those that failed.
    pub error: u64,
    /// The share of those that failed, in per cent.
    pub error_rate_percent: f64,
    /// The median duration, in milliseconds: the longest of its class. `None` where no duration is known.
    pub p50_ms: Option<u64>,
    /// The 95th percentile, likewise.
    pub p95_ms: Option<u64>,
}

/// The entries of one clock hour (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hour {
    /// When it began.
    pub hour: Timestamp,
    /// Its entries.
    pub tally: Tally,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Direction;

    fn entry(kind: EntryType, status: EntryStatus, duration_ms: Option<u32>) -> Entry {
        Entry { duration_ms, ..Entry::new(Timestamp(0), kind, "e", Direction::Inbound, status) }
    }

    #[test]
    fn figures_are_of_one_kind() {
        let mut tally = Tally::default();
        for ms in 1..=19 {
            tally.count(&entry(EntryType::Api, EntryStatus::Success, Some(ms * 10)));
        }
        tally.count(&entry(EntryType::Api, EntryStatus::Error, Some(30_000)));
        tally.count(&Entry { count: 5, ..entry(EntryType::Webhook, EntryStatus::Error, None) });
        let api = tally.figures(EntryType::Api);
        assert_eq!((api.count, api.success, api.warning, api.error), (20, 19, 0, 1));
        assert_eq!((api.p50_ms, api.p95_ms), (Some(100), Some(200)));
        assert!((api.error_rate_percent - 5.0).abs() < 1e-9);
        let webhook = tally.figures(EntryType::Webhook);
        assert_eq!((webhook.count, webhook.p50_ms), (5, None));
        assert!((webhook.error_rate_percent - 100.0).abs() < 1e-9);
        let none = tally.figures(EntryType::Sync);
        assert_eq!((none.count, none.error_rate_percent.to_bits()), (0, 0));
    }

    #[test]
    fn tallies_add_up() {
        let all = [
            entry(EntryType::Api, EntryStatus::Success, Some(3)),
            entry(EntryType::Api, EntryStatus::Success, Some(3)),
            entry(EntryType::Probe, EntryStatus::Warning, None),
        ];
        let (mut whole, mut parts) = (Tally::default(), Tally::default());
        for entry in &all {
            whole.count(entry);
            let mut part = Tally::default();
            part.count(entry);
            parts.add(&part);
        }
        assert_eq!(whole, parts);
    }
}
