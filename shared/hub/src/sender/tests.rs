//! The sender against scripted providers and injected faults. The numbers in the names are rows of the fault matrix in
//! ARCHITECTURE.md.

use super::*;
use domain::{
    audit::AuditEntry,
    bundle::{BundleId, BundleState, DeliveryStatus},
    channel::{Channel, Provider},
    message::{Content, Message},
    principal::Principal,
    rate::Limits,
    time::MINUTE_MS,
};
use runtime::queue::{MemoryQueues, Message as _, Queue};
use std::{collections::BTreeMap, sync::Mutex};
use store::{Bundles, Campaigns, Integrations, Rates, Request, memory::MemoryStore};

const NOON: Timestamp = Timestamp(1_763_640_000_000);

/// The clock of tokio's paused time, so that waiting for a slot takes no time in a test.
struct PausedClock(tokio::time::Instant, AtomicI64);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        NOON.plus_ms(elapsed + self.1.load(Ordering::SeqCst))
    }
}

/// What a scripted provider answers to one address: the next of these, and "sent" when they are used up.
type Script = BTreeMap<String, Vec<Failure>>;

/// A provider that does as it is told and remembers who was sent what, and when.
#[derive(Default)]
struct Scripted {
    script: Mutex<Script>,
    sent: Mutex<Vec<(String, Timestamp)>>,
    opened: Mutex<u32>,
    refuse_login_until_opened: Mutex<u32>,
    clock: Mutex<Option<Arc<PausedClock>>>,
}

struct ScriptedLine {
    provider: Arc<Scripted>,
    opening: u32,
}

impl Line for ScriptedLine {
    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        tokio::task::yield_now().await;
        if self.opening < *self.provider.refuse_login_until_opened.lock().unwrap() {
            return Err(Failure::new(FailureKind::Unauthorized, "slack_login_refused", "token_revoked"));
        }
        let now = self.provider.clock.lock().unwrap().as_ref().unwrap().now();
        self.provider.sent.lock().unwrap().push((outgoing.address.to_owned(), now));
        let mut script = self.provider.script.lock().unwrap();
        match script.get_mut(outgoing.address).filter(|answers| !answers.is_empty()) {
            Some(answers) => Err(answers.remove(0)),
            None => Ok(Some(format!("id-{}", outgoing.address))),
        }
    }

    fn concurrency(&self) -> usize {
        2
    }
}

struct Exchange(Arc<Scripted>);

impl Lines for Exchange {
    type Line = ScriptedLine;

    async fn open(&self, _: &TenantScope, _: &Integration) -> Result<Arc<ScriptedLine>, Failure> {
        let opening = *self.0.opened.lock().unwrap();
        Ok(Arc::new(ScriptedLine { provider: Arc::clone(&self.0), opening }))
    }

    fn forget(&self, _: &TenantScope, _: &Integration) {
        *self.0.opened.lock().unwrap() += 1;
    }
}

/// A tenant with one integration and one campaign, and a sender for it.
struct Stage {
    scope: TenantScope,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    provider: Arc<Scripted>,
    clock: Arc<PausedClock>,
    integration: Mutex<Integration>,
    sender: Sender<MemoryStore, Arc<MemoryQueues>, Exchange>,
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: NOON }
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(adjust: impl FnOnce(&mut Integration)) -> Self {
        let clock = Arc::new(PausedClock(tokio::time::Instant::now(), AtomicI64::new(0)));
        let store = Lazy::ready(MemoryStore::default());
        let queues = Arc::new(MemoryQueues::default());
        let provider = Arc::new(Scripted { clock: Mutex::new(Some(Arc::clone(&clock))), ..Scripted::default() });
        let mut integration = runtime::testing::integration(Provider::Slack);
        adjust(&mut integration);
        let scope = acme();
        store.save_integration(&scope, &integration, None, false, &audit()).await.unwrap();
        store.ensure_campaign(&scope, &campaign(), &audit()).await.unwrap();
        let sender = Sender::new(
            store.clone(),
            Arc::clone(&queues),
            Exchange(Arc::clone(&provider)),
            Arc::clone(&clock) as Arc<dyn Clock>,
            || 0.0,
        );
        Self { scope, store, queues, provider, clock, integration: Mutex::new(integration), sender }
    }

    /// Makes a request of these recipients durable, as `enqueue` does, and returns the queue message of its one bundle.
    async fn accept(&self, addresses: &[&str]) -> BundleMessage {
        let id = RequestId::generate();
        let bundle = Bundle {
            id: BundleId { request: id.clone(), number: Some(0), generation: 0 },
            campaign: campaign(),
            channel: Channel::Slack,
            integration: self.integration.lock().unwrap().id.clone(),
            state: BundleState::Queued,
            members: (0..u16::try_from(addresses.len()).unwrap()).collect(),
            results: Vec::new(),
            attempts: 0,
            fence: 0,
            lease_until: Timestamp(0),
            due: self.clock.now(),
            created_at: self.clock.now(),
            finished_at: None,
            resends: 0,
            sandbox: false,
            pinned: false,
            uncertain: false,
        };
        let request = Request {
            id,
            campaign: campaign(),
            body_hash: String::new(),
            bundles: 1,
            dispatched: false,
            created_at: self.clock.now(),
            envelope: Envelope {
                content: Content::Message(Message { text: "Hi {{ name }}".into(), ..Message::default() }),
            },
        };
        let recipients = addresses
            .iter()
            .map(|address| Recipient {
                user_id: "u".parse().unwrap(),
                address: (*address).to_owned(),
                locale: None,
                variables: BTreeMap::from([("name".to_owned(), "Sara".to_owned())]),
            })
            .collect();
        let message = BundleMessage { scope: self.scope.clone(), campaign: campaign(), bundle: bundle.id.clone() };
        self.store.create_request(&self.scope, &request, None).await.unwrap();
        self.store.write_bundles(&self.scope, &[(bundle, Payload { recipients })], false).await.unwrap();
        self.store.mark_dispatched(&self.scope, &campaign(), &message.bundle.request).await.unwrap();
        message
    }

    fn answers(&self, address: &str, kind: FailureKind, times: usize) {
        let failure = Failure::new(kind, "provider_error", "no");
        self.provider.script.lock().unwrap().insert(address.to_owned(), vec![failure; times]);
    }

    async fn deliver(&self, message: &BundleMessage) -> sqs::Outcome {
        self.sender.deliver(message, self.clock.now().plus_ms(MINUTE_MS)).await
    }

    fn advance_ms(&self, span_ms: i64) {
        self.clock.1.fetch_add(span_ms, Ordering::SeqCst);
    }

    /// Delivers what is queued, each message when its delay is over, until nothing is left.
    async fn run_queue(&self) {
        loop {
            let queued = self.queues.drain();
            if queued.is_empty() {
                return;
            }
            for message in queued {
                self.advance_ms(i64::from(message.delay_s) * SECOND_MS);
                let message = BundleMessage::decode(&message.body).unwrap();
                assert_eq!(self.deliver(&message).await, sqs::Outcome::Done);
            }
        }
    }

    fn sent(&self) -> Vec<String> {
        let mut sent: Vec<_> = self.provider.sent.lock().unwrap().iter().map(|(to, _)| to.clone()).collect();
        sent.sort();
        sent
    }

    async fn statuses(&self) -> Vec<DeliveryStatus> {
        let page = self.store.bundles(&self.scope, &campaign(), None, 1_000).await.unwrap();
        let mut statuses: Vec<_> = page.items.iter().flat_map(|it| it.statuses().collect::<Vec<_>>()).collect();
        statuses.sort();
        statuses
    }

    async fn change(&self, release: bool, change: impl FnOnce(&mut Integration)) {
        let integration = {
            let mut integration = self.integration.lock().unwrap();
            change(&mut integration);
            integration.rev += 1;
            integration.clone()
        };
        self.store.save_integration(&self.scope, &integration, None, release, &audit()).await.unwrap();
    }
}

fn campaign() -> CampaignId {
    "spring".parse().unwrap()
}

use DeliveryStatus::{Cancelled, Dead, Failed, Held, Sent, Unknown};

const TRANSIENT: FailureKind = FailureKind::Transient { after_ms: None };

#[tokio::test(start_paused = true)]
async fn a_bundle_is_sent_in_one_go() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a", "b", "c"]).await;
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.sent(), ["a", "b", "c"]);
    assert_eq!(stage.statuses().await, [Sent; 3]);
    assert!(stage.queues.drain().is_empty());
    for (call, times) in [("claim", 1), ("finish", 1), ("payload", 1), ("request", 1), ("save_rate", 0)] {
        assert_eq!(stage.store.calls(call), times, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_for_a_while_is_sent_later_and_the_rest_is_not_sent_again() {
    let stage = Stage::new().await;
    stage.answers("b", TRANSIENT, 1);
    stage.answers("c", FailureKind::Permanent, 1);
    let message = stage.accept(&["a", "b", "c"]).await;
    stage.deliver(&message).await;
    stage.run_queue().await;
    assert_eq!(stage.sent(), ["a", "b", "b", "c"]);
    assert_eq!(stage.statuses().await, [Sent, Sent, Failed]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_beyond_the_queues_longest_delay_is_left_to_the_sweeper() {
    let stage = Stage::new().await;
    stage.answers("a", FailureKind::Transient { after_ms: Some(20 * MINUTE_MS) }, 1);
    let message = stage.accept(&["a"]).await;
    stage.deliver(&message).await;
    assert!(stage.queues.drain().is_empty());
    let due = stage.store.due(NOON.plus_ms(20 * MINUTE_MS), 10).await.unwrap();
    assert!(due.iter().any(|due| matches!(due, store::Due::Bundle(..))), "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn row_4_a_duplicate_message_calls_the_provider_no_second_time() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    let (first, second) = tokio::join!(stage.deliver(&message), stage.deliver(&message));
    assert!(first == sqs::Outcome::Done || second == sqs::Outcome::Done);
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.sent(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn row_5_a_crash_after_the_providers_yes_sends_at_most_once_more() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    // The crashed sender claimed and perhaps sent, but never finished.
    stage.store.claim(&stage.scope, &campaign(), &message.bundle, stage.clock.now()).await.unwrap();
    assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { after_s: 60.. }), "the lease still runs");
    stage.advance_ms(2 * MINUTE_MS);
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.sent(), ["a"]);
    assert_eq!(stage.statuses().await, [Sent]);
}

#[tokio::test(start_paused = true)]
async fn row_5_a_tenant_that_wants_no_repeats_gets_none() {
    let stage = Stage::with(|integration| integration.on_unknown = OnUnknown::Hold).await;
    let message = stage.accept(&["a"]).await;
    stage.store.claim(&stage.scope, &campaign(), &message.bundle, stage.clock.now()).await.unwrap();
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    assert_eq!(stage.sent(), [""; 0]);
    assert_eq!(stage.statuses().await, [Unknown]);
}

#[tokio::test(start_paused = true)]
async fn row_10_nobody_sends_while_the_provider_wants_silence() {
    let stage = Stage::new().await;
    stage.answers("a", FailureKind::Throttled { after_ms: Some(30_000) }, 1);
    let (first, second) = (stage.accept(&["a", "b", "c", "d"]).await, stage.accept(&["e"]).await);
    stage.deliver(&first).await;
    // Another sender, with nothing in its memory, takes the second bundle.
    let other = Sender::new(
        stage.store.clone(),
        Arc::clone(&stage.queues),
        Exchange(Arc::clone(&stage.provider)),
        Arc::clone(&stage.clock) as Arc<dyn Clock>,
        || 0.0,
    );
    other.deliver(&second, stage.clock.now().plus_ms(MINUTE_MS)).await;
    // Two were under way when the first 429 came; nothing followed.
    assert_eq!(stage.sent(), ["a", "b"]);
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent; 5]);
    let calls = stage.provider.sent.lock().unwrap().clone();
    let inside = calls.iter().skip(2).filter(|(_, at)| at.since_ms(NOON) < 30_000).count();
    assert_eq!(inside, 0, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn row_12_a_table_that_is_away_costs_nothing_but_time() {
    let away = || StoreError::Unavailable("throttled".into());
    for call in ["claim", "payload", "request", "integration", "finish"] {
        let stage = Stage::new().await;
        let message = stage.accept(&["a"]).await;
        stage.store.fail_next(call, away());
        if stage.deliver(&message).await != sqs::Outcome::Done {
            // What was claimed and not finished comes back after its lease.
            stage.advance_ms(2 * MINUTE_MS);
            assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done, "{call}");
        }
        assert_eq!(stage.statuses().await, [Sent], "{call}");
        assert_eq!(stage.sent(), ["a"], "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_finish_is_recognised_as_its_own_work() {
    let stage = Stage::new().await;
    stage.answers("b", TRANSIENT, 1);
    let message = stage.accept(&["a", "b"]).await;
    stage.store.lose_next_answer("finish");
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    stage.run_queue().await;
    assert_eq!(stage.sent(), ["a", "b", "b"]);
    assert_eq!(stage.statuses().await, [Sent, Sent]);
}

#[tokio::test(start_paused = true)]
async fn row_16_a_disabled_integration_holds_and_an_enabled_one_goes_on() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    stage.change(false, |integration| integration.enabled = false).await;
    stage.deliver(&message).await;
    assert_eq!((stage.sent().len(), stage.statuses().await), (0, vec![Held]));
    stage.change(true, |integration| integration.enabled = true).await;
    let held_for = HeldFor::Integration(stage.integration.lock().unwrap().id.clone());
    let now = stage.clock.now();
    let released = crate::release::all(&*stage.store, &stage.queues, &stage.scope, &held_for, now).await.unwrap();
    assert_eq!(released, 1);
    stage.advance_ms(TRUST_MS);
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent]);
}

#[tokio::test(start_paused = true)]
async fn row_16_a_change_is_seen_within_the_time_of_trust() {
    let stage = Stage::new().await;
    let warm = stage.accept(&["a"]).await;
    stage.deliver(&warm).await;
    stage.change(false, |integration| integration.enabled = false).await;
    stage.advance_ms(TRUST_MS);
    let message = stage.accept(&["b"]).await;
    stage.deliver(&message).await;
    assert_eq!(stage.sent(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn row_16_a_hold_that_crosses_the_enabling_lets_go_by_itself() {
    let stage = Stage::new().await;
    stage.change(false, |integration| integration.enabled = false).await;
    // The sender believes that it is disabled, and it is enabled before the sender writes the hold.
    let warm = stage.accept(&["a"]).await;
    stage.deliver(&warm).await;
    stage.change(true, |integration| integration.enabled = true).await;
    let message = stage.accept(&["b"]).await;
    stage.deliver(&message).await;
    let queued = stage.queues.drain();
    assert_eq!(queued.len(), 1, "the second bundle went straight back to its queue");
    assert_eq!(queued[0].queue, Queue::Channel(Channel::Slack));
}

#[tokio::test(start_paused = true)]
async fn row_16_a_deleted_integration_and_a_cancelled_campaign_cancel() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    stage.change(true, |integration| integration.deleted_at = Some(NOON)).await;
    stage.deliver(&message).await;
    assert_eq!((stage.sent().len(), stage.statuses().await), (0, vec![Cancelled]));

    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    let (active, cancelled) = (CampaignState::Active, CampaignState::Cancelled);
    stage.store.set_campaign_state(&stage.scope, &campaign(), active, cancelled, &audit()).await.unwrap();
    stage.deliver(&message).await;
    assert_eq!((stage.sent().len(), stage.statuses().await), (0, vec![Cancelled]));
}

#[tokio::test(start_paused = true)]
async fn row_17_secrets_rotated_in_mid_flight_fail_nobody() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a", "b", "c"]).await;
    *stage.provider.refuse_login_until_opened.lock().unwrap() = 1;
    stage.deliver(&message).await;
    assert_eq!(stage.sent(), ["a", "b", "c"]);
    assert_eq!(stage.statuses().await, [Sent; 3]);
    assert_eq!(*stage.provider.opened.lock().unwrap(), 1, "one fresh look for the whole bundle");
}

#[tokio::test(start_paused = true)]
async fn a_login_that_stays_refused_is_retried_and_not_lost() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    *stage.provider.refuse_login_until_opened.lock().unwrap() = u32::MAX;
    stage.deliver(&message).await;
    stage.run_queue().await;
    // The last pause of the policy is longer than a queue can delay: the sweeper's part is played here.
    while let Some(store::Due::Bundle(scope, campaign, bundle)) =
        stage.store.due(stage.clock.now().plus_ms(3 * domain::time::HOUR_MS), 1).await.unwrap().pop()
    {
        stage.advance_ms(3 * domain::time::HOUR_MS);
        stage.deliver(&BundleMessage { scope, campaign, bundle }).await;
        stage.run_queue().await;
    }
    assert_eq!(stage.statuses().await, [Dead]);
}

#[tokio::test(start_paused = true)]
async fn row_18_the_fence_decides_and_not_the_clock() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    let slow = stage.store.claim(&stage.scope, &campaign(), &message.bundle, stage.clock.now()).await.unwrap();
    // A sender whose clock is two minutes ahead believes that the lease is over, and sends.
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    stage.advance_ms(-2 * MINUTE_MS);
    let result = stage.store.finish(&stage.scope, &slow.bundle, &[], true).await;
    assert_eq!(result, Err(StoreError::Conflict), "the older claim may not write");
    assert_eq!(stage.statuses().await, [Sent]);
}

#[tokio::test(start_paused = true)]
async fn row_19_what_cannot_be_sent_in_time_is_left_for_another_run() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a", "b"]).await;
    let deadline = stage.clock.now().plus_ms(RESERVE_MS - 1);
    assert_eq!(stage.sender.deliver(&message, deadline).await, sqs::Outcome::Done);
    assert_eq!(stage.sent().len(), 0);
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent, Sent]);
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept_over_all_bundles_and_nothing_is_dropped() {
    let limits = Limits { per_second: Some(2), per_hour: Some(7), per_day: None };
    let stage = Stage::with(|integration| integration.limits = limits).await;
    for recipients in [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]] {
        let message = stage.accept(&recipients).await;
        stage.deliver(&message).await;
    }
    let calls = stage.provider.sent.lock().unwrap().clone();
    assert_eq!(calls.len(), 7, "the hour's limit: {calls:?}");
    for pair in calls.windows(2) {
        assert!(pair[1].1.since_ms(pair[0].1) >= 499, "{calls:?}");
    }
    let id = stage.integration.lock().unwrap().id.clone();
    let rate = stage.store.rate(&stage.scope, &id).await.unwrap();
    assert_eq!(rate.hour_used, 7);
    let waiting = stage.statuses().await.into_iter().filter(|status| *status == DeliveryStatus::Queued).count();
    assert_eq!(waiting, 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_made_fails_for_good_and_says_why() {
    let stage = Stage::new().await;
    let mut message = stage.accept(&["a"]).await;
    // A bundle whose request speaks of a template that is gone.
    let content = Content::Template { id: "gone".parse().unwrap(), version: 1, variables: BTreeMap::new() };
    message.bundle.request = RequestId::generate();
    let request = Request {
        id: message.bundle.request.clone(),
        campaign: campaign(),
        body_hash: String::new(),
        bundles: 1,
        dispatched: true,
        created_at: NOON,
        envelope: Envelope { content },
    };
    stage.store.create_request(&stage.scope, &request, None).await.unwrap();
    let mut bundle = stage.store.bundles(&stage.scope, &campaign(), None, 1).await.unwrap().items.remove(0);
    bundle.id = message.bundle.clone();
    let recipient =
        Recipient { user_id: "u".parse().unwrap(), address: "a".into(), locale: None, variables: BTreeMap::new() };
    let payload = Payload { recipients: vec![recipient] };
    stage.store.write_bundles(&stage.scope, &[(bundle, payload)], false).await.unwrap();
    stage.deliver(&message).await;
    assert_eq!(stage.sent().len(), 0);
    assert!(stage.statuses().await.contains(&Failed));
}
