//! What the mail server received.

use crate::stack::Stack;
use serde_json::Value;
use std::fs;

/// A message that the server took.
#[derive(Clone, Debug)]
pub(crate) struct Mail {
    pub(crate) queue_id: String,
    pub(crate) to: String,
    pub(crate) message_id: String,
    pub(crate) subject: String,
    /// The message as it was stored.
    pub(crate) source: String,
}

/// Every message to an address that ends so, in the order of arrival.
pub(crate) fn received(stack: &Stack, domain: &str) -> Vec<Mail> {
    lines(stack, "received.jsonl")
        .into_iter()
        .filter_map(|line| {
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            let to = line["rcpt_to"][0].as_str().filter(|to| to.ends_with(domain))?.to_owned();
            let queue_id = text("queue_id")?;
            let source = fs::read(stack.inbox_dir.join(format!("{queue_id}.eml"))).ok()?;
            Some(Mail {
                to,
                message_id: text("message_id")?,
                subject: text("subject")?,
                source: String::from_utf8_lossy(&source).into_owned(),
                queue_id,
            })
        })
        .collect()
}

/// How often the server refused each address that ends so.
pub(crate) fn refused(stack: &Stack, domain: &str) -> Vec<String> {
    let to = |line: Value| line["rcpt_to"].as_str().map(str::to_owned);
    lines(stack, "refused.jsonl").into_iter().filter_map(to).filter(|to| to.ends_with(domain)).collect()
}

fn lines(stack: &Stack, file: &str) -> Vec<Value> {
    let text = fs::read_to_string(stack.inbox_dir.join(file)).unwrap_or_default();
    // The last line may be only half written.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
