//! What deliveries cost at list price, from counted calls and consumed capacity.
//!
//! Prices are those of us-east-1, without free tiers and discounts. Fixed costs (alarms, the KMS key, polling of idle
//! queues) do not grow with deliveries and are left out.

use crate::invocations::Invocation;
use serde::Serialize;
use std::collections::BTreeMap;

const MILLION: f64 = 1_000_000.0;

/// Dollars a million, unless a name says otherwise.
mod price {
    pub(super) const HTTP_API_REQUEST: f64 = 1.00;
    pub(super) const LAMBDA_REQUEST: f64 = 0.20;
    /// arm64.
    pub(super) const LAMBDA_GB_SECOND: f64 = 13.33;
    /// A standard queue's request of up to 64 KB, and the surcharge where messages carry a group id (fair queues).
    pub(super) const SQS_REQUEST: f64 = 0.40 + 0.10;
    /// On demand.
    pub(super) const WRITE_UNIT: f64 = 0.625;
    pub(super) const READ_UNIT: f64 = 0.125;
    pub(super) const KMS_CALL: f64 = 3.00;
    pub(super) const SECRETS_MANAGER_CALL: f64 = 5.00;
    /// Of up to 64 KB; putting several in one call saves nothing.
    pub(super) const EVENT: f64 = 1.00;
    pub(super) const LOG_DOLLARS_PER_GB: f64 = 0.50;
}

/// What the poller behind a queue's event source asks SQS for each batch it hands to a function: to receive it and to
/// delete it. It is billed to us and seen by nobody's meter.
const SQS_REQUESTS_PER_BATCH: u64 = 2;

/// The functions that a queue's event source invokes.
const QUEUE_CONSUMERS: [&str; 5] = ["send-email", "send-slack", "send-teams", "send-webhook", "probe"];

/// What was used.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Requests to the HTTP API.
    pub http_requests: u64,
    /// Invocations of functions.
    pub invocations: u64,
    /// Memory times time of the functions.
    pub gb_seconds: f64,
    /// Calls that the functions made, by `Service.Operation`, retries counted.
    pub aws_calls: BTreeMap<String, u64>,
    /// Calls that the pollers of the queues made.
    pub poller_calls: u64,
    /// Read capacity units.
    pub read_units: f64,
    /// Write capacity units.
    pub write_units: f64,
    /// Events on the bus.
    pub events: u64,
    /// What was logged, in bytes.
    pub log_bytes: u64,
}

/// One line of the bill.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Item {
    /// What is paid for.
    pub what: &'static str,
    /// How much of it was used.
    pub used: f64,
    /// What that costs.
    pub dollars: f64,
}

impl Usage {
    /// What these invocations used. Requests to the API and events on the bus are for the caller to add: no function
    /// can see them.
    pub fn of<'a>(invocations: impl IntoIterator<Item = &'a Invocation>) -> Self {
        let mut usage = Self::default();
        for invocation in invocations {
            usage.add(invocation);
        }
        usage
    }

    fn add(&mut self, invocation: &Invocation) {
        self.invocations += 1;
        // Billed in whole milliseconds.
        self.gb_seconds += invocation.duration_ms.ceil() / 1_000.0 * memory_mb(&invocation.function) / 1_024.0;
        for (operation, count) in &invocation.aws_calls {
            *self.aws_calls.entry(operation.clone()).or_default() += count;
        }
        if QUEUE_CONSUMERS.contains(&invocation.function.as_str()) {
            self.poller_calls += SQS_REQUESTS_PER_BATCH;
        }
        self.read_units += invocation.read_units;
        self.write_units += invocation.write_units;
        // Lambda's own lines of an invocation that goes well are kept out by `SystemLogLevel: WARN` in the template.
        self.log_bytes += invocation.log_bytes;
    }

    /// The calls that the functions made to AWS.
    pub fn calls(&self) -> u64 {
        self.aws_calls.values().sum()
    }

    /// The calls that the functions made to one service, named as in [`Usage::aws_calls`].
    pub fn calls_to(&self, service: &str) -> u64 {
        let of_service = |(name, count): (&String, &u64)| (name.split('.').next() == Some(service)).then_some(*count);
        self.aws_calls.iter().filter_map(of_service).sum()
    }

    /// The bill, line by line.
    pub fn bill(&self) -> Vec<Item> {
        let per_million = |what, used: f64, price: f64| Item { what, used, dollars: used * price / MILLION };
        let counted = |what, used: u64, price| per_million(what, as_f64(used), price);
        let log_mb = as_f64(self.log_bytes) / 1e6;
        vec![
            counted("HTTP API requests", self.http_requests, price::HTTP_API_REQUEST),
            counted("Lambda requests", self.invocations, price::LAMBDA_REQUEST),
            per_million("Lambda GB-seconds", self.gb_seconds, price::LAMBDA_GB_SECOND),
            counted("SQS requests", self.calls_to("SQS") + self.poller_calls, price::SQS_REQUEST),
            per_million("DynamoDB write units", self.write_units, price::WRITE_UNIT),
            per_million("DynamoDB read units", self.read_units, price::READ_UNIT),
            counted("KMS calls", self.calls_to("KMS"), price::KMS_CALL),
            counted("Secrets Manager calls", self.calls_to("SecretsManager"), price::SECRETS_MANAGER_CALL),
            counted("EventBridge events", self.events, price::EVENT),
            Item { what: "Logs, MB", used: log_mb, dollars: log_mb / 1e3 * price::LOG_DOLLARS_PER_GB },
        ]
    }

    /// The bill's sum.
    pub fn dollars(&self) -> f64 {
        self.bill().iter().map(|item| item.dollars).sum()
    }
}

/// What a million deliveries would cost if so many cost that much.
pub fn per_million(dollars: f64, deliveries: u64) -> f64 {
    if deliveries == 0 { 0.0 } else { dollars / as_f64(deliveries) * MILLION }
}

/// The memory of a function in MB, as in `template.yaml`.
pub fn memory_mb(function: &str) -> f64 {
    match function {
        "authorize" | "keys" | "logs" | "console" => 1_024.0,
        _ => 256.0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::Project;

    fn invocation(function: &str, duration_ms: f64, calls: &[(&str, u64)]) -> Invocation {
        Invocation {
            function: function.into(),
            duration_ms,
            aws_calls: calls.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect(),
            read_units: 0.5,
            write_units: 10.0,
            log_bytes: 400,
            ..Invocation::default()
        }
    }

    fn about(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-9, "{actual} is not {expected}");
    }

    #[test]
    fn usage_adds_up() {
        let usage = Usage::of(&[
            invocation("send-email", 99.2, &[("DynamoDB.UpdateItem", 2), ("SQS.SendMessage", 1)]),
            invocation("authorize", 10.0, &[("DynamoDB.GetItem", 1), ("SecretsManager.GetSecretValue", 1)]),
        ]);
        assert_eq!((usage.invocations, usage.calls(), usage.poller_calls), (2, 5, 2));
        assert_eq!((usage.calls_to("DynamoDB"), usage.calls_to("SQS"), usage.calls_to("KMS")), (3, 1, 0));
        about(usage.gb_seconds, 0.1 * 0.25 + 0.01);
        about(usage.write_units, 20.0);
        assert_eq!(usage.log_bytes, 2 * 400);
    }

    #[test]
    fn a_million_of_each_costs_its_list_price() {
        const EACH: u64 = 1_000_000;
        let usage = Usage {
            http_requests: EACH,
            invocations: EACH,
            gb_seconds: MILLION,
            aws_calls: [("SQS.SendMessage", EACH), ("KMS.Decrypt", EACH), ("SecretsManager.GetSecretValue", EACH)]
                .map(|(name, count)| (name.to_owned(), count))
                .into(),
            poller_calls: EACH,
            read_units: MILLION,
            write_units: MILLION,
            events: EACH,
            log_bytes: 1_000 * EACH,
        };
        let dollars: Vec<_> = usage.bill().iter().map(|item| item.dollars).collect();
        for (actual, expected) in dollars.iter().zip([1.0, 0.2, 13.33, 1.0, 0.625, 0.125, 3.0, 5.0, 1.0, 0.5]) {
            about(*actual, expected);
        }
        about(usage.dollars(), dollars.iter().sum());
    }

    #[test]
    fn nothing_costs_nothing() {
        about(Usage::default().dollars(), 0.0);
        about(per_million(1.0, 0), 0.0);
        about(per_million(0.002, 1_000), 2.0);
    }

    /// Finds each function's `MemorySize` in the template, or the one of `Globals`.
    #[test]
    fn memory_and_logging_are_as_in_the_template() {
        let template = std::fs::read_to_string(Project::here().root.join("template.yaml")).unwrap();
        let number = |block: &str| -> Option<f64> {
            let line = block.lines().find_map(|line| line.trim().strip_prefix("MemorySize:"))?;
            line.split('#').next()?.trim().parse().ok()
        };
        assert!(template.contains("SystemLogLevel: WARN"), "Lambda's own lines are not counted");
        let mut blocks = template.split("CodeUri: target/lambda/");
        let global = number(blocks.next().unwrap()).unwrap();
        let mut functions = 0;
        for block in blocks {
            let name = block.split('/').next().unwrap();
            let own = block.split("\n    Type: ").next().unwrap();
            about(memory_mb(name), number(own).unwrap_or(global));
            functions += 1;
        }
        assert!(functions >= 12, "{functions}");
    }
}
