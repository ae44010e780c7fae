//! An endpoint that does nothing but fail: its tenant is told, and after five days it is disabled.
//!
//! The streak is remembered in the endpoint's rate record, which every sender reads anyway. It is written where it begins,
//! where somebody is told and where it ends, so while all goes well it costs nothing.

use crate::{
    failure::shorten,
    health::{HealthStatus, TestReport},
    time::{DAY_MS, Timestamp},
};
use serde::{Deserialize, Serialize};

/// How long an endpoint may do nothing but fail, in milliseconds.
pub const FAILING_MS: i64 = 5 * DAY_MS;

/// At which shares of that time its tenant is told, in per cent.
pub const ALERTS_PERCENT: [u8; 3] = [50, 70, 90];

/// The code of the report that an alert leaves in the endpoint's health.
pub const FAILING_CODE: &str = "endpoint_failing";

/// A streak of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The first failure after the last success.
    #[serde(rename = "s")]
    pub since: Timestamp,
    /// The newest of [`ALERTS_PERCENT`] that was told; 0 before the first.
    #[serde(rename = "t", default)]
    pub told: u8,
}

/// What follows from an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is to be written.
    Keep,
    /// The streak begins.
    Begin(Failing),
    /// The streak is over.
    End,
    /// Somebody is to be told that this share of the time is over, once this is written.
    Tell(Failing),
    /// The endpoint is to be disabled.
    Stop,
}

impl Failing {
    /// What follows from what came of an endpoint's attempts at `now`. Whoever changed the endpoint at `changed_at`, enabled
    /// it or gave it another URL, has done something about it: the time begins anew.
    #[must_use]
    pub fn turn(current: Option<Self>, changed_at: Timestamp, succeeded: bool, now: Timestamp) -> Turn {
        if succeeded {
            return if current.is_some() { Turn::End } else { Turn::Keep };
        }
        let Some(streak) = current.filter(|streak| streak.since >= changed_at) else {
            return Turn::Begin(Self { since: now, told: 0 });
        };
        let lasted_ms = now.since_ms(streak.since);
        if lasted_ms >= FAILING_MS {
            return Turn::Stop;
        }
        let reached = |percent: &u8| lasted_ms * 100 >= FAILING_MS * i64::from(*percent);
        match ALERTS_PERCENT.into_iter().rev().find(reached).filter(|percent| *percent > streak.told) {
            Some(percent) => Turn::Tell(Self { told: percent, ..streak }),
            None => Turn::Keep,
        }
    }

    /// What an alert leaves in the endpoint's health: a warning, unless its test fails anyway. `words` are the last
    /// failure's.
    #[must_use]
    pub fn report(self, fails: bool, words: &str, at: Timestamp) -> TestReport {
        let detail = format!(
            "{} % of the five days after which it is disabled are over: it has taken nothing since {}; the last failure: {words}",
            self.told,
            self.since.to_rfc3339()
        );
        let status = if fails { HealthStatus::Fail } else { HealthStatus::Warn };
        TestReport { status, code: FAILING_CODE.to_owned(), detail: shorten(&detail), latency_ms: 0, at, run: None }
    }

    /// Which alert a report is; `None` for any other report.
    #[must_use]
    pub fn alert_in(report: &TestReport) -> Option<u8> {
        let told = report.detail.split(" %").next().and_then(|percent| percent.parse().ok());
        told.filter(|_| report.code == FAILING_CODE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{HOUR_MS, MINUTE_MS};

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    /// An endpoint that is tried each hour, and what it is told: the hour, and the alert or 100.
    fn told(hours: i64, succeeds_at: Option<i64>, changed_at: Option<i64>) -> Vec<(i64, u8)> {
        let (mut streak, mut told) = (None, Vec::new());
        for hour in 0..hours {
            let now = NOON.plus_ms(hour * HOUR_MS);
            let changed = changed_at.filter(|at| *at <= hour).map_or(Timestamp(0), |at| NOON.plus_ms(at * HOUR_MS));
            match Failing::turn(streak, changed, succeeds_at == Some(hour), now) {
                Turn::Keep => {}
                Turn::Begin(next) => streak = Some(next),
                Turn::End => streak = None,
                Turn::Tell(next) => {
                    told.push((hour, next.told));
                    streak = Some(next);
                }
                Turn::Stop => {
                    told.push((hour, 100));
                    break;
                }
            }
        }
        told
    }

    #[test]
    fn five_days_of_nothing_but_failures_end_an_endpoint_after_three_alerts() {
        assert_eq!(told(500, None, None), [(60, 50), (84, 70), (108, 90), (120, 100)]);
    }

    #[test]
    fn one_success_ends_the_streak() {
        assert_eq!(told(130, Some(119), None), [(60, 50), (84, 70), (108, 90)]);
        // The next failure is that of hour 120.
        assert_eq!(told(500, Some(119), None)[3..], [(180, 50), (204, 70), (228, 90), (240, 100)]);
    }

    #[test]
    fn a_change_of_the_endpoint_begins_the_time_anew() {
        assert_eq!(told(219, None, Some(100)), [(60, 50), (84, 70), (160, 50), (184, 70), (208, 90)]);
    }

    #[test]
    fn while_all_goes_well_nothing_is_written_and_a_gap_tells_the_newest_alert_only() {
        assert_eq!(Failing::turn(None, NOON, true, NOON), Turn::Keep);
        let streak = Failing { since: NOON, told: 0 };
        let after = |ms| Failing::turn(Some(streak), NOON, false, NOON.plus_ms(ms));
        assert_eq!(after(FAILING_MS / 2 - 1), Turn::Keep);
        assert_eq!(after(FAILING_MS * 9 / 10), Turn::Tell(Failing { told: 90, ..streak }));
        assert_eq!(after(FAILING_MS - MINUTE_MS), Turn::Tell(Failing { told: 90, ..streak }));
        assert_eq!(after(FAILING_MS), Turn::Stop);
        let told = Failing { told: 90, ..streak };
        assert_eq!(Failing::turn(Some(told), NOON, false, NOON.plus_ms(FAILING_MS - 1)), Turn::Keep);
    }

    #[test]
    fn a_report_says_which_alert_it_is() {
        for percent in ALERTS_PERCENT {
            let report = Failing { since: NOON, told: percent }.report(false, "HTTP 500 7 %", NOON);
            assert_eq!((Failing::alert_in(&report), report.status), (Some(percent), HealthStatus::Warn));
        }
        let failed = Failing { since: NOON, told: 50 }.report(true, &"x".repeat(999), NOON);
        assert_eq!((Failing::alert_in(&failed), failed.status), (Some(50), HealthStatus::Fail));
        assert_eq!(Failing::alert_in(&TestReport::passed("50 % ok", 1, NOON)), None);
    }
}
