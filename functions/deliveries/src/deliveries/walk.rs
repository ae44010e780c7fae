//! Walking a campaign's deliveries, each exactly once, in pages that may end in the middle of a bundle.
//!
//! Deliveries are stored in bundles, and a member that went on to another generation stands in several of them. It is
//! shown by the newest alone ([`Bundle::status_of`] is `None` in the others). A walk that comes by while a delivery
//! moves may see it in both places or in none; deliveries at rest are seen once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    bundle::{BUNDLE_MAX, Bundle, BundleId, DeliveryStatus},
    ids::CampaignId,
    tenant::TenantScope,
};
use serde::{Deserialize, Serialize};
use store::{Bundles, StoreError};

/// Bundles a query when only some statuses are wanted, so that most of what is read is skipped.
const PAGE_FILTERED: usize = 500;

/// A walk for rare statuses ends its page after so many bundles, however few it found, and lets the caller come again
/// with the cursor: so a request stays within seconds however large the campaign is.
const LOOK_MAX: usize = 10_000;

/// Where a walk goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The store's cursor of the page in which it goes on; none for the first.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// The bundle to go on in, with the place of the first member not yet shown. Named, and not counted from the page's
    /// beginning, because new generations come between.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    within: Option<(BundleId, usize)>,
}

impl Position {
    /// As a cursor of the API. It grants nothing: every read is keyed by the caller's own tenant.
    pub(crate) fn encode(&self) -> String {
        // Strings and numbers can always be written as JSON.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a cursor of the API.
    pub(crate) fn decode(cursor: Option<&str>) -> Result<Self, StoreError> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::InvalidCursor)?;
        serde_json::from_slice(&json).map_err(|_| StoreError::InvalidCursor)
    }
}

/// Some of a bundle's deliveries.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// The bundle.
    pub(crate) bundle: Bundle,
    /// Their places in its `members`.
    pub(crate) places: Vec<usize>,
}

/// A page of a walk.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The deliveries, bundle by bundle.
    pub(crate) parts: Vec<Part>,
    /// Where the next page begins; none at the end.
    pub(crate) next: Option<Position>,
}

/// Takes up to `limit` deliveries from `position` on; with `statuses`, only those that have one of them. May take fewer
/// before the end.
pub(crate) async fn take(
    store: &impl Bundles,
    scope: &TenantScope,
    campaign: &CampaignId,
    statuses: Option<&[DeliveryStatus]>,
    limit: usize,
    mut position: Position,
) -> Result<Taken, StoreError> {
    let wanted = |status| statuses.is_none_or(|statuses| statuses.contains(&status));
    let mut parts = Vec::new();
    let mut room = limit;
    let mut looked_at = 0;
    // Enough for full bundles; if they turn out smaller, the rest is asked for at once.
    let mut page_size = if statuses.is_some() { PAGE_FILTERED } else { limit / BUNDLE_MAX + 2 };
    loop {
        let page = store.bundles(scope, campaign, position.page.as_deref(), page_size).await?;
        looked_at += page.items.len();
        for bundle in page.items {
            let first = match &position.within {
                Some((id, _)) if *id != bundle.id => continue,
                Some((_, place)) => *place,
                None => 0,
            };
            position.within = None;
            let mut places: Vec<usize> =
                (first..bundle.members.len()).filter(|place| bundle.status_of(*place).is_some_and(wanted)).collect();
            let beyond = places.get(room).map(|place| (bundle.id.clone(), *place));
            places.truncate(room);
            room -= places.len();
            if !places.is_empty() {
                parts.push(Part { bundle, places });
            }
            if beyond.is_some() {
                position.within = beyond;
                return Ok(Taken { parts, next: Some(position) });
            }
        }
        match page.next {
            Some(next) => position.page = Some(next),
            // The bundle that the cursor names is gone, or never was.
            None if position.within.is_some() => return Err(StoreError::InvalidCursor),
            None => return Ok(Taken { parts, next: None }),
        }
        if room == 0 || looked_at >= LOOK_MAX {
            return Ok(Taken { parts, next: Some(position) });
        }
        page_size = page_size.max(room.min(PAGE_FILTERED));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Stage, failed, sent, transient, unknown};
    use domain::bundle::Outcome;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_position_survives_its_way_through_the_api() {
        let id = BundleId { request: domain::ids::RequestId::generate(), number: Some(3), generation: 7 };
        let position = Position { page: Some("x".into()), within: Some((id, 4)) };
        assert_eq!(Position::decode(Some(&position.encode())).unwrap(), position);
        assert_eq!(Position::decode(None).unwrap(), Position::default());
        for bad in ["", "!", "AAAA"] {
            assert_eq!(Position::decode(Some(bad)), Err(StoreError::InvalidCursor));
        }
    }

    #[tokio::test]
    async fn a_cursor_into_a_bundle_that_is_gone_is_refused_rather_than_ending_the_list() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        stage.send("spring", &["a", "b"]).await;
        let gone = BundleId { request: domain::ids::RequestId::generate(), number: Some(0), generation: 0 };
        let position = Position { page: None, within: Some((gone, 1)) };
        let answer = stage.get(&format!("/v1/campaigns/spring/deliveries?cursor={}", position.encode())).await;
        assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &"cursor".into()));
    }

    #[tokio::test]
    async fn a_generation_that_comes_between_two_pages_does_not_move_the_cursor() {
        let stage = Stage::new();
        stage.campaign("spring").await;
        let users: Vec<String> = (0..60).map(|number| format!("u{number}")).collect();
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        stage.send("spring", &users).await;
        let first = stage.get("/v1/campaigns/spring/deliveries?limit=40").await.body;
        // The first bundle is attempted between the pages: its next generation stands before the second bundle.
        stage.attempt_next(|_| transient()).await;
        let next = first["next"].as_str().unwrap();
        let second = stage.get(&format!("/v1/campaigns/spring/deliveries?limit=100&cursor={next}")).await.body;
        assert_eq!(second["items"].as_array().unwrap().len(), 20);
        assert!(second["next"].is_null());
    }

    fn outcomes() -> impl Strategy<Value = Outcome> {
        prop_oneof![Just(sent()), Just(failed()), Just(transient()), Just(unknown())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever happened to them, a full listing shows every delivery once and with the status that totals count.
        #[test]
        fn a_full_listing_shows_each_delivery_exactly_once(
            sizes in proptest::collection::vec(1_usize..60, 1..5),
            rounds in proptest::collection::vec((proptest::collection::vec(outcomes(), 1..7), 0_usize..6), 0..6),
            limit in 1_usize..70,
            resend in any::<bool>(),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let stage = Stage::new();
                stage.campaign("spring").await;
                let mut expected = Vec::new();
                for (request, size) in sizes.iter().enumerate() {
                    let users: Vec<String> = (0..*size).map(|number| format!("r{request}-{number}")).collect();
                    let users: Vec<&str> = users.iter().map(String::as_str).collect();
                    expected.extend(stage.send("spring", &users).await);
                }
                for (outcomes, bundles) in &rounds {
                    let mut turn = outcomes.iter().cycle().cloned();
                    for _ in 0..*bundles {
                        stage.attempt_next(|_| turn.next().unwrap()).await;
                    }
                    stage.clock.advance_ms(domain::time::HOUR_MS);
                }
                if resend {
                    let body = serde_json::json!({"status": ["failed", "unknown"]});
                    stage.post("/v1/campaigns/spring/resend", body).await;
                }
                let listed = stage.list_all("spring", "", limit).await;
                let mut by_status = BTreeMap::<String, u64>::new();
                for delivery in &listed {
                    *by_status.entry(delivery["status"].as_str().unwrap().to_owned()).or_default() += 1;
                }
                let mut ids: Vec<domain::ids::DeliveryId> =
                    listed.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect();
                ids.sort();
                expected.sort();
                assert_eq!(ids, expected);
                let totals = stage.get("/v1/campaigns/spring").await.body["totals"].clone();
                for status in DeliveryStatus::ALL {
                    let count = by_status.get(status.as_str()).copied().unwrap_or(0);
                    assert_eq!(totals[status.as_str()], count, "{status:?}");
                    let filtered = stage.list_all("spring", &format!("&status={}", status.as_str()), limit).await;
                    assert_eq!(filtered.len() as u64, count, "{status:?}");
                }
            });
        }
    }
}
