//! The sample events of `events/`, made for `cargo lambda invoke --data-file`: each function takes its own.

use crate::{emulator::Emulator, stack::Stack};
use serde_json::Value;
use std::{collections::BTreeSet, fs};
use trunkline::stack::Project;

/// What each function has to answer to its sample: at this place, and this where it is always the same.
const ANSWERS: &[(&str, &str, Option<&str>)] = &[
    ("authorize", "/isAuthorized", Some("false")),
    ("tenants", "/statusCode", Some("200")),
    ("keys", "/statusCode", Some("200")),
    ("configure", "/statusCode", Some("200")),
    ("sign-in", "/statusCode", Some("400")),
    ("console", "/statusCode", Some("200")),
    ("preflight", "/statusCode", Some("200")),
    ("enqueue", "/statusCode", Some("409")),
    ("deliveries", "/statusCode", Some("200")),
    ("events", "/statusCode", Some("202")),
    ("event-types", "/statusCode", Some("200")),
    ("send-email", "/batchItemFailures", Some("[]")),
    ("send-slack", "/batchItemFailures", Some("[]")),
    ("send-teams", "/batchItemFailures", Some("[]")),
    ("send-webhook", "/batchItemFailures", Some("[]")),
    ("send-m365", "/batchItemFailures", Some("[]")),
    ("publish", "/batchItemFailures", Some("[]")),
    // There is no such tenant, so nothing of it is logged.
    ("record", "", Some("null")),
    ("logs", "/statusCode", Some("200")),
    ("track", "/statusCode", Some("404")),
    ("suppressions", "/statusCode", Some("200")),
    ("track-ses", "", Some("\"dropped\"")),
    ("probe", "/queued", None),
    ("sweep", "", None),
    ("track-m365", "/looked", None),
    ("retention", "/tenants", None),
    ("hooks", "/statusCode", Some("200")),
    ("endpoints", "/statusCode", Some("200")),
    ("rules", "/statusCode", Some("200")),
    // Nobody has a rule.
    ("automate", "/ran", Some("0")),
    // Nobody has the hook that it names.
    ("receive", "/statusCode", Some("404")),
];

#[tokio::test]
async fn every_function_answers_its_sample() {
    let stack = Stack::shared();
    let (aws, folder) = (Emulator::of(stack), Project::here().root.join("events"));
    let samples: BTreeSet<String> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let functions: BTreeSet<String> = stack.functions.keys().map(|name| format!("{name}.json")).collect();
    assert_eq!(samples, functions, "one sample for each function");
    for (function, pointer, expected) in ANSWERS {
        let sample = fs::read_to_string(folder.join(format!("{function}.json"))).unwrap();
        let event: Value = serde_json::from_str(&sample).unwrap();
        let invoked = aws.invoke(function, &event).await;
        assert!(!invoked.failed, "{function}: {invoked:?}");
        let found = invoked.answer.pointer(pointer).unwrap_or_else(|| panic!("{function}: {invoked:?}"));
        if let Some(expected) = expected {
            let expected: Value = serde_json::from_str(expected).unwrap();
            assert_eq!(*found, expected, "{function}: {invoked:?}");
        }
    }
}

/// Row 8 of the fault matrix: a message must not come back while a function may still be working on it.
#[tokio::test]
async fn every_queue_hides_a_message_for_six_times_its_functions_limit() {
    let aws = Emulator::of(Stack::shared());
    for (queue, function) in [
        ("EmailQueueUrl", "send-email"),
        ("SlackQueueUrl", "send-slack"),
        ("TeamsQueueUrl", "send-teams"),
        ("WebhookQueueUrl", "send-webhook"),
        ("M365QueueUrl", "send-m365"),
        ("ProbeQueueUrl", "probe"),
    ] {
        let (hidden_s, limit_s) = (aws.hides_for_s(queue).await, aws.limit_s(function).await);
        assert!(
            limit_s > 0 && hidden_s >= 6 * limit_s,
            "{queue} hides for {hidden_s} s, {function} may take {limit_s}"
        );
    }
}
