//! The twin: the same behaviour in memory, by the rules of `domain`, with faults on demand.
//!
//! ```ignore
//! let store = MemoryStore::default();
//! store.fail_next("claim", StoreError::Unavailable("throttled".into()));
//! store.lose_next_answer("finish"); // done, but the caller is told that it failed
//! ```

mod access;
mod answers;
mod audit;
mod bundles;
mod campaigns;
mod dead_letters;
mod erasure;
mod event_requests;
mod event_types;
mod feedbacks;
mod hooks;
mod integrations;
mod jobs;
mod key_uses;
mod logs;
mod order_tails;
mod rates;
mod retention;
mod rules;
mod sessions;
mod settings;
mod sign_ins;
mod simulations;
mod suppressions;

pub use audit::Chain;

use crate::{Page, Result, StoreError};
use domain::{ids::TenantId, tenant::TenantScope, time::Timestamp};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// An in-memory store. Share it by reference or in an `Arc`.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    faults: Mutex<Faults>,
}

/// One table per entity; tenants never share a key because each begins with the tenant.
#[derive(Debug, Default)]
struct State {
    integrations: integrations::Tables,
    bundles: bundles::Tables,
    campaigns: campaigns::Tables,
    order_tails: order_tails::Tables,
    rates: rates::Tables,
    rules: rules::Tables,
    settings: settings::Tables,
    access: access::Tables,
    answers: answers::Tables,
    audit: audit::Tables,
    event_requests: event_requests::Tables,
    event_types: event_types::Tables,
    feedbacks: feedbacks::Tables,
    hooks: hooks::Tables,
    jobs: jobs::Tables,
    key_uses: key_uses::Tables,
    logs: logs::Tables,
    sessions: sessions::Tables,
    sign_ins: sign_ins::Tables,
    suppressions: suppressions::Tables,
    simulations: simulations::Tables,
    /// What was asked to be released, and when.
    releases: BTreeMap<(TenantId, String), (crate::HeldFor, Timestamp)>,
}

#[derive(Debug, Default)]
struct Faults {
    failures: HashMap<String, VecDeque<StoreError>>,
    lost_answers: HashMap<String, u32>,
    calls: BTreeMap<&'static str, u64>,
}

impl MemoryStore {
    /// Lets the next call of the method `op` fail with `error`, undone. Several queue up.
    pub fn fail_next(&self, op: &str, error: StoreError) {
        self.faults().failures.entry(op.to_owned()).or_default().push_back(error);
    }

    /// Lets the next call of the method `op` be applied and its answer be lost: the caller sees `Unavailable`.
    pub fn lose_next_answer(&self, op: &str) {
        *self.faults().lost_answers.entry(op.to_owned()).or_default() += 1;
    }

    /// How often the method `op` was called, failed calls included.
    pub fn calls(&self, op: &str) -> u64 {
        self.faults().calls.get(op).copied().unwrap_or(0)
    }

    /// How often each method was called.
    pub fn all_calls(&self) -> BTreeMap<&'static str, u64> {
        self.faults().calls.clone()
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs one call, which is atomic, with the faults that were asked for. It yields first, so that concurrent callers
    /// come in between as they would over a network.
    async fn call<T, E: From<StoreError>>(
        &self,
        op: &'static str,
        apply: impl FnOnce(&mut State) -> std::result::Result<T, E> + Send,
    ) -> std::result::Result<T, E> {
        tokio::task::yield_now().await;
        let failure = {
            let mut faults = self.faults();
            *faults.calls.entry(op).or_default() += 1;
            faults.failures.get_mut(op).and_then(VecDeque::pop_front)
        };
        if let Some(error) = failure {
            return Err(error.into());
        }
        let answer = apply(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))?;
        if let Some(count) = self.faults().lost_answers.get_mut(op).filter(|count| **count > 0) {
            *count -= 1;
            return Err(StoreError::Unavailable("the answer was lost".to_owned()).into());
        }
        Ok(answer)
    }
}

/// The first `limit` of some items in order, and the cursor of the last one if there are more.
fn page<T: Clone>(items: impl Iterator<Item = T>, limit: usize, cursor: impl Fn(&T) -> String) -> Page<T> {
    let mut items: Vec<T> = items.take(limit.saturating_add(1)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(cursor) } else { None };
    Page { items, next }
}

/// Reads a cursor.
fn parse_cursor<T: std::str::FromStr>(cursor: Option<&str>) -> Result<Option<T>> {
    cursor.map(|text| text.parse().map_err(|_| StoreError::InvalidCursor)).transpose()
}

#[expect(clippy::disallowed_methods, reason = "the due index is trusted machinery: the tenant is part of its keys")]
fn trusted(tenant: &TenantId) -> TenantScope {
    TenantScope::established(tenant.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Audit as _;
    use domain::{audit::AuditEntry, principal::Principal};

    #[tokio::test]
    async fn faults_come_when_asked_for_and_once() {
        let store = MemoryStore::default();
        let scope = trusted(&"acme".parse().unwrap());
        let entry = AuditEntry {
            principal: Principal::System,
            action: "something.happened",
            target: String::new(),
            detail: String::new(),
            at: Timestamp(0),
        };
        store.fail_next("append_audit", StoreError::Unavailable("throttled".to_owned()));
        let throttled = Err(StoreError::Unavailable("throttled".to_owned()));
        assert_eq!(store.append_audit(&scope, &entry).await, throttled);
        assert_eq!(store.audit(&scope, None, 9).await.unwrap().items.len(), 0, "undone");

        store.lose_next_answer("append_audit");
        assert!(matches!(store.append_audit(&scope, &entry).await, Err(StoreError::Unavailable(_))));
        assert_eq!(store.audit(&scope, None, 9).await.unwrap().items.len(), 1, "done, though nobody was told");

        assert_eq!(store.append_audit(&scope, &entry).await, Ok(()));
        assert_eq!((store.calls("append_audit"), store.calls("audit"), store.calls("claim")), (3, 2, 0));
    }
}
