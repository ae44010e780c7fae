//! Events and their endpoints, against scripted answers. The numbers in the names are rows of the fault matrix in
//! ARCHITECTURE.md.

use super::*;
use domain::{
    bundle::{BundleId, DeliveryStatus, Envelope, LEASE_MS, Payload},
    channel::{Channel, Provider},
    health::HealthStatus,
    ids::{CampaignId, EventId, RequestId},
    message::Content,
    retry::RetryPolicy,
    time::{Clock, DAY_MS, HOUR_MS},
    webhook::INLINE_MAX_BYTES,
};
use providers::Outgoing;
use runtime::{
    lazy::Lazy,
    queue::{BundleMessage, MemoryQueues, Message as _},
    sqs,
};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, atomic::AtomicI64},
};
use store::{Answers as _, Audit as _, Bundles as _, Due, Integrations as _, Rates as _, Request, memory::MemoryStore};

const NOON: Timestamp = Timestamp(1_763_640_000_000);

use DeliveryStatus::{Dead, Failed, Held, Sent};

/// The clock of tokio's paused time, moved on by what a test says.
struct PausedClock(tokio::time::Instant, AtomicI64);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        NOON.plus_ms(elapsed + self.1.load(Ordering::SeqCst))
    }
}

/// An endpoint that answers as it is told.
#[derive(Default)]
struct Scripted {
    /// The next answers to an event, by its data; 200 when they are used up.
    script: Mutex<BTreeMap<String, VecDeque<Reply>>>,
    /// The answer to everything.
    always: Mutex<Option<Reply>>,
    takes_ms: Mutex<u64>,
    /// What was posted: data, event, delivery, time of the attempt.
    posted: Mutex<Vec<(String, String, String, Timestamp)>>,
}

struct Endpoint(Arc<Scripted>);

impl Line for Endpoint {
    async fn send(&self, _: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        panic!("an endpoint gets no messages")
    }

    fn concurrency(&self) -> usize {
        10
    }

    async fn post(&self, post: &Post<'_>) -> Reply {
        let data = post.event.data.clone();
        let told = (data.clone(), post.event.id.to_string(), post.delivery.to_string(), post.at);
        self.0.posted.lock().unwrap().push(told);
        let takes_ms = *self.0.takes_ms.lock().unwrap();
        tokio::time::sleep(Duration::from_millis(takes_ms)).await;
        let always = self.0.always.lock().unwrap().clone();
        let scripted = self.0.script.lock().unwrap().get_mut(&data).and_then(VecDeque::pop_front);
        always.or(scripted).unwrap_or_else(|| Reply { answer: answer(200, "ok"), result: Ok(()) })
    }
}

struct Endpoints(Arc<Scripted>);

impl Lines for Endpoints {
    type Line = Endpoint;

    async fn open(&self, _: &TenantScope, _: &Integration) -> Result<Arc<Endpoint>, Failure> {
        Ok(Arc::new(Endpoint(Arc::clone(&self.0))))
    }

    fn forget(&self, _: &TenantScope, _: &Integration) {}
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status: Some(status), duration_ms: 3, body: body.to_owned(), ..Answer::default() }
}

fn refusal(kind: FailureKind, code: &'static str, status: u16) -> Reply {
    let failure = Failure::new(kind, code, &format!("HTTP {status}"));
    Reply { answer: answer(status, "no"), result: Err(failure) }
}

fn broken() -> Reply {
    refusal(FailureKind::Transient { after_ms: None }, "endpoint_error", 500)
}

fn gone() -> Reply {
    refusal(FailureKind::Permanent, "endpoint_gone", 410)
}

struct Stage {
    scope: TenantScope,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    endpoint: Arc<Scripted>,
    clock: Arc<PausedClock>,
    id: domain::ids::IntegrationId,
    sender: Sender<MemoryStore, Arc<MemoryQueues>, Endpoints>,
}

impl Stage {
    async fn new(ordered: bool) -> Self {
        Self::with(ordered, RetryPolicy::Standard).await
    }

    async fn with(ordered: bool, retry_policy: RetryPolicy) -> Self {
        let clock = Arc::new(PausedClock(tokio::time::Instant::now(), AtomicI64::new(0)));
        let store = Lazy::ready(MemoryStore::default());
        let queues = Arc::new(MemoryQueues::default());
        let endpoint = Arc::new(Scripted::default());
        let mut integration = Integration {
            retry_policy,
            created_at: NOON,
            updated_at: NOON,
            ..runtime::testing::integration(Provider::Webhook)
        };
        integration.config.insert("ordered".to_owned(), ordered.into());
        #[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
        let scope = TenantScope::established("acme".parse().unwrap());
        store.save_integration(&scope, &integration, None, false, &audit()).await.unwrap();
        let lines = Endpoints(Arc::clone(&endpoint));
        let sender =
            Sender::new(store.clone(), Arc::clone(&queues), lines, Arc::clone(&clock) as Arc<dyn Clock>, || 0.0);
        Self { scope, store, queues, endpoint, clock, id: integration.id, sender }
    }

    fn campaign(&self) -> CampaignId {
        CampaignId::of_endpoint(&self.id)
    }

    /// Makes a bundle of events with these data durable, as `events` does.
    async fn accept(&self, data: &[&str], after: Option<&BundleMessage>) -> BundleMessage {
        let (request, now) = (RequestId::generate(), self.clock.now());
        let number = (data.len() > 1).then_some(0);
        let id = BundleId { request: request.clone(), number, generation: 0 };
        let count = u16::try_from(data.len()).unwrap();
        let mut bundle = Bundle::first(id.clone(), &self.campaign(), Channel::Webhook, &self.id, count, now);
        bundle.after = after.map(|message| message.bundle.clone());
        let events = data.iter().enumerate().map(|(at, data)| OutEvent {
            id: EventId::of(&request, number.map(|_| u16::try_from(at).unwrap())),
            kind: "order.created".parse().unwrap(),
            at: now,
            data: (*data).to_owned(),
            key: None,
        });
        let payload = Payload { events: events.collect(), ..Payload::default() };
        let stored = Request {
            id: request,
            campaign: self.campaign(),
            body_hash: String::new(),
            bundles: u16::from(number.is_some()),
            dispatched: true,
            created_at: now,
            envelope: Envelope { content: Content::Events },
            call: None,
        };
        let single = number.is_none().then_some((&bundle, &payload));
        self.store.create_request(&self.scope, &stored, single).await.unwrap();
        if number.is_some() {
            self.store.write_bundles(&self.scope, &[(bundle, payload)], false).await.unwrap();
        }
        BundleMessage { scope: self.scope.clone(), campaign: self.campaign(), bundle: id }
    }

    async fn deliver(&self, message: &BundleMessage) -> sqs::Outcome {
        self.sender.deliver(message, self.clock.now().plus_ms(MINUTE_MS)).await
    }

    async fn post(&self, data: &[&str]) -> BundleMessage {
        let message = self.accept(data, None).await;
        assert_eq!(self.deliver(&message).await, sqs::Outcome::Done);
        message
    }

    fn answers(&self, data: &str, replies: impl IntoIterator<Item = Reply>) {
        self.endpoint.script.lock().unwrap().insert(data.to_owned(), replies.into_iter().collect());
    }

    fn always(&self, reply: Option<Reply>) {
        *self.endpoint.always.lock().unwrap() = reply;
    }

    fn advance_ms(&self, span_ms: i64) {
        self.clock.1.fetch_add(span_ms, Ordering::SeqCst);
    }

    /// Delivers what is queued and what the sweeper finds, each at its time, for that long.
    async fn run_ms(&self, span_ms: i64) {
        let end = self.clock.now().plus_ms(span_ms);
        let mut waiting: Vec<(Timestamp, BundleMessage)> = Vec::new();
        loop {
            let now = self.clock.now();
            for queued in self.queues.drain() {
                let at = now.plus_ms(i64::from(queued.delay_s) * SECOND_MS);
                waiting.push((at, BundleMessage::decode(&queued.body).unwrap()));
            }
            for due in self.store.due(now, 100).await.unwrap() {
                if let Due::Bundle(scope, campaign, bundle) = &due {
                    let message =
                        BundleMessage { scope: scope.clone(), campaign: campaign.clone(), bundle: bundle.clone() };
                    waiting.push((now, message));
                    self.store.postpone(&due, now.plus_ms(MINUTE_MS)).await.unwrap();
                }
            }
            let (ready, later) = waiting.into_iter().partition(|(at, _)| *at <= now);
            waiting = later;
            let ready: Vec<(Timestamp, BundleMessage)> = ready;
            for (_, message) in &ready {
                self.deliver(message).await;
            }
            if ready.is_empty() {
                if now >= end {
                    return;
                }
                self.advance_ms(SECOND_MS);
            }
        }
    }

    fn posted(&self) -> Vec<String> {
        self.endpoint.posted.lock().unwrap().iter().map(|(data, ..)| data.clone()).collect()
    }

    async fn bundles(&self) -> Vec<Bundle> {
        self.store.bundles(&self.scope, &self.campaign(), None, 1_000).await.unwrap().items
    }

    async fn statuses(&self) -> Vec<DeliveryStatus> {
        let mut statuses: Vec<_> =
            self.bundles().await.iter().flat_map(|it| it.statuses().collect::<Vec<_>>()).collect();
        statuses.sort();
        statuses
    }

    async fn integration(&self) -> Integration {
        self.store.integration(&self.scope, &self.id).await.unwrap().unwrap()
    }

    async fn change(&self, release: bool, change: impl FnOnce(&mut Integration)) {
        let mut integration = self.integration().await;
        change(&mut integration);
        integration.rev += 1;
        integration.updated_at = self.clock.now();
        self.store.save_integration(&self.scope, &integration, None, release, &audit()).await.unwrap();
        // What a sender trusts is over.
        self.advance_ms(super::super::TRUST_MS + 1);
    }

    async fn enable_again(&self) {
        self.change(true, |integration| (integration.enabled, integration.stopped) = (true, None)).await;
        let held_for = store::HeldFor::Integration(self.id.clone());
        crate::release::all(&*self.store, &self.queues, &self.scope, &held_for, self.clock.now()).await.unwrap();
    }

    async fn audited(&self) -> Vec<String> {
        let records = self.store.audit(&self.scope, None, 200).await.unwrap().items;
        records.into_iter().map(|it| format!("{} {}: {}", it.principal, it.action, it.detail)).collect()
    }
}

fn audit() -> AuditEntry {
    AuditEntry {
        principal: Principal::Operator,
        action: "test",
        target: String::new(),
        detail: String::new(),
        at: NOON,
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_costs_a_claim_and_a_finish() {
    let stage = Stage::new(false).await;
    let message = stage.accept(&["a"], None).await;
    let before = stage.store.all_calls();
    stage.deliver(&message).await;
    let mut calls = stage.store.all_calls();
    for (name, count) in before {
        calls.entry(name).and_modify(|now| *now -= count);
    }
    calls.retain(|_, count| *count > 0);
    assert_eq!(calls, BTreeMap::from([("claim", 1), ("integration", 1), ("rate", 1), ("finish", 1)]));
    assert_eq!(stage.statuses().await, [Sent]);
    let posted = stage.endpoint.posted.lock().unwrap().remove(0);
    assert_eq!(posted.1, format!("msg_{}", message.bundle.request));
    assert_eq!(posted.2, message.bundle.delivery(0).to_string());
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_in_order_and_long_ones_apart() {
    let stage = Stage::new(false).await;
    let long = "x".repeat(INLINE_MAX_BYTES + 1);
    stage.answers("b", [Reply { answer: answer(201, &long), result: Ok(()) }]);
    stage.answers("c", [broken()]);
    let message = stage.post(&["a", "b", "c"]).await;
    let done = stage.bundles().await.remove(0);
    let kept: Vec<_> = done.answers.iter().map(|it| (it.status, it.body.as_str(), it.apart)).collect();
    assert_eq!(kept, [(Some(200), "ok", false), (Some(201), "", true), (Some(500), "no", false)]);
    let apart = stage.store.answers(&stage.scope, &stage.campaign(), &message.bundle).await.unwrap();
    assert_eq!(apart, BTreeMap::from([(1, answer(201, &long))]));
    stage.run_ms(MINUTE_MS).await;
    assert_eq!((stage.posted().len(), stage.statuses().await), (4, vec![Sent, Sent, Sent]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_cannot_be_stored_does_not_cost_the_result() {
    let stage = Stage::new(false).await;
    let reply = Reply { answer: answer(200, &"x".repeat(INLINE_MAX_BYTES + 1)), result: Ok(()) };
    stage.always(Some(reply));
    for _ in 0..4 {
        stage.store.fail_next("save_answers", StoreError::Unavailable("throttled".into()));
    }
    stage.post(&["a"]).await;
    assert_eq!((stage.posted().len(), stage.statuses().await), (1, vec![Sent]));
    let answer = &stage.bundles().await[0].answers[0];
    assert_eq!((answer.status, answer.apart), (Some(200), false), "nobody looks for what is not there");
}

#[tokio::test(start_paused = true)]
async fn row_5_a_crash_after_the_yes_posts_the_same_event_again_under_its_id() {
    let stage = Stage::new(false).await;
    let message = stage.accept(&["a", "b"], None).await;
    for _ in 0..4 {
        stage.store.fail_next("finish", StoreError::Unavailable("away".into()));
    }
    assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { .. }));
    stage.advance_ms(LEASE_MS + 1);
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.statuses().await, [Sent, Sent]);
    let posted = stage.endpoint.posted.lock().unwrap().clone();
    let names: Vec<_> = posted.iter().map(|(_, event, delivery, _)| (event, delivery)).collect();
    assert_eq!((names.len(), &names[..2]), (4, &names[2..]), "each once more, under the same names");
    assert!(posted[2].3 > posted[0].3, "the timestamp is that of the attempt");
}

#[tokio::test(start_paused = true)]
async fn row_16_what_comes_for_a_paused_endpoint_is_held_and_goes_on() {
    let stage = Stage::new(false).await;
    stage.change(false, |integration| integration.enabled = false).await;
    for data in ["a", "b", "c"] {
        stage.post(&[data]).await;
    }
    assert_eq!((stage.posted().len(), stage.statuses().await), (0, vec![Held; 3]));
    stage.enable_again().await;
    stage.run_ms(MINUTE_MS).await;
    assert_eq!((stage.posted().len(), stage.statuses().await), (3, vec![Sent; 3]));
}

#[tokio::test(start_paused = true)]
async fn row_19_of_an_endpoint_that_hangs_nothing_is_begun_that_cannot_end() {
    let stage = Stage::new(false).await;
    *stage.endpoint.takes_ms.lock().unwrap() = 30_000;
    let reply = Failure::new(FailureKind::Transient { after_ms: None }, "endpoint_timeout", "");
    stage.always(Some(Reply { answer: Answer::default(), result: Err(reply) }));
    let data: Vec<String> = (0..25).map(|at| at.to_string()).collect();
    let message = stage.accept(&data.iter().map(String::as_str).collect::<Vec<_>>(), None).await;
    let started = stage.clock.now();
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    let took_ms = stage.clock.now().since_ms(started);
    assert!(took_ms < 55_000, "{took_ms} ms of the minute");
    assert_eq!(stage.posted().len(), 10);
    assert_eq!(stage.bundles().await[0].state, BundleState::Done, "the results of those are written");
}

#[tokio::test(start_paused = true)]
async fn the_standard_policy_goes_on_for_three_days_and_then_gives_up() {
    let stage = Stage::new(false).await;
    stage.always(Some(broken()));
    stage.post(&["a"]).await;
    stage.run_ms(80 * HOUR_MS).await;
    let posted = stage.endpoint.posted.lock().unwrap().clone();
    let hours: Vec<_> = posted.iter().map(|(.., at)| at.since_ms(NOON) / HOUR_MS).collect();
    assert_eq!(hours, [0, 0, 0, 0, 2, 7, 17, 31, 51, 75]);
    assert_eq!(stage.statuses().await, [Dead]);
}

#[tokio::test(start_paused = true)]
async fn in_strict_order_the_first_failure_holds_up_the_rest_of_its_bundle() {
    let stage = Stage::new(true).await;
    stage.answers("b", [broken(), broken()]);
    stage.post(&["a", "b", "c", "d"]).await;
    assert_eq!(stage.posted(), ["a", "b"]);
    stage.run_ms(10 * MINUTE_MS).await;
    assert_eq!(stage.posted(), ["a", "b", "b", "b", "c", "d"]);
    assert_eq!(stage.statuses().await, [Sent; 4]);
}

#[tokio::test(start_paused = true)]
async fn in_strict_order_one_that_is_given_up_holds_up_nobody_and_costs_nobody_attempts() {
    let stage = Stage::with(true, RetryPolicy::Immediate).await;
    stage.answers("a", [broken(), broken(), broken()]);
    stage.answers("b", [broken()]);
    stage.post(&["a", "b", "c"]).await;
    stage.run_ms(MINUTE_MS).await;
    assert_eq!(stage.posted(), ["a", "a", "a", "b", "b", "c"]);
    assert_eq!(stage.statuses().await, [Sent, Sent, Dead]);
}

#[tokio::test(start_paused = true)]
async fn in_strict_order_a_bundle_waits_for_the_one_before_it() {
    let stage = Stage::new(true).await;
    stage.answers("a", [broken(), broken()]);
    let first = stage.accept(&["a"], None).await;
    let second = stage.accept(&["b"], Some(&first)).await;
    let third = stage.accept(&["c"], Some(&second)).await;
    // They come in the wrong order.
    for message in [&third, &second, &first] {
        stage.deliver(message).await;
    }
    assert_eq!(stage.posted(), ["a"]);
    stage.run_ms(10 * MINUTE_MS).await;
    assert_eq!(stage.posted(), ["a", "a", "a", "b", "c"]);
    assert_eq!(stage.statuses().await, [Sent; 3]);
    // A predecessor that nobody knows, as after its time to live, is over.
    let strange =
        BundleMessage { bundle: BundleId { request: RequestId::generate(), ..first.bundle.clone() }, ..first };
    let last = stage.accept(&["d"], Some(&strange)).await;
    stage.deliver(&last).await;
    assert_eq!(stage.statuses().await, [Sent; 4]);
}

#[tokio::test(start_paused = true)]
async fn what_was_given_up_lets_its_successor_go() {
    let stage = Stage::with(true, RetryPolicy::Manual).await;
    stage.answers("a", [broken()]);
    let first = stage.post(&["a"]).await;
    let second = stage.accept(&["b"], Some(&first)).await;
    stage.deliver(&second).await;
    assert_eq!(stage.statuses().await, [Sent, Dead]);
    assert_eq!(stage.store.calls("put_back"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_predecessor_that_is_on_its_way_is_waited_for_in_hand() {
    let stage = Stage::new(true).await;
    *stage.endpoint.takes_ms.lock().unwrap() = 900;
    let first = stage.accept(&["a"], None).await;
    let second = stage.accept(&["b"], Some(&first)).await;
    let third = stage.accept(&["c"], Some(&second)).await;
    let (a, b, c) = tokio::join!(stage.deliver(&first), stage.deliver(&second), stage.deliver(&third));
    assert_eq!((a, b, c), (sqs::Outcome::Done, sqs::Outcome::Done, sqs::Outcome::Done));
    assert_eq!((stage.posted(), stage.store.calls("put_back")), (["a", "b", "c"].map(String::from).to_vec(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_queued_at_once_goes_link_by_link() {
    let stage = Stage::new(true).await;
    let mut chain: Vec<BundleMessage> = Vec::new();
    for at in 0..20 {
        let next = stage.accept(&[at.to_string().as_str()], chain.last()).await;
        chain.push(next);
    }
    let expected: Vec<_> = (0..20).map(|at| at.to_string()).collect();
    // As a batch of a queue is worked on: all at once.
    let (first, rest) = chain.split_at(10);
    futures::future::join_all(first.iter().map(|message| stage.deliver(message))).await;
    assert_eq!((stage.posted(), stage.store.calls("put_back")), (expected[..10].to_vec(), 0));
    // And the other way round, one by one.
    for message in rest.iter().rev() {
        stage.deliver(message).await;
    }
    stage.run_ms(5 * MINUTE_MS).await;
    assert_eq!(stage.posted(), expected);
}

#[tokio::test(start_paused = true)]
async fn one_whose_message_ends_every_sender_holds_nobody_up_for_more_than_an_hour() {
    let stage = Stage::new(true).await;
    let first = stage.accept(&["a"], None).await;
    stage.store.claim(&stage.scope, &first.campaign, &first.bundle, NOON).await.unwrap();
    let second = stage.accept(&["b"], Some(&first)).await;
    stage.deliver(&second).await;
    stage.run_ms(FORSAKEN_MS).await;
    assert_eq!(stage.posted(), [""; 0]);
    stage.run_ms(LEASE_MS + 2 * MINUTE_MS).await;
    assert_eq!(stage.posted(), ["b"]);
}

/// Of two bundles one was written, then its function was ended, and nobody repeated the request.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_request_that_was_cut_off_holds_nobody_up_for_long() {
    let stage = Stage::new(true).await;
    let id = BundleId { request: RequestId::generate(), number: Some(5), generation: 0 };
    let request = Request {
        id: id.request.clone(),
        campaign: stage.campaign(),
        body_hash: String::new(),
        bundles: 2,
        dispatched: false,
        created_at: NOON,
        envelope: Envelope { content: Content::Events },
        call: None,
    };
    stage.store.create_request(&stage.scope, &request, None).await.unwrap();
    let left = Bundle::first(id.clone(), &stage.campaign(), Channel::Webhook, &stage.id, 1, NOON);
    stage.store.write_bundles(&stage.scope, &[(left, Payload::default())], false).await.unwrap();
    let left = BundleMessage { scope: stage.scope.clone(), campaign: stage.campaign(), bundle: id.clone() };
    let next = stage.accept(&["a"], Some(&left)).await;
    stage.deliver(&next).await;
    stage.run_ms(LEFT_BEHIND_MS / 2).await;
    assert_eq!(stage.posted(), [""; 0], "it may be queued yet");
    stage.run_ms(LEFT_BEHIND_MS).await;
    assert_eq!(stage.posted(), ["a"]);
    // One that was queued is waited for, however long nobody comes to it.
    stage.store.mark_dispatched(&stage.scope, &stage.campaign(), &id.request).await.unwrap();
    let last = stage.accept(&["b"], Some(&left)).await;
    stage.deliver(&last).await;
    assert_eq!(stage.posted(), ["a"]);
}

/// A finish writes two items at once, and who reads them one by one may see the first without the second.
#[tokio::test(start_paused = true)]
async fn what_goes_on_is_waited_for_before_it_is_seen() {
    let stage = Stage::new(true).await;
    stage.answers("b", [broken()]);
    stage.post(&["a", "b", "c"]).await;
    let [first, next] = stage.bundles().await.try_into().unwrap();
    assert_eq!((next.members.as_slice(), next.due), ([1, 2].as_slice(), NOON.plus_ms(5_000)));
    assert_eq!(open_until(&[], NOON), None);
    assert_eq!(open_until(std::slice::from_ref(&first), NOON), Some(NOON));
    assert_eq!(open_until(&[first.clone(), next.clone()], NOON), Some(next.due));
    stage.run_ms(MINUTE_MS).await;
    let [first, next] = stage.bundles().await.try_into().unwrap();
    assert_eq!(open_until(&[first, next], NOON), None);
}

#[tokio::test(start_paused = true)]
async fn without_strict_order_nobody_waits() {
    let stage = Stage::new(false).await;
    stage.answers("a", [broken()]);
    let first = stage.post(&["a"]).await;
    // As one that was accepted before the endpoint gave up its order.
    let second = stage.accept(&["b"], Some(&first)).await;
    stage.deliver(&second).await;
    assert_eq!((stage.posted().len(), stage.store.calls("generations")), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_gone_is_disabled_and_what_waits_is_held() {
    let stage = Stage::new(false).await;
    stage.answers("a", [gone()]);
    let other = stage.accept(&["later"], None).await;
    stage.post(&["a"]).await;
    let integration = stage.integration().await;
    assert!(!integration.enabled);
    assert_eq!(integration.stopped.map(|stop| stop.cause), Some(StopCause::Gone));
    assert_eq!(stage.audited().await.pop().as_deref(), Some("system endpoint.disabled: it answered 410 Gone"));
    stage.deliver(&other).await;
    assert_eq!((stage.posted().len(), stage.statuses().await), (1, vec![Failed, Held]));
    stage.enable_again().await;
    stage.run_ms(MINUTE_MS).await;
    assert_eq!(stage.posted(), ["a", "later"]);
}

#[tokio::test(start_paused = true)]
async fn of_a_bundle_those_behind_a_410_are_held_with_the_rest() {
    let stage = Stage::new(true).await;
    stage.answers("b", [gone()]);
    stage.post(&["a", "b", "c"]).await;
    stage.run_ms(MINUTE_MS).await;
    assert_eq!((stage.posted().len(), stage.statuses().await), (2, vec![Sent, Failed, Held]));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_changed_since_is_not_disabled_for_what_it_answered_before() {
    let stage = Stage::new(false).await;
    *stage.endpoint.takes_ms.lock().unwrap() = 1_000;
    stage.always(Some(gone()));
    let message = stage.accept(&["a"], None).await;
    let mend = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stage.change(false, |integration| integration.name = "mended".into()).await;
    };
    tokio::join!(stage.deliver(&message), mend);
    assert!(stage.integration().await.enabled);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_only_fails_is_told_of_and_disabled_after_five_days() {
    let stage = Stage::with(false, RetryPolicy::Manual).await;
    stage.always(Some(broken()));
    let mut alerts = Vec::new();
    for hour in (0..=120).step_by(3) {
        stage.post(&["a"]).await;
        let integration = stage.integration().await;
        let alert = integration.last_test.as_ref().and_then(Failing::alert_in);
        if alert != alerts.last().map(|(_, percent)| *percent) {
            alerts.extend(alert.map(|percent| (hour, percent)));
        }
        assert_eq!(integration.enabled, hour < 120, "{hour}");
        if hour < 120 {
            stage.advance_ms(3 * HOUR_MS);
        }
    }
    assert_eq!(alerts, [(60, 50), (84, 70), (108, 90)]);
    // The beginning and three alerts: no other failure is written.
    assert_eq!(stage.store.calls("save_rate"), 4);
    assert_eq!(stage.integration().await.stopped.map(|stop| stop.cause), Some(StopCause::Failing));
    let audited = stage.audited().await.pop().unwrap();
    assert_eq!(audited, "system endpoint.disabled: it only failed for five days, at last with endpoint_error");
    // Whoever enables it has five days again.
    stage.enable_again().await;
    stage.post(&["a"]).await;
    assert!(stage.integration().await.enabled);
}

#[tokio::test(start_paused = true)]
async fn a_success_at_the_last_moment_saves_an_endpoint() {
    let stage = Stage::with(false, RetryPolicy::Manual).await;
    stage.always(Some(broken()));
    stage.post(&["a"]).await;
    stage.advance_ms(5 * DAY_MS);
    *stage.endpoint.takes_ms.lock().unwrap() = 1_000;
    let message = stage.accept(&["b"], None).await;
    let elsewhere = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let rate = stage.store.rate(&stage.scope, &stage.id).await.unwrap();
        stage.store.save_rate(&stage.scope, &stage.id, &rate.with_failing(None)).await.unwrap();
    };
    tokio::join!(stage.deliver(&message), elsewhere);
    assert!(stage.integration().await.enabled);
}

#[tokio::test(start_paused = true)]
async fn one_success_ends_the_streak_and_further_ones_cost_nothing() {
    let stage = Stage::with(false, RetryPolicy::Manual).await;
    stage.always(Some(broken()));
    stage.post(&["a"]).await;
    stage.advance_ms(4 * DAY_MS);
    stage.always(None);
    // A bundle of which one is taken is no failure of the endpoint.
    stage.answers("x", [broken()]);
    stage.post(&["x", "y"]).await;
    let rate = stage.store.rate(&stage.scope, &stage.id).await.unwrap();
    assert_eq!((rate.failing, stage.store.calls("save_rate")), (None, 2));
    for _ in 0..5 {
        stage.advance_ms(HOUR_MS);
        stage.post(&["b"]).await;
    }
    assert_eq!(stage.store.calls("save_rate"), 2);
    stage.always(Some(broken()));
    stage.advance_ms(2 * DAY_MS);
    stage.post(&["a"]).await;
    assert!(stage.integration().await.enabled);
}

#[tokio::test(start_paused = true)]
async fn a_warning_ends_with_the_first_event_that_is_taken() {
    let stage = Stage::with(false, RetryPolicy::Manual).await;
    let code = async || stage.integration().await.last_test.map(|test| (test.status, test.code));
    stage.always(Some(broken()));
    stage.post(&["a"]).await;
    stage.advance_ms(3 * DAY_MS);
    stage.post(&["a"]).await;
    assert_eq!(code().await, Some((HealthStatus::Warn, "endpoint_failing".to_owned())));
    stage.always(None);
    stage.advance_ms(HOUR_MS);
    stage.post(&["b"]).await;
    assert_eq!(code().await, Some((HealthStatus::Ok, "ok".to_owned())));

    // Ten failures open the breaker; the trial that is taken closes it.
    stage.always(Some(broken()));
    stage.post(&["c"; 12]).await;
    assert_eq!(code().await, Some((HealthStatus::Warn, "breaker_open".to_owned())));
    stage.always(None);
    stage.advance_ms(domain::breaker::OPEN_MS + SECOND_MS);
    stage.post(&["d"]).await;
    assert_eq!(code().await, Some((HealthStatus::Ok, "ok".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn row_10_one_that_is_busy_is_left_in_peace_for_as_long_as_it_says() {
    let stage = Stage::new(false).await;
    stage.answers("a", [refusal(FailureKind::Throttled { after_ms: Some(40_000) }, "endpoint_busy", 429)]);
    stage.post(&["a"]).await;
    stage.post(&["b"]).await;
    assert_eq!(stage.posted(), ["a"]);
    stage.run_ms(2 * MINUTE_MS).await;
    let posted = stage.endpoint.posted.lock().unwrap().clone();
    assert!(posted[1..].iter().all(|(.., at)| at.since_ms(NOON) >= 40_000), "{posted:?}");
    assert_eq!(stage.statuses().await, [Sent; 2]);
}
