//! SendGrid ("Getting Started with the Event Webhook Security Features"): ECDSA over P-256 with SHA-256, of the
//! timestamp followed by the raw body. What is kept as the hook's secret is SendGrid's public key.

use super::{Judged, Verified, seconds, text_at};
use crate::hook::{Cause, Refusal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

const SIGNATURE: &str = "X-Twilio-Email-Event-Webhook-Signature";
const TIMESTAMP: &str = "X-Twilio-Email-Event-Webhook-Timestamp";

/// What precedes the point in a `SubjectPublicKeyInfo` of P-256 (RFC 5480, section 2): the key's kind and length.
const P256_SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The point of a public key as SendGrid shows it.
pub(in crate::hook) fn point(key: &str) -> Option<Vec<u8>> {
    let point = STANDARD.decode(key).ok()?.strip_prefix(&P256_SPKI)?.to_vec();
    (point.len() == 65 && point[0] == 4).then_some(point)
}

pub(super) fn verify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    let given = judged.header(SIGNATURE, Cause::SignatureMissing)?;
    let timestamp = judged.header(TIMESTAMP, Cause::TimestampMissing)?;
    let signed_at = seconds(timestamp, TIMESTAMP)?;
    let given = STANDARD.decode(given).map_err(|_| Refusal::of(Cause::SignatureMalformed, SIGNATURE))?;
    let points: Vec<Vec<u8>> = judged.secrets.iter().filter_map(|secret| point(secret.expose())).collect();
    if points.is_empty() {
        return Err(Cause::SecretUnusable.into());
    }
    let signed = [timestamp.as_bytes(), judged.call.body].concat();
    let proves =
        |point: &Vec<u8>| UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(&signed, &given).is_ok();
    if !points.iter().any(proves) {
        return Err(Refusal::of(Cause::SignatureMismatch, SIGNATURE));
    }
    judged.in_time(signed_at, TIMESTAMP)?;
    let body = judged.json();
    // A batch is named by its event where all of it is of one kind.
    let events = body.as_array().map(Vec::as_slice).unwrap_or_default();
    let name = events.first().and_then(|event| text_at(event, "/event"));
    let alike = events.iter().all(|event| text_at(event, "/event") == name);
    Ok(Verified {
        event: if alike { name } else { Some("batch".to_owned()) },
        provider_id: events.first().and_then(|event| text_at(event, "/sg_event_id")),
        // Without the timestamp: a batch that is sent again is signed anew.
        fingerprint: judged.fingerprint(&[judged.call.body]),
        ..Verified::default()
    })
}
