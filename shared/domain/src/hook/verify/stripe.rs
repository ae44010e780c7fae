//! Stripe ("Resolve webhook signature verification errors", "Verify manually"): `Stripe-Signature: t=...,v1=...`,
//! HMAC-SHA256 in hex over `timestamp.body`. While a secret is rolled over there are two `v1`.

use super::{
    Judged, Verified, seconds,
    signature::{decode, is_hmac},
    text_at,
};
use crate::hook::{Algorithm, Cause, Encoding, Refusal};

const SIGNATURE: &str = "Stripe-Signature";

pub(super) fn verify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    let header = judged.header(SIGNATURE, Cause::SignatureMissing)?;
    let of = |name: &str| {
        let name = name.to_owned();
        header.split(',').filter_map(move |part| part.trim().strip_prefix(&name)?.strip_prefix('='))
    };
    let timestamp = of("t").next().ok_or_else(|| Refusal::of(Cause::TimestampMissing, SIGNATURE))?;
    let signed_at = seconds(timestamp, SIGNATURE)?;
    let given: Vec<Vec<u8>> = of("v1").filter_map(|text| decode(Encoding::Hex, text, SIGNATURE).ok()).collect();
    if given.is_empty() {
        return Err(Refusal::of(Cause::SignatureMalformed, SIGNATURE));
    }
    let parts = [timestamp.as_bytes(), b".", judged.call.body];
    let proven = judged.any_secret(|secret| {
        given.iter().any(|given| is_hmac(Algorithm::Sha256, secret.expose().as_bytes(), &parts, given))
    });
    if !proven {
        return Err(Refusal::of(Cause::SignatureMismatch, SIGNATURE));
    }
    judged.in_time(signed_at, SIGNATURE)?;
    let body = judged.json();
    let id = text_at(&body, "/id");
    let fingerprint = match &id {
        // A repeat may tell another number of pending webhooks.
        Some(id) => judged.fingerprint(&[id.as_bytes()]),
        None => judged.fingerprint(&[timestamp.as_bytes(), judged.call.body]),
    };
    Ok(Verified { event: text_at(&body, "/type"), provider_id: id, fingerprint, ..Verified::default() })
}
