//! The log of everything, by intent.
//!
//! Entries stand in pages of many, or alone where one is written at once. [`domain::log::PageId`] is the order and the
//! name of both, so an entry's id leads to it without an index.

use crate::{Page as Listed, Result};
use domain::{
    log::{Entry, Filter, Hour, LogId, Page, PageId, Stamped},
    tenant::TenantScope,
    time::Timestamp,
};
use std::future::Future;

/// What is looked for, and in which span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// What entries must be like.
    pub filter: Filter,
    /// From this moment on. What is older than [`domain::log::KEEP_MS`] may be there and is not to be asked for.
    pub since: Timestamp,
    /// Until this moment, included; until the newest where there is none.
    pub until: Option<Timestamp>,
}

/// The log.
pub trait Logs: Send + Sync {
    /// Writes one entry, alone on a page of this name. It is counted when its writing comes out of the stream.
    fn put_log_entry(
        &self,
        scope: &TenantScope,
        page: PageId,
        entry: &Entry,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Writes a page and adds what it counts to the figures of its hour, all or nothing, and once, however often it is
    /// called with the same page. A page without entries is only counted.
    fn put_log_page(&self, scope: &TenantScope, page: &Page) -> impl Future<Output = Result<()>> + Send;

    /// The entries that are looked for, `limit` (<= 1,000) a page, the newest first: exactly by the page, whose entries
    /// are of one minute, the newest of them deciding.
    ///
    /// Reads a bounded amount (some 1 MB, or 1,000 pages). So a list may be short, or empty, and have a `next` all the
    /// same: it was looked through that far.
    fn log(
        &self,
        scope: &TenantScope,
        query: &LogQuery,
        cursor: Option<&str>,
        limit: usize,
    ) -> impl Future<Output = Result<Listed<Stamped>>> + Send;

    /// One entry.
    fn log_entry(&self, scope: &TenantScope, id: LogId) -> impl Future<Output = Result<Option<Entry>>> + Send;

    /// What was counted, hour by hour (UTC), from the hour that `since` is in, the oldest first. Hours without entries are
    /// left out.
    fn log_hours(&self, scope: &TenantScope, since: Timestamp) -> impl Future<Output = Result<Vec<Hour>>> + Send;
}

/// A look through pages, the newest first, until enough was found.
pub(crate) struct Search<'q> {
    query: &'q LogQuery,
    after: Option<LogId>,
    limit: usize,
    found: Vec<Stamped>,
}

impl<'q> Search<'q> {
    /// A look that goes on after `cursor`.
    pub(crate) fn new(query: &'q LogQuery, cursor: Option<&str>, limit: usize) -> Result<Self> {
        let after = cursor.map(|text| text.parse().map_err(|_| crate::StoreError::InvalidCursor)).transpose()?;
        Ok(Self { query, after, limit, found: Vec::new() })
    }

    /// The pages that may have something: none before the first, none after the second. A page is named by its newest
    /// entry, and all of it is of one minute.
    pub(crate) fn bounds(&self) -> (PageId, PageId) {
        const NEVER: Timestamp = Timestamp((1 << 48) - 1);
        let until = self.query.until.map_or(NEVER, |until| Page::minute_of(until).plus_ms(domain::time::MINUTE_MS - 1));
        let last = PageId::last_at(until);
        let last = self.after.map_or(last, |after| last.min(after.page));
        (PageId::first_at(self.query.since), last)
    }

    /// Looks through a page. `Some` says that there is enough, and where the next look goes on.
    pub(crate) fn look(&mut self, page: PageId, entries: Vec<Entry>) -> Option<LogId> {
        let before = match self.after {
            Some(after) if after.page == page => usize::from(after.place),
            _ => usize::MAX,
        };
        let numbered = (0_u16..).zip(entries).collect::<Vec<_>>().into_iter().rev();
        for (place, entry) in numbered.filter(|(place, _)| usize::from(*place) < before) {
            let in_time = entry.at >= self.query.since && self.query.until.is_none_or(|until| entry.at <= until);
            if !in_time || !self.query.filter.admits(&entry) {
                continue;
            }
            if self.found.len() == self.limit {
                return self.found.last().map(|last| last.id);
            }
            self.found.push(Stamped { id: LogId { page, place }, entry });
        }
        None
    }

    /// What was found, and where to go on.
    pub(crate) fn listed(self, next: Option<LogId>) -> Listed<Stamped> {
        Listed { items: self.found, next: next.map(|id| id.to_string()) }
    }
}
