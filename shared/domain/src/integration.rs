//! One configured connection of a tenant.

use crate::{
    channel::{Channel, Kind, OnUnknown, Provider},
    health::TestReport,
    ids::IntegrationId,
    principal::Principal,
    rate::Limits,
    retry::RetryPolicy,
    time::{DAY_MS, MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings without secrets, as validated by the provider.
pub type Config = serde_json::Map<String, serde_json::Value>;

/// The shortest and longest pause between two scheduled probes, in minutes.
pub const PROBE_INTERVAL_MINUTES: std::ops::RangeInclusive<u16> = 1..=60;

/// How old the last passed test may be for a campaign to start: a day.
pub const TEST_FRESH_MS: i64 = DAY_MS;

/// One configured connection of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its identifier.
    pub id: IntegrationId,
    /// Who carries the messages; it decides the channel.
    pub provider: Provider,
    /// Its name for people, unique only by their care.
    pub name: String,
    /// Settings without secrets.
    pub config: Config,
    /// The secret fields that are set, each with what may be shown of it.
    pub masks: BTreeMap<String, String>,
    /// The version of the secrets that serves; 0 when the provider needs none.
    pub secret_version: u32,
    /// Whether campaigns may use it.
    pub enabled: bool,
    /// Among several of one channel, the lowest number is used first.
    pub priority: u16,
    /// How fast it may send.
    pub limits: Limits,
    /// When a transient failure is tried again.
    pub retry_policy: RetryPolicy,
    /// What to do when a blind provider's answer is unknown.
    pub on_unknown: OnUnknown,
    /// Minutes between two scheduled probes.
    pub probe_interval_minutes: u16,
    /// The newest test of the saved settings.
    pub last_test: Option<TestReport>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings last changed.
    pub updated_at: Timestamp,
    /// Who changed them.
    pub updated_by: Principal,
    /// Grows with each change of settings; a writer must have seen the newest.
    pub rev: u64,
    /// When it was deleted. A deleted integration is kept for its history and never shown or used again.
    pub deleted_at: Option<Timestamp>,
}

impl Integration {
    /// What it is for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.provider.kind()
    }

    /// The channel it serves, if it delivers.
    #[must_use]
    pub const fn channel(&self) -> Option<Channel> {
        self.provider.channel()
    }

    /// Whether it may carry a message now.
    #[must_use]
    pub const fn usable(&self) -> bool {
        self.enabled && self.deleted_at.is_none()
    }

    /// When its next probe is due: one interval after its newest test, at once if it was never tested. `None` while it
    /// is disabled or deleted.
    #[must_use]
    pub fn next_probe_at(&self) -> Option<Timestamp> {
        let pause = i64::from(self.probe_interval_minutes) * MINUTE_MS;
        self.usable().then(|| self.last_test.as_ref().map_or(self.created_at, |test| test.at.plus_ms(pause)))
    }
}

/// The integration that a send without an explicit one uses: the usable one of the channel with the lowest priority
/// number, the oldest among equals.
#[must_use]
pub fn preferred(integrations: &[Integration], channel: Channel) -> Option<&Integration> {
    integrations
        .iter()
        .filter(|integration| integration.channel() == Some(channel) && integration.usable())
        .min_by_key(|integration| (integration.priority, integration.created_at, integration.id.clone()))
}
