//! Outbound webhooks: events that a tenant's services hand over, and the endpoints that they are posted to.
//!
//! An endpoint is an integration of the channel [`Webhook`](crate::channel::Channel::Webhook). Its events travel like
//! messages: in bundles of up to 25, stored under the endpoint instead of a campaign
//! ([`CampaignId::of_endpoint`](crate::ids::CampaignId::of_endpoint)).

pub mod batch;
pub mod failing;
pub mod filter;
pub mod registered;
pub mod secret;
pub mod transform;

use self::{
    filter::{EventPattern, Filter},
    transform::Transform,
};
use crate::{
    ids::{EventId, InvalidId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The most events of one request.
pub const EVENTS_MAX: usize = 1_000;

/// The most bytes of one event's data, as JSON. Standard Webhooks advises to stay below 20 kB.
pub const DATA_MAX_BYTES: usize = 256 << 10;

/// The most bytes that the data of one bundle's events may have together: an item holds 400 KB.
pub const BUNDLE_MAX_BYTES: usize = 300 << 10;

/// The most characters of an event's key.
pub const KEY_MAX_CHARS: usize = 255;

/// How much of a response is kept, in bytes.
pub const RESPONSE_MAX_BYTES: usize = 20 << 10;

/// The most bytes of a response, headers included, that are kept within the bundle's own item; what is longer is an item of
/// its own.
pub const INLINE_MAX_BYTES: usize = 512;

/// What happened, in dotted lower case: `order.created`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

impl EventType {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_')
        };
        if text.len() <= 128 && text.split('.').all(is_word) {
            return Ok(Self(text.to_owned()));
        }
        let rule = "up to 128 characters: words of lower case letters, digits and `_`, with dots between them";
        Err(InvalidId { what: "event type", rule })
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<EventType> for String {
    fn from(it: EventType) -> Self {
        it.0
    }
}

/// How posts to an endpoint are signed (Standard Webhooks).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signing {
    /// `v1`: HMAC-SHA256 under a shared secret, `whsec_...`.
    #[default]
    Hmac,
    /// `v1a`: Ed25519; the receiver has the public key, `whpk_...`.
    Ed25519,
}

/// The settings of an endpoint as stored in its integration's `config`. The secrets beside them: `signing_secret`, during a
/// rotation `previous_secret`, and `header.<name>` for each custom header, because headers hold credentials as often as not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSettings {
    /// Where events are posted to: https, or what the deployment lets through.
    pub url: String,
    /// What it is for, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The types of events that it wants; all where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventPattern>,
    /// What must be true of their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What is made of their data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    /// How posts are signed.
    #[serde(default)]
    pub signing: Signing,
    /// Whether events with the same key are posted strictly one after another.
    #[serde(default)]
    pub ordered: bool,
    /// Until when posts are also signed with the secret before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Timestamp>,
}

impl EndpointSettings {
    /// Reads settings that were validated when they were saved.
    pub fn read(config: &crate::integration::Config) -> Result<Self, serde_json::Error> {
        Self::deserialize(config)
    }

    /// Whether an endpoint with this config has strict order, without reading all of it.
    #[must_use]
    pub fn is_ordered(config: &crate::integration::Config) -> bool {
        config.get("ordered").and_then(serde_json::Value::as_bool).unwrap_or_default()
    }

    /// Whether it wants an event of this type with this data.
    #[must_use]
    pub fn wants(&self, kind: &EventType, data: &serde_json::Value) -> bool {
        let typed = self.events.is_empty() || self.events.iter().any(|it| it.matches(kind.as_str()));
        typed && self.filter.as_ref().is_none_or(|filter| filter.admits(data))
    }
}

/// One event on its way to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutEvent {
    /// By which its receivers know it again: the same for every endpoint and every attempt.
    #[serde(rename = "i")]
    pub id: EventId,
    /// What happened.
    #[serde(rename = "t")]
    pub kind: EventType,
    /// When it happened, or was handed over.
    #[serde(rename = "at")]
    pub at: Timestamp,
    /// Its data as JSON text, kept as it came so that nothing has to read it again on the way.
    #[serde(rename = "d")]
    pub data: String,
    /// Events with the same key reach an endpoint with strict order one after another.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What an endpoint answered to one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The HTTP status; `None` where there was no answer.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    #[serde(rename = "m")]
    pub duration_ms: u32,
    /// The headers of the answer, without cookies.
    #[serde(rename = "h", default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// The first [`RESPONSE_MAX_BYTES`] of the answer, with what is not UTF-8 replaced.
    #[serde(rename = "b", default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Whether headers and body stand in an item of their own, because they are longer than [`INLINE_MAX_BYTES`].
    #[serde(rename = "x", default, skip_serializing_if = "std::ops::Not::not")]
    pub apart: bool,
}

impl Answer {
    /// Whether it stands within the bundle's item.
    #[must_use]
    pub fn fits_inline(&self) -> bool {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.body.len() <= INLINE_MAX_BYTES
    }

    /// What stays in the bundle of one that does not.
    #[must_use]
    pub fn without_text(&self) -> Self {
        Self { status: self.status, duration_ms: self.duration_ms, apart: true, ..Self::default() }
    }
}

/// Why an endpoint gets no events for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// A person paused it.
    Paused,
    /// It answered 410: it wants no more.
    Gone,
    /// It did nothing but fail for five days.
    Failing,
}

/// Since when and why an endpoint gets no events. What comes meanwhile is held for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Why.
    pub cause: StopCause,
    /// Since when.
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_dotted_lower_case() {
        for text in ["order.created", "ping", "a_b.c1.d"] {
            assert_eq!(text.parse::<EventType>().unwrap().as_str(), text);
        }
        for text in ["", "Order.created", "order..created", ".a", "a.", "a b", &"a".repeat(129)] {
            assert!(text.parse::<EventType>().is_err(), "{text}");
        }
    }
}
