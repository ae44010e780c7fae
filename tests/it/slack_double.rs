//! What the Slack double has seen.

use crate::{emulator::client, stack::Stack};
use serde_json::Value;

/// How often a channel was called, and how often with success.
pub(crate) async fn calls(stack: &Stack, channel: &str) -> (u64, u64) {
    let count = &record(stack).await["by_channel"][channel];
    (count["calls"].as_u64().unwrap_or(0), count["accepted"].as_u64().unwrap_or(0))
}

/// The bodies that were posted to a channel, oldest first.
pub(crate) async fn posts(stack: &Stack, channel: &str) -> Vec<Value> {
    let requests = record(stack).await["requests"].as_array().cloned().unwrap_or_default();
    requests.into_iter().filter(|call| call["channel"] == *channel).map(|call| call["body"].clone()).collect()
}

/// Calls that Slack would not know.
pub(crate) async fn strays(stack: &Stack) -> Value {
    record(stack).await["strays"].clone()
}

async fn record(stack: &Stack) -> Value {
    let url = format!("{}/_double/requests", stack.slack.as_ref().expect("the double runs").url);
    client().get(url).send().await.expect("the double answers").json().await.expect("it speaks JSON")
}
