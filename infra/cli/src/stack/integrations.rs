//! Integrations with what a local stack has: its mail server and the doubles.

use super::StackState;
use api::integrations::IntegrationCreate;
use domain::{
    channel::{OnUnknown, Provider},
    retry::RetryPolicy,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, io};

/// An integration as its admin would create it: enabled, with the provider's usual limits.
pub fn integration(provider: Provider, name: &str, config: &Value, secret: (&str, &str)) -> IntegrationCreate {
    IntegrationCreate {
        kind: None,
        provider,
        name: name.to_owned(),
        config: config.as_object().cloned().unwrap_or_default(),
        secrets: BTreeMap::from([(secret.0.to_owned(), secret.1.to_owned())]),
        enabled: true,
        priority: 100,
        limits: None,
        retry_policy: RetryPolicy::Exponential,
        on_unknown: OnUnknown::Retry,
        probe_interval_minutes: 60,
    }
}

/// Slack by a bot token, with its own channel.
pub fn slack_integration() -> IntegrationCreate {
    let config = json!({ "mode": "bot_token", "channel": "C0TRAINING" });
    integration(Provider::Slack, "Company Slack", &config, ("bot_token", "xoxb-good-local-0123456789"))
}

/// An e-mail API that the double takes for good.
pub fn sendgrid_integration() -> IntegrationCreate {
    let config = json!({ "from_address": "training@acme.example", "from_name": "Acme Security" });
    integration(Provider::Sendgrid, "Company SendGrid", &config, ("api_key", "SG.good-local.0123456789abcdefghijkl"))
}

impl StackState {
    /// E-mail over SMTP with STARTTLS and a login, trusting the mail server's own authority.
    pub fn smtp_integration(&self) -> io::Result<IntegrationCreate> {
        let smtp = &self.smtp;
        let config = json!({
            "host": smtp.host,
            "port": smtp.port,
            "security": "starttls",
            "username": smtp.username,
            "from_address": "training@acme.example",
            "from_name": "Acme Security",
            "ca_certificate": fs::read_to_string(&smtp.ca_file)?,
        });
        Ok(integration(Provider::Smtp, "Company mail", &config, ("password", &smtp.password)))
    }

    /// A workflow of Teams, whose id chooses what the double does. `None` if the double does not run.
    pub fn teams_integration(&self, workflow: &str) -> Option<IntegrationCreate> {
        let url = doubles::teams::webhook_url(&self.teams.as_ref()?.url, workflow, "local-signature");
        let config = json!({ "theme": "accent" });
        Some(integration(Provider::Teams, "Security channel", &config, ("webhook_url", &url)))
    }
}
