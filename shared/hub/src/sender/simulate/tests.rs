//! A bundle that becomes a simulation, against the strict double of Graph.

use super::*;
use crate::connections::Connections;
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, BundleState, DeliveryStatus, Envelope, LEASE_MS, MemberResult, Recipient},
    campaign::Totals,
    channel::{Channel, Provider},
    ids::{CampaignId, RequestId},
    integration::Config,
    message::Content,
    principal::Principal,
    secret::{Secret, Secrets},
    time::{Clock, HOUR_MS, ManualClock},
};
use doubles::graph::{Command, GraphDouble, Options};
use guard::{Egress, Guard, Timeouts};
use providers::{Endpoints, M365};
use runtime::{
    lazy::Lazy,
    queue::{BundleMessage, MemoryQueues, Message as _},
    sqs,
    testing::{MemoryKms, START, integration},
    vault::Vault,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};
use store::{Bundles as _, Integrations as _, Request, Simulations as _, memory::MemoryStore};

const DIRECTORY: &str = "11111111-2222-3333-4444-555555555555";

type M365Sender = Sender<MemoryStore, Arc<MemoryQueues>, Connections<MemoryStore, MemoryKms, M365>>;

struct Stage {
    graph: GraphDouble,
    store: Lazy<MemoryStore>,
    queues: Arc<MemoryQueues>,
    clock: Arc<ManualClock>,
    sender: M365Sender,
    integration: Integration,
    vault: Arc<Vault<MemoryKms>>,
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

fn spring() -> CampaignId {
    "spring".parse().unwrap()
}

fn audit() -> AuditEntry {
    AuditEntry { principal: Principal::System, action: "test", target: String::new(), detail: String::new(), at: START }
}

async fn stage(secret: &str) -> Stage {
    let graph = GraphDouble::start(Options::default()).await.unwrap();
    let (store, queues) = (Lazy::ready(MemoryStore::default()), Arc::new(MemoryQueues::default()));
    let clock = Arc::new(ManualClock::at(START));
    let vault = Arc::new(Vault::new(MemoryKms::default(), clock.clone()));
    let Value::Object(config) = json!({
        "directory_id": DIRECTORY, "client_id": "66666666-7777-8888-9999-000000000000", "auth": "client_secret",
        "created_by": "secops@contoso.com", "payload_id": "12345678", "attack_technique": "credentialHarvesting",
        "duration_days": 7,
    }) else {
        unreachable!()
    };
    let config: Config = config;
    let integration = Integration { config, secret_version: 1, ..integration(Provider::M365) };
    let secrets = Secrets::from([("client_secret".to_owned(), Secret::new(secret.to_owned()))]);
    let sealed = vault.seal(&acme(), &integration.id, 1, &secrets).await.unwrap();
    store.save_integration(&acme(), &integration, Some(&sealed), false, &audit()).await.unwrap();
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    let guard = Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts));
    let endpoints = Endpoints { graph_api: graph.graph_url(), login: graph.login_url(), ..Endpoints::default() };
    let lines = Connections::new(store.clone(), vault.clone(), guard, endpoints, clock.clone());
    let sender = Sender::new(store.clone(), Arc::clone(&queues), lines, clock.clone(), || 0.0);
    Stage { graph, store, queues, clock, sender, integration, vault }
}

impl Stage {
    /// Accepts a request for these targets as `enqueue` does.
    async fn accept(&self, name: &str, targets: &[&str]) -> BundleMessage {
        let now = self.clock.now();
        let order = Order { name: name.to_owned(), ..Order::default() };
        let request = Request {
            id: RequestId::generate(),
            campaign: spring(),
            body_hash: String::new(),
            bundles: 1,
            dispatched: true,
            created_at: now,
            envelope: Envelope { content: Content::Simulation(order) },
            call: None,
        };
        let bundle = Bundle::first(
            BundleId { request: request.id.clone(), number: Some(0), generation: 0 },
            &spring(),
            Channel::M365,
            &self.integration.id,
            u16::try_from(targets.len()).unwrap(),
            now,
        );
        let recipients = targets.iter().enumerate().map(|(number, address)| Recipient {
            user_id: format!("u{number}").parse().unwrap(),
            address: (*address).to_owned(),
            locale: None,
            variables: BTreeMap::new(),
        });
        let payload = Payload { recipients: recipients.collect(), ..Payload::default() };
        self.store.create_request(&acme(), &request, None).await.unwrap();
        let id = bundle.id.clone();
        self.store.write_bundles(&acme(), &[(bundle, payload)], false).await.unwrap();
        BundleMessage { scope: acme(), campaign: spring(), bundle: id }
    }

    async fn deliver(&self, message: &BundleMessage) -> sqs::Outcome {
        self.sender.deliver(message, self.clock.now().plus_ms(HOUR_MS)).await
    }

    /// Delivers what is on the queue, each at its time, until nothing is left.
    async fn drain(&self) {
        for _ in 0..10 {
            let queued = self.queues.drain();
            if queued.is_empty() {
                return;
            }
            for queued in queued {
                self.clock.advance_ms(i64::from(queued.delay_s) * SECOND_MS);
                let message = BundleMessage::decode(&queued.body).unwrap();
                assert_eq!(self.deliver(&message).await, sqs::Outcome::Done);
            }
        }
    }

    async fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let page = self.store.bundles(&acme(), &spring(), None, 100).await.unwrap();
        page.items.iter().for_each(|bundle| totals.add(bundle));
        totals
    }

    async fn result(&self, message: &BundleMessage) -> MemberResult {
        let bundles = self.store.generations(&acme(), &spring(), &origin(&message.bundle)).await.unwrap();
        bundles.last().unwrap().results[0].clone()
    }
}

#[tokio::test]
async fn the_members_of_a_bundle_become_one_simulation_that_is_remembered() {
    let stage = stage("good").await;
    let message = stage.accept("Parcel", &["sara@contoso.com", "omar@contoso.com", "Sara@contoso.com"]).await;
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    let made = stage.graph.record().simulations;
    assert_eq!((made.len(), made[0].targets.len()), (1, 2), "each address once");
    assert_eq!(made[0].name, format!("Parcel [{}]", message.bundle));
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 3);
    assert_eq!(stage.result(&message).await, MemberResult::Sent { provider_id: Some(made[0].id.clone()) });
    let stored = stage.store.simulation(&acme(), &spring(), &message.bundle).await.unwrap().unwrap();
    assert_eq!((stored.provider_id.as_deref(), stored.targets), (Some(made[0].id.as_str()), 2));
    assert_eq!(stored.next_look, Some(START), "it is looked at from now on");
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.graph.record().simulations.len(), 1, "a message that comes twice makes no second one");
}

#[tokio::test]
async fn a_crash_after_the_creation_makes_no_second_simulation() {
    for op in ["begin_simulation", "finish"] {
        let stage = stage("good").await;
        let message = stage.accept("Parcel", &["sara@contoso.com"]).await;
        // The write never happens, four times for the results: as if the function had ended there.
        for _ in 0..4 {
            stage.store.fail_next(op, StoreError::Unavailable("away".into()));
        }
        assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { .. }), "{op}");
        assert_eq!(stage.graph.record().simulations.len(), 1);
        for _ in 0..4 {
            stage.clock.advance_ms(LEASE_MS + 1);
            stage.deliver(&message).await;
        }
        assert_eq!(stage.graph.record().simulations.len(), 1, "{op}");
        assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1, "{op}");
        assert!(stage.store.simulation(&acme(), &spring(), &message.bundle).await.unwrap().is_some(), "{op}");
    }
}

#[tokio::test]
async fn what_may_have_been_created_and_is_not_listed_is_looked_for_again_before_it_is_created() {
    let stage = stage("good").await;
    let message = stage.accept("Parcel", &["sara@contoso.com"]).await;
    // As an interrupted sender leaves it that had just asked for the creation.
    stage.store.claim(&acme(), &spring(), &message.bundle, stage.clock.now()).await.unwrap();
    stage.clock.advance_ms(LEASE_MS + 1);
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    let record = stage.graph.record();
    assert!(record.requests.iter().any(|call| call.path.ends_with("/simulations")), "it was looked for");
    assert_eq!(record.simulations.len(), 0);
    stage.clock.advance_ms(LISTED_AFTER_MS - SECOND_MS);
    assert!(matches!(stage.deliver(&message).await, sqs::Outcome::Later { .. }));
    assert_eq!(stage.graph.record().simulations.len(), 0);
    stage.drain().await;
    assert_eq!(stage.graph.record().simulations.len(), 1);
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1);

    // And so it is with what a generation inherits: here the attempt is in doubt because no answer came.
    let message = stage.accept("Second", &["sara@contoso.com"]).await;
    let mut claimed = stage.store.claim(&acme(), &spring(), &message.bundle, stage.clock.now()).await.unwrap().bundle;
    let failure = Failure::new(FailureKind::Unknown, "timeout", "");
    let rules = domain::bundle::FinishRules {
        retry_policy: stage.integration.retry_policy,
        on_unknown: stage.integration.on_unknown,
        class: stage.integration.provider.class(),
        jitter: 0.0,
        one_by_one: false,
    };
    let next = claimed.finish(vec![Outcome::Failed(failure)], rules, stage.clock.now());
    stage.store.finish(&acme(), &claimed, &next, true).await.unwrap();
    let in_doubt = BundleMessage { bundle: next[0].id.clone(), ..message };
    stage.clock.advance_ms(next[0].due.since_ms(stage.clock.now()));
    assert_eq!(stage.deliver(&in_doubt).await, sqs::Outcome::Done);
    assert_eq!(stage.graph.record().simulations.len(), 1);
    stage.drain().await;
    assert_eq!(stage.graph.record().simulations.len(), 2);
}

#[tokio::test]
async fn a_store_that_is_away_for_a_moment_makes_nobody_forget_a_simulation() {
    let stage = stage("good").await;
    let message = stage.accept("Parcel", &["sara@contoso.com"]).await;
    stage.store.fail_next("begin_simulation", StoreError::Unavailable("throttled".into()));
    assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for_before_anything_is_created() {
    for name in ["LOSE", "GATEWAY"] {
        let stage = stage("good").await;
        let message = stage.accept(name, &["sara@contoso.com", "omar@contoso.com"]).await;
        assert_eq!(stage.deliver(&message).await, sqs::Outcome::Done);
        assert_eq!(stage.totals().await.count(DeliveryStatus::Retrying), 2, "{name}");
        stage.drain().await;
        assert_eq!(stage.graph.record().simulations.len(), 1, "{name}");
        assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 2, "{name}");
        // It is remembered under the name of the first generation, which is that of its deliveries.
        assert!(stage.store.simulation(&acme(), &spring(), &message.bundle).await.unwrap().is_some(), "{name}");
    }
}

#[tokio::test]
async fn what_graph_refuses_fails_for_every_target_alike() {
    let stage = stage("good").await;
    let message = stage.accept("REFUSE", &["sara@contoso.com", "omar@contoso.com"]).await;
    stage.deliver(&message).await;
    let MemberResult::Failed(cause) = stage.result(&message).await else { panic!("not failed") };
    assert_eq!(cause.code, "m365_simulation_refused");
    assert!(cause.detail.len() <= WORDS_MAX_BYTES);
    assert_eq!(stage.totals().await.count(DeliveryStatus::Failed), 2);
    assert_eq!(stage.store.simulation(&acme(), &spring(), &message.bundle).await.unwrap(), None);
}

#[tokio::test]
async fn a_rotated_secret_is_looked_up_once_more() {
    let stage = stage("good").await;
    stage.deliver(&stage.accept("First", &["sara@contoso.com"]).await).await;
    // The old secret and its tokens are worth nothing any more, and the line in the sender still has them.
    let secrets = Secrets::from([("client_secret".to_owned(), Secret::new("good-new".to_owned()))]);
    let next = Integration { secret_version: 2, rev: 2, ..stage.integration.clone() };
    let sealed = stage.vault.seal(&acme(), &next.id, 2, &secrets).await.unwrap();
    stage.store.save_integration(&acme(), &next, Some(&sealed), false, &audit()).await.unwrap();
    stage.graph.command(Command { directory: DIRECTORY.into(), revoke_tokens: true, ..Command::default() });
    stage.deliver(&stage.accept("Second", &["sara@contoso.com"]).await).await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 2);
}

#[tokio::test]
async fn what_cannot_be_done_in_time_is_left_for_another_run() {
    let stage = stage("good").await;
    let message = stage.accept("Parcel", &["sara@contoso.com"]).await;
    let soon = stage.clock.now().plus_ms(RESERVE_MS - 1);
    assert_eq!(stage.sender.deliver(&message, soon).await, sqs::Outcome::Done);
    assert_eq!(stage.graph.record().requests.len(), 0);
    stage.drain().await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1);
}

#[tokio::test]
async fn a_throttled_provider_pauses_the_integration() {
    let stage = stage("good").await;
    let message = stage.accept("BUSY", &["sara@contoso.com"]).await;
    stage.deliver(&message).await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Retrying), 1);
    let rate = store::Rates::rate(&*stage.store, &acme(), &stage.integration.id).await.unwrap();
    assert!(format!("{rate:?}").contains(&START.plus_ms(7 * SECOND_MS).0.to_string()), "{rate:?}");
    stage.drain().await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1);
}

#[tokio::test]
async fn secrets_that_cannot_be_opened_for_the_moment_are_no_attempt() {
    let stage = stage("good").await;
    let message = stage.accept("Parcel", &["sara@contoso.com"]).await;
    stage.store.fail_next("secret", StoreError::Unavailable("throttled".into()));
    stage.deliver(&message).await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Queued), 1);
    stage.drain().await;
    assert_eq!(stage.totals().await.count(DeliveryStatus::Sent), 1);
    assert_eq!(stage.graph.record().simulations.len(), 1);
}

#[test]
fn a_refusal_of_the_most_targets_is_one_event_that_the_bus_takes() {
    let words = "\"\\\"é".repeat(75);
    let cause =
        domain::bundle::Cause::from(&told(&Failure::new(FailureKind::Permanent, "m365_simulation_refused", &words)));
    assert!(cause.detail.len() > WORDS_MAX_BYTES / 2);
    let members = 0..u16::try_from(domain::bundle::WHOLE_BUNDLE_MAX).unwrap();
    let old = Bundle {
        state: BundleState::Sending,
        fence: 1,
        members: members.clone().collect(),
        ..Bundle::first(
            BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
            &spring(),
            Channel::M365,
            &domain::ids::IntegrationId::generate(),
            1,
            START,
        )
    };
    let results = members.map(|_| MemberResult::Unknown(cause.clone())).collect();
    let new = Bundle { state: BundleState::Done, results, ..old.clone() };
    let events = domain::event::of_bundle(acme().tenant(), Some(&old), &new);
    let bytes = events[0].detail.to_string().len();
    assert!(events.len() == 1 && bytes < 250 << 10, "{bytes}");
}
