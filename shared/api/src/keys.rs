//! API keys: made, listed, revoked. The secret is in one answer only, that of its creation.

use domain::{
    ids::KeyId,
    key::{ApiKey, KeyRecord},
    principal::Grant,
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
}

impl From<&KeyRecord> for KeyView {
    fn from(record: &KeyRecord) -> Self {
        Self {
            id: record.id.clone(),
            prefix: record.prefix.clone(),
            name: record.name.clone(),
            scopes: record.grants.clone(),
            created_at: record.created_at.to_rfc3339(),
            expires_at: record.expires_at.map(Timestamp::to_rfc3339),
            revoked_at: record.revoked_at.map(Timestamp::to_rfc3339),
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
    /// The answer to a creation.
    #[must_use]
    pub fn new(key: &ApiKey, record: &KeyRecord) -> Self {
        Self { key: key.whole().expose().to_owned(), view: record.into() }
    }
}
