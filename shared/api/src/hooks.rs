//! Inbound webhooks: what is sent and what comes back.

use domain::{
    hook::{
        Cause, EventPattern, GRACE_HOURS, HmacSettings, Hook, HookEvent, REPLAY_WINDOW_S, Rejection, Scheme,
        SchemeName, Verdict,
    },
    ids::{HookEventId, HookId},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The longest name of a hook, in characters.
pub const NAME_MAX_CHARS: usize = 100;

const fn enabled() -> bool {
    true
}

const fn window() -> u32 {
    REPLAY_WINDOW_S
}

const fn grace() -> u32 {
    GRACE_HOURS
}

/// A hook to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookCreate {
    /// Its name for people, at most 100 characters.
    pub name: String,
    /// How its caller proves itself: `hmac`, `standard_webhooks`, `slack`, `github`, `stripe`, `shopify`, `twilio`,
    /// `sendgrid`, `graph`, `greenhouse`, `bamboohr`, `checkr` or `jira`.
    #[schema(value_type = String)]
    pub scheme: SchemeName,
    /// The settings of the scheme `hmac`, and of no other: `header`, `prefix`, `algorithm` (`sha1`, `sha256`, `sha512`),
    /// `encoding` (`hex`, `base64`), `template` (`{timestamp}.{body}`), `timestamp_header`, `id_header`, `event_header`,
    /// `event_pointer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub hmac: Option<HmacSettings>,
    /// For the scheme `twilio`: the address that is entered at Twilio, where calls arrive at another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The secret, signing key or public key that the provider shows. Where it is ours to choose (`hmac`,
    /// `standard_webhooks`, `github`, `graph`, `greenhouse`, `jira`) it may be left out: then one is made and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// The events that it takes, by name or by beginning (`issues.*`); all when left out or empty.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub events: Vec<EventPattern>,
    /// Whether it takes any.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// How far a signed time may be from ours, 30 to 3,600 seconds.
    #[serde(default = "window")]
    pub replay_window_s: u32,
}

/// Changes of a hook; what is left out stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HookPatch {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The settings of the scheme `hmac`, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub hmac: Option<HmacSettings>,
    /// The address that is entered at Twilio; empty for the one that calls arrive at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The events that it takes; all when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub events: Option<Vec<EventPattern>>,
    /// Whether it takes any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How far a signed time may be from ours, 30 to 3,600 seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replay_window_s: Option<u32>,
}

/// A new secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretRotate {
    /// The new secret. Where it is ours to choose it may be left out: then one is made and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// For how many hours the one before stays valid, 0 to 168.
    #[serde(default = "grace")]
    pub grace_hours: u32,
}

/// A hook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HookView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: HookId,
    /// Its name for people.
    pub name: String,
    /// Where its provider calls, below the API's own address.
    pub path: String,
    /// How its caller proves itself.
    #[schema(value_type = String)]
    pub scheme: SchemeName,
    /// The settings of the scheme `hmac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub hmac: Option<HmacSettings>,
    /// The address that is entered at Twilio, where that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// The events that it takes; all when empty.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<EventPattern>,
    /// Whether it takes any.
    pub enabled: bool,
    /// How far a signed time may be from ours, in seconds.
    pub replay_window_s: u32,
    /// What may be shown of its secret.
    pub secret: String,
    /// The version of its secret.
    pub secret_version: u32,
    /// Until when the secret before is valid, too.
    pub previous_secret_until: Option<String>,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Who changed it.
    pub updated_by: String,
    /// Grows with each change.
    pub rev: u64,
}

impl From<&Hook> for HookView {
    fn from(hook: &Hook) -> Self {
        let (hmac, public_url) = match &hook.scheme {
            Scheme::Hmac(settings) => (Some(settings.clone()), None),
            Scheme::Twilio { public_url } => (None, public_url.clone()),
            _ => (None, None),
        };
        Self {
            id: hook.id.clone(),
            name: hook.name.clone(),
            path: format!("/v1/hooks/{}/in", hook.id),
            scheme: hook.scheme.name(),
            hmac,
            public_url,
            events: hook.events.clone(),
            enabled: hook.enabled,
            replay_window_s: hook.replay_window_s,
            secret: hook.secret_mask.clone(),
            secret_version: hook.secret_version,
            previous_secret_until: hook.previous.map(|previous| previous.until.to_rfc3339()),
            created_at: hook.created_at.to_rfc3339(),
            updated_at: hook.updated_at.to_rfc3339(),
            updated_by: hook.updated_by.to_string(),
            rev: hook.rev,
        }
    }
}

/// A hook whose secret was just made or given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HookSecretShown {
    /// The hook.
    #[serde(flatten)]
    pub hook: HookView,
    /// The secret that was made, to be entered at the provider. It is in this answer and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_secret: Option<String>,
}

/// An event that a hook took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HookEventView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: HookEventId,
    /// When it was received.
    pub received_at: String,
    /// What happened, by the provider's name.
    pub event: Option<String>,
    /// The provider's own id of it.
    pub provider_id: Option<String>,
    /// How its caller proved itself.
    #[schema(value_type = String)]
    pub scheme: SchemeName,
    /// The headers that say something about it.
    pub headers: BTreeMap<String, String>,
    /// How large its body is.
    pub body_bytes: u64,
    /// How often it was replayed.
    pub replays: u32,
}

impl From<&HookEvent> for HookEventView {
    fn from(event: &HookEvent) -> Self {
        Self {
            id: event.id.clone(),
            received_at: event.received_at.to_rfc3339(),
            event: event.event.clone(),
            provider_id: event.provider_id.clone(),
            scheme: event.scheme,
            headers: event.headers.clone(),
            body_bytes: event.body_bytes,
            replays: event.replays,
        }
    }
}

/// An event with its body, in one of three forms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HookEventDetail {
    /// The event.
    #[serde(flatten)]
    pub event: HookEventView,
    /// The body, if it is JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub body: Option<Value>,
    /// The body, if it is any other text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_text: Option<String>,
    /// The body in base 64, if it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// That an event was replayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReplayAnswer {
    /// The event.
    #[schema(value_type = String)]
    pub id: HookEventId,
    /// The number of this replay, from 1.
    pub replay: u32,
}

/// Calls of one minute that were turned away for one cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectionView {
    /// The beginning of the minute.
    pub minute: String,
    /// What became of them: `rejected`, `duplicate` or `filtered`. The latter two were answered with 200.
    #[schema(value_type = String)]
    pub verdict: Verdict,
    /// Why.
    #[schema(value_type = String)]
    pub cause: Cause,
    /// How many, at least; at most twice as many.
    pub count: u64,
    /// When the last one came.
    pub last_at: String,
    /// From where it came.
    pub source_ip: String,
    /// By what program, as it said itself.
    pub user_agent: String,
    /// How large its body was.
    pub body_bytes: u64,
    /// SHA-256 of its body, in hex. The body itself is not kept.
    pub body_sha256: String,
    /// The name of its event, where that was proven.
    pub event: Option<String>,
    /// What the cause means.
    pub reason: String,
    /// The same in Arabic.
    pub reason_ar: String,
    /// What to do.
    pub fix: String,
    /// The same in Arabic.
    pub fix_ar: String,
}

impl From<&Rejection> for RejectionView {
    fn from(rejection: &Rejection) -> Self {
        let words = rejection.cause.explain();
        Self {
            minute: rejection.minute.to_rfc3339(),
            verdict: rejection.cause.verdict(),
            cause: rejection.cause,
            count: rejection.count,
            last_at: rejection.last_at.to_rfc3339(),
            source_ip: rejection.source_ip.clone(),
            user_agent: rejection.user_agent.clone(),
            body_bytes: rejection.body_bytes,
            body_sha256: rejection.body_sha256.clone(),
            event: rejection.event.clone(),
            reason: words.en.into(),
            reason_ar: words.ar.into(),
            fix: words.fix_en.into(),
            fix_ar: words.fix_ar.into(),
        }
    }
}

/// What the provider is answered when its call was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Received {
    /// Always true: the call was good.
    pub received: bool,
    /// Under what id the event is kept; absent if the hook does not take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub event_id: Option<HookEventId>,
    /// `duplicate` or `filtered`, if that is what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub verdict: Option<Verdict>,
}
