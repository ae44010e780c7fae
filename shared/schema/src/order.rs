//! An order of all JSON values, in which those that JSON Schema takes for the same are equal.

use crate::number;
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// Numbers by value, objects whatever the order of their fields.
pub(crate) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => number::compare(one, other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let items = one.iter().zip(other).map(|(one, other)| compare(one, other));
            one.len().cmp(&other.len()).then_with(|| first_difference(items))
        }
        (Value::Object(one), Value::Object(other)) => one.len().cmp(&other.len()).then_with(|| {
            let fields = sorted(one).into_iter().zip(sorted(other));
            first_difference(fields.map(|(one, other)| one.0.cmp(other.0).then_with(|| compare(one.1, other.1))))
        }),
        _ => rank(one).cmp(&rank(other)),
    }
}

/// Whether no two are the same.
pub(crate) fn are_unique(values: &[Value]) -> bool {
    let mut sorted: Vec<_> = values.iter().collect();
    sorted.sort_unstable_by(|one, other| compare(one, other));
    sorted.windows(2).all(|pair| !matches!(pair, [one, other] if compare(one, other).is_eq()))
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// They may be in the order in which they were written, by a feature of serde that any crate may turn on.
fn sorted(fields: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    sorted
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
