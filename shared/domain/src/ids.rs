//! Typed identifiers. Each is parsed once at the edge and trusted inside; none may contain `#`, which separates the
//! parts of a storage key.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a text is not an identifier, in words that name the fix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidId {
    /// What the text should have been, e.g. `tenant id`.
    pub what: &'static str,
    /// What is allowed.
    pub rule: &'static str,
}

/// Crockford's base 32, the alphabet of ULIDs: no I, L, O, U.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn is_crockford(text: &str) -> bool {
    text.bytes().all(|byte| CROCKFORD.contains(&byte))
}

/// 26 Crockford characters of a fresh ULID: sortable by time, 80 random bits.
fn fresh_ulid() -> String {
    ulid::Ulid::generate().to_string()
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(Self(text.to_owned())) } else { Err(InvalidId { what: $what, rule: $rule }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! prefixed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        text_id!(
            $(#[$doc])*
            $name,
            $what,
            concat!("`", $prefix, "` followed by 26 characters of Crockford base 32"),
            |text| text.strip_prefix($prefix).is_some_and(|tail| tail.len() == 26 && is_crockford(tail))
        );

        impl $name {
            /// A fresh identifier, sortable by its time of creation.
            #[must_use]
            pub fn generate() -> Self {
                Self(format!(concat!($prefix, "{}"), fresh_ulid()))
            }
        }
    };
}

/// Letters, digits, `.`, `_`, `-`: safe in keys, URLs and file names.
fn is_plain(text: &str, longest: usize) -> bool {
    !text.is_empty()
        && text.len() <= longest
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

text_id!(
    /// A tenant: one customer of the team that runs this hub.
    TenantId,
    "tenant id",
    "1 to 48 lowercase letters, digits and hyphens, starting with a letter or digit",
    |text| is_plain(text, 48)
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);
text_id!(
    /// A campaign: the caller's own grouping of deliveries, named by the caller.
    CampaignId,
    "campaign id",
    "1 to 64 letters, digits, `.`, `_` or `-`",
    |text| is_plain(text, 64)
);
text_id!(
    /// A user of a tenant who signs in with the tenant's own provider of identities.
    SubjectId,
    "subject id",
    "1 to 64 lowercase letters, digits and hyphens",
    |text| is_plain(text, 64)
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
);
text_id!(
    /// A template, named by the tenant or, for the ready-made ones, by us.
    TemplateId,
    "template id",
    "1 to 64 letters, digits, `.`, `_` or `-`",
    |text| is_plain(text, 64)
);
text_id!(
    /// A recipient as the caller knows them. Shown back in results, never interpreted.
    UserId,
    "user id",
    "1 to 128 printable characters without `#`",
    |text| !text.is_empty() && text.len() <= 128 && !text.chars().any(|c| c.is_control() || c == '#')
);
prefixed_id!(
    /// One configured connection of a tenant.
    IntegrationId,
    "int_",
    "integration id"
);
prefixed_id!(
    /// An API key, by which it is listed and revoked (never the secret itself).
    KeyId,
    "key_",
    "key id"
);
prefixed_id!(
    /// An address at which a tenant receives webhooks. A part of that address, so its 80 random bits keep it from being
    /// guessed; what keeps others from using it is its scheme.
    HookId,
    "whk_",
    "hook id"
);
text_id!(
    /// One event that a tenant's service hands over for its endpoints: the `webhook-id` that receivers know it by. The
    /// request that it came in, and of one among many its number in it.
    EventId,
    "event id",
    "`msg_` followed by 26 characters of Crockford base 32 and, of one among many, `_` and its number",
    |text| text.strip_prefix("msg_").is_some_and(|tail| {
        let (request, number) = tail.split_once('_').unwrap_or((tail, "0"));
        request.len() == 26 && is_crockford(request) && number.parse::<u16>().is_ok_and(|it| it.to_string() == number)
    })
);

impl EventId {
    /// The only event of a request, or the one with this number among many.
    #[must_use]
    pub fn of(request: &RequestId, number: Option<u16>) -> Self {
        Self(number.map_or_else(|| format!("msg_{request}"), |number| format!("msg_{request}_{number}")))
    }
}

impl CampaignId {
    /// Where the deliveries of an endpoint stand: events have no campaign, so the endpoint itself groups them.
    #[must_use]
    pub fn of_endpoint(endpoint: &IntegrationId) -> Self {
        Self(endpoint.as_str().to_owned())
    }

    /// The endpoint whose deliveries these are; `None` of a campaign. No campaign may be named like an endpoint.
    #[must_use]
    pub fn endpoint(&self) -> Option<IntegrationId> {
        self.0.parse().ok()
    }
}
prefixed_id!(
    /// A tenant's automation rule.
    RuleId,
    "rul_",
    "rule id"
);
prefixed_id!(
    /// One run of an automation rule; see [`crate::rule::Run`] for what it is made of. Sortable by the time of its event.
    RunId,
    "run_",
    "run id"
);

/// How many characters of a run's id are its event's time, and how many the mark of its rule.
const RUN_TIME_CHARS: usize = 10;
const RUN_MARK_CHARS: usize = 7;

impl RunId {
    /// The run of a rule for one event: a repeat of the event finds the same. The time of the event, a mark of the rule (35
    /// bits), then what tells its events apart (40 bits), and a last character that stays free for [`Self::request`].
    #[must_use]
    pub fn of(tenant: &TenantId, rule: &RuleId, at: crate::time::Timestamp, event: &str) -> Self {
        let digest = crate::digest::of_parts([tenant.as_str(), rule.as_str(), event].map(str::as_bytes));
        let own = digest.as_ref().iter().take(5).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        let random = (rule_mark(rule) << 45) | (own << 5);
        Self(format!("run_{}", ulid::Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), random)))
    }

    /// The request by which its action number `action` (0 to 30) reaches its recipients. It tells the run.
    #[must_use]
    pub fn request(&self, action: usize) -> RequestId {
        let last = CROCKFORD.get(action + 1).map_or('Z', |digit| char::from(*digit));
        let stem = self.0.trim_start_matches("run_");
        RequestId(format!("{}{last}", &stem[..25]))
    }

    /// The run whose request this would be; which no run may have made.
    #[must_use]
    pub fn of_request(request: &RequestId) -> Self {
        Self(format!("run_{}0", &request.as_str()[..25]))
    }

    /// Whether it may be a run of this rule: one of another has the same mark once in 2^35 times.
    #[must_use]
    pub fn is_of(&self, rule: &RuleId) -> bool {
        let mark = ulid::Ulid::from_parts(0, rule_mark(rule) << 45).to_string();
        let place = RUN_TIME_CHARS..RUN_TIME_CHARS + RUN_MARK_CHARS;
        self.0.trim_start_matches("run_")[place.clone()] == mark[place]
    }
}

/// 35 bits that tell rules apart.
fn rule_mark(rule: &RuleId) -> u128 {
    let digest = crate::digest::of_parts([rule.as_str().as_bytes()]);
    digest.as_ref().iter().take(5).fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte)) >> 5
}

impl CampaignId {
    /// Where the messages stand that a rule sends.
    #[must_use]
    pub fn of_rule(rule: &RuleId) -> Self {
        Self(format!("rule-{rule}"))
    }

    /// The rule whose messages these are.
    #[must_use]
    pub fn rule(&self) -> Option<RuleId> {
        self.0.strip_prefix("rule-")?.parse().ok()
    }
}
prefixed_id!(
    /// One event that a hook received. Sortable by time.
    HookEventId,
    "evt_",
    "event id"
);

impl HookEventId {
    /// The least identifier of a moment: those made before it are less, those made then or later are not.
    #[must_use]
    pub fn least_at(at: crate::time::Timestamp) -> Self {
        Self(format!("evt_{}", ulid::Ulid::from_parts(u64::try_from(at.0).unwrap_or(0), 0)))
    }
}

text_id!(
    /// One accepted send request. Derived from the caller's `Idempotency-Key` where there is one, so that a repeat
    /// finds the first; random otherwise. Because derived ids are hashes, a large campaign's items spread over the
    /// sort-key space and DynamoDB can split a hot partition.
    RequestId,
    "request id",
    "26 characters of Crockford base 32",
    |text| text.len() == 26 && is_crockford(text)
);

impl RequestId {
    /// A random request id, for a request without an `Idempotency-Key`.
    #[must_use]
    pub fn generate() -> Self {
        Self(fresh_ulid())
    }

    /// The request id that belongs to an idempotency key in one tenant and campaign: 128 bits of SHA-256.
    #[must_use]
    pub fn from_idempotency_key(tenant: &TenantId, campaign: &CampaignId, key: &str) -> Self {
        let digest = crate::digest::of_parts([tenant.as_str(), campaign.as_str(), key].map(str::as_bytes));
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest.as_ref()[..16]);
        Self(ulid::Ulid::from_bytes(bytes).to_string())
    }
}

/// A delivery's stable name: its request, and where in the request it stands. It never changes, however often the
/// delivery is retried or resent.
///
/// ```text
/// dlv_01JD0000000000000000000000         the only delivery of its request
/// dlv_01JD00000000000000000000000102     member 2 of bundle 1 (base 32, two characters each)
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeliveryId {
    /// The request that created it.
    pub request: RequestId,
    /// The bundle and the member within it; `None` when the delivery is its request's only one.
    pub place: Option<Place>,
}

/// Where in its request a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The bundle's number within the request, below 1,024.
    pub bundle: u16,
    /// The recipient's number within the bundle's payload, below 1,024.
    pub member: u16,
}

fn encode_pair(number: u16) -> [char; 2] {
    let digit = |value: u16| char::from(CROCKFORD[usize::from(value & 31)]);
    [digit(number >> 5), digit(number)]
}

fn decode_pair(text: &str) -> Option<u16> {
    text.bytes().try_fold(0_u16, |sum, byte| {
        let value = CROCKFORD.iter().position(|candidate| *candidate == byte)?;
        Some(sum * 32 + u16::try_from(value).ok()?)
    })
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dlv_{}", self.request)?;
        if let Some(place) = self.place {
            for digit in [encode_pair(place.bundle), encode_pair(place.member)].concat() {
                write!(f, "{digit}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { what: "delivery id", rule: "an id as returned by the send request (`dlv_...`)" };
        let tail = text.strip_prefix("dlv_").filter(|tail| tail.is_ascii()).ok_or_else(|| invalid.clone())?;
        let (request, place) = match tail.len() {
            26 => (tail, None),
            30 => {
                let (request, place) = tail.split_at(26);
                let (bundle, member) = place.split_at(2);
                let pair = decode_pair(bundle).zip(decode_pair(member)).ok_or_else(|| invalid.clone())?;
                (request, Some(Place { bundle: pair.0, member: pair.1 }))
            }
            _ => return Err(invalid),
        };
        Ok(Self { request: request.parse().map_err(|_| invalid)?, place })
    }
}

impl TryFrom<String> for DeliveryId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<DeliveryId> for String {
    fn from(id: DeliveryId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_id_is_a_slug_without_key_separators() {
        assert!("acme-1".parse::<TenantId>().is_ok());
        for bad in ["", "-acme", "Acme", "a#b", "a b", &"a".repeat(49)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_error_says_what_is_allowed() {
        let error = "a#b".parse::<CampaignId>().unwrap_err();
        assert_eq!(error.to_string(), "campaign id must be 1 to 64 letters, digits, `.`, `_` or `-`");
    }

    #[test]
    fn generated_ids_parse() {
        let id = IntegrationId::generate();
        assert_eq!(id.as_str().parse::<IntegrationId>(), Ok(id));
    }

    #[test]
    fn an_idempotency_key_gives_the_same_request_id_in_one_campaign_only() {
        let (acme, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        let (spring, autumn) = ("spring".parse().unwrap(), "autumn".parse().unwrap());
        let id = RequestId::from_idempotency_key(&acme, &spring, "k1");
        assert_eq!(id, RequestId::from_idempotency_key(&acme, &spring, "k1"));
        assert_ne!(id, RequestId::from_idempotency_key(&other, &spring, "k1"));
        assert_ne!(id, RequestId::from_idempotency_key(&acme, &autumn, "k1"));
        assert!(id.as_str().parse::<RequestId>().is_ok());
    }

    #[test]
    fn a_run_is_found_again_by_its_event_and_by_what_it_made() {
        let (acme, at) = ("acme".parse().unwrap(), crate::time::Timestamp(1_763_640_000_000));
        let (one, other) = (RuleId::generate(), RuleId::generate());
        let run = RunId::of(&acme, &one, at, "e1");
        assert_eq!(run, RunId::of(&acme, &one, at, "e1"));
        assert_eq!(run.as_str().parse::<RunId>().unwrap(), run);
        for another in [
            RunId::of(&acme, &one, at, "e2"),
            RunId::of(&acme, &other, at, "e1"),
            RunId::of(&acme, &one, at.plus_ms(1), "e1"),
            RunId::of(&"globex".parse().unwrap(), &one, at, "e1"),
        ] {
            assert_ne!(run, another);
        }
        assert!(run < RunId::of(&acme, &one, at.plus_ms(1), "e1"), "it sorts by time");
        assert!(run.is_of(&one) && !run.is_of(&other));
        let requests: Vec<RequestId> = (0..5).map(|action| run.request(action)).collect();
        for (number, request) in requests.iter().enumerate() {
            assert!(request.as_str().parse::<RequestId>().is_ok());
            assert_eq!(RunId::of_request(request), run);
            assert!(!requests[..number].contains(request), "each action has its own");
        }
        let campaign = CampaignId::of_rule(&one);
        assert_eq!(campaign.as_str().parse::<CampaignId>().unwrap().rule(), Some(one));
        assert_eq!("rule-x".parse::<CampaignId>().unwrap().rule(), None);
    }

    #[test]
    fn delivery_ids_survive_a_round_trip() {
        let request = RequestId::generate();
        for place in [None, Some(Place { bundle: 0, member: 0 }), Some(Place { bundle: 999, member: 1023 })] {
            let id = DeliveryId { request: request.clone(), place };
            assert_eq!(id.to_string().parse::<DeliveryId>(), Ok(id));
        }
        for bad in ["", "dlv_", "dlv_01", "int_01JD0000000000000000000000", "dlv_ü1JD000000000000000000000"] {
            assert!(bad.parse::<DeliveryId>().is_err(), "{bad}");
        }
    }
}
