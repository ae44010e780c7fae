//! What the tests play on: a store in memory, a clock that they move, and the double of Graph.

use crate::tracker::{Round, Tracker};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, Payload, Recipient},
    channel::{Channel, Provider},
    ids::{CampaignId, RequestId},
    integration::{Config, Integration},
    principal::Principal,
    secret::{Secret, Secrets},
    simulation::{Simulation, SimulationStatus},
    tenant::TenantScope,
    time::{Clock as _, DAY_MS, HOUR_MS, ManualClock},
};
use doubles::graph::{Command, GraphDouble, Options};
use guard::{Egress, Guard};
use hub::{
    connections::Connections,
    sender::{Line as _, Lines as _},
};
use providers::{Endpoints, Launch, M365};
use runtime::{
    lazy::Lazy,
    testing::{MemoryKms, START, integration},
    vault::Vault,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, sync::Arc};
use store::{Bundles as _, Campaigns as _, Integrations as _, Simulations as _, memory::MemoryStore};

const DIRECTORY: &str = "11111111-2222-3333-4444-555555555555";

pub(crate) struct Stage {
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tracker: Tracker<MemoryStore, MemoryKms>,
    graph: GraphDouble,
    integration: Integration,
}

#[expect(clippy::disallowed_methods, reason = "a test is the authority over its own tenant")]
pub(crate) fn acme() -> TenantScope {
    TenantScope::established("acme".parse().unwrap())
}

pub(crate) fn spring() -> CampaignId {
    "spring".parse().unwrap()
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let graph = GraphDouble::start(Options::default()).await.unwrap();
        let (store, clock) = (Lazy::ready(MemoryStore::default()), Arc::new(ManualClock::at(START)));
        let vault = Arc::new(Vault::new(MemoryKms::default(), clock.clone()));
        let integration = Self::integration();
        let secrets = Secrets::from([("client_secret".to_owned(), Secret::new("good".to_owned()))]);
        let sealed = vault.seal(&acme(), &integration.id, 1, &secrets).await.unwrap();
        let audit = AuditEntry {
            principal: Principal::System,
            action: "integration.created",
            target: String::new(),
            detail: String::new(),
            at: START,
        };
        store.save_integration(&acme(), &integration, Some(&sealed), false, &audit).await.unwrap();
        let guard = Arc::new(Guard::new(Egress::parse("127.0.0.1:*").unwrap()));
        let endpoints = Endpoints { graph_api: graph.graph_url(), login: graph.login_url(), ..Endpoints::default() };
        let connections = Connections::<_, _, M365>::new(store.clone(), vault, guard, endpoints, clock.clone());
        let tracker = Tracker { store: store.clone(), connections, clock: clock.clone() };
        store.ensure_campaign(&acme(), &spring(), &audit).await.unwrap();
        Self { store, clock, tracker, graph, integration }
    }

    fn integration() -> Integration {
        let Value::Object(config): Value = json!({
            "directory_id": DIRECTORY, "client_id": "66666666-7777-8888-9999-000000000000", "auth": "client_secret",
            "created_by": "secops@contoso.com", "payload_id": "12345678", "attack_technique": "credentialHarvesting",
            "duration_days": 7,
        }) else {
            unreachable!()
        };
        let config: Config = config;
        Integration { config, secret_version: 1, ..integration(Provider::M365) }
    }

    /// A simulation that runs; the bundle that it was made of.
    pub(crate) async fn launched(&self, name: &str, targets: &[&str]) -> BundleId {
        let origin = BundleId { request: RequestId::generate(), number: Some(0), generation: 0 };
        let now = self.clock.now();
        let recipients = targets.iter().enumerate().map(|(number, address)| Recipient {
            user_id: format!("u{number}").parse().unwrap(),
            address: (*address).to_owned(),
            locale: None,
            variables: BTreeMap::new(),
        });
        let payload = Payload { recipients: recipients.collect(), ..Payload::default() };
        let bundle = Bundle::first(
            origin.clone(),
            &spring(),
            Channel::M365,
            &self.integration.id,
            u16::try_from(targets.len()).unwrap(),
            now,
        );
        self.store.write_bundles(&acme(), &[(bundle, payload)], false).await.unwrap();
        let mut distinct: Vec<String> = targets.iter().map(|address| address.to_lowercase()).collect();
        distinct.sort();
        distinct.dedup();
        let line = self.tracker.connections.open(&acme(), &self.integration).await.unwrap();
        let launch = Launch {
            label: name,
            targets: &distinct,
            launch_at: None,
            duration_days: None,
            payload_id: None,
            may_create: true,
        };
        let launched = line.simulate(&launch).await.unwrap().unwrap();
        let simulation = Simulation {
            campaign: spring(),
            origin: origin.clone(),
            integration: self.integration.id.clone(),
            label: name.to_owned(),
            provider_id: launched.simulation,
            operation: None,
            status: SimulationStatus::Scheduled,
            targets: u16::try_from(distinct.len()).unwrap(),
            counts: BTreeMap::new(),
            report_digest: String::new(),
            problem: None,
            failures: 0,
            launch_at: now,
            duration_days: 7,
            sandbox: false,
            created_at: now,
            updated_at: now,
            next_look: Some(now),
            rev: 1,
        };
        self.store.begin_simulation(&acme(), &simulation).await.unwrap();
        origin
    }

    /// What Graph says from now on.
    pub(crate) fn graph_says(&self, status: &str, events: &[(&str, &str)]) {
        let directory = DIRECTORY.to_owned();
        self.graph.command(Command { directory, status: Some(status.into()), ..Command::default() });
        for (address, event) in events {
            let event = Some(((*address).into(), (*event).into(), "2025-11-20T12:30:00Z".into()));
            self.graph.command(Command { directory: DIRECTORY.to_owned(), event, ..Command::default() });
        }
    }

    /// Graph answers with this status only.
    pub(crate) fn graph_fails(&self, status: u16) {
        let directory = DIRECTORY.to_owned();
        self.graph.command(Command { directory, fail: Some(status), ..Command::default() });
    }

    pub(crate) async fn track(&self) -> Round {
        self.tracker.track(self.clock.now().plus_ms(DAY_MS)).await
    }

    /// Moves the clock to where the next look is due.
    pub(crate) async fn later(&self) {
        tokio::task::yield_now().await;
        self.clock.advance_ms(HOUR_MS);
    }

    pub(crate) async fn simulation(&self, origin: &BundleId) -> Simulation {
        self.store.simulation(&acme(), &spring(), origin).await.unwrap().unwrap()
    }
}
