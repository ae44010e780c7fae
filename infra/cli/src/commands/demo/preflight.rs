//! Part 2: a preflight that fails in every way at once, is mended reason by reason, and passes.

use super::{
    Demo, Fallible,
    audience::{TITLE_AR, TITLE_EN},
    campaign::TEMPLATE_EMAIL,
    configure::{Configured, told},
};
use crate::commands::preflight::shown;
use api::{
    campaigns::{RecipientBody, TemplateUse},
    integrations::IntegrationPatch,
    keys::KeyCreate,
    preflight::{CheckView, PreflightAnswer, PreflightRequest},
    settings::{SandboxPatch, SettingsPatch},
};
use domain::{
    channel::Channel,
    ids::IntegrationId,
    preflight::CheckStatus,
    principal::{Grant, Scope},
    quota::Tier,
    rate::Limits,
    template::Locale,
};
use std::collections::BTreeMap;
use trunkline::client::Client;

/// Enough for the campaign.
const DAILY_LIMIT: u32 = 10_000;

/// How often settings change on the way: two integrations are created, one is changed and enabled.
pub(super) const CONFIG_CHANGES: usize = 4;
/// How often health changes on the way: each integration passes its first test.
pub(super) const HEALTH_CHANGES: usize = 2;

impl Demo {
    pub(super) async fn preflight(&mut self, Configured { email, slack }: &Configured) -> Fallible<()> {
        self.part("2. May the campaign go?");
        let key = KeyCreate {
            name: "asks only".to_owned(),
            scopes: vec![Grant::try_from(Scope::CampaignsPreflight.to_string())?],
            expires_at: None,
            tier: Tier::Premium,
            allow: Vec::new(),
        };
        let key = self.progress.step("A key that may ask, not send", async |_| self.client.create_key(&key).await);
        let asker = self.client.with_credential(&key.await?.key);

        let refused = self.ask("Preflight", &asker, &self.question(&email.id, faulty()?)?).await?;
        self.say(indented(&shown(&refused)));
        self.expectations.equal(
            "Preflight fails: checks at fault",
            "all but settings, suppression",
            complaints(&refused).as_str(),
        );
        let explained = at_fault(&refused).all(|check| !check.reason.is_empty() && !check.fix.is_empty());
        self.expectations.equal("Preflight fails: reason and fix for each", true, explained);

        self.mend(&email.id, &slack.id).await?;
        let passed = self.ask("Preflight again", &self.client, &self.question(&email.id, people()?)?).await?;
        self.say(indented(&shown(&passed)));
        self.expectations.equal("Preflight passes once mended", true, passed.ready);
        Ok(())
    }

    fn question(&self, email: &IntegrationId, recipients: Vec<RecipientBody>) -> Fallible<PreflightRequest> {
        Ok(PreflightRequest {
            campaign_id: self.campaign.clone(),
            channel: Channel::Email,
            integration_id: Some(email.clone()),
            recipients,
            message: None,
            template: Some(TemplateUse { id: TEMPLATE_EMAIL.parse()?, variables: BTreeMap::new() }),
            simulation: None,
            sandbox: true,
        })
    }

    async fn ask(&self, step: &str, client: &Client, question: &PreflightRequest) -> Fallible<PreflightAnswer> {
        Ok(self.progress.step(step, async |_| client.preflight(question).await).await?)
    }

    /// Does what each reason's fix says.
    async fn mend(&mut self, email: &IntegrationId, slack: &IntegrationId) -> Fallible<()> {
        let limits = Limits { per_day: Some(DAILY_LIMIT), ..Limits::default() };
        let raised = IntegrationPatch { limits: Some(limits), ..IntegrationPatch::default() };
        let inbox = SandboxPatch { email: Some(vec!["qa@acme.example".to_owned()]), ..SandboxPatch::default() };
        let (client, progress) = (&self.client, &self.progress);
        progress.step("Daily limit raised", async |_| client.change_integration(email, &raised, false).await).await?;
        let settings = SettingsPatch { sandbox: Some(inbox) };
        progress.step("Test recipients named", async |_| client.change_settings(&settings).await).await?;
        let email_test = progress.step("Test Connection: e-mail", async |_| client.test_integration(email).await);
        let email_test = email_test.await?;
        let slack_test = progress.step("Test Connection: Slack", async |_| client.test_integration(slack).await);
        let slack_test = slack_test.await?;
        progress.step("E-mail enabled", async |_| client.enable_integration(email).await).await?;
        self.say(told("e-mail", &email_test));
        self.say(told("Slack", &slack_test));
        self.expectations.equal("Test Connection, saved: e-mail", "ok", email_test.status.as_str());
        self.expectations.equal("Test Connection, saved: Slack", "ok", slack_test.status.as_str());
        Ok(())
    }
}

/// One address is none, and one recipient lacks the link that the template wants.
fn faulty() -> Fallible<Vec<RecipientBody>> {
    let mut recipients = people()?;
    "omar.example.com".clone_into(&mut recipients[1].address);
    recipients[2].variables.remove("link");
    Ok(recipients)
}

/// Four people, in English and Arabic, with all that the template wants.
pub(super) fn people() -> Fallible<Vec<RecipientBody>> {
    let people = [
        ("sara", "Sara", Locale::En),
        ("omar", "عمر", Locale::Ar),
        ("adam", "Adam", Locale::En),
        ("noura", "نورة", Locale::Ar),
    ];
    let recipient = |(user, name, locale): (&str, &str, Locale)| {
        let title = if locale == Locale::Ar { TITLE_AR } else { TITLE_EN };
        let link = format!("https://training.acme.example/t/{user}");
        Ok(RecipientBody {
            user_id: user.parse()?,
            address: format!("{user}@example.com"),
            locale: Some(locale),
            variables: [("name", name), ("campaign", title), ("link", &link)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        })
    };
    people.into_iter().map(recipient).collect()
}

fn at_fault(answer: &PreflightAnswer) -> impl Iterator<Item = &CheckView> {
    answer.checks.iter().filter(|check| check.status == CheckStatus::Fail)
}

/// The checks at fault. All of them can be, but for the one that asks whether there is an integration, and the one that
/// only warns of addresses that get nothing.
fn complaints(answer: &PreflightAnswer) -> String {
    let passed: Vec<_> = answer.checks.iter().filter(|check| check.status != CheckStatus::Fail).collect();
    let passed: Vec<_> = passed.into_iter().map(|check| check.check.as_str()).collect();
    format!("all but {}", passed.join(", "))
}

fn indented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| format!("     {line}")).collect();
    lines.join("\n")
}
