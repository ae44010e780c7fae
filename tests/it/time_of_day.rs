//! The time of day, which the deployed functions compare with what tests sign and ask for.

use std::time::{SystemTime, UNIX_EPOCH};

#[expect(clippy::disallowed_methods, reason = "the functions on the stack live by the real clock")]
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// In Unix seconds.
pub(crate) fn now_s() -> i64 {
    now_ms() / 1_000
}
