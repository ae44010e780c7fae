//! The SES provider against the strict double, which checks every signature with its own arithmetic.

use super::sign::Signer;
use crate::{
    Carry as _, Connect as _, Email, Endpoints, Found, Outgoing, ses_event, testing::tags, validate, validate_secrets,
};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    feedback::FeedbackKind,
    ids::DeliveryId,
    integration::Config,
    secret::{Secret, Secrets},
    template::{Locale, Rendered},
};
use doubles::mail_api::{MailApiDouble, SES_SECRET_ACCESS_KEY, Script, SesEvent, Which};
use guard::{Egress, Guard, Timeouts};
use http::{HeaderValue, Method, header};
use reqwest::Request;
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

const LATER: FailureKind = FailureKind::Transient { after_ms: None };
const DELIVERY: &str = "dlv_01JD0000000000000000000000";

fn secrets(secret: &str) -> Secrets {
    Secrets::from([("secret_access_key".to_owned(), Secret::new(secret.to_owned()))])
}

fn open_with(double: &MailApiDouble, key: &str, secret: &str, settings: Value) -> Email {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts));
    let mut config = Config::new();
    config.insert("from_address".into(), json!("news@example.com"));
    config.insert("region".into(), json!("eu-central-1"));
    config.insert("access_key_id".into(), json!(key));
    let Value::Object(settings) = settings else { panic!("{settings} is not an object") };
    config.extend(settings);
    let secrets = secrets(secret);
    let config = validate(Provider::Ses, &config, &secrets.keys().cloned().collect()).unwrap();
    assert_eq!(validate_secrets(Provider::Ses, &config, &secrets, &guard), []);
    let endpoints = Endpoints { ses_api: double.ses_url(), ..Endpoints::default() };
    Email::open(Provider::Ses, &config, &secrets, guard, &endpoints).unwrap()
}

fn open(double: &MailApiDouble, key: &str, settings: Value) -> Email {
    open_with(double, key, SES_SECRET_ACCESS_KEY, settings)
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

async fn refusal(email: &Email, address: &str) -> (FailureKind, &'static str) {
    let failure = send(email, address).await.unwrap_err();
    assert!(!failure.detail.contains("127.0.0.1"), "a URL shows in {failure:?}");
    (failure.kind, failure.code)
}

#[tokio::test]
async fn a_message_is_accepted_and_carries_its_delivery() {
    let double = MailApiDouble::start(0).await.unwrap();
    let settings = json!({
        "from_name": "أكمي, \"Security\"", "reply_to": "support@example.com", "configuration_set": "trunkline"
    });
    let email = open(&double, "AKIAGOOD00000001", settings);
    assert_eq!(email.test().await.unwrap(), "the account may send, 50000 a day and 14 a second");
    let id = send(&email, "sara@example.org").await.unwrap();
    assert_eq!(id.as_deref(), Some("0102018f-00000001-1234-5678-9abc-def012345678-000000"));
    assert!(send(&email, "info@bücher.example").await.is_ok());
    let record = double.record();
    assert_eq!((record.accepted, record.strays.len()), (2, 0));
    assert_eq!((record.requests[1].delivery.as_str(), record.requests[1].provider), (DELIVERY, Which::Ses));
    assert_eq!(record.requests[2].recipient, "info@xn--bcher-kva.example");
    let delivery: DeliveryId = DELIVERY.parse().unwrap();
    let message = Rendered { subject: None, text: "Go".into(), html: None, link: None };
    let out = Outgoing { tags: tags(&delivery), address: "sara@example.org", locale: None, message: &message };
    assert_eq!(email.find(&out).await, Found::CannotTell);
}

#[tokio::test]
async fn what_comes_back_is_proven_by_the_secret_that_sent() {
    use FeedbackKind::{Bounced, Clicked, Complained, Delivered, Opened, SoftBounced, Unsubscribed};
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "AKIAGOOD00000001", json!({"configuration_set": "trunkline"}));
    let id = send(&email, "sara@example.org").await.unwrap().unwrap();
    for (what, kind) in [
        (SesEvent::Delivery, Delivered),
        (SesEvent::DeliveryDelay, SoftBounced),
        (SesEvent::Bounce, Bounced),
        (SesEvent::TransientBounce, SoftBounced),
        (SesEvent::Complaint, Complained),
        (SesEvent::Reject, SoftBounced),
        (SesEvent::Open, Opened),
        (SesEvent::Click, Clicked),
        (SesEvent::Subscription, Unsubscribed),
    ] {
        let claim = ses_event::read(&double.ses_event(&id, what).unwrap()).unwrap();
        assert!(claim.is_proven_by(&secrets(SES_SECRET_ACCESS_KEY)), "{what:?}");
        assert!(!claim.is_proven_by(&secrets("another")), "{what:?}");
        assert_eq!((claim.tenant().as_str(), claim.address.as_str()), ("acme", "sara@example.org"));
        assert_eq!((claim.feedback.kind, claim.feedback.delivery.to_string().as_str()), (kind, DELIVERY));
    }
    assert_eq!(ses_event::read(&double.ses_event(&id, SesEvent::Send).unwrap()), Err(ses_event::Nothing::Untold));
}

#[tokio::test]
async fn what_ses_says_of_a_recipient_decides_what_happens_next() {
    use FailureKind::{Permanent, Throttled, Unknown};
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open(&double, "AKIAGOOD00000001", json!({}));
    for (address, kind, code) in [
        ("invalid@example.org", Permanent, "ses_message_refused"),
        ("rate7@example.org", Throttled { after_ms: None }, "rate_limited"),
        ("flaky@example.org", LATER, "provider_error"),
        ("down@example.org", LATER, "provider_error"),
        ("hang@example.org", Unknown, "timeout"),
        ("lost@example.org", Unknown, "timeout"),
    ] {
        assert_eq!(refusal(&email, address).await, (kind, code), "{address}");
    }
    for address in ["rate7@example.org", "flaky@example.org", "inactive@example.org"] {
        assert!(send(&email, address).await.is_ok(), "{address}");
    }
    assert_eq!(double.record().by_recipient["lost@example.org"].accepted, 1);
    double.script(Script { provider: Some(Which::Ses), fail: Some(503), retry_after: Some(9) });
    let later = FailureKind::Transient { after_ms: Some(9_000) };
    assert_eq!(refusal(&email, "sara@example.org").await, (later, "provider_error"));
}

#[tokio::test]
async fn keys_and_accounts_in_trouble_are_found_by_the_test() {
    use FailureKind::Unauthorized;
    let double = MailApiDouble::start(0).await.unwrap();
    for (key, kind, code) in [
        ("AKIAUNKNOWN00001", Unauthorized, "ses_key_refused"),
        ("AKIADENIED000001", Unauthorized, "ses_not_permitted"),
        ("AKIAPAUSED000001", LATER, "ses_sending_paused"),
        ("AKIASUSPENDED001", LATER, "ses_sending_paused"),
    ] {
        let email = open(&double, key, json!({}));
        let failure = email.test().await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (kind, code), "{key}");
        assert_eq!(refusal(&email, "sara@example.org").await, (kind, code), "{key}");
    }
    let email = open_with(&double, "AKIAGOOD00000001", "another/secret/of/the/same/length/0123456", json!({}));
    assert_eq!(email.test().await.unwrap_err().code, "ses_key_refused");
    assert_eq!(refusal(&email, "sara@example.org").await, (Unauthorized, "ses_key_refused"));
    assert_eq!(double.record().accepted, 0);
}

#[tokio::test]
async fn a_sender_a_sandbox_and_a_quota_are_found_by_the_send() {
    use FailureKind::{Throttled, Unauthorized};
    let double = MailApiDouble::start(0).await.unwrap();
    let quarter = Throttled { after_ms: Some(900_000) };
    for (key, settings, kind, code) in [
        ("AKIAGOOD00000001", json!({"from_address": "unverified@example.com"}), Unauthorized, "ses_sender_refused"),
        ("AKIAGOOD00000001", json!({"from_address": "unconfirmed@example.com"}), Unauthorized, "ses_sender_refused"),
        ("AKIAGOOD00000001", json!({"configuration_set": "nowhere"}), LATER, "ses_configuration_set_unknown"),
        ("AKIAQUOTA0000001", json!({}), quarter, "ses_quota_used_up"),
        ("AKIASANDBOX00001", json!({}), LATER, "ses_sandbox"),
    ] {
        let email = open(&double, key, settings.clone());
        assert!(email.test().await.is_ok(), "{key}: nothing read-only tells");
        assert_eq!(refusal(&email, "sara@example.org").await, (kind, code), "{key} {settings}");
    }
    let sandbox = open(&double, "AKIASANDBOX00001", json!({}));
    assert!(sandbox.test().await.unwrap().contains("sandbox"));
    assert!(send(&sandbox, "verified@example.org").await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_off_is_told_from_a_wrong_key() {
    let double = MailApiDouble::start(0).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts);
    let signer = Signer::new("AKIAGOOD00000001", SES_SECRET_ACCESS_KEY, "eu-central-1".to_owned());
    let url = guard.check_url(&format!("{}/v2/email/account", double.ses_url())).unwrap();
    let answer = async |at: SystemTime| {
        let mut request = Request::new(Method::GET, url.clone());
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        signer.sign(&mut request, at).unwrap();
        super::classify::account(guard.execute(request).await.unwrap()).await.map_err(|it| it.code)
    };
    let (now, ten_minutes) = (super::sign::now(), Duration::from_mins(10));
    assert!(answer(now).await.is_ok());
    assert_eq!(answer(now - ten_minutes).await, Err("ses_clock_off"));
    assert_eq!(answer(now + ten_minutes).await, Err("ses_clock_off"));
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_took_nothing_and_no_secret_shows() {
    let double = MailApiDouble::start(0).await.unwrap();
    let email = open_with(&double, "AKIAGOOD00000001", "canary/canary/canary/canary", json!({}));
    drop(double);
    tokio::task::yield_now().await;
    assert_eq!(refusal(&email, "sara@example.org").await, (LATER, "unreachable"));
    assert!(!format!("{email:?}").contains("canary"), "{email:?}");
}
