//! What `trunkline budget` measures and judges: figures a delivery from what was logged, the start of a function, and the
//! budget they are held to. See `docs/budget.md`.

pub mod bus;
pub mod figures;
pub mod lines;
pub mod runtime_api;

/// The functions that a delivery meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// All of them.
    pub functions: [&'static str; 5],
    /// The one that takes requests in.
    pub takes_in: &'static str,
    /// The one that speaks to the provider, or the endpoint.
    pub sender: &'static str,
}

/// The way of a message to Slack.
pub const TO_SLACK: Way = Way {
    functions: ["authorize", "enqueue", "send-slack", "publish", "record"],
    takes_in: "enqueue",
    sender: "send-slack",
};

/// The way of an event to an endpoint.
pub const TO_ENDPOINT: Way = Way {
    functions: ["authorize", "events", "send-webhook", "publish", "record"],
    takes_in: "events",
    sender: "send-webhook",
};

/// One function as it is shipped.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Artifact {
    /// Its name, as in `functions/<name>`.
    pub function: &'static str,
    /// The CPU time it has spent when it asks for its first invocation.
    pub init_cpu_us: u64,
    /// Its size as Lambda takes it.
    pub zip_bytes: u64,
}
