//! One configured connection of a tenant.

use crate::{
    breaker,
    channel::{Channel, Kind, OnUnknown, Provider},
    health::{HealthStatus, TestReport},
    ids::IntegrationId,
    principal::Principal,
    rate::Limits,
    retry::RetryPolicy,
    time::{DAY_MS, MINUTE_MS, Timestamp},
    webhook::Stop,
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
    /// Of a disabled endpoint, why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<Stop>,
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

    /// Whether its newest test failed.
    #[must_use]
    pub fn fails(&self) -> bool {
        self.last_test.as_ref().is_some_and(|test| test.status == HealthStatus::Fail)
    }

    /// Whether it was tested and did not fail.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.last_test.is_some() && !self.fails()
    }

    /// When its next probe is due: one interval after its newest test, at once if it was never tested, soon if its
    /// breaker opened, so that a warning does not outlast its cause. `None` while it is disabled or deleted. Of an endpoint a
    /// probe does not tell whether it takes events, so its warnings end with the first that it takes.
    #[must_use]
    pub fn next_probe_at(&self) -> Option<Timestamp> {
        let interval_ms = i64::from(self.probe_interval_minutes) * MINUTE_MS;
        let soon = |test: &TestReport| test.code == breaker::OPEN_CODE && self.provider != Provider::Webhook;
        let pause_ms = |test: &TestReport| if soon(test) { MINUTE_MS } else { interval_ms };
        self.usable().then(|| self.last_test.as_ref().map_or(self.created_at, |test| test.at.plus_ms(pause_ms(test))))
    }
}

/// The usable integrations of a channel in the order in which they are used: the lowest priority number first, the oldest
/// among equals.
#[must_use]
pub fn in_order(integrations: &[Integration], channel: Channel) -> Vec<&Integration> {
    let mut all: Vec<&Integration> = integrations
        .iter()
        .filter(|integration| integration.channel() == Some(channel) && integration.usable())
        .collect();
    all.sort_by_key(|integration| (integration.priority, integration.created_at, &integration.id));
    all
}

/// The integration that a send without an explicit one uses: the first in order whose test passed, and if none did, the
/// first. Where an address means something to one integration only, the first, whatever its test says: another one would
/// reach nobody, or somebody else.
#[must_use]
pub fn preferred(integrations: &[Integration], channel: Channel) -> Option<&Integration> {
    let all = in_order(integrations, channel);
    let passing = all.iter().find(|integration| channel.addresses_are_universal() && integration.passes());
    passing.or(all.first()).copied()
}

/// The integrations that may stand in for the one with this `id`, in order: those of its channel whose test passed.
#[must_use]
pub fn stand_ins<'a>(integrations: &'a [Integration], channel: Channel, id: &IntegrationId) -> Vec<&'a Integration> {
    let mut all = in_order(integrations, channel);
    all.retain(|integration| channel.addresses_are_universal() && integration.passes() && integration.id != *id);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure, FailureKind};

    fn integration(provider: Provider, priority: u16, passed: Option<bool>) -> Integration {
        let at = Timestamp(0);
        let failure = Failure::new(FailureKind::Permanent, "unreachable", "");
        Integration {
            id: IntegrationId::generate(),
            provider,
            name: String::new(),
            config: Config::new(),
            masks: BTreeMap::new(),
            secret_version: 0,
            enabled: true,
            priority,
            limits: Limits::default(),
            retry_policy: RetryPolicy::Exponential,
            on_unknown: OnUnknown::Retry,
            probe_interval_minutes: 60,
            last_test: passed
                .map(|passed| if passed { TestReport::passed("", 5, at) } else { TestReport::failed(&failure, 5, at) }),
            created_at: at,
            updated_at: at,
            updated_by: Principal::System,
            rev: 1,
            deleted_at: None,
            stopped: None,
        }
    }

    fn priority_of(all: &[Integration], channel: Channel) -> Option<u16> {
        preferred(all, channel).map(|it| it.priority)
    }

    #[test]
    fn the_first_that_passes_is_preferred_and_if_none_does_the_first() {
        let mail = |priority, passed| integration(Provider::Smtp, priority, passed);
        let all = [mail(3, Some(true)), mail(1, Some(false)), mail(2, Some(true)), mail(0, None)];
        assert_eq!(priority_of(&all, Channel::Email), Some(2));
        assert_eq!(priority_of(&all[1..2], Channel::Email), Some(1));
        assert_eq!(priority_of(&all, Channel::Slack), None);
        let off = Integration { enabled: false, ..mail(0, Some(true)) };
        assert_eq!(priority_of(&[off, all[0].clone()], Channel::Email), Some(3));
        let standing_in: Vec<_> = stand_ins(&all, Channel::Email, &all[2].id).iter().map(|it| it.priority).collect();
        assert_eq!(standing_in, [3], "what was never tested or failed stands in for nobody");
    }

    #[test]
    fn nobody_stands_in_where_addresses_are_known_to_one_only() {
        let all = [integration(Provider::Slack, 1, Some(false)), integration(Provider::Slack, 2, Some(true))];
        assert_eq!(priority_of(&all, Channel::Slack), Some(1));
        assert!(stand_ins(&all, Channel::Slack, &all[0].id).is_empty());
    }

    #[test]
    fn after_the_breaker_opened_the_next_probe_is_soon() {
        let mut integration = integration(Provider::Smtp, 1, Some(true));
        assert_eq!(integration.next_probe_at(), Some(Timestamp(60 * MINUTE_MS)));
        integration.last_test = Some(TestReport::breaker_opened("", Timestamp(0)));
        assert_eq!(integration.next_probe_at(), Some(Timestamp(MINUTE_MS)));
        assert!(integration.passes(), "a warning is no failure");
        integration.provider = Provider::Webhook;
        assert_eq!(integration.next_probe_at(), Some(Timestamp(60 * MINUTE_MS)), "its test posts nothing");
    }
}
