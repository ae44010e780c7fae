//! All that Trunkline remembers, spoken of by intent: claim a bundle, finish it, find what is due.
//!
//! One trait per entity; [`dynamo::DynamoStore`] is the real table and [`memory::MemoryStore`] its twin for tests of
//! handlers. The same contract tests run on both (`tests/contract/`). Keys and expressions live in `dynamo` and
//! nowhere else.
//!
//! # Errors
//!
//! [`StoreError::Conflict`] means that somebody else was faster: read again and decide anew.
//! [`StoreError::InvalidCursor`] is the caller's to answer for. Everything else is an infrastructure fault: nothing was
//! half-written, and the same call may be repeated.

mod answers;
mod chain;
mod dead_letters;
pub mod dynamo;
mod erasure;
mod event_requests;
mod event_types;
mod feedbacks;
mod hooks;
mod jobs;
mod key_uses;
mod logs;
pub mod memory;
mod meter;
mod order_tails;
mod retention;
mod rules;
mod sessions;
mod sign_ins;
mod simulations;
mod suppressions;
mod traits;

pub use answers::Answers;
pub use chain::{ChainCheck, check_chain, search_chain};
pub use dead_letters::{DeadLetters, DeadSpan, dead_letter_cursor};
pub use erasure::Erasure;
pub use event_requests::{EventRequest, EventRequests, Match};
pub use event_types::EventTypes;
pub use feedbacks::{FeedbackTotals, Feedbacks, Reporter};
pub use hooks::{Captured, Hooks};
pub use jobs::Jobs;
pub use key_uses::{KeyUseConflict, KeyUses};
pub use logs::{LogQuery, Logs};
pub use meter::{Meter, Usage};
pub use order_tails::{LINKS_KEPT, OrderTails};
pub use retention::{LetGo, Overdue, Retention, SECRET_VERSION_MS, SECRET_VERSIONS_KEPT, TTL_GRACE_MS, is_outdated};
pub use rules::{Begun, Rules};
pub use sessions::Sessions;
pub use sign_ins::SignIns;
pub use simulations::Simulations;
pub use suppressions::Suppressions;
pub use traits::*;
