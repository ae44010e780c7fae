//! What `trunkline kpi` measures and judges: the indicators that the specification promises, beside what was found. See
//! `docs/kpi.md`.

pub mod arrivals;
pub mod page;

use serde::Serialize;

/// What an indicator has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Less than this.
    Below(f64),
    /// For information.
    None,
}

impl Target {
    fn is_met(self, measured: f64) -> bool {
        match self {
            Self::AtLeast(least) => measured >= least,
            Self::AtMost(most) => measured <= most,
            Self::Below(bound) => measured < bound,
            Self::None => true,
        }
    }

    /// As a person writes it.
    pub fn words(self, unit: &str) -> String {
        match self {
            Self::AtLeast(least) => format!(">= {least} {unit}"),
            Self::AtMost(most) => format!("<= {most} {unit}"),
            Self::Below(bound) => format!("< {bound} {unit}"),
            Self::None => String::new(),
        }
    }
}

/// One indicator beside its target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What is measured.
    pub figure: String,
    /// Of how many it was measured.
    pub count: usize,
    /// What it has to be.
    pub target: Target,
    /// What it is; `None` where nothing was measured, which meets no target.
    pub measured: Option<f64>,
    /// `%` or `ms`.
    pub unit: &'static str,
    /// Whether the target is met.
    pub ok: bool,
}

impl Line {
    /// How many of all, in per cent.
    pub fn share(figure: impl Into<String>, target: Target, part: usize, all: usize) -> Self {
        let measured = (all > 0).then(|| 100.0 * f64_of(part) / f64_of(all));
        Self::new(figure, all, target, measured, "%")
    }

    /// The median of times, held to a target, and the 95th percentile, for information.
    pub fn times(figure: &str, target: Target, times_ms: &[f64]) -> [Self; 2] {
        let line = |name: &str, target, percent| {
            Self::new(format!("{figure}, {name}"), times_ms.len(), target, percentile(times_ms, percent), "ms")
        };
        [line("median", target, 50), line("95th percentile", Target::None, 95)]
    }

    fn new(figure: impl Into<String>, count: usize, target: Target, measured: Option<f64>, unit: &'static str) -> Self {
        let ok = measured.map_or(target == Target::None, |measured| target.is_met(measured));
        Self { figure: figure.into(), count, target, measured, unit, ok }
    }

    /// What was found, as a person writes it.
    pub fn found(&self) -> String {
        match self.measured {
            None => "nothing".to_owned(),
            Some(measured) if self.unit == "%" => format!("{measured:.2} %"),
            Some(measured) => format!("{measured:.0} {}", self.unit),
        }
    }
}

/// The nearest rank: the least value that at least so many per cent do not exceed.
fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[expect(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
const fn f64_of(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_at_its_bound_or_below_it() {
        assert!(Line::share("x", Target::AtLeast(99.0), 99, 100).ok);
        assert!(!Line::share("x", Target::AtLeast(99.0), 98, 100).ok);
        assert!(Line::share("x", Target::Below(0.5), 1, 201).ok);
        assert!(!Line::share("x", Target::Below(0.5), 1, 200).ok);
    }

    #[test]
    fn nothing_measured_meets_no_target() {
        assert!(!Line::share("x", Target::Below(1.0), 0, 0).ok);
        let [median, p95] = Line::times("x", Target::AtMost(2_000.0), &[]);
        assert_eq!((median.ok, p95.ok, median.found().as_str()), (false, true, "nothing"));
    }

    #[test]
    fn the_median_is_judged_and_the_95th_percentile_is_told() {
        let times: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let [median, p95] = Line::times("x", Target::AtMost(50.0), &times);
        assert_eq!((median.measured, median.ok), (Some(50.0), true));
        assert_eq!((p95.measured, p95.target), (Some(95.0), Target::None));
        assert_eq!(percentile(&[7.0], 95), Some(7.0));
    }
}
