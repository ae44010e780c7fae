//! What providers report of deliveries: one item beside each bundle of which anything came back.
//!
//! An attribute is a delivery and a kind: `o12` says that member 12 opened it. It holds the time in ms or, where the
//! provider said why, a list of the time and its words. Flat, because then one expression can add several of them, and
//! each only where it is not there yet. `i` and `ch` name who reported last, which is who made the change at hand when the
//! stream tells of it.

use super::{
    DynamoStore,
    attributes::{Item, get_text, number, text, value_of},
    calls::{Query, Write},
    keys::{self, Key, Named},
};
use crate::{FeedbackTotals, Feedbacks, Reporter, Result, retention::delivery_ttl};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    bundle::BundleId,
    feedback::{Feedback, FeedbackKind},
    ids::CampaignId,
    tenant::TenantScope,
    time::Timestamp,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
};

/// Writes at a time.
const AT_ONCE: usize = 8;

/// The most reports in one expression, which may have 4 KB: each takes some 35 bytes.
const IN_ONE_WRITE: usize = 60;

const fn letter(kind: FeedbackKind) -> char {
    match kind {
        FeedbackKind::Delivered => 'd',
        FeedbackKind::SoftBounced => 's',
        FeedbackKind::Bounced => 'b',
        FeedbackKind::Opened => 'o',
        FeedbackKind::Clicked => 'c',
        FeedbackKind::Complained => 'm',
        FeedbackKind::Unsubscribed => 'u',
        FeedbackKind::Compromised => 'x',
        FeedbackKind::Reported => 'r',
    }
}

/// The attribute of a report.
fn name(feedback: &Feedback) -> String {
    let member = feedback.delivery.place.map_or(0, |place| place.member);
    format!("{}{member}", letter(feedback.kind))
}

/// What an attribute's name says; `None` for one that is no report.
fn read_name(name: &str) -> Option<(FeedbackKind, u16)> {
    let first = name.chars().next()?;
    let kind = FeedbackKind::ALL.into_iter().find(|kind| letter(*kind) == first)?;
    Some((kind, name[1..].parse().ok()?))
}

fn write_value(feedback: &Feedback) -> AttributeValue {
    let at = number(feedback.at.0);
    if feedback.detail.is_empty() { at } else { AttributeValue::L(vec![at, text(&feedback.detail)]) }
}

fn read_value(value: &AttributeValue) -> Option<(Timestamp, String)> {
    let (at, detail) = match value {
        AttributeValue::L(parts) => (parts.first()?, parts.get(1)?.as_s().ok()?.clone()),
        at => (at, String::new()),
    };
    Some((Timestamp(at.as_n().ok()?.parse().ok()?), detail))
}

/// The reports in an item, sorted by delivery, then by kind. What is none is passed over.
pub(super) fn read_feedback(campaign: &CampaignId, origin: &BundleId, item: &Item) -> Vec<Feedback> {
    let mut found: Vec<_> = item
        .iter()
        .filter_map(|(name, value)| {
            let (kind, member) = read_name(name)?;
            let (at, detail) = read_value(value)?;
            Some(Feedback { campaign: campaign.clone(), delivery: origin.delivery(member), kind, at, detail })
        })
        .collect();
    found.sort_by(|a, b| (&a.delivery, a.kind).cmp(&(&b.delivery, b.kind)));
    found
}

/// Who made the newest change of an item.
pub(super) fn read_reporter(item: &Item) -> Option<Reporter> {
    Some(Reporter { integration: get_text(item, "i")?.parse().ok()?, channel: get_text(item, "ch")?.parse().ok()? })
}

/// Adds some reports of one bundle.
fn add(key: Key, reporter: &Reporter, feedback: &BTreeMap<String, &Feedback>, now: Timestamp) -> Result<Write> {
    let mut expression = "SET i = :i, ch = :ch, #ttl = if_not_exists(#ttl, :ttl)".to_owned();
    for name in feedback.keys() {
        // Writing to a String cannot fail.
        let _ = write!(expression, ", #{name} = if_not_exists(#{name}, :{name})");
    }
    let mut write = Write::update(key, expression)
        .value(":i", text(reporter.integration.as_str()))
        .value(":ch", value_of(&reporter.channel)?)
        .value(":ttl", number(delivery_ttl(now)));
    for (name, feedback) in feedback {
        write = write.value(&format!(":{name}"), write_value(feedback));
    }
    Ok(write)
}

impl Feedbacks for DynamoStore {
    async fn record_feedback(
        &self,
        scope: &TenantScope,
        reporter: &Reporter,
        feedback: &[Feedback],
        now: Timestamp,
    ) -> Result<()> {
        let mut by_bundle: BTreeMap<(&CampaignId, BundleId), BTreeMap<String, &Feedback>> = BTreeMap::new();
        for feedback in feedback {
            let origin = BundleId::origin_of(&feedback.delivery);
            let reports = by_bundle.entry((&feedback.campaign, origin)).or_default();
            reports.entry(name(feedback)).or_insert(feedback);
        }
        let mut writes = Vec::new();
        for ((campaign, origin), mut reports) in by_bundle {
            while !reports.is_empty() {
                let beyond = reports.keys().nth(IN_ONE_WRITE).cloned();
                let rest = beyond.map_or_else(BTreeMap::new, |beyond| reports.split_off(&beyond));
                writes.push(add(keys::feedback(scope, campaign, &origin), reporter, &reports, now)?);
                reports = rest;
            }
        }
        stream::iter(writes)
            .map(|write| self.write(write))
            .buffer_unordered(AT_ONCE)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    async fn feedback_of(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        bundles: &[BundleId],
    ) -> Result<Vec<Feedback>> {
        // All generations of a bundle share one, and one batch may not ask for an item twice.
        let keys: HashSet<Key> = bundles.iter().map(|id| keys::feedback(scope, campaign, id)).collect();
        let mut found = Vec::new();
        for item in self.batch_get(keys.into_iter().collect()).await? {
            if let Some((_, Named::Feedback(campaign, origin))) = Key::of(&item).as_ref().and_then(keys::parse) {
                found.extend(read_feedback(&campaign, &origin, &item));
            }
        }
        found.sort_by(|a, b| (&a.delivery, a.kind).cmp(&(&b.delivery, b.kind)));
        Ok(found)
    }

    async fn feedback_totals(&self, scope: &TenantScope, campaign: &CampaignId) -> Result<FeedbackTotals> {
        let query = Query::of(keys::deliveries(scope, campaign), "pk = :pk AND begins_with(sk, :kind)")
            .value(":kind", text(keys::FEEDBACK));
        let mut totals = FeedbackTotals::new();
        for item in self.query(query, usize::MAX, |_| true).await? {
            for (kind, _) in item.keys().filter_map(|name| read_name(name)) {
                *totals.entry(kind).or_default() += 1;
            }
        }
        Ok(totals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_letter_of_its_own() {
        let letters: HashSet<char> = FeedbackKind::ALL.into_iter().map(letter).collect();
        assert_eq!(letters.len(), FeedbackKind::ALL.len());
        for kind in FeedbackKind::ALL {
            assert_eq!(read_name(&format!("{}1023", letter(kind))), Some((kind, 1_023)));
        }
        for other in ["pk", "sk", "i", "ch", "ttl", "", "b", "ü1", "b-1"] {
            assert_eq!(read_name(other), None, "{other}");
        }
    }
}
