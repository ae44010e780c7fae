//! Reading what Postmark's webhooks post: one event a request.
//!
//! Contracts: "Webhooks overview", "Delivery webhook", "Bounce webhook", "Spam complaint webhook", "Open tracking
//! webhook", "Click webhook", "Subscription change webhook" and "Bounce API" (bounce types) at
//! postmarkapp.com/developer. Postmark does not sign; it knocks with the user and password of the address that it was
//! given ("Webhooks overview", Protecting your webhook).

use super::settings::WEBHOOK_PASSWORD;
use crate::events::{Names, Posted, Refused, Report, Reports, bare_link};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    digest,
    feedback::FeedbackKind,
    ids::TenantId,
    secret::{Secret, Secrets},
    time::Timestamp,
};
use http::header;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// The user in the address that Postmark is given.
pub(super) const USER: &str = "trunkline";

pub(crate) fn read(secrets: &Secrets, posted: &Posted<'_>) -> Result<Reports, Refused> {
    let password = secrets.get(WEBHOOK_PASSWORD).map(Secret::expose).ok_or(Refused::NotSetUp)?;
    prove(password, posted)?;
    let event: Value = serde_json::from_slice(posted.body).map_err(|_| Refused::Unreadable)?;
    if !event.is_object() {
        return Err(Refused::Unreadable);
    }
    let mut reports = Reports::default();
    reports.take(report(&event, posted.tenant, posted.now));
    Ok(reports)
}

/// HTTP Basic (RFC 7617), compared in the same time whatever was sent.
fn prove(password: &str, posted: &Posted<'_>) -> Result<(), Refused> {
    let sent = posted.header(header::AUTHORIZATION.as_str()).ok_or(Refused::Unsigned)?;
    let (scheme, sent) = sent.split_once(' ').ok_or(Refused::Wrong)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Refused::Wrong);
    }
    let sent = STANDARD.decode(sent.trim()).map_err(|_| Refused::Wrong)?;
    // Digests have one length, whatever the words have.
    let expected = digest::hex_of_parts([format!("{USER}:{password}").as_bytes()]);
    let sent = digest::hex_of_parts([sent.as_slice()]);
    if bool::from(expected.as_bytes().ct_eq(sent.as_bytes())) { Ok(()) } else { Err(Refused::Wrong) }
}

fn report(event: &Value, tenant: &TenantId, now: Timestamp) -> Option<Report> {
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    let flag = |name: &str| event.get(name).and_then(Value::as_bool).unwrap_or(false);
    let words = text("Details").filter(|details| !details.is_empty()).or_else(|| text("Description"));
    let words = words.unwrap_or_default();
    let (kind, detail, at) = match text("RecordType")? {
        "Delivery" => (FeedbackKind::Delivered, "", "DeliveredAt"),
        "Bounce" => (bounced(text("Type")?, flag("Inactive"))?, words, "BouncedAt"),
        "SpamComplaint" => (FeedbackKind::Complained, "", "BouncedAt"),
        "Open" => (FeedbackKind::Opened, "", "ReceivedAt"),
        "Click" => (FeedbackKind::Clicked, bare_link(text("OriginalLink").unwrap_or_default()), "ReceivedAt"),
        "SubscriptionChange" if flag("SuppressSending") => {
            let kind = match text("SuppressionReason") {
                Some("HardBounce") => FeedbackKind::Bounced,
                Some("SpamComplaint") => FeedbackKind::Complained,
                _ => FeedbackKind::Unsubscribed,
            };
            (kind, text("SuppressionReason").unwrap_or_default(), "ChangedAt")
        }
        // Inbound mail, and an address that Postmark may write to again: that is for a person to act on.
        _ => return None,
    };
    let at = text(at).and_then(Timestamp::parse).unwrap_or(now);
    let metadata = |name: &str| event.get("Metadata")?.get(name)?.as_str();
    let names = Names { tenant: metadata("tenant"), campaign: metadata("campaign"), delivery: metadata("delivery") };
    let address = text("Recipient").or_else(|| text("Email")).unwrap_or_default();
    names.report(tenant, kind, at, detail, address)
}

/// What a bounce of this type is ("Bounce API", Bounce types); `None` for an answer that is no bounce. Where it made
/// Postmark deactivate the address, everything further to it would be refused.
fn bounced(kind: &str, deactivated: bool) -> Option<FeedbackKind> {
    Some(match kind {
        "HardBounce" | "BadEmailAddress" => FeedbackKind::Bounced,
        "SpamComplaint" => FeedbackKind::Complained,
        "Unsubscribe" => FeedbackKind::Unsubscribed,
        "Subscribe" | "AutoResponder" | "AddressChange" | "OpenRelayTest" => return None,
        _ if deactivated => FeedbackKind::Bounced,
        _ => FeedbackKind::SoftBounced,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;
    use serde_json::json;

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";
    const NOW: Timestamp = Timestamp(1_763_640_000_000);
    const PASSWORD: &str = "a-long-word-for-postmark";

    fn acme() -> TenantId {
        "acme".parse().unwrap()
    }

    fn secrets(password: Option<&str>) -> Secrets {
        password.map(|word| (WEBHOOK_PASSWORD.to_owned(), Secret::new(word.to_owned()))).into_iter().collect()
    }

    fn basic(user: &str, password: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let words = STANDARD.encode(format!("{user}:{password}"));
        headers.insert(header::AUTHORIZATION, format!("Basic {words}").parse().unwrap());
        headers
    }

    fn read_with(password: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Reports, Refused> {
        read(&secrets(password), &Posted { tenant: &acme(), headers, body, now: NOW })
    }

    #[test]
    fn nothing_is_believed_without_the_password() {
        let good = basic(USER, PASSWORD);
        assert_eq!(read_with(None, &good, b"{}"), Err(Refused::NotSetUp));
        assert_eq!(read_with(Some(PASSWORD), &HeaderMap::new(), b"{}"), Err(Refused::Unsigned));
        for bad in [basic(USER, "other"), basic("postmark", PASSWORD), basic(USER, ""), basic("", "")] {
            assert_eq!(read_with(Some(PASSWORD), &bad, b"{}"), Err(Refused::Wrong));
        }
        for bad in ["Bearer x", "Basic", "Basic ?", PASSWORD] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, bad.parse().unwrap());
            assert_eq!(read_with(Some(PASSWORD), &headers, b"{}"), Err(Refused::Wrong), "{bad}");
        }
        assert_eq!(read_with(Some(PASSWORD), &good, b"{}"), Ok(Reports { ours: vec![], others: 1 }));
        assert_eq!(read_with(Some(PASSWORD), &good, b"[]"), Err(Refused::Unreadable));
        assert_eq!(read_with(Some(PASSWORD), &good, b"{"), Err(Refused::Unreadable));
    }

    fn told(event: Value) -> Option<(FeedbackKind, String, Timestamp, String)> {
        let mut event = event;
        event["Metadata"] = json!({"tenant": "acme", "campaign": "spring", "delivery": DELIVERY});
        let Report { feedback, address } = report(&event, &acme(), NOW)?;
        assert_eq!((feedback.campaign.as_str(), feedback.delivery.to_string().as_str()), ("spring", DELIVERY));
        Some((feedback.kind, feedback.detail, feedback.at, address))
    }

    #[test]
    fn every_webhook_is_understood() {
        use FeedbackKind::{Bounced, Clicked, Complained, Delivered, Opened, Unsubscribed};
        // The samples of Postmark's pages, cut to what is read.
        for (event, kind, detail) in [
            (
                json!({"RecordType": "Delivery", "Recipient": "ann@example.com", "DeliveredAt": "2025-11-20T11:59:59Z", "Details": "Test delivery webhook details"}),
                Delivered,
                "",
            ),
            (
                json!({"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "Email": "ann@example.com", "BouncedAt": "2025-11-20T11:59:59.0000000Z", "Details": "550 no such user", "Description": "The server was unable to deliver your message.", "Inactive": true}),
                Bounced,
                "550 no such user",
            ),
            (
                json!({"RecordType": "SpamComplaint", "Type": "SpamComplaint", "Email": "ann@example.com", "BouncedAt": "2025-11-20T11:59:59Z"}),
                Complained,
                "",
            ),
            (
                json!({"RecordType": "Open", "FirstOpen": true, "Recipient": "ann@example.com", "ReceivedAt": "2025-11-20T11:59:59.0000000Z"}),
                Opened,
                "",
            ),
            (
                json!({"RecordType": "Click", "Recipient": "ann@example.com", "ReceivedAt": "2025-11-20T11:59:59Z", "OriginalLink": "https://e.example/x?who=ann"}),
                Clicked,
                "https://e.example/x",
            ),
            (
                json!({"RecordType": "SubscriptionChange", "Recipient": "ann@example.com", "ChangedAt": "2025-11-20T11:59:59Z", "SuppressSending": true, "SuppressionReason": "ManualSuppression", "Origin": "Recipient"}),
                Unsubscribed,
                "ManualSuppression",
            ),
        ] {
            let expected = (kind, detail.to_owned(), NOW.plus_ms(-1_000), "ann@example.com".to_owned());
            assert_eq!(told(event.clone()), Some(expected), "{event}");
        }
        for event in [
            json!({"RecordType": "SubscriptionChange", "SuppressSending": false, "SuppressionReason": null}),
            json!({"RecordType": "Inbound"}),
            json!({"RecordType": "Bounce", "Type": "AutoResponder"}),
            json!({}),
        ] {
            assert_eq!(told(event.clone()), None, "{event}");
        }
    }

    #[test]
    fn a_bounce_is_soft_unless_the_address_is_dead() {
        use FeedbackKind::{Bounced, Complained, SoftBounced, Unsubscribed};
        for (kind, deactivated, expected) in [
            ("HardBounce", false, Some(Bounced)),
            ("BadEmailAddress", true, Some(Bounced)),
            ("Transient", false, Some(SoftBounced)),
            ("SoftBounce", false, Some(SoftBounced)),
            ("DnsError", false, Some(SoftBounced)),
            ("Blocked", true, Some(Bounced)),
            ("ManuallyDeactivated", true, Some(Bounced)),
            ("SpamComplaint", true, Some(Complained)),
            ("Unsubscribe", true, Some(Unsubscribed)),
            ("AutoResponder", false, None),
        ] {
            assert_eq!(bounced(kind, deactivated), expected, "{kind}");
        }
    }

    #[test]
    fn mail_of_others_is_passed_over() {
        let event = json!({"RecordType": "Delivery", "Recipient": "a@b", "Metadata": {"tenant": "globex", "campaign": "x", "delivery": DELIVERY}});
        assert_eq!(report(&event, &acme(), NOW), None);
        assert_eq!(report(&json!({"RecordType": "Delivery", "Metadata": {}}), &acme(), NOW), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_panic(body: Vec<u8>, words in "[ -~]{0,60}") {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, words.parse().unwrap());
            let _ = read_with(Some(PASSWORD), &headers, &body);
            let _ = read_with(Some(PASSWORD), &basic(USER, PASSWORD), &body);
        }
    }
}
