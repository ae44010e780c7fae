//! The settings of an integration of Amazon SES.

use crate::{
    catalog::{CatalogEntry, LimitDefaults},
    fields::{FieldError, Fields},
};
use domain::{channel::Provider, integration::Config, rate::Limits, secret::Secrets};
use guard::Guard;
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn validate(config: &Config, _: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    Fields::new(config, &[]).finish(Some(Config::new()))
}

pub(crate) fn validate_secrets(_: &Config, _: &Secrets, _: &Guard) -> Vec<FieldError> {
    Vec::new()
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: Provider::Ses.kind().as_str(),
        provider: Provider::Ses,
        name: "Amazon SES",
        description: "",
        schema: json!({"type": "object", "properties": {}}),
        secrets: Vec::new(),
        limits: LimitDefaults { limits: Limits::default(), note: "" },
        docs: "docs/providers/ses.md",
    }
}
