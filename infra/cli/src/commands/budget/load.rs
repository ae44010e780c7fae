//! The load: one tenant sends to Slack, or hands over events for its endpoint, and waits until all of it has arrived and
//! was told.

use super::{Fallible, STACK};
use api::{
    campaigns::{RecipientBody, SendRequest, TemplateUse},
    events::{EventBody, EventsRequest},
};
use domain::{channel::Channel, ids::CampaignId, template::Locale};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::{
    budget::{TO_SLACK, Way, bus::Told, figures::Round},
    client::Client,
    invocations::{self, Invocation},
    receivers::Receivers,
    stack::{Progress, StackState, integrations::slack_integration},
};

const RECEIVER: &str = "budget";
const TEMPLATE: &str = "trunkline.slack.invitation";
const SENT_WITHIN: Duration = Duration::from_mins(3);
const LOGGED_WITHIN: Duration = Duration::from_secs(30);
/// The log's own function is handed changes in batches of up to five seconds.
const RECORDED_WITHIN: Duration = Duration::from_secs(7);
const QUIET_FOR: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Requests of the same shape, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    pub(super) way: Way,
    pub(super) name: &'static str,
    pub(super) requests: u32,
    /// Recipients, or events.
    pub(super) a_request: u32,
    /// Between two requests.
    pub(super) pause: Duration,
}

/// A stack that is ready to be measured.
pub(super) struct Bench {
    client: Client,
    stack: StackState,
    receivers: Receivers,
    rounds: u32,
    before: Vec<Invocation>,
}

impl Bench {
    /// Connects Slack, and an endpoint that wants everything.
    pub(super) async fn open(stack: &StackState) -> Fallible<Self> {
        if stack.slack.is_none() {
            return Err("the Slack double does not run".into());
        }
        let client = Client::new(&stack.api_url, &stack.key)?;
        client.create_integration(&slack_integration(), false).await?;
        let receivers = Receivers::new(&stack.webhook.as_ref().ok_or("the double of receivers does not run")?.url)?;
        receivers.connect(&client, RECEIVER).await?;
        Ok(Self { client, stack: stack.clone(), receivers, rounds: 0, before: Vec::new() })
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
        let what = if load.way == TO_SLACK { "deliveries" } else { "events" };
        let name = format!("{} x {} {what}", load.requests, load.a_request);
        progress.step(name, async |_| self.measure(load).await).await
    }

    async fn measure(&mut self, load: Load) -> Fallible<Round> {
        let deliveries = u64::from(load.requests) * u64::from(load.a_request);
        self.before = self.quiet(load.way).await?;
        let (event_units, invocations) = if load.way == TO_SLACK {
            self.send(load, deliveries).await?
        } else {
            self.hand_over(load, deliveries).await?
        };
        Ok(Round { deliveries, requests: u64::from(load.requests), event_units, invocations })
    }

    async fn send(&self, load: Load, deliveries: u64) -> Fallible<(u64, Vec<Invocation>)> {
        let campaign: CampaignId = format!("budget-{}-{}", self.rounds, load.name).parse()?;
        for number in 0..load.requests {
            let first = number * load.a_request;
            let recipients = (first..first + load.a_request).map(recipient).collect::<Fallible<_>>()?;
            self.client.send(&campaign, &request(recipients)?, Some(&format!("request-{number}"))).await?;
            sleep(load.pause).await;
        }
        let told = self.told(&campaign, deliveries).await?;
        let invocations = self.logged(load).await?;
        // Asked only now, so that none of it is counted.
        let totals = self.client.campaign(&campaign).await?.totals.unwrap_or_default();
        if totals.sent != deliveries || told.otherwise > 0 {
            return Err(format!("{} of {deliveries} deliveries of {campaign} were sent", totals.sent).into());
        }
        Ok((told.units, invocations))
    }

    /// Nothing is told on the bus of events that arrive: their receiver is asked.
    async fn hand_over(&self, load: Load, deliveries: u64) -> Fallible<(u64, Vec<Invocation>)> {
        let before = self.receivers.counts().await?.get(RECEIVER).copied().unwrap_or_default();
        for number in 0..load.requests {
            let first = number * load.a_request;
            let mut events = (first..first + load.a_request).map(event).collect::<Fallible<Vec<_>>>()?;
            let request = match events.len() {
                1 => EventsRequest::One(events.remove(0)),
                _ => EventsRequest::Many { events },
            };
            let key = format!("budget-{}-{number}", self.rounds);
            self.client.post_events(&request, Some(&key)).await?;
            sleep(load.pause).await;
        }
        let deadline = Instant::now() + SENT_WITHIN;
        loop {
            let count = self.receivers.counts().await?.get(RECEIVER).copied().unwrap_or_default();
            if count.refused > 0 {
                return Err(format!("the receiver refused {} posts", count.refused).into());
            }
            if count.proven - before.proven >= deliveries {
                break;
            }
            if Instant::now() > deadline {
                return Err(
                    format!("the receiver got only {} of {deliveries} events", count.proven - before.proven).into()
                );
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok((0, self.logged(load).await?))
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
    async fn logged(&self, load: Load) -> Fallible<Vec<Invocation>> {
        sleep(RECORDED_WITHIN).await;
        let (way, requests) = (load.way, load.requests);
        let deadline = Instant::now() + LOGGED_WITHIN;
        loop {
            let mut new = invocations::since(&self.before, self.quiet(way).await?);
            new.retain(|it| way.functions.contains(&it.function.as_str()));
            let complete =
                |function: &str| new.iter().filter(|it| it.function == function).count() >= requests as usize;
            if complete("authorize") && complete(way.takes_in) {
                return Ok(new);
            }
            if Instant::now() > deadline {
                return Err(format!("the log tells of {} invocations for {requests} requests", new.len()).into());
            }
        }
    }

    /// All that was logged, once nothing is added any more: the emulator writes an invocation's log some time after the
    /// invocation has ended.
    async fn quiet(&self, way: Way) -> Fallible<Vec<Invocation>> {
        let on_the_way =
            |log: &[Invocation]| log.iter().filter(|it| way.functions.contains(&it.function.as_str())).count();
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

/// As much as an order of a shop says.
fn event(number: u32) -> Fallible<EventBody> {
    let data = json!({
        "id": format!("ord_{number:08}"),
        "customer": {"id": format!("cus_{number:08}"), "name": "Sara Haddad", "country": "DE"},
        "lines": [{"sku": "A-100", "quantity": 2, "price": 19.90}, {"sku": "B-200", "quantity": 1, "price": 5.00}],
        "total": 44.80, "currency": "EUR", "note": "بعد الظهر من فضلك",
    });
    Ok(EventBody { kind: "order.created".parse()?, data, key: Some(format!("ord_{number:08}")), timestamp: None })
}
