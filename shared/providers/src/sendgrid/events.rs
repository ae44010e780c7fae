//! Reading what `SendGrid`'s Event Webhook posts.
//!
//! Contracts: "Event Webhook Reference", "Getting Started with the Event Webhook Security Features" and "Suppressions"
//! (drop reasons) in the Twilio `SendGrid` documentation.

use super::{send, settings::Settings};
use crate::events::{Names, Posted, Refused, Report, Reports, bare_link};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    feedback::FeedbackKind,
    ids::TenantId,
    integration::Config,
    time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp},
};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde_json::Value;

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// How old a signature may be. `SendGrid` repeats a post for 24 hours, and does not say whether each attempt is signed
/// anew: a narrower window might lose what a repeat brings. A replay within it changes nothing, since of each kind only
/// the first report of a delivery is kept.
const OLDEST_MS: i64 = 25 * HOUR_MS;
/// How far its clock may be ahead of ours.
const AHEAD_MS: i64 = 5 * MINUTE_MS;

/// What stands before the point in the `SubjectPublicKeyInfo` of a P-256 key (RFC 5480, section 2): two identifiers and a
/// bit string of 65 bytes.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// The first byte of a point that is written whole (SEC 1, section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The point of a public key as `SendGrid` shows it: base 64 of a `SubjectPublicKeyInfo`.
pub(super) fn public_key(text: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(text).ok()?;
    let point = key.strip_prefix(&P256_PREFIX)?;
    (point.len() == 65 && point.first() == Some(&UNCOMPRESSED)).then(|| point.to_vec())
}

pub(crate) fn read(config: &Config, posted: &Posted<'_>) -> Result<Reports, Refused> {
    let settings = Settings::read(config).map_err(|_| Refused::NotSetUp)?;
    let key = settings.webhook_public_key.as_deref().and_then(public_key).ok_or(Refused::NotSetUp)?;
    prove(&key, posted)?;
    let Ok(Value::Array(events)) = serde_json::from_slice(posted.body) else { return Err(Refused::Unreadable) };
    let mut reports = Reports::default();
    for event in &events {
        reports.take(report(event, posted.tenant, posted.now));
    }
    Ok(reports)
}

fn prove(key: &[u8], posted: &Posted<'_>) -> Result<(), Refused> {
    let (Some(signature), Some(timestamp)) = (posted.header(SIGNATURE), posted.header(TIMESTAMP)) else {
        return Err(Refused::Unsigned);
    };
    let signature = STANDARD.decode(signature).map_err(|_| Refused::Wrong)?;
    let signed = [timestamp.as_bytes(), posted.body].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
    key.verify(&signed, &signature).map_err(|_| Refused::Wrong)?;
    let signed_at = timestamp.parse::<i64>().map_err(|_| Refused::Wrong)?;
    let age_ms = posted.now.since_ms(Timestamp(signed_at.saturating_mul(SECOND_MS)));
    if (-AHEAD_MS..=OLDEST_MS).contains(&age_ms) { Ok(()) } else { Err(Refused::Stale) }
}

fn report(event: &Value, tenant: &TenantId, now: Timestamp) -> Option<Report> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let reason = text("reason").or_else(|| text("response")).unwrap_or_default();
    let (kind, detail) = match text("event")? {
        "delivered" => (FeedbackKind::Delivered, ""),
        // `blocked` is a refusal that may pass: `SendGrid` does not suppress the address for it.
        "bounce" if text("type") == Some("blocked") => (FeedbackKind::SoftBounced, reason),
        "bounce" => (FeedbackKind::Bounced, reason),
        "deferred" => (FeedbackKind::SoftBounced, reason),
        "dropped" => (dropped(reason), reason),
        // Apple's proxy loads every picture of every message, whether or not somebody reads it.
        "open" if event.get("sg_machine_open").and_then(Value::as_bool) == Some(true) => return None,
        "open" => (FeedbackKind::Opened, ""),
        "click" => (FeedbackKind::Clicked, bare_link(text("url").unwrap_or_default())),
        "spamreport" => (FeedbackKind::Complained, ""),
        "unsubscribe" | "group_unsubscribe" => (FeedbackKind::Unsubscribed, ""),
        // `processed` says less than our own `sent`; `group_resubscribe` is for a person to act on.
        _ => return None,
    };
    let at = event.get("timestamp").and_then(Value::as_i64).map_or(now, |s| Timestamp(s.saturating_mul(SECOND_MS)));
    let names = Names {
        tenant: text(send::TENANT_ARG),
        campaign: text(send::CAMPAIGN_ARG),
        delivery: text(send::DELIVERY_ARG),
    };
    names.report(tenant, kind, at, detail, text("email").unwrap_or_default())
}

/// Why `SendGrid` did not even try: mostly because of what it remembers of the address.
fn dropped(reason: &str) -> FeedbackKind {
    match reason {
        "Bounced Address" | "Invalid" => FeedbackKind::Bounced,
        "Spam Reporting Address" => FeedbackKind::Complained,
        "Unsubscribed Address" => FeedbackKind::Unsubscribed,
        // Its content, its headers or the plan's quota: another message may go.
        _ => FeedbackKind::SoftBounced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;
    use ring::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
    };
    use serde_json::json;

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";
    const NOW: Timestamp = Timestamp(1_763_640_000_000);

    // The known answer of SendGrid's own helper libraries (sendgrid-nodejs, packages/eventwebhook).
    const THEIR_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    const THEIR_SIGNATURE: &str =
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    const THEIR_TIMESTAMP: &str = "1600112502";
    const THEIR_BODY: &str = "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

    fn acme() -> TenantId {
        "acme".parse().unwrap()
    }

    fn config(key: Option<&str>) -> Config {
        let config = json!({
            "from_address": "news@example.com", "region": "global", "sandbox": false, "webhook_public_key": key
        });
        let Value::Object(config) = config else { unreachable!() };
        config
    }

    fn headers(signature: &str, timestamp: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().unwrap());
        headers.insert(TIMESTAMP, timestamp.parse().unwrap());
        headers
    }

    fn read_at(key: Option<&str>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<Reports, Refused> {
        read(&config(key), &Posted { tenant: &acme(), headers, body, now })
    }

    #[test]
    fn what_sendgrids_own_libraries_take_is_taken() {
        let now = Timestamp(1_600_112_503_000);
        let headers = headers(THEIR_SIGNATURE, THEIR_TIMESTAMP);
        let read = |body: &str, now| read_at(Some(THEIR_KEY), &headers, body.as_bytes(), now);
        assert_eq!(read(THEIR_BODY, now), Ok(Reports { ours: vec![], others: 1 }), "genuine, and not of our mail");
        let changed = THEIR_BODY.replace("dropped", "bounced");
        assert_eq!(read(&changed, now), Err(Refused::Wrong));
        assert_eq!(read(THEIR_BODY.trim_end(), now), Err(Refused::Wrong), "the line break was signed");
        assert_eq!(read(THEIR_BODY, now.plus_ms(24 * HOUR_MS)).map(|it| it.others), Ok(1), "the last repeat");
        assert_eq!(read(THEIR_BODY, now.plus_ms(26 * HOUR_MS)), Err(Refused::Stale));
        assert_eq!(read(THEIR_BODY, now.plus_ms(-HOUR_MS)), Err(Refused::Stale), "of the future");
    }

    #[test]
    fn nothing_is_believed_without_proof() {
        let read =
            |key, headers: &HeaderMap| read_at(key, headers, THEIR_BODY.as_bytes(), Timestamp(1_600_112_503_000));
        let good = headers(THEIR_SIGNATURE, THEIR_TIMESTAMP);
        assert_eq!(read(None, &good), Err(Refused::NotSetUp));
        assert_eq!(read(Some(THEIR_KEY), &HeaderMap::new()), Err(Refused::Unsigned));
        for (signature, timestamp) in
            [("AAAA", THEIR_TIMESTAMP), ("?", THEIR_TIMESTAMP), (THEIR_SIGNATURE, "1600112503"), (THEIR_SIGNATURE, "x")]
        {
            assert_eq!(read(Some(THEIR_KEY), &headers(signature, timestamp)), Err(Refused::Wrong), "{signature}");
        }
        assert!(read(Some(THEIR_KEY), &good).is_ok());
    }

    #[test]
    fn another_accounts_signature_is_worth_nothing() {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.as_ref(), &random).unwrap();
        let key = STANDARD.encode([P256_PREFIX.as_slice(), pair.public_key().as_ref()].concat());
        let signature = pair.sign(&random, b"1763640000[]").unwrap();
        let headers = headers(&STANDARD.encode(signature.as_ref()), "1763640000");
        assert_eq!(read_at(Some(&key), &headers, b"[]", NOW), Ok(Reports::default()));
        assert_eq!(read_at(Some(THEIR_KEY), &headers, b"[]", NOW), Err(Refused::Wrong));
    }

    #[test]
    fn only_a_p256_key_is_a_key() {
        assert_eq!(public_key(THEIR_KEY).map(|point| point.len()), Some(65));
        for other in ["", "?", "AAAA", &THEIR_KEY[..100], &THEIR_KEY.replace("MFkw", "MFkx")] {
            assert_eq!(public_key(other), None, "{other}");
        }
    }

    fn kind_and_detail(event: &str, extra: &Value) -> Option<(FeedbackKind, String)> {
        let mut whole = json!({
            "event": event, "email": "ann@example.com", "timestamp": 1_763_639_999,
            "trunkline_tenant": "acme", "trunkline_campaign": "spring", "trunkline_delivery": DELIVERY
        });
        whole.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        let report = report(&whole, &acme(), NOW)?;
        assert_eq!((report.address.as_str(), report.feedback.at), ("ann@example.com", Timestamp(1_763_639_999_000)));
        assert_eq!(report.feedback.delivery.to_string(), DELIVERY);
        Some((report.feedback.kind, report.feedback.detail))
    }

    #[test]
    fn every_kind_of_event_means_something_or_nothing() {
        use FeedbackKind::{Bounced, Clicked, Complained, Delivered, Opened, SoftBounced, Unsubscribed};
        let reason = |reason: &str| json!({"reason": reason});
        for (event, extra, expected) in [
            ("processed", json!({}), None),
            ("delivered", json!({"response": "250 OK"}), Some((Delivered, ""))),
            ("deferred", json!({"response": "421 try later"}), Some((SoftBounced, "421 try later"))),
            ("bounce", json!({"type": "bounce", "reason": "550 no such user"}), Some((Bounced, "550 no such user"))),
            ("bounce", json!({"type": "blocked", "reason": "554 listed"}), Some((SoftBounced, "554 listed"))),
            ("dropped", reason("Bounced Address"), Some((Bounced, "Bounced Address"))),
            ("dropped", reason("Spam Reporting Address"), Some((Complained, "Spam Reporting Address"))),
            ("dropped", reason("Unsubscribed Address"), Some((Unsubscribed, "Unsubscribed Address"))),
            ("dropped", reason("Spam Content"), Some((SoftBounced, "Spam Content"))),
            ("open", json!({"sg_machine_open": false}), Some((Opened, ""))),
            ("open", json!({"sg_machine_open": true}), None),
            ("click", json!({"url": "https://e.example/x?who=ann#y"}), Some((Clicked, "https://e.example/x"))),
            ("spamreport", json!({}), Some((Complained, ""))),
            ("unsubscribe", json!({}), Some((Unsubscribed, ""))),
            ("group_unsubscribe", json!({}), Some((Unsubscribed, ""))),
            ("group_resubscribe", json!({}), None),
            ("something_new", json!({}), None),
        ] {
            let expected = expected.map(|(kind, detail)| (kind, detail.to_owned()));
            assert_eq!(kind_and_detail(event, &extra), expected, "{event}");
        }
    }

    #[test]
    fn mail_of_others_is_passed_over() {
        for other in [
            json!({"trunkline_tenant": "globex"}),
            json!({"trunkline_tenant": null}),
            json!({"trunkline_campaign": "a#b"}),
            json!({"trunkline_delivery": "dlv_1"}),
            json!({"trunkline_delivery": 7}),
        ] {
            assert_eq!(kind_and_detail("delivered", &other), None, "{other}");
        }
        assert_eq!(report(&json!("delivered"), &acme(), NOW), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(body: Vec<u8>, signature in "[ -~]{0,120}", timestamp in "[ -~]{0,20}", key in "[ -~]{0,130}") {
            let headers = headers(&signature, &timestamp);
            let _ = read_at(Some(THEIR_KEY), &headers, &body, NOW);
            let _ = read_at(Some(&key), &headers, &body, NOW);
        }

        #[test]
        fn no_event_is_a_panic(event in "delivered|bounce|open|click", at: i64, text in ".*") {
            let event = json!({
                "event": event, "timestamp": at, "reason": text, "url": text, "type": text, "email": text,
                "trunkline_tenant": "acme", "trunkline_campaign": text, "trunkline_delivery": DELIVERY
            });
            let _ = report(&event, &acme(), NOW);
        }
    }
}
