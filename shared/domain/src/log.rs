//! What happened, for people: one line for each call, delivery, webhook, sync and probe.

use crate::principal::Principal;
use serde::{Deserialize, Serialize};

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
