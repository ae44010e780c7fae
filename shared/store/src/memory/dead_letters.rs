//! Events that an endpoint did not get.

use super::{MemoryStore, page, parse_cursor};
use crate::{DeadLetters, DeadSpan, Page, Result, dead_letter_cursor, dead_letters::DeadPlace};
use domain::{bundle::Bundle, ids::IntegrationId, tenant::TenantScope};

impl DeadLetters for MemoryStore {
    async fn dead_letters(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        span: DeadSpan,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Bundle>> {
        self.call("dead_letters", |state| {
            let after: Option<DeadPlace> = parse_cursor(cursor)?;
            let mut dead: Vec<(DeadPlace, Bundle)> = state
                .bundles
                .dead(scope, endpoint)
                .filter(|(at, _)| span.since <= *at && *at <= span.until)
                .map(|(at, bundle)| (DeadPlace { at, id: bundle.id.clone() }, bundle.clone()))
                .collect();
            dead.sort_by(|(a, _), (b, _)| if span.newest_first { b.cmp(a) } else { a.cmp(b) });
            let behind = |place: &DeadPlace| {
                after.as_ref().is_none_or(|after| if span.newest_first { place < after } else { place > after })
            };
            let rest = dead.into_iter().filter(|(place, _)| behind(place)).map(|(_, bundle)| bundle);
            Ok(page(rest, limit, dead_letter_cursor))
        })
        .await
    }
}
