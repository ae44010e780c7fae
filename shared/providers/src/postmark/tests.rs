//! The Postmark provider against the strict double.

use crate::{Carry as _, Connect, Email, Endpoints, Found, Outgoing, testing::tags, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    ids::{DeliveryId, RequestId},
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

fn open(double: &MailApiDouble, token: &str, settings: Value) -> Email {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts));
    let mut config = Config::new();
    config.insert("from_address".into(), json!("news@example.com"));
    let Value::Object(settings) = settings else { panic!("{settings} is not an object") };
    config.extend(settings);
    let secrets = Secrets::from([("server_token".to_owned(), Secret::new(token.to_owned()))]);
    let config = validate(Provider::Postmark, &config, &secrets.keys().cloned().collect()).unwrap();
    assert_eq!(validate_secrets(Provider::Postmark, &config, &secrets, &guard), []);
    let endpoints = Endpoints { postmark_api: double.postmark_url(), ..Endpoints::default() };
    Email::open(Provider::Postmark, &config, &secrets, guard, &endpoints).unwrap()
}

async fn send(email: &Email, address: &str) -> Result<Option<String>, Failure> {
    send_as(email, address, DELIVERY).await
}

async fn send_as(email: &Email, address: &str, delivery: &str) -> Result<Option<String>, Failure> {
    let delivery: DeliveryId = delivery.parse().unwrap();
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
        "from_name": "أكمي, \"Security\" \\ Co.", "reply_to": "support@example.com", "message_stream": "broadcast",
        "track_opens": true, "track_clicks": true
    });
    let email = open(&double, "good-token-1234", settings);
    assert_eq!(email.test().await.unwrap(), "server Double (Live)");
    let id = send(&email, "sara@example.org").await.unwrap();
    assert_eq!(id.as_deref(), Some("00000000-0000-4000-8000-000000000001"));
    let record = double.record();
    assert_eq!((record.accepted, record.strays.len()), (1, 0));
    assert_eq!((record.requests[1].delivery.as_str(), record.requests[1].provider), (DELIVERY, Which::Postmark));
}

#[tokio::test]
async fn what_postmark_says_of_a_recipient_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Unknown};
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "good-token-1234", json!({}));
    for (address, kind, code) in [
        ("invalid@example.org", Permanent, "postmark_message_refused"),
        ("inactive@example.org", Permanent, "postmark_recipient_inactive"),
        ("rate7@example.org", Throttled { after_ms: None }, "rate_limited"),
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
    double.script(Script { provider: Some(Which::Postmark), fail: Some(429), retry_after: Some(5) });
    let wait = Throttled { after_ms: Some(5_000) };
    assert_eq!(refusal(&email, "sara@example.org").await, (wait, "rate_limited"));
    double.reset();
    assert!(send(&email, "sara@example.org").await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_no_good_is_found_by_test_and_send() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "unknown-token", json!({}));
    let failure = email.test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Unauthorized, "postmark_token_refused"));
    assert_eq!(refusal(&email, "sara@example.org").await, (FailureKind::Unauthorized, "postmark_token_refused"));
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn an_account_sender_or_stream_in_trouble_is_found_by_the_send() {
    use FailureKind::Unauthorized;
    let double = MailApiDouble::start(0).await.unwrap();
    for (token, settings, kind, code) in [
        ("credits-token", json!({}), LATER, "postmark_account_restricted"),
        ("pending-token", json!({}), LATER, "postmark_account_restricted"),
        ("suspended-token", json!({}), LATER, "postmark_account_restricted"),
        ("good-token", json!({"from_address": "unverified@example.com"}), Unauthorized, "postmark_sender_refused"),
        ("good-token", json!({"from_address": "unconfirmed@example.com"}), Unauthorized, "postmark_sender_refused"),
        ("good-token", json!({"message_stream": "nowhere"}), LATER, "postmark_stream_refused"),
    ] {
        let email = open(&double, token, settings.clone());
        assert!(email.test().await.is_ok(), "{token}: nothing read-only tells");
        assert_eq!(refusal(&email, "sara@example.org").await, (kind, code), "{token} {settings}");
    }
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_took_nothing() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "good-token-canary", json!({}));
    drop(double);
    tokio::task::yield_now().await;
    assert_eq!(refusal(&email, "sara@example.org").await, (LATER, "unreachable"));
    assert!(!format!("{email:?}").contains("canary"), "{email:?}");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_again() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "good-token-1234", json!({}));
    for (address, provider_id) in [
        ("lost@example.org", "00000000-0000-4000-8000-000000000001"),
        // The search sees this one at the second time only.
        ("late@example.org", "00000000-0000-4000-8000-000000000002"),
    ] {
        let delivery = DeliveryId { request: RequestId::generate(), place: None }.to_string();
        assert_eq!(find(&email, address, &delivery).await, Found::NotTaken, "{address}");
        let _ = send_as(&email, address, &delivery).await;
        let provider_id = Some(provider_id.to_owned());
        assert_eq!(find(&email, address, &delivery).await, Found::Taken { provider_id }, "{address}");
        assert_eq!(find(&email, "another@example.org", &delivery).await, Found::CannotTell, "that is not ours");
    }
    let refused = open(&double, "unknown-token", json!({}));
    assert_eq!(find(&refused, "lost@example.org", DELIVERY).await, Found::CannotTell);
    assert_eq!(double.record().strays.len(), 0);
    drop(double);
    tokio::task::yield_now().await;
    assert_eq!(find(&email, "lost@example.org", DELIVERY).await, Found::CannotTell);
}
