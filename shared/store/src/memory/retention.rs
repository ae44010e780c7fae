//! What retention does.

use super::MemoryStore;
use crate::{
    LetGo, Overdue, Result, Retention,
    retention::{delivery_ttl, is_overdue},
};
use domain::{
    hook::EVENT_KEEP_MS,
    ids::CampaignId,
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};

/// As the table keeps the health log, in milliseconds.
const HEALTH_LOG_MS: i64 = 90 * DAY_MS;

impl Retention for MemoryStore {
    async fn let_go(&self, scope: &TenantScope, now: Timestamp, _: usize) -> Result<LetGo> {
        self.call("let_go", |state| {
            let (mut gone, integrations) = state.integrations.let_go(scope, now);
            for id in integrations {
                let campaign = CampaignId::of_endpoint(&id);
                gone.records += state.bundles.let_go(scope, &campaign);
                let before = state.answers.len();
                state.answers.retain(|(tenant, of, _), _| tenant != scope.tenant() || *of != campaign);
                gone.records += before - state.answers.len();
                gone.records += usize::from(state.rates.remove(&(scope.tenant().clone(), id)).is_some());
            }
            gone.secrets += state.hooks.let_go(scope, now);
            Ok(gone)
        })
        .await
    }

    async fn overdue(&self, scope: &TenantScope, now: Timestamp, _: usize) -> Result<Overdue> {
        self.call("overdue", |state| {
            let tests = state.integrations.tests(scope).map(|at| at.plus_ms(HEALTH_LOG_MS).as_seconds());
            let events = state.hooks.received(scope).map(|at| at.plus_ms(EVENT_KEEP_MS).as_seconds());
            let deliveries = state.bundles.created(scope).map(delivery_ttl);
            let mut found = Overdue::default();
            for ttl in tests.chain(events).chain(deliveries) {
                found.looked += 1;
                found.late += usize::from(is_overdue(ttl, now));
            }
            Ok(found)
        })
        .await
    }

    async fn overdue_lookups(&self, _: Timestamp, _: usize) -> Result<Overdue> {
        // Nothing that has a time to live is looked up in here after it.
        self.call("overdue_lookups", |_| Ok(Overdue::default())).await
    }
}
