//! Which events somebody wants: by type, and by what stands in their data.

use crate::ids::InvalidId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// One type of events (`order.created`), all below a word (`order.*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventPattern(String);

impl EventPattern {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of this type is meant.
    #[must_use]
    pub fn matches(&self, kind: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(prefix) => kind.starts_with(prefix),
            None => self.0 == kind,
        }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventPattern {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let kind = text.strip_suffix(".*").unwrap_or(text);
        if text == "*" || kind.parse::<super::EventType>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidId { what: "event type", rule: "a type such as `order.created`, `order.*` or `*`" })
    }
}

impl TryFrom<String> for EventPattern {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<EventPattern> for String {
    fn from(it: EventPattern) -> Self {
        it.0
    }
}

/// What must be true of an event's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Whether all conditions must hold, or any.
    #[serde(default, rename = "match")]
    pub combine: Combine,
    /// The conditions.
    pub conditions: Vec<Condition>,
}

/// How the conditions of a filter are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// All must hold.
    #[default]
    All,
    /// One is enough.
    Any,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The field, with dots into objects and numbers into lists: `customer.country`, `items.0.sku`.
    pub field: String,
    /// How it is compared.
    pub op: Op,
    /// With what; a list for `in`, nothing for `exists`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// How a field is compared. A field that is not there meets only `ne` and `absent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The same JSON value.
    Eq,
    /// Another one, or none.
    Ne,
    /// One of the list's.
    In,
    /// It is there and not null.
    Exists,
    /// It is not there, or null.
    Absent,
    /// A greater number.
    Gt,
    /// A number at least as great.
    Gte,
    /// A smaller number.
    Lt,
    /// A number at most as great.
    Lte,
    /// A text that begins with it.
    Prefix,
    /// A text or list that contains it.
    Contains,
}

impl Filter {
    /// Whether `data` meets it.
    #[must_use]
    pub fn admits(&self, data: &Value) -> bool {
        match self.combine {
            Combine::All => self.conditions.iter().all(|it| it.holds(data)),
            Combine::Any => self.conditions.iter().any(|it| it.holds(data)),
        }
    }
}

/// The field of a value, with dots into objects and numbers into lists.
#[must_use]
pub fn field<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Object(map) => map.get(name),
        Value::Array(list) => list.get(name.parse::<usize>().ok()?),
        _ => None,
    })
}

impl Condition {
    fn holds(&self, data: &Value) -> bool {
        let found = field(data, &self.field);
        let number = |compare: fn(&f64, &f64) -> bool| {
            let pair = found.and_then(Value::as_f64).zip(self.value.as_f64());
            pair.is_some_and(|(left, right)| compare(&left, &right))
        };
        match self.op {
            Op::Eq => found == Some(&self.value),
            Op::Ne => found != Some(&self.value),
            Op::In => self.value.as_array().zip(found).is_some_and(|(list, found)| list.contains(found)),
            Op::Exists => found.is_some_and(|it| !it.is_null()),
            Op::Absent => found.is_none_or(Value::is_null),
            Op::Gt => number(f64::gt),
            Op::Gte => number(f64::ge),
            Op::Lt => number(f64::lt),
            Op::Lte => number(f64::le),
            Op::Prefix => {
                let pair = found.and_then(Value::as_str).zip(self.value.as_str());
                pair.is_some_and(|(text, start)| text.starts_with(start))
            }
            Op::Contains => match found {
                Some(Value::String(text)) => self.value.as_str().is_some_and(|part| text.contains(part)),
                Some(Value::Array(list)) => list.contains(&self.value),
                _ => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn patterns_name_types_and_what_is_below_a_word() {
        let is = |pattern: &str, kind| pattern.parse::<EventPattern>().unwrap().matches(kind);
        assert!(is("*", "order.created") && is("order.*", "order.created") && is("order.created", "order.created"));
        assert!(
            !is("order.*", "orders.created") && !is("order.created", "order.created.late") && !is("order.*", "order")
        );
        for text in ["", "or*", "*.created", "Order.*", "order.*.x"] {
            assert!(text.parse::<EventPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn conditions_look_at_fields() {
        let data = json!({"total": 12.5, "customer": {"country": "DE"}, "items": [{"sku": "a-1"}], "note": null, "tags": ["x"]});
        let holds = |field: &str, op, value| Condition { field: field.into(), op, value }.holds(&data);
        for (field, op, value) in [
            ("total", Op::Gt, json!(12)),
            ("total", Op::Lte, json!(12.5)),
            ("customer.country", Op::Eq, json!("DE")),
            ("customer.country", Op::In, json!(["AT", "DE"])),
            ("items.0.sku", Op::Prefix, json!("a-")),
            ("tags", Op::Contains, json!("x")),
            ("missing", Op::Ne, json!(1)),
            ("note", Op::Absent, Value::Null),
            ("customer", Op::Exists, Value::Null),
        ] {
            assert!(holds(field, op, value), "{field}");
        }
        for (field, op, value) in [
            ("total", Op::Gt, json!("12")),
            ("missing", Op::Eq, Value::Null),
            ("note", Op::Exists, Value::Null),
            ("customer.country", Op::Lt, json!(1)),
            ("items.x.sku", Op::Exists, Value::Null),
        ] {
            assert!(!holds(field, op, value), "{field}");
        }
    }
}
