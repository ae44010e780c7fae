//! Checking an audit chain, record by record.

use crate::{Audit, Result};
use domain::{
    audit::{Break, Head},
    tenant::TenantScope,
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
