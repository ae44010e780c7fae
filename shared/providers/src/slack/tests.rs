//! The Slack provider against the strict double.

use crate::{Connect, Endpoints, Outgoing, Slack, testing::tags, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    integration::Config,
    secret::{Secret, Secrets},
    template::Rendered,
};
use doubles::slack::{Options, Script, SlackDouble};
use guard::{Egress, Guard, Timeouts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const LATER: FailureKind = FailureKind::Transient { after_ms: None };

fn guard() -> Arc<Guard> {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts))
}

fn config(value: Value) -> Config {
    let Value::Object(config) = value else { panic!("{value} is not an object") };
    config
}

fn secrets(name: &str, value: &str) -> Secrets {
    Secrets::from([(name.to_owned(), Secret::new(value.to_owned()))])
}

fn open(double: &SlackDouble, settings: Value, secrets: &Secrets) -> Slack {
    let present = secrets.keys().cloned().collect();
    let settings = validate(Provider::Slack, &config(settings), &present).unwrap();
    let guard = guard();
    assert_eq!(validate_secrets(Provider::Slack, &settings, secrets, &guard), []);
    let endpoints = Endpoints { slack_api: double.api_url(), ..Endpoints::default() };
    <Slack as Connect>::open(Provider::Slack, &settings, secrets, guard, &endpoints).unwrap()
}

fn bot(double: &SlackDouble, token: &str) -> Slack {
    open(double, json!({"mode": "bot_token", "channel": "C0MAIN"}), &secrets("bot_token", token))
}

fn webhook(double: &SlackDouble, hook: &str) -> Slack {
    open(double, json!({"mode": "incoming_webhook"}), &secrets("webhook_url", &double.webhook_url(hook)))
}

async fn send(connection: &Slack, address: &str) -> Result<Option<String>, Failure> {
    let delivery: DeliveryId = "dlv_01JD0000000000000000000000".parse().unwrap();
    let message = Rendered {
        subject: None,
        text: "مرحبا *Sara*".into(),
        html: None,
        link: Some("https://example.com/start?x=1&y=2".into()),
    };
    connection.send(&Outgoing { tags: tags(&delivery), address, locale: None, message: &message }).await
}

async fn refusal(connection: &Slack, address: &str) -> (FailureKind, &'static str) {
    let failure = send(connection, address).await.unwrap_err();
    assert!(!failure.detail.contains("127.0.0.1"), "a URL shows in {failure:?}");
    (failure.kind, failure.code)
}

#[tokio::test]
async fn a_message_reaches_its_channel_and_answers_its_id() {
    let double = SlackDouble::start(Options::default()).await.unwrap();
    let bot = bot(&double, "xoxb-good-1234");
    assert_eq!(bot.test().await.unwrap(), "workspace Double, bot trunkline");
    let first = send(&bot, "C0SALES").await.unwrap().unwrap();
    let second = send(&bot, "default").await.unwrap().unwrap();
    assert_eq!(first, "C0SALES:1763600000.000001");
    assert_eq!(second, "C0MAIN:1763600000.000002");
    assert!(send(&bot, "U0SARA").await.unwrap().unwrap().starts_with("D0SARA:"));
    let record = double.record();
    assert_eq!((record.accepted, record.strays.len()), (3, 0));
    assert_eq!(record.requests[1].body["metadata"]["event_payload"]["delivery"], "dlv_01JD0000000000000000000000");
}

#[tokio::test]
async fn what_slack_says_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Unknown};
    let double = SlackDouble::start(Options::default()).await.unwrap();
    let bot = bot(&double, "xoxb-good-1234");
    for (address, kind, code) in [
        ("C0NOTFOUND", Permanent, "slack_channel_not_found"),
        ("C0NOTIN", Permanent, "slack_channel_not_found"),
        ("C0ARCHIVED", Permanent, "slack_channel_closed"),
        ("C0RESTRICTED", Permanent, "slack_channel_closed"),
        ("C0RATE7", Throttled { after_ms: Some(7_000) }, "rate_limited"),
        ("C0FLAKY", LATER, "provider_error"),
        ("C0DOWN", LATER, "provider_error"),
        ("C0HANG", Unknown, "timeout"),
    ] {
        assert_eq!(refusal(&bot, address).await, (kind, code), "{address}");
    }
    for address in ["C0RATE7", "C0FLAKY"] {
        assert!(send(&bot, address).await.is_ok(), "{address}, the second time");
    }
    double.script(Script { fail: Some("fatal_error".into()), retry_after: None });
    assert_eq!(refusal(&bot, "C0SALES").await, (LATER, "provider_error"));
    double.script(Script::default());
    assert!(send(&bot, "C0SALES").await.is_ok());
}

#[tokio::test]
async fn a_bad_token_is_found_by_test_and_send() {
    let double = SlackDouble::start(Options::default()).await.unwrap();
    for (token, code) in [
        ("xoxb-unknown-1234", "slack_login_refused"),
        ("xoxb-revoked-1234", "slack_login_refused"),
        ("xoxb-noscope-1234", "slack_missing_scope"),
    ] {
        let bot = bot(&double, token);
        let failure = bot.test().await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Unauthorized, code), "{token}");
        assert_eq!(refusal(&bot, "C0SALES").await, (FailureKind::Unauthorized, code), "{token}");
    }
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn a_webhook_is_tested_without_posting_and_then_posts() {
    let double = SlackDouble::start(Options::default()).await.unwrap();
    let hook = webhook(&double, "B0GOOD");
    assert_eq!(hook.test().await.unwrap(), "the webhook exists: it refused an empty message with no_text");
    assert_eq!(double.record().accepted, 0, "the test must not post");
    assert_eq!(send(&hook, "default").await, Ok(None));
    assert_eq!((double.record().accepted, hook.concurrency()), (1, 1));
}

#[tokio::test]
async fn a_webhooks_refusals_are_told_apart() {
    use FailureKind::{Permanent, Throttled, Unauthorized};
    let double = SlackDouble::start(Options::default()).await.unwrap();
    for (hook, kind, code) in [
        ("B0NOTFOUND", Unauthorized, "slack_webhook_gone"),
        ("B0NOTIN", Permanent, "slack_channel_not_found"),
        ("B0ARCHIVED", Permanent, "slack_channel_closed"),
        ("B0RATE3", Throttled { after_ms: Some(3_000) }, "rate_limited"),
        ("B0DOWN", LATER, "provider_error"),
    ] {
        assert_eq!(refusal(&webhook(&double, hook), "default").await, (kind, code), "{hook}");
    }
    let failure = webhook(&double, "B0NOTFOUND").test().await.unwrap_err();
    assert_eq!(failure.code, "slack_webhook_gone");
}

#[tokio::test]
async fn a_workspace_that_cannot_be_reached_took_nothing() {
    let double = SlackDouble::start(Options::default()).await.unwrap();
    let (bot, hook) = (bot(&double, "xoxb-good-1234"), webhook(&double, "B0GOOD"));
    drop(double);
    tokio::task::yield_now().await;
    for connection in [bot, hook] {
        assert_eq!(refusal(&connection, "default").await, (LATER, "unreachable"));
    }
}

#[tokio::test]
async fn nothing_secret_shows_in_debug_output() {
    let double = SlackDouble::start(Options::default()).await.unwrap();
    let shown = format!("{:?} {:?}", bot(&double, "xoxb-good-canary"), webhook(&double, "B0CANARY"));
    assert!(!shown.contains("canary") && !shown.contains("CANARY"), "{shown}");
}
