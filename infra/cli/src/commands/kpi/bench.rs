//! The measurement: one tenant with every channel, used as its people would.

use super::{
    Fallible,
    audience::{API, SLACK, SMTP, TEAMS, TEAMS_WORKFLOW, Way},
};
use api::{
    campaigns::{SendRequest, TemplateUse, TotalsView},
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
    ways: Vec<(Way, IntegrationId)>,
}

/// What came of the same question, asked often.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) yes: usize,
    pub(super) times_ms: Vec<f64>,
}

/// Requests of the same shape by every way, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    /// The first recipient's number: nobody is in two loads.
    pub(super) first: u32,
    pub(super) recipients: u32,
    /// The most recipients that a request names.
    pub(super) a_request: usize,
    /// Between two requests.
    pub(super) pause: Duration,
}

/// What became of the deliveries of one way.
pub(super) struct Sent {
    pub(super) way: Way,
    pub(super) totals: TotalsView,
    pub(super) to_event_ms: ToEvent,
}

/// How long it took until `delivery.sent` was seen on the bus, for each delivery that was sent.
#[derive(Debug, Default)]
pub(super) struct ToEvent {
    /// From the request.
    pub(super) request: Vec<f64>,
    /// From the moment at which the provider took the message, where the provider itself tells it: e-mail by SMTP.
    pub(super) taken: Vec<f64>,
    /// From the moment at which the result was written.
    pub(super) written: Vec<f64>,
}

impl Bench {
    /// Connects every channel.
    pub(super) async fn open(stack: &StackState) -> Fallible<Self> {
        let client = Client::new(&stack.api_url, &stack.key)?;
        let teams = stack.teams_integration(TEAMS_WORKFLOW);
        if stack.slack.is_none() || stack.mail_api.is_none() {
            return Err("the doubles of the providers do not run".into());
        }
        let ways = [
            (SMTP, stack.smtp_integration()?),
            (API, integrations::sendgrid_integration()),
            (SLACK, integrations::slack_integration()),
            (TEAMS, teams.ok_or("the Teams double does not run")?),
        ];
        let mut ready = Vec::new();
        for (way, integration) in ways {
            let id = client.create_integration(&integration, false).await?.id;
            ready.push((way, id));
        }
        Ok(Self { client, stack: stack.clone(), ways: ready })
    }

    /// Test Connection of each integration, in turn.
    pub(super) async fn test(&self, bar: &ProgressBar) -> Fallible<Asked> {
        let mut asked = Asked::default();
        for _ in 0..QUESTIONS {
            for (way, id) in &self.ways {
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
            for (way, id) in &self.ways {
                bar.set_message(way.name);
                let question = PreflightRequest {
                    campaign_id: format!("kpi-preflight-{number}").parse()?,
                    channel: way.channel,
                    integration_id: Some(id.clone()),
                    recipients: way.recipients(0, u32::try_from(way.a_request)?)?,
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

    /// Sends by every way and follows the bus until each delivery's end was told.
    pub(super) async fn send(&self, load: Load, arrivals: &mut Arrivals, bar: &ProgressBar) -> Fallible<Vec<Sent>> {
        let mut ways = Vec::new();
        for (way, id) in &self.ways {
            let campaign: CampaignId = format!("kpi-{}-{}", load.name, id.as_str().to_lowercase()).parse()?;
            ways.push((*way, id, campaign, way.recipients(load.first, way.share_of(load.recipients))?));
        }
        let all = arrivals.ended() + ways.iter().map(|(.., recipients)| recipients.len()).sum::<usize>();
        let requests = async {
            let mut requested = BTreeMap::new();
            for (way, id, campaign, recipients) in &ways {
                for (part, recipients) in recipients.chunks(load.a_request.min(way.a_request)).enumerate() {
                    let request = SendRequest {
                        channel: way.channel,
                        integration_id: Some((*id).clone()),
                        message: None,
                        template: Some(template(*way)?),
                        simulation: None,
                        recipients: recipients.to_vec(),
                        sandbox: false,
                    };
                    let at = now();
                    let accepted = self.client.send(campaign, &request, Some(&format!("part-{part}"))).await?;
                    requested.extend(accepted.deliveries.iter().map(|delivery| (delivery.id.to_string(), at)));
                    sleep(load.pause).await;
                }
            }
            Ok::<_, Box<dyn std::error::Error>>(requested)
        };
        let (requested, told) = tokio::join!(requests, follow(arrivals, all, bar));
        let requested = requested?;
        told?;
        let taken = self.taken_by_the_mail_server()?;
        let mut sent = Vec::new();
        for (way, _, campaign, _) in &ways {
            sent.push(self.outcome(*way, campaign, arrivals, [&requested, &taken]).await?);
        }
        Ok(sent)
    }

    async fn outcome(
        &self,
        way: Way,
        campaign: &CampaignId,
        arrivals: &Arrivals,
        [requested, taken]: [&BTreeMap<String, Timestamp>; 2],
    ) -> Fallible<Sent> {
        let deliveries = self.client.deliveries(campaign, DeliveryQuery::default()).await?;
        let totals = self.client.campaign(campaign).await?.totals.unwrap_or_default();
        let mut sent = Sent { way, totals, to_event_ms: ToEvent::default() };
        let to_event = &mut sent.to_event_ms;
        for delivery in &deliveries {
            let id = delivery.id.to_string();
            let Some(seen) = arrivals.sent.get(&id) else { continue };
            let written = delivery.attempts.last().and_then(|attempt| Timestamp::parse(&attempt.at));
            to_event.request.extend(requested.get(&id).map(|at| between(*at, *seen)));
            to_event.taken.extend(taken.get(&id).map(|at| between(*at, *seen)));
            to_event.written.extend(written.map(|at| between(at, *seen)));
        }
        Ok(sent)
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
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
