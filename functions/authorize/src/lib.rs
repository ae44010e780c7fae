//! How a credential is verified. The function itself, which answers the gateway, is in `main.rs` and beside it; the
//! console signs people in by the same check.

mod failures;
pub mod key_check;
mod proof;
pub mod verified;
