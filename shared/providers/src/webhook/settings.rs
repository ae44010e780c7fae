//! The settings of an endpoint.

use crate::{
    catalog::{CatalogEntry, LimitDefaults, SecretField},
    fields::FieldError,
};
use domain::{channel::Provider, integration::Config, rate::Limits, secret::Secrets, webhook::EndpointSettings};
use guard::Guard;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The secret that posts are signed with.
pub(crate) const SIGNING_SECRET: &str = "signing_secret";

pub(crate) fn validate(config: &Config, _: &BTreeSet<String>) -> Result<Config, Vec<FieldError>> {
    match EndpointSettings::read(config).map(serde_json::to_value) {
        Ok(Ok(Value::Object(config))) => Ok(config),
        _ => Ok(config.clone()),
    }
}

pub(crate) fn validate_secrets(_: &Config, _: &Secrets, _: &Guard) -> Vec<FieldError> {
    Vec::new()
}

pub(crate) fn catalog() -> CatalogEntry {
    CatalogEntry {
        kind: "webhook",
        provider: Provider::Webhook,
        name: "Webhook endpoint",
        description: "Events posted to a URL of yours, signed as Standard Webhooks says. Managed by /v1/endpoints.",
        schema: json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Webhook endpoint",
            "type": "object",
            "properties": {
                "url": {"type": "string", "title": "URL", "description": "Where events are posted to.", "examples": ["https://example.com/hooks"]}
            }
        }),
        secrets: vec![SecretField {
            name: SIGNING_SECRET,
            title: "Signing secret",
            description: "What posts are signed with.",
            needed: "always",
            required: true,
        }],
        limits: LimitDefaults { limits: Limits::default(), note: "None, unless you set some." },
        docs: "docs/providers/webhook.md",
    }
}
