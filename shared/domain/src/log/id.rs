//! The names of pages and entries.

use crate::{ids::InvalidId, time::Timestamp};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use ulid::Ulid;

/// One page of the log: a ULID of the moment of its newest entry, so that pages sort by time. Its other half is a hash of
/// what the page was made from, so that the same changes make the same page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageId(Ulid);

impl PageId {
    /// The page whose newest entry is of this moment, made from what `source` names.
    #[must_use]
    pub fn of<'a>(newest: Timestamp, source: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let digest = crate::digest::of_parts(source);
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        Self(Ulid::from_parts(milliseconds(newest), u128::from_be_bytes(bytes)))
    }

    /// Sorts before every page of this moment and later.
    #[must_use]
    pub fn first_at(moment: Timestamp) -> Self {
        Self(Ulid::from_parts(milliseconds(moment), 0))
    }

    /// Sorts after every page of this moment and earlier.
    #[must_use]
    pub fn last_at(moment: Timestamp) -> Self {
        Self(Ulid::from_parts(milliseconds(moment), u128::MAX))
    }

    /// The name just before this one.
    #[must_use]
    pub fn before(self) -> Option<Self> {
        self.0.0.checked_sub(1).map(|before| Self(Ulid(before)))
    }

    /// When its newest entry happened.
    #[must_use]
    pub fn newest(self) -> Timestamp {
        Timestamp(i64::try_from(self.0.timestamp_ms()).unwrap_or(i64::MAX))
    }
}

/// A ULID has 48 bits for them, and nothing was logged before 1970.
fn milliseconds(moment: Timestamp) -> u64 {
    u64::try_from(moment.0).unwrap_or(0).min((1 << 48) - 1)
}

impl fmt::Display for PageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const INVALID: InvalidId = InvalidId { what: "log id", rule: "an id as the log has it (`log_...`)" };

impl FromStr for PageId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let page = Self(Ulid::from_string(text).map_err(|_| INVALID)?);
        // Lower case and letters that stand for digits would be other names for the same page.
        if page.to_string() == text { Ok(page) } else { Err(INVALID) }
    }
}

/// One entry of the log: its page and its place in it.
///
/// ```text
/// log_01JD0000000000000000000000       the first entry of its page, or the only one
/// log_01JD0000000000000000000000_17    the eighteenth
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LogId {
    /// The page.
    pub page: PageId,
    /// The place in it, from 0, the oldest entry first.
    pub place: u16,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            0 => write!(f, "log_{}", self.page),
            place => write!(f, "log_{}_{place}", self.page),
        }
    }
}

impl FromStr for LogId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let tail = text.strip_prefix("log_").ok_or(INVALID)?;
        let (page, place) = match tail.split_once('_') {
            Some((page, place)) => (page, place.parse().map_err(|_| INVALID)?),
            None => (tail, 0),
        };
        let id = Self { page: page.parse()?, place };
        if id.to_string() == text { Ok(id) } else { Err(INVALID) }
    }
}

impl TryFrom<String> for LogId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<LogId> for String {
    fn from(id: LogId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_is_read_back_and_pages_sort_by_time(a in 0..1_i64 << 48, b in 0..1_i64 << 48, place in any::<u16>()) {
            let page = |at| PageId::of(Timestamp(at), [&b"x"[..]]);
            let id = LogId { page: page(a), place };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.page.newest(), Timestamp(a));
            prop_assert_eq!(a.cmp(&b), page(a).cmp(&page(b)));
            prop_assert_eq!(a.cmp(&b), page(a).to_string().cmp(&page(b).to_string()));
            prop_assert!(PageId::first_at(Timestamp(a)) <= page(a) && page(a) <= PageId::last_at(Timestamp(a)));
        }
    }

    #[test]
    fn what_is_made_from_the_same_has_the_same_name() {
        let page = |source: &[&str]| PageId::of(Timestamp(5), source.iter().map(|part| part.as_bytes()));
        assert_eq!(page(&["acme", "1"]), page(&["acme", "1"]));
        assert_ne!(page(&["acme", "1"]), page(&["acme1"]));
    }

    #[test]
    fn an_id_has_one_spelling() {
        for text in [
            "",
            "log_",
            "01JD0000000000000000000000",
            "log_01jd0000000000000000000000",
            "log_01JD0000000000000000000000_",
            "log_01JD0000000000000000000000_0",
            "log_01JD0000000000000000000000_+1",
            "log_01JD0000000000000000000000_01",
            "log_01JD0000000000000000000000_70000",
            "log_81JD0000000000000000000000",
        ] {
            assert!(text.parse::<LogId>().is_err(), "{text}");
        }
    }
}
