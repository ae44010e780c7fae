//! What a hook received, and what it turned away.

use super::{Call, Cause, Hook, SchemeName, Verified};
use crate::{
    ids::{HookEventId, HookId},
    time::{DAY_MS, MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long an event is kept, in milliseconds: 30 days, in which it can be replayed.
pub const EVENT_KEEP_MS: i64 = 30 * DAY_MS;
/// How long it is known what was received, in milliseconds: a day, in which a repeat is told from a new event.
pub const SEEN_KEEP_MS: i64 = DAY_MS;
/// How long the counts of what was turned away are kept, in milliseconds.
pub const TALLY_KEEP_MS: i64 = 7 * DAY_MS;

/// The largest body that is kept in its event's own record and told on the bus, which takes 256 KB with everything
/// around it. A larger one is kept beside it in parts, and only its address is told.
pub const INLINE_MAX_BYTES: usize = 180 << 10;

/// The longest text of a caller's that is kept beside a body: a header, a name.
const TEXT_MAX_CHARS: usize = 200;

/// One event that a hook took. Its body is kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEvent {
    /// Its identifier: sortable by the time it was received.
    pub id: HookEventId,
    /// The hook.
    pub hook: HookId,
    /// The hook's name at that time.
    pub hook_name: String,
    /// How its caller proved itself.
    pub scheme: SchemeName,
    /// When it was received.
    pub received_at: Timestamp,
    /// What happened, by the provider's name; `None` where the provider does not tell.
    pub event: Option<String>,
    /// The provider's own id of it.
    pub provider_id: Option<String>,
    /// The headers that say something about the event, by their names in lower case. No signature is among them.
    pub headers: BTreeMap<String, String>,
    /// How large its body is.
    pub body_bytes: u64,
    /// How often it was replayed.
    pub replays: u32,
}

impl HookEvent {
    /// The event that a verified call makes.
    #[must_use]
    pub fn of(id: HookEventId, hook: &Hook, call: &Call<'_>, verified: &Verified, body: &[u8], now: Timestamp) -> Self {
        let told = ["content-type", "user-agent"].into_iter().chain(hook.scheme.told_headers());
        let headers = told.filter_map(|name| Some((name.to_ascii_lowercase(), shortened(call.header(name)?))));
        Self {
            id,
            hook: hook.id.clone(),
            hook_name: hook.name.clone(),
            scheme: hook.scheme.name(),
            received_at: now,
            event: verified.event.as_deref().map(shortened),
            provider_id: verified.provider_id.as_deref().map(shortened),
            headers: headers.collect(),
            body_bytes: body.len() as u64,
            replays: 0,
        }
    }

    /// Whether its time is over, though it may not be deleted yet.
    #[must_use]
    pub const fn is_over(&self, now: Timestamp) -> bool {
        now.since_ms(self.received_at) > EVENT_KEEP_MS
    }
}

/// Calls of one minute that were turned away for one cause, and the last of them. Counted and not kept one by one: so
/// whoever calls a thousand times a second fills no table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The minute's beginning.
    pub minute: Timestamp,
    /// Why.
    pub cause: Cause,
    /// How many, at least: see [`Rejection::worth_writing`].
    pub count: u64,
    /// When the last one came.
    pub last_at: Timestamp,
    /// From where.
    pub source_ip: String,
    /// By what program, as it says itself.
    pub user_agent: String,
    /// How large its body was.
    pub body_bytes: u64,
    /// SHA-256 of its body, in hex; the body itself is not kept.
    pub body_sha256: String,
    /// The name of its event, where it was verified.
    pub event: Option<String>,
}

impl Rejection {
    /// One call that was turned away.
    #[must_use]
    pub fn of(cause: Cause, call: &Call<'_>, source_ip: &str, event: Option<&str>, now: Timestamp) -> Self {
        Self {
            minute: minute_of(now),
            cause,
            count: 1,
            last_at: now,
            source_ip: shortened(source_ip),
            user_agent: shortened(call.header("user-agent").unwrap_or_default()),
            body_bytes: call.body.len() as u64,
            body_sha256: crate::digest::hex_of(call.body),
            event: event.map(shortened),
        }
    }

    /// Whether the `nth` call (from 1) of a minute and cause in one process is written, with those before it that were
    /// not: each power of two is. So a flood costs twenty writes a million calls, and the count is at least half of the
    /// truth.
    #[must_use]
    pub const fn worth_writing(nth: u64) -> bool {
        nth.is_power_of_two()
    }
}

/// The beginning of a moment's minute.
#[must_use]
pub const fn minute_of(now: Timestamp) -> Timestamp {
    Timestamp(now.0.div_euclid(MINUTE_MS) * MINUTE_MS)
}

fn shortened(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(TEXT_MAX_CHARS).collect()
}
