//! A process ends in the middle of its work, or the queue is away. These tests break a stack's functions, so each has
//! one to itself.

use crate::{await_until::await_until, duplicates::queue_message, stack::Stack, tenant::Tenant};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path, process::Command};

/// Rows 5 and 6 of the fault matrix: the provider said yes, and the sender died before it could write that down.
#[tokio::test]
async fn a_sender_that_dies_after_the_servers_yes_sends_once_more_or_asks_as_the_tenant_chose() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    let mut settings = tenant.email_settings();
    settings["retry_policy"] = json!("manual");
    settings["config"]["timeout_s"] = json!(5);
    let again = tenant.create(&settings).await;
    settings["on_unknown"] = json!("hold");
    let held = tenant.create(&settings).await;
    let people = |prefix: &str| {
        ["ann", "bob", "hang"].map(|name| match name {
            "hang" => tenant.address(&format!("hang-{prefix}")),
            name => tenant.address(&format!("{name}-{prefix}")),
        })
    };
    let mut sent = BTreeMap::new();
    for (campaign, integration) in [("again", &again), ("held", &held)] {
        let ids = tenant.send_through(campaign, "email", Some(integration), &people(campaign)).await;
        sent.insert(campaign, ids[0].clone());
    }
    await_until("the server has taken all but the answers", async || {
        let taken = tenant.mail().len();
        if taken == 6 { Ok(()) } else { Err(taken) }
    })
    .await;
    for campaign in ["again", "held"] {
        assert_eq!(tenant.totals(campaign).await["sending"], 3, "nothing is written down yet");
    }
    assert!(kill_processes_of(stack, "send-email") > 0);

    // Lease and visibility run out, which we do not wait for.
    for item in tenant.items().await.iter().filter(|item| item["st"]["S"] == "s") {
        tenant.aws.set_number(item, "l", 1).await;
    }
    for (campaign, id) in &sent {
        tenant.aws.queue("EmailQueueUrl", &queue_message(&tenant, campaign, id)).await;
    }
    assert_eq!(tenant.settled("again").await, json!({"total": 3, "settled": true, "sent": 2, "dead": 1}));
    tenant.await_totals("held", json!({"unknown": 3})).await;

    let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for mail in tenant.mail() {
        received.entry(mail.to).or_default().push(mail.message_id);
    }
    for name in ["ann", "bob"] {
        let twice = &received[&tenant.address(&format!("{name}-again"))];
        assert_eq!(twice.len(), 2, "a crash costs at most one more");
        assert_eq!(twice[0], twice[1], "and the receiver can tell it is the same");
        assert_eq!(received[&tenant.address(&format!("{name}-held"))].len(), 1, "the tenant chose to be asked");
    }
    let asked = tenant.delivery("held", &sent["held"]).await;
    assert_eq!((&asked["status"], &asked["error"]["code"]), (&json!("unknown"), &json!("interrupted")));
}

/// Row 1 of the fault matrix: written, but not queued.
#[tokio::test]
async fn a_request_that_could_not_be_queued_is_accepted_and_the_sweep_queues_it() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    tenant.slack().await;
    let nowhere = format!("{}-gone", stack.outputs["SlackQueueUrl"]);
    let queue = tenant.aws.set_variable("enqueue", "SLACK_QUEUE_URL", &nowhere).await;
    let many: Vec<String> = (0..30).map(|n| tenant.channel(&format!("N{n}"))).collect();
    tenant.send("many", "slack", &many).await;
    tenant.send("one", "slack", &[tenant.channel("ONE")]).await;
    tenant.aws.set_variable("enqueue", "SLACK_QUEUE_URL", &queue).await;
    for (campaign, count) in [("many", 30), ("one", 1)] {
        assert_eq!(tenant.totals(campaign).await["queued"], count);
    }

    // A minute goes by, which we do not wait for.
    let due: Vec<Value> = tenant.items().await.into_iter().filter(is_due).collect();
    assert_eq!(due.len(), 2, "both are remembered as not queued");
    for item in &due {
        tenant.aws.set_number(item, "da", 1).await;
    }
    let swept = tenant.aws.invoke("sweep", &json!({"due": "all"})).await;
    assert!(!swept.failed, "{swept:?}");
    for (campaign, count) in [("many", 30), ("one", 1)] {
        let expected = json!({"total": count, "settled": true, "sent": count});
        assert_eq!(tenant.settled(campaign).await, expected);
    }
    assert!(!tenant.items().await.iter().any(is_due), "the sweep has done with them");
}

/// In the index of what is to be looked at again; one of a single recipient stands there as its own bundle.
fn is_due(item: &Value) -> bool {
    item["dk"]["S"].as_str().is_some_and(|kind| kind.starts_with("request#") || kind.starts_with("bundle#"))
}

/// Kills every process of a function, as Lambda may at any time; how many there were.
fn kill_processes_of(stack: &Stack, function: &str) -> usize {
    let name = format!("AWS_LAMBDA_FUNCTION_NAME={}", stack.functions[function]);
    let endpoint = format!("AWS_ENDPOINT_URL={}", stack.endpoint);
    let processes = fs::read_dir("/proc").expect("this test needs /proc").flatten();
    let victims: Vec<String> = processes
        .filter(|process| {
            let environment = fs::read(Path::new(&process.path()).join("environ")).unwrap_or_default();
            let has = |variable: &str| environment.split(|byte| *byte == 0).any(|given| given == variable.as_bytes());
            has(&name) && has(&endpoint)
        })
        .filter_map(|process| process.file_name().into_string().ok())
        .collect();
    for pid in &victims {
        let killed = Command::new("kill").args(["-9", pid]).status().expect("there is a kill");
        assert!(killed.success());
    }
    victims.len()
}
