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

mod chain;
pub mod dynamo;
mod erasure;
mod feedbacks;
mod hooks;
mod key_uses;
pub mod memory;
mod meter;
mod retention;
mod sessions;
mod sign_ins;
mod simulations;
mod suppressions;
mod traits;

pub use chain::{ChainCheck, check_chain};
pub use erasure::Erasure;
pub use feedbacks::{FeedbackTotals, Feedbacks, Reporter};
pub use hooks::{Captured, Hooks};
pub use key_uses::{KeyUseConflict, KeyUses};
pub use meter::{Meter, Usage};
pub use retention::{SECRET_VERSION_MS, SECRET_VERSIONS_KEPT, is_outdated};
pub use sessions::Sessions;
pub use sign_ins::SignIns;
pub use simulations::Simulations;
pub use suppressions::Suppressions;
pub use traits::*;
