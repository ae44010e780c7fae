//! The audit trail.

use domain::audit::AuditRecord;
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
