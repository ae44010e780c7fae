//! Twilio ("Security", "Validating signatures from Twilio"): HMAC-SHA1 in base 64 over the address that was called,
//! followed by the parameters of the form sorted by name, names and values without anything between. A JSON body is not
//! signed itself: its SHA-256 stands in the address as `bodySHA256`.

use super::{
    Judged, Verified,
    signature::{decode, is_hmac},
    text_at,
};
use crate::hook::{Algorithm, Cause, Encoding, Refusal, form_pairs};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq as _;

const SIGNATURE: &str = "X-Twilio-Signature";

pub(super) fn verify(judged: &Judged<'_>, public_url: Option<&str>) -> Result<Verified, Refusal> {
    let call = judged.call;
    let given = decode(Encoding::Base64, judged.header(SIGNATURE, Cause::SignatureMissing)?, SIGNATURE)?;
    let query = call.url.split_once('?').map(|(_, query)| query);
    let url = match (public_url, query) {
        (None, _) => call.url.to_owned(),
        (Some(url), None) => url.to_owned(),
        (Some(url), Some(query)) => format!("{url}?{query}"),
    };
    let body_hash = call.query("bodySHA256");
    // Each name once in its order, with its values in theirs: as Twilio's own libraries read repeated names.
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if body_hash.is_none() {
        for (name, value) in form_pairs(call.body) {
            fields.entry(name).or_default().insert(value);
        }
    }
    let signed: String = fields
        .iter()
        .flat_map(|(name, values)| values.iter().flat_map(move |value| [name, value]))
        .map(String::as_str)
        .collect();
    let proves = |url: &str| {
        judged.any_secret(|secret| {
            let parts = [url.as_bytes(), signed.as_bytes()];
            is_hmac(Algorithm::Sha1, secret.expose().as_bytes(), &parts, &given)
        })
    };
    if !url_forms(&url).iter().any(|url| proves(url)) {
        return Err(Refusal::of(Cause::SignatureMismatch, SIGNATURE));
    }
    if let Some(expected) = &body_hash {
        let found = crate::digest::hex_of(call.body);
        if !bool::from(found.as_bytes().ct_eq(expected.to_ascii_lowercase().as_bytes())) {
            return Err(Refusal::of(Cause::BodyHashMismatch, "bodySHA256"));
        }
    } else if !call.body.is_empty() && !call.is_form() {
        // Nothing of such a body is signed, whatever it looked like as a form.
        return Err(Refusal::of(Cause::BodyMalformed, "Content-Type"));
    }
    let json = if body_hash.is_some() { judged.json() } else { serde_json::Value::Null };
    let field = |name: &str| fields.get(name).and_then(|values| values.first()).cloned();
    let status = ["MessageStatus", "SmsStatus", "CallStatus", "EventType"].into_iter().find_map(field);
    let id = ["MessageSid", "CallSid", "Sid"].into_iter().find_map(field);
    Ok(Verified {
        event: status.or_else(|| text_at(&json, "/type")),
        provider_id: id.or_else(|| text_at(&json, "/id")),
        fingerprint: judged.fingerprint(&[url.as_bytes(), call.body]),
        ..Verified::default()
    })
}

/// The address as it is and with its default port, because Twilio signs either, by what was entered.
fn url_forms(url: &str) -> Vec<String> {
    let mut forms = vec![url.to_owned()];
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")] {
        let Some(rest) = url.strip_prefix(scheme) else { continue };
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        forms.push(match host.strip_suffix(port) {
            Some(bare) => format!("{scheme}{bare}{path}"),
            None if host.contains(':') => continue,
            None => format!("{scheme}{host}{port}{path}"),
        });
    }
    forms
}
