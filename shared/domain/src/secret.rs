//! Values that must not be seen.

use crate::ids::{HookId, IntegrationId, InvalidId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret text: wiped from memory when dropped, without `Display`, `Debug` content or `Serialize`, so it cannot
/// reach a log, a response or a snapshot by accident.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes ownership of a secret text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for the one call that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What people may see: bullets and, of a secret of at least 12 characters, the last 4.
    #[must_use]
    pub fn mask(&self) -> String {
        let length = self.0.chars().count();
        let tail: String = if length >= 12 { self.0.chars().skip(length - 4).collect() } else { String::new() };
        format!("••••••••{tail}")
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secret fields of one integration by name, e.g. `password`.
pub type Secrets = BTreeMap<String, Secret>;

/// What has secrets of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecretOwner {
    /// An integration.
    Integration(IntegrationId),
    /// An inbound webhook.
    Hook(HookId),
}

impl fmt::Display for SecretOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integration(id) => id.fmt(f),
            Self::Hook(id) => id.fmt(f),
        }
    }
}

impl FromStr for SecretOwner {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self::Integration).or_else(|_| text.parse().map(Self::Hook))
    }
}

impl From<&IntegrationId> for SecretOwner {
    fn from(id: &IntegrationId) -> Self {
        Self::Integration(id.clone())
    }
}

impl From<&HookId> for SecretOwner {
    fn from(id: &HookId) -> Self {
        Self::Hook(id.clone())
    }
}

impl From<&Self> for SecretOwner {
    fn from(owner: &Self) -> Self {
        owner.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_secret_shows_in_debug_and_little_in_its_mask() {
        let secret = Secret::new("xoxb-1234567890-abcd".into());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.mask(), "••••••••abcd");
        assert_eq!(Secret::new("short".into()).mask(), "••••••••");
    }
}
