//! Sessions at the console.

use super::{MemoryStore, erasure::Eraser};
use crate::{Result, Sessions, StoreError};
use domain::{audit::AuditEntry, principal::Principal, session::Session, tenant::TenantScope, time::Timestamp};
use std::{cmp::Reverse, collections::BTreeMap};

/// By the hash of their id.
#[derive(Debug, Default)]
pub(super) struct Tables(BTreeMap<String, Session>);

impl Tables {
    pub(super) fn erase(&mut self, eraser: &mut Eraser<'_>) {
        self.0.retain(|_, session| eraser.spares(&session.tenant));
    }
}

impl Sessions for MemoryStore {
    async fn begin_session(
        &self,
        scope: &TenantScope,
        id_hash: &str,
        session: &Session,
        audit: &AuditEntry,
    ) -> Result<()> {
        self.call("begin_session", |state| {
            state.still_open(scope.tenant())?;
            if state.sessions.0.contains_key(id_hash) {
                return Err(StoreError::Conflict);
            }
            state.sessions.0.insert(id_hash.to_owned(), session.clone());
            state.append_audit(scope.tenant(), audit);
            Ok(())
        })
        .await
    }

    async fn session(&self, id_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        self.call("session", |state| Ok(state.sessions.0.get(id_hash).filter(|session| !session.is_over(now)).cloned()))
            .await
    }

    async fn see_session(&self, id_hash: &str, now: Timestamp) -> Result<()> {
        self.call("see_session", |state| {
            if let Some(session) = state.sessions.0.get_mut(id_hash) {
                session.seen_at = now;
            }
            Ok(())
        })
        .await
    }

    async fn sessions_of(&self, scope: &TenantScope, of: &Principal, now: Timestamp) -> Result<Vec<(String, Session)>> {
        self.call("sessions_of", |state| {
            let is_theirs = |session: &Session| (&session.tenant, &session.principal) == (scope.tenant(), of);
            let all = state.sessions.0.iter().filter(|(_, session)| is_theirs(session) && !session.is_over(now));
            let mut found: Vec<_> = all.map(|(id_hash, session)| (id_hash.clone(), session.clone())).collect();
            found.sort_by_key(|(_, session)| Reverse(session.created_at));
            Ok(found)
        })
        .await
    }

    async fn end_session(&self, id_hash: &str) -> Result<()> {
        self.call("end_session", |state| {
            state.sessions.0.remove(id_hash);
            Ok(())
        })
        .await
    }

    async fn end_sessions(&self, scope: &TenantScope, of: &Principal) -> Result<usize> {
        self.call("end_sessions", |state| {
            let before = state.sessions.0.len();
            state.sessions.0.retain(|_, session| (&session.tenant, &session.principal) != (scope.tenant(), of));
            Ok(before - state.sessions.0.len())
        })
        .await
    }
}
