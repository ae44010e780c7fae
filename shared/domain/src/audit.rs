//! The audit trail: one append-only chain of records per tenant. Each record carries the hash of the one before it, and
//! the chain's [`Head`] the place and hash of the newest: so a changed or missing record shows, wherever it stood.

use crate::{
    health::{HealthStatus, TestReport},
    ids::IntegrationId,
    principal::Principal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Something that is to be remembered, before it has its place in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who did it.
    pub principal: Principal,
    /// What was done, e.g. `integration.created`.
    pub action: &'static str,
    /// What it was done to, e.g. an integration id.
    pub target: String,
    /// What changed, without secrets: names of fields, counts, states.
    pub detail: String,
    /// When.
    pub at: Timestamp,
}

impl AuditEntry {
    /// That a test moved an integration from one status to another; `None` where it left it as it was.
    #[must_use]
    pub fn health_changed(
        by: &Principal,
        integration: &IntegrationId,
        before: Option<HealthStatus>,
        report: &TestReport,
    ) -> Option<Self> {
        (before != Some(report.status)).then(|| Self {
            principal: by.clone(),
            action: "integration.health_changed",
            target: integration.to_string(),
            // The code and not the provider's words, which are kept for the length of the health log only.
            detail: format!(
                "{} -> {} ({})",
                before.map_or("untested", HealthStatus::as_str),
                report.status.as_str(),
                report.code
            ),
            at: report.at,
        })
    }
}

/// A record in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Its place, from 1.
    pub seq: u64,
    /// Who did it.
    pub principal: String,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// What changed.
    pub detail: String,
    /// When.
    pub at: Timestamp,
    /// The hash of the record before it; empty for the first.
    pub prev: String,
    /// SHA-256 over all of the above, in hex.
    pub hash: String,
}

impl AuditRecord {
    /// The record that follows the newest of a chain.
    #[must_use]
    pub fn following(newest: &Head, entry: &AuditEntry) -> Self {
        let mut record = Self {
            seq: newest.seq + 1,
            principal: entry.principal.to_string(),
            action: entry.action.to_owned(),
            target: entry.target.clone(),
            detail: entry.detail.clone(),
            at: entry.at,
            prev: newest.hash.clone(),
            hash: String::new(),
        };
        record.hash = record.computed_hash();
        record
    }

    /// The hash this record should have.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let (seq, at) = (self.seq.to_string(), self.at.0.to_string());
        let parts = [&seq, &self.principal, &self.action, &self.target, &self.detail, &at, &self.prev];
        crate::digest::hex_of_parts(parts.map(String::as_bytes))
    }

    /// The head of the chain that ends with this record.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash.clone() }
    }
}

/// Which records somebody looks for. What is not said does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditSearch {
    /// A part of who did it.
    pub principal: Option<String>,
    /// What the action begins with: `integration.` or `key.created`.
    pub action: Option<String>,
    /// A part of what it was done to.
    pub target: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Not after.
    pub until: Option<Timestamp>,
}

impl AuditSearch {
    /// Whether this record is looked for.
    #[must_use]
    pub fn finds(&self, record: &AuditRecord) -> bool {
        let within = |text: &str, part: &Option<String>| part.as_ref().is_none_or(|part| text.contains(part.as_str()));
        within(&record.principal, &self.principal)
            && within(&record.target, &self.target)
            && self.action.as_ref().is_none_or(|action| record.action.starts_with(action.as_str()))
            && self.since.is_none_or(|since| record.at >= since)
            && self.until.is_none_or(|until| record.at <= until)
    }
}

/// Where a chain ends: the place and the hash of its newest record. The default is the head of an empty chain.
///
/// It is stored apart from the records and written with each of them, so that records missing at the end show, too. A
/// check of a chain walks with one from record to record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The place of the newest record; 0 where there is none.
    pub seq: u64,
    /// Its hash; empty where there is none.
    pub hash: String,
}

impl Head {
    /// Goes on to the next record, if what stands at `place` is that: `record` is `None` where it cannot be read, and
    /// `place` 0 where something stands in the chain that is no record at all.
    pub fn advance(&mut self, place: u64, record: Option<&AuditRecord>) -> Result<(), Break> {
        let next = self.seq + 1;
        let broken = |seq: u64, kind: BreakKind| Err(Break { seq, kind });
        if place == 0 {
            return broken(self.seq, BreakKind::Foreign);
        }
        if place != next {
            return broken(next, BreakKind::Missing);
        }
        let Some(record) = record else { return broken(next, BreakKind::Unreadable) };
        if record.seq != place || record.hash != record.computed_hash() {
            return broken(next, BreakKind::Altered);
        }
        if record.prev != self.hash {
            return broken(next, BreakKind::Unlinked);
        }
        *self = record.head();
        Ok(())
    }

    /// Whether a chain may end here, by the head that is stored.
    pub fn ends_at(&self, stored: Option<&Self>) -> Result<(), Break> {
        let broken = |seq: u64, kind: BreakKind| Err(Break { seq, kind });
        match stored {
            // A tenant is created together with the first record of its chain.
            None if self.seq == 0 => broken(1, BreakKind::Empty),
            None => broken(self.seq, BreakKind::HeadMissing),
            Some(head) if head.seq > self.seq => broken(self.seq + 1, BreakKind::CutOff),
            Some(head) if head.seq < self.seq => broken(head.seq + 1, BreakKind::Unclaimed),
            Some(head) if head.hash != self.hash => broken(self.seq, BreakKind::HeadDiffers),
            Some(_) => Ok(()),
        }
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.seq, self.hash)
    }
}

/// The text is no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not `<seq>.<hash>`")]
pub struct NoHead;

impl FromStr for Head {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, hash) = text.split_once('.').ok_or(NoHead)?;
        let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        let seq = seq.parse().ok().filter(|seq| *seq > 0 && is_hash).ok_or(NoHead)?;
        Ok(Self { seq, hash: hash.to_owned() })
    }
}

/// Where a chain is broken first, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The place.
    pub seq: u64,
    /// What is wrong there.
    pub kind: BreakKind,
}

/// What is wrong with a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakKind {
    /// A record is not in its place.
    Missing,
    /// A record cannot be read any more.
    Unreadable,
    /// A record does not match its own hash, or its place.
    Altered,
    /// A record does not name the one before it.
    Unlinked,
    /// Something stands in the chain that is no record.
    Foreign,
    /// Records at the end are missing.
    CutOff,
    /// A record stands past the head.
    Unclaimed,
    /// The newest record is not the one that the head names.
    HeadDiffers,
    /// There are records but no head.
    HeadMissing,
    /// There is nothing at all.
    Empty,
}

impl Break {
    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self.kind {
            BreakKind::Missing => "record_missing",
            BreakKind::Unreadable => "record_unreadable",
            BreakKind::Altered => "record_altered",
            BreakKind::Unlinked => "record_unlinked",
            BreakKind::Foreign => "foreign_item",
            BreakKind::CutOff => "end_cut_off",
            BreakKind::Unclaimed => "record_past_head",
            BreakKind::HeadDiffers => "head_differs",
            BreakKind::HeadMissing => "head_missing",
            BreakKind::Empty => "trail_missing",
        }
    }

    /// What it means, in English.
    #[must_use]
    pub fn reason(self) -> String {
        let seq = self.seq;
        match self.kind {
            BreakKind::Missing => format!("Record {seq} is missing: it was deleted or moved to another place."),
            BreakKind::Unreadable => format!("Record {seq} cannot be read any more: its content was damaged."),
            BreakKind::Altered => format!("Record {seq} was altered: its content does not match its hash."),
            BreakKind::Unlinked => {
                format!("Record {seq} does not follow the record before it: one of the two was replaced.")
            }
            BreakKind::Foreign => format!("Something that is no record was added to the trail after record {seq}."),
            BreakKind::CutOff => format!("Record {seq} and all after it are missing: the trail's end was cut off."),
            BreakKind::Unclaimed => {
                format!("Record {seq} stands past the end: it was added by hand, or the trail's head was set back.")
            }
            BreakKind::HeadDiffers => {
                format!("Record {seq} is not the one that the trail's head names: one of the two was replaced.")
            }
            BreakKind::HeadMissing => {
                format!("The trail's head is missing: whether there were records after {seq} cannot be told.")
            }
            BreakKind::Empty => {
                "The whole trail is missing: every tenant has at least the record of its creation.".into()
            }
        }
    }

    /// What it means, in Arabic.
    #[must_use]
    pub fn reason_ar(self) -> String {
        let seq = self.seq;
        match self.kind {
            BreakKind::Missing => format!("السجل رقم {seq} مفقود: حُذف أو نُقل إلى موضع آخر."),
            BreakKind::Unreadable => format!("لم تعد قراءة السجل رقم {seq} ممكنة: محتواه تالف."),
            BreakKind::Altered => format!("عُدِّل السجل رقم {seq}: محتواه لا يطابق بصمته."),
            BreakKind::Unlinked => format!("السجل رقم {seq} لا يتبع السجل الذي قبله: استُبدل أحدهما."),
            BreakKind::Foreign => format!("أُضيف إلى سجل التدقيق بعد السجل رقم {seq} شيء ليس سجلًا."),
            BreakKind::CutOff => format!("السجل رقم {seq} وكل ما بعده مفقود: قُطعت نهاية سجل التدقيق."),
            BreakKind::Unclaimed => {
                format!("السجل رقم {seq} يقع بعد النهاية: أُضيف يدويًا أو أُرجع رأس سجل التدقيق إلى الوراء.")
            }
            BreakKind::HeadDiffers => {
                format!("السجل رقم {seq} ليس الذي يسميه رأس سجل التدقيق: استُبدل أحدهما.")
            }
            BreakKind::HeadMissing => {
                format!("رأس سجل التدقيق مفقود: لا يمكن معرفة ما إذا كانت هناك سجلات بعد رقم {seq}.")
            }
            BreakKind::Empty => "سجل التدقيق مفقود بكامله: لكل مستأجر سجل إنشائه على الأقل.".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> AuditEntry {
        AuditEntry {
            principal: Principal::System,
            action: "integration.created",
            target: "int_1".into(),
            detail: "smtp".into(),
            at: Timestamp(7),
        }
    }

    #[test]
    fn records_chain_and_a_change_shows() {
        let first = AuditRecord::following(&Head::default(), &entry());
        let second = AuditRecord::following(&first.head(), &entry());
        assert_eq!((first.seq, second.seq), (1, 2));
        assert_eq!(second.prev, first.hash);
        assert_ne!(second.hash, first.hash);
        let forged = AuditRecord { detail: "slack".into(), ..second.clone() };
        assert_ne!(forged.computed_hash(), second.hash);
    }

    #[test]
    fn a_walk_tells_what_is_wrong_where() {
        let first = AuditRecord::following(&Head::default(), &entry());
        let second = AuditRecord::following(&first.head(), &entry());
        let walk = |records: &[(u64, Option<&AuditRecord>)], head: Option<&Head>| {
            let mut at = Head::default();
            records.iter().try_for_each(|(place, record)| at.advance(*place, *record))?;
            at.ends_at(head)
        };
        let broken = |seq, kind| Err(Break { seq, kind });
        let (one, two) = ((1, Some(&first)), (2, Some(&second)));
        let head = second.head();
        assert_eq!(walk(&[one, two], Some(&head)), Ok(()));
        assert_eq!(walk(&[two], Some(&head)), broken(1, BreakKind::Missing));
        assert_eq!(walk(&[one, (2, None)], Some(&head)), broken(2, BreakKind::Unreadable));
        assert_eq!(walk(&[one, (0, None)], Some(&head)), broken(1, BreakKind::Foreign));
        assert_eq!(walk(&[(1, Some(&second)), (2, Some(&first))], Some(&head)), broken(1, BreakKind::Altered));
        let mut forged = AuditRecord { detail: "slack".into(), ..first.clone() };
        assert_eq!(walk(&[(1, Some(&forged)), two], Some(&head)), broken(1, BreakKind::Altered));
        forged.hash = forged.computed_hash();
        assert_eq!(walk(&[(1, Some(&forged)), two], Some(&head)), broken(2, BreakKind::Unlinked));
        assert_eq!(walk(&[(1, Some(&forged))], Some(&first.head())), broken(1, BreakKind::HeadDiffers));
        assert_eq!(walk(&[one], Some(&head)), broken(2, BreakKind::CutOff));
        assert_eq!(walk(&[one, two], Some(&first.head())), broken(2, BreakKind::Unclaimed));
        assert_eq!(walk(&[one, two], None), broken(2, BreakKind::HeadMissing));
        assert_eq!(walk(&[], None), broken(1, BreakKind::Empty));
        assert_eq!(walk(&[], Some(&head)), broken(1, BreakKind::CutOff));
    }

    #[test]
    fn a_head_is_read_back_and_nothing_else_is_one() {
        let head = AuditRecord::following(&Head::default(), &entry()).head();
        assert_eq!(head.to_string().parse(), Ok(head.clone()));
        for other in ["", "1", "1.", ".ab", "1.ab", "x.y", &format!("0.{}", head.hash), &format!("1.{}0", head.hash)] {
            assert_eq!(other.parse::<Head>(), Err(NoHead), "{other}");
        }
    }

    #[test]
    fn only_a_change_of_health_is_remembered() {
        let id = IntegrationId::generate();
        let report = TestReport::passed("ready", 9, Timestamp(5));
        let told = |before| AuditEntry::health_changed(&Principal::System, &id, before, &report);
        assert_eq!(told(Some(HealthStatus::Ok)), None);
        assert_eq!(told(Some(HealthStatus::Fail)).map(|entry| entry.detail).as_deref(), Some("fail -> ok (ok)"));
        assert_eq!(told(None).map(|entry| entry.detail).as_deref(), Some("untested -> ok (ok)"));
    }
}
