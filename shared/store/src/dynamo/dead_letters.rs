//! Events that an endpoint did not get: found in the index, which names their bundles and holds nothing of them.

use super::{
    DynamoStore,
    attributes::{Item, get_number, number},
    audit::parse_cursor,
    bundle_item::bundle_in,
    calls::Query,
    keys::{self, Key, Look, Named},
};
use crate::{DeadLetters, DeadSpan, Page, Result, dead_letters::DeadPlace};
use domain::{
    bundle::{Bundle, BundleId},
    ids::{CampaignId, IntegrationId},
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::HashMap;

impl DeadLetters for DynamoStore {
    async fn dead_letters(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        span: DeadSpan,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<Bundle>> {
        let campaign = CampaignId::of_endpoint(endpoint);
        let after: Option<DeadPlace> = parse_cursor(cursor)?;
        let start = after.map(|after| {
            let mut start = keys::bundle(scope, &campaign, &after.id).item();
            Look::dead(scope, endpoint, after.at).put_into(&mut start);
            start
        });
        let query = Query::of(keys::dead(scope, endpoint), "dk = :pk AND da BETWEEN :since AND :until")
            .index("due")
            .value(":since", number(span.since.0))
            .value(":until", number(span.until.0))
            .after_entry(start);
        let query = if span.newest_first { query.backward() } else { query };
        let mut entries = self.query(query, limit.saturating_add(1), |_| true).await?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let places: Vec<DeadPlace> = entries.iter().filter_map(place).collect();
        let next = places.last().filter(|_| more).map(ToString::to_string);
        let wanted = places.iter().map(|place| keys::bundle(scope, &campaign, &place.id)).collect();
        let mut found: HashMap<BundleId, Bundle> = HashMap::new();
        for item in self.batch_get(wanted).await? {
            let bundle = bundle_in(&item)?;
            found.insert(bundle.id.clone(), bundle);
        }
        // The index is a moment late: what was resent meanwhile is none any more.
        let items = places.iter().filter_map(|place| found.remove(&place.id)).filter(Bundle::is_dead_letter).collect();
        Ok(Page { items, next })
    }
}

/// Where an entry of the index stands.
fn place(entry: &Item) -> Option<DeadPlace> {
    let id = match keys::parse(&Key::of(entry)?)?.1 {
        Named::Bundle(_, id) => id,
        Named::Request(_, request) => BundleId { request, number: None, generation: 0 },
        _ => return None,
    };
    Some(DeadPlace { at: Timestamp(get_number(entry, "da")?), id })
}
