//! Part 3: one campaign over two channels, one of which fails for a while.

use super::{
    Demo, Fallible, STACK,
    audience::Audience,
    evidence::{Bus, Evidence},
    preflight::{CONFIG_CHANGES, HEALTH_CHANGES},
    report::{Cost, Sent},
};
use crate::commands::campaign::counts;
use api::{
    campaigns::{CampaignView, RecipientBody, SendAccepted, SendRequest, TemplateUse, TotalsView},
    preflight::PreflightRequest,
    problem::ProblemKind,
};
use domain::{
    bundle::DeliveryStatus,
    channel::Channel,
    ids::{CampaignId, TemplateId},
};
use indicatif::ProgressBar;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::{
    client::{DeliveryQuery, Error},
    invocations,
};

pub(super) const TEMPLATE_EMAIL: &str = "trunkline.email.invitation";
const TEMPLATE_SLACK: &str = "trunkline.slack.invitation";

/// Requests that the campaign makes: e-mail, its repetition, the same key with another body, Slack.
const REQUESTS: u64 = 4;

const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// How long Slack may take to fail.
const OUTAGE_WITHIN: Duration = Duration::from_secs(20);
const SETTLED_WITHIN: Duration = Duration::from_mins(2);

/// How the outage went.
struct Outage {
    /// Slack messages that failed for now.
    failed_for_now: usize,
    /// E-mails that had arrived when it ended.
    emails_arrived: usize,
}

impl Demo {
    pub(super) async fn send(&mut self) -> Fallible<Sent> {
        let audience = Audience::new()?;
        self.part(&format!(
            "3. Send to {} people by e-mail and {} on Slack, in English and Arabic",
            audience.email.len(),
            audience.slack.len()
        ));
        let (email, slack) = requests(&audience)?;
        self.all_may_go(&email, &slack).await?;
        // So that the events of the configuration are not counted to the campaign's cost.
        let configured = |bus: &Bus| bus.count("integration.config_updated") >= CONFIG_CHANGES;
        let bus = self.progress.step("Events of the configuration", async |_| self.bus_with(configured).await).await?;
        self.expectations.equal("Events: config_updated", CONFIG_CHANGES, bus.count("integration.config_updated"));
        self.expectations.equal("Events: health_changed", HEALTH_CHANGES, bus.count("integration.health_changed"));
        let before = invocations::read(STACK).await?;

        self.slack.fail_with("503").await?;
        let started = Instant::now();
        let accepted = self.send_once_and_repeat(&email).await?;
        self.progress.step("Slack accepted, while Slack is down", async |_| self.post(&slack, "slack-1").await).await?;
        let outage = self
            .progress
            .step("Slack down, e-mail goes on", async |bar| self.sit_out_the_outage(audience.slack.len(), bar).await)
            .await?;
        self.expectations.equal("Slack down: messages to be retried", audience.slack.len(), outage.failed_for_now);
        self.expectations.holds(
            "Slack down: e-mails in the inbox",
            "more than 0",
            outage.emails_arrived,
            outage.emails_arrived > 0,
        );
        let settled = async |bar: &ProgressBar| self.settled(&self.campaign, bar).await;
        let settled = self.progress.step("Slack back, until all is settled", settled).await?;
        let seconds = started.elapsed().as_secs_f64();

        let evidence =
            self.progress.step("Deliveries read, inbox opened", async |_| self.gather(&audience).await).await?;
        let all_told = |bus: &Bus| {
            let ended = bus.deliveries("delivery.sent") + bus.deliveries("delivery.failed");
            ended.min(bus.deliveries("delivery.enqueued")) >= audience.len()
        };
        let bus = self.progress.step("Events on the bus", async |_| self.bus_with(all_told).await).await?;
        let spent = async |_: &ProgressBar| invocations::read(STACK).await;
        let spent = invocations::since(&before, self.progress.step("Functions' logs read", spent).await?);

        let totals = settled.totals.unwrap_or_default();
        self.judge(&audience, &accepted, &totals, &evidence, &bus);
        let cost = Cost::of(&spent, REQUESTS, &bus, audience.len() as u64);
        Ok(Sent { totals, seconds, samples: evidence.samples, cost })
    }

    async fn all_may_go(&mut self, email: &SendRequest, slack: &SendRequest) -> Fallible<()> {
        let question = |request: &SendRequest| PreflightRequest {
            campaign_id: self.campaign.clone(),
            channel: request.channel,
            integration_id: None,
            recipients: request.recipients.clone(),
            message: None,
            template: request.template.clone(),
            simulation: None,
            sandbox: false,
        };
        let ask = async |_: &ProgressBar| {
            let email = self.client.preflight(&question(email)).await?.ready;
            Ok::<_, Error>(email && self.client.preflight(&question(slack)).await?.ready)
        };
        let ready = self.progress.step("Preflight of both channels", ask).await?;
        self.expectations.equal("Preflight of the whole campaign passes", true, ready);
        Ok(())
    }

    async fn post(&self, request: &SendRequest, key: &str) -> Result<SendAccepted, Error> {
        self.client.send(&self.campaign, request, Some(key)).await
    }

    /// The e-mails, then the very same request again as after a lost answer, then another one under the same key.
    async fn send_once_and_repeat(&mut self, email: &SendRequest) -> Fallible<SendAccepted> {
        const KEY: &str = "email-1";
        let send = async |_: &ProgressBar| self.post(email, KEY).await;
        let accepted = self.progress.step("E-mail accepted (202)", send).await?;
        let send = async |_: &ProgressBar| self.post(email, KEY).await;
        let repeated = self.progress.step("The same request again", send).await?;
        let other = SendRequest { sandbox: true, ..email.clone() };
        let refused = self.post(&other, KEY).await.err().and_then(|error| error.kind());
        self.say(format!(
            "     {} deliveries, {} to {}",
            accepted.accepted,
            accepted.deliveries.first().map_or_else(String::new, |it| it.id.to_string()),
            accepted.deliveries.last().map_or_else(String::new, |it| it.id.to_string()),
        ));
        self.expectations.equal("Accepted e-mails", email.recipients.len(), accepted.accepted);
        self.expectations.equal("Repeat with the same key: same ids", true, repeated == accepted);
        let kind = refused.map_or("accepted", ProblemKind::code);
        self.expectations.equal("Same key, another body", ProblemKind::IdempotencyMismatch.code(), kind);
        Ok(accepted)
    }

    /// Waits until all of Slack has failed and e-mail is under way, then lets Slack recover.
    async fn sit_out_the_outage(&self, members: usize, bar: &ProgressBar) -> Fallible<Outage> {
        let deadline = Instant::now() + OUTAGE_WITHIN;
        loop {
            self.look(&self.campaign, bar).await?;
            let retrying = DeliveryQuery { status: Some(DeliveryStatus::Retrying) };
            let retrying = self.client.deliveries(&self.campaign, retrying).await?;
            let failed_for_now = retrying.iter().filter(|it| it.channel == Channel::Slack).count();
            // The inbox, because it knows at once: the totals learn of a message when its whole bundle is through.
            let emails_arrived = self.inbox.received()?.len();
            if (failed_for_now == members && emails_arrived > 0) || Instant::now() > deadline {
                self.slack.recover().await?;
                return Ok(Outage { failed_for_now, emails_arrived });
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    pub(super) async fn settled(&self, campaign: &CampaignId, bar: &ProgressBar) -> Result<CampaignView, Error> {
        let deadline = Instant::now() + SETTLED_WITHIN;
        let mut shown = String::new();
        loop {
            let campaign = self.look(campaign, bar).await?;
            let totals = campaign.totals.clone().unwrap_or_default();
            if totals.settled || Instant::now() > deadline {
                return Ok(campaign);
            }
            let line = counts(&totals);
            // A terminal has the bar; a log gets a line for each change.
            if bar.is_hidden() && line != shown {
                eprintln!("     {line}");
                shown = line;
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn look(&self, campaign: &CampaignId, bar: &ProgressBar) -> Result<CampaignView, Error> {
        let campaign = self.client.campaign(campaign).await?;
        bar.set_message(campaign.totals.as_ref().map(counts).unwrap_or_default());
        Ok(campaign)
    }

    fn judge(
        &mut self,
        audience: &Audience,
        accepted: &SendAccepted,
        totals: &TotalsView,
        evidence: &Evidence,
        bus: &Bus,
    ) {
        evidence.judge(audience, accepted, &mut self.expectations);
        let refused = audience.count(|it| it.fate == super::audience::Fate::Refused);
        let it = &mut self.expectations;
        it.equal("Campaign: settled", true, totals.settled);
        it.equal("Campaign: sent", (audience.len() - refused) as u64, totals.sent);
        it.equal("Campaign: failed", refused as u64, totals.failed);
        it.equal("Events: deliveries enqueued", audience.len(), bus.deliveries("delivery.enqueued"));
        it.equal("Events: deliveries sent", audience.len() - refused, bus.deliveries("delivery.sent"));
        it.equal("Events: deliveries failed", refused, bus.deliveries("delivery.failed"));
    }
}

fn requests(audience: &Audience) -> Fallible<(SendRequest, SendRequest)> {
    let email = request(Channel::Email, TEMPLATE_EMAIL.parse()?, audience.emails());
    Ok((email, request(Channel::Slack, TEMPLATE_SLACK.parse()?, audience.slack.clone())))
}

pub(super) fn request(channel: Channel, template: TemplateId, recipients: Vec<RecipientBody>) -> SendRequest {
    SendRequest {
        channel,
        integration_id: None,
        message: None,
        template: Some(TemplateUse { id: template, variables: BTreeMap::new() }),
        recipients,
        simulation: None,
        sandbox: false,
    }
}
