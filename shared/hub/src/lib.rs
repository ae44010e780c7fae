//! The jobs that more than one function does: open a connection, test it, check a campaign, dispatch and release
//! bundles, and send them. Functions hand over a store, queues and a clock; nothing in here knows AWS or HTTP.
//!
//! Read [`sender`] for what happens to a bundle between its claim and its result.

pub mod accept;
pub mod automation;
pub mod check;
pub mod connections;
pub mod content;
pub mod dispatch;
pub mod endpoints;
pub mod event_types;
mod expiring;
pub mod feedback;
pub mod jobs;
pub mod leases;
pub mod open_campaigns;
pub mod release;
pub mod sealing;
pub mod sender;
pub mod sender_function;
pub mod sign_in;
pub mod suppressed;
