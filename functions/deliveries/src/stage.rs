//! What the tests of this function play on: the routes over a store and queues in memory, a clock that they move, and
//! senders whose providers do as they are told.

use crate::handler::{Hub, router};
use axum::http::Method;
use domain::{
    audit::AuditEntry,
    bundle::{BUNDLE_MAX, Bundle, BundleId, Envelope, FinishRules, Outcome, Payload, Recipient},
    channel::{Channel, OnUnknown, Provider, ProviderClass},
    failure::{Failure, FailureKind},
    ids::{CampaignId, DeliveryId, IntegrationId, RequestId},
    integration::Integration,
    message::{Content, Message as Text},
    principal::Principal,
    retry::RetryPolicy,
    tenant::TenantScope,
    time::{Clock, HOUR_MS, ManualClock, Timestamp},
};
use hub::sender::{Line, Lines, Sender};
use runtime::{
    http::App,
    lazy::Lazy,
    queue::{BundleMessage, MemoryQueues, Message},
    testing::{self, Answered, START, key_of},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};
use store::{Bundles, Campaigns, ClaimError, Integrations, Request, memory::MemoryStore};

const RULES: FinishRules = FinishRules {
    retry_policy: RetryPolicy::Exponential,
    on_unknown: OnUnknown::Hold,
    class: ProviderClass::Blind,
    jitter: 0.0,
    one_by_one: false,
};

pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) scope: TenantScope,
    pub(crate) integration: IntegrationId,
    pending: Mutex<VecDeque<BundleMessage>>,
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
pub(crate) fn scope_of(tenant: &str) -> TenantScope {
    TenantScope::established(tenant.parse().unwrap())
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::over(Lazy::ready(MemoryStore::default()), Arc::default(), Arc::new(ManualClock::at(START)), "acme")
    }

    /// The same deployment, seen by another tenant.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Self {
        Self::over(self.store.clone(), Arc::clone(&self.queues), Arc::clone(&self.clock), tenant)
    }

    fn over(store: Lazy<MemoryStore>, queues: Arc<MemoryQueues>, clock: Arc<ManualClock>, tenant: &str) -> Self {
        let hub =
            Hub { store: store.clone(), queues: Arc::clone(&queues), clock: Arc::clone(&clock) as Arc<dyn Clock> };
        Self {
            app: App::new(router(Arc::new(hub))),
            store,
            queues,
            clock,
            scope: scope_of(tenant),
            integration: IntegrationId::generate(),
            pending: Mutex::default(),
        }
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn call_with(&self, grants: &str, method: Method, path: &str, body: Value) -> Answered {
        let context = key_of(self.scope.tenant().as_str(), grants);
        testing::call(&self.app, &context, method, path, body).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answered {
        self.call_with("campaigns:*", method, path, body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        self.call(Method::POST, path, body).await
    }

    /// Every delivery of a full listing in pages of `limit`.
    pub(crate) async fn list_all(&self, campaign: &str, filter: &str, limit: usize) -> Vec<Value> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/campaigns/{campaign}/deliveries?limit={limit}{filter}{cursor}");
            let answer = self.get(&path).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            let items = answer.body["items"].as_array().unwrap();
            assert!(items.len() <= limit);
            all.extend(items.iter().cloned());
            match answer.body["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// A campaign, and an integration to send it.
    pub(crate) async fn campaign(&self, id: &str) {
        let now = self.clock.now();
        let integration = Integration {
            id: self.integration.clone(),
            on_unknown: OnUnknown::Hold,
            ..testing::integration(Provider::Smtp)
        };
        let audit = AuditEntry {
            principal: Principal::System,
            action: "test",
            target: String::new(),
            detail: String::new(),
            at: now,
        };
        if self.store.integration(&self.scope, &self.integration).await.unwrap().is_none() {
            self.store.save_integration(&self.scope, &integration, None, false, &audit).await.unwrap();
        }
        self.store.ensure_campaign(&self.scope, &id.parse().unwrap(), &audit).await.unwrap();
    }

    /// Accepts a request for these users, as `enqueue` does.
    pub(crate) async fn send(&self, campaign: &str, users: &[&str]) -> Vec<DeliveryId> {
        let campaign: CampaignId = campaign.parse().unwrap();
        let now = self.clock.now();
        let id = RequestId::generate();
        let single = users.len() == 1;
        let bundles: Vec<(Bundle, Payload)> = users
            .chunks(BUNDLE_MAX)
            .zip(0_u16..)
            .map(|(users, number)| {
                let number = (!single).then_some(number);
                let bundle = Bundle::first(
                    BundleId { request: id.clone(), number, generation: 0 },
                    &campaign,
                    Channel::Email,
                    &self.integration,
                    u16::try_from(users.len()).unwrap(),
                    now,
                );
                (
                    bundle,
                    Payload { recipients: users.iter().map(|user| recipient(user)).collect(), ..Payload::default() },
                )
            })
            .collect();
        let request = Request {
            id: id.clone(),
            campaign: campaign.clone(),
            body_hash: String::new(),
            bundles: if single { 0 } else { u16::try_from(bundles.len()).unwrap() },
            dispatched: false,
            created_at: now,
            envelope: Envelope { content: Content::Message(Text { text: "Hello".into(), ..Text::default() }) },
            call: None,
        };
        let only = bundles.first().filter(|_| single).map(|(bundle, payload)| (bundle, payload));
        self.store.create_request(&self.scope, &request, only).await.unwrap();
        if !single {
            self.store.write_bundles(&self.scope, &bundles, false).await.unwrap();
        }
        let states: Vec<Bundle> = bundles.into_iter().map(|(bundle, _)| bundle).collect();
        hub::dispatch::queue_all(&self.queues, &self.scope, &states, 0).await;
        self.store.mark_dispatched(&self.scope, &campaign, &id).await.unwrap();
        states.iter().flat_map(|bundle| bundle.members.iter().map(|member| bundle.id.delivery(*member))).collect()
    }

    /// One attempt on the next bundle that may be claimed now, with the outcome that `outcome` names for each user.
    /// False when there is none.
    pub(crate) async fn attempt_next(&self, mut outcome: impl FnMut(&str) -> Outcome) -> bool {
        self.collect();
        let count = self.pending.lock().unwrap().len();
        for _ in 0..count {
            let Some(message) = self.pending.lock().unwrap().pop_front() else { return false };
            let claimed = match self.claim(&message).await {
                Ok(claimed) => claimed,
                Err(ClaimError::Refused(domain::bundle::ClaimRefusal::NotDue(_))) => {
                    self.pending.lock().unwrap().push_back(message);
                    continue;
                }
                Err(_) => continue,
            };
            let mut bundle = claimed.bundle;
            let payload = self.store.payload(&self.scope, &bundle.campaign, &bundle.id).await.unwrap().unwrap();
            let outcomes = bundle
                .members
                .iter()
                .map(|member| {
                    let user = payload.recipients[usize::from(*member)].user_id.as_str();
                    match outcome(user) {
                        Outcome::Sent { .. } => Outcome::Sent { provider_id: Some(format!("msg-{user}")) },
                        other => other,
                    }
                })
                .collect();
            let next = bundle.finish(outcomes, RULES, self.clock.now());
            self.store.finish(&self.scope, &bundle, &next, true).await.unwrap();
            for next in next {
                self.pending.lock().unwrap().push_back(BundleMessage { bundle: next.id, ..message.clone() });
            }
            return true;
        }
        false
    }

    /// Gives the next bundle that may be claimed to another integration, as a sender does while its own fails.
    pub(crate) async fn move_next_to(&self, integration: &IntegrationId) {
        self.collect();
        let message = self.pending.lock().unwrap().front().unwrap().clone();
        let claimed = self.claim(&message).await.unwrap().bundle;
        self.store.move_to(&self.scope, &claimed, integration).await.unwrap();
        self.store.put_back(&self.scope, &claimed, self.clock.now(), true).await.unwrap();
    }

    /// Attempts on everything that may be claimed now.
    pub(crate) async fn attempt_all(&self, mut outcome: impl FnMut(&str) -> Outcome) {
        while self.attempt_next(&mut outcome).await {}
    }

    fn collect(&self) {
        let queued = self.queues.drain();
        let messages = queued.iter().map(|queued| BundleMessage::decode(&queued.body).unwrap());
        self.pending.lock().unwrap().extend(messages);
    }

    async fn claim(&self, message: &BundleMessage) -> Result<store::Claimed, ClaimError> {
        self.store.claim(&message.scope, &message.campaign, &message.bundle, self.clock.now()).await
    }

    /// Lets the real sender work off the queue with a provider that takes everything; the users it was given, in order.
    pub(crate) async fn deliver_all_to(&self) -> Vec<String> {
        let mailbox = Mailbox::default();
        // A new sender each time: it trusts nothing that it read before.
        let sender = Sender::new(
            self.store.clone(),
            Arc::clone(&self.queues),
            mailbox.clone(),
            Arc::clone(&self.clock) as Arc<dyn Clock>,
            || 0.0,
        );
        loop {
            self.collect();
            let Some(message) = self.pending.lock().unwrap().pop_front() else { break };
            sender.deliver(&message, self.clock.now().plus_ms(HOUR_MS)).await;
        }
        let mut users: Vec<String> = mailbox.0.lock().unwrap().clone();
        users.sort();
        users
    }

    /// As [`Self::deliver_all_to`]: how many.
    pub(crate) async fn deliver_all(&self) -> usize {
        self.deliver_all_to().await.len()
    }
}

/// A provider that takes everything and remembers for whom it was.
#[derive(Clone, Default)]
struct Mailbox(Arc<Mutex<Vec<String>>>);

impl Lines for Mailbox {
    type Line = Self;

    async fn open(&self, _: &TenantScope, _: &Integration) -> Result<Arc<Self>, Failure> {
        Ok(Arc::new(self.clone()))
    }

    fn forget(&self, _: &TenantScope, _: &Integration) {}
}

impl Line for Mailbox {
    async fn send(&self, outgoing: &providers::Outgoing<'_>) -> Result<Option<String>, Failure> {
        let user = outgoing.address.trim_end_matches("@example.com").to_owned();
        self.0.lock().unwrap().push(user);
        Ok(None)
    }

    fn concurrency(&self) -> usize {
        4
    }
}

fn recipient(user: &str) -> Recipient {
    Recipient {
        user_id: user.parse().unwrap(),
        address: format!("{user}@example.com"),
        locale: None,
        variables: BTreeMap::new(),
    }
}

pub(crate) fn sent() -> Outcome {
    Outcome::Sent { provider_id: None }
}

pub(crate) fn failed() -> Outcome {
    failed_with("550 no such user")
}

pub(crate) fn failed_with(words: &str) -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::Permanent, "smtp_recipient_refused", words))
}

pub(crate) fn transient() -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::Transient { after_ms: None }, "smtp_try_later", "451 later"))
}

/// What becomes dead when it is repeated often enough.
pub(crate) fn dead() -> Outcome {
    transient()
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Failed(Failure::new(FailureKind::Unknown, "timeout", ""))
}
