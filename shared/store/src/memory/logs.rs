//! The log of everything.

use super::{MemoryStore, erasure::Eraser};
use crate::{LogQuery, Logs, Page as Listed, Result, logs::Search};
use domain::{
    health::hour_of,
    ids::TenantId,
    log::{Entry, Hour, LogId, Page, PageId, Stamped, Tally},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Tables {
    pages: BTreeMap<(TenantId, PageId), Vec<Entry>>,
    hours: BTreeMap<(TenantId, Timestamp), Tally>,
}

impl Tables {
    pub(super) fn erase(&mut self, eraser: &mut Eraser<'_>) {
        eraser.take(&mut self.pages);
        eraser.take(&mut self.hours);
    }
}

impl Logs for MemoryStore {
    async fn put_log_entry(&self, scope: &TenantScope, page: PageId, entry: &Entry) -> Result<()> {
        self.call("put_log_entry", |state| {
            state.logs.pages.insert((scope.tenant().clone(), page), vec![entry.clone()]);
            Ok(())
        })
        .await
    }

    async fn put_log_page(&self, scope: &TenantScope, page: &Page) -> Result<()> {
        self.call("put_log_page", |state| {
            let key = (scope.tenant().clone(), page.id);
            if state.logs.pages.contains_key(&key) {
                return Ok(());
            }
            state.logs.pages.insert(key, page.entries.clone());
            if !page.tally.is_empty() {
                let hour = (scope.tenant().clone(), hour_of(page.id.newest()));
                state.logs.hours.entry(hour).or_default().add(&page.tally);
            }
            Ok(())
        })
        .await
    }

    async fn log(
        &self,
        scope: &TenantScope,
        query: &LogQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listed<Stamped>> {
        self.call("log", |state| {
            let mut search = Search::new(query, cursor, limit)?;
            let (first, last) = search.bounds();
            if first > last {
                return Ok(search.listed(None));
            }
            let tenant = scope.tenant();
            for ((_, page), entries) in state.logs.pages.range((tenant.clone(), first)..=(tenant.clone(), last)).rev() {
                if let Some(next) = search.look(*page, entries.clone()) {
                    return Ok(search.listed(Some(next)));
                }
            }
            Ok(search.listed(None))
        })
        .await
    }

    async fn log_entry(&self, scope: &TenantScope, id: LogId) -> Result<Option<Entry>> {
        self.call("log_entry", |state| {
            let page = state.logs.pages.get(&(scope.tenant().clone(), id.page));
            Ok(page.and_then(|entries| entries.get(usize::from(id.place)).cloned()))
        })
        .await
    }

    async fn log_hours(&self, scope: &TenantScope, since: Timestamp) -> Result<Vec<Hour>> {
        self.call("log_hours", |state| {
            let own = state.logs.hours.range((scope.tenant().clone(), hour_of(since))..);
            let own = own.take_while(|((tenant, _), _)| tenant == scope.tenant());
            Ok(own.map(|((_, hour), tally)| Hour { hour: *hour, tally: tally.clone() }).collect())
        })
        .await
    }
}
