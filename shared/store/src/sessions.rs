//! Sessions at the console, by intent.

use crate::Result;
use domain::{audit::AuditEntry, principal::Principal, session::Session, tenant::TenantScope, time::Timestamp};
use std::future::Future;

/// Who is signed in. A session is looked up before its tenant is known, by the SHA-256 of its id (hex): whoever reads the
/// table cannot take it over.
pub trait Sessions: Send + Sync {
    /// Keeps a session, with the audit record of its beginning, all or nothing. `Conflict` if there is one of this id.
    fn begin_session(
        &self,
        scope: &TenantScope,
        id_hash: &str,
        session: &Session,
        audit: &AuditEntry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// A session that is not over.
    fn session(&self, id_hash: &str, now: Timestamp) -> impl Future<Output = Result<Option<Session>>> + Send;

    /// Notes that it was used. One that is gone stays gone.
    fn see_session(&self, id_hash: &str, now: Timestamp) -> impl Future<Output = Result<()>> + Send;

    /// The sessions of somebody that are not over, with the hashes of their ids, the newest first.
    fn sessions_of(
        &self,
        scope: &TenantScope,
        of: &Principal,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<(String, Session)>>> + Send;

    /// Ends one session. Ending one that is gone is fine.
    fn end_session(&self, id_hash: &str) -> impl Future<Output = Result<()>> + Send;

    /// Ends all sessions of somebody; how many there were. What is over already may be counted.
    fn end_sessions(&self, scope: &TenantScope, of: &Principal) -> impl Future<Output = Result<usize>> + Send;
}
