//! Counting what is turned away without a write for each: see [`Rejection::worth_writing`].

use domain::{
    hook::{Cause, Rejection},
    ids::HookId,
    time::Timestamp,
};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many hooks and causes are counted at a time.
const ENTRIES: usize = 1_000;

/// The counts of the minute, in this process.
#[derive(Default)]
pub(crate) struct Tallies(Mutex<HashMap<(HookId, Cause), Tally>>);

#[derive(Clone, Copy)]
struct Tally {
    minute: Timestamp,
    seen: u64,
    written: u64,
}

impl Tallies {
    /// Counts a call that was turned away. What is to be written of it, if anything is: with those before it that were
    /// not.
    pub(crate) fn add(&self, hook: &HookId, rejection: Rejection) -> Option<Rejection> {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tallies.len() >= ENTRIES {
            tallies.retain(|_, tally| tally.minute == rejection.minute);
            if tallies.len() >= ENTRIES {
                tallies.clear();
            }
        }
        let fresh = Tally { minute: rejection.minute, seen: 0, written: 0 };
        let tally = tallies.entry((hook.clone(), rejection.cause)).or_insert(fresh);
        if tally.minute != rejection.minute {
            *tally = fresh;
        }
        tally.seen += 1;
        if !Rejection::worth_writing(tally.seen) {
            return None;
        }
        let count = tally.seen - tally.written;
        tally.written = tally.seen;
        Some(Rejection { count, ..rejection })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::hook::{Call, minute_of};
    use std::collections::BTreeMap;

    fn rejection(now: Timestamp) -> Rejection {
        let headers = BTreeMap::new();
        let call = Call { url: "", headers: &headers, body: b"x" };
        Rejection::of(Cause::SignatureMismatch, &call, "203.0.113.7", None, now)
    }

    #[test]
    fn a_flood_is_written_a_few_times_and_at_least_half_of_it_is_counted() {
        let (tallies, hook) = (Tallies::default(), HookId::generate());
        let now = Timestamp(1_763_640_000_000);
        let written: Vec<u64> =
            (0..1_000).filter_map(|_| tallies.add(&hook, rejection(now))).map(|it| it.count).collect();
        assert_eq!(written, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(written.iter().sum::<u64>(), 512);
        let later = tallies.add(&hook, rejection(now.plus_ms(60_000))).unwrap();
        assert_eq!((later.count, later.minute), (1, minute_of(now).plus_ms(60_000)), "each minute begins anew");
        assert_eq!(tallies.add(&HookId::generate(), rejection(now)).unwrap().count, 1, "each hook by itself");
    }
}
