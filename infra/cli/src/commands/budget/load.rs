//! The load: one tenant sends to Slack through the API, and waits until all of it is sent and told.

use super::{Fallible, STACK};
use api::campaigns::{RecipientBody, SendRequest, TemplateUse};
use domain::{channel::Channel, ids::CampaignId, template::Locale};
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::{
    budget::{ON_THE_WAY, bus::Told, figures::Round},
    client::Client,
    invocations::{self, Invocation},
    stack::{Progress, StackState, integrations::slack_integration},
};

const TEMPLATE: &str = "trunkline.slack.invitation";
const SENT_WITHIN: Duration = Duration::from_mins(3);
const LOGGED_WITHIN: Duration = Duration::from_secs(30);
const QUIET_FOR: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Requests of the same shape, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) name: &'static str,
    pub(super) requests: u32,
    pub(super) recipients: u32,
    /// Between two requests.
    pub(super) pause: Duration,
}

/// A stack that is ready to be measured.
pub(super) struct Bench {
    client: Client,
    stack: StackState,
    rounds: u32,
    before: Vec<Invocation>,
}

impl Bench {
    /// Connects Slack.
    pub(super) async fn open(stack: &StackState) -> Fallible<Self> {
        if stack.slack.is_none() {
            return Err("the Slack double does not run".into());
        }
        let client = Client::new(&stack.api_url, &stack.key)?;
        client.create_integration(&slack_integration(), false).await?;
        Ok(Self { client, stack: stack.clone(), rounds: 0, before: Vec::new() })
    }

    /// Rounds of the same load.
    pub(super) async fn rounds(&mut self, load: Load, count: u32, progress: &Progress) -> Fallible<Vec<Round>> {
        let mut rounds = Vec::new();
        for _ in 0..count {
            rounds.push(self.round(load, progress).await?);
        }
        Ok(rounds)
    }

    /// One round, from the first request to the last event.
    pub(super) async fn round(&mut self, load: Load, progress: &Progress) -> Fallible<Round> {
        self.rounds += 1;
        let name = format!("{} x {} deliveries", load.requests, load.recipients);
        progress.step(name, async |_| self.send(load).await).await
    }

    async fn send(&mut self, load: Load) -> Fallible<Round> {
        let campaign: CampaignId = format!("budget-{}-{}", self.rounds, load.name).parse()?;
        let deliveries = u64::from(load.requests) * u64::from(load.recipients);
        self.before = self.quiet().await?;
        for number in 0..load.requests {
            let first = number * load.recipients;
            let recipients = (first..first + load.recipients).map(recipient).collect::<Fallible<_>>()?;
            self.client.send(&campaign, &request(recipients)?, Some(&format!("request-{number}"))).await?;
            sleep(load.pause).await;
        }
        let told = self.told(&campaign, deliveries).await?;
        let invocations = self.logged(load.requests).await?;
        // Asked only now, so that none of it is counted.
        let totals = self.client.campaign(&campaign).await?.totals.unwrap_or_default();
        if totals.sent != deliveries || told.otherwise > 0 {
            return Err(format!("{} of {deliveries} deliveries of {campaign} were sent", totals.sent).into());
        }
        Ok(Round { deliveries, requests: u64::from(load.requests), event_units: told.units, invocations })
    }

    /// Waits on the bus rather than at the API: asking would be counted.
    async fn told(&self, campaign: &CampaignId, deliveries: u64) -> Fallible<Told> {
        let deadline = Instant::now() + SENT_WITHIN;
        loop {
            let told = Told::read(&fs::read_to_string(&self.stack.events_log)?, campaign.as_str());
            if told.enqueued >= deliveries && told.sent + told.otherwise >= deliveries {
                return Ok(told);
            }
            if Instant::now() > deadline {
                return Err(format!("of {deliveries} deliveries of {campaign} the bus knows only {told:?}").into());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// What was logged since the round began, as soon as every request is in it.
    async fn logged(&self, requests: u32) -> Fallible<Vec<Invocation>> {
        let deadline = Instant::now() + LOGGED_WITHIN;
        loop {
            let mut new = invocations::since(&self.before, self.quiet().await?);
            new.retain(|it| ON_THE_WAY.contains(&it.function.as_str()));
            let complete =
                |function: &str| new.iter().filter(|it| it.function == function).count() >= requests as usize;
            if complete("authorize") && complete("enqueue") {
                return Ok(new);
            }
            if Instant::now() > deadline {
                return Err(format!("the log tells of {} invocations for {requests} requests", new.len()).into());
            }
        }
    }

    /// All that was logged, once nothing is added any more: the emulator writes an invocation's log some time after the
    /// invocation has ended.
    async fn quiet(&self) -> Fallible<Vec<Invocation>> {
        let on_the_way =
            |log: &[Invocation]| log.iter().filter(|it| ON_THE_WAY.contains(&it.function.as_str())).count();
        let mut known = invocations::read(STACK).await?;
        loop {
            sleep(QUIET_FOR).await;
            let log = invocations::read(STACK).await?;
            if on_the_way(&log) == on_the_way(&known) {
                return Ok(log);
            }
            known = log;
        }
    }
}

fn request(recipients: Vec<RecipientBody>) -> Fallible<SendRequest> {
    let campaign = ("campaign".to_owned(), "Spotting phishing".to_owned());
    Ok(SendRequest {
        channel: Channel::Slack,
        integration_id: None,
        message: None,
        template: Some(TemplateUse { id: TEMPLATE.parse()?, variables: BTreeMap::from([campaign]) }),
        recipients,
        simulation: None,
        sandbox: false,
    })
}

/// Everybody has an address, a language, a name and a link of their own, as in a real campaign.
fn recipient(number: u32) -> Fallible<RecipientBody> {
    let (locale, name) = if number.is_multiple_of(2) { (Locale::En, "Sara") } else { (Locale::Ar, "عمر") };
    Ok(RecipientBody {
        user_id: format!("u-{number}").parse()?,
        // As long as Slack's are: longer ones would not fit the results of a bundle into one write unit.
        address: format!("U{number:010}"),
        locale: Some(locale),
        variables: BTreeMap::from([
            ("name".to_owned(), format!("{name} {number}")),
            ("link".to_owned(), format!("https://training.acme.example/t/{number}")),
        ]),
    })
}
