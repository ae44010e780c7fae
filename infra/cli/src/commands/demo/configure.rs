//! Part 1: e-mail and Slack are connected, and their connections tested.

use super::{Demo, Fallible};
use api::integrations::{IntegrationCreate, IntegrationView, TestView};
use domain::rate::Limits;
use std::collections::BTreeMap;
use trunkline::{client::Reason, stack::integrations::slack_integration};

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
        let (email, slack) = (self.email()?, slack_integration());

        let mistyped = IntegrationCreate {
            secrets: BTreeMap::from([("password".to_owned(), "mistyped".to_owned())]),
            ..email.clone()
        };
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
        Ok(IntegrationCreate {
            enabled: false,
            limits: Some(Limits { per_day: Some(LOW_DAILY_LIMIT), ..Limits::default() }),
            probe_interval_minutes: 5,
            ..self.stack.smtp_integration()?
        })
    }
}

pub(super) fn told(what: &str, test: &TestView) -> String {
    let head = format!("     {what}: {} in {} ms", test.status.as_str(), test.latency_ms);
    if test.reason.is_empty() {
        return head;
    }
    let Reason { reason, fix, .. } = Reason::found_by(test);
    format!("{head}\n       {reason}\n       -> {fix}")
}
