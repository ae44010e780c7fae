//! Rate limits of an integration, leased for a whole bundle at once.
//!
//! One small record per integration holds when the next send may start (a virtual scheduling clock, as in GCRA), the
//! use of the current hour and day, a pause that a provider asked for, and the breaker. A lease is a pure function from that record
//! to the next one; the store writes it back under a revision check, so concurrent senders never lease the same slot.

use crate::{
    breaker::{Breaker, Passage, TRIAL_MS},
    time::{DAY_MS, HOUR_MS, SECOND_MS, Timestamp},
    webhook::failing::Failing,
};
use serde::{Deserialize, Serialize};

/// How fast an integration may send. `None` means the provider's own limit is the only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Messages per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// Messages per clock hour (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_hour: Option<u32>,
    /// Messages per day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_day: Option<u32>,
}

/// What has been leased of an integration's limits so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateState {
    /// Grows with each write; the store refuses a write whose base is older.
    pub rev: u64,
    /// No slot is free before this moment.
    pub next_free: Timestamp,
    /// The provider asked for silence until this moment.
    pub paused_until: Timestamp,
    /// Number of the current hour since the epoch.
    pub hour: i64,
    /// Leased in that hour.
    pub hour_used: u32,
    /// Number of the current day since the epoch.
    pub day: i64,
    /// Leased in that day.
    pub day_used: u32,
    /// Whether it may be given messages at all.
    #[serde(default, skip_serializing_if = "Breaker::is_closed")]
    pub breaker: Breaker,
    /// Since when an endpoint does nothing but fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

/// How much of a window's limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Slots leased in the window.
    pub used: u32,
    /// How many there are; `None` without a limit for this window.
    pub limit: Option<u32>,
    /// When the window ends and the count begins anew.
    pub until: Timestamp,
}

impl Used {
    /// The share of the limit that is used, in per cent with two decimals.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        Some((f64::from(self.used) / f64::from(limit) * 10_000.0).round() / 100.0)
    }
}

/// What an integration used of its limits in the clock hour and the day (UTC) of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// In the hour.
    pub hour: Used,
    /// In the day.
    pub day: Used,
}

/// The answer to a request for slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lease {
    /// `count` sends may go, the first at `start`, then one each `spacing_us` microseconds.
    Granted {
        /// How many of the wanted sends may go; at least 1. The rest asks again later.
        count: u32,
        /// When the first may go.
        start: Timestamp,
        /// Microseconds between two sends; 0 without a limit per second.
        spacing_us: i64,
        /// When the remainder, if any, should ask again.
        rest_at: Timestamp,
        /// Whether the one that goes is a trial: how it went has to be told, and the lease has to be written even
        /// without limits, because only one sender may have it.
        trial: bool,
        /// The record to write back.
        next: RateState,
    },
    /// Nothing may go before `until`.
    Wait {
        /// When to ask again.
        until: Timestamp,
    },
    /// The breaker lets nothing through before `until`.
    Broken {
        /// When to ask again.
        until: Timestamp,
    },
}

/// The longest a sender keeps a bundle in hand while it waits for its slots, in milliseconds. Well under the sender's
/// timeout of 60 s.
pub const PATIENCE_MS: i64 = 20 * SECOND_MS;

impl RateState {
    /// Leases up to `wanted` slots at `now`.
    #[must_use]
    pub fn lease(&self, limits: Limits, wanted: u32, now: Timestamp) -> Lease {
        let passage = self.breaker.passage(now);
        if let Passage::Shut(until) = passage {
            return Lease::Broken { until: until.max(self.paused_until) };
        }
        if self.paused_until > now {
            return Lease::Wait { until: self.paused_until };
        }
        let mut next = self.at(now);
        let trial = passage == Passage::Trial;
        let wanted = if trial { wanted.min(1) } else { wanted };
        if trial {
            next.breaker = Breaker::Trial { until: now.plus_ms(TRIAL_MS) };
        }
        let (hour_end, day_end) = (Timestamp((next.hour + 1) * HOUR_MS), Timestamp((next.day + 1) * DAY_MS));
        let in_hour = limits.per_hour.map_or(u32::MAX, |limit| limit.saturating_sub(next.hour_used));
        let in_day = limits.per_day.map_or(u32::MAX, |limit| limit.saturating_sub(next.day_used));
        if in_day == 0 {
            return Lease::Wait { until: day_end };
        }
        if in_hour == 0 {
            return Lease::Wait { until: hour_end };
        }
        let start = next.next_free.max(now);
        let spacing_us = limits.per_second.map_or(0, |limit| 1_000_000 / i64::from(limit.max(1)));
        let patience_us = now.plus_ms(PATIENCE_MS).since_ms(start) * 1_000;
        if patience_us <= 0 {
            return Lease::Wait { until: start.plus_ms(-PATIENCE_MS / 2).max(now.plus_ms(SECOND_MS)) };
        }
        let in_patience =
            if spacing_us == 0 { u32::MAX } else { u32::try_from(patience_us / spacing_us + 1).unwrap_or(u32::MAX) };
        let count = wanted.min(in_hour).min(in_day).min(in_patience);
        let busy_us = spacing_us * i64::from(count);
        next.next_free = start.plus_ms((busy_us + 999) / 1_000);
        next.hour_used = next.hour_used.saturating_add(count);
        next.day_used = next.day_used.saturating_add(count);
        next.rev += 1;
        let rest_at = if trial {
            // By then the trial has been decided: the rest is finished with it.
            now.plus_ms(SECOND_MS)
        } else if count == in_day {
            day_end
        } else if count == in_hour {
            hour_end
        } else {
            next.next_free
        };
        Lease::Granted { count, start, spacing_us, rest_at, trial, next }
    }

    /// What was used of the limits at `now`. `None` without limits: then nothing is leased, because that would cost a
    /// write for each bundle, and so nothing is counted.
    #[must_use]
    pub fn usage(&self, limits: Limits, now: Timestamp) -> Option<Usage> {
        let at = self.at(now);
        let used = |used, limit, end: i64| Used { used, limit, until: Timestamp(end) };
        (limits != Limits::default()).then(|| Usage {
            hour: used(at.hour_used, limits.per_hour, (at.hour + 1) * HOUR_MS),
            day: used(at.day_used, limits.per_day, (at.day + 1) * DAY_MS),
        })
    }

    /// The record after a provider asked for silence until `until`.
    #[must_use]
    pub fn paused(&self, until: Timestamp) -> Self {
        Self { rev: self.rev + 1, paused_until: self.paused_until.max(until), ..self.clone() }
    }

    /// The record with this breaker.
    #[must_use]
    pub fn with_breaker(&self, breaker: Breaker) -> Self {
        Self { rev: self.rev + 1, breaker, ..self.clone() }
    }

    /// The record with this streak of failures.
    #[must_use]
    pub fn with_failing(&self, failing: Option<Failing>) -> Self {
        Self { rev: self.rev + 1, failing, ..self.clone() }
    }

    /// The record with its counters rolled over to the hour and day of `now`.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let (hour, day) = (now.0.div_euclid(HOUR_MS), now.0.div_euclid(DAY_MS));
        let mut rolled = self.clone();
        if rolled.hour != hour {
            (rolled.hour, rolled.hour_used) = (hour, 0);
        }
        if rolled.day != day {
            (rolled.day, rolled.day_used) = (day, 0);
        }
        rolled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn grant(lease: Lease) -> (u32, Timestamp, RateState) {
        match lease {
            Lease::Granted { count, start, next, .. } => (count, start, next),
            Lease::Wait { until } | Lease::Broken { until } => panic!("told to wait until {until}"),
        }
    }

    #[test]
    fn without_limits_everything_goes_at_once() {
        let (count, start, _) = grant(RateState::default().lease(Limits::default(), 25, NOON));
        assert_eq!((count, start), (25, NOON));
    }

    #[test]
    fn two_leases_never_share_a_slot() {
        let limits = Limits { per_second: Some(10), ..Limits::default() };
        let (_, first, state) = grant(RateState::default().lease(limits, 25, NOON));
        let (_, second, _) = grant(state.lease(limits, 25, NOON));
        assert_eq!(second.since_ms(first), 2_500);
    }

    #[test]
    fn a_slow_limit_grants_what_fits_into_the_patience_of_a_sender() {
        let limits = Limits { per_second: Some(1), ..Limits::default() };
        let (count, _, state) = grant(RateState::default().lease(limits, 25, NOON));
        assert_eq!(count, 21);
        assert!(matches!(state.lease(limits, 4, NOON), Lease::Wait { until } if until > NOON));
    }

    #[test]
    fn hour_and_day_grant_a_remainder_and_then_wait_for_the_next_window() {
        let limits = Limits { per_hour: Some(30), per_day: Some(40), ..Limits::default() };
        let (count, _, state) = grant(RateState::default().lease(limits, 25, NOON));
        assert_eq!(count, 25);
        let (count, _, state) = grant(state.lease(limits, 25, NOON));
        assert_eq!(count, 5);
        assert_eq!(state.lease(limits, 1, NOON), Lease::Wait { until: NOON.plus_ms(HOUR_MS) });
        let later = NOON.plus_ms(HOUR_MS);
        let (count, _, state) = grant(state.lease(limits, 25, later));
        assert_eq!(count, 10);
        assert_eq!(state.lease(limits, 1, later), Lease::Wait { until: NOON.plus_ms(12 * HOUR_MS) });
    }

    #[test]
    fn usage_is_that_of_this_hour_and_this_day() {
        let limits = Limits { per_day: Some(20_000), ..Limits::default() };
        let (_, _, state) = grant(RateState::default().lease(limits, 247, NOON));
        let usage = state.usage(limits, NOON.plus_ms(1)).unwrap();
        assert_eq!(usage.hour, Used { used: 247, limit: None, until: NOON.plus_ms(HOUR_MS) });
        assert_eq!(usage.day, Used { used: 247, limit: Some(20_000), until: NOON.plus_ms(12 * HOUR_MS) });
        assert_eq!((usage.hour.percent(), usage.day.percent()), (None, Some(1.24)));
        let later = state.usage(limits, NOON.plus_ms(HOUR_MS)).unwrap();
        assert_eq!((later.hour.used, later.day.used), (0, 247));
        assert_eq!(state.usage(limits, NOON.plus_ms(12 * HOUR_MS)).unwrap().day.used, 0);
        assert_eq!(state.usage(Limits::default(), NOON), None, "nobody counts");
    }

    #[test]
    fn a_broken_integration_is_tried_with_one_message() {
        let limits = Limits { per_second: Some(10), ..Limits::default() };
        let open = RateState::default().with_breaker(Breaker::Open { until: NOON.plus_ms(30_000) });
        assert_eq!(open.lease(limits, 25, NOON), Lease::Broken { until: NOON.plus_ms(30_000) });
        let later = NOON.plus_ms(30_000);
        let Lease::Granted { count, trial, rest_at, next, .. } = open.lease(limits, 25, later) else { panic!() };
        assert_eq!((count, trial, next.rev), (1, true, open.rev + 1));
        assert!(rest_at > later);
        assert!(matches!(next.lease(limits, 25, later), Lease::Broken { until } if until > later));
        let closed = next.with_breaker(Breaker::Closed);
        assert!(matches!(closed.lease(limits, 25, later), Lease::Granted { count: 25, trial: false, .. }));
    }

    #[test]
    fn no_trial_is_made_while_the_provider_wants_silence() {
        let open = RateState::default()
            .paused(NOON.plus_ms(90_000))
            .with_breaker(Breaker::Open { until: NOON.plus_ms(30_000) });
        assert_eq!(open.lease(Limits::default(), 1, NOON), Lease::Broken { until: NOON.plus_ms(90_000) });
        assert_eq!(open.lease(Limits::default(), 1, NOON.plus_ms(31_000)), Lease::Wait { until: NOON.plus_ms(90_000) });
    }

    #[test]
    fn a_pause_silences_everybody_until_it_ends() {
        let state = RateState::default().paused(NOON.plus_ms(30_000));
        assert_eq!(state.lease(Limits::default(), 1, NOON), Lease::Wait { until: NOON.plus_ms(30_000) });
        grant(state.lease(Limits::default(), 1, NOON.plus_ms(30_000)));
        assert_eq!(state.paused(NOON).paused_until, NOON.plus_ms(30_000), "a shorter pause does not shorten it");
    }
}
