//! What really became of the campaign: as the API tells it, and as the world outside saw it.

use super::{
    Demo, Fallible,
    audience::{Addressee, Audience, Fate},
    expectations::Expectations,
};
use api::campaigns::{DeliveryView, SendAccepted};
use domain::{bundle::DeliveryStatus, channel::Channel};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::{client::DeliveryQuery, inbox::Received, slack::Seen};

/// How long events may be on their way.
const EVENTS_WITHIN: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Messages shown of each language.
const SAMPLES: usize = 2;

/// Everything that was found.
pub(super) struct Evidence {
    deliveries: HashMap<String, DeliveryView>,
    received: Vec<Received>,
    refusals: usize,
    /// The subject of each received message by its recipient, read from the message.
    subjects: HashMap<String, String>,
    slack: Seen,
    errors_csv_rows: usize,
    pub(super) samples: Vec<Sample>,
}

/// One message to show.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Sample {
    pub(super) delivery: String,
    pub(super) user: String,
    pub(super) language: &'static str,
    pub(super) provider_message_id: String,
    pub(super) subject: String,
}

impl Demo {
    pub(super) async fn gather(&self, audience: &Audience) -> Fallible<Evidence> {
        let deliveries = self.client.deliveries(&self.campaign, DeliveryQuery::default()).await?;
        let deliveries = deliveries.into_iter().map(|it| (it.address.clone(), it)).collect();
        let received = self.inbox.received()?;
        let mut subjects = HashMap::new();
        for message in &received {
            let subject = self.inbox.subject(&message.queue_id)?.unwrap_or_default();
            subjects.extend(message.rcpt_to.iter().map(|address| (address.clone(), subject.clone())));
        }
        let refusals = self.inbox.refused()?.iter().filter(|it| it.answer.starts_with("550")).count();
        let errors_csv = self.client.errors_csv(&self.campaign).await?;
        let errors_csv_rows = csv::Reader::from_reader(errors_csv.as_bytes()).records().count();
        let slack = self.slack.seen().await?;
        let samples = samples(audience, &deliveries, &subjects);
        Ok(Evidence { deliveries, received, refusals, subjects, slack, errors_csv_rows, samples })
    }

    /// The events on the bus, as soon as they are those that are waited for, or time is up.
    pub(super) async fn bus_with(&self, enough: impl Fn(&Bus) -> bool) -> io::Result<Bus> {
        let deadline = Instant::now() + EVENTS_WITHIN;
        loop {
            let bus = Bus::read(&fs::read_to_string(&self.stack.events_log)?);
            if enough(&bus) || Instant::now() > deadline {
                return Ok(bus);
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

impl Evidence {
    pub(super) fn judge(&self, audience: &Audience, accepted: &SendAccepted, it: &mut Expectations) {
        let sent = |it: &Addressee| it.fate != Fate::Refused;
        let emails = |which: &dyn Fn(&Addressee) -> bool, as_expected: &dyn Fn(&DeliveryView) -> bool| {
            let chosen = audience.email.iter().filter(|it| which(it));
            let found = chosen.filter_map(|it| self.deliveries.get(&it.body.address));
            (audience.count(which), found.filter(|delivery| as_expected(delivery)).count())
        };
        let is_sent =
            |delivery: &DeliveryView| delivery.status == DeliveryStatus::Sent && delivery.provider_message_id.is_some();
        let tries = |delivery: &DeliveryView| delivery.attempts.last().map_or(0, |attempt| attempt.number);
        let mut rows = |what: &str, (expected, actual): (usize, usize)| it.equal(what, expected, actual);

        rows("E-mail in English: sent", emails(&|it| sent(it) && !it.is_arabic(), &is_sent));
        rows("E-mail in Arabic: sent", emails(&|it| sent(it) && it.is_arabic(), &is_sent));
        let later = |delivery: &DeliveryView| is_sent(delivery) && tries(delivery) == 2;
        rows("E-mail, 451 at first: sent at attempt 2", emails(&|it| it.fate == Fate::TakenLater, &later));
        let refused = |delivery: &DeliveryView| {
            let words = delivery.error.as_ref().map(|error| error.detail.contains("550") && !error.fix.is_empty());
            delivery.status == DeliveryStatus::Failed && tries(delivery) == 1 && words == Some(true)
        };
        rows("E-mail, 550: failed at attempt 1", emails(&|it| it.fate == Fate::Refused, &refused));
        let slack = self.deliveries.values().filter(|it| it.channel == Channel::Slack);
        // On a busy machine the first retry may still meet the outage.
        let late = slack.filter(|delivery| is_sent(delivery) && tries(delivery) >= 2).count();
        rows("Slack, 503 at first: sent by a retry", (audience.slack.len(), late));
        rows("errors.csv: rows", (audience.count(|it| it.fate == Fate::Refused), self.errors_csv_rows));

        rows("Inbox: messages", (audience.count(sent), self.received.len()));
        let recipients: BTreeSet<_> = self.received.iter().flat_map(|it| &it.rcpt_to).collect();
        rows("Inbox: recipients", (audience.count(sent), recipients.len()));
        rows("Inbox: refused for good", (audience.count(|it| it.fate == Fate::Refused), self.refusals));
        let ids: BTreeSet<_> = accepted.deliveries.iter().map(|it| format!("<{}@acme.example>", it.id)).collect();
        let named = self.received.iter().filter_map(|it| it.message_id.as_ref()).filter(|id| ids.contains(*id)).count();
        rows("Inbox: Message-ID is the delivery's", (audience.count(sent), named));
        let as_written = |arabic: bool| {
            let which = |it: &&Addressee| sent(it) && it.is_arabic() == arabic;
            let chosen = audience.email.iter().filter(which);
            let right = chosen.filter(|it| self.subjects.get(&it.body.address) == Some(&it.subject)).count();
            (audience.email.iter().filter(which).count(), right)
        };
        rows("Inbox: English subject as written", as_written(false));
        rows("Inbox: Arabic subject as written", as_written(true));

        let once = self.slack.by_channel.values().filter(|posts| posts.accepted == 1).count();
        rows("Slack: members who got it once", (audience.slack.len(), once));
        rows("Slack: messages", (audience.slack.len(), usize::try_from(self.slack.accepted).unwrap_or(usize::MAX)));
        rows("Slack: calls it does not know", (0, self.slack.strays.len()));
    }
}

fn samples(
    audience: &Audience,
    deliveries: &HashMap<String, DeliveryView>,
    subjects: &HashMap<String, String>,
) -> Vec<Sample> {
    let sample = |address: &str, language| {
        let delivery = deliveries.get(address)?;
        Some(Sample {
            delivery: delivery.id.to_string(),
            user: delivery.user_id.to_string(),
            language,
            provider_message_id: delivery.provider_message_id.clone()?,
            subject: subjects.get(address).cloned().unwrap_or_default(),
        })
    };
    let of = |arabic: bool, language| {
        let sent = audience.email.iter().filter(move |it| it.is_arabic() == arabic);
        sent.filter_map(move |it| sample(&it.body.address, language)).take(SAMPLES)
    };
    let slack = audience.slack.iter().filter_map(|it| sample(&it.address, "Slack")).take(SAMPLES);
    of(false, "English").chain(of(true, "Arabic")).chain(slack).collect()
}

/// The events that were seen on the bus, each once: it may carry one twice.
#[derive(Debug, Default)]
pub(super) struct Bus {
    by_type: BTreeMap<String, Tally>,
}

/// How many events of a type, and how many deliveries they tell of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Tally {
    pub(super) events: usize,
    pub(super) deliveries: usize,
}

#[derive(Deserialize)]
struct OnTheBus {
    #[serde(rename = "detail-type")]
    name: String,
    detail: Value,
}

impl Bus {
    fn read(log: &str) -> Self {
        let (mut bus, mut seen) = (Self::default(), BTreeSet::new());
        for event in log.lines().filter_map(|line| serde_json::from_str::<OnTheBus>(line).ok()) {
            let id = event.detail["event_id"].as_str().unwrap_or_default().to_owned();
            if seen.insert(id) {
                let tally = bus.by_type.entry(event.name).or_default();
                tally.events += 1;
                tally.deliveries += event.detail["deliveries"].as_array().map_or(0, Vec::len);
            }
        }
        bus
    }

    pub(super) const fn by_type(&self) -> &BTreeMap<String, Tally> {
        &self.by_type
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.by_type.get(name).map_or(0, |tally| tally.events)
    }

    pub(super) fn deliveries(&self, name: &str) -> usize {
        self.by_type.get(name).map_or(0, |tally| tally.deliveries)
    }
}
