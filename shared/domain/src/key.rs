//! API keys: their form, and what is kept of them.
//!
//! ```text
//! tk_live_<prefix: 8 base62>_<secret: 43 base62, 256 bits>_<checksum: 6 base62, CRC-32 of what precedes it>
//! ```
//! The prefix finds the record, the checksum rejects junk without a look-up, and only hashes of the whole are stored.

use crate::{
    ids::{KeyId, TenantId},
    principal::Grant,
    secret::Secret,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LIVE: &str = "tk_live_";
const PREFIX_LEN: usize = 8;
/// 43 characters of 62 hold 256 bits.
const SECRET_LEN: usize = 43;
const CHECKSUM_LEN: usize = 6;

/// A well-formed API key as presented. Well-formed says nothing about valid.
#[derive(Debug, Clone)]
pub struct ApiKey {
    prefix: String,
    whole: Secret,
}

impl ApiKey {
    /// Forms a key from random bytes; 51 of them are used, rejection-sampled, so give at least 128.
    /// `None` when the bytes run out.
    #[must_use]
    pub fn from_entropy(bytes: &[u8]) -> Option<Self> {
        // 248 = 4 * 62: higher bytes would favour some characters.
        let mut characters =
            bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(BASE62[usize::from(byte % 62)]));
        let prefix: String = characters.by_ref().take(PREFIX_LEN).collect();
        let secret: String = characters.take(SECRET_LEN).collect();
        if secret.len() < SECRET_LEN {
            return None;
        }
        let body = format!("{LIVE}{prefix}_{secret}");
        let whole = Secret::new(format!("{body}_{}", checksum(&body)));
        Some(Self { prefix, whole })
    }

    /// Reads a presented key; `None` for anything malformed or with a wrong checksum.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (body, given) = text.rsplit_once('_')?;
        let (prefix, secret) = body.strip_prefix(LIVE)?.split_once('_')?;
        let base62 = |part: &str, length| part.len() == length && part.bytes().all(|byte| BASE62.contains(&byte));
        let well_formed = base62(prefix, PREFIX_LEN)
            && base62(secret, SECRET_LEN)
            && base62(given, CHECKSUM_LEN)
            && checksum(body) == given;
        well_formed.then(|| Self { prefix: prefix.to_owned(), whole: Secret::new(text.to_owned()) })
    }

    /// The part that finds the record; not secret.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The whole key: to be hashed, or to be shown once to whom it was made for.
    #[must_use]
    pub const fn whole(&self) -> &Secret {
        &self.whole
    }
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

/// What is kept of a key, found by its prefix before the tenant is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its identifier.
    pub id: KeyId,
    /// The part of the key that finds this record.
    pub prefix: String,
    /// The tenant it acts for.
    pub tenant: TenantId,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// bcrypt of the whole key.
    pub bcrypt: String,
    /// A keyed hash of the whole key, checked in microseconds where bcrypt takes a quarter of a second.
    pub mac: Option<KeyMac>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// HMAC-SHA-256 of a key under the pepper, in base 64. Safe to store beside the bcrypt hash: the key holds 256 random
/// bits, so there is nothing to guess, and without the pepper it cannot even be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyMac {
    /// The version of the pepper that made it.
    pub pepper: String,
    /// The hash.
    pub hash: String,
}

/// Why a key that exists does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyRefusal {
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl KeyRecord {
    /// Whether it works at `now`.
    pub fn check(&self, now: Timestamp) -> Result<(), KeyRefusal> {
        if self.revoked_at.is_some() {
            return Err(KeyRefusal::Revoked);
        }
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefusal::Expired);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::from_entropy(&(0..128).collect::<Vec<u8>>()).unwrap()
    }

    #[test]
    fn a_formed_key_reads_back() {
        let key = key();
        let text = key.whole().expose();
        assert_eq!(text.len(), LIVE.len() + PREFIX_LEN + 1 + SECRET_LEN + 1 + CHECKSUM_LEN);
        assert_eq!(ApiKey::parse(text).unwrap().prefix(), key.prefix());
    }

    #[test]
    fn any_single_changed_character_is_rejected_without_a_look_up() {
        let text = key().whole().expose().to_owned();
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ApiKey::parse(&changed).is_none(), "{position}");
        }
    }

    #[test]
    fn too_little_entropy_makes_no_key() {
        assert!(ApiKey::from_entropy(&[1; 50]).is_none());
        assert!(ApiKey::from_entropy(&[255; 500]).is_none());
    }

    #[test]
    fn a_key_stops_when_revoked_or_expired() {
        let mut record = KeyRecord {
            id: KeyId::generate(),
            prefix: "p".into(),
            tenant: "acme".parse().unwrap(),
            name: "ci".into(),
            grants: vec![],
            bcrypt: String::new(),
            mac: None,
            created_at: Timestamp(0),
            expires_at: Some(Timestamp(10)),
            revoked_at: None,
        };
        assert_eq!(record.check(Timestamp(9)), Ok(()));
        assert_eq!(record.check(Timestamp(10)), Err(KeyRefusal::Expired));
        record.revoked_at = Some(Timestamp(1));
        assert_eq!(record.check(Timestamp(9)), Err(KeyRefusal::Revoked));
    }
}
