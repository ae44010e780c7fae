//! The budget, line by line.

use super::{
    Artifact,
    figures::{Figures, f64_of},
};
use serde::Serialize;

/// One figure beside what it may be.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What is measured.
    pub figure: String,
    /// In which unit; empty for a count.
    pub unit: &'static str,
    /// The most it may be.
    pub budget: f64,
    /// What it is.
    pub measured: f64,
    /// Whether that is within the budget.
    pub ok: bool,
}

/// What was measured of a way, at 100 a request and at one.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// At 100 a request.
    pub many: &'a Figures,
    /// At one a request.
    pub one: &'a Figures,
}

/// Holds what was measured of messages and of events to the budget.
pub fn lines(artifacts: &[Artifact], messages: Measured<'_>, events: Measured<'_>, key_calls: f64) -> Vec<Line> {
    const PER_MILLION: &str = "$ a million";
    let Measured { many, one } = messages;
    let mut lines = vec![
        line("AWS calls per delivery, 100 a request", "", 0.5, many.aws_calls_per_delivery),
        line("AWS calls per delivery, 1 a request", "", 6.0, one.aws_calls_per_delivery),
        line("Cost, 100 a request", PER_MILLION, 1.0, many.dollars_per_million),
        line("Cost, 1 a request", PER_MILLION, 8.0, one.dollars_per_million),
        line("KMS calls per delivery, cold starts included", "", 0.01, key_calls),
        line("CPU per delivery, sender, 100 a request", "ms", 0.15, many.sender_cpu_us / 1_000.0),
        line("CPU per delivery, all functions, 100 a request", "ms", 0.25, many.all_cpu_us / 1_000.0),
    ];
    let Measured { many, one } = events;
    lines.extend([
        line("AWS calls per webhook delivery, 100 events a request", "", 0.5, many.aws_calls_per_delivery),
        line("AWS calls per webhook delivery, 1 event a request", "", 6.0, one.aws_calls_per_delivery),
        line("Cost, 100 events a request", PER_MILLION, 1.0, many.dollars_per_million),
        line("Cost, 1 event a request", PER_MILLION, 8.0, one.dollars_per_million),
        line("CPU per webhook delivery, all functions, 100 events a request", "ms", 0.25, many.all_cpu_us / 1_000.0),
        line("CPU per webhook delivery, all functions, 1 event a request", "ms", 1.5, one.all_cpu_us / 1_000.0),
    ]);
    for Artifact { function, init_cpu_us, zip_bytes } in artifacts {
        lines.push(line(format!("Init CPU, {function}"), "ms", 2.0, f64_of(*init_cpu_us) / 1_000.0));
        lines.push(line(format!("Zip, {function}"), "MB", 3.0, f64_of(*zip_bytes) / 1_000_000.0));
    }
    lines
}

fn line(figure: impl Into<String>, unit: &'static str, budget: f64, measured: f64) -> Line {
    Line { figure: figure.into(), unit, budget, measured, ok: measured <= budget }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::TO_SLACK;

    #[test]
    fn a_figure_may_be_as_large_as_its_budget() {
        assert!(line("x", "", 0.5, 0.5).ok && !line("x", "", 0.5, 0.500_1).ok);
    }

    #[test]
    fn every_sender_is_held_to_its_start_and_its_size() {
        let sender = Artifact { function: "send-slack", init_cpu_us: 2_100, zip_bytes: 2_900_000 };
        let nothing = Figures::of(TO_SLACK, &[]);
        let measured = Measured { many: &nothing, one: &nothing };
        let over: Vec<_> = lines(&[sender], measured, measured, 0.0).into_iter().filter(|line| !line.ok).collect();
        assert_eq!(over.len(), 1);
        assert_eq!((over[0].figure.as_str(), over[0].unit), ("Init CPU, send-slack", "ms"));
    }
}
