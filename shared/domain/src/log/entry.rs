//! One entry of the log.

use crate::{
    channel::UnknownName,
    ids::{CampaignId, DeliveryId, HookId, IntegrationId},
    principal::Principal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$word_doc])* #[serde(rename = $text)] $word,)* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$word),*];

            /// The name in the API.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or(UnknownName)
            }
        }
    };
}

words! {
    /// What kind of thing happened.
    EntryType {
        /// A call of this API.
        Api = "api",
        /// An attempt to deliver a message of a campaign.
        Delivery = "delivery",
        /// A webhook, received or posted.
        Webhook = "webhook",
        /// A test of an integration, by the clock or by a person.
        Probe = "probe",
        /// A directory or another source was read.
        Sync = "sync",
        /// An automation rule ran.
        Automation = "automation",
    }
}

words! {
    /// Who spoke first.
    Direction {
        /// The outside world came to us.
        Inbound = "inbound",
        /// We went out.
        Outbound = "outbound",
    }
}

words! {
    /// How it went.
    EntryStatus {
        /// As it should.
        Success = "success",
        /// Not well, and it may still come right: a retry follows, a caller was told to correct something.
        Warning = "warning",
        /// It failed.
        Error = "error",
    }
}

/// One line of the log. Its names in the stored form are short, because a page has hundreds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was over.
    #[serde(rename = "t")]
    pub at: Timestamp,
    /// What kind of thing.
    #[serde(rename = "k")]
    pub kind: EntryType,
    /// What happened: `delivery.sent`, `webhook.received`, or the route of a call: `POST /v1/keys`.
    #[serde(rename = "e")]
    pub event: String,
    /// Who spoke first.
    #[serde(rename = "d")]
    pub direction: Direction,
    /// How it went.
    #[serde(rename = "s")]
    pub status: EntryStatus,
    /// The HTTP status, of what was answered to us or by us.
    #[serde(rename = "h", default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// How long it took, in milliseconds, where that is known.
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    /// The integration, or endpoint.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<IntegrationId>,
    /// The inbound webhook.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<HookId>,
    /// The campaign; `None` where the deliveries are an endpoint's.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub campaign: Option<CampaignId>,
    /// The delivery.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryId>,
    /// Which generation of the delivery's bundle: with the delivery, it names the bundle that holds the attempt in full.
    #[serde(rename = "g", default, skip_serializing_if = "is_none")]
    pub generation: u64,
    /// How many attempts failed before this one.
    #[serde(rename = "r", default, skip_serializing_if = "is_none")]
    pub retry_count: u32,
    /// A stable code of what went wrong.
    #[serde(rename = "o", default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    /// More, in words that went through [`redacted`](super::redacted).
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The id of the API call, as its answer's `x-request-id` has it.
    #[serde(rename = "q", default, skip_serializing_if = "String::is_empty")]
    pub request_id: String,
    /// Who called.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// The system on the other side: a provider, a channel, or the scheme of a webhook.
    #[serde(rename = "v", default, skip_serializing_if = "String::is_empty")]
    pub external_system: String,
    /// How often it happened, where one entry stands for several.
    #[serde(rename = "n", default = "once", skip_serializing_if = "is_once")]
    pub count: u32,
}

impl Entry {
    /// An entry that says no more than this.
    #[must_use]
    pub fn new(
        at: Timestamp,
        kind: EntryType,
        event: impl Into<String>,
        direction: Direction,
        status: EntryStatus,
    ) -> Self {
        Self {
            at,
            kind,
            event: event.into(),
            direction,
            status,
            http_status: None,
            duration_ms: None,
            integration: None,
            hook: None,
            campaign: None,
            delivery: None,
            generation: 0,
            retry_count: 0,
            code: String::new(),
            detail: String::new(),
            request_id: String::new(),
            principal: None,
            external_system: String::new(),
            count: 1,
        }
    }
}

fn is_none<T: Default + PartialEq>(number: &T) -> bool {
    *number == T::default()
}

const fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_once(count: &u32) -> bool {
    *count == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_takes_no_room() {
        let entry =
            Entry::new(Timestamp(5), EntryType::Probe, "integration.tested", Direction::Outbound, EntryStatus::Success);
        let stored = serde_json::to_string(&entry).unwrap();
        assert_eq!(stored, r#"{"t":5,"k":"probe","e":"integration.tested","d":"outbound","s":"success"}"#);
        assert_eq!(serde_json::from_str::<Entry>(&stored).unwrap(), entry);
    }

    #[test]
    fn names_are_read_back() {
        for kind in EntryType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert!("probes".parse::<EntryType>().is_err());
    }
}
