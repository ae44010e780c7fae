//! From what was logged to figures a delivery.

use super::Way;
use crate::{
    cost::{Item, Usage, per_million},
    invocations::Invocation,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// What one round of a load used.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Deliveries that were sent.
    pub deliveries: u64,
    /// Requests they came in.
    pub requests: u64,
    /// Events on the bus, in units of 64 KB.
    pub event_units: u64,
    /// Invocations of the functions on the way.
    pub invocations: Vec<Invocation>,
}

/// One function's part.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Part {
    /// Its name.
    pub function: String,
    /// How often it was invoked.
    pub invocations: u64,
    /// How often a process was started for that.
    pub cold_starts: u64,
    /// CPU time in all rounds.
    pub cpu_us: u64,
    /// CPU time a delivery: the median of the rounds.
    pub cpu_us_per_delivery: f64,
    /// Calls to AWS by `Service.Operation`.
    pub aws_calls: BTreeMap<String, u64>,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
    /// What it logged, in bytes.
    pub log_bytes: u64,
}

/// What a load used: counts over all rounds, CPU time as the median round's.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Deliveries of all rounds.
    pub deliveries: u64,
    /// Calls that the functions made.
    pub aws_calls_per_delivery: f64,
    /// Calls that Lambda's pollers made to SQS.
    pub poller_calls_per_delivery: f64,
    /// What a million deliveries cost.
    pub dollars_per_million: f64,
    /// CPU time of the sender a delivery.
    pub sender_cpu_us: f64,
    /// CPU time of all functions a delivery.
    pub all_cpu_us: f64,
    /// Function by function.
    pub functions: Vec<Part>,
    /// All that was used.
    pub usage: Usage,
    /// What it cost.
    pub bill: Vec<Item>,
}

impl Round {
    fn of(&self, function: &str) -> impl Iterator<Item = &Invocation> {
        self.invocations.iter().filter(move |it| it.function == function)
    }

    fn cpu_us_per_delivery(&self, function: Option<&str>) -> f64 {
        let chosen = self.invocations.iter().filter(|it| function.is_none_or(|name| it.function == name));
        each(chosen.map(|it| it.cpu_us).sum(), self.deliveries)
    }
}

impl Figures {
    /// Adds rounds up.
    pub fn of(way: Way, rounds: &[Round]) -> Self {
        let deliveries = rounds.iter().map(|round| round.deliveries).sum();
        let billed: Vec<_> = rounds.iter().flat_map(|round| &round.invocations).map(as_billed).collect();
        let usage = Usage {
            http_requests: rounds.iter().map(|round| round.requests).sum(),
            events: rounds.iter().map(|round| round.event_units).sum(),
            ..Usage::of(&billed)
        };
        let cpu_us = |function| median(rounds.iter().map(|round| round.cpu_us_per_delivery(function)).collect());
        Self {
            deliveries,
            aws_calls_per_delivery: each(usage.calls(), deliveries),
            poller_calls_per_delivery: each(usage.poller_calls, deliveries),
            dollars_per_million: per_million(usage.dollars(), deliveries),
            sender_cpu_us: cpu_us(Some(way.sender)),
            all_cpu_us: cpu_us(None),
            functions: way.functions.map(|function| part(function, rounds, cpu_us(Some(function)))).into(),
            bill: usage.bill(),
            usage,
        }
    }
}

/// KMS calls a delivery over everything that was sent, the warm-up and its cold starts included.
pub fn key_calls_per_delivery(rounds: &[&Round]) -> f64 {
    let invocations = rounds.iter().flat_map(|round| &round.invocations);
    each(Usage::of(invocations).calls_to("KMS"), rounds.iter().map(|round| round.deliveries).sum())
}

fn part(function: &str, rounds: &[Round], cpu_us_per_delivery: f64) -> Part {
    let mut part = Part { function: function.to_owned(), cpu_us_per_delivery, ..Part::default() };
    for invocation in rounds.iter().flat_map(|round| round.of(function)) {
        part.invocations += 1;
        part.cold_starts += u64::from(invocation.cold_start);
        part.cpu_us += invocation.cpu_us;
        part.read_units += invocation.read_units;
        part.write_units += invocation.write_units;
        part.log_bytes += invocation.log_bytes;
        for (operation, count) in &invocation.aws_calls {
            *part.aws_calls.entry(operation.clone()).or_default() += count;
        }
    }
    part
}

/// Lambda bills how long an invocation takes. The handler's own clock sees neither the reading of the event nor the
/// writing of the answer; where the process spent more than that clock says, what it spent counts.
fn as_billed(invocation: &Invocation) -> Invocation {
    let cpu_ms = f64_of(invocation.cpu_us) / 1_000.0;
    Invocation { duration_ms: invocation.duration_ms.max(cpu_ms), ..invocation.clone() }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A count for each delivery.
pub fn each(count: u64, deliveries: u64) -> f64 {
    f64_of(count) / f64_of(deliveries.max(1))
}

/// A count to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub const fn f64_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::TO_SLACK;

    fn invocation(function: &str, cpu_us: u64, calls: &[(&str, u64)]) -> Invocation {
        Invocation {
            function: function.to_owned(),
            cpu_us,
            duration_ms: 2.5,
            aws_calls: calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            write_units: 1.0,
            ..Invocation::default()
        }
    }

    fn round(sender_cpu_us: u64) -> Round {
        Round {
            deliveries: 100,
            requests: 1,
            event_units: 2,
            invocations: vec![
                invocation("enqueue", 5_000, &[("DynamoDB.PutItem", 1), ("SQS.SendMessageBatch", 1)]),
                invocation("send-slack", sender_cpu_us, &[("DynamoDB.UpdateItem", 8), ("KMS.Decrypt", 1)]),
            ],
        }
    }

    fn about(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
    }

    #[test]
    fn counts_are_of_all_rounds_and_cpu_time_of_the_median_one() {
        let figures = Figures::of(TO_SLACK, &[round(10_000), round(90_000), round(20_000)]);
        assert_eq!(figures.deliveries, 300);
        about(figures.aws_calls_per_delivery, 0.11);
        about(figures.poller_calls_per_delivery, 0.02);
        about(figures.sender_cpu_us, 200.0);
        about(figures.all_cpu_us, 250.0);
        assert_eq!((figures.usage.http_requests, figures.usage.events, figures.usage.invocations), (3, 6, 6));
        let sender = figures.functions.iter().find(|it| it.function == "send-slack").unwrap();
        assert_eq!((sender.invocations, sender.cpu_us, sender.aws_calls["KMS.Decrypt"]), (3, 120_000, 3));
        about(sender.write_units, 3.0);
    }

    #[test]
    fn a_process_is_billed_for_no_less_than_it_spent() {
        about(as_billed(&invocation("publish", 7_200, &[])).duration_ms, 7.2);
        about(as_billed(&invocation("publish", 100, &[])).duration_ms, 2.5);
    }

    #[test]
    fn key_calls_are_of_everything_that_was_sent() {
        about(key_calls_per_delivery(&[&round(1), &round(1)]), 0.01);
    }

    #[test]
    fn nothing_is_nothing() {
        about(Figures::of(TO_SLACK, &[]).all_cpu_us, 0.0);
    }
}
