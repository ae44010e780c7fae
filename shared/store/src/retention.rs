//! When a record's time is over. DynamoDB deletes such an item hours or days late, so whoever knows the time looks.

use domain::{
    bundle::KEEP_MS,
    time::{DAY_MS, Timestamp},
};

/// How many versions of an integration's secrets are kept whatever their age, the one that serves among them.
pub const SECRET_VERSIONS_KEPT: usize = 3;

/// How long every version of an integration's secrets is kept, in milliseconds.
pub const SECRET_VERSION_MS: i64 = 30 * DAY_MS;

/// Whether a version of an integration's secrets is let go of at `now`; `place` counts from the newest, which is 0. The
/// newest before the one that serves is needed for some seconds by senders that have not heard of the rotation, and for days
/// by what SES reports of messages that were sent under it; the others are kept to be looked at when somebody asks since when what was used.
#[must_use]
pub const fn is_outdated(place: usize, created_at: Timestamp, now: Timestamp) -> bool {
    place >= SECRET_VERSIONS_KEPT && now.since_ms(created_at) > SECRET_VERSION_MS
}

/// The value of a delivery record's TTL attribute: whole seconds, as DynamoDB wants them.
pub(crate) const fn delivery_ttl(created_at: Timestamp) -> i64 {
    created_at.plus_ms(KEEP_MS).as_seconds()
}

/// Whether a delivery record is to be treated as absent at `now`.
pub(crate) const fn is_over(created_at: Timestamp, now: Timestamp) -> bool {
    delivery_ttl(created_at) < now.as_seconds()
}
