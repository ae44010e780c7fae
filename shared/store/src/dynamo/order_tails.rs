//! The ends of chains: one item for an endpoint and a key. `t` is the end; `q<request>` is what that request's bundles
//! come after, empty if nothing. Flat, because then one expression can add it from what `t` was.

use super::{
    DynamoStore,
    attributes::{Item, get_text, number, text},
    calls::{Table, Write, Written, present},
    keys,
};
use crate::{
    OrderTails, Result, StoreError,
    order_tails::{LINKS_KEPT, LINKS_MAX},
    retention::delivery_ttl,
};
use domain::{
    bundle::BundleId,
    ids::{CampaignId, IntegrationId, RequestId},
    tenant::TenantScope,
    time::Timestamp,
};

const END: &str = "t";
const LINK: &str = "q";

/// What a link or the end says; `None` where nothing was before.
fn read(item: &Item, name: &str) -> Result<Option<BundleId>> {
    match get_text(item, name) {
        None | Some("") => Ok(None),
        Some(id) => id.parse().map(Some).map_err(|_| StoreError::Corrupt {
            key: get_text(item, "sk").unwrap_or_default().to_owned(),
            reason: format!("{name} is no bundle id"),
        }),
    }
}

/// The links that nobody needs any more: all but the newest, found by following them from the end.
fn outdated(item: &Item) -> Result<Vec<&str>> {
    let is_link = |name: &&str| name.len() > LINK.len() && name.starts_with(LINK);
    let links: Vec<&str> = item.keys().map(String::as_str).filter(is_link).collect();
    if links.len() <= LINKS_MAX {
        return Ok(Vec::new());
    }
    let mut newest = Vec::new();
    let mut next = read(item, END)?;
    while let Some(bundle) = next.filter(|_| newest.len() < LINKS_KEPT) {
        let name = format!("{LINK}{}", bundle.request);
        next = read(item, &name)?;
        newest.push(name);
    }
    Ok(links.into_iter().filter(|name| !newest.iter().any(|kept| kept == name)).collect())
}

impl DynamoStore {
    /// The nearest bundle before this request that was written.
    async fn written_before(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        item: &Item,
        request: &RequestId,
    ) -> Result<Option<BundleId>> {
        let campaign = CampaignId::of_endpoint(endpoint);
        let mut before = read(item, &format!("{LINK}{request}"))?;
        // Only what is written may be waited for: what is written later may come to wait for this. There are no more links
        // than this, unless one that was let go was made again, by a repeat that comes late, and closed a ring.
        for _ in 0..=LINKS_MAX {
            let Some(bundle) = before.take_if(|it| it.request != *request) else { return Ok(None) };
            // Consistent: it may have been written a moment ago.
            if self.get(Table::Tenant, keys::bundle(scope, &campaign, &bundle), true).await?.is_some() {
                return Ok(Some(bundle));
            }
            before = read(item, &format!("{LINK}{}", bundle.request))?;
        }
        Ok(None)
    }
}

impl OrderTails for DynamoStore {
    async fn chain(
        &self,
        scope: &TenantScope,
        endpoint: &IntegrationId,
        key: &str,
        last: &BundleId,
        now: Timestamp,
    ) -> Result<Option<BundleId>> {
        let place = keys::order_tail(scope, endpoint, key);
        let link = format!("{LINK}{}", last.request);
        // The right-hand side sees the state before.
        let expression = format!("SET #{link} = if_not_exists(#{END}, :none), #{END} = :last, #ttl = :ttl");
        let write = Write::update(place.clone(), expression)
            .only_if(format!("attribute_not_exists(#{link})"))
            .value(":none", text(""))
            .value(":last", text(last.to_string()))
            .value(":ttl", number(delivery_ttl(now)));
        let item = match self.write_returning(write, true).await? {
            Written::Done(item) => present(item, "UpdateItem")?,
            Written::Refused(stored) => {
                let stored = present(stored, "UpdateItem")?;
                return self.written_before(scope, endpoint, &stored, &last.request).await;
            }
        };
        let before = self.written_before(scope, endpoint, &item, &last.request).await?;
        let outdated = outdated(&item)?;
        if !outdated.is_empty() {
            let names: Vec<String> = outdated.iter().map(|name| format!("#{name}")).collect();
            let trim = Write::update(place, format!("REMOVE {}", names.join(", ")));
            // They are let go at the next occasion.
            if let Err(error) = self.write(trim).await {
                tracing::warn!(%error, "old links of a chain are kept for now");
            }
        }
        Ok(before)
    }
}
