//! What the doubles report of messages they took, as their providers would post it: to be posted by the test, so that it
//! can also be changed, held back and sent elsewhere.
//!
//! Contracts: "Event Webhook Reference" and "Getting Started with the Event Webhook Security Features" in Twilio's
//! `SendGrid` documentation; "Webhooks overview" and the pages of each webhook at postmarkapp.com/developer/webhooks.

use super::{Call, Which};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::LazyLock};

/// What stands before the point of a P-256 key in its `SubjectPublicKeyInfo` (RFC 5480, section 2).
const P256: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// What is to be reported. The body of `POST /_double/reports`.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Wanted {
    /// The delivery that the message was tagged with.
    pub delivery: String,
    /// `delivered`, `opened`, `clicked`, `bounced`, `blocked`, `complained` or `unsubscribed`.
    pub kinds: Vec<String>,
    /// When it happens and is signed, in Unix seconds.
    pub at: i64,
    /// With which Postmark knocks; `SendGrid` signs instead.
    #[serde(default)]
    pub password: String,
}

/// One request that a provider would post.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Posting {
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body, which is signed to the byte.
    pub body: String,
}

/// The account's key pair, one a process. `None` only where the system draws no random numbers.
pub(super) fn signer() -> Option<&'static Signer> {
    static SIGNER: LazyLock<Option<Signer>> = LazyLock::new(|| Signer::generate().ok());
    SIGNER.as_ref()
}

/// The account's key pair, with which `SendGrid` signs.
#[derive(Debug)]
pub(super) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.as_ref(), &random);
        pair.map(Self).map_err(|_| Unspecified)
    }

    /// As `SendGrid` shows it: base 64 of a `SubjectPublicKeyInfo`.
    pub(super) fn public_key(&self) -> String {
        STANDARD.encode([P256, self.0.public_key().as_ref()].concat())
    }

    fn sign(&self, timestamp: &str, body: &str) -> Result<String, Unspecified> {
        let signed = self.0.sign(&SystemRandom::new(), format!("{timestamp}{body}").as_bytes())?;
        Ok(STANDARD.encode(signed.as_ref()))
    }
}

/// What would be posted about a message that was taken: all events at once by `SendGrid`, one each by Postmark. `None` for
/// what the provider cannot report.
pub(super) fn postings(signer: &Signer, taken: &Call, wanted: &Wanted) -> Option<Vec<Posting>> {
    match taken.provider {
        Which::Sendgrid => {
            let events: Option<Vec<Value>> = wanted.kinds.iter().map(|kind| sendgrid(taken, wanted, kind)).collect();
            // The line break at the end is theirs, and signed.
            let body = format!("{}\r\n", Value::Array(events?));
            let timestamp = wanted.at.to_string();
            let signature = signer.sign(&timestamp, &body).ok()?;
            let headers = [
                ("content-type", "application/json;charset=utf-8".to_owned()),
                ("x-twilio-email-event-webhook-signature", signature),
                ("x-twilio-email-event-webhook-timestamp", timestamp),
            ];
            Some(vec![posting(headers, body)])
        }
        Which::Postmark => {
            let login = STANDARD.encode(format!("trunkline:{}", wanted.password));
            let headers =
                || [("content-type", "application/json".to_owned()), ("authorization", format!("Basic {login}"))];
            let post = |kind: &String| Some(posting(headers(), postmark(taken, wanted, kind)?.to_string()));
            wanted.kinds.iter().map(post).collect()
        }
        Which::Ses => None,
    }
}

fn posting<const N: usize>(headers: [(&str, String); N], body: String) -> Posting {
    Posting { headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), body }
}

fn sendgrid(taken: &Call, wanted: &Wanted, kind: &str) -> Option<Value> {
    let id = taken.message_id.as_deref()?;
    let mut event = json!({
        "email": taken.recipient, "timestamp": wanted.at, "smtp-id": format!("<{id}@double.invalid>"),
        "sg_event_id": format!("{kind}-{id}"), "sg_message_id": format!("{id}.double-0"),
    });
    let own = match kind {
        "delivered" => json!({"event": "delivered", "response": "250 OK"}),
        "opened" => json!({"event": "open", "useragent": "Mozilla/5.0", "ip": "192.0.2.1", "sg_machine_open": false}),
        "clicked" => json!({"event": "click", "url": "https://acme.example/go?who=1", "useragent": "Mozilla/5.0"}),
        "bounced" => {
            json!({"event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"})
        }
        "blocked" => json!({"event": "bounce", "type": "blocked", "status": "4.7.1", "reason": "421 listed"}),
        "complained" => json!({"event": "spamreport"}),
        "unsubscribed" => json!({"event": "unsubscribe"}),
        _ => return None,
    };
    let event_fields = event.as_object_mut()?;
    event_fields.extend(own.as_object()?.clone());
    // "Mail Send", `custom_args`: each is a field of every event.
    event_fields.extend(taken.body.get("custom_args").and_then(Value::as_object).cloned().unwrap_or_default());
    Some(event)
}

fn postmark(taken: &Call, wanted: &Wanted, kind: &str) -> Option<Value> {
    let at = jiff::Timestamp::from_second(wanted.at).ok()?.to_string();
    let mut event = json!({
        "MessageID": taken.message_id, "MessageStream": taken.body.get("MessageStream"), "ServerID": 1, "Tag": "",
        "Metadata": taken.body.get("Metadata").cloned().unwrap_or_else(|| json!({})),
    });
    let to = &taken.recipient;
    let bounce = |record: &str, kind: &str, code: u32, inactive: bool, words: &str| {
        json!({
            "RecordType": record, "ID": 1, "Type": kind, "TypeCode": code, "Name": kind, "Email": to, "BouncedAt": at,
            "Details": words, "Description": "The message came back.", "DumpAvailable": false, "Inactive": inactive,
            "CanActivate": inactive, "Subject": "", "From": ""
        })
    };
    let own = match kind {
        "delivered" => json!({"RecordType": "Delivery", "Recipient": to, "DeliveredAt": at, "Details": "250 OK"}),
        "opened" => json!({"RecordType": "Open", "Recipient": to, "ReceivedAt": at, "FirstOpen": true}),
        "clicked" => json!({
            "RecordType": "Click", "Recipient": to, "ReceivedAt": at, "OriginalLink": "https://acme.example/go?who=1"
        }),
        "bounced" => bounce("Bounce", "HardBounce", 1, true, "550 5.1.1 no such user"),
        "blocked" => bounce("Bounce", "Blocked", 100_006, false, "421 listed"),
        "complained" => bounce("SpamComplaint", "SpamComplaint", 100_001, true, ""),
        "unsubscribed" => json!({
            "RecordType": "SubscriptionChange", "Recipient": to, "ChangedAt": at, "Origin": "Recipient",
            "SuppressSending": true, "SuppressionReason": "ManualSuppression"
        }),
        _ => return None,
    };
    event.as_object_mut()?.extend(own.as_object()?.clone());
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

    fn taken(provider: Which, body: Value) -> Call {
        Call {
            provider,
            path: String::new(),
            recipient: "ann@example.com".to_owned(),
            delivery: "d".to_owned(),
            message_id: Some("m1".to_owned()),
            outcome: "202".to_owned(),
            body,
        }
    }

    fn wanted(kinds: &[&str]) -> Wanted {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        Wanted { delivery: "d".to_owned(), kinds, at: 1_763_640_000, password: "p".to_owned() }
    }

    #[test]
    fn sendgrid_signs_the_whole_body_and_repeats_the_arguments() {
        let signer = Signer::generate().unwrap();
        let call = taken(Which::Sendgrid, json!({"custom_args": {"mine": "x"}}));
        let posted = postings(&signer, &call, &wanted(&["delivered", "opened"])).unwrap().remove(0);
        let signature = STANDARD.decode(&posted.headers["x-twilio-email-event-webhook-signature"]).unwrap();
        let covered = format!("1763640000{}", posted.body);
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, signer.0.public_key().as_ref());
        assert!(key.verify(covered.as_bytes(), &signature).is_ok());
        let events: Value = serde_json::from_str(&posted.body).unwrap();
        assert_eq!((&events[0]["mine"], &events[1]["event"]), (&json!("x"), &json!("open")));
    }

    #[test]
    fn postmark_posts_one_event_at_a_time() {
        let signer = Signer::generate().unwrap();
        let call = taken(Which::Postmark, json!({"Metadata": {"mine": "x"}, "MessageStream": "outbound"}));
        let posted = postings(&signer, &call, &wanted(&["bounced", "clicked"])).unwrap();
        let event: Value = serde_json::from_str(&posted[0].body).unwrap();
        assert_eq!((&event["Type"], &event["Metadata"]["mine"]), (&json!("HardBounce"), &json!("x")));
        assert_eq!((posted.len(), posted[0].headers["authorization"].as_str()), (2, "Basic dHJ1bmtsaW5lOnA="));
        assert!(postings(&signer, &call, &wanted(&["nonsense"])).is_none());
    }
}
