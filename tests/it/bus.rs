//! What other services see on the event bus.

use crate::tenant::Tenant;
use serde_json::Value;
use std::fs;

/// Every event about the tenant so far, in the order of arrival.
pub(crate) fn events(tenant: &Tenant) -> Vec<Value> {
    let text = fs::read_to_string(&tenant.stack.events_log).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|event| event["detail"]["tenant_id"] == *tenant.id)
        .collect()
}

/// Those of one name.
pub(crate) fn events_named(tenant: &Tenant, name: &str) -> Vec<Value> {
    events(tenant).into_iter().filter(|event| event["detail-type"] == name).collect()
}

/// The ids of the deliveries that events of this name tell of, each as often as it is told of, sorted.
pub(crate) fn deliveries(tenant: &Tenant, name: &str) -> Vec<String> {
    let mut ids: Vec<String> = events_named(tenant, name)
        .iter()
        .flat_map(|event| event["detail"]["deliveries"].as_array().cloned().unwrap_or_default())
        .filter_map(|delivery| delivery["id"].as_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids
}
