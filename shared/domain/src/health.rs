//! How an integration is doing.

use crate::{
    ids::RunId,
    time::{HOUR_MS, Timestamp},
};
use serde::{Deserialize, Serialize};

/// The state of an integration, shown as Green, Yellow and Red.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// Its test passed.
    Ok,
    /// Its test passed but something wants attention (slow, or a passing fault).
    Warn,
    /// Its test failed.
    Fail,
}

impl HealthStatus {
    /// The name in the API and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    /// The colour of the badge.
    #[must_use]
    pub const fn badge(self) -> &'static str {
        match self {
            Self::Ok => "green",
            Self::Warn => "yellow",
            Self::Fail => "red",
        }
    }
}

/// A test that passes but takes longer than this is a warning, in milliseconds.
pub const SLOW_MS: u64 = 3_000;

/// What one run of an integration's test recipe found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// The verdict.
    pub status: HealthStatus,
    /// A stable code: `ok`, `slow`, `breaker_open`, or a failure code of [`crate::failure`].
    pub code: String,
    /// What the provider said, without secrets.
    pub detail: String,
    /// How long the recipe took, in milliseconds.
    pub latency_ms: u64,
    /// When it ran.
    pub at: Timestamp,
    /// The run of an automation rule that asked for it. So what follows of it does not set off the same rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
}

impl TestReport {
    /// The report of a recipe that passed; slower than [`SLOW_MS`] makes it a warning.
    #[must_use]
    pub fn passed(detail: &str, latency_ms: u64, at: Timestamp) -> Self {
        let (status, code) = if latency_ms > SLOW_MS { (HealthStatus::Warn, "slow") } else { (HealthStatus::Ok, "ok") };
        Self { status, code: code.into(), detail: crate::failure::shorten(detail), latency_ms, at, run: None }
    }

    /// What an opened breaker leaves: a warning, because the recipe itself may still pass.
    #[must_use]
    pub fn breaker_opened(detail: &str, at: Timestamp) -> Self {
        let detail = crate::failure::shorten(detail);
        Self {
            status: HealthStatus::Warn,
            code: crate::breaker::OPEN_CODE.into(),
            detail,
            latency_ms: 0,
            at,
            run: None,
        }
    }

    /// Whether it counts as downtime: a failed test, or a breaker that opened, which says that messages failed.
    #[must_use]
    pub fn is_downtime(&self) -> bool {
        self.status == HealthStatus::Fail || self.code == crate::breaker::OPEN_CODE
    }

    /// The report of a recipe that failed.
    #[must_use]
    pub fn failed(failure: &crate::failure::Failure, latency_ms: u64, at: Timestamp) -> Self {
        Self {
            status: HealthStatus::Fail,
            code: failure.code.into(),
            detail: failure.detail.clone(),
            latency_ms,
            at,
            run: None,
        }
    }
}

/// Figures over a span of the health log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthFigures {
    /// How many tests ran.
    pub tests: u32,
    /// Share of tests that did not fail, in per cent.
    pub uptime_percent: f64,
    /// Share of tests that failed, in per cent.
    pub error_rate_percent: f64,
    /// Median latency of the tests that did not fail, in milliseconds.
    pub p50_ms: Option<u64>,
    /// 95th percentile of the same, in milliseconds.
    pub p95_ms: Option<u64>,
}

impl HealthFigures {
    /// Figures over the given reports, in any order.
    #[must_use]
    pub fn over(reports: &[TestReport]) -> Self {
        let passed = reports.iter().filter(|report| !report.is_downtime());
        let mut latencies: Vec<u64> = passed.map(|report| report.latency_ms).collect();
        latencies.sort_unstable();
        let at = |rank: u64| usize::try_from(rank).ok().and_then(|rank| latencies.get(rank - 1).copied());
        Self::new(reports.len() as u64, latencies.len() as u64, at)
    }

    /// `latency_at` tells the latency of a rank, from 1, among the tests that passed.
    fn new(tests: u64, passed: u64, latency_at: impl Fn(u64) -> Option<u64>) -> Self {
        if tests == 0 {
            return Self::default();
        }
        // Nearest-rank percentile: the smallest value with at least `percent` of the values at or below it.
        let percentile = |percent: u64| latency_at((passed * percent).div_ceil(100).max(1));
        #[expect(clippy::cast_precision_loss, reason = "a month of probes is far below 2^52")]
        let share = |count: u64| (count as f64 / tests as f64 * 10_000.0).round() / 100.0;
        Self {
            tests: u32::try_from(tests).unwrap_or(u32::MAX),
            uptime_percent: share(passed),
            error_rate_percent: share(tests - passed),
            p50_ms: percentile(50),
            p95_ms: percentile(95),
        }
    }
}

/// How many classes of latency a roll-up counts.
pub const LATENCY_CLASSES: usize = 24;

/// The longest latency of each class, in milliseconds: each at most 1.7 times the one before (but for the first
/// few), so that a percentile read from the classes is at most that much too long. A test is given 10 s, so the last class holds whatever is left.
pub const LATENCY_CLASSES_MS: [u64; LATENCY_CLASSES] = [
    1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000,
    10_000,
];

/// The tests of a span, counted: what figures over weeks are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HealthTally {
    /// How many tests ran.
    pub tests: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Those that did not fail, by the class of their latency.
    pub classes: [u64; LATENCY_CLASSES],
}

impl HealthTally {
    /// The class of a latency.
    #[must_use]
    pub fn class(latency_ms: u64) -> usize {
        LATENCY_CLASSES_MS.partition_point(|longest| *longest < latency_ms).min(LATENCY_CLASSES - 1)
    }

    /// Counts a test.
    pub fn count(&mut self, report: &TestReport) {
        self.tests += 1;
        if report.is_downtime() {
            self.failed += 1;
        } else {
            self.classes[Self::class(report.latency_ms)] += 1;
        }
    }

    /// Counts what another tally counted.
    pub fn add(&mut self, other: &Self) {
        self.tests += other.tests;
        self.failed += other.failed;
        for (own, others) in self.classes.iter_mut().zip(other.classes) {
            *own += others;
        }
    }

    /// The figures: shares as exact as over the tests themselves, percentiles as the longest latency of their class.
    #[must_use]
    pub fn figures(&self) -> HealthFigures {
        HealthFigures::new(self.tests, self.tests.saturating_sub(self.failed), |rank| {
            let mut up_to = 0;
            let class = self.classes.iter().position(|count| {
                up_to += count;
                up_to >= rank
            });
            class.map(|class| LATENCY_CLASSES_MS[class])
        })
    }
}

/// When the clock hour (UTC) of a moment began.
#[must_use]
pub const fn hour_of(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0.rem_euclid(HOUR_MS))
}

/// The tests of one clock hour (UTC).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthHour {
    /// When it began.
    pub hour: Timestamp,
    /// Its tests.
    pub tally: HealthTally,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, FailureKind};

    #[test]
    fn a_slow_pass_is_a_warning() {
        assert_eq!(TestReport::passed("", 3_000, Timestamp(0)).status, HealthStatus::Ok);
        assert_eq!(TestReport::passed("", 3_001, Timestamp(0)).status, HealthStatus::Warn);
    }

    #[test]
    fn an_opened_breaker_is_downtime_and_has_no_latency() {
        let log = [TestReport::breaker_opened("", Timestamp(0)), TestReport::passed("", 50, Timestamp(0))];
        let figures = HealthFigures::over(&log);
        assert_eq!((figures.tests, figures.p50_ms), (2, Some(50)));
        assert!((figures.error_rate_percent - 50.0).abs() < 1e-9);
        let mut tally = HealthTally::default();
        for report in &log {
            tally.count(report);
        }
        assert_eq!((tally.tests, tally.failed), (2, 1));
    }

    #[test]
    fn figures_over_a_log() {
        assert_eq!(HealthFigures::over(&[]), HealthFigures::default());
        let failed = TestReport::failed(&Failure::new(FailureKind::Permanent, "unreachable", "no"), 9, Timestamp(0));
        let mut log: Vec<_> = (1..=19).map(|ms| TestReport::passed("", ms * 10, Timestamp(0))).collect();
        log.push(failed);
        let figures = HealthFigures::over(&log);
        assert_eq!((figures.tests, figures.p50_ms, figures.p95_ms), (20, Some(100), Some(190)));
        assert!((figures.uptime_percent - 95.0).abs() < 1e-9 && (figures.error_rate_percent - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_latency_is_in_the_first_class_that_is_long_enough() {
        for (latency, longest) in [(0, 1), (1, 1), (2, 2), (4, 5), (101, 150), (10_000, 10_000), (60_000, 10_000)] {
            assert_eq!(LATENCY_CLASSES_MS[HealthTally::class(latency)], longest, "{latency} ms");
        }
    }

    #[test]
    fn a_tally_says_what_the_tests_say_but_for_the_width_of_a_class() {
        let failure = Failure::new(FailureKind::Permanent, "unreachable", "no");
        for count in 0..200_u64 {
            // Latencies of all classes, and every fifth or so a failure.
            let reports: Vec<_> = (0..count)
                .map(|number| match (number * number + count) % 5 {
                    0 => TestReport::failed(&failure, 9_999, Timestamp(0)),
                    spread => {
                        TestReport::passed("", (number * 7_919 + count * 31) % (spread * spread * 700), Timestamp(0))
                    }
                })
                .collect();
            let (mut tally, mut rest) = (HealthTally::default(), HealthTally::default());
            let (first, second) = reports.split_at(reports.len() / 3);
            for report in first {
                tally.count(report);
            }
            for report in second {
                rest.count(report);
            }
            tally.add(&rest);
            let exact = HealthFigures::over(&reports);
            let class = |ms: Option<u64>| ms.map(|ms| LATENCY_CLASSES_MS[HealthTally::class(ms)]);
            let expected = HealthFigures { p50_ms: class(exact.p50_ms), p95_ms: class(exact.p95_ms), ..exact };
            assert_eq!(tally.figures(), expected, "{count} tests");
        }
    }
}
