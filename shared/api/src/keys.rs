//! API keys: made, listed, changed, regenerated, suspended, revoked. A secret is in one answer only, the one that made it.

use domain::{
    allow_list::Cidr,
    ids::KeyId,
    key::{ApiKey, KeyRecord, KeyRefusal, SuspensionCause},
    principal::Grant,
    quota::{KeyUse, Quota, Tier},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The longest name, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// A new API key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCreate {
    /// Its name for people, at most 100 characters.
    #[schema(example = "ci")]
    pub name: String,
    /// What it may do: `resource:action`, `resource:*` or `*`. No more than the key that creates it.
    #[schema(value_type = Vec<String>, example = json!(["campaigns:*", "integrations:read"]))]
    pub scopes: Vec<Grant>,
    /// When it stops working (RFC 3339); never unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2027-01-01T00:00:00Z")]
    pub expires_at: Option<String>,
    /// The class that decides its limits: `basic` unless given, `standard`, `premium`.
    #[serde(default)]
    #[schema(value_type = String, example = "standard")]
    pub tier: Tier,
    /// From where it may be used, at most 50 networks or addresses; from anywhere unless given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["203.0.113.0/24", "2001:db8::/32"]))]
    pub allow: Vec<Cidr>,
}

/// What changes of an API key; what is left out stays. Heeded within a minute.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyPatch {
    /// Its name for people, at most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it may do; no more than the key that changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub scopes: Option<Vec<Grant>>,
    /// The class that decides its limits: `basic`, `standard`, `premium`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tier: Option<Tier>,
    /// From where it may be used; an empty list is from anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub allow: Option<Vec<Cidr>>,
    /// When it stops working (RFC 3339), or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// How a key gets a new secret.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRegenerate {
    /// For how many hours the old secret goes on working, 0 to 24. At 0 it stops within a minute.
    #[serde(default)]
    pub grace_hours: u8,
}

/// Whether a key works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It works.
    Active,
    /// It is suspended until it is activated.
    Suspended,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl KeyState {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// How many requests a key may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyLimits {
    /// In a minute.
    pub minute: u32,
    /// In an hour.
    pub hour: u32,
    /// At once.
    pub burst: u32,
}

/// What a key used of its limits. Requests are counted in blocks, so these are upper bounds, at most a block too high for
/// each instance that answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyUsage {
    /// Requests in this minute.
    pub minute: u32,
    /// Requests in this hour.
    pub hour: u32,
    /// When it was last used, to about a minute; unknown after 100 days.
    pub last_used_at: Option<String>,
    /// How often it was tried with a wrong secret within ten minutes; counted by fives.
    pub failures: u32,
}

/// An API key without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: KeyId,
    /// The part of the secret that is not secret: `tk_live_<prefix>_...`.
    pub prefix: String,
    /// Its name for people.
    pub name: String,
    /// What it may do.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Grant>,
    /// When it was created.
    pub created_at: String,
    /// When it stops working.
    pub expires_at: Option<String>,
    /// When it was revoked; it stops working within a minute.
    pub revoked_at: Option<String>,
    /// Whether it works.
    pub state: KeyState,
    /// When it was suspended.
    pub suspended_at: Option<String>,
    /// Why it was: `failures` (tried too often with a wrong secret) or `asked`.
    #[schema(value_type = Option<String>)]
    pub suspended_for: Option<SuspensionCause>,
    /// The class that decides its limits.
    #[schema(value_type = String)]
    pub tier: Tier,
    /// Its limits.
    pub limits: KeyLimits,
    /// From where it may be used; from anywhere if empty.
    pub allow: Vec<String>,
    /// Until when the secret before the present one works, if it does.
    pub old_secret_until: Option<String>,
    /// What it used of its limits.
    pub usage: KeyUsage,
}

impl KeyView {
    /// The key as it is at `now`.
    #[must_use]
    pub fn new(record: &KeyRecord, quota: Quota, used: &KeyUse, now: Timestamp) -> Self {
        let used = used.at(now);
        let state = match record.check(now) {
            Ok(()) => KeyState::Active,
            Err(KeyRefusal::Revoked) => KeyState::Revoked,
            Err(KeyRefusal::Expired) => KeyState::Expired,
            Err(KeyRefusal::Suspended) => KeyState::Suspended,
        };
        let old_secret = record.previous.as_ref().filter(|previous| now < previous.until);
        Self {
            id: record.id.clone(),
            prefix: record.prefix.clone(),
            name: record.name.clone(),
            scopes: record.grants.clone(),
            created_at: record.created_at.to_rfc3339(),
            expires_at: record.expires_at.map(Timestamp::to_rfc3339),
            revoked_at: record.revoked_at.map(Timestamp::to_rfc3339),
            state,
            suspended_at: record.suspended.map(|suspension| suspension.at.to_rfc3339()),
            suspended_for: record.suspended.map(|suspension| suspension.cause),
            tier: record.tier,
            limits: KeyLimits { minute: quota.minute, hour: quota.hour, burst: quota.burst },
            allow: record.allow.to_texts(),
            old_secret_until: old_secret.map(|previous| previous.until.to_rfc3339()),
            usage: KeyUsage {
                minute: used.in_minute,
                hour: used.in_hour,
                last_used_at: used.used_at.map(Timestamp::to_rfc3339),
                failures: used.failures,
            },
        }
    }
}

/// An API key as it was just made.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct KeyCreated {
    /// The whole key. Keep it now: it is not stored and cannot be shown again.
    pub key: String,
    /// Everything else about it.
    #[serde(flatten)]
    pub view: KeyView,
}

impl KeyCreated {
    /// The answer to whoever made it.
    #[must_use]
    pub fn new(key: &ApiKey, view: KeyView) -> Self {
        Self { key: key.whole().expose().to_owned(), view }
    }
}
