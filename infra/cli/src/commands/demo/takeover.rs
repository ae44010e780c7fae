//! Part 4: somebody breaks the mail server's settings while messages wait for it. Another service takes over, and tells
//! what became of the messages.

use super::{
    Demo, Fallible,
    campaign::{TEMPLATE_EMAIL, request},
    evidence::Bus,
    preflight::people,
};
use api::{
    campaigns::{AcceptedDelivery, SendRequest},
    integrations::{IntegrationCreate, IntegrationPatch, IntegrationView},
    preflight::PreflightRequest,
};
use domain::{
    channel::Channel,
    feedback::FeedbackKind::{self, Bounced, Clicked, Complained, Delivered, Opened},
    ids::CampaignId,
    preflight::CheckStatus,
};
use doubles::mail_api::Wanted;
use indicatif::ProgressBar;
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;
use trunkline::{client::Error, stack::integrations::sendgrid_integration};

const CAMPAIGN: &str = "awareness-2026";

/// Senders look at a campaign and an integration again after two seconds; before that, a paused one may still go, and a
/// mail server that was broken meanwhile may still be used with the settings before.
const KNOWN_AFTER: Duration = Duration::from_millis(2_500);

/// What becomes of each message that SendGrid takes.
const FATES: [&[FeedbackKind]; 3] = [&[Delivered, Opened, Clicked], &[Delivered, Complained], &[Bounced]];

impl Demo {
    pub(super) async fn take_over(&mut self, smtp: &IntegrationView) -> Fallible<()> {
        self.part("4. The mail server fails; SendGrid takes over and reports back");
        let campaign: CampaignId = CAMPAIGN.parse()?;
        let sendgrid = self.second_service().await?;
        let mut request = request(Channel::Email, TEMPLATE_EMAIL.parse()?, people()?);
        let rest = SendRequest { recipients: request.recipients.split_off(1), ..request.clone() };

        self.send_and_settle(&campaign, &request, "One e-mail by the mail server").await?;
        let in_the_inbox = self.inbox.received()?.len();
        let waiting = self.wait_while_it_breaks(&campaign, smtp, &rest).await?;
        let settled = async |bar: &ProgressBar| self.settled(&campaign, bar).await;
        let totals = self.progress.step("Resumed, until all is settled", settled).await?.totals.unwrap_or_default();

        let mut named = 0;
        for it in &waiting {
            named += usize::from(self.client.delivery(&campaign, &it.id).await?.integration_id == sendgrid.id);
        }
        let taken = self.mail_api.seen().await?.accepted;
        let in_the_inbox = self.inbox.received()?.len() - in_the_inbox;
        let it = &mut self.expectations;
        it.equal("Failover: e-mails sent, one of them before", 1 + FATES.len() as u64, totals.sent);
        it.equal("Failover: deliveries that name SendGrid", FATES.len(), named);
        it.equal("Failover: messages that SendGrid took", FATES.len() as u64, taken);
        it.equal("Failover: messages that the mail server took", 0, in_the_inbox);

        self.hear_back(&campaign, &sendgrid, &waiting).await?;
        self.ask_about_the_next(&rest).await?;
        self.mend_the_mail_server(smtp).await
    }

    /// A service that stands in, with the key by which its reports are believed.
    async fn second_service(&self) -> Fallible<IntegrationView> {
        let mut wanted = IntegrationCreate { priority: 200, ..sendgrid_integration() };
        let key = self.mail_api.sendgrid_public_key().await?;
        wanted.config.insert("webhook_public_key".to_owned(), json!(key));
        let create = async |_: &ProgressBar| self.client.create_integration(&wanted, false).await;
        let created = self.progress.step("SendGrid tested and saved, second in line", create).await?;
        self.say(format!("     {}  {}, reports to {}", created.id, created.name, tracking_path(&created)?));
        Ok(created)
    }

    async fn send_and_settle(&self, campaign: &CampaignId, request: &SendRequest, step: &str) -> Fallible<()> {
        let send = async |bar: &ProgressBar| {
            self.client.send(campaign, request, None).await?;
            self.settled(campaign, bar).await
        };
        self.progress.step(step, send).await?;
        Ok(())
    }

    /// Messages that were accepted for the mail server wait in a paused campaign when it is given another user name.
    async fn wait_while_it_breaks(
        &mut self,
        campaign: &CampaignId,
        smtp: &IntegrationView,
        rest: &SendRequest,
    ) -> Fallible<Vec<AcceptedDelivery>> {
        let (client, progress) = (&self.client, &self.progress);
        let pause = async |_: &ProgressBar| {
            client.pause(campaign).await?;
            sleep(KNOWN_AFTER).await;
            client.send(campaign, rest, None).await
        };
        let accepted = progress.step("Paused; three more accepted", pause).await?;
        let mut broken = smtp.config.clone();
        broken.insert("username".to_owned(), json!("somebody-else"));
        let broken = IntegrationPatch { config: Some(broken), ..IntegrationPatch::default() };
        let test = async |_: &ProgressBar| {
            client.change_integration(&smtp.id, &broken, true).await?;
            let test = client.test_integration(&smtp.id).await;
            sleep(KNOWN_AFTER).await;
            test
        };
        let test = progress.step("The mail server's user name mistyped", test).await?;
        self.say(super::configure::told("mail server", &test));
        client.resume(campaign).await?;
        self.expectations.equal("Test Connection: mistyped user name", "fail", test.status.as_str());
        Ok(accepted.deliveries)
    }

    /// SendGrid tells what became of the messages, signed as it signs.
    async fn hear_back(
        &mut self,
        campaign: &CampaignId,
        sendgrid: &IntegrationView,
        sent: &[AcceptedDelivery],
    ) -> Fallible<()> {
        let url = format!("{}{}", self.stack.api_url, tracking_path(sendgrid)?);
        let at = now_s();
        let report = async |_: &ProgressBar| {
            let mut taken = 0;
            for (it, fate) in sent.iter().zip(FATES) {
                let kinds = fate.iter().map(ToString::to_string).collect();
                let wanted = Wanted { delivery: it.id.to_string(), kinds, at, password: String::new() };
                taken += usize::from(self.mail_api.report(&wanted, &url).await?);
            }
            Ok::<_, Error>(taken)
        };
        let taken = self.progress.step("SendGrid reports back, signed", report).await?;
        self.expectations.equal("Tracking: signed reports taken", FATES.len(), taken);
        let told = |bus: &Bus| FATES.iter().flat_map(|fate| fate.iter()).all(|kind| bus.deliveries(&event(*kind)) > 0);
        let bus = self.progress.step("Its events on the bus", async |_| self.bus_with(told).await).await?;
        for (it, fate) in sent.iter().zip(FATES) {
            let shown = self.client.delivery(campaign, &it.id).await?;
            let mut shown: Vec<_> = shown.feedback.iter().map(|it| it.kind).collect();
            shown.sort_unstable();
            let words = |kinds: &[FeedbackKind]| kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            self.expectations.equal("Tracking: shown with the delivery", words(fate).as_str(), words(&shown).as_str());
        }
        for kind in [Delivered, Opened, Clicked, Bounced, Complained] {
            let expected = FATES.iter().filter(|fate| fate.contains(&kind)).count();
            self.expectations.equal(&format!("Events: {}", event(kind)), expected, bus.deliveries(&event(kind)));
        }
        Ok(())
    }

    /// Whoever bounced or complained is not written to again.
    async fn ask_about_the_next(&mut self, rest: &SendRequest) -> Fallible<()> {
        let question = PreflightRequest {
            campaign_id: format!("{CAMPAIGN}-2").parse()?,
            channel: rest.channel,
            integration_id: None,
            recipients: rest.recipients.clone(),
            message: None,
            template: rest.template.clone(),
            simulation: None,
            sandbox: false,
        };
        let ask = async |_: &ProgressBar| self.client.preflight(&question).await;
        let answer = self.progress.step("Preflight of the next campaign", ask).await?;
        let warned = answer.checks.iter().find(|check| check.status == CheckStatus::Warn);
        self.say(format!("     {}", warned.map_or("nothing to warn of", |check| &check.reason)));
        let code = warned.map_or("none", |check| &check.code);
        self.expectations.equal("Preflight of the next: may go", true, answer.ready);
        self.expectations.equal("Preflight of the next: warns", "recipient_suppressed", code);
        Ok(())
    }

    async fn mend_the_mail_server(&mut self, smtp: &IntegrationView) -> Fallible<()> {
        let mended = IntegrationPatch { config: Some(smtp.config.clone()), ..IntegrationPatch::default() };
        let mend = async |_: &ProgressBar| self.client.change_integration(&smtp.id, &mended, false).await;
        let view = self.progress.step("The user name put right", mend).await?;
        let status = view.last_test.as_ref().map_or("untested", |test| test.status.as_str());
        self.expectations.equal("Test Connection: put right", "ok", status);
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the hub compares the signature's time with the time of day")]
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().cast_signed()
}

fn event(kind: FeedbackKind) -> String {
    format!("delivery.{kind}")
}

fn tracking_path(integration: &IntegrationView) -> Fallible<&str> {
    Ok(integration.tracking_path.as_deref().ok_or("SendGrid has no path to report to")?)
}
