//! The Teams provider against the strict double.

use crate::{Connect, Endpoints, Outgoing, Teams, check_address, testing::tags, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    integration::Config,
    secret::{Secret, Secrets},
    template::{Locale, Rendered},
};
use doubles::teams::TeamsDouble;
use guard::{Egress, Guard, Timeouts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const LATER: FailureKind = FailureKind::Transient { after_ms: None };

fn open(url: &str, settings: Value) -> Teams {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts));
    let secrets = Secrets::from([("webhook_url".to_owned(), Secret::new(url.to_owned()))]);
    let Value::Object(config) = settings else { panic!("{settings} is not an object") };
    let config: Config = validate(Provider::Teams, &config, &secrets.keys().cloned().collect()).unwrap();
    assert_eq!(validate_secrets(Provider::Teams, &config, &secrets, &guard), []);
    assert_eq!(check_address(Provider::Teams, &config, "default"), Ok(()));
    <Teams as Connect>::open(Provider::Teams, &config, &secrets, guard, &Endpoints::default()).unwrap()
}

fn workflow(double: &TeamsDouble, id: &str) -> Teams {
    open(&double.webhook_url(id), json!({}))
}

fn message() -> Rendered {
    Rendered {
        subject: Some("Sara, your *training*".into()),
        text: "مرحبا **Sara**\n\n- one\n- two\nBye".into(),
        html: None,
        link: Some("https://example.com/start?x=1&y=2".into()),
    }
}

async fn send(connection: &Teams, locale: Locale) -> Result<Option<String>, Failure> {
    let delivery: DeliveryId = "dlv_01JD0000000000000000000000".parse().unwrap();
    let message = message();
    let out = Outgoing { tags: tags(&delivery), address: "default", locale: Some(locale), message: &message };
    connection.send(&out).await
}

async fn refusal(connection: &Teams) -> (FailureKind, &'static str) {
    let failure = send(connection, Locale::En).await.unwrap_err();
    assert!(!failure.detail.contains("127.0.0.1"), "a URL shows in {failure:?}");
    (failure.kind, failure.code)
}

#[tokio::test]
async fn a_card_is_accepted_and_answers_its_run() {
    let double = TeamsDouble::start(0).await.unwrap();
    let teams = open(&double.webhook_url("7e2c2dc8"), json!({"theme": "accent", "title": "Acme"}));
    for locale in [Locale::En, Locale::Ar] {
        assert!(send(&teams, locale).await.unwrap().unwrap().ends_with("CU01"));
    }
    let record = double.record();
    assert_eq!((record.accepted, record.strays), (2, Vec::new()));
    let card = &record.requests[1].body["attachments"][0]["content"];
    assert_eq!((&card["rtl"], &card["actions"][0]["title"]), (&json!(true), &json!("فتح")));
}

#[tokio::test]
async fn the_test_posts_nothing() {
    let double = TeamsDouble::start(0).await.unwrap();
    assert_eq!(workflow(&double, "7e2c2dc8").test().await.unwrap(), "the workflow answers: it takes messages by POST");
    for (id, code) in [
        ("gone", "teams_workflow_gone"),
        ("deleted", "teams_workflow_gone"),
        ("off", "teams_workflow_off"),
        ("down", "provider_error"),
    ] {
        assert_eq!(workflow(&double, id).test().await.unwrap_err().code, code, "{id}");
    }
    let record = double.record();
    assert_eq!(record.accepted, 0);
    assert!(record.requests.iter().all(|call| call.method == "GET"), "{:?}", record.requests);
}

#[tokio::test]
async fn what_the_workflow_says_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Unauthorized, Unknown};
    let double = TeamsDouble::start(0).await.unwrap();
    for (id, kind, code) in [
        ("gone", Unauthorized, "teams_workflow_gone"),
        ("deleted", Unauthorized, "teams_workflow_gone"),
        ("off", Unauthorized, "teams_workflow_off"),
        ("schema", Permanent, "teams_rejected"),
        ("rate7", Throttled { after_ms: Some(7_000) }, "rate_limited"),
        ("flaky", LATER, "provider_error"),
        ("down", LATER, "provider_error"),
        ("hang", Unknown, "timeout"),
        ("lost", Unknown, "timeout"),
    ] {
        assert_eq!(refusal(&workflow(&double, id)).await, (kind, code), "{id}");
    }
    for id in ["rate7", "flaky"] {
        assert!(send(&workflow(&double, id), Locale::En).await.is_ok(), "{id}, the second time");
    }
    let forged = open(&double.webhook_url_signed("7e2c2dc8", "forged"), json!({}));
    assert_eq!(refusal(&forged).await, (Unauthorized, "teams_address_refused"));
}

#[tokio::test]
async fn a_workflow_that_cannot_be_reached_took_nothing() {
    let double = TeamsDouble::start(0).await.unwrap();
    let teams = workflow(&double, "7e2c2dc8");
    drop(double);
    tokio::task::yield_now().await;
    assert_eq!(refusal(&teams).await, (LATER, "unreachable"));
}

#[tokio::test]
async fn nothing_secret_shows_in_debug_output() {
    let double = TeamsDouble::start(0).await.unwrap();
    let shown = format!("{:?}", open(&double.webhook_url_signed("7e2c2dc8", "canary"), json!({})));
    assert!(!shown.contains("canary") && !shown.contains("127.0.0.1"), "{shown}");
}
