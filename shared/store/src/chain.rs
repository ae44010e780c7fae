//! Checking an audit chain, record by record, and looking for records in it.

use crate::{Audit, Page, Result, StoreError};
use domain::{
    audit::{AuditRecord, AuditSearch, Break, Head},
    tenant::TenantScope,
    time::{MINUTE_MS, Timestamp},
};

/// Records read at a time.
const PAGE: usize = 500;

/// How a check of a chain came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainCheck {
    /// How far everything is right.
    pub checked: Head,
    /// The head that is stored.
    pub head: Option<Head>,
    /// Where the chain is broken first.
    pub broken: Option<Break>,
    /// Whether there is more to check, beginning with `checked`.
    pub more: bool,
}

/// Checks the chain from the record after `from` on, at most `limit` records: places, links, hashes, and at its end
/// the head. Records that are appended meanwhile do no harm.
pub async fn check_chain(store: &impl Audit, scope: &TenantScope, from: Head, limit: usize) -> Result<ChainCheck> {
    let (mut at, mut left) = (from, limit);
    loop {
        let wanted = left.min(PAGE);
        let found = store.audit_places(scope, at.seq, wanted).await?;
        let walked = found.iter().try_for_each(|(place, record)| at.advance(*place, record.as_ref()));
        left -= found.len().min(left);
        // After the records: a head that was read before them could be older than they are.
        let head = if walked.is_ok() && found.len() == wanted && left > 0 {
            continue;
        } else {
            store.audit_head(scope).await?
        };
        let is_ahead = head.as_ref().is_some_and(|head| head.seq > at.seq);
        let broken = match walked {
            Err(broken) => Some(broken),
            Ok(()) if left == 0 => return Ok(ChainCheck { checked: at, head, broken: None, more: true }),
            // Appended between the two reads, unless the end is missing.
            Ok(()) if is_ahead && !store.audit_places(scope, at.seq, 1).await?.is_empty() => continue,
            Ok(()) => at.ends_at(head.as_ref()).err(),
        };
        return Ok(ChainCheck { checked: at, head, broken, more: false });
    }
}

/// Records read at a time in a search, and at most in all for one page of what is found.
const SEARCH_PAGE: usize = 200;
const SEARCH_MAX: usize = 2_000;

/// By how much a record may be older than the one before it: its time is taken before it has found its place.
const DISORDER_MS: i64 = MINUTE_MS;

/// The records that are looked for, newest first, at most `limit` after `cursor`. A page may be short, or empty, and have a
/// `next` all the same: where little is found, no more than [`SEARCH_MAX`] records are read for it.
pub async fn search_chain(
    store: &impl Audit,
    scope: &TenantScope,
    search: &AuditSearch,
    cursor: Option<&str>,
    limit: usize,
) -> Result<Page<AuditRecord>> {
    let mut before = match (cursor, search.until) {
        (Some(cursor), _) => Some(cursor.parse().map_err(|_| StoreError::InvalidCursor)?),
        (None, Some(until)) => first_after(store, scope, until.plus_ms(DISORDER_MS)).await?,
        (None, None) => None,
    };
    let begin = search.since.map(|since| since.plus_ms(-DISORDER_MS));
    let (mut items, mut read) = (Vec::new(), 0);
    loop {
        let found = store.audit_back(scope, before, SEARCH_PAGE).await?;
        let is_last = found.len() < SEARCH_PAGE;
        read += found.len();
        for record in found {
            if begin.is_some_and(|begin| record.at < begin) {
                return Ok(Page { items, next: None });
            }
            let place = record.seq;
            if search.finds(&record) {
                if items.len() == limit {
                    return Ok(Page { items, next: before.map(|before| before.to_string()) });
                }
                items.push(record);
            }
            before = Some(place);
        }
        if is_last {
            return Ok(Page { items, next: None });
        }
        if read >= SEARCH_MAX {
            return Ok(Page { items, next: before.map(|before| before.to_string()) });
        }
    }
}

/// The place of the first record after `moment`, found by halving; `None` where there is none.
async fn first_after(store: &impl Audit, scope: &TenantScope, moment: Timestamp) -> Result<Option<u64>> {
    let Some(head) = store.audit_head(scope).await? else { return Ok(None) };
    let (mut low, mut high) = (0, head.seq + 1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        let found = store.audit_places(scope, middle - 1, 1).await?;
        match found.first() {
            Some((place, Some(record))) if *place == middle && record.at <= moment => low = middle,
            Some((place, Some(_))) if *place == middle => high = middle,
            // The chain is broken here, so its order says nothing: all of it is searched.
            _ => return Ok(None),
        }
    }
    Ok((high <= head.seq).then_some(high))
}
