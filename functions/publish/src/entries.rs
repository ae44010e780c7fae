//! From events to entries of the bus.
//!
//! `EventBridge` bills per event and takes up to 256 KB in one. So events that differ in nothing but their deliveries
//! become one entry that holds all of these: a request to 1,000 recipients is a handful of events, not forty.

use domain::{
    event::{Event, SOURCE},
    ids::TenantId,
    time::Timestamp,
};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// An entry is closed when it has grown to this: well below the bus's 256 KB, with room for the last event's deliveries
/// (25 of them, some 40 KB at the very most).
const FULL_BYTES: usize = 200 << 10;

/// Where an event comes from.
#[derive(Debug)]
pub(crate) struct Noted {
    /// Its record's place in the batch.
    pub(crate) record: usize,
    /// When the record was written.
    pub(crate) at: Timestamp,
    /// The event.
    pub(crate) event: Event,
}

/// What is put on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The detail-type.
    pub(crate) name: &'static str,
    /// The detail, as JSON.
    pub(crate) detail: String,
    /// When the newest of its changes was committed.
    pub(crate) at: Timestamp,
    /// The earliest record that it tells of.
    pub(crate) first_record: usize,
}

impl Entry {
    /// What it counts by the rules of `PutEvents`: 14 bytes for the time, then the UTF-8 of every text.
    pub(crate) fn bytes(&self) -> usize {
        14 + SOURCE.len() + self.name.len() + self.detail.len()
    }
}

/// An entry that may still grow.
struct Draft {
    name: &'static str,
    tenant: TenantId,
    /// The detail without its deliveries.
    common: Map<String, Value>,
    ids: Vec<String>,
    deliveries: Vec<Value>,
    bytes: usize,
    at: Timestamp,
    first_record: usize,
}

impl Draft {
    /// An event's id grows out of its change, and the changes of an entry follow each other in the stream. So the first
    /// id with the number of those after it names exactly these changes, and a repeat of the same entry has the same id.
    /// When the stream is read again with other borders the entries differ: then `event_ids` tells what was seen before.
    fn entry(self) -> Entry {
        let mut detail = self.common;
        let event_id = match self.ids.as_slice() {
            [only] => only.clone(),
            [first, rest @ ..] => format!("{first}+{}", rest.len()),
            [] => String::new(),
        };
        if self.ids.len() > 1 {
            detail.insert("event_ids".to_owned(), self.ids.into());
        }
        detail.insert("event_id".to_owned(), event_id.into());
        detail.insert("tenant_id".to_owned(), self.tenant.to_string().into());
        detail.insert("occurred_at".to_owned(), self.at.to_rfc3339().into());
        if !self.deliveries.is_empty() {
            detail.insert("deliveries".to_owned(), self.deliveries.into());
        }
        Entry {
            name: self.name,
            detail: Value::Object(detail).to_string(),
            at: self.at,
            first_record: self.first_record,
        }
    }
}

/// Merges events into entries, in the order of their first records.
pub(crate) fn merge(events: Vec<Noted>) -> Vec<Entry> {
    let mut drafts: Vec<Draft> = Vec::new();
    // The draft that still takes deliveries, by what its events have in common.
    let mut open: HashMap<(TenantId, &'static str, String), usize> = HashMap::new();
    for Noted { record, at, event } in events {
        let Event { name, id, tenant_id: tenant, detail } = event;
        let mut common = match detail {
            Value::Object(detail) => detail,
            other => Map::from_iter([("detail".to_owned(), other)]),
        };
        let deliveries = match common.remove("deliveries") {
            Some(Value::Array(deliveries)) => Some(deliveries),
            _ => None,
        };
        // An event without deliveries stands alone.
        let key = deliveries.as_ref().map(|_| (tenant.clone(), name, Value::Object(common.clone()).to_string()));
        let deliveries = deliveries.unwrap_or_default();
        let bytes = id.len() + deliveries.iter().map(|delivery| delivery.to_string().len() + 1).sum::<usize>();
        if let Some(draft) = key.as_ref().and_then(|key| drafts.get_mut(*open.get(key)?))
            && draft.bytes + bytes <= FULL_BYTES
        {
            draft.ids.push(id);
            draft.deliveries.extend(deliveries);
            draft.bytes += bytes;
            draft.at = draft.at.max(at);
            continue;
        }
        if let Some(key) = key {
            open.insert(key, drafts.len());
        }
        drafts.push(Draft { name, tenant, common, ids: vec![id], deliveries, bytes, at, first_record: record });
    }
    drafts.into_iter().map(Draft::entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn noted(record: usize, campaign: &str, name: &'static str, count: usize) -> Noted {
        let deliveries: Vec<Value> =
            (0..count).map(|number| json!({"id": format!("{record}-{number}"), "detail": "x".repeat(300)})).collect();
        Noted {
            record,
            at: Timestamp(1_763_640_000_000 + i64::try_from(record).unwrap()),
            event: Event {
                name,
                id: format!("{campaign}:{record}"),
                tenant_id: "acme".parse().unwrap(),
                detail: json!({"campaign_id": campaign, "channel": "email", "deliveries": deliveries}),
            },
        }
    }

    fn detail(entry: &Entry) -> Value {
        serde_json::from_str(&entry.detail).unwrap()
    }

    #[test]
    fn events_of_one_campaign_and_name_become_one_entry_with_all_deliveries() {
        let entries = merge(vec![
            noted(0, "spring", "delivery.sent", 2),
            noted(1, "autumn", "delivery.sent", 1),
            noted(2, "spring", "delivery.failed", 1),
            noted(3, "spring", "delivery.sent", 3),
        ]);
        let told: Vec<_> = entries.iter().map(|entry| (entry.name, entry.first_record)).collect();
        assert_eq!(told, [("delivery.sent", 0), ("delivery.sent", 1), ("delivery.failed", 2)]);
        let first = detail(&entries[0]);
        assert_eq!(first["deliveries"].as_array().unwrap().len(), 5);
        assert_eq!((&first["event_id"], &first["event_ids"]), (&"spring:0+1".into(), &json!(["spring:0", "spring:3"])));
        assert_eq!((&first["tenant_id"], &first["campaign_id"]), (&"acme".into(), &"spring".into()));
        assert_eq!(first["occurred_at"], "2025-11-20T12:00:00.003Z");
        let alone = detail(&entries[1]);
        assert_eq!((&alone["event_id"], alone.get("event_ids")), (&"autumn:1".into(), None));
    }

    #[test]
    fn tenants_are_never_in_one_entry() {
        let mut foreign = noted(1, "spring", "delivery.sent", 1);
        foreign.event.tenant_id = "globex".parse().unwrap();
        let entries = merge(vec![noted(0, "spring", "delivery.sent", 1), foreign]);
        let tenants: Vec<_> = entries.iter().map(|entry| detail(entry)["tenant_id"].clone()).collect();
        assert_eq!(tenants, ["acme", "globex"]);
    }

    #[test]
    fn an_entry_is_split_before_it_is_too_large_for_the_bus() {
        let events: Vec<Noted> = (0..100).map(|record| noted(record, "spring", "delivery.failed", 25)).collect();
        let entries = merge(events);
        assert!(entries.len() > 1);
        let mut deliveries = 0;
        for entry in &entries {
            assert!(entry.bytes() < 256 << 10, "{}", entry.bytes());
            deliveries += detail(entry)["deliveries"].as_array().unwrap().len();
        }
        assert_eq!(deliveries, 2_500);
    }

    #[test]
    fn the_same_events_give_the_same_entries() {
        let events = || (0..5).map(|record| noted(record, "spring", "delivery.sent", 3)).collect();
        assert_eq!(merge(events()), merge(events()));
    }

    #[test]
    fn events_without_deliveries_are_not_merged() {
        let event = |record| Noted {
            event: Event {
                detail: json!({"integration_id": "int_1"}),
                ..noted(record, "x", "integration.config_updated", 0).event
            },
            ..noted(record, "x", "integration.config_updated", 0)
        };
        let entries = merge(vec![event(0), event(1)]);
        assert_eq!(entries.len(), 2);
        assert!(detail(&entries[0]).get("deliveries").is_none());
    }
}
