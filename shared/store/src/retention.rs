//! When a record's time is over. DynamoDB deletes such an item hours or days late, so whoever knows the time looks.

use domain::{bundle::KEEP_MS, time::Timestamp};

/// The value of a delivery record's TTL attribute: whole seconds, as DynamoDB wants them.
pub(crate) const fn delivery_ttl(created_at: Timestamp) -> i64 {
    created_at.plus_ms(KEEP_MS).as_seconds()
}

/// Whether a delivery record is to be treated as absent at `now`.
pub(crate) const fn is_over(created_at: Timestamp, now: Timestamp) -> bool {
    delivery_ttl(created_at) < now.as_seconds()
}
