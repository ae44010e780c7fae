//! What SES tells of a message after it took it, as `EventBridge` delivers it.
//!
//! Contract: "Monitoring SES events using Amazon `EventBridge`" and "Contents of event data" in the Amazon SES Developer
//! Guide. Events come at best effort and in any order.

use super::{
    settings::SECRET_ACCESS_KEY,
    tags::{Named, PROOF, ProofKey, TENANT},
};
use domain::{
    failure::shorten,
    feedback::{Feedback, FeedbackKind},
    ids::{IntegrationId, TenantId},
    secret::Secrets,
    time::Timestamp,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An event about a message of ours, as far as its tags say so. Believe it once it is [proven](Claim::is_proven_by).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    named: Named,
    proof: String,
    /// To whom the message went.
    pub address: String,
    /// What happened.
    pub feedback: Feedback,
}

/// Why an event tells us nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// It is about a message that somebody else sent through the account.
    Foreign,
    /// It is of a kind that no delivery keeps, such as that SES took the message.
    Untold,
    /// It is not what SES documents.
    Malformed,
}

impl Nothing {
    /// The name in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Untold => "untold",
            Self::Malformed => "malformed",
        }
    }
}

impl Claim {
    /// The tenant that sent the message, it says.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.named.tenant
    }

    /// The integration that sent the message, it says.
    #[must_use]
    pub const fn integration(&self) -> &IntegrationId {
        &self.named.integration
    }

    /// Whether an integration with these secrets sent a message with these tags.
    #[must_use]
    pub fn is_proven_by(&self, secrets: &Secrets) -> bool {
        let secret = secrets.get(SECRET_ACCESS_KEY);
        secret.is_some_and(|secret| ProofKey::of(secret).proves(&self.named.tags(), &self.proof))
    }
}

#[derive(Deserialize)]
struct Envelope {
    detail: Detail,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    mail: Mail,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
    delivery: Option<Delivery>,
    reject: Option<Reject>,
    open: Option<Happened>,
    click: Option<Happened>,
    delivery_delay: Option<Delay>,
    subscription: Option<Subscription>,
}

#[derive(Deserialize)]
struct Mail {
    timestamp: String,
    #[serde(default)]
    destination: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    /// `Permanent`, `Transient` or `Undetermined`.
    #[serde(rename = "bounceType")]
    kind: String,
    #[serde(default, rename = "bounceSubType")]
    detail: String,
    #[serde(default)]
    bounced_recipients: Vec<Bounced>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounced {
    #[serde(default)]
    diagnostic_code: Option<String>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default, rename = "complaintFeedbackType")]
    kind: Option<String>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delivery {
    #[serde(default)]
    smtp_response: Option<String>,
    timestamp: String,
}

#[derive(Deserialize)]
struct Reject {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Happened {
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Delay {
    #[serde(default, rename = "delayType")]
    kind: Option<String>,
    #[serde(default)]
    delayed_recipients: Vec<Bounced>,
    timestamp: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    timestamp: String,
    new_topic_preferences: Preferences,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Preferences {
    #[serde(default)]
    unsubscribe_all: bool,
}

/// What happened, when, and SES's words for it.
struct Told {
    kind: FeedbackKind,
    at: String,
    words: Option<String>,
}

/// Reads an event.
pub fn read(event: &Value) -> Result<Claim, Nothing> {
    // Somebody else's events are the rule in a shared account, so they are told first and from little.
    if event.pointer("/detail/mail/tags").and_then(|tags| tags.get(TENANT)).is_none() {
        return Err(Nothing::Foreign);
    }
    let Ok(Envelope { detail }) = Envelope::deserialize(event) else { return Err(Nothing::Malformed) };
    let tag = |name: &str| detail.mail.tags.get(name)?.first().map(String::as_str);
    let named = Named::read(tag).ok_or(Nothing::Foreign)?;
    let proof = tag(PROOF).ok_or(Nothing::Foreign)?.to_owned();
    // One message has one recipient of ours; another number is somebody else's work.
    let [address] = detail.mail.destination.as_slice() else { return Err(Nothing::Foreign) };
    let address = address.clone();
    let Told { kind, at, words } = told(detail)?;
    let at = Timestamp::parse(&at).ok_or(Nothing::Malformed)?;
    let (campaign, delivery) = (named.campaign.clone(), named.delivery.clone());
    let feedback = Feedback { campaign, delivery, kind, at, detail: shorten(&words.unwrap_or_default()) };
    Ok(Claim { named, proof, address, feedback })
}

fn told(detail: Detail) -> Result<Told, Nothing> {
    use FeedbackKind::{Bounced, Clicked, Complained, Delivered, Opened, SoftBounced, Unsubscribed};
    let told = |kind, at, words| Ok(Told { kind, at, words });
    match detail.event_type.as_str() {
        "Bounce" => {
            let bounce = detail.bounce.ok_or(Nothing::Malformed)?;
            // Only what SES is sure of may keep mail from an address from now on.
            let kind = if bounce.kind == "Permanent" { Bounced } else { SoftBounced };
            let words = bounce.bounced_recipients.into_iter().find_map(|recipient| recipient.diagnostic_code);
            let words = words.unwrap_or_else(|| format!("{} {}", bounce.kind, bounce.detail));
            told(kind, bounce.timestamp, Some(words))
        }
        "Complaint" => {
            let complaint = detail.complaint.ok_or(Nothing::Malformed)?;
            told(Complained, complaint.timestamp, complaint.kind)
        }
        "Delivery" => {
            let delivery = detail.delivery.ok_or(Nothing::Malformed)?;
            told(Delivered, delivery.timestamp, delivery.smtp_response)
        }
        // SES found a virus and gave up. That is no fault of the address.
        "Reject" => {
            let reject = detail.reject.ok_or(Nothing::Malformed)?;
            let words = format!("rejected by SES: {}", reject.reason.unwrap_or_default());
            told(SoftBounced, detail.mail.timestamp, Some(words))
        }
        "DeliveryDelay" => {
            let delay = detail.delivery_delay.ok_or(Nothing::Malformed)?;
            let words = delay.delayed_recipients.into_iter().find_map(|recipient| recipient.diagnostic_code);
            told(SoftBounced, delay.timestamp, words.or(delay.kind))
        }
        "Open" => told(Opened, detail.open.ok_or(Nothing::Malformed)?.timestamp, None),
        "Click" => told(Clicked, detail.click.ok_or(Nothing::Malformed)?.timestamp, None),
        // A change of single topics is between the recipient and the account's own lists.
        "Subscription" => {
            let subscription = detail.subscription.ok_or(Nothing::Malformed)?;
            let all = subscription.new_topic_preferences.unsubscribe_all;
            if all { told(Unsubscribed, subscription.timestamp, None) } else { Err(Nothing::Untold) }
        }
        // `Send`: SES took the message, which its answer has told. `Rendering Failure`: of SES's own templates.
        _ => Err(Nothing::Untold),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ses::tags;
    use domain::secret::Secret;
    use proptest::prelude::*;
    use serde_json::json;

    const DELIVERY: &str = "dlv_01JD0000000000000000000000";

    fn secrets(text: &str) -> Secrets {
        Secrets::from([(SECRET_ACCESS_KEY.to_owned(), Secret::new(text.to_owned()))])
    }

    fn event(event_type: &str, own: &Value) -> Value {
        let delivery = DELIVERY.parse().unwrap();
        let key = ProofKey::of(&secrets("secret")[SECRET_ACCESS_KEY]);
        let tags: BTreeMap<_, _> = tags::written(&crate::testing::tags(&delivery), &key)
            .into_iter()
            .map(|(name, value)| (name, [value]))
            .collect();
        let mut detail = json!({
            "eventType": event_type,
            "mail": {"timestamp": "2026-11-20T10:00:00.000Z", "destination": ["sara@example.org"], "tags": tags}
        });
        detail.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        json!({"version": "0", "source": "aws.ses", "detail-type": "Email", "detail": detail})
    }

    fn kind(event_type: &str, own: &Value) -> Result<(FeedbackKind, String, String), Nothing> {
        let feedback = read(&event(event_type, own))?.feedback;
        assert_eq!((feedback.campaign.as_str(), feedback.delivery.to_string().as_str()), ("spring", DELIVERY));
        Ok((feedback.kind, feedback.at.to_rfc3339(), feedback.detail))
    }

    #[test]
    fn every_kind_of_event_is_understood() {
        use FeedbackKind::{Bounced, Clicked, Complained, Delivered, Opened, SoftBounced, Unsubscribed};
        let (at, sent_at) = ("2026-11-20T10:00:05.000Z", "2026-11-20T10:00:00.000Z");
        let bounce = |kind: &str, recipients: Value| json!({"bounce": {"bounceType": kind, "bounceSubType": "General", "bouncedRecipients": recipients, "timestamp": at}});
        let said = json!([{"emailAddress": "sara@example.org", "diagnosticCode": "smtp; 550 5.1.1 no such user"}]);
        for (event_type, own, expected) in [
            ("Bounce", bounce("Permanent", said), (Bounced, at, "smtp; 550 5.1.1 no such user")),
            ("Bounce", bounce("Transient", json!([])), (SoftBounced, at, "Transient General")),
            ("Bounce", bounce("Undetermined", json!([{}])), (SoftBounced, at, "Undetermined General")),
            (
                "Complaint",
                json!({"complaint": {"timestamp": at, "complaintFeedbackType": "abuse"}}),
                (Complained, at, "abuse"),
            ),
            ("Complaint", json!({"complaint": {"timestamp": at}}), (Complained, at, "")),
            (
                "Delivery",
                json!({"delivery": {"timestamp": at, "smtpResponse": "250 2.6.0 ok"}}),
                (Delivered, at, "250 2.6.0 ok"),
            ),
            (
                "Reject",
                json!({"reject": {"reason": "Bad content"}}),
                (SoftBounced, sent_at, "rejected by SES: Bad content"),
            ),
            (
                "DeliveryDelay",
                json!({"deliveryDelay": {"timestamp": at, "delayType": "MailboxFull"}}),
                (SoftBounced, at, "MailboxFull"),
            ),
            ("Open", json!({"open": {"timestamp": at, "ipAddress": "192.0.2.1"}}), (Opened, at, "")),
            (
                "Click",
                json!({"click": {"timestamp": at, "link": "https://example.com/?token=secret"}}),
                (Clicked, at, ""),
            ),
            (
                "Subscription",
                json!({"subscription": {"timestamp": at, "newTopicPreferences": {"unsubscribeAll": true}}}),
                (Unsubscribed, at, ""),
            ),
        ] {
            let (wanted, at, words) = expected;
            assert_eq!(kind(event_type, &own), Ok((wanted, at.to_owned(), words.to_owned())), "{event_type}");
        }
        let topics = json!({"subscription": {"timestamp": at, "newTopicPreferences": {"unsubscribeAll": false}}});
        for (event_type, own) in
            [("Send", json!({"send": {}})), ("Rendering Failure", json!({})), ("Subscription", topics)]
        {
            assert_eq!(kind(event_type, &own), Err(Nothing::Untold), "{event_type}");
        }
        assert_eq!(kind("Bounce", &json!({})), Err(Nothing::Malformed));
        assert_eq!(kind("Open", &json!({"open": {"timestamp": "yesterday"}})), Err(Nothing::Malformed));
    }

    #[test]
    fn what_others_send_is_not_ours() {
        let open = || event("Open", &json!({"open": {"timestamp": "2026-11-20T10:00:05.000Z"}}));
        let changed = |at: &str, value: Value| {
            let mut event = open();
            *event.pointer_mut(at).unwrap() = value;
            read(&event).unwrap_err()
        };
        assert_eq!(changed("/detail/mail/tags", json!({"ses:configuration-set": ["x"]})), Nothing::Foreign);
        assert_eq!(changed("/detail/mail/tags/trunkline_tenant", json!(["No Tenant"])), Nothing::Foreign);
        assert_eq!(changed("/detail/mail/tags/trunkline_campaign", json!(["a_x"])), Nothing::Foreign);
        assert_eq!(changed("/detail/mail/tags/trunkline_delivery", json!([])), Nothing::Foreign);
        assert_eq!(changed("/detail/mail/destination", json!(["a@b.example", "c@d.example"])), Nothing::Foreign);
        assert_eq!(changed("/detail/mail", json!({"tags": {"trunkline_tenant": "acme"}})), Nothing::Malformed);
        assert_eq!(read(&json!(null)).unwrap_err(), Nothing::Foreign);
    }

    #[test]
    fn a_claim_is_proven_by_the_secret_it_was_sent_with() {
        let mut event = event("Open", &json!({"open": {"timestamp": "2026-11-20T10:00:05.000Z"}}));
        let claim = read(&event).unwrap();
        assert_eq!((claim.tenant().as_str(), claim.address.as_str()), ("acme", "sara@example.org"));
        assert!(claim.is_proven_by(&secrets("secret")));
        assert!(!claim.is_proven_by(&secrets("another")));
        assert!(!claim.is_proven_by(&Secrets::new()));
        for (tag, another) in [
            ("trunkline_tenant", "acme-2"),
            ("trunkline_integration", "int_01JD0000000000000000000001"),
            ("trunkline_campaign", "autumn"),
            ("trunkline_delivery", "dlv_01JD0000000000000000000001"),
        ] {
            let kept = event["detail"]["mail"]["tags"][tag].take();
            event["detail"]["mail"]["tags"][tag] = json!([another]);
            assert!(!read(&event).unwrap().is_proven_by(&secrets("secret")), "{tag}");
            event["detail"]["mail"]["tags"][tag] = kept;
        }
    }

    /// Any JSON, with the names of the contract among its keys, so that the reader is led deep into it.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from),
            prop::sample::select(vec!["Bounce", "Open", "Permanent", "acme", "2026-11-20T10:00:05.000Z"])
                .prop_map(Value::from),
        ];
        let names = prop::sample::select(vec![
            "detail",
            "eventType",
            "mail",
            "tags",
            "bounce",
            "open",
            "timestamp",
            "destination",
            "trunkline_tenant",
            "trunkline_proof",
            "bounceType",
            "x",
        ]);
        leaf.prop_recursive(6, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_event_makes_the_reader_fall_over(event in any_json()) {
            let _ = read(&event);
        }

        /// Somebody who may send through the account chooses every tag, the proof among them.
        #[test]
        fn no_guess_is_a_proof(campaign in "[a-z0-9-]{1,20}", address in "[a-z]{1,9}@example\\.org", guess in "[0-9a-f]{32}") {
            let mut forged = event("Open", &json!({"open": {"timestamp": "2026-11-20T10:00:05.000Z"}}));
            forged["detail"]["mail"]["destination"] = json!([address]);
            forged["detail"]["mail"]["tags"]["trunkline_campaign"] = json!([campaign]);
            forged["detail"]["mail"]["tags"]["trunkline_proof"] = json!([guess]);
            prop_assert!(!read(&forged).unwrap().is_proven_by(&secrets("secret")));
        }
    }
}
