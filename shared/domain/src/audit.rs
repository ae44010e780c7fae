//! The audit trail: one append-only chain of records per tenant. Each record carries the hash of the one before it, so
//! that a changed or missing record shows.

use crate::{principal::Principal, time::Timestamp};
use serde::{Deserialize, Serialize};

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
    /// The record that follows `last` (the newest in the tenant's chain) with the given entry.
    #[must_use]
    pub fn following(last: Option<&Self>, entry: &AuditEntry) -> Self {
        let mut record = Self {
            seq: last.map_or(1, |last| last.seq + 1),
            principal: entry.principal.to_string(),
            action: entry.action.to_owned(),
            target: entry.target.clone(),
            detail: entry.detail.clone(),
            at: entry.at,
            prev: last.map(|last| last.hash.clone()).unwrap_or_default(),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_chain_and_a_change_shows() {
        let entry = AuditEntry {
            principal: Principal::System,
            action: "integration.created",
            target: "int_1".into(),
            detail: "smtp".into(),
            at: Timestamp(7),
        };
        let first = AuditRecord::following(None, &entry);
        let second = AuditRecord::following(Some(&first), &entry);
        assert_eq!((first.seq, second.seq), (1, 2));
        assert_eq!(second.prev, first.hash);
        assert_ne!(second.hash, first.hash);
        let forged = AuditRecord { detail: "slack".into(), ..second.clone() };
        assert_ne!(forged.computed_hash(), second.hash);
    }
}
