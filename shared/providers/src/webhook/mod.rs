//! Outbound webhooks: events posted to an endpoint of a tenant's, signed as Standard Webhooks says.

pub(crate) mod settings;

use crate::{Endpoints, Outgoing};
use domain::{
    failure::{Failure, FailureKind},
    ids::DeliveryId,
    integration::Config,
    secret::Secrets,
    webhook::{Answer, EndpointSettings, OutEvent},
};
use guard::Guard;
use std::{fmt, sync::Arc};

/// How many events are posted to one endpoint at once.
pub(crate) const CONCURRENCY: usize = 10;

/// One event to be posted.
#[derive(Clone, Copy, Debug)]
pub struct Post<'a> {
    /// The delivery, which is told in a header.
    pub delivery: &'a DeliveryId,
    /// The event.
    pub event: &'a OutEvent,
}

/// What came of a post.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What the endpoint answered, as far as it did.
    pub answer: Answer,
    /// What that means.
    pub result: Result<(), Failure>,
}

/// An endpoint that is ready to be posted to.
pub struct Webhook {
    settings: EndpointSettings,
    #[expect(dead_code, reason = "to be written")]
    guard: Arc<Guard>,
}

impl Webhook {
    pub(crate) fn open(config: &Config, _: &Secrets, guard: Arc<Guard>, _: &Endpoints) -> Result<Self, Failure> {
        let malformed =
            |error: serde_json::Error| Failure::new(FailureKind::Permanent, "settings_invalid", &error.to_string());
        Ok(Self { settings: EndpointSettings::read(config).map_err(malformed)?, guard })
    }

    pub(crate) async fn test(&self) -> Result<String, Failure> {
        Ok(self.settings.url.clone())
    }

    pub(crate) async fn send(&self, _: &Outgoing<'_>) -> Result<Option<String>, Failure> {
        Err(Failure::new(FailureKind::Permanent, "settings_invalid", "an endpoint takes events, not messages"))
    }

    pub(crate) async fn post(&self, _: &Post<'_>) -> Reply {
        let failure = Failure::new(FailureKind::Permanent, "settings_invalid", "to be written");
        Reply { answer: Answer::default(), result: Err(failure) }
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("settings", &self.settings).finish_non_exhaustive()
    }
}
