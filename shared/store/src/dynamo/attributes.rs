//! Items and their attributes: reading, writing, and how many bytes DynamoDB bills for them.

use crate::{Result, StoreError};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};
use std::collections::HashMap;

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

pub(super) fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(super) fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// A record as an item, without attributes that hold nothing: so a condition may ask whether one exists.
pub(super) fn item_of(record: &impl Serialize) -> Result<Item> {
    let mut item: Item = serde_dynamo::to_item(record).map_err(|error| unwritable(&error))?;
    item.retain(|_, value| !value.is_null());
    Ok(item)
}

pub(super) fn value_of(value: &impl Serialize) -> Result<AttributeValue> {
    serde_dynamo::to_attribute_value(value).map_err(|error| unwritable(&error))
}

fn unwritable(error: &serde_dynamo::Error) -> StoreError {
    StoreError::Corrupt { key: "(not written)".to_owned(), reason: error.to_string() }
}

/// The record in an item; attributes that are not its own are ignored.
pub(super) fn record_of<T: DeserializeOwned>(item: Item) -> Result<T> {
    let key = name_of(&item);
    serde_dynamo::from_item(item).map_err(|error| StoreError::Corrupt { key, reason: error.to_string() })
}

/// The item's key, for messages.
pub(super) fn name_of(item: &Item) -> String {
    super::keys::Key::of(item).map_or_else(|| "(no key)".to_owned(), |key| key.to_string())
}

/// How many bytes an item counts, by "Item sizes and formats" in the DynamoDB Developer Guide.
pub(super) fn size_of(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => number_size(digits),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::Ns(numbers) => numbers.iter().map(|digits| number_size(digits)).sum(),
        AttributeValue::Bs(all) => all.iter().map(|bytes| bytes.as_ref().len()).sum(),
        AttributeValue::L(values) => 3 + values.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(values) => {
            3 + values.iter().map(|(name, value)| 1 + name.len() + value_size(value)).sum::<usize>()
        }
        _ => 1,
    }
}

/// One byte for two significant digits, and one more.
fn number_size(digits: &str) -> usize {
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').len().div_ceil(2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_documented_rules() {
        let item = Item::from([
            ("pk".to_owned(), text("T#acme")),
            ("n".to_owned(), number(1_763_640_000_000_i64)),
            ("f".to_owned(), AttributeValue::Bool(true)),
            ("l".to_owned(), AttributeValue::L(vec![text("ab"), text("ü")])),
            ("m".to_owned(), AttributeValue::M(HashMap::from([("k".to_owned(), text("v"))]))),
        ]);
        assert_eq!(size_of(&item), (2 + 6) + (1 + 4) + (1 + 1) + (1 + 3 + 3 + 3) + (1 + 3 + 3));
    }
}
