//! A small map whose entries are trusted for a limited time, for what a warm function may remember between messages.

use domain::time::Timestamp;
use std::{
    collections::HashMap,
    future::Future,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::OnceCell;

/// How many entries a map holds before the expired ones, or failing that all, are dropped.
const CAPACITY: usize = 500;

/// Values that are trusted for `ttl_ms` milliseconds.
pub(crate) struct Expiring<K, V> {
    ttl_ms: i64,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

struct Entry<V> {
    since: Timestamp,
    /// Filled by the first to ask; whoever asks meanwhile waits for that one answer.
    value: Arc<OnceCell<V>>,
}

impl<K: Hash + Eq, V: Clone> Expiring<K, V> {
    pub(crate) fn new(ttl_ms: i64) -> Self {
        Self { ttl_ms, entries: Mutex::default() }
    }

    /// The value, if it was put less than the time to live ago.
    pub(crate) fn get(&self, key: &K, now: Timestamp) -> Option<V> {
        let entries = self.lock();
        entries.get(key).filter(|entry| self.fresh(entry, now)).and_then(|entry| entry.value.get().cloned())
    }

    /// The value, or what `load` finds. The bundles of a batch ask for the same things at the same time: only one of
    /// them loads. What is not there, or could not be read, is asked for again the next time.
    pub(crate) async fn get_or_load<E>(
        &self,
        key: K,
        now: Timestamp,
        load: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        let slot = self.slot(key, now);
        let loaded = slot
            .get_or_try_init(|| async {
                match load.await {
                    Ok(Some(value)) => Ok(value),
                    Ok(None) => Err(None),
                    Err(error) => Err(Some(error)),
                }
            })
            .await;
        match loaded {
            Ok(value) => Ok(Some(value.clone())),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    pub(crate) fn put(&self, key: K, value: V, now: Timestamp) {
        self.insert(&mut self.lock(), key, Arc::new(OnceCell::new_with(Some(value))), now);
    }

    pub(crate) fn forget(&self, key: &K) {
        self.lock().remove(key);
    }

    fn slot(&self, key: K, now: Timestamp) -> Arc<OnceCell<V>> {
        let mut entries = self.lock();
        if let Some(entry) = entries.get(&key).filter(|entry| self.fresh(entry, now)) {
            return Arc::clone(&entry.value);
        }
        let value = Arc::default();
        self.insert(&mut entries, key, Arc::clone(&value), now);
        value
    }

    fn insert(&self, entries: &mut HashMap<K, Entry<V>>, key: K, value: Arc<OnceCell<V>>, now: Timestamp) {
        if entries.len() >= CAPACITY {
            entries.retain(|_, entry| self.fresh(entry, now));
            if entries.len() >= CAPACITY {
                entries.clear();
            }
        }
        entries.insert(key, Entry { since: now, value });
    }

    fn fresh(&self, entry: &Entry<V>, now: Timestamp) -> bool {
        now.since_ms(entry.since) < self.ttl_ms
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Entry<V>>> {
        // A panic while the lock was held leaves at worst a missing entry, which is read again.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[tokio::test]
    async fn whoever_asks_at_the_same_time_shares_one_answer() {
        let map = Expiring::new(10);
        let loads = std::cell::Cell::new(0);
        let load = async || {
            loads.set(loads.get() + 1);
            tokio::task::yield_now().await;
            Ok::<_, ()>(Some(7))
        };
        let both =
            tokio::join!(map.get_or_load("a", Timestamp(0), load()), map.get_or_load("a", Timestamp(0), load()),);
        assert_eq!((both, loads.get()), ((Ok(Some(7)), Ok(Some(7))), 1));
    }

    #[tokio::test]
    async fn what_could_not_be_read_is_asked_for_again() {
        let map = Expiring::new(10);
        assert_eq!(map.get_or_load("a", Timestamp(0), async { Err("away") }).await, Err("away"));
        assert_eq!(map.get_or_load("a", Timestamp(0), async { Ok::<_, &str>(None) }).await, Ok(None));
        assert_eq!(map.get_or_load("a", Timestamp(0), async { Ok::<_, &str>(Some(7)) }).await, Ok(Some(7)));
        assert_eq!(map.get(&"a", Timestamp(9)), Some(7));
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
