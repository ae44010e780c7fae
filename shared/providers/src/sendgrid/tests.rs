//! The SendGrid provider against the strict double.

use crate::{Carry as _, Connect, Email, Endpoints, Found, Outgoing, testing::tags, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    integration::Config,
    secret::{Secret, Secrets},
    template::{Locale, Rendered},
};
use doubles::mail_api::{MailApiDouble, Script, Which};
use guard::{Egress, Guard, Timeouts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const LATER: FailureKind = FailureKind::Transient { after_ms: None };
const DELIVERY: &str = "dlv_01JD0000000000000000000000";

fn open(double: &MailApiDouble, key: &str, settings: Value) -> Email {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts));
    let mut config = Config::new();
    config.insert("from_address".into(), json!("news@example.com"));
    let Value::Object(settings) = settings else { panic!("{settings} is not an object") };
    config.extend(settings);
    let secrets = Secrets::from([("api_key".to_owned(), Secret::new(key.to_owned()))]);
    let config = validate(Provider::Sendgrid, &config, &secrets.keys().cloned().collect()).unwrap();
    assert_eq!(validate_secrets(Provider::Sendgrid, &config, &secrets, &guard), []);
    let endpoints = Endpoints { sendgrid_api: double.sendgrid_url(), ..Endpoints::default() };
    Email::open(Provider::Sendgrid, &config, &secrets, guard, &endpoints).unwrap()
}

async fn send(email: &Email, address: &str) -> Result<Option<String>, Failure> {
    let delivery: DeliveryId = DELIVERY.parse().unwrap();
    let message = Rendered {
        subject: Some("تدريبك جاهز".into()),
        text: "مرحبا".into(),
        html: Some("<p dir=rtl>مرحبا</p>".into()),
        link: Some("https://example.com/start?x=1&y=2".into()),
    };
    email.send(&Outgoing { tags: tags(&delivery), address, locale: Some(Locale::Ar), message: &message }).await
}

async fn find(email: &Email, address: &str, delivery: &str) -> Found {
    let delivery: DeliveryId = delivery.parse().unwrap();
    let message = Rendered { subject: None, text: "Go".into(), html: None, link: None };
    email.find(&Outgoing { tags: tags(&delivery), address, locale: None, message: &message }).await
}

async fn refusal(email: &Email, address: &str) -> (FailureKind, &'static str) {
    let failure = send(email, address).await.unwrap_err();
    assert!(!failure.detail.contains("127.0.0.1"), "a URL shows in {failure:?}");
    (failure.kind, failure.code)
}

#[tokio::test]
async fn a_message_is_accepted_and_carries_its_delivery() {
    let double = MailApiDouble::start(0).await.unwrap();
    let settings = json!({
        "from_name": "أكمي \"Security\"", "reply_to": "support@example.com", "track_opens": true, "track_clicks": false
    });
    let email = open(&double, "SG.good.1234", settings);
    assert_eq!(email.test().await.unwrap(), "the key may send (mail.send among 2 scopes)");
    assert_eq!(send(&email, "sara@example.org").await.unwrap().as_deref(), Some("sg-00000000000000000001"));
    assert_eq!(send(&email, "info@bücher.example").await.unwrap().as_deref(), Some("sg-00000000000000000002"));
    let record = double.record();
    assert_eq!((record.accepted, record.strays.len()), (2, 0));
    assert_eq!((record.requests[1].delivery.as_str(), record.requests[1].provider), (DELIVERY, Which::Sendgrid));
    assert_eq!(record.requests[2].recipient, "info@xn--bcher-kva.example");
}

#[tokio::test]
async fn what_sendgrid_says_of_a_recipient_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Unknown};
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "SG.good.1234", json!({}));
    for (address, kind, code) in [
        ("invalid@example.org", Permanent, "sendgrid_recipient_refused"),
        ("rate7@example.org", Throttled { after_ms: Some(7_000) }, "rate_limited"),
        ("flaky@example.org", LATER, "provider_error"),
        ("down@example.org", LATER, "provider_error"),
        ("hang@example.org", Unknown, "timeout"),
        ("lost@example.org", Unknown, "timeout"),
    ] {
        assert_eq!(refusal(&email, address).await, (kind, code), "{address}");
    }
    for address in ["rate7@example.org", "flaky@example.org"] {
        assert!(send(&email, address).await.is_ok(), "{address}, the second time");
    }
    assert_eq!(double.record().by_recipient["lost@example.org"].accepted, 1);
    double.script(Script { provider: Some(Which::Postmark), fail: Some(503), retry_after: None });
    assert!(send(&email, "sara@example.org").await.is_ok(), "the other provider is down");
    double.script(Script { provider: None, fail: Some(503), retry_after: Some(9) });
    let later = FailureKind::Transient { after_ms: Some(9_000) };
    assert_eq!(refusal(&email, "sara@example.org").await, (later, "provider_error"));
}

#[tokio::test]
async fn a_key_that_is_no_good_is_found_by_the_test() {
    use FailureKind::Unauthorized;
    let double = MailApiDouble::start(0).await.unwrap();
    for (key, kind, code) in [
        ("SG.unknown.1", Unauthorized, "sendgrid_key_refused"),
        ("SG.noscope.1", Unauthorized, "sendgrid_missing_scope"),
        ("SG.residency.1", LATER, "sendgrid_wrong_region"),
    ] {
        let email = open(&double, key, json!({}));
        let failure = email.test().await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code), "{key}");
        assert_eq!(refusal(&email, "sara@example.org").await, (kind, code), "{key}");
    }
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn an_account_or_sender_in_trouble_is_found_by_the_send() {
    use FailureKind::{Throttled, Unauthorized};
    let double = MailApiDouble::start(0).await.unwrap();
    for (key, from, kind, code) in [
        ("SG.credits.1", "news@example.com", LATER, "sendgrid_out_of_credits"),
        ("SG.blocked.1", "news@example.com", Throttled { after_ms: Some(60_000) }, "rate_limited"),
        ("SG.good.1234", "unverified@example.com", Unauthorized, "sendgrid_sender_refused"),
    ] {
        let email = open(&double, key, json!({"from_address": from}));
        assert!(email.test().await.is_ok(), "{key}: nothing read-only tells");
        assert_eq!(refusal(&email, "sara@example.org").await, (kind, code), "{key} {from}");
    }
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_again() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "SG.activity.1", json!({}));
    assert_eq!(find(&email, "lost@example.org", DELIVERY).await, Found::CannotTell, "it may only not be there yet");
    assert_eq!(refusal(&email, "lost@example.org").await.1, "timeout");
    let provider_id = Some("sg-00000000000000000001".to_owned());
    assert_eq!(find(&email, "lost@example.org", DELIVERY).await, Found::Taken { provider_id });
    assert_eq!(find(&email, "another@example.org", DELIVERY).await, Found::CannotTell, "that is not ours");
    assert_eq!(find(&email, "lost@example.org", "dlv_01JD0000000000000000000001").await, Found::CannotTell);
    for key in ["SG.good.1234", "SG.unknown.1"] {
        let email = open(&double, key, json!({}));
        assert_eq!(find(&email, "lost@example.org", DELIVERY).await, Found::CannotTell, "{key} has no feed");
    }
    assert_eq!(double.record().strays.len(), 0);
}

#[tokio::test]
async fn in_the_sandbox_a_message_is_checked_and_has_no_id() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "SG.good.1234", json!({"sandbox": true, "region": "eu"}));
    assert_eq!(send(&email, "sara@example.org").await, Ok(None));
    assert_eq!(double.record().requests[0].outcome, "200");
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_took_nothing() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "SG.good.canary", json!({}));
    drop(double);
    tokio::task::yield_now().await;
    assert_eq!(refusal(&email, "sara@example.org").await, (LATER, "unreachable"));
    assert!(!format!("{email:?}").contains("canary"), "{email:?}");
}

#[tokio::test]
async fn a_sender_of_another_channel_does_not_open_it() {
    let (config, secrets, endpoints) = (Config::new(), Secrets::new(), Endpoints::default());
    let guard = Arc::new(Guard::new(Egress::default()));
    let slack = <crate::Slack as Connect>::open(Provider::Sendgrid, &config, &secrets, guard, &endpoints);
    assert_eq!(slack.unwrap_err().code, "settings_invalid");
}
