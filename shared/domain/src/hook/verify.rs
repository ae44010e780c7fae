//! Judging a call: one module a scheme. Each looks at the raw body first and reads it only once it is proven.
//!
//! The order is the same everywhere: what must be there is there and has its form, the signature is right, and only then
//! the time. So a genuine call that is late is told from a forged one. Signatures are compared in constant time.

mod form;
mod generic;
mod graph;
mod plain;
pub(super) mod sendgrid;
mod signature;
mod slack;
mod standard;
mod stripe;
mod twilio;

use super::{BODY_MAX_BYTES, Call, Cause, Hook, Refusal, Scheme};
use crate::{
    secret::Secret,
    time::{SECOND_MS, Timestamp},
};
use serde_json::Value;
use std::borrow::Cow;

/// What a good call says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The name of the event.
    pub event: Option<String>,
    /// The provider's id of the event.
    pub provider_id: Option<String>,
    /// What tells a repeat from a new event: made of what is proven, and of nothing else. `None` where two equal calls
    /// may be two events.
    pub fingerprint: Option<String>,
    /// What the caller wants to hear instead of the event being taken.
    pub handshake: Option<Handshake>,
    /// The body without what it repeats of the secret; `None` where it repeats nothing.
    pub redacted: Option<Vec<u8>>,
}

impl Verified {
    /// The body that is kept.
    #[must_use]
    pub fn body<'a>(&'a self, call: &Call<'a>) -> &'a [u8] {
        self.redacted.as_deref().unwrap_or(call.body)
    }
}

/// An answer by which a provider tells that an address is the tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Slack's `url_verification`: the challenge, as JSON.
    Challenge(String),
    /// Graph's `validationToken`, as plain text.
    ValidationToken(String),
}

/// Judges a call. `secrets` are those that are valid now, the newest first.
pub fn verify(hook: &Hook, secrets: &[Secret], call: &Call<'_>, now: Timestamp) -> Result<Verified, Refusal> {
    if call.body.len() > BODY_MAX_BYTES {
        return Err(Cause::BodyTooLarge.into());
    }
    if !hook.enabled {
        return Err(Cause::HookDisabled.into());
    }
    let judged = Judged { hook, secrets, call, now };
    match &hook.scheme {
        Scheme::Hmac(settings) => generic::verify(&judged, settings),
        Scheme::StandardWebhooks => standard::verify(&judged),
        Scheme::Slack => slack::verify(&judged),
        Scheme::Github => plain::github(&judged),
        Scheme::Stripe => stripe::verify(&judged),
        Scheme::Shopify => plain::shopify(&judged),
        Scheme::Twilio { public_url } => twilio::verify(&judged, public_url.as_deref()),
        Scheme::Sendgrid => sendgrid::verify(&judged),
        Scheme::Graph => graph::verify(&judged),
        Scheme::Greenhouse => plain::greenhouse(&judged),
        Scheme::Bamboohr => plain::bamboohr(&judged),
        Scheme::Checkr => plain::checkr(&judged),
        Scheme::Jira => plain::jira(&judged),
    }
}

/// What is judged, and by what.
struct Judged<'a> {
    hook: &'a Hook,
    secrets: &'a [Secret],
    call: &'a Call<'a>,
    now: Timestamp,
}

impl<'a> Judged<'a> {
    /// A header that must be there.
    fn header(&self, name: &str, missing: Cause) -> Result<&'a str, Refusal> {
        self.call.header(name).ok_or_else(|| Refusal::of(missing, name))
    }

    /// Whether any valid secret satisfies `proves`. All are tried, so that the time does not tell which.
    fn any_secret(&self, proves: impl Fn(&Secret) -> bool) -> bool {
        self.secrets.iter().fold(false, |found, secret| found | proves(secret))
    }

    /// The moment in a header, which must be within the hook's replay window.
    fn in_time(&self, timestamp: Timestamp, header: &str) -> Result<(), Refusal> {
        let age_ms = self.now.since_ms(timestamp);
        if age_ms > self.hook.replay_window_ms() {
            return Err(Refusal::of(Cause::TimestampTooOld, header));
        }
        if age_ms < -self.hook.replay_window_ms() {
            return Err(Refusal::of(Cause::TimestampInFuture, header));
        }
        Ok(())
    }

    /// The body as JSON; null where it is none.
    fn json(&self) -> Value {
        serde_json::from_slice(self.call.body).unwrap_or_default()
    }

    /// A fingerprint of proven parts.
    #[expect(clippy::unnecessary_wraps, reason = "it stands where there may be none")]
    fn fingerprint(&self, parts: &[&[u8]]) -> Option<String> {
        let all = [&[self.hook.scheme.name().as_str().as_bytes()], parts].concat();
        Some(crate::digest::hex_of_parts(all))
    }
}

/// Seconds since 1970, in digits and nothing else.
fn seconds(text: &str, header: &str) -> Result<Timestamp, Refusal> {
    let digits = !text.is_empty() && text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = text.parse::<i64>().ok().filter(|_| digits);
    parsed
        .map(|seconds| Timestamp(seconds.saturating_mul(SECOND_MS)))
        .ok_or_else(|| Refusal::of(Cause::TimestampMalformed, header))
}

/// A text in JSON, by its pointer.
fn text_at(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
    .filter(|text| !text.is_empty())
}

/// Replaces a text in JSON that repeats a secret.
fn masked(mut body: Value, pointers: &[Cow<'_, str>]) -> Option<Vec<u8>> {
    let mut changed = false;
    for pointer in pointers {
        if let Some(value) = body.pointer_mut(pointer).filter(|value| value.is_string()) {
            *value = "••••••••".into();
            changed = true;
        }
    }
    if changed { serde_json::to_vec(&body).ok() } else { None }
}

#[cfg(test)]
mod tests;
