//! Part 5: the tenant's own events reach the endpoints that want them, whatever these endpoints do; a rule tells people of one
//! that is gone, and the log of all of it.

use super::{Demo, Fallible, evidence::Bus};
use api::{
    endpoints::{DeadLetterFilter, EndpointCreate, EndpointTest},
    events::{EventBody, EventsRequest},
    rules::{ActionBody, RuleCreate},
};
use domain::{
    channel::Channel,
    ids::{IntegrationId, RuleId},
    log::EntryType,
    message::Message,
    rate::Limits,
    retry::RetryPolicy,
    rule::{RunState, Send, Trigger},
    webhook::Signing,
};
use doubles::webhook::{Answer, Post, Seen, Setup};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::time::sleep;
use trunkline::client::{Error, LogQuery};

const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Who is told on Slack.
const ON_CALL: &str = "C0ONCALL";

/// How long each outcome may take. The slowest is a retry, after five seconds.
const WITHIN: Duration = Duration::from_mins(1);

/// What is posted: an order that is worth enough, one that is not, and no order at all.
fn events() -> [(&'static str, Value); 3] {
    [
        ("order.created", json!({"id": "A-1", "total": 250, "card": "4111 1111 1111 1111"})),
        ("order.created", json!({"id": "A-2", "total": 12, "card": "4111 1111 1111 1111"})),
        ("invoice.paid", json!({"id": "R-7"})),
    ]
}

/// An endpoint, and how its receiver is called.
struct Target {
    id: IntegrationId,
    receiver: &'static str,
    secret: String,
}

/// How many of a receiver's posts were answered with a 2xx.
fn taken(seen: &Seen) -> Vec<&Post> {
    seen.posts.iter().filter(|post| post.outcome.starts_with('2')).collect()
}

impl Demo {
    /// Answers all that was seen on the bus until then. People are told by Slack.
    pub(super) async fn post_events(&mut self, slack: &IntegrationId) -> Fallible<Bus> {
        self.part("5. Post events to endpoints, signed; one fails at first, one is paused, one is gone, one is broken");
        // The first wants large orders, as it likes them, and fails at first.
        let orders = EndpointCreate {
            events: vec!["order.*".to_owned()],
            filter: json!({"conditions": [{"field": "total", "op": "gte", "value": 100}]}),
            transform: json!({"pick": ["id", "total"], "rename": {"total": "amount"}, "constant": {"source": "shop"}}),
            ..self.everything("orders")
        };
        let never_again = |endpoint| EndpointCreate { retry_policy: RetryPolicy::Manual, ..endpoint };
        let orders = self.target("orders", orders).await?;
        let archive = self.target("archive", self.everything("archive")).await?;
        let former = self.target("former-customer", never_again(self.everything("former-customer"))).await?;
        let broken = self.target("broken", never_again(self.everything("broken"))).await?;

        let rule = self.rule(slack).await?;
        self.sample(&orders).await?;
        self.answers(&orders, &[500], 204).await?;
        self.answers(&former, &[], 410).await?;
        self.answers(&broken, &[], 500).await?;
        let pause = async |_: &ProgressBar| self.client.pause_endpoint(&archive.id).await;
        self.progress.step("The archive's endpoint paused", pause).await?;
        let ids = self.hand_over().await?;

        self.retried(&orders, &ids[0]).await?;
        self.resumed(&archive, &ids).await?;
        self.redriven(&broken).await?;
        let bus = self.gone(&former).await?;
        self.told_of_it(&rule).await?;
        self.logged(&orders).await?;
        Ok(bus)
    }

    /// A rule by which people hear of endpoints that are stopped.
    async fn rule(&self, slack: &IntegrationId) -> Fallible<RuleId> {
        let text = "{{ detail.name }} gets no more events: {{ detail.cause }}.".to_owned();
        let send = Send {
            channel: Channel::Slack,
            integration_id: Some(slack.clone()),
            to: vec![ON_CALL.to_owned()],
            message: Message { subject: None, text, html: None, link: None },
        };
        let wanted = RuleCreate {
            name: "Tell the team".to_owned(),
            enabled: true,
            events: vec![Trigger::EndpointDisabled],
            filter: None,
            actions: vec![ActionBody::Send(send)],
            max_per_hour: 10,
        };
        let create = async |_: &ProgressBar| self.client.create_rule(&wanted).await;
        Ok(self.progress.step("A rule: tell Slack of stopped endpoints", create).await?.id)
    }

    /// An endpoint that wants everything.
    fn everything(&self, receiver: &str) -> EndpointCreate {
        EndpointCreate {
            name: format!("Demo: {receiver}"),
            url: self.receivers.url_of(receiver),
            description: None,
            events: Vec::new(),
            filter: Value::Null,
            transform: Value::Null,
            headers: [("X-Demo".to_owned(), "trunkline".to_owned())].into(),
            signing: Signing::Hmac,
            ordered: false,
            limits: Limits::default(),
            retry_policy: RetryPolicy::Immediate,
            secret: None,
            enabled: true,
        }
    }

    async fn target(&mut self, receiver: &'static str, wanted: EndpointCreate) -> Fallible<Target> {
        let create = async |_: &ProgressBar| self.client.create_endpoint(&wanted, false).await;
        let made = self.progress.step(format!("Endpoint {receiver} tested and saved"), create).await?;
        let id = made.endpoint.id.clone();
        let secret = made.new_secret.ok_or("a secret that is made is shown")?;
        let again = serde_json::to_string(&self.client.webhook_endpoint(&id).await?)?;
        self.say(format!("     {id}  {receiver}, {}…, shown this once", &secret[..12]));
        self.expectations.equal("Webhooks: the secret is shown again", false, again.contains(&secret));
        let target = Target { id, receiver, secret };
        self.answers(&target, &[], 204).await?;
        Ok(target)
    }

    /// How a receiver answers: the next posts, and then all. It has the secret and believes nothing that is not signed.
    async fn answers(&self, target: &Target, next: &[u16], then: u16) -> Result<(), Error> {
        let setup = Setup {
            keys: vec![target.secret.clone()],
            answers: next.iter().map(|status| Answer::status(*status)).collect(),
            then: Answer::status(then),
            ..Setup::default()
        };
        self.receivers.set_up(target.receiver, &setup).await
    }

    /// What a receiver has seen, as soon as it is what is waited for, or time is up.
    async fn seen_with(&self, target: &Target, enough: impl Fn(&Seen) -> bool) -> Result<Seen, Error> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let seen = self.receivers.seen(target.receiver).await?;
            if enough(&seen) || Instant::now() > deadline {
                return Ok(seen);
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    async fn sample(&mut self, target: &Target) -> Fallible<()> {
        let data = json!({"id": "A-0", "total": 100});
        let sample = EndpointTest { kind: Some("order.created".parse()?), data: Some(data) };
        let test = async |_: &ProgressBar| self.client.test_endpoint(&target.id, &sample).await;
        let test = self.progress.step("A sample event posted", test).await?;
        self.expectations.equal("Webhooks: a sample event is answered", 204, test.status.unwrap_or_default());
        Ok(())
    }

    /// The events' ids, in order.
    async fn hand_over(&self) -> Fallible<Vec<String>> {
        let mut requests = Vec::new();
        for (kind, data) in events() {
            requests.push(EventsRequest::One(EventBody { kind: kind.parse()?, data, key: None, timestamp: None }));
        }
        let post = async |_: &ProgressBar| {
            let mut ids = Vec::new();
            for (request, key) in requests.iter().zip(["demo-1", "demo-2", "demo-3"]) {
                let accepted = self.client.post_events(request, Some(key)).await?;
                ids.extend(accepted.events.into_iter().map(|event| event.id.to_string()));
            }
            Ok::<_, Error>(ids)
        };
        Ok(self.progress.step("Three events accepted (202)", post).await?)
    }

    /// The first endpoint gets the one event that it wants, by a retry.
    async fn retried(&mut self, orders: &Target, id: &str) -> Fallible<()> {
        let arrived = |seen: &Seen| taken(seen).iter().any(|post| post.id == id);
        let wait = async |_: &ProgressBar| self.seen_with(orders, arrived).await;
        let seen = self.progress.step("Failed once, retried after 5 s", wait).await?;
        let posts: Vec<&Post> = seen.posts.iter().filter(|post| post.id == id).collect();
        let outcomes: Vec<&str> = posts.iter().map(|post| post.outcome.as_str()).collect();
        let times: BTreeSet<_> = posts.iter().map(|post| &post.headers["webhook-timestamp"]).collect();
        let proven = posts.iter().filter(|post| post.proven_by == [0]).count();
        let data = posts.last().map(|post| post.body["data"].clone()).unwrap_or_default();
        let transformed = json!({"id": "A-1", "amount": 250, "source": "shop"});
        self.say(format!("     {id}  {}: {data}", outcomes.join(", then ")));
        // The sample, the failure and the retry; what is worth too little or no order is left out.
        let it = &mut self.expectations;
        it.equal("Webhooks, 500 at first: answers under one webhook-id", "500, 204", outcomes.join(", ").as_str());
        it.equal("Webhooks, 500 at first: times of its attempts", 2, times.len());
        it.equal("Webhooks: signatures verified by the receiver", 2, proven);
        it.equal("Webhooks: posts where a filter is set, sample included", 3, seen.count.posts);
        it.holds("Webhooks: data transformed", &transformed.to_string(), &data, data == transformed);
        Ok(())
    }

    /// The paused endpoint got nothing meanwhile, and gets all of it now.
    async fn resumed(&mut self, archive: &Target, ids: &[String]) -> Fallible<()> {
        let before = self.receivers.seen(archive.receiver).await?.count.posts;
        let resume = async |_: &ProgressBar| {
            self.client.resume_endpoint(&archive.id).await?;
            self.seen_with(archive, |seen| taken(seen).len() >= ids.len()).await
        };
        let seen = self.progress.step("The archive resumed, until it has all", resume).await?;
        let arrived: BTreeSet<_> = seen.posts.iter().map(|post| &post.id).collect();
        let it = &mut self.expectations;
        it.equal("Webhooks, paused: posts meanwhile", 0, before);
        it.equal("Webhooks, resumed: events, each once", ids.len() as u64, seen.count.proven);
        it.equal("Webhooks, resumed: nothing is lost", true, arrived == ids.iter().collect());
        Ok(())
    }

    /// What the broken endpoint did not get is kept, and sent again once it is mended.
    async fn redriven(&mut self, broken: &Target) -> Fallible<()> {
        let count = events().len();
        let list = async |_: &ProgressBar| {
            let deadline = Instant::now() + WITHIN;
            loop {
                let dead = self.client.dead_letters(&broken.id, &DeadLetterFilter::default(), 10).await?;
                if dead.len() == count || Instant::now() > deadline {
                    return Ok::<_, Error>(dead);
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        let dead = self.progress.step("The broken endpoint's dead letters", list).await?;
        if let Some(letter) = dead.first() {
            let why = &letter.error;
            self.say(format!("     {}  {}: {}\n       -> {}", letter.delivery_id, letter.kind, why.reason, why.fix));
        }
        self.answers(broken, &[], 204).await?;
        let only = DeadLetterFilter { kind: Some("order.*".parse()?), ..DeadLetterFilter::default() };
        let redrive = async |_: &ProgressBar| {
            let answer = self.client.redrive(&broken.id, &only).await?;
            let seen = self.seen_with(broken, |seen| taken(seen).len() >= answer.redriven).await?;
            Ok::<_, Error>((answer.redriven, seen))
        };
        let (redriven, seen) = self.progress.step("Mended; its orders redriven", redrive).await?;
        let it = &mut self.expectations;
        it.equal("Webhooks, broken: dead letters", count, dead.len());
        it.equal("Webhooks, mended: orders redriven", 2, redriven);
        it.equal("Webhooks, mended: orders taken", 2, taken(&seen).len());
        Ok(())
    }

    /// Who answers 410 is not posted to again, and everybody who listens is told.
    async fn gone(&mut self, former: &Target) -> Fallible<Bus> {
        let told = |bus: &Bus| bus.count("endpoint.disabled") > 0;
        let bus = self.progress.step("The bus tells who is gone", async |_| self.bus_with(told).await).await?;
        let view = self.client.webhook_endpoint(&former.id).await?;
        let cause = view.stopped.as_ref().map(|stop| serde_json::to_value(stop.cause)).transpose()?.unwrap_or_default();
        if let Some(stop) = &view.stopped {
            self.say(format!("     {}  {}\n       -> {}", former.id, stop.reason, stop.fix));
        }
        let it = &mut self.expectations;
        it.equal("Webhooks, 410: the endpoint is stopped as", "gone", cause.as_str().unwrap_or("not at all"));
        it.equal("Events: endpoint.disabled", 1, bus.count("endpoint.disabled"));
        Ok(bus)
    }

    /// The rule ran once for it, and its message arrived.
    async fn told_of_it(&mut self, rule: &RuleId) -> Fallible<()> {
        let wait = async |_: &ProgressBar| {
            let deadline = Instant::now() + WITHIN;
            loop {
                let (runs, seen) = (self.client.rule_runs(rule, 10).await?, self.slack.seen().await?);
                let arrived = seen.by_channel.get(ON_CALL).map_or(0, |posts| posts.accepted);
                if arrived > 0 && runs.iter().any(|run| run.state == RunState::Done) || Instant::now() > deadline {
                    return Ok::<_, Error>((runs, arrived));
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        let (runs, arrived) = self.progress.step("The rule has run, Slack has its message", wait).await?;
        let state = runs.first().map_or("never ran", |run| run.state.as_str());
        self.expectations.equal("Automation: the rule's run", "done", state);
        self.expectations.equal(
            "Automation: runs, messages on Slack",
            "1, 1",
            format!("{}, {arrived}", runs.len()).as_str(),
        );
        Ok(())
    }

    /// The log tells of what was posted.
    async fn logged(&mut self, orders: &Target) -> Fallible<()> {
        let query = LogQuery {
            kind: Some(EntryType::Webhook),
            integration: Some(orders.id.clone()),
            event: Some("webhook.*".to_owned()),
            ..LogQuery::default()
        };
        let wait = async |_: &ProgressBar| {
            let deadline = Instant::now() + WITHIN;
            loop {
                let entries = self.client.logs(&query, 10).await?;
                if entries.len() >= 2 || Instant::now() > deadline {
                    return Ok::<_, Error>(entries);
                }
                sleep(LOOK_AGAIN).await;
            }
        };
        let entries = self.progress.step("The log has both attempts", wait).await?;
        for it in &entries {
            let status = it.http_status.unwrap_or_default();
            let ms = it.duration_ms.unwrap_or_default();
            self.say(format!("     {}  {}  {}  HTTP {status} in {ms} ms", it.at, it.event, it.status.as_str()));
        }
        let told: Vec<_> = entries.iter().map(|it| it.event.as_str()).collect();
        let expected = "webhook.delivered, webhook.retrying";
        self.expectations.equal("Log: attempts, newest first", expected, told.join(", ").as_str());
        Ok(())
    }
}
