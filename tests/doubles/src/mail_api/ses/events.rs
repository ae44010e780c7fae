//! The events that SES sends about a message, as `EventBridge` delivers them.
//!
//! Contract: "Monitoring SES events using Amazon `EventBridge`" and "Examples of event data" in the Amazon SES Developer
//! Guide.

use super::super::Call;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

const SENT_AT: &str = "2026-11-20T12:00:00.000Z";
const HAPPENED_AT: &str = "2026-11-20T12:00:05.000Z";

/// What happened to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SesEvent {
    /// SES took it.
    Send,
    /// The recipient's server took it.
    Delivery,
    /// The recipient's server goes on refusing it for now.
    DeliveryDelay,
    /// The recipient's server refused it for good.
    Bounce,
    /// SES gave up after the recipient's server refused it again and again.
    TransientBounce,
    /// The recipient called it spam.
    Complaint,
    /// SES found a virus in it.
    Reject,
    /// The recipient opened it.
    Open,
    /// The recipient followed a link.
    Click,
    /// The recipient unsubscribed from everything.
    Subscription,
}

/// The event about a message that was accepted.
pub(super) fn event(call: &Call, region: &str, what: SesEvent) -> Value {
    let recipients = json!([{
        "emailAddress": call.recipient, "action": "failed", "status": "5.1.1",
        "diagnosticCode": "smtp; 550 5.1.1 user unknown"
    }]);
    let agent = json!({"timestamp": HAPPENED_AT, "ipAddress": "192.0.2.1", "userAgent": "Mozilla/5.0"});
    let (detail_type, event_type, name, about) = match what {
        SesEvent::Send => ("Email Sent", "Send", "send", json!({})),
        SesEvent::Delivery => (
            "Email Delivered",
            "Delivery",
            "delivery",
            json!({
                "timestamp": HAPPENED_AT, "processingTimeMillis": 5_000, "recipients": [call.recipient],
                "smtpResponse": "250 2.6.0 Message received", "reportingMTA": "mta.example.com"
            }),
        ),
        SesEvent::DeliveryDelay => (
            "Email Delivery Delayed",
            "DeliveryDelay",
            "deliveryDelay",
            json!({"timestamp": HAPPENED_AT, "delayType": "TransientCommunicationFailure", "delayedRecipients": recipients}),
        ),
        SesEvent::Bounce | SesEvent::TransientBounce => {
            let kind = if what == SesEvent::Bounce { "Permanent" } else { "Transient" };
            let bounce = json!({
                "bounceType": kind, "bounceSubType": "General", "bouncedRecipients": recipients,
                "timestamp": HAPPENED_AT, "feedbackId": "0100-feedback", "reportingMTA": "dsn; mta.example.com"
            });
            ("Email Bounced", "Bounce", "bounce", bounce)
        }
        SesEvent::Complaint => (
            "Email Complaint Received",
            "Complaint",
            "complaint",
            json!({
                "complainedRecipients": [{"emailAddress": call.recipient}], "timestamp": HAPPENED_AT,
                "feedbackId": "0100-feedback", "complaintFeedbackType": "abuse"
            }),
        ),
        SesEvent::Reject => ("Email Rejected", "Reject", "reject", json!({"reason": "Bad content"})),
        SesEvent::Open => ("Email Opened", "Open", "open", agent),
        SesEvent::Click => {
            let mut click = agent;
            click["link"] = json!("https://example.com/start");
            click["linkTags"] = Value::Null;
            ("Email Clicked", "Click", "click", click)
        }
        SesEvent::Subscription => (
            "Email Subscribed",
            "Subscription",
            "subscription",
            json!({
                "contactList": "list", "timestamp": HAPPENED_AT, "source": "UnsubscribeHeader",
                "newTopicPreferences": {"unsubscribeAll": true}, "oldTopicPreferences": {"unsubscribeAll": false}
            }),
        ),
    };
    let mut tags = Map::new();
    tags.insert("ses:configuration-set".to_owned(), json!([call.body["ConfigurationSetName"]]));
    for tag in call.body["EmailTags"].as_array().into_iter().flatten() {
        tags.insert(tag["Name"].as_str().unwrap_or_default().to_owned(), json!([tag["Value"]]));
    }
    let mut detail = json!({
        "eventType": event_type,
        "mail": {
            "timestamp": SENT_AT, "source": call.body["FromEmailAddress"], "sendingAccountId": "123456789012",
            "messageId": call.message_id, "destination": [call.recipient], "headersTruncated": false, "headers": [],
            "commonHeaders": {"to": [call.recipient]}, "tags": tags
        }
    });
    detail[name] = about;
    json!({
        "version": "0", "id": "12345678-1234-1234-1234-111122223333", "detail-type": detail_type, "source": "aws.ses",
        "account": "123456789012", "time": HAPPENED_AT, "region": region,
        "resources": [format!("arn:aws:ses:{region}:123456789012:configuration-set/trunkline")], "detail": detail
    })
}
