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
mod tally;

pub use entry::{Direction, Entry, EntryStatus, EntryType};
pub use filter::Filter;
pub use id::{LogId, PageId};
pub use page::{PAGE_MAX_BYTES, Page, Stamped, pages};
pub use redact::redacted;
pub use tally::{Figures, Hour, Tally};

use crate::{principal::Principal, time::DAY_MS};
use serde::{Deserialize, Serialize};

/// How long the log is kept, in milliseconds.
pub const KEEP_MS: i64 = 90 * DAY_MS;

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
