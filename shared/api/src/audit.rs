//! The audit trail.

use domain::audit::{AuditRecord, Break, Head};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One record of the tenant's hash chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditView {
    /// Its place, from 1.
    pub seq: u64,
    /// Who did it.
    pub principal: String,
    /// What was done, e.g. `integration.created`.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// What changed, without secrets.
    pub detail: String,
    /// When, RFC 3339.
    pub at: String,
    /// The hash of the record before it; empty for the first.
    pub prev: String,
    /// SHA-256 of this record, hex.
    pub hash: String,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        let AuditRecord { seq, principal, action, target, detail, at, prev, hash } = record;
        Self { seq, principal, action, target, detail, at: at.to_rfc3339(), prev, hash }
    }
}

/// Whether the audit trail is what was written, record by record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditVerdict {
    /// Whether the whole trail was checked and every record is what was written. Never true while there is a `next`.
    pub ok: bool,
    /// How many records, from the first on, are right.
    pub records: u64,
    /// The newest record by the trail's head. Keep it elsewhere, to notice a trail that was written anew as a whole.
    pub head: Option<HeadView>,
    /// The first break, where there is one.
    pub broken: Option<BreakView>,
    /// The trail is long: give it as `cursor` to check the rest; `null` when the check is complete.
    pub next: Option<String>,
}

/// The newest record of the trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadView {
    /// Its place.
    pub seq: u64,
    /// Its hash, hex.
    pub hash: String,
}

impl From<Head> for HeadView {
    fn from(Head { seq, hash }: Head) -> Self {
        Self { seq, hash }
    }
}

/// Where the trail is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakView {
    /// The place of the record.
    pub seq: u64,
    /// A stable code, e.g. `record_altered`.
    pub code: String,
    /// What it means, in English.
    pub reason: String,
    /// What it means, in Arabic.
    pub reason_ar: String,
}

impl From<Break> for BreakView {
    fn from(broken: Break) -> Self {
        Self { seq: broken.seq, code: broken.code().to_owned(), reason: broken.reason(), reason_ar: broken.reason_ar() }
    }
}
