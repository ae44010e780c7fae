//! How much one session may ask of an instance: more than any person does, and less than a program would like to. What an
//! API key may ask of the API in a minute is not counted here, so without this the console would be the way around it.

use domain::time::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// How many requests may come at once.
const AT_ONCE: i64 = 100;
/// How far apart requests may come in the long run, in milliseconds.
const EVERY_MS: i64 = 200;
/// How many sessions are remembered.
const SESSIONS: usize = 1_000;

/// By session, until when its requests so far would have taken at the steady pace.
#[derive(Default)]
pub(crate) struct Pace(Mutex<HashMap<String, Timestamp>>);

impl Pace {
    /// Takes a request of this session; in how many seconds to come again if it may not go.
    pub(crate) fn wait_s(&self, session: &str, now: Timestamp) -> Option<u32> {
        let mut busy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if busy.len() >= SESSIONS {
            busy.retain(|_, until| *until > now);
            if busy.len() >= SESSIONS {
                // Each of them was signed in, and the gateway limits them all together.
                busy.clear();
            }
        }
        let until = busy.entry(session.to_owned()).or_insert(now);
        let next = (*until).max(now).plus_ms(EVERY_MS);
        let over_ms = next.since_ms(now) - AT_ONCE * EVERY_MS;
        if over_ms > 0 {
            return Some(u32::try_from(over_ms.div_euclid(1_000) + 1).unwrap_or(1));
        }
        *until = next;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_may_hurry_for_a_while_and_no_other_waits_for_it() {
        let (pace, now) = (Pace::default(), Timestamp(1_000_000));
        for _ in 0..AT_ONCE {
            assert_eq!(pace.wait_s("one", now), None);
        }
        assert_eq!(pace.wait_s("one", now), Some(1));
        assert_eq!(pace.wait_s("other", now), None);
        assert_eq!(pace.wait_s("one", now.plus_ms(EVERY_MS)), None, "one more, as time goes on");
        assert_eq!(pace.wait_s("one", now.plus_ms(EVERY_MS)), Some(1));
    }
}
