//! API keys: their form, and what is kept of them.
//!
//! ```text
//! tk_live_<prefix: 8 base62>_<secret: 43 base62, 256 bits>_<checksum: 6 base62, CRC-32 of what precedes it>
//! ```
//! The prefix finds the record, the checksum rejects junk without a look-up, and only hashes of the whole are stored.

use crate::{
    allow_list::AllowList,
    ids::{KeyId, TenantId},
    principal::Grant,
    quota::Tier,
    secret::Secret,
    time::{DAY_MS, Timestamp},
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
        let mut characters = base62(bytes);
        let prefix = characters.by_ref().take(PREFIX_LEN).collect();
        Self::formed(prefix, characters)
    }

    /// Another key with the same prefix, that is, with a new secret for the same record.
    #[must_use]
    pub fn with_prefix(prefix: &str, bytes: &[u8]) -> Option<Self> {
        Self::formed(prefix.to_owned(), base62(bytes))
    }

    fn formed(prefix: String, characters: impl Iterator<Item = char>) -> Option<Self> {
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

fn base62(bytes: &[u8]) -> impl Iterator<Item = char> {
    // 248 = 4 * 62: higher bytes would favour some characters.
    bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(BASE62[usize::from(byte % 62)]))
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
    /// The class that decides its limits.
    #[serde(default)]
    pub tier: Tier,
    /// From where it may be used.
    #[serde(default)]
    pub allow: AllowList,
    /// The secret that it had before it was regenerated.
    #[serde(default)]
    pub previous: Option<PreviousSecret>,
    /// That it is suspended, and why.
    #[serde(default)]
    pub suspended: Option<Suspension>,
    /// The last reminder of [`REMINDERS_DAYS`] that was given, or whose time was over when the expiry was set.
    #[serde(default)]
    pub reminded: Option<u16>,
    /// Goes up by one with each change.
    #[serde(default)]
    pub rev: u64,
}

/// How many days before a key expires its tenant is reminded.
pub const REMINDERS_DAYS: [u16; 3] = [30, 7, 1];

/// The longest time for which a secret stays valid after its successor was made, in hours.
pub const GRACE_HOURS_MAX: u8 = 24;

/// A secret that has a successor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// bcrypt of the whole key.
    pub bcrypt: String,
    /// The keyed hash of the whole key.
    pub mac: Option<KeyMac>,
    /// Until when it works. Afterwards it is only recognised, so that it is told from a wrong one.
    pub until: Timestamp,
}

/// That a key does not work until it is activated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub cause: SuspensionCause,
}

/// Why a key is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuspensionCause {
    /// It was tried too often with a wrong secret.
    Failures,
    /// Somebody asked for it.
    Asked,
}

impl SuspensionCause {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failures => "failures",
            Self::Asked => "asked",
        }
    }
}

/// What others are told of a key: it stands beside its pointer among the tenant's own, whose changes are heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyNotice {
    /// The part that finds the record.
    pub prefix: String,
    /// Its name for people.
    #[serde(default)]
    pub name: String,
    /// When it stops working.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
    /// The last reminder that was given.
    #[serde(default)]
    pub reminded: Option<u16>,
    /// That it is suspended, and why.
    #[serde(default)]
    pub suspended: Option<Suspension>,
}

impl From<&KeyRecord> for KeyNotice {
    fn from(record: &KeyRecord) -> Self {
        Self {
            prefix: record.prefix.clone(),
            name: record.name.clone(),
            expires_at: record.expires_at,
            reminded: record.reminded,
            suspended: record.suspended,
        }
    }
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
    /// It is suspended.
    Suspended,
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
        if self.suspended.is_some() {
            return Err(KeyRefusal::Suspended);
        }
        Ok(())
    }

    /// Sets when it stops working. Reminders whose time is over already are not given.
    pub fn expire(&mut self, at: Option<Timestamp>, now: Timestamp) {
        self.expires_at = at;
        self.reminded = self.reminder_due(now, None);
    }

    /// When its tenant is to be reminded next that it expires.
    #[must_use]
    pub fn next_reminder(&self) -> Option<Timestamp> {
        let end = self.expires_at.filter(|_| self.revoked_at.is_none() && self.suspended.is_none())?;
        let next = REMINDERS_DAYS.into_iter().find(|days| self.reminded.is_none_or(|given| *days < given))?;
        Some(days_before(end, next))
    }

    /// The reminder to be given now: of several that are due only the last. None once it has expired.
    #[must_use]
    pub fn reminder(&self, now: Timestamp) -> Option<u16> {
        self.check(now).ok()?;
        self.reminder_due(now, self.reminded)
    }

    fn reminder_due(&self, now: Timestamp, given: Option<u16>) -> Option<u16> {
        let end = self.expires_at?;
        let due = REMINDERS_DAYS.into_iter().rfind(|days| days_before(end, *days) <= now);
        due.filter(|days| given.is_none_or(|given| *days < given))
    }
}

fn days_before(end: Timestamp, days: u16) -> Timestamp {
    end.plus_ms(-i64::from(days) * DAY_MS)
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

    fn record() -> KeyRecord {
        KeyRecord {
            id: KeyId::generate(),
            prefix: "p".into(),
            tenant: "acme".parse().unwrap(),
            name: "ci".into(),
            grants: vec![],
            bcrypt: String::new(),
            mac: None,
            created_at: Timestamp(0),
            expires_at: None,
            revoked_at: None,
            tier: Tier::Basic,
            allow: AllowList::default(),
            previous: None,
            suspended: None,
            reminded: None,
            rev: 1,
        }
    }

    #[test]
    fn a_key_stops_when_suspended_revoked_or_expired() {
        let mut record = KeyRecord { expires_at: Some(Timestamp(10)), ..record() };
        assert_eq!(record.check(Timestamp(9)), Ok(()));
        record.suspended = Some(Suspension { at: Timestamp(1), cause: SuspensionCause::Asked });
        assert_eq!(record.check(Timestamp(9)), Err(KeyRefusal::Suspended));
        assert_eq!(record.check(Timestamp(10)), Err(KeyRefusal::Expired));
        record.revoked_at = Some(Timestamp(1));
        assert_eq!(record.check(Timestamp(9)), Err(KeyRefusal::Revoked));
    }

    #[test]
    fn a_new_secret_keeps_the_prefix() {
        let (old, new) = (key(), ApiKey::with_prefix("abcdefgh", &[7; 128]).unwrap());
        assert_eq!(ApiKey::parse(new.whole().expose()).unwrap().prefix(), "abcdefgh");
        assert_ne!(old.whole().expose(), new.whole().expose());
    }

    #[test]
    fn a_tenant_is_reminded_thirty_seven_and_one_day_before() {
        let day = |days: i64| Timestamp(days * DAY_MS);
        let mut record = record();
        record.expire(Some(day(100)), day(0));
        let mut given = Vec::new();
        for _ in 0..3 {
            let at = record.next_reminder().unwrap();
            assert_eq!(record.reminder(at.plus_ms(-1)), None);
            record.reminded = record.reminder(at);
            given.push((at, record.reminded.unwrap()));
        }
        assert_eq!(given, [(day(70), 30), (day(93), 7), (day(99), 1)]);
        assert_eq!((record.next_reminder(), record.reminder(day(99))), (None, None));
    }

    #[test]
    fn of_reminders_whose_time_is_over_only_what_is_to_come_is_given() {
        let day = |days: i64| Timestamp(days * DAY_MS);
        let mut late = record();
        late.expire(Some(day(5)), day(0));
        assert_eq!((late.reminded, late.reminder(day(0)), late.next_reminder()), (Some(7), None, Some(day(4))));
        let mut slept = record();
        slept.expire(Some(day(100)), day(0));
        assert_eq!(slept.reminder(day(94)), Some(7), "the one of thirty days is no news any more");
        assert_eq!(slept.reminder(day(100)), None, "it has expired");
        slept.suspended = Some(Suspension { at: day(1), cause: SuspensionCause::Asked });
        assert_eq!((slept.reminder(day(94)), slept.next_reminder()), (None, None));
        slept.expire(None, day(94));
        assert_eq!((slept.reminded, slept.next_reminder()), (None, None));
    }
}
