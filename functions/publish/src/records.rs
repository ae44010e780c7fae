//! The records of the tenant table's stream, as Lambda hands them over.
//!
//! Read one by one and only as far as they are needed: a record with a surprise in it must not make the whole batch
//! unreadable, because an unreadable batch is retried until its records are lost.

use domain::{
    event::{Event, of_bundle, of_feedback, of_hook_event, of_integration, of_key, of_simulation},
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;
use store::{
    StoreError,
    dynamo::{Committed, StreamItem, committed},
};

/// A batch, its records not read yet.
#[derive(Debug, Deserialize)]
pub(crate) struct Batch {
    #[serde(rename = "Records")]
    pub(crate) records: Vec<Value>,
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

/// What a record tells: its events, and when it was written.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) events: Vec<Event>,
    pub(crate) at: Timestamp,
}

/// Why a record was not understood. Says nothing of its content.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable(String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads one record. What is removed (which is how its time to live ends) is no event. `now` stands in for a time of
/// writing that the record does not tell.
pub(crate) fn read(record: Value, now: Timestamp) -> Result<Told, Unreadable> {
    // serde's words may quote what it read.
    let Record { event_name, dynamodb } =
        serde_json::from_value(record).map_err(|_| Unreadable("it is not a stream record".into()))?;
    let at = dynamodb.approximate_creation_date_time.map_or(now, moment);
    let told = |events| Ok(Told { events, at });
    if event_name == "REMOVE" {
        return told(Vec::new());
    }
    let Some(new) = dynamodb.new_image else { return Err(Unreadable("it has no new image".into())) };
    match committed(dynamodb.old_image, new) {
        Ok(Some(Committed::Bundle { scope, old, new, .. })) => told(of_bundle(scope.tenant(), old.as_deref(), &new)),
        Ok(Some(Committed::Integration { scope, old, new })) => {
            told(of_integration(scope.tenant(), old.as_deref(), &new))
        }
        Ok(Some(Committed::Feedback { scope, origin, reporter, new })) => {
            told(of_feedback(scope.tenant(), &origin, &reporter.integration, reporter.channel, &new))
        }
        Ok(Some(Committed::Key { scope, id, old, new })) => told(of_key(scope.tenant(), &id, old.as_deref(), &new)),
        Ok(Some(Committed::Simulation { scope, old, new })) => {
            told(of_simulation(scope.tenant(), old.as_deref(), &new).into_iter().collect())
        }
        Ok(Some(Committed::HookEvent { scope, old, new, body })) => {
            told(of_hook_event(scope.tenant(), old.as_deref(), &new, body.as_deref()))
        }
        // These are for the log.
        Ok(Some(Committed::Call { .. } | Committed::HookRejection { .. } | Committed::LogEntry { .. }) | None) => {
            told(Vec::new())
        }
        Err(StoreError::Corrupt { reason, .. }) => Err(Unreadable(reason)),
        Err(error) => Err(Unreadable(error.to_string())),
    }
}

/// The record's key, for the log: tenants, campaigns and ids, never content.
pub(crate) fn key(record: &Value) -> String {
    let keys = &record["dynamodb"]["Keys"];
    let part = |name: &str| keys[name]["S"].as_str().unwrap_or("?");
    format!("{}/{}", part("pk"), part("sk"))
}

/// The record's place in the stream, by which Lambda is told where to go on.
pub(crate) fn sequence_number(record: &Value) -> Option<String> {
    record["dynamodb"]["SequenceNumber"].as_str().map(str::to_owned)
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is out of range becomes the nearest number")]
fn moment(seconds: f64) -> Timestamp {
    Timestamp((seconds * 1_000.0).round() as i64)
}
