//! When a record's time is over. DynamoDB deletes such an item hours or days late, so whoever knows the time looks.
//! What no time to live reaches is deleted by a daily job ([`Retention`]), which also checks that TTL does its work.

use crate::Result;
use domain::{
    bundle::KEEP_MS,
    tenant::TenantScope,
    time::{DAY_MS, Timestamp},
};
use std::{future::Future, ops::AddAssign};

/// How long after its time a record is counted as overdue, in milliseconds. DynamoDB deletes "within a few days"
/// ("Using time to live (TTL) in DynamoDB", Developer Guide).
pub const TTL_GRACE_MS: i64 = 7 * DAY_MS;

/// How long an integration that was deleted keeps its record and its partitions, in milliseconds: until no delivery that it
/// sent is remembered any more, and a day.
const DELETED_MS: i64 = KEEP_MS + DAY_MS;

/// How long an integration that was deleted keeps its secrets, in milliseconds: what is still reported of its messages is
/// proven with them.
const DELETED_SECRETS_MS: i64 = SECRET_VERSION_MS;

/// Since when a hook is as it is before its old secrets go, in milliseconds: whoever remembers it as it was has forgotten.
const HOOK_SETTLED_MS: i64 = DAY_MS;

/// What retention does for one tenant. Everything may be done twice.
pub trait Retention: Send + Sync {
    /// Deletes what no time to live reaches: the secrets of integrations that were deleted 30 days ago, all that is left of
    /// those deleted 91 days ago, and secrets of hooks that serve nothing any more. About `limit` records at most.
    fn let_go(&self, scope: &TenantScope, now: Timestamp, limit: usize) -> impl Future<Output = Result<LetGo>> + Send;

    /// Looks at records that have a time to live, `sample` of each of the first `sample` partitions of a kind, and counts
    /// those that should be gone.
    fn overdue(
        &self,
        scope: &TenantScope,
        now: Timestamp,
        sample: usize,
    ) -> impl Future<Output = Result<Overdue>> + Send;

    /// The same for what is looked up before the tenant is known: sessions, sign-ins under way.
    fn overdue_lookups(&self, now: Timestamp, sample: usize) -> impl Future<Output = Result<Overdue>> + Send;
}

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetGo {
    /// Integrations of which nothing is left.
    pub integrations: usize,
    /// Versions of secrets.
    pub secrets: usize,
    /// Other records.
    pub records: usize,
}

impl LetGo {
    pub(crate) const fn total(self) -> usize {
        self.integrations + self.secrets + self.records
    }
}

impl AddAssign for LetGo {
    fn add_assign(&mut self, other: Self) {
        self.integrations += other.integrations;
        self.secrets += other.secrets;
        self.records += other.records;
    }
}

/// What a look at a sample of records came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overdue {
    /// How many were looked at.
    pub looked: usize,
    /// How many are there [`TTL_GRACE_MS`] after their time.
    pub late: usize,
    /// How many have no time to live although all of their kind do.
    pub endless: usize,
    /// The key of the first that is either, for the operator's log.
    pub example: Option<String>,
}

impl AddAssign for Overdue {
    fn add_assign(&mut self, other: Self) {
        self.looked += other.looked;
        self.late += other.late;
        self.endless += other.endless;
        self.example = self.example.take().or(other.example);
    }
}

/// Whether the secrets of an integration that was deleted then go.
pub(crate) const fn secrets_go(deleted_at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(deleted_at) > DELETED_SECRETS_MS
}

/// Whether all that is left of an integration that was deleted then goes.
pub(crate) const fn all_goes(deleted_at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(deleted_at) > DELETED_MS
}

/// Whether old secrets of a hook that was changed then go.
pub(crate) const fn is_settled(updated_at: Timestamp, now: Timestamp) -> bool {
    now.since_ms(updated_at) > HOOK_SETTLED_MS
}

/// Whether a record whose time ended at `ttl`, in seconds, should be gone.
pub(crate) const fn is_overdue(ttl: i64, now: Timestamp) -> bool {
    ttl < now.plus_ms(-TTL_GRACE_MS).as_seconds()
}

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
