//! The records of the tenant table's stream, as Lambda hands them over.
//!
//! Read one by one and only as far as they are needed: a record with a surprise in it must not make the whole batch
//! unreadable, because an unreadable batch is retried until its records are lost.

use domain::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use store::{
    StoreError,
    dynamo::{Committed, StreamItem, committed},
};

/// A batch, its records not read yet.
#[derive(Debug, Deserialize)]
pub struct Batch {
    /// The records, in the order of their changes.
    #[serde(rename = "Records")]
    pub records: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    event_name: String,
    dynamodb: Change,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    new_image: Option<StreamItem>,
    old_image: Option<StreamItem>,
    /// Seconds, perhaps with a fraction.
    approximate_creation_date_time: Option<f64>,
}

/// Why a record was not understood. Says nothing of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// Reads what a record tells was committed, and when. What is removed (which is how its time to live ends) tells nothing.
/// `now` stands in for a time that the record does not tell.
pub fn read(record: Value, now: Timestamp) -> Result<Option<(Committed, Timestamp)>, Unreadable> {
    // serde's words may quote what it read.
    let Record { event_name, dynamodb } =
        serde_json::from_value(record).map_err(|_| Unreadable("it is not a stream record".into()))?;
    if event_name == "REMOVE" {
        return Ok(None);
    }
    let at = dynamodb.approximate_creation_date_time.map_or(now, moment);
    let new = dynamodb.new_image.ok_or_else(|| Unreadable("it has no new image".into()))?;
    match committed(dynamodb.old_image, new) {
        Ok(change) => Ok(change.map(|change| (change, at))),
        Err(StoreError::Corrupt { reason, .. }) => Err(Unreadable(reason)),
        Err(error) => Err(Unreadable(error.to_string())),
    }
}

/// The record's key, for the log of the function: tenants, campaigns and ids, never content.
#[must_use]
pub fn key(record: &Value) -> String {
    let keys = &record["dynamodb"]["Keys"];
    let part = |name: &str| keys[name]["S"].as_str().unwrap_or("?");
    format!("{}/{}", part("pk"), part("sk"))
}

/// The record's place in the stream, by which Lambda is told where to go on.
#[must_use]
pub fn sequence_number(record: &Value) -> Option<String> {
    record["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is out of range becomes the nearest number")]
fn moment(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1_000.0).round() as i64)
}
