//! The measurement: one tenant with every channel, used as its people would.

use super::{
    Fallible,
    audience::{API, SLACK, SMTP, TEAMS, TEAMS_WORKFLOW, Way},
};
use api::{
    campaigns::{RecipientBody, SendRequest, TemplateUse, TotalsView},
    preflight::PreflightRequest,
};
use domain::{
    health::HealthStatus,
    ids::{CampaignId, IntegrationId},
    time::Timestamp,
};
use indicatif::ProgressBar;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::time::sleep;
use trunkline::{
    client::{Client, DeliveryQuery, Error},
    inbox::Inbox,
    kpi::arrivals::Arrivals,
    stack::{StackState, integrations},
};

/// Tests and preflights of each way.
const QUESTIONS: usize = 25;
const ENDED_WITHIN: Duration = Duration::from_mins(5);
/// How often the bus is looked at: what a time measured on it may be too long by.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A stack that is ready to be measured.
pub(super) struct Bench {
    client: Client,
    stack: StackState,
    ways: Vec<(Way, IntegrationId, Vec<RecipientBody>)>,
}

/// What came of the same question, asked often.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) yes: usize,
    pub(super) times_ms: Vec<f64>,
}

/// What became of the deliveries of one way.
pub(super) struct Sent {
    pub(super) way: Way,
    pub(super) totals: TotalsView,
    /// From the moment at which the result was written to the event on the bus.
    pub(super) written_to_event_ms: Vec<f64>,
    /// From the moment at which the provider took the message, where it is known from the provider itself.
    pub(super) taken_to_event_ms: Vec<f64>,
}

impl Bench {
    /// Connects every channel.
    pub(super) async fn open(stack: &StackState, deliveries: u32) -> Fallible<Self> {
        let client = Client::new(&stack.api_url, &stack.key)?;
        let teams = stack.teams_integration(TEAMS_WORKFLOW);
        if stack.slack.is_none() || stack.mail_api.is_none() {
            return Err("the doubles of the providers do not run".into());
        }
        let ways = [
            (SMTP, stack.smtp_integration()?, deliveries),
            (API, integrations::sendgrid_integration(), deliveries),
            (SLACK, integrations::slack_integration(), deliveries),
            (TEAMS, teams.ok_or("the Teams double does not run")?, deliveries / 4),
        ];
        let mut ready = Vec::new();
        for (way, integration, count) in ways {
            let id = client.create_integration(&integration, false).await?.id;
            ready.push((way, id, way.recipients(count)?));
        }
        Ok(Self { client, stack: stack.clone(), ways: ready })
    }

    /// Test Connection of each integration, in turn.
    pub(super) async fn test(&self, bar: &ProgressBar) -> Fallible<Asked> {
        let mut asked = Asked::default();
        for _ in 0..QUESTIONS {
            for (way, id, _) in &self.ways {
                bar.set_message(way.name);
                let test = asked.time(self.client.test_integration(id)).await?;
                asked.yes += usize::from(test.status == HealthStatus::Ok);
            }
        }
        Ok(asked)
    }

    /// Preflights of each integration, in turn.
    pub(super) async fn preflight(&self, bar: &ProgressBar) -> Fallible<Asked> {
        let mut asked = Asked::default();
        for number in 0..QUESTIONS {
            for (way, id, recipients) in &self.ways {
                bar.set_message(way.name);
                let question = PreflightRequest {
                    campaign_id: format!("kpi-preflight-{number}").parse()?,
                    channel: way.channel,
                    integration_id: Some(id.clone()),
                    recipients: recipients.iter().take(way.a_request).cloned().collect(),
                    message: None,
                    template: Some(template(*way)?),
                    simulation: None,
                    sandbox: false,
                };
                let answer = asked.time(self.client.preflight(&question)).await?;
                asked.yes += usize::from(answer.ready);
            }
        }
        Ok(asked)
    }

    /// Sends to everybody by every way at once and follows the bus until each delivery's end was told.
    pub(super) async fn send(&self, bar: &ProgressBar) -> Fallible<Vec<Sent>> {
        let mut arrivals = Arrivals::at(&self.stack.events_log);
        let requests = async {
            for (number, (way, id, recipients)) in self.ways.iter().enumerate() {
                for (part, recipients) in recipients.chunks(way.a_request).enumerate() {
                    let request = SendRequest {
                        channel: way.channel,
                        integration_id: Some(id.clone()),
                        message: None,
                        template: Some(template(*way)?),
                        simulation: None,
                        recipients: recipients.to_vec(),
                        sandbox: false,
                    };
                    self.client.send(&campaign(number)?, &request, Some(&format!("part-{part}"))).await?;
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(())
        };
        let all: usize = self.ways.iter().map(|(.., recipients)| recipients.len()).sum();
        let (accepted, told) = tokio::join!(requests, follow(&mut arrivals, all, bar));
        accepted?;
        told?;
        let taken = self.taken_by_the_mail_server()?;
        let mut sent = Vec::new();
        for (number, (way, ..)) in self.ways.iter().enumerate() {
            sent.push(self.outcome(*way, &campaign(number)?, &arrivals, &taken).await?);
        }
        Ok(sent)
    }

    async fn outcome(
        &self,
        way: Way,
        campaign: &CampaignId,
        arrivals: &Arrivals,
        taken: &BTreeMap<String, Timestamp>,
    ) -> Fallible<Sent> {
        let deliveries = self.client.deliveries(campaign, DeliveryQuery::default()).await?;
        let totals = self.client.campaign(campaign).await?.totals.unwrap_or_default();
        let (mut written_to_event_ms, mut taken_to_event_ms) = (Vec::new(), Vec::new());
        for delivery in &deliveries {
            let id = delivery.id.to_string();
            let Some(seen) = arrivals.sent.get(&id) else { continue };
            let written = delivery.attempts.last().and_then(|attempt| Timestamp::parse(&attempt.at));
            written_to_event_ms.extend(written.map(|written| between(written, *seen)));
            taken_to_event_ms.extend(taken.get(&id).map(|taken| between(*taken, *seen)));
        }
        Ok(Sent { way, totals, written_to_event_ms, taken_to_event_ms })
    }

    /// When the mail server took each delivery: it writes that down itself, with the message's id.
    fn taken_by_the_mail_server(&self) -> Fallible<BTreeMap<String, Timestamp>> {
        let received = Inbox::new(&self.stack.inbox_dir).received()?;
        let delivery = |message_id: &str| Some(message_id.trim_start_matches('<').split_once('@')?.0.to_owned());
        Ok(received
            .iter()
            .filter_map(|message| Some((delivery(message.message_id.as_deref()?)?, Timestamp::parse(&message.at)?)))
            .collect())
    }
}

impl Asked {
    async fn time<T>(&mut self, answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let started = Instant::now();
        let answer = answer.await;
        self.times_ms.push(started.elapsed().as_secs_f64() * 1_000.0);
        answer
    }
}

async fn follow(arrivals: &mut Arrivals, all: usize, bar: &ProgressBar) -> Fallible<()> {
    let deadline = Instant::now() + ENDED_WITHIN;
    loop {
        arrivals.look(now())?;
        bar.set_message(format!("{} of {all}", arrivals.ended()));
        if arrivals.ended() >= all {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("the bus tells the end of only {} of {all} deliveries", arrivals.ended()).into());
        }
        sleep(LOOK_AGAIN).await;
    }
}

fn campaign(number: usize) -> Fallible<CampaignId> {
    Ok(format!("kpi-{number}").parse()?)
}

fn template(way: Way) -> Fallible<TemplateUse> {
    let campaign = ("campaign".to_owned(), "Spotting phishing".to_owned());
    Ok(TemplateUse { id: way.template.parse()?, variables: BTreeMap::from([campaign]) })
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of some minutes")]
fn between(from: Timestamp, to: Timestamp) -> f64 {
    (to.0 - from.0).max(0) as f64
}

/// The same clock as the functions and the mail server have: all run on this machine.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by it; a measurement needs the real time")]
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
