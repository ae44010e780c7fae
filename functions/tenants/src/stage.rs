//! The function with everything around it, for tests.

use crate::handler::{Tenants, of_operator, router};
use axum::http::Method;
use domain::{
    audit::AuditEntry,
    channel::Provider,
    integration::Integration,
    principal::Principal,
    secret::Secret,
    tenant::{Tenant, TenantScope},
    time::{Clock, ManualClock},
};
use runtime::{
    caller::Context,
    http::App,
    lazy::Lazy,
    testing::{Answered, MemoryKms, START, call, integration},
    vault::Vault,
};
use serde_json::Value;
use std::sync::Arc;
use store::{Access as _, Integrations as _, memory::MemoryStore};

pub(crate) struct Stage {
    pub(crate) store: Lazy<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) kms: Arc<MemoryKms>,
    pub(crate) vault: Vault<Arc<MemoryKms>>,
    pub(crate) app: App,
}

pub(crate) fn scope(tenant: &str) -> TenantScope {
    of_operator(&tenant.parse().unwrap())
}

pub(crate) fn audit(action: &'static str) -> AuditEntry {
    AuditEntry { principal: Principal::System, action, target: String::new(), detail: String::new(), at: START }
}

impl Stage {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock::at(START));
        let (store, kms) = (Lazy::ready(MemoryStore::default()), Arc::<MemoryKms>::default());
        let vault = || Vault::new(Arc::clone(&kms), Arc::clone(&clock) as Arc<dyn Clock>);
        let app = App::new(router(Tenants { store: store.clone(), vault: vault(), clock: clock.clone() }));
        let vault = vault();
        Self { store, clock, kms, vault, app }
    }

    /// Calls as the operator.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Answered {
        call(&self.app, &Context::operator(None), method, path, body).await
    }

    pub(crate) async fn tenant(&self, id: &str) -> TenantScope {
        let tenant = Tenant::new(id.parse().unwrap(), "Acme Ltd.".into(), START);
        self.store.create_tenant(&tenant, &audit("tenant.created")).await.unwrap();
        scope(id)
    }

    /// A saved integration with a sealed password.
    pub(crate) async fn integration(&self, scope: &TenantScope, password: &str) -> Integration {
        let integration = Integration { secret_version: 1, ..integration(Provider::Smtp) };
        let secrets = [("password".to_owned(), Secret::new(password.into()))].into();
        let sealed = self.vault.seal(scope, &integration.id, 1, &secrets).await.unwrap();
        let saved = audit("integration.created");
        self.store.save_integration(scope, &integration, Some(&sealed), false, &saved).await.unwrap();
        integration
    }
}
