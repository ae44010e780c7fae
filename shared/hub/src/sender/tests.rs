//! The sender against scripted providers and injected faults. The numbers in the names are rows of the fault matrix in
//! ARCHITECTURE.md.

use super::*;
use domain::{
    audit::AuditEntry,
    breaker::{ATTEMPTS_MIN, Breaker, OPEN_MS},
    bundle::{BundleId, BundleState, DeliveryStatus, Payload, Recipient},
    channel::Provider,
    health::{HealthStatus, TestReport},
    message::{Content, Message},
    principal::Principal,
    rate::Limits,
    time::MINUTE_MS,
};
use runtime::{
    queue::{MemoryQueues, Message as _, Queue},
    testing::MemoryKms,
    vault::Vault,
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicI64, Ordering},
    },
};
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

/// Providers that do as they are told and remember who was sent what, and when.
#[derive(Default)]
struct Scripted {
    script: Mutex<Script>,
    /// What every send through these integrations comes to.
    down: Mutex<BTreeMap<IntegrationId, Failure>>,
    /// What opening a line of these integrations comes to.
    locked: Mutex<BTreeMap<IntegrationId, Failure>>,
    /// What is known of messages that were perhaps taken; nothing of others.
    found: Mutex<BTreeMap<String, Found>>,
    sent: Mutex<Vec<(String, Timestamp)>>,
    /// Every send: through which integration, which delivery, and whether it was taken for sure.
    handed: Mutex<Vec<Handed>>,
    opened: Mutex<u32>,
    refuse_login_until_opened: Mutex<u32>,
    clock: Mutex<Option<Arc<PausedClock>>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Handed {
    through: IntegrationId,
    delivery: domain::ids::DeliveryId,
    address: String,
    taken: bool,
}

struct ScriptedLine {
    provider: Arc<Scripted>,
    integration: IntegrationId,
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
        let down = self.provider.down.lock().unwrap().get(&self.integration).cloned();
        let mut script = self.provider.script.lock().unwrap();
        let answer = script.get_mut(outgoing.address).filter(|answers| !answers.is_empty());
        let failure = down.or_else(|| answer.map(|answers| answers.remove(0)));
        self.provider.handed.lock().unwrap().push(Handed {
            through: self.integration.clone(),
            delivery: outgoing.tags.delivery.clone(),
            address: outgoing.address.to_owned(),
            taken: failure.is_none(),
        });
        failure.map_or_else(|| Ok(Some(format!("id-{}", outgoing.address))), Err)
    }

    async fn find(&self, outgoing: &Outgoing<'_>) -> Found {
        self.provider.found.lock().unwrap().get(outgoing.address).cloned().unwrap_or(Found::CannotTell)
    }

    fn concurrency(&self) -> usize {
        2
    }
}

struct Exchange(Arc<Scripted>);

impl Lines for Exchange {
    type Line = ScriptedLine;

    async fn open(&self, _: &TenantScope, integration: &Integration) -> Result<Arc<ScriptedLine>, Failure> {
        if let Some(failure) = self.0.locked.lock().unwrap().get(&integration.id) {
            return Err(failure.clone());
        }
        let opening = *self.0.opened.lock().unwrap();
        Ok(Arc::new(ScriptedLine { provider: Arc::clone(&self.0), integration: integration.id.clone(), opening }))
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
        self.accept_for(false, addresses).await
    }

    /// The same of a caller who named the integration.
    async fn accept_for(&self, pinned: bool, addresses: &[&str]) -> BundleMessage {
        let id = RequestId::generate();
        let integration = self.integration.lock().unwrap().clone();
        let bundle = Bundle {
            pinned,
            ..Bundle::first(
                BundleId { request: id.clone(), number: Some(0), generation: 0 },
                &campaign(),
                integration.channel().unwrap(),
                &integration.id,
                u16::try_from(addresses.len()).unwrap(),
                self.clock.now(),
            )
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
            call: None,
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
        self.store
            .write_bundles(&self.scope, &[(bundle, Payload { recipients, ..Payload::default() })], false)
            .await
            .unwrap();
        self.store.mark_dispatched(&self.scope, &campaign(), &message.bundle.request).await.unwrap();
        message
    }

    fn answers(&self, address: &str, kind: FailureKind, times: usize) {
        let failure = Failure::new(kind, "provider_error", "no");
        self.provider.script.lock().unwrap().insert(address.to_owned(), vec![failure; times]);
    }

    /// Another e-mail integration, which passes its test.
    async fn second(&self) -> IntegrationId {
        let second = Integration {
            priority: 200,
            last_test: Some(TestReport::passed("", 5, NOON)),
            ..runtime::testing::integration(Provider::Smtp)
        };
        self.store.save_integration(&self.scope, &second, None, false, &audit()).await.unwrap();
        second.id
    }

    fn own(&self) -> IntegrationId {
        self.integration.lock().unwrap().id.clone()
    }

    /// From now on every send through an integration comes to this.
    fn break_down(&self, id: &IntegrationId, kind: FailureKind) {
        let failure = Failure::new(kind, "provider_error", "down");
        self.provider.down.lock().unwrap().insert(id.clone(), failure);
    }

    fn mend(&self, id: &IntegrationId) {
        self.provider.down.lock().unwrap().remove(id);
    }

    fn handed(&self) -> Vec<Handed> {
        self.provider.handed.lock().unwrap().clone()
    }

    /// How many messages were handed to an integration.
    fn handed_to(&self, id: &IntegrationId) -> usize {
        self.handed().iter().filter(|it| it.through == *id).count()
    }

    /// How many messages this integration certainly took.
    fn taken_by(&self, id: &IntegrationId) -> usize {
        self.handed().iter().filter(|it| it.through == *id && it.taken).count()
    }

    /// The integrations that are stored with the campaign's bundles, by their generations.
    async fn senders(&self) -> Vec<IntegrationId> {
        let page = self.store.bundles(&self.scope, &campaign(), None, 1_000).await.unwrap();
        page.items.into_iter().map(|it| it.integration).collect()
    }

    /// The first claim of a sender that crashed.
    async fn crash(&self, message: &BundleMessage) -> Bundle {
        let now = self.clock.now();
        self.store.claim(&self.scope, &campaign(), &message.bundle, now).await.unwrap().bundle
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
    for (call, times) in [
        ("claim", 1),
        ("finish", 1),
        ("payload", 1),
        ("request", 1),
        ("rate", 1),
        ("save_rate", 0),
        ("integrations", 0),
        ("move_to", 0),
    ] {
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
async fn row_5_an_interrupted_bundle_that_was_held_meanwhile_is_not_repeated_either() {
    let stage = Stage::with(|integration| integration.on_unknown = OnUnknown::Hold).await;
    let message = stage.accept(&["a"]).await;
    stage.crash(&message).await;
    stage.change(false, |integration| integration.enabled = false).await;
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    assert_eq!(stage.statuses().await, [Held]);
    stage.change(true, |integration| integration.enabled = true).await;
    let held_for = HeldFor::Integration(stage.own());
    let now = stage.clock.now();
    crate::release::all(&*stage.store, &stage.queues, &stage.scope, &held_for, now).await.unwrap();
    stage.advance_ms(TRUST_MS);
    stage.run_queue().await;
    assert_eq!((stage.sent(), stage.statuses().await), (vec![], vec![Unknown]));
}

/// Of a provider that can be asked (class B): what it says decides, whatever the tenant chose for the others.
#[tokio::test(start_paused = true)]
async fn row_5_a_provider_that_can_be_asked_is_asked_before_anything_is_sent_again() {
    use OnUnknown::{Hold, Retry};
    let taken = Found::Taken { provider_id: Some("told".to_owned()) };
    for (on_unknown, found, sends, status) in [
        (Retry, taken.clone(), 0, Sent),
        (Hold, taken, 0, Sent),
        (Retry, Found::NotTaken, 1, Sent),
        (Hold, Found::NotTaken, 1, Sent),
        (Retry, Found::CannotTell, 1, Sent),
        (Hold, Found::CannotTell, 0, Unknown),
    ] {
        let case = format!("{on_unknown:?} {found:?}");
        let stage = Stage::with(|integration| {
            (integration.provider, integration.on_unknown) = (Provider::Sendgrid, on_unknown);
        })
        .await;
        let message = stage.accept(&["a"]).await;
        stage.provider.found.lock().unwrap().insert("a".to_owned(), found);
        stage.crash(&message).await;
        stage.advance_ms(2 * MINUTE_MS);
        assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done, "{case}");
        assert_eq!((stage.sent().len(), stage.statuses().await), (sends, vec![status]), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn row_5_the_id_that_a_look_up_found_is_kept() {
    let stage = Stage::with(|integration| integration.provider = Provider::Postmark).await;
    let message = stage.accept(&["a"]).await;
    let taken = Found::Taken { provider_id: Some("told".to_owned()) };
    stage.provider.found.lock().unwrap().insert("a".to_owned(), taken);
    stage.crash(&message).await;
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    let bundle = stage.store.bundles(&stage.scope, &campaign(), None, 1).await.unwrap().items.remove(0);
    assert_eq!(bundle.results, [domain::bundle::MemberResult::Sent { provider_id: Some("told".to_owned()) }]);
}

#[tokio::test(start_paused = true)]
async fn row_5_what_is_put_back_after_a_crash_is_still_in_doubt() {
    let stage = Stage::with(|integration| integration.provider = Provider::Sendgrid).await;
    let message = stage.accept(&["a"]).await;
    stage.provider.found.lock().unwrap().insert("a".to_owned(), Found::Taken { provider_id: None });
    stage.crash(&message).await;
    stage.advance_ms(2 * MINUTE_MS);
    let paused = domain::rate::RateState::default().paused(stage.clock.now().plus_ms(30_000));
    stage.store.save_rate(&stage.scope, &stage.own(), &paused).await.unwrap();
    stage.deliver(&message).await;
    stage.run_queue().await;
    assert_eq!((stage.sent().len(), stage.statuses().await), (0, vec![Sent]));
}

/// The provider takes the message and then says nothing.
#[tokio::test(start_paused = true)]
async fn row_6_a_blind_provider_that_hangs_gets_the_same_delivery_once_more() {
    let stage = Stage::with(|integration| integration.provider = Provider::Smtp).await;
    stage.answers("b", FailureKind::Unknown, 1);
    let message = stage.accept(&["a", "b"]).await;
    stage.deliver(&message).await;
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent, Sent]);
    let handed = stage.handed();
    let ids: Vec<_> = handed.iter().filter(|it| it.address == "b").map(|it| &it.delivery).collect();
    assert_eq!((handed.len(), ids.len()), (3, 2));
    assert_eq!(ids[0], ids[1], "so that a receiver can tell that it is the same");
}

#[tokio::test(start_paused = true)]
async fn row_6_a_provider_that_hangs_and_can_be_asked_gets_nothing_twice() {
    for on_unknown in [OnUnknown::Retry, OnUnknown::Hold] {
        let stage = Stage::with(|integration| {
            (integration.provider, integration.on_unknown) = (Provider::Sendgrid, on_unknown);
        })
        .await;
        stage.answers("a", FailureKind::Unknown, 1);
        stage.answers("b", FailureKind::Unknown, 1);
        let found = BTreeMap::from([
            ("a".to_owned(), Found::Taken { provider_id: Some("told".to_owned()) }),
            ("b".to_owned(), Found::NotTaken),
        ]);
        *stage.provider.found.lock().unwrap() = found;
        let message = stage.accept(&["a", "b"]).await;
        stage.deliver(&message).await;
        let queued = stage.queues.drain();
        assert_eq!(queued[0].delay_s, 60, "a log is a moment late");
        for message in queued {
            stage.advance_ms(MINUTE_MS);
            stage.deliver(&BundleMessage::decode(&message.body).unwrap()).await;
        }
        assert_eq!(stage.sent(), ["a", "b", "b"]);
        assert_eq!(stage.statuses().await, [Sent, Sent]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_who_resends_what_nobody_can_tell_has_decided() {
    let stage = Stage::with(|integration| {
        (integration.provider, integration.on_unknown) = (Provider::Sendgrid, OnUnknown::Hold);
    })
    .await;
    stage.answers("a", FailureKind::Unknown, 1);
    let message = stage.accept(&["a"]).await;
    stage.deliver(&message).await;
    stage.run_queue().await;
    assert_eq!((stage.sent(), stage.statuses().await), (vec!["a".to_owned()], vec![Unknown]));
    let mut bundle = stage.store.bundles(&stage.scope, &campaign(), None, 9).await.unwrap().items.pop().unwrap();
    let next = bundle.resend(&[Unknown], stage.clock.now()).unwrap();
    stage.store.resend(&stage.scope, &bundle, &next).await.unwrap();
    stage.deliver(&BundleMessage { bundle: next.id, ..message }).await;
    assert_eq!((stage.sent().len(), stage.statuses().await), (2, vec![Sent]));
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
    for call in ["claim", "campaign", "integration", "rate", "request", "payload", "suppressions", "finish"] {
        let stage = Stage::with(|integration| {
            // Nothing is repeated, and nothing is in doubt: not a word went out before.
            (integration.provider, integration.on_unknown) = (Provider::Smtp, OnUnknown::Hold);
        })
        .await;
        let message = stage.accept(&["a"]).await;
        stage.store.fail_next(call, away());
        if stage.deliver(&message).await != sqs::Outcome::Done {
            // What was claimed and not finished comes back after its lease.
            stage.advance_ms(2 * MINUTE_MS);
            assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done, "{call}");
        }
        stage.run_queue().await;
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
async fn a_suppressed_address_never_reaches_the_provider() {
    let stage = Stage::with(|integration| integration.provider = Provider::Smtp).await;
    let entry = domain::suppression::Suppression {
        address: "b@example.com".to_owned(),
        reason: domain::suppression::SuppressionReason::Bounced,
        at: NOON,
        detail: String::new(),
        campaign: None,
        delivery: None,
        integration: None,
    };
    store::Suppressions::suppress(&*stage.store, &stage.scope, &[entry]).await.unwrap();
    let message = stage.accept(&["a@example.com", "B@Example.com"]).await;
    stage.deliver(&message).await;
    assert_eq!(stage.sent(), ["a@example.com"]);
    assert_eq!(stage.statuses().await, [Sent, Failed]);
    assert!(stage.queues.drain().is_empty(), "it is not tried again");
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

/// Opens lines with secrets out of a real vault, whose key service can be throttled.
struct Vaulted {
    connections: crate::connections::Connections<MemoryStore, Arc<MemoryKms>>,
    provider: Arc<Scripted>,
}

impl Lines for Vaulted {
    type Line = ScriptedLine;

    async fn open(&self, scope: &TenantScope, integration: &Integration) -> Result<Arc<ScriptedLine>, Failure> {
        let secrets = self.connections.secrets(scope, integration).await?;
        assert_eq!(secrets["bot_token"].expose(), "xoxb-1");
        let (provider, integration) = (Arc::clone(&self.provider), integration.id.clone());
        Ok(Arc::new(ScriptedLine { provider, integration, opening: 0 }))
    }

    fn forget(&self, _: &TenantScope, _: &Integration) {}
}

/// A stage whose integration has a sealed secret and tries nothing again, and a sender that has to open it.
async fn vaulted(jitter: fn() -> f64) -> (Stage, Arc<MemoryKms>, Sender<MemoryStore, Arc<MemoryQueues>, Vaulted>) {
    let stage = Stage::new().await;
    let kms = Arc::new(MemoryKms::default());
    let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
    let vault = Arc::new(Vault::new(Arc::clone(&kms), Arc::clone(&clock)));
    let integration = {
        let mut integration = stage.integration.lock().unwrap();
        integration.retry_policy = domain::retry::RetryPolicy::Manual;
        (integration.rev, integration.secret_version) = (integration.rev + 1, 1);
        integration.clone()
    };
    let secrets = [("bot_token".to_owned(), domain::secret::Secret::new("xoxb-1".into()))].into();
    let sealed = vault.seal(&stage.scope, &integration.id, 1, &secrets).await.unwrap();
    stage.store.save_integration(&stage.scope, &integration, Some(&sealed), false, &audit()).await.unwrap();
    let guard = Arc::new(guard::Guard::new(guard::Egress::default()));
    let endpoints = providers::Endpoints::default();
    let connections =
        crate::connections::Connections::new(stage.store.clone(), vault, guard, endpoints, Arc::clone(&clock));
    let lines = Vaulted { connections, provider: Arc::clone(&stage.provider) };
    let sender = Sender::new(stage.store.clone(), Arc::clone(&stage.queues), lines, clock, jitter);
    (stage, kms, sender)
}

#[tokio::test(start_paused = true)]
async fn row_11_a_throttled_key_service_delays_bundles_and_loses_none() {
    let (stage, kms, sender) = vaulted(|| 0.0).await;
    kms.throttle_next(3);
    let deliver = async |message: &BundleMessage| sender.deliver(message, stage.clock.now().plus_ms(MINUTE_MS)).await;
    for recipients in [["a", "b"], ["c", "d"]] {
        assert_eq!(deliver(&stage.accept(&recipients).await).await, sqs::Outcome::Done, "not poison");
    }
    assert_eq!(stage.sent().len(), 0);
    let mut rounds = 0;
    loop {
        let queued = stage.queues.drain();
        if queued.is_empty() {
            break;
        }
        rounds += 1;
        let longest = queued.iter().map(|message| message.delay_s).max().unwrap();
        stage.advance_ms(i64::from(longest) * SECOND_MS);
        for message in queued {
            assert_eq!(deliver(&BundleMessage::decode(&message.body).unwrap()).await, sqs::Outcome::Done);
        }
    }
    assert_eq!((stage.sent(), rounds), (["a", "b", "c", "d"].map(str::to_owned).to_vec(), 2));
    assert_eq!(stage.statuses().await, [Sent; 4], "though the policy tries nothing again: it was no attempt");
    let bundles = stage.store.bundles(&stage.scope, &campaign(), None, 9).await.unwrap().items;
    assert!(bundles.iter().all(|bundle| bundle.id.generation == 0 && bundle.attempts <= 1), "{bundles:?}");
}

#[tokio::test(start_paused = true)]
async fn row_11_one_call_opens_the_secrets_of_many_bundles() {
    let (stage, kms, sender) = vaulted(|| 0.0).await;
    let before = kms.calls();
    for number in 0..30 {
        let message = stage.accept(&[&format!("a{number}")]).await;
        sender.deliver(&message, stage.clock.now().plus_ms(MINUTE_MS)).await;
    }
    assert_eq!((stage.sent().len(), kms.calls() - before), (30, 1));
}

#[tokio::test(start_paused = true)]
async fn row_11_what_was_refused_together_does_not_ask_again_together() {
    let mut delays = Vec::new();
    for jitter in [|| -1.0, || 0.0, || 1.0] {
        let (stage, kms, sender) = vaulted(jitter).await;
        kms.throttle_next(1);
        sender.deliver(&stage.accept(&["a"]).await, stage.clock.now().plus_ms(MINUTE_MS)).await;
        delays.extend(stage.queues.drain().iter().map(|message| message.delay_s));
    }
    assert_eq!(delays, [8, 10, 12]);
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
async fn row_18_of_two_that_are_at_work_at_once_only_the_newest_claim_may_write() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    let first = stage.crash(&message).await;
    // By a clock that is two minutes ahead the lease is over; both are sending now.
    stage.advance_ms(2 * MINUTE_MS);
    let second = stage.crash(&message).await;
    stage.advance_ms(-2 * MINUTE_MS);
    assert_eq!((first.fence, second.fence), (1, 2));
    let write = async |bundle: &Bundle, failed: bool| {
        let mut done = bundle.clone();
        let outcome = if failed {
            Outcome::Failed(Failure::new(FailureKind::Permanent, "provider_error", "no"))
        } else {
            Outcome::Sent { provider_id: Some("id-a".into()) }
        };
        let integration = stage.integration.lock().unwrap().clone();
        let rules = FinishRules {
            retry_policy: integration.retry_policy,
            on_unknown: integration.on_unknown,
            class: integration.provider.class(),
            jitter: 0.0,
            one_by_one: false,
        };
        done.finish(vec![outcome], rules, stage.clock.now());
        stage.store.finish(&stage.scope, &done, &[], true).await
    };
    assert_eq!(write(&first, true).await, Err(StoreError::Conflict), "it is not its bundle any more");
    assert_eq!(stage.store.hold(&stage.scope, &first, &HeldFor::Campaign(campaign())).await, Err(StoreError::Conflict));
    assert_eq!(write(&second, false).await, Ok(()));
    assert_eq!(stage.statuses().await, [Sent]);
}

#[tokio::test(start_paused = true)]
async fn row_18_a_clock_two_minutes_behind_claims_nothing_twice() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a"]).await;
    // By the slow clock the bundle is not due yet, and later its lease is not over: the message only comes back.
    stage.advance_ms(-2 * MINUTE_MS);
    assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { .. }));
    stage.advance_ms(2 * MINUTE_MS);
    let at_work = stage.crash(&message).await;
    stage.advance_ms(-2 * MINUTE_MS);
    assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { .. }));
    assert_eq!(stage.sent().len(), 0);
    // What the slow one claims itself looks over to the others at once: they send, and its own result is refused.
    let other = stage.accept(&["b"]).await;
    let slow = stage.crash(&other).await;
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&other).await;
    let result = stage.store.finish(&stage.scope, &slow, &[], true).await;
    assert_eq!((result, at_work.fence), (Err(StoreError::Conflict), 1));
    assert_eq!(stage.sent(), ["b"]);
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
async fn a_bundle_of_which_nobody_was_tried_stays_the_one_that_it_is() {
    let stage = Stage::new().await;
    let message = stage.accept(&["a", "b"]).await;
    // More often than a tree of generations can grow.
    for _ in 0..40 {
        let deadline = stage.clock.now().plus_ms(RESERVE_MS - 1);
        assert_eq!(stage.sender.deliver(&message, deadline).await, sqs::Outcome::Done);
    }
    assert_eq!((stage.sent().len(), stage.store.calls("finish")), (0, 0));
    assert_eq!(stage.statuses().await, [DeliveryStatus::Queued; 2]);
    stage.deliver(&message).await;
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
        call: None,
    };
    stage.store.create_request(&stage.scope, &request, None).await.unwrap();
    let mut bundle = stage.store.bundles(&stage.scope, &campaign(), None, 1).await.unwrap().items.remove(0);
    bundle.id = message.bundle.clone();
    let recipient =
        Recipient { user_id: "u".parse().unwrap(), address: "a".into(), locale: None, variables: BTreeMap::new() };
    let payload = Payload { recipients: vec![recipient], ..Payload::default() };
    stage.store.write_bundles(&stage.scope, &[(bundle, payload)], false).await.unwrap();
    stage.deliver(&message).await;
    assert_eq!(stage.sent().len(), 0);
    assert!(stage.statuses().await.contains(&Failed));
}

fn mail(integration: &mut Integration) {
    integration.provider = Provider::Smtp;
    integration.last_test = Some(TestReport::passed("", 5, NOON));
}

fn broken_mail(integration: &mut Integration) {
    let failure = Failure::new(TRANSIENT, "unreachable", "connection refused");
    integration.provider = Provider::Smtp;
    integration.last_test = Some(TestReport::failed(&failure, 5, NOON));
}

/// As many recipients as one bundle holds.
fn many() -> Vec<&'static str> {
    const ALL: [&str; 25] = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u", "v",
        "w", "x", "y",
    ];
    ALL.to_vec()
}

#[tokio::test(start_paused = true)]
async fn while_the_test_of_one_fails_the_next_sends_and_the_bundle_says_so() {
    let stage = Stage::with(broken_mail).await;
    let second = stage.second().await;
    let message = stage.accept(&["a", "b"]).await;
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!((stage.handed_to(&stage.own()), stage.taken_by(&second)), (0, 2));
    assert_eq!((stage.senders().await, stage.statuses().await), (vec![second], vec![Sent; 2]));
    assert_eq!(stage.store.calls("move_to"), 1);
}

#[tokio::test(start_paused = true)]
async fn the_first_of_those_that_pass_stands_in() {
    let stage = Stage::with(broken_mail).await;
    let save = async |priority, adjust: fn(&mut Integration)| {
        let mut other = Integration { priority, ..runtime::testing::integration(Provider::Smtp) };
        adjust(&mut other);
        stage.store.save_integration(&stage.scope, &other, None, false, &audit()).await.unwrap();
        other.id
    };
    save(1, broken_mail).await;
    save(2, |it| it.enabled = false).await;
    save(3, |it| it.provider = Provider::Smtp).await;
    let full = save(4, |it| {
        mail(it);
        it.limits = Limits { per_day: Some(0), ..Limits::default() };
    })
    .await;
    let (next, last) = (save(5, mail).await, save(6, mail).await);
    let message = stage.accept(&["a"]).await;
    stage.deliver(&message).await;
    let handed = [&stage.own(), &full, &next, &last].map(|id| stage.handed_to(id));
    assert_eq!(handed, [0, 0, 1, 0], "not one that is broken, disabled, untested or has no room");
}

#[tokio::test(start_paused = true)]
async fn nobody_stands_in_for_an_integration_that_the_caller_named() {
    let stage = Stage::with(broken_mail).await;
    let second = stage.second().await;
    let message = stage.accept_for(true, &["a"]).await;
    stage.deliver(&message).await;
    assert_eq!((stage.taken_by(&stage.own()), stage.handed_to(&second)), (1, 0));
    assert_eq!(stage.store.calls("integrations"), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_stands_in_where_addresses_mean_something_to_one_only() {
    let stage = Stage::with(|integration| {
        broken_mail(integration);
        integration.provider = Provider::Slack;
    })
    .await;
    let other = Integration {
        last_test: Some(TestReport::passed("", 5, NOON)),
        ..runtime::testing::integration(Provider::Slack)
    };
    stage.store.save_integration(&stage.scope, &other, None, false, &audit()).await.unwrap();
    let message = stage.accept(&["a"]).await;
    stage.deliver(&message).await;
    assert_eq!(stage.senders().await, [stage.own()]);
}

#[tokio::test(start_paused = true)]
async fn one_that_breaks_in_mid_campaign_is_left_to_itself_and_the_next_sends_the_rest() {
    let stage = Stage::with(mail).await;
    let (own, second) = (stage.own(), stage.second().await);
    let healthy = stage.accept(&["before"]).await;
    stage.deliver(&healthy).await;
    stage.break_down(&own, TRANSIENT);
    let (first, later) = (stage.accept(&many()).await, stage.accept(&["later"]).await);
    stage.deliver(&first).await;
    let tried = stage.handed_to(&own) - 1;
    assert!((ATTEMPTS_MIN as usize..=ATTEMPTS_MIN as usize + 2).contains(&tried), "{tried}: the rest was not tried");
    stage.deliver(&later).await;
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent; 27]);
    assert_eq!((stage.taken_by(&own), stage.taken_by(&second)), (1, 26), "everybody once");
    let integration = stage.store.integration(&stage.scope, &own).await.unwrap().unwrap();
    let test = integration.last_test.unwrap();
    assert_eq!((test.status, test.code.as_str()), (HealthStatus::Warn, "breaker_open"));
    assert_eq!(stage.store.calls("record_test"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_the_first_may_have_taken_is_never_handed_to_the_next() {
    let stage = Stage::with(mail).await;
    let (own, second) = (stage.own(), stage.second().await);
    stage.break_down(&own, FailureKind::Unknown);
    let message = stage.accept(&many()).await;
    stage.deliver(&message).await;
    let in_doubt: Vec<_> = stage.handed().into_iter().map(|it| it.address).collect();
    assert!(in_doubt.len() >= ATTEMPTS_MIN as usize && in_doubt.len() < 25, "{in_doubt:?}");
    for message in stage.queues.drain() {
        stage.advance_ms(i64::from(message.delay_s) * SECOND_MS);
        stage.deliver(&BundleMessage::decode(&message.body).unwrap()).await;
    }
    assert_eq!(stage.taken_by(&second), 25 - in_doubt.len(), "what was never tried is sent at once");
    stage.mend(&own);
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent; 25]);
    assert_eq!((stage.taken_by(&own), stage.taken_by(&second)), (in_doubt.len(), 25 - in_doubt.len()));
    let both = stage.handed().iter().filter(|it| it.through == second && in_doubt.contains(&it.address)).count();
    assert_eq!(both, 0);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_bundle_stays_with_whoever_had_it() {
    let stage = Stage::with(broken_mail).await;
    let second = stage.second().await;
    let message = stage.accept(&["a"]).await;
    stage.crash(&message).await;
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    assert_eq!((stage.taken_by(&stage.own()), stage.handed_to(&second)), (1, 0));

    // The same where the crashed sender had given it to the second: that is known before anything is sent.
    let stage = Stage::with(broken_mail).await;
    let second = stage.second().await;
    let message = stage.accept(&["a"]).await;
    let claimed = stage.crash(&message).await;
    stage.store.move_to(&stage.scope, &claimed, &second).await.unwrap();
    stage.advance_ms(2 * MINUTE_MS);
    stage.deliver(&message).await;
    assert_eq!((stage.handed_to(&stage.own()), stage.taken_by(&second)), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_it_is_known_who_sends_it() {
    let stage = Stage::with(broken_mail).await;
    stage.second().await;
    let message = stage.accept(&["a"]).await;
    stage.store.fail_next("move_to", StoreError::Unavailable("throttled".into()));
    assert_ne!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.handed().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn if_nobody_can_stand_in_everything_waits_and_one_message_tries() {
    let stage = Stage::with(mail).await;
    let own = stage.own();
    stage.break_down(&own, TRANSIENT);
    let first = stage.accept(&many()).await;
    stage.deliver(&first).await;
    let opened_at = stage.clock.now();
    let second = stage.accept(&["late", "later"]).await;
    let tried = stage.handed_to(&own);
    stage.deliver(&second).await;
    assert_eq!(stage.handed_to(&own), tried, "nobody is let through");
    let waiting = stage.store.bundles(&stage.scope, &campaign(), None, 99).await.unwrap().items;
    let back = waiting.iter().find(|it| it.id == second.bundle).unwrap();
    assert_eq!((back.state, back.attempts), (BundleState::Queued, 0), "no attempt is counted");
    assert!(back.due.since_ms(opened_at) <= OPEN_MS && back.due > opened_at);

    // Half open: one message fails, and the others wait for another 30 seconds.
    stage.queues.drain();
    stage.advance_ms(OPEN_MS);
    stage.deliver(&second).await;
    assert_eq!(stage.handed_to(&own), tried + 1, "one of two");
    let rate = stage.store.rate(&stage.scope, &own).await.unwrap();
    assert!(matches!(rate.breaker, Breaker::Open { until } if until > stage.clock.now()), "{rate:?}");

    // Half open again, and mended: one message closes it, and everything goes.
    stage.mend(&own);
    stage.advance_ms(2 * OPEN_MS);
    stage.run_queue().await;
    let third = stage.accept(&["new"]).await;
    stage.deliver(&third).await;
    assert_eq!(stage.store.rate(&stage.scope, &own).await.unwrap().breaker, Breaker::Closed);
    assert!(stage.statuses().await.iter().filter(|status| **status == Sent).count() >= 3);
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_says_nothing_is_made_again() {
    let stage = Stage::with(mail).await;
    let open = domain::rate::RateState::default().with_breaker(Breaker::Open { until: NOON });
    stage.store.save_rate(&stage.scope, &stage.own(), &open).await.unwrap();
    stage.answers("a", FailureKind::Throttled { after_ms: Some(1_000) }, 1);
    let message = stage.accept(&["a", "b"]).await;
    stage.deliver(&message).await;
    let rate = stage.store.rate(&stage.scope, &stage.own()).await.unwrap();
    assert!(matches!(rate.breaker, Breaker::Open { until } if until <= stage.clock.now()), "half open: {rate:?}");
    stage.advance_ms(2_000);
    stage.run_queue().await;
    assert_eq!(stage.statuses().await, [Sent, Sent]);
    assert_eq!(stage.store.rate(&stage.scope, &stage.own()).await.unwrap().breaker, Breaker::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_waits_for_long_is_left_to_the_sweeper() {
    let stage = Stage::with(mail).await;
    let message = stage.accept(&["a"]).await;
    let mut rounds = 0;
    loop {
        let until = stage.clock.now().plus_ms(OPEN_MS);
        let rate = stage.store.rate(&stage.scope, &stage.own()).await.unwrap();
        let open = rate.with_breaker(Breaker::Open { until });
        stage.store.save_rate(&stage.scope, &stage.own(), &open).await.unwrap();
        stage.deliver(&message).await;
        rounds += 1;
        stage.advance_ms(OPEN_MS);
        if stage.queues.drain().is_empty() {
            break;
        }
    }
    assert_eq!(rounds, ROUNDS_MAX);
    let due = stage.store.due(stage.clock.now(), 10).await.unwrap();
    assert!(due.iter().any(|due| matches!(due, store::Due::Bundle(..))), "{due:?}");
}

#[tokio::test(start_paused = true)]
async fn refused_recipients_and_requests_to_slow_down_open_no_breaker() {
    for kind in [FailureKind::Permanent, FailureKind::Throttled { after_ms: Some(0) }] {
        let stage = Stage::with(mail).await;
        stage.break_down(&stage.own(), kind);
        let message = stage.accept(&many()).await;
        stage.deliver(&message).await;
        let rate = stage.store.rate(&stage.scope, &stage.own()).await.unwrap();
        assert_eq!((rate.breaker, stage.store.calls("record_test")), (Breaker::Closed, 0), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_that_cannot_be_read_open_the_breaker_but_our_own_trouble_does_not() {
    for (kind, opens) in [(FailureKind::Unauthorized, true), (TRANSIENT, false)] {
        let stage = Stage::with(mail).await;
        let failure = Failure::new(kind, "secret_unreadable", "");
        stage.provider.locked.lock().unwrap().insert(stage.own(), failure);
        let message = stage.accept(&many()).await;
        stage.deliver(&message).await;
        let rate = stage.store.rate(&stage.scope, &stage.own()).await.unwrap();
        assert_eq!(!rate.breaker.is_closed(), opens, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_that_failed_is_not_covered_by_a_warning() {
    let stage = Stage::with(broken_mail).await;
    stage.break_down(&stage.own(), TRANSIENT);
    let message = stage.accept(&many()).await;
    stage.deliver(&message).await;
    let rate = stage.store.rate(&stage.scope, &stage.own()).await.unwrap();
    assert!(!rate.breaker.is_closed());
    assert!(stage.store.integration(&stage.scope, &stage.own()).await.unwrap().unwrap().fails());
}

#[tokio::test(start_paused = true)]
async fn a_disabled_integration_holds_even_where_another_could_stand_in() {
    let stage = Stage::with(|integration| {
        broken_mail(integration);
        integration.enabled = false;
    })
    .await;
    stage.second().await;
    let message = stage.accept(&["a"]).await;
    stage.deliver(&message).await;
    assert_eq!((stage.handed().len(), stage.statuses().await), (0, vec![Held]));
}
