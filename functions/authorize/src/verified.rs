//! The credentials that this process verified within the last minute.

use domain::time::Timestamp;
use ring::hmac;
use runtime::entropy::{self, NoEntropy};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How long a verified credential is trusted, in milliseconds. The promise is that a revoked key, and a token of a
/// sign-in that was disabled, stop working within 60 s; the rest is for a read from the table that was not yet up to date.
pub const TRUST_MS: i64 = 50_000;
/// How many are remembered.
const ENTRIES: usize = 1_000;

/// Verified credentials and what is known of their holders. Found by a hash under a key of this process's own, so that no
/// memory dump shows a credential.
pub struct Verified<T> {
    hashing: hmac::Key,
    entries: Mutex<HashMap<Vec<u8>, (Timestamp, T)>>,
}

impl<T: Clone> Verified<T> {
    /// One that remembers nothing yet.
    pub fn new() -> Result<Self, NoEntropy> {
        let hashing = hmac::Key::new(hmac::HMAC_SHA256, &entropy::bytes::<32>()?);
        Ok(Self { hashing, entries: Mutex::default() })
    }

    fn hash(&self, credential: &str) -> Vec<u8> {
        hmac::sign(&self.hashing, credential.as_bytes()).as_ref().to_vec()
    }

    /// What was known of its holder when this credential was verified.
    pub fn get(&self, credential: &str, now: Timestamp) -> Option<T> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(&self.hash(credential)).filter(|(since, _)| fresh(*since, now)).map(|(_, known)| known.clone())
    }

    /// This credential was found good; `read_at` is from before what is known of it was read.
    pub fn insert(&self, credential: &str, known: T, read_at: Timestamp) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES {
            entries.retain(|_, (since, _)| fresh(*since, read_at));
        }
        // Still full of fresh ones: whoever is not remembered is verified again, which takes microseconds.
        if entries.len() < ENTRIES {
            entries.insert(self.hash(credential), (read_at, known));
        }
    }
}

/// The age is checked both ways: a clock that was set back must not keep anybody for longer.
fn fresh(since: Timestamp, now: Timestamp) -> bool {
    (0..TRUST_MS).contains(&now.since_ms(since))
}
