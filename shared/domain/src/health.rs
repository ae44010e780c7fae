//! How an integration is doing.

use crate::time::Timestamp;
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
    /// A stable code: `ok`, `slow`, or a failure code of [`crate::failure`].
    pub code: String,
    /// What the provider said, without secrets.
    pub detail: String,
    /// How long the recipe took, in milliseconds.
    pub latency_ms: u64,
    /// When it ran.
    pub at: Timestamp,
}

impl TestReport {
    /// The report of a recipe that passed; slower than [`SLOW_MS`] makes it a warning.
    #[must_use]
    pub fn passed(detail: &str, latency_ms: u64, at: Timestamp) -> Self {
        let (status, code) = if latency_ms > SLOW_MS { (HealthStatus::Warn, "slow") } else { (HealthStatus::Ok, "ok") };
        Self { status, code: code.into(), detail: crate::failure::shorten(detail), latency_ms, at }
    }

    /// The report of a recipe that failed.
    #[must_use]
    pub fn failed(failure: &crate::failure::Failure, latency_ms: u64, at: Timestamp) -> Self {
        Self { status: HealthStatus::Fail, code: failure.code.into(), detail: failure.detail.clone(), latency_ms, at }
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
        if reports.is_empty() {
            return Self::default();
        }
        let mut latencies: Vec<u64> = reports
            .iter()
            .filter(|report| report.status != HealthStatus::Fail)
            .map(|report| report.latency_ms)
            .collect();
        latencies.sort_unstable();
        // Nearest-rank percentile: the smallest value with at least `percent` of the values at or below it.
        let percentile = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            latencies.get(rank - 1).copied()
        };
        #[expect(clippy::cast_precision_loss, reason = "a month of probes is far below 2^52")]
        let share = |count: usize| (count as f64 / reports.len() as f64 * 10_000.0).round() / 100.0;
        Self {
            tests: u32::try_from(reports.len()).unwrap_or(u32::MAX),
            uptime_percent: share(latencies.len()),
            error_rate_percent: share(reports.len() - latencies.len()),
            p50_ms: percentile(50),
            p95_ms: percentile(95),
        }
    }
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
    fn figures_over_a_log() {
        assert_eq!(HealthFigures::over(&[]), HealthFigures::default());
        let failed = TestReport::failed(&Failure::new(FailureKind::Permanent, "unreachable", "no"), 9, Timestamp(0));
        let mut log: Vec<_> = (1..=19).map(|ms| TestReport::passed("", ms * 10, Timestamp(0))).collect();
        log.push(failed);
        let figures = HealthFigures::over(&log);
        assert_eq!((figures.tests, figures.p50_ms, figures.p95_ms), (20, Some(100), Some(190)));
        assert!((figures.uptime_percent - 95.0).abs() < 1e-9 && (figures.error_rate_percent - 5.0).abs() < 1e-9);
    }
}
