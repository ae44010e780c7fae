//! What the Teams double has seen.

use crate::{emulator::client, stack::Stack};
use doubles::teams::{Count, webhook_url};
use serde_json::Value;

/// The webhook of a workflow of the stack's double.
pub(crate) fn webhook(stack: &Stack, workflow: &str) -> String {
    webhook_url(base(stack), workflow, "end-to-end-signature")
}

/// How often a workflow was posted to, and how often with success.
pub(crate) async fn count(stack: &Stack, workflow: &str) -> Count {
    serde_json::from_value(record(stack).await["by_workflow"][workflow].clone()).unwrap_or_default()
}

/// The cards that a workflow was posted, oldest first.
pub(crate) async fn cards(stack: &Stack, workflow: &str) -> Vec<Value> {
    let requests = record(stack).await["requests"].as_array().cloned().unwrap_or_default();
    let posts = requests.into_iter().filter(|call| call["workflow"] == *workflow && call["method"] == "POST");
    posts.map(|call| call["body"]["attachments"][0]["content"].clone()).collect()
}

/// Calls that no workflow would know.
pub(crate) async fn strays(stack: &Stack) -> Value {
    record(stack).await["strays"].clone()
}

fn base(stack: &Stack) -> &str {
    &stack.teams.as_ref().expect("the double runs").url
}

async fn record(stack: &Stack) -> Value {
    let url = format!("{}/_double/requests", base(stack));
    client().get(url).send().await.expect("the double answers").json().await.expect("it speaks JSON")
}
