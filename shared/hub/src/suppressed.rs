//! Whom a tenant sends nothing any more: for senders, who ask with every bundle, and for preflight, which warns.

use crate::expiring::Expiring;
use domain::{
    bundle::Recipient,
    channel::Channel,
    ids::TenantId,
    preflight::{Check, suppression},
    suppression::listed_as,
    tenant::TenantScope,
    time::{SECOND_MS, Timestamp},
};
use runtime::lazy::Lazy;
use std::{collections::BTreeSet, sync::Arc};
use store::{StoreError, Suppressions};

/// How long a sender trusts a list that it has read, in milliseconds. So this is how long after a bounce, a complaint or a
/// person's word a last message may still go to the address.
pub const TRUST_MS: i64 = 30 * SECOND_MS;

/// The longest list that is read as a whole, in entries. 1,000 are some 150 KB, 20 read units a warm sender and half a
/// minute; asking for the 25 addresses of each bundle is 12.5.
const WHOLE_MAX: usize = 1_000;

/// Suppression lists as a warm sender remembers them.
pub struct SuppressionLists<S> {
    store: Lazy<S>,
    lists: Expiring<TenantId, List>,
}

#[derive(Clone)]
enum List {
    /// All of it: what is not in there is not suppressed.
    Whole(Arc<BTreeSet<String>>),
    /// Too long to be remembered: the addresses of each bundle are looked up.
    Long,
}

/// Of some recipients, those to whom nothing is sent.
#[derive(Clone, Debug, Default)]
pub struct Suppressed(Arc<BTreeSet<String>>);

impl Suppressed {
    /// Whether nothing is sent to this address.
    #[must_use]
    pub fn has(&self, address: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&listed_as(address))
    }
}

impl<S: Suppressions> SuppressionLists<S> {
    /// The lists in `store`.
    pub fn new(store: Lazy<S>) -> Self {
        Self { store, lists: Expiring::new(TRUST_MS) }
    }

    /// Which of these recipients are suppressed at `now`.
    pub async fn among(
        &self,
        scope: &TenantScope,
        channel: Channel,
        recipients: &[Recipient],
        now: Timestamp,
    ) -> Result<Suppressed, StoreError> {
        if !channel.has_suppressions() {
            return Ok(Suppressed::default());
        }
        let load = async { read(&*self.store, scope).await.map(Some) };
        match self.lists.get_or_load(scope.tenant().clone(), now, load).await? {
            Some(List::Whole(all)) => Ok(Suppressed(all)),
            Some(List::Long) | None => look_up(&*self.store, scope, recipients).await,
        }
    }
}

async fn read(store: &impl Suppressions, scope: &TenantScope) -> Result<List, StoreError> {
    let page = store.suppressions(scope, None, WHOLE_MAX).await?;
    if page.next.is_some() {
        return Ok(List::Long);
    }
    Ok(List::Whole(Arc::new(page.items.into_iter().map(|entry| entry.address).collect())))
}

async fn look_up(
    store: &impl Suppressions,
    scope: &TenantScope,
    recipients: &[Recipient],
) -> Result<Suppressed, StoreError> {
    let addresses: Vec<String> = recipients.iter().map(|recipient| listed_as(&recipient.address)).collect();
    Ok(Suppressed(Arc::new(store.suppressed_among(scope, &addresses).await?)))
}

/// The preflight check: which recipients, as they will be stored, would be skipped. A question, so never from memory.
pub async fn check(
    store: &impl Suppressions,
    scope: &TenantScope,
    channel: Channel,
    recipients: &[Recipient],
) -> Result<Check, StoreError> {
    if !channel.has_suppressions() {
        return Ok(suppression(&[]));
    }
    let suppressed = look_up(store, scope, recipients).await?;
    let skipped = |(_, recipient): &(usize, &Recipient)| suppressed.has(&recipient.address);
    let skipped: Vec<(usize, String)> = recipients
        .iter()
        .enumerate()
        .filter(skipped)
        .map(|(number, recipient)| (number, recipient.address.clone()))
        .collect();
    Ok(suppression(&skipped))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        preflight::CheckStatus,
        suppression::{Suppression, SuppressionReason},
    };
    use std::collections::BTreeMap;
    use store::memory::MemoryStore;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
    fn acme() -> TenantScope {
        TenantScope::established("acme".parse().unwrap())
    }

    fn recipients(addresses: &[&str]) -> Vec<Recipient> {
        let recipient = |address: &&str| Recipient {
            user_id: "u".parse().unwrap(),
            address: (*address).to_owned(),
            locale: None,
            variables: BTreeMap::new(),
        };
        addresses.iter().map(recipient).collect()
    }

    async fn list(store: &MemoryStore, addresses: impl IntoIterator<Item = String>) {
        let entry = |address| Suppression {
            address,
            reason: SuppressionReason::Bounced,
            at: NOON,
            detail: String::new(),
            campaign: None,
            delivery: None,
            integration: None,
        };
        let entries: Vec<_> = addresses.into_iter().map(entry).collect();
        store.suppress(&acme(), &entries).await.unwrap();
    }

    #[tokio::test]
    async fn a_short_list_is_read_once_in_half_a_minute() {
        let store = Lazy::ready(MemoryStore::default());
        list(&store, ["ann@example.com".to_owned()]).await;
        let lists = SuppressionLists::new(store.clone());
        let ask =
            async |ms| lists.among(&acme(), Channel::Email, &recipients(&["x@y"]), NOON.plus_ms(ms)).await.unwrap();
        for ms in [0, 1, TRUST_MS - 1] {
            let suppressed = ask(ms).await;
            assert!(suppressed.has("Ann@Example.com") && !suppressed.has("bo@example.com"));
        }
        list(&store, ["bo@example.com".to_owned()]).await;
        assert!(!ask(TRUST_MS - 1).await.has("bo@example.com"));
        assert!(ask(TRUST_MS).await.has("bo@example.com"));
        assert_eq!((store.calls("suppressions"), store.calls("suppressed_among")), (2, 0));
    }

    #[tokio::test]
    async fn of_a_long_list_only_the_recipients_are_looked_up() {
        let store = Lazy::ready(MemoryStore::default());
        list(&store, (0..=WHOLE_MAX).map(|number| format!("user{number:05}@example.com"))).await;
        let lists = SuppressionLists::new(store.clone());
        for _ in 0..2 {
            let asked = recipients(&["USER01000@example.com", "new@example.com"]);
            let suppressed = lists.among(&acme(), Channel::Email, &asked, NOON).await.unwrap();
            assert!(suppressed.has("user01000@example.com") && !suppressed.has("new@example.com"));
        }
        assert_eq!((store.calls("suppressions"), store.calls("suppressed_among")), (1, 2));
    }

    #[tokio::test]
    async fn a_slack_bundle_asks_nothing() {
        let store = Lazy::ready(MemoryStore::default());
        let lists = SuppressionLists::new(store.clone());
        lists.among(&acme(), Channel::Slack, &recipients(&["C1"]), NOON).await.unwrap();
        check(&*store, &acme(), Channel::Slack, &recipients(&["C1"])).await.unwrap();
        assert_eq!(store.all_calls(), BTreeMap::new());
    }

    #[tokio::test]
    async fn preflight_names_who_would_be_skipped() {
        let store = MemoryStore::default();
        list(&store, ["ann@example.com".to_owned()]).await;
        let asked = recipients(&["bo@example.com", "Ann@example.com"]);
        let told = check(&store, &acme(), Channel::Email, &asked).await.unwrap();
        assert_eq!((told.status, told.code.as_str()), (CheckStatus::Warn, "recipient_suppressed"));
        assert!(told.reason.contains("recipients[1]: Ann@example.com"), "{}", told.reason);
        assert!(told.reason_ar.contains("Ann@example.com"), "{}", told.reason_ar);
        let told = check(&store, &acme(), Channel::Email, &asked[..1]).await.unwrap();
        assert_eq!((told.status, told.code.as_str()), (CheckStatus::Pass, "ok"));
    }
}
