//! Schemes that sign the body with HMAC-SHA256 and differ in the header only. Their ids stand in headers that nobody
//! signs: whoever got hold of one call could send it again under another id. So what tells a repeat is the body itself,
//! and the id is only shown.

use super::{
    Judged, Verified, seconds,
    signature::{decode, is_hmac},
    text_at,
};
use crate::hook::{Algorithm, Cause, Encoding, Refusal};
use serde_json::Value;

struct Form {
    header: &'static str,
    prefix: &'static str,
    encoding: Encoding,
}

impl Form {
    const fn hex(header: &'static str, prefix: &'static str) -> Self {
        Self { header, prefix, encoding: Encoding::Hex }
    }

    /// Whether the header's signature is that of these parts.
    fn check(&self, judged: &Judged<'_>, parts: &[&[u8]]) -> Result<(), Refusal> {
        let given = judged.header(self.header, Cause::SignatureMissing)?;
        let malformed = || Refusal::of(Cause::SignatureMalformed, self.header);
        let given = decode(self.encoding, given.strip_prefix(self.prefix).ok_or_else(malformed)?, self.header)?;
        if judged.any_secret(|secret| is_hmac(Algorithm::Sha256, secret.expose().as_bytes(), parts, &given)) {
            Ok(())
        } else {
            Err(Refusal::of(Cause::SignatureMismatch, self.header))
        }
    }

    /// A call whose body alone is signed.
    fn body_alone(
        &self,
        judged: &Judged<'_>,
        id_header: &str,
        event: impl FnOnce(&Value) -> Option<String>,
    ) -> Result<Verified, Refusal> {
        self.check(judged, &[judged.call.body])?;
        let body = judged.json();
        Ok(Verified {
            event: event(&body),
            provider_id: judged.call.header(id_header).map(str::to_owned).or_else(|| text_at(&body, "/id")),
            fingerprint: judged.fingerprint(&[judged.call.body]),
            ..Verified::default()
        })
    }
}

/// GitHub ("Validating webhook deliveries"). An event with an action is named `issues.opened`.
pub(super) fn github(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    Form::hex("X-Hub-Signature-256", "sha256=").body_alone(judged, "X-GitHub-Delivery", |body| {
        let event = judged.call.header("X-GitHub-Event")?;
        Some(text_at(body, "/action").map_or_else(|| event.to_owned(), |action| format!("{event}.{action}")))
    })
}

/// Shopify ("Deliver webhooks through HTTPS", "Verify the webhook").
pub(super) fn shopify(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    let form = Form { header: "X-Shopify-Hmac-Sha256", prefix: "", encoding: Encoding::Base64 };
    form.body_alone(judged, "X-Shopify-Webhook-Id", |_| judged.call.header("X-Shopify-Topic").map(str::to_owned))
}

/// Greenhouse ("Greenhouse Webhooks", "Authentication"): `sha256 <hex>`.
pub(super) fn greenhouse(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    Form::hex("Signature", "sha256 ").body_alone(judged, "Greenhouse-Event-ID", |body| text_at(body, "/action"))
}

/// Checkr ("Checkr API", "Validating webhooks"): hex without a prefix; the id and the type stand in the body.
pub(super) fn checkr(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    Form::hex("X-Checkr-Signature", "").body_alone(judged, "", |body| text_at(body, "/type"))
}

/// Jira Cloud ("Webhooks", "Secure admin webhooks"): `WebSub`'s `X-Hub-Signature: sha256=<hex>`.
pub(super) fn jira(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    Form::hex("X-Hub-Signature", "sha256=")
        .body_alone(judged, "X-Atlassian-Webhook-Identifier", |body| text_at(body, "/webhookEvent"))
}

/// `BambooHR` ("Webhooks", "Security"): hex over the body followed by the timestamp.
pub(super) fn bamboohr(judged: &Judged<'_>) -> Result<Verified, Refusal> {
    const TIMESTAMP: &str = "X-BambooHR-Timestamp";
    let form = Form::hex("X-BambooHR-Signature", "");
    judged.header(form.header, Cause::SignatureMissing)?;
    let timestamp = judged.header(TIMESTAMP, Cause::TimestampMissing)?;
    let signed_at = seconds(timestamp, TIMESTAMP)?;
    form.check(judged, &[judged.call.body, timestamp.as_bytes()])?;
    judged.in_time(signed_at, TIMESTAMP)?;
    let body = judged.json();
    Ok(Verified {
        event: text_at(&body, "/type").or_else(|| text_at(&body, "/employees/0/action")),
        provider_id: None,
        fingerprint: judged.fingerprint(&[timestamp.as_bytes(), judged.call.body]),
        ..Verified::default()
    })
}
