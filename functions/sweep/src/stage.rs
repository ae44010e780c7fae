//! What the tests of this function play on: a store and queues in memory and a clock that they move.

use crate::handler::{Sweeper, Swept};
use domain::{
    allow_list::AllowList,
    audit::AuditEntry,
    bundle::{Bundle, BundleId, Envelope, Payload, Recipient},
    campaign::CampaignState,
    channel::{Channel, Provider},
    ids::{CampaignId, IntegrationId, KeyId, RequestId},
    integration::Integration,
    key::KeyRecord,
    message::{Content, Message as Text},
    principal::Principal,
    quota::Tier,
    tenant::TenantScope,
    time::{Clock, DAY_MS, HOUR_MS, ManualClock, Timestamp},
};
use runtime::{
    lazy::Lazy,
    queue::{BundleMessage, MemoryQueues, Message},
    testing::{START, integration},
};
use std::{collections::BTreeMap, sync::Arc};
use store::{Access, Bundles, Campaigns, Claimed, HeldFor, Integrations, Request, memory::MemoryStore};

pub(crate) struct Stage {
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) queues: Arc<MemoryQueues>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) campaign: CampaignId,
    pub(crate) integration: IntegrationId,
    scope: TenantScope,
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self {
            store: Lazy::ready(MemoryStore::default()),
            queues: Arc::default(),
            clock: Arc::new(ManualClock::at(START)),
            campaign: "spring".parse().unwrap(),
            integration: IntegrationId::generate(),
            scope: acme(),
        }
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn sweeper(&self) -> Sweeper<MemoryStore, Arc<MemoryQueues>> {
        Sweeper {
            store: self.store.clone(),
            queues: Arc::clone(&self.queues),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
        }
    }

    pub(crate) async fn sweep(&self) -> Swept {
        self.sweeper().sweep(self.clock.now().plus_ms(HOUR_MS)).await
    }

    fn bundle(&self, request: &RequestId, number: Option<u16>) -> (Bundle, Payload) {
        let now = self.clock.now();
        let bundle = Bundle::first(
            BundleId { request: request.clone(), number, generation: 0 },
            &self.campaign,
            Channel::Email,
            &self.integration,
            1,
            now,
        );
        let recipient = Recipient {
            user_id: "u1".parse().unwrap(),
            address: "a@example.com".into(),
            locale: None,
            variables: BTreeMap::new(),
        };
        (bundle, Payload { recipients: vec![recipient], ..Payload::default() })
    }

    fn header(&self, id: &RequestId, bundles: u16) -> Request {
        Request {
            id: id.clone(),
            campaign: self.campaign.clone(),
            body_hash: String::new(),
            bundles,
            dispatched: false,
            created_at: self.clock.now(),
            envelope: Envelope { content: Content::Message(Text { text: "Hello".into(), ..Text::default() }) },
            call: None,
        }
    }

    /// Accepts a request of `bundles` bundles as `enqueue` does, of which `written` are written before it queues them.
    pub(crate) async fn accept(&self, bundles: u16, written: u16) -> RequestId {
        let id = RequestId::generate();
        self.store.create_request(&self.scope, &self.header(&id, bundles), None).await.unwrap();
        let written: Vec<(Bundle, Payload)> = (0..written).map(|number| self.bundle(&id, Some(number))).collect();
        self.store.write_bundles(&self.scope, &written, false).await.unwrap();
        let states: Vec<Bundle> = written.into_iter().map(|(bundle, _)| bundle).collect();
        let queued = hub::dispatch::queue_all(&self.queues, &self.scope, &states, 0).await;
        if queued && states.len() == usize::from(bundles) {
            self.store.mark_dispatched(&self.scope, &self.campaign, &id).await.unwrap();
        }
        id
    }

    /// Accepts a request whose bundles have these numbers, as an endpoint's may have.
    pub(crate) async fn accept_numbered(&self, numbers: &[u16]) -> RequestId {
        let id = RequestId::generate();
        let count = u16::try_from(numbers.len()).unwrap();
        self.store.create_request(&self.scope, &self.header(&id, count), None).await.unwrap();
        let bundles: Vec<(Bundle, Payload)> = numbers.iter().map(|number| self.bundle(&id, Some(*number))).collect();
        self.store.write_bundles(&self.scope, &bundles, false).await.unwrap();
        id
    }

    /// Accepts a request of one recipient.
    pub(crate) async fn accept_single(&self) {
        let id = RequestId::generate();
        let (bundle, payload) = self.bundle(&id, None);
        self.store.create_request(&self.scope, &self.header(&id, 0), Some((&bundle, &payload))).await.unwrap();
        hub::dispatch::queue(&self.queues, &self.scope, &bundle, 0).await;
    }

    /// Writes what is missing, as a repeat of the request does, and ends before it queues anything.
    pub(crate) async fn complete(&self, id: &RequestId, bundles: u16) {
        let all: Vec<(Bundle, Payload)> = (0..bundles).map(|number| self.bundle(id, Some(number))).collect();
        self.store.write_bundles(&self.scope, &all, true).await.unwrap();
    }

    pub(crate) async fn request(&self, id: &RequestId) -> Request {
        self.store.request(&self.scope, &self.campaign, id).await.unwrap().unwrap()
    }

    /// Claims what the queue holds, as senders do; everything that could be claimed.
    async fn claimed(&self) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        for queued in self.queues.drain() {
            let message = BundleMessage::decode(&queued.body).unwrap();
            let now = self.clock.now();
            claimed.extend(self.store.claim(&message.scope, &message.campaign, &message.bundle, now).await);
        }
        claimed
    }

    /// How many bundles senders get from the queue.
    pub(crate) async fn claim_all(&self) -> usize {
        self.claimed().await.len()
    }

    pub(crate) async fn claim_and_put_back(&self, due: Timestamp) {
        for claimed in self.claimed().await {
            self.store.put_back(&self.scope, &claimed.bundle, due, false).await.unwrap();
        }
    }

    pub(crate) async fn claim_and_hold(&self, held_for: &HeldFor) {
        for claimed in self.claimed().await {
            self.store.hold(&self.scope, &claimed.bundle, held_for).await.unwrap();
        }
    }

    /// A key that expires in so many days.
    pub(crate) async fn key_for_days(&self, days: i64) -> KeyId {
        let now = self.clock.now();
        let mut key = KeyRecord {
            id: KeyId::generate(),
            prefix: "abcdefgh".into(),
            tenant: self.scope.tenant().clone(),
            name: "ci".into(),
            grants: Vec::new(),
            bcrypt: String::new(),
            mac: None,
            created_at: now,
            expires_at: None,
            revoked_at: None,
            tier: Tier::Basic,
            allow: AllowList::default(),
            previous: None,
            suspended: None,
            reminded: None,
            rev: 1,
        };
        key.expire(Some(now.plus_ms(days * DAY_MS)), now);
        self.store.create_key(&self.scope, &key, &self.audit()).await.unwrap();
        key.id
    }

    pub(crate) async fn reminded(&self, key: &KeyId) -> Option<u16> {
        self.store.key(&self.scope, key).await.unwrap().unwrap().reminded
    }

    fn audit(&self) -> AuditEntry {
        AuditEntry {
            principal: Principal::System,
            action: "test",
            target: String::new(),
            detail: String::new(),
            at: self.clock.now(),
        }
    }

    /// Saves the integration as enabled, with the release marker that goes with it.
    pub(crate) async fn enable_integration(&self) {
        let integration = Integration { id: self.integration.clone(), ..integration(Provider::Smtp) };
        self.store.save_integration(&self.scope, &integration, None, true, &self.audit()).await.unwrap();
    }

    pub(crate) async fn turn(&self, from: CampaignState, to: CampaignState) {
        self.store.ensure_campaign(&self.scope, &self.campaign, &self.audit()).await.unwrap();
        self.store.set_campaign_state(&self.scope, &self.campaign, from, to, &self.audit()).await.unwrap();
    }
}
