//! Endpoints of outbound webhooks: what is sent and what comes back.

use crate::{
    campaigns::DeliveryError,
    integrations::{LimitsBody, TestView},
};
use domain::{
    bundle::DeliveryStatus,
    channel::UnknownName,
    ids::{DeliveryId, EventId, IntegrationId},
    integration::Integration,
    rate::Limits,
    retry::RetryPolicy,
    time::Timestamp,
    webhook::{EndpointSettings, EventType, Signing, StopCause, filter::EventPattern},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, ops::RangeInclusive, str::FromStr};
use utoipa::ToSchema;

/// The longest name of an endpoint, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// The most endpoints of a tenant.
pub const ENDPOINTS_MAX: usize = 200;

/// For how long the secret before may go on signing after a rotation, in hours.
pub const KEEP_HOURS: RangeInclusive<u32> = 0..=168;

/// The most deliveries that one call queues again.
pub const REDRIVE_MAX: usize = 1_000;

/// The name of the secret in an endpoint's integration that posts are signed with. It is masked by its public key where it
/// has one.
pub const SIGNING_SECRET: &str = "signing_secret";

/// The name of the secret that signs beside it after a rotation.
pub const PREVIOUS_SECRET: &str = "previous_secret";

/// What the name of the secret begins with that holds a custom header.
pub const HEADER: &str = "header.";

/// Header values by name. Never sent back.
pub type HeaderValues = BTreeMap<String, String>;

const fn standard() -> RetryPolicy {
    RetryPolicy::Standard
}

const fn yes() -> bool {
    true
}

const fn a_day() -> u32 {
    24
}

/// A value that was given, be it null; `None` where there is none at all.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// An endpoint to be made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointCreate {
    /// Its name for people, at most 100 characters.
    #[schema(example = "Orders")]
    pub name: String,
    /// Where events are posted to: https, a public address.
    #[schema(example = "https://example.com/hooks/trunkline")]
    pub url: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The types of events that it wants (`order.created`), or their beginning (`order.*`); all when left out or empty.
    #[serde(default)]
    pub events: Vec<String>,
    /// What must be true of their data: `{"match": "all", "conditions": [{"field", "op", "value"}]}`; `op` is `eq`, `ne`,
    /// `in`, `exists`, `absent`, `gt`, `gte`, `lt`, `lte`, `prefix` or `contains`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub filter: Value,
    /// What is made of their data: `{"pick": [...], "rename": {...}, "constant": {...}}`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Option<Object>)]
    pub transform: Value,
    /// Headers that go with every post, e.g. `{"Authorization": "..."}`; stored encrypted and never shown again.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub headers: HeaderValues,
    /// How posts are signed: `hmac` (default) or `ed25519`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub signing: Signing,
    /// Whether events with the same key are posted strictly one after another.
    #[serde(default)]
    pub ordered: bool,
    /// How fast it may be posted to; no limit unless said otherwise.
    #[serde(default)]
    #[schema(value_type = Option<LimitsBody>)]
    pub limits: Limits,
    /// `standard` (default: ten attempts over three days), `exponential`, `immediate` or `manual`.
    #[serde(default = "standard")]
    #[schema(value_type = String)]
    pub retry_policy: RetryPolicy,
    /// The signing secret, `whsec_...` or for `ed25519` `whsk_...`; when left out, one is made and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether it gets events at once; otherwise it is paused, and what comes meanwhile is kept for it.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// Changes of an endpoint; what is left out stays.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointPatch {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where events are posted to. Custom headers have to be given again with it: they are not sent to somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What it is for; empty for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The types of events that it wants; all when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// What must be true of their data; `null` for nothing.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Value>,
    /// What is made of their data; `null` for nothing.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub transform: Option<Value>,
    /// New header values; one that is left out keeps its value, an empty value takes the header away.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub headers: Option<HeaderValues>,
    /// Whether events with the same key are posted strictly one after another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ordered: Option<bool>,
    /// How fast it may be posted to, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LimitsBody>)]
    pub limits: Option<Limits>,
    /// When a post that failed is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub retry_policy: Option<RetryPolicy>,
}

/// A new signing secret.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointRotate {
    /// The new secret; when left out, one is made and shown once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// How posts are signed from now on; as before when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub signing: Option<Signing>,
    /// For how many hours posts are signed with the secret before as well, 0 to 168.
    #[serde(default = "a_day")]
    pub keep_previous_hours: u32,
}

impl Default for EndpointRotate {
    fn default() -> Self {
        Self { secret: None, signing: None, keep_previous_hours: a_day() }
    }
}

/// An endpoint as shown: secrets masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointView {
    /// Its identifier.
    #[schema(value_type = String, example = "int_01JD0000000000000000000000")]
    pub id: IntegrationId,
    /// Its name for people.
    pub name: String,
    /// Where events are posted to.
    pub url: String,
    /// What it is for.
    pub description: Option<String>,
    /// The types of events that it wants; all when empty.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<EventPattern>,
    /// What must be true of their data.
    #[schema(value_type = Option<Object>)]
    pub filter: Value,
    /// What is made of their data.
    #[schema(value_type = Option<Object>)]
    pub transform: Value,
    /// Its headers, masked.
    pub headers: BTreeMap<String, String>,
    /// How posts are signed.
    #[schema(value_type = String)]
    pub signing: Signing,
    /// What may be shown of the secret; absent with `ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// What receivers check signatures with, `whpk_...`; absent with `hmac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The version of its secrets.
    pub secret_version: u32,
    /// Until when posts are signed with the secret before as well, RFC 3339; `null` if they are not.
    pub previous_secret_until: Option<String>,
    /// Whether events with the same key are posted strictly one after another.
    pub ordered: bool,
    /// How fast it may be posted to.
    #[schema(value_type = LimitsBody)]
    pub limits: Limits,
    /// When a post that failed is tried again.
    #[schema(value_type = String)]
    pub retry_policy: RetryPolicy,
    /// Whether it gets events. What comes while it does not is kept for it.
    pub enabled: bool,
    /// Why it gets none; `null` while it does.
    pub stopped: Option<StopView>,
    /// Its newest test; `null` if it was never tested.
    pub last_test: Option<TestView>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it last changed, RFC 3339.
    pub updated_at: String,
    /// Who changed it.
    pub updated_by: String,
    /// Grows with each change.
    pub rev: u64,
}

impl EndpointView {
    /// The view at `now`. `None` of what is no endpoint, or of one whose settings cannot be read.
    #[must_use]
    pub fn of(integration: &Integration, now: Timestamp) -> Option<Self> {
        let settings = EndpointSettings::read(&integration.config).ok()?;
        let mask = integration.masks.get(SIGNING_SECRET).cloned();
        let (secret, public_key) = match settings.signing {
            Signing::Hmac => (mask, None),
            Signing::Ed25519 => (None, mask),
        };
        let header = |(name, mask): (&String, &String)| Some((name.strip_prefix(HEADER)?.to_owned(), mask.clone()));
        let raw = |name: &str| integration.config.get(name).cloned().unwrap_or_default();
        Some(Self {
            id: integration.id.clone(),
            name: integration.name.clone(),
            url: settings.url,
            description: settings.description,
            events: settings.events,
            filter: raw("filter"),
            transform: raw("transform"),
            headers: integration.masks.iter().filter_map(header).collect(),
            signing: settings.signing,
            secret,
            public_key,
            secret_version: integration.secret_version,
            previous_secret_until: settings.previous_until.filter(|until| *until > now).map(Timestamp::to_rfc3339),
            ordered: settings.ordered,
            limits: integration.limits,
            retry_policy: integration.retry_policy,
            enabled: integration.enabled,
            stopped: StopView::of(integration),
            last_test: integration.last_test.as_ref().map(TestView::from),
            created_at: integration.created_at.to_rfc3339(),
            updated_at: integration.updated_at.to_rfc3339(),
            updated_by: integration.updated_by.to_string(),
            rev: integration.rev,
        })
    }
}

/// Why an endpoint gets no events for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopView {
    /// `paused` by a person, `gone` because it answered 410, `failing` because it did nothing else for five days.
    #[schema(value_type = String)]
    pub cause: StopCause,
    /// Since when, RFC 3339.
    pub since: String,
    /// What happened, in English.
    pub reason: String,
    /// What happened, in Arabic.
    pub reason_ar: String,
    /// What to do, in English.
    pub fix: String,
    /// What to do, in Arabic.
    pub fix_ar: String,
}

impl StopView {
    /// Why a disabled endpoint is disabled. Of one for which nothing is kept, a person disabled it when it last changed.
    fn of(integration: &Integration) -> Option<Self> {
        if integration.enabled {
            return None;
        }
        let (cause, since) = match integration.stopped {
            Some(stop) => (stop.cause, stop.at),
            None => (StopCause::Paused, integration.updated_at),
        };
        let [reason, reason_ar, fix, fix_ar] = match cause {
            StopCause::Paused => [
                "Somebody paused it. Events are kept for it.",
                "أوقفه شخص مؤقتًا. تُحفظ الأحداث له.",
                "Resume it, and it gets what was kept.",
                "استأنفه ليتلقى ما حُفظ.",
            ],
            StopCause::Gone => [
                "It answered 410: it wants no more events. They are kept for it.",
                "أجاب بالرمز 410: لا يريد أحداثًا بعد الآن. تُحفظ الأحداث له.",
                "If it is wanted after all, mend or change its URL and resume it; otherwise delete it.",
                "إذا كان مطلوبًا رغم ذلك فأصلح عنوانه أو غيّره ثم استأنفه، وإلا فاحذفه.",
            ],
            StopCause::Failing => [
                "It did nothing but fail for five days, so it was disabled. Events are kept for it.",
                "لم يفعل سوى الفشل طوال خمسة أيام، لذلك عُطّل. تُحفظ الأحداث له.",
                "Mend it, test it, and resume it; then recover what it missed.",
                "أصلحه واختبره ثم استأنفه، وبعدها استرجع ما فاته.",
            ],
        }
        .map(str::to_owned);
        Some(Self { cause, since: since.to_rfc3339(), reason, reason_ar, fix, fix_ar })
    }
}

/// An endpoint whose secret was just made or given.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct EndpointSecretShown {
    /// The endpoint.
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// The shared secret that was made, `whsec_...`, to be entered at the receiver. It is in this answer and nowhere else.
    /// Absent with `ed25519`: its receivers need the public key only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_secret: Option<String>,
}

/// A sample event to be posted now.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointTest {
    /// Its type; `endpoint.test` when left out. Another asks for `endpoints:write`: it would pass for a real event.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<EventType>,
    /// Its data; a few words when left out. With it, too, `endpoints:write` is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
}

/// A header of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl HeaderView {
    /// Headers as they came.
    #[must_use]
    pub fn all(headers: &[(String, String)]) -> Vec<Self> {
        headers.iter().map(|(name, value)| Self { name: name.clone(), value: value.clone() }).collect()
    }
}

/// What came of posting a sample event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointTestView {
    /// Whether the endpoint took it: it answered 2xx.
    pub ok: bool,
    /// The id that it was posted under, `webhook-id`.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// The HTTP status; `null` where there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u32,
    /// The headers of the answer, without cookies.
    pub headers: Vec<HeaderView>,
    /// The first 20 kB of the answer.
    pub body: String,
    /// Why it was not taken; `null` if it was.
    pub error: Option<DeliveryError>,
}

/// One event on its way to an endpoint, with all attempts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventDeliveryView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// The endpoint.
    #[schema(value_type = String)]
    pub endpoint_id: IntegrationId,
    /// The event.
    pub event: EventView,
    /// Where it stands: `queued`, `sending`, `sent`, `retrying`, `failed`, `dead`, `unknown`, `held` or `cancelled`.
    #[schema(value_type = String)]
    pub status: DeliveryStatus,
    /// When it was accepted, RFC 3339.
    pub created_at: String,
    /// When its status last changed, RFC 3339.
    pub updated_at: String,
    /// When it is tried next, RFC 3339; `null` if it waits for nothing or for a person.
    pub next_attempt_at: Option<String>,
    /// Its attempts, the first one first.
    pub attempts: Vec<EventAttemptView>,
}

/// An event as it was handed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Its identifier, `webhook-id`: the same for every endpoint and attempt.
    #[schema(value_type = String)]
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// When, RFC 3339.
    pub at: String,
    /// By what its order is kept.
    pub key: Option<String>,
    /// Its data, before the endpoint's transformation.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// One attempt to post an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventAttemptView {
    /// Its identifier.
    pub id: String,
    /// Counts from 1 and starts anew with a resend.
    pub number: u16,
    /// `sent`, `retrying`, `failed`, `dead`, `unknown`, or `waiting` when it was not tried: the limits left no room, or the
    /// breaker was open.
    pub result: String,
    /// When its result was written, RFC 3339.
    pub at: String,
    /// The HTTP status; `null` where there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds; `null` where it was not tried.
    pub duration_ms: Option<u32>,
    /// The headers of the answer, without cookies.
    pub headers: Vec<HeaderView>,
    /// The first 20 kB of the answer.
    pub body: String,
    /// Why it was not taken; `null` if it was.
    pub error: Option<DeliveryError>,
}

/// One attempt, and what it was about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventAttemptDetail {
    /// The attempt.
    #[serde(flatten)]
    pub attempt: EventAttemptView,
    /// The delivery.
    #[schema(value_type = String)]
    pub delivery_id: DeliveryId,
    /// The event.
    pub event: EventView,
}

/// What came of an attempt, in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptResult {
    /// The endpoint took it.
    Delivered,
    /// It failed and is tried again later.
    Retrying,
    /// It was given up.
    Failed,
    /// It was cancelled before it was tried.
    Cancelled,
}

impl AttemptResult {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Delivered, Self::Retrying, Self::Failed, Self::Cancelled];

    /// The name in the API and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for AttemptResult {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|result| result.as_str() == text).ok_or(UnknownName)
    }
}

/// One attempt in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptSummary {
    /// Its identifier.
    pub id: String,
    /// The delivery.
    #[schema(value_type = String)]
    pub delivery_id: DeliveryId,
    /// The event; `null` where it is not kept any more.
    #[schema(value_type = Option<String>)]
    pub event_id: Option<EventId>,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<EventType>,
    /// `delivered`, `retrying`, `failed` or `cancelled`.
    #[schema(value_type = String)]
    pub result: AttemptResult,
    /// Counts from 1 and starts anew with a resend.
    pub number: u32,
    /// When its result was written, RFC 3339.
    pub at: String,
    /// The HTTP status; `null` where there was no answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// Why it was not taken; `null` if it was.
    pub error: Option<DeliveryError>,
}

/// Which delivery to post again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EventResend {
    /// Whether to post it although the endpoint took it.
    pub force: bool,
}

/// A delivery that was queued again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventResent {
    /// The delivery.
    #[schema(value_type = String)]
    pub id: DeliveryId,
    /// Where it stands now.
    #[schema(value_type = String)]
    pub status: DeliveryStatus,
}

/// Which dead letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeadLetterFilter {
    /// Those given up then or later, RFC 3339; at most 30 days back, which is the default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Those given up then or before, RFC 3339; now when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Those of events of this type (`order.created`), or that begin so (`order.*`).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<EventPattern>,
    /// Those with this code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where the call before stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// An event that an endpoint did not get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetterView {
    /// The delivery.
    #[schema(value_type = String)]
    pub delivery_id: DeliveryId,
    /// The event.
    #[schema(value_type = String)]
    pub event_id: EventId,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: EventType,
    /// `failed`, `dead` or `unknown`.
    #[schema(value_type = String)]
    pub status: DeliveryStatus,
    /// How often it was tried in vain, since it was queued or resent.
    pub attempts: u16,
    /// When it was given up, RFC 3339.
    pub failed_at: String,
    /// The HTTP status of the last answer; `null` where there was none.
    pub response_status: Option<u16>,
    /// Why.
    pub error: DeliveryError,
}

/// How far back to make up for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoverRequest {
    /// Everything given up then or later, RFC 3339; at most 30 days back.
    pub since: String,
}

/// What was queued again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RedriveAnswer {
    /// How many deliveries were queued again, at most 1,000 a call.
    pub redriven: usize,
    /// How many of those meant were resent so often that they cannot be any more. They stay dead letters.
    pub left: usize,
    /// If there may be more: what to send to `.../dead-letters/redrive` for them. `null` at the end.
    pub next: Option<DeadLetterFilter>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_null_in_a_patch_is_not_the_same_as_nothing() {
        let patch: EndpointPatch = serde_json::from_value(json!({"filter": null})).unwrap();
        assert_eq!((patch.filter, patch.transform), (Some(Value::Null), None));
    }
}
