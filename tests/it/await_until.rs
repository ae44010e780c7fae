//! The one place that waits.

use std::{fmt::Display, time::Duration};
use tokio::time::{Instant, sleep};

/// How long a condition may take to come true: for a busy machine, and for the longest chain of retries in these tests.
/// It bounds a failure; nothing is asserted about time.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Looks again and again until `look` finds what it looks for; `what` and what it saw last are told if it never does.
pub(crate) async fn await_until<T, E: Display>(what: &str, mut look: impl AsyncFnMut() -> Result<T, E>) -> T {
    let give_up = Instant::now() + PATIENCE;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) if Instant::now() > give_up => panic!("{what}: not within {PATIENCE:?}; the last seen: {seen}"),
            Err(_) => sleep(LOOK_AGAIN).await,
        }
    }
}
