//! A small map whose entries are trusted for a limited time, for what a warm function may remember between messages.

use domain::time::Timestamp;
use std::{collections::HashMap, hash::Hash, sync::Mutex};

/// How many entries a map holds before the expired ones, or failing that all, are dropped.
const CAPACITY: usize = 500;

/// Values that are trusted for `ttl_ms` milliseconds.
pub(crate) struct Expiring<K, V> {
    ttl_ms: i64,
    entries: Mutex<HashMap<K, (Timestamp, V)>>,
}

impl<K: Hash + Eq, V: Clone> Expiring<K, V> {
    pub(crate) fn new(ttl_ms: i64) -> Self {
        Self { ttl_ms, entries: Mutex::default() }
    }

    /// The value, if it was put less than the time to live ago.
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.lock();
        entries.get(key).filter(|(put, _)| now.since_ms(*put) < self.ttl_ms).map(|(_, value)| value.clone())
    }

    pub(crate) fn put(&self, key: K, value: V, now: Timestamp) {
        let mut entries = self.lock();
        if entries.len() >= CAPACITY {
            entries.retain(|_, (put, _)| now.since_ms(*put) < self.ttl_ms);
            if entries.len() >= CAPACITY {
                entries.clear();
            }
        }
        entries.insert(key, (now, value));
    }

    pub(crate) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<K, (Timestamp, V)>> {
        // A panic while the lock was held leaves at worst a missing entry, which is read again.
        self.entries.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_trusted_for_its_time_only() {
        let map = Expiring::new(10);
        map.put("a", 1, Timestamp(0));
        assert_eq!(map.get(&"a", Timestamp(9)), Some(1));
        assert_eq!(map.get(&"a", Timestamp(10)), None);
        map.forget(&"a");
        assert_eq!(map.get(&"a", Timestamp(0)), None);
    }

    #[test]
    fn the_map_stays_bounded() {
        let map = Expiring::new(10);
        for key in 0..2 * CAPACITY {
            map.put(key, (), Timestamp(0));
        }
        assert!(map.lock().len() <= CAPACITY);
    }
}
