//! Standard Webhooks ("Standard Webhooks" specification, section "Verifying webhook authenticity"): HMAC-SHA256 over
//! `id.timestamp.body`, several signatures separated by spaces, each `v1,<base 64>`.

use super::{Judged, Verified, seconds, signature::is_hmac, text_at};
use crate::hook::{Algorithm, Cause, Refusal, secret::standard_key};
use base64::{Engine as _, engine::general_purpose::STANDARD};

const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";

/// Svix's own names of the same headers, which its older senders use.
fn svix(name: &str) -> String {
    name.replace("webhook-", "svix-")
}

pub(super) fn verify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    let header = |name: &str, missing| judged.call.header(&svix(name)).map_or_else(|| judged.header(name, missing), Ok);
    let signatures = header(SIGNATURE, Cause::SignatureMissing)?;
    let id = header(ID, Cause::IdMissing)?;
    let timestamp = header(TIMESTAMP, Cause::TimestampMissing)?;
    let signed_at = seconds(timestamp, TIMESTAMP)?;
    let given: Vec<Vec<u8>> =
        signatures.split(' ').filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok()).collect();
    if given.is_empty() {
        return Err(Refusal::of(Cause::SignatureMalformed, SIGNATURE));
    }
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", judged.call.body];
    let proven = judged.any_secret(|secret| {
        standard_key(secret.expose())
            .is_some_and(|key| given.iter().any(|given| is_hmac(Algorithm::Sha256, &key, &parts, given)))
    });
    if !proven {
        return Err(Refusal::of(Cause::SignatureMismatch, SIGNATURE));
    }
    judged.in_time(signed_at, TIMESTAMP)?;
    Ok(Verified {
        event: text_at(&judged.json(), "/type"),
        provider_id: Some(id.to_owned()),
        fingerprint: judged.fingerprint(&[id.as_bytes()]),
        ..Verified::default()
    })
}
