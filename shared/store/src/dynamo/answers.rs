//! What endpoints answered at length: as many items beside a generation of a bundle as it takes, usually one. `y` maps the
//! number of a member to its answer as JSON.

use super::{
    DynamoStore,
    attributes::{Item, number, text},
    calls::{Query, Write, corrupt},
    keys,
};
use crate::{Answers, Result, retention::delivery_ttl};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    bundle::{Bundle, BundleId},
    ids::CampaignId,
    tenant::TenantScope,
    webhook::Answer,
};
use std::collections::{BTreeMap, HashMap};

/// How large an item grows, in bytes: it may have 400 KB.
const ITEM_BYTES: usize = 350 << 10;

impl Answers for DynamoStore {
    async fn save_answers(&self, scope: &TenantScope, bundle: &Bundle, answers: &BTreeMap<u16, Answer>) -> Result<()> {
        let mut parts = vec![HashMap::new()];
        let mut bytes = 0;
        for (member, answer) in answers {
            // One that cannot be written is left out: it is no reason to lose the result.
            let Ok(answer) = serde_json::to_string(answer) else { continue };
            bytes += answer.len() + 8;
            if bytes > ITEM_BYTES {
                bytes = answer.len() + 8;
                parts.push(HashMap::new());
            }
            if let Some(part) = parts.last_mut() {
                part.insert(member.to_string(), text(answer));
            }
        }
        for (part, answers) in parts.into_iter().enumerate() {
            let mut item = keys::answers(scope, &bundle.campaign, &bundle.id, part).item();
            item.insert("y".to_owned(), AttributeValue::M(answers));
            item.insert("ttl".to_owned(), number(delivery_ttl(bundle.created_at)));
            self.write(Write::put(item)).await?;
        }
        Ok(())
    }

    async fn answers(
        &self,
        scope: &TenantScope,
        campaign: &CampaignId,
        id: &BundleId,
    ) -> Result<BTreeMap<u16, Answer>> {
        let query = Query::of(keys::deliveries(scope, campaign), "pk = :pk AND begins_with(sk, :of)")
            .value(":of", text(keys::answers_of(id)))
            .consistent();
        let mut found = BTreeMap::new();
        for item in self.query(query, usize::MAX, |_| true).await? {
            for (member, answer) in read(&item).ok_or_else(|| corrupt(&item, "`y` is missing or malformed"))? {
                // The first parts are of the newest attempt.
                found.entry(member).or_insert(answer);
            }
        }
        Ok(found)
    }
}

fn read(item: &Item) -> Option<BTreeMap<u16, Answer>> {
    let one = |(member, answer): (&String, &AttributeValue)| {
        Some((member.parse().ok()?, serde_json::from_str(answer.as_s().ok()?).ok()?))
    };
    item.get("y")?.as_m().ok()?.iter().map(one).collect()
}
