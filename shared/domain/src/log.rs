//! What happened, for people: one line for each call, delivery, webhook, sync and probe.
//!
//! An [`Entry`] says what happened, with whom and how it went. It never holds what was said: no body, no address, no
//! secret ([`redacted`]). Entries are derived from what was committed ([`of`]) and stored by the page ([`Page`]); a
//! [`LogId`] names the page and the place in it.

mod entry;
mod filter;
mod id;
pub mod of;
mod page;
mod redact;
mod sends;
mod tally;

pub use entry::{Direction, Entry, EntryStatus, EntryType};
pub use filter::Filter;
pub use id::{LogId, PageId};
pub use page::{PAGE_MAX_BYTES, Page, Stamped, pages};
pub use redact::redacted;
pub use sends::{Sends, WAYS_MAX, Way};
pub use tally::{Figures, Hour, Tally};

use crate::{principal::Principal, time::DAY_MS};
use serde::{Deserialize, Serialize};

/// How long the log is kept, in milliseconds.
pub const KEEP_MS: i64 = 90 * DAY_MS;

/// A share in per cent, to a hundredth; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 10_000.0).round() / 100.0 }
}

/// The API call that a record came from, kept with what it wrote, so that it is told of without a write of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCall {
    /// Who called.
    #[serde(rename = "p")]
    pub principal: Principal,
    /// Method and path, e.g. `POST /v1/events`.
    #[serde(rename = "r")]
    pub route: String,
    /// The gateway's id of the request, which the answer's `x-request-id` repeats.
    #[serde(rename = "i")]
    pub request_id: String,
    /// How many milliseconds it took until everything was durable.
    #[serde(rename = "m")]
    pub duration_ms: u32,
}
