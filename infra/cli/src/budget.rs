//! What `trunkline budget` measures and judges: figures a delivery from what was logged, the start of a function, and the
//! budget they are held to. See `docs/budget.md`.

pub mod bus;
pub mod figures;
pub mod lines;
pub mod runtime_api;

/// The functions that a delivery to Slack meets.
pub const ON_THE_WAY: [&str; 4] = ["authorize", "enqueue", "send-slack", "publish"];

/// One sender as it is shipped.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Artifact {
    /// Its name, as in `functions/<name>`.
    pub function: &'static str,
    /// The CPU time it has spent when it asks for its first invocation.
    pub init_cpu_us: u64,
    /// Its size as Lambda takes it.
    pub zip_bytes: u64,
}
