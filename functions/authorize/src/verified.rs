//! The keys that this process verified within the last minute.

use domain::{
    key::{ApiKey, KeyRecord},
    time::Timestamp,
};
use ring::hmac;
use runtime::entropy::{self, NoEntropy};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How long a verified key is trusted, in milliseconds. The promise is that a revoked key stops working within 60 s;
/// the rest is for a read from the table that was not yet up to date.
pub(crate) const TRUST_MS: i64 = 50_000;
/// How many keys are remembered.
const ENTRIES: usize = 1_000;

/// Verified keys. Known by a hash under a key of this process's own, so that no memory dump shows a key.
pub(crate) struct Verified {
    hashing: hmac::Key,
    entries: Mutex<HashMap<Vec<u8>, (Timestamp, KeyRecord)>>,
}

impl Verified {
    pub(crate) fn new() -> Result<Self, NoEntropy> {
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, &entropy::bytes::<32>()?);
        Ok(Self { hashing, entries: Mutex::default() })
    }

    fn hash(&self, key: &ApiKey) -> Vec<u8> {
        hmac::sign(&self.hashing, key.whole().expose().as_bytes()).as_ref().to_vec()
    }

    /// What was known of this key when it was verified.
    pub(crate) fn get(&self, key: &ApiKey, now: Timestamp) -> Option<KeyRecord> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&self.hash(key)).filter(|(since, _)| fresh(*since, now)).map(|(_, record)| record.clone())
    }

    /// This key was found good; `read_at` is from before its record was read.
    pub(crate) fn insert(&self, key: &ApiKey, record: KeyRecord, read_at: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES {
            entries.retain(|_, (since, _)| fresh(*since, read_at));
        }
        // Still full of fresh ones: whoever is not remembered is verified again, which takes microseconds.
        if entries.len() < ENTRIES {
            entries.insert(self.hash(key), (read_at, record));
        }
    }
}

/// The age is checked both ways: a clock that was set back must not keep a key for longer.
fn fresh(since: Timestamp, now: Timestamp) -> bool {
    (0..TRUST_MS).contains(&now.since_ms(since))
}
