//! What the catalog of integrations says about a provider.

use domain::{channel::Provider, rate::Limits};
use serde::Serialize;
use serde_json::Value;

/// One provider in the catalog.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CatalogEntry {
    /// The channel it serves, e.g. `email`.
    pub kind: &'static str,
    /// The provider.
    pub provider: Provider,
    /// Its name for people.
    pub name: &'static str,
    /// What it is good for, in a sentence.
    pub description: &'static str,
    /// The JSON Schema (2020-12) of `config`.
    pub schema: Value,
    /// Its secret fields.
    pub secrets: Vec<SecretField>,
    /// The limits of an integration that names none.
    pub limits: LimitDefaults,
    /// Its page in the documentation, relative to the repository.
    pub docs: &'static str,
}

/// One secret field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SecretField {
    /// Its name in `secrets`.
    pub name: &'static str,
    /// Its label.
    pub title: &'static str,
    /// What to enter and where to find it.
    pub description: &'static str,
    /// When it is needed, in words; `always` or a condition on `config`.
    pub needed: &'static str,
    /// Whether it is needed whatever `config` says.
    pub required: bool,
}

/// The limits of an integration that names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LimitDefaults {
    /// As they are applied.
    #[serde(flatten)]
    pub limits: Limits,
    /// Why, and when they differ.
    pub note: &'static str,
}
