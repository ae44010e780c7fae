//! Opening a tenant's connection to its provider: stored settings, opened secrets, guarded network. And testing it.

use crate::{
    expiring::Expiring,
    sender::{Line, Lines},
};
use domain::{
    failure::{Failure, FailureKind},
    health::TestReport,
    ids::{IntegrationId, TenantId},
    integration::{Config, Integration},
    secret::Secrets,
    tenant::TenantScope,
    time::{Clock, MINUTE_MS, Timestamp},
};
use guard::Guard;
use providers::{Carry, Connect, Connection, Endpoints, Found, Launch, Launched, Outgoing, Post, Reply};
use runtime::{
    lazy::Lazy,
    vault::{Kms, Vault, VaultError},
};
use std::{sync::Arc, time::Duration};
use store::Integrations;

/// The longest a test recipe may take, in milliseconds.
pub const TEST_TIMEOUT_MS: u64 = 10_000;

/// How long an idle line to a provider is kept, in milliseconds.
const LINE_TTL_MS: i64 = 5 * MINUTE_MS;

/// Connections of any tenant's integrations, kept open while their settings stay the same. `L` are the providers that
/// can be connected to: all of them, unless a sender names those of its channel.
pub struct Connections<S, K, L = Connection> {
    store: Lazy<S>,
    vault: Arc<Vault<K>>,
    guard: Arc<Guard>,
    endpoints: Endpoints,
    clock: Arc<dyn Clock>,
    // The revision is part of the key: a change of settings or secrets opens a new line.
    open: Expiring<(TenantId, IntegrationId, u64), Arc<L>>,
}

impl<S: Integrations, K: Kms, L: Connect> Connections<S, K, L> {
    /// Connections over the given store and vault, through `guard`.
    pub fn new(
        store: Lazy<S>,
        vault: Arc<Vault<K>>,
        guard: Arc<Guard>,
        endpoints: Endpoints,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store, vault, guard, endpoints, clock, open: Expiring::new(LINE_TTL_MS) }
    }

    /// The stored secrets of an integration, in the version that serves.
    pub async fn secrets(&self, scope: &TenantScope, integration: &Integration) -> Result<Arc<Secrets>, Failure> {
        let version = integration.secret_version;
        if version == 0 {
            return Ok(Arc::default());
        }
        let unavailable = |why: String| Failure::new(FailureKind::Transient { after_ms: None }, "provider_error", &why);
        let unreadable = || Failure::new(FailureKind::Unauthorized, "secret_unreadable", "");
        let sealed = self
            .store
            .secret(scope, &integration.id, version)
            .await
            .map_err(|error| unavailable(error.to_string()))?
            .ok_or_else(unreadable)?;
        self.vault.open(scope, &integration.id, version, &sealed).await.map_err(|error| match error {
            VaultError::Unavailable(why) => unavailable(why),
            VaultError::Unreadable(_) => unreadable(),
        })
    }

    /// Runs the test recipe over the given settings and secrets. Nothing is stored.
    pub async fn try_out(&self, provider: domain::channel::Provider, config: &Config, secrets: &Secrets) -> TestReport {
        let started = self.clock.now();
        let recipe =
            async { L::open(provider, config, secrets, Arc::clone(&self.guard), &self.endpoints)?.test().await };
        let result = tokio::time::timeout(Duration::from_millis(TEST_TIMEOUT_MS), recipe).await;
        // A test sends nothing, so there is no doubt about a message, as the code `timeout` would have it.
        let too_slow = || {
            let words = format!("no answer within {} s", TEST_TIMEOUT_MS / 1_000);
            Failure::new(FailureKind::Transient { after_ms: None }, "unreachable", &words)
        };
        self.report(started, result.unwrap_or_else(|_| Err(too_slow())))
    }

    /// Runs the test recipe of a saved integration. Nothing is stored. An error means that it could not be run for the
    /// moment, because our own store or key service is away: that says nothing about the integration.
    pub async fn test(&self, scope: &TenantScope, integration: &Integration) -> Result<TestReport, Failure> {
        let started = self.clock.now();
        match self.secrets(scope, integration).await {
            Ok(secrets) => Ok(self.try_out(integration.provider, &integration.config, &secrets).await),
            Err(failure) if matches!(failure.kind, FailureKind::Transient { .. }) => Err(failure),
            Err(failure) => Ok(self.report(started, Err(failure))),
        }
    }

    fn report(&self, started: Timestamp, result: Result<String, Failure>) -> TestReport {
        let now = self.clock.now();
        let latency_ms = u64::try_from(now.since_ms(started)).unwrap_or(0);
        match result {
            Ok(detail) => TestReport::passed(&detail, latency_ms, now),
            Err(failure) => TestReport::failed(&failure, latency_ms, now),
        }
    }
}

impl<S: Integrations, K: Kms, L: Connect> Connections<S, K, L> {
    /// The line of an integration, kept open while its settings stay the same.
    pub async fn line(&self, scope: &TenantScope, integration: &Integration) -> Result<Arc<L>, Failure> {
        let key = (scope.tenant().clone(), integration.id.clone(), integration.rev);
        let load = async {
            let secrets = self.secrets(scope, integration).await?;
            let guard = Arc::clone(&self.guard);
            let Integration { provider, config, .. } = integration;
            L::open(*provider, config, &secrets, guard, &self.endpoints).map(|line| Some(Arc::new(line)))
        };
        let opened = self.open.get_or_load(key, self.clock.now(), load).await?;
        opened.ok_or_else(|| Failure::new(FailureKind::Unknown, "provider_error", "the connection was not opened"))
    }
}

impl<S: Integrations, K: Kms, L: Carry> Lines for Connections<S, K, L> {
    type Line = L;

    async fn open(&self, scope: &TenantScope, integration: &Integration) -> Result<Arc<L>, Failure> {
        self.line(scope, integration).await
    }

    fn forget(&self, scope: &TenantScope, integration: &Integration) {
        self.open.forget(&(scope.tenant().clone(), integration.id.clone(), integration.rev));
        self.vault.forget(scope, &integration.id);
    }
}

impl<L: Carry> Line for L {
    async fn send(&self, outgoing: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Carry::send(self, outgoing).await
    }

    fn concurrency(&self) -> usize {
        Carry::concurrency(self)
    }

    async fn find(&self, outgoing: &Outgoing<'_>) -> Found {
        Carry::find(self, outgoing).await
    }

    async fn simulate(&self, launch: &Launch<'_>) -> Result<Option<Launched>, Failure> {
        Carry::simulate(self, launch).await
    }

    async fn post(&self, post: &Post<'_>) -> Reply {
        Carry::post(self, post).await
    }
}
