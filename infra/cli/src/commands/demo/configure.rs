//! Part 1: e-mail and Slack are connected, and their connections tested.

use super::{Demo, Fallible};
use api::integrations::{IntegrationCreate, IntegrationView, TestView};
use domain::{
    channel::{OnUnknown, Provider},
    rate::Limits,
    retry::RetryPolicy,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};
use trunkline::client::Reason;

/// A limit that is too low for the first campaign, so that the preflight has something to say.
pub(super) const LOW_DAILY_LIMIT: u32 = 3;

/// What was configured.
pub(super) struct Configured {
    pub(super) email: IntegrationView,
    pub(super) slack: IntegrationView,
}

impl Demo {
    pub(super) async fn configure(&mut self) -> Fallible<Configured> {
        self.part("1. Connect e-mail and Slack");
        let (email, slack) = (self.email()?, slack());

        let mistyped = IntegrationCreate { secrets: secret("password", "mistyped"), ..email.clone() };
        let (client, progress) = (&self.client, &self.progress);
        let (refused, email_test, slack_test) = progress
            .step("Test Connection before saving", async |_| {
                let refused = client.test_settings(&mistyped).await?;
                Ok::<_, trunkline::client::Error>((
                    refused,
                    client.test_settings(&email).await?,
                    client.test_settings(&slack).await?,
                ))
            })
            .await?;
        for (what, test) in [
            ("e-mail, with a mistyped password", &refused),
            ("e-mail over SMTP with STARTTLS and a login", &email_test),
            ("Slack with a bot token", &slack_test),
        ] {
            self.say(told(what, test));
        }
        self.expectations.equal("Test Connection: mistyped password", "fail", refused.status.as_str());
        self.expectations.equal("Test Connection: e-mail", "ok", email_test.status.as_str());
        self.expectations.equal("Test Connection: Slack", "ok", slack_test.status.as_str());

        let (client, progress) = (&self.client, &self.progress);
        let email =
            progress.step("E-mail saved as a draft", async |_| client.create_integration(&email, true).await).await?;
        let slack =
            progress.step("Slack tested and saved", async |_| client.create_integration(&slack, false).await).await?;
        self.say(format!(
            "     {}  {} disabled, not tested, {LOW_DAILY_LIMIT} messages a day\n     {}  {}",
            email.id, email.name, slack.id, slack.name
        ));
        Ok(Configured { email, slack })
    }

    fn email(&self) -> Fallible<IntegrationCreate> {
        let smtp = &self.stack.smtp;
        let config = json!({
            "host": smtp.host,
            "port": smtp.port,
            "security": "starttls",
            "username": smtp.username,
            "from_address": "training@acme.example",
            "from_name": "Acme Security",
            "ca_certificate": fs::read_to_string(&smtp.ca_file)?,
        });
        Ok(IntegrationCreate {
            enabled: false,
            limits: Some(Limits { per_day: Some(LOW_DAILY_LIMIT), ..Limits::default() }),
            ..integration(Provider::Smtp, "Company mail", &config, secret("password", &smtp.password))
        })
    }
}

fn slack() -> IntegrationCreate {
    let config = json!({ "mode": "bot_token", "channel": "C0TRAINING" });
    integration(Provider::Slack, "Company Slack", &config, secret("bot_token", "xoxb-good-demo-0123456789"))
}

fn integration(provider: Provider, name: &str, config: &Value, secrets: BTreeMap<String, String>) -> IntegrationCreate {
    IntegrationCreate {
        kind: None,
        provider,
        name: name.to_owned(),
        config: config.as_object().cloned().unwrap_or_default(),
        secrets,
        enabled: true,
        priority: 100,
        limits: None,
        retry_policy: RetryPolicy::Exponential,
        on_unknown: OnUnknown::Retry,
        probe_interval_minutes: 5,
    }
}

fn secret(name: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(name.to_owned(), value.to_owned())])
}

pub(super) fn told(what: &str, test: &TestView) -> String {
    let head = format!("     {what}: {} in {} ms", test.status.as_str(), test.latency_ms);
    if test.reason.is_empty() {
        return head;
    }
    let Reason { reason, fix, .. } = Reason::found_by(test);
    format!("{head}\n       {reason}\n       -> {fix}")
}
