//! Slack ("Verifying requests from Slack"; "Using the Events API", `url_verification`): HMAC-SHA256 in hex over
//! `v0:timestamp:body`. Events are JSON; commands and interactions are forms.

use super::{
    Handshake, Judged, Verified, form, masked, seconds,
    signature::{decode, is_hmac},
    text_at,
};
use crate::hook::{Algorithm, Cause, Encoding, Refusal};
use serde_json::Value;

const TIMESTAMP: &str = "X-Slack-Request-Timestamp";
const SIGNATURE: &str = "X-Slack-Signature";

pub(super) fn verify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    let given = judged.header(SIGNATURE, Cause::SignatureMissing)?;
    let timestamp = judged.header(TIMESTAMP, Cause::TimestampMissing)?;
    let signed_at = seconds(timestamp, TIMESTAMP)?;
    let given = given.strip_prefix("v0=").ok_or_else(|| Refusal::of(Cause::SignatureMalformed, SIGNATURE))?;
    let given = decode(Encoding::Hex, given, SIGNATURE)?;
    let parts = [b"v0:", timestamp.as_bytes(), b":", judged.call.body];
    if !judged.any_secret(|secret| is_hmac(Algorithm::Sha256, secret.expose().as_bytes(), &parts, &given)) {
        return Err(Refusal::of(Cause::SignatureMismatch, SIGNATURE));
    }
    judged.in_time(signed_at, TIMESTAMP)?;
    Ok(if judged.call.is_form() { of_form(judged, timestamp) } else { of_json(judged, timestamp) })
}

/// An event, or the question whether this address is ours. `token` is Slack's retired proof, which is still a secret.
fn of_json(judged: &Judged<'_>, timestamp: &str) -> Verified {
    let body = judged.json();
    let type_ = text_at(&body, "/type");
    if type_.as_deref() == Some("url_verification") {
        let challenge = text_at(&body, "/challenge").unwrap_or_default();
        return Verified { event: type_, handshake: Some(Handshake::Challenge(challenge)), ..Verified::default() };
    }
    let id = text_at(&body, "/event_id");
    let fingerprint = match &id {
        // A repeat is signed anew and has the same id.
        Some(id) => judged.fingerprint(&[id.as_bytes()]),
        None => judged.fingerprint(&[timestamp.as_bytes(), judged.call.body]),
    };
    let event = if type_.as_deref() == Some("event_callback") { text_at(&body, "/event/type") } else { None };
    Verified {
        event: event.or(type_),
        provider_id: id,
        fingerprint,
        redacted: masked(body, &["/token".into()]),
        ..Verified::default()
    }
}

/// A command by its name, or an interaction by its type.
fn of_form(judged: &Judged<'_>, timestamp: &str) -> Verified {
    let pairs = crate::hook::form_pairs(judged.call.body);
    let field = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let payload = field("payload");
    let interaction: Value = payload.as_deref().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let redacted = form::replaced(judged.call.body, |key, _| match key {
        "token" => Some("••••••••".to_owned()),
        "payload" => {
            let masked = masked(interaction.clone(), &["/token".into()])?;
            String::from_utf8(masked).ok()
        }
        _ => None,
    });
    Verified {
        event: field("command")
            .map(|command| format!("command:{}", command.trim_start_matches('/')))
            .or_else(|| text_at(&interaction, "/type")),
        provider_id: field("trigger_id").or_else(|| text_at(&interaction, "/trigger_id")),
        fingerprint: judged.fingerprint(&[timestamp.as_bytes(), judged.call.body]),
        redacted,
        ..Verified::default()
    }
}
