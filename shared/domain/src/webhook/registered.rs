//! The types of events that a tenant has registered, so that everybody knows what they hold.

use super::EventType;
use crate::{principal::Principal, time::Timestamp};
use serde::{Deserialize, Serialize};

/// The most bytes of a schema, as JSON.
pub const SCHEMA_MAX_BYTES: usize = 32 << 10;

/// The most characters of a description.
pub const DESCRIPTION_MAX_CHARS: usize = 1_000;

/// The most types that a tenant registers.
pub const EVENT_TYPES_MAX: usize = 500;

/// A type of events that was registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredType {
    /// The type.
    pub kind: EventType,
    /// What its events tell, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What their data has to look like: JSON Schema, draft 2020-12, as JSON text. Without one, anything goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Whether it should be used no more. Its events are taken all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Grows with each change.
    pub rev: u64,
    /// When it was registered.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Principal,
}
