//! The breaker of an integration: when most of what it is given fails, nobody gives it more for a while.
//!
//! Each sender counts its own attempts in memory, in a [`Window`], so an attempt costs no call. The first sender whose
//! window trips opens the [`Breaker`] in the integration's rate record, where everybody who leases sees it:
//!
//! ```text
//! closed ──a window trips──> open ──30 s──> half open: one sender, one message ──taken──> closed
//!                             ^                            └──failed──> open again
//! ```

use crate::{
    failure::{Failure, FailureKind},
    time::{MINUTE_MS, SECOND_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// How far back a window reaches, in milliseconds.
pub const WINDOW_MS: i64 = 5 * MINUTE_MS;

/// How many attempts a window must hold to say anything.
pub const ATTEMPTS_MIN: u32 = 10;

/// The share of failed attempts that opens the breaker, in per cent.
pub const FAILED_PERCENT: u32 = 70;

/// How long an open breaker lets nobody through, in milliseconds.
pub const OPEN_MS: i64 = 30 * SECOND_MS;

/// How long the sender of a trial has to tell how it went, in milliseconds: longer than it may wait for its slot and its
/// provider. After that it counts as dead, and another may try.
pub const TRIAL_MS: i64 = 40 * SECOND_MS;

/// When those who find a trial under way look again, in milliseconds: most trials are over in a moment.
const TRIAL_LOOK_MS: i64 = 5 * SECOND_MS;

/// The code of the test report that an opened breaker leaves, so that people see it.
pub const OPEN_CODE: &str = "breaker_open";

/// The state of an integration's breaker, shared by all senders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Breaker {
    /// Everything goes through.
    #[default]
    Closed,
    /// Nothing goes through before `until`; then one message is tried.
    Open {
        /// The moment from which it is half open.
        until: Timestamp,
    },
    /// One sender tries one message.
    Trial {
        /// When that sender counts as dead.
        until: Timestamp,
    },
}

/// What a breaker says to a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Go.
    Free,
    /// Try one message and tell how it went.
    Trial,
    /// Ask again then.
    Shut(Timestamp),
}

impl Breaker {
    /// What it says at `now`.
    #[must_use]
    pub fn passage(self, now: Timestamp) -> Passage {
        match self {
            Self::Closed => Passage::Free,
            Self::Open { until } if until > now => Passage::Shut(until),
            Self::Trial { until } if until > now => Passage::Shut(until.min(now.plus_ms(TRIAL_LOOK_MS))),
            Self::Open { .. } | Self::Trial { .. } => Passage::Trial,
        }
    }

    /// Whether everything goes through.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        *self == Self::Closed
    }

    /// Its state's name in the API at `now`, and until when it lasts.
    #[must_use]
    pub fn shown(self, now: Timestamp) -> (&'static str, Option<Timestamp>) {
        match self {
            Self::Closed => ("closed", None),
            Self::Open { until } if until > now => ("open", Some(until)),
            Self::Open { .. } => ("half_open", None),
            Self::Trial { until } => ("half_open", Some(until).filter(|until| *until > now)),
        }
    }

    /// After a window tripped; `None` if it is not closed, so that somebody else opened it.
    #[must_use]
    pub fn opened(self, now: Timestamp) -> Option<Self> {
        self.is_closed().then(|| Self::Open { until: now.plus_ms(OPEN_MS) })
    }

    /// After a trial; `None` if there is none any more, because another sender's decided.
    #[must_use]
    pub fn tried(self, passed: bool, now: Timestamp) -> Option<Self> {
        match self {
            Self::Trial { .. } if passed => Some(Self::Closed),
            Self::Trial { .. } => Some(Self::Open { until: now.plus_ms(OPEN_MS) }),
            Self::Closed | Self::Open { .. } => None,
        }
    }

    /// After a trial that came to nothing, because its message was not handed over in the end or its answer says nothing
    /// about the integration: the next may try at once. `None` if it was decided.
    #[must_use]
    pub fn untried(self, now: Timestamp) -> Option<Self> {
        matches!(self, Self::Trial { .. }).then_some(Self::Open { until: now })
    }
}

/// Whether a failed attempt says something about the integration: `Some(true)` that it does not work, `Some(false)` that
/// it does, because it gave a reasoned answer about one recipient or message. A request to slow down has a pause of its
/// own, and what we could not even hand over says nothing.
#[must_use]
pub fn blames(failure: &Failure) -> Option<bool> {
    match failure.kind {
        FailureKind::Transient { .. } | FailureKind::Unknown | FailureKind::Unauthorized => Some(true),
        FailureKind::Throttled { .. } => None,
        FailureKind::Permanent => (!matches!(failure.code, "template_failed" | "poison")).then_some(false),
    }
}

/// How many buckets a window is counted in.
const BUCKETS: i64 = 10;

/// How long each is.
const BUCKET_MS: i64 = WINDOW_MS / BUCKETS;

/// One sender's attempts on one integration over the last [`WINDOW_MS`], to the width of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// The oldest first; at most [`BUCKETS`].
    buckets: VecDeque<Bucket>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bucket {
    number: i64,
    attempts: u32,
    failed: u32,
}

impl Window {
    /// Counts an attempt. Answers whether the window has tripped: only a failure does that.
    pub fn count(&mut self, failed: bool, now: Timestamp) -> bool {
        let number = now.0.div_euclid(BUCKET_MS);
        while self.buckets.front().is_some_and(|oldest| oldest.number <= number - BUCKETS) {
            self.buckets.pop_front();
        }
        // A clock that was set back counts into the newest bucket there is.
        if self.buckets.back().is_none_or(|newest| newest.number < number) {
            self.buckets.push_back(Bucket { number, ..Bucket::default() });
        }
        if let Some(newest) = self.buckets.back_mut() {
            newest.attempts = newest.attempts.saturating_add(1);
            newest.failed = newest.failed.saturating_add(u32::from(failed));
        }
        let sum = |of: fn(&Bucket) -> u32| self.buckets.iter().map(|bucket| u64::from(of(bucket))).sum::<u64>();
        let (attempts, failures) = (sum(|it| it.attempts), sum(|it| it.failed));
        failed && attempts >= u64::from(ATTEMPTS_MIN) && failures * 100 >= attempts * u64::from(FAILED_PERCENT)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn counted(attempts: &[bool]) -> bool {
        let mut window = Window::default();
        attempts.iter().map(|failed| window.count(*failed, NOON)).last().unwrap_or(false)
    }

    #[test]
    fn seven_of_ten_trip_a_window_and_six_or_nine_of_nine_do_not() {
        let mix = |passed: usize, failed: usize| [vec![false; passed], vec![true; failed]].concat();
        assert!(counted(&mix(3, 7)));
        assert!(!counted(&mix(4, 6)));
        assert!(!counted(&mix(0, 9)));
        assert!(counted(&mix(0, 10)));
    }

    #[test]
    fn what_is_five_minutes_old_no_longer_counts() {
        let mut window = Window::default();
        for _ in 0..9 {
            window.count(true, NOON);
        }
        assert!(window.clone().count(true, NOON.plus_ms(WINDOW_MS - BUCKET_MS)));
        assert!(!window.count(true, NOON.plus_ms(WINDOW_MS)));
    }

    #[test]
    fn half_open_lets_one_through_and_the_others_look_again_soon() {
        let open = Breaker::Closed.opened(NOON).unwrap();
        let end = NOON.plus_ms(OPEN_MS);
        assert_eq!(open.passage(NOON), Passage::Shut(end));
        assert_eq!(open.passage(end), Passage::Trial);
        let trial = Breaker::Trial { until: end.plus_ms(TRIAL_MS) };
        assert_eq!(trial.passage(end), Passage::Shut(end.plus_ms(TRIAL_LOOK_MS)));
        assert_eq!(trial.passage(end.plus_ms(TRIAL_MS)), Passage::Trial, "its sender died");
        assert_eq!(trial.untried(end).map(|it| it.passage(end)), Some(Passage::Trial));
        assert_eq!(trial.tried(true, end), Some(Breaker::Closed));
        assert_eq!(trial.tried(false, end), Some(Breaker::Open { until: end.plus_ms(OPEN_MS) }));
    }

    #[test]
    fn nobody_decides_twice() {
        for state in [Breaker::Open { until: NOON }, Breaker::Trial { until: NOON }] {
            assert_eq!(state.opened(NOON), None);
        }
        for state in [Breaker::Closed, Breaker::Open { until: NOON }] {
            assert_eq!((state.tried(true, NOON), state.tried(false, NOON), state.untried(NOON)), (None, None, None));
        }
    }

    #[test]
    fn only_what_speaks_against_the_integration_counts_against_it() {
        let blamed = |kind, code| blames(&Failure::new(kind, code, ""));
        for kind in [FailureKind::Transient { after_ms: None }, FailureKind::Unknown, FailureKind::Unauthorized] {
            assert_eq!(blamed(kind, "provider_error"), Some(true));
        }
        assert_eq!(blamed(FailureKind::Throttled { after_ms: None }, "rate_limited"), None);
        assert_eq!(blamed(FailureKind::Permanent, "smtp_recipient_refused"), Some(false));
        assert_eq!(blamed(FailureKind::Permanent, "template_failed"), None);
    }

    #[test]
    fn it_is_stored_in_few_words() {
        for (breaker, text) in
            [(Breaker::Closed, r#""closed""#), (Breaker::Open { until: Timestamp(5) }, r#"{"open":{"until":5}}"#)]
        {
            assert_eq!(serde_json::to_string(&breaker).unwrap(), text);
            assert_eq!(serde_json::from_str::<Breaker>(text).unwrap(), breaker);
        }
    }

    proptest! {
        /// Against the plain definition, over attempts at any times in order: buckets forget at most one width early,
        /// and never remember longer than the window.
        #[test]
        fn a_window_trips_as_the_list_of_its_attempts_would(
            attempts in proptest::collection::vec((0_i64..60_000, any::<bool>()), 1..80)
        ) {
            let mut window = Window::default();
            let (mut now, mut past) = (NOON, Vec::new());
            for (pause_ms, failed) in attempts {
                now = now.plus_ms(pause_ms);
                past.push((now.0.div_euclid(BUCKET_MS), failed));
                let tripped = window.count(failed, now);
                let recent: Vec<_> =
                    past.iter().filter(|(bucket, _)| *bucket > now.0.div_euclid(BUCKET_MS) - BUCKETS).collect();
                let failures = recent.iter().filter(|(_, failed)| *failed).count();
                let expected = failed && recent.len() >= 10 && failures * 10 >= recent.len() * 7;
                prop_assert_eq!(tripped, expected);
            }
        }

        /// Whatever senders do, at most one trial is under way at any time, and an open breaker is tried again.
        #[test]
        fn at_most_one_message_is_tried_at_a_time(
            steps in proptest::collection::vec((0_i64..50_000, proptest::option::of(any::<bool>())), 1..60)
        ) {
            let mut breaker = Breaker::Closed.opened(NOON).unwrap();
            let (mut now, mut trial_since) = (NOON, None);
            for (pause_ms, told) in steps {
                now = now.plus_ms(pause_ms);
                match (told, trial_since) {
                    (Some(passed), Some(_)) => {
                        breaker = breaker.tried(passed, now).unwrap();
                        trial_since = None;
                        if passed {
                            prop_assert_eq!(breaker.passage(now), Passage::Free);
                            breaker = breaker.opened(now).unwrap();
                        }
                        prop_assert_eq!(breaker.passage(now), Passage::Shut(now.plus_ms(OPEN_MS)));
                    }
                    _ => match breaker.passage(now) {
                        Passage::Free => prop_assert!(false, "nobody closed it"),
                        Passage::Shut(until) => prop_assert!(until > now),
                        Passage::Trial => {
                            let dead = trial_since.is_none_or(|since: Timestamp| now.since_ms(since) >= TRIAL_MS);
                            prop_assert!(dead, "two trials at once");
                            trial_since = Some(now);
                            breaker = Breaker::Trial { until: now.plus_ms(TRIAL_MS) };
                        }
                    },
                }
            }
        }
    }
}
