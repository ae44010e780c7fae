//! Phishing simulations: what a caller orders, and what is remembered of one that its provider runs for days.
//!
//! ```text
//! order ──launch──> scheduled ──> running ──> succeeded | failed | cancelled | excluded
//!                       └── looked at again and again ──┘   given_up: no end in sight long after it should have ended
//! ```

use crate::{
    bundle::{BundleId, Cause},
    channel::UnknownName,
    failure::{Failure, FailureKind},
    feedback::FeedbackKind,
    ids::{CampaignId, IntegrationId},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// The longest name of a simulation, in characters.
pub const NAME_MAX_CHARS: usize = 80;

/// The longest a simulation may run, in days: what the Microsoft 365 portal lets an admin enter.
pub const DURATION_MAX_DAYS: u16 = 30;

/// How far ahead a launch may be planned, in milliseconds. Delivery records are kept for 90 days: a simulation that is
/// launched as late and runs as long as it may is over before they go.
pub const LAUNCH_WITHIN_MS: i64 = 30 * DAY_MS;

/// How long after its planned end a simulation is still looked at, in milliseconds.
const MARGIN_MS: i64 = 3 * DAY_MS;

/// The shortest pause between two looks, in milliseconds.
const SHORT_PAUSE_MS: i64 = 5 * MINUTE_MS;

/// The longest pause after looks that failed, in milliseconds.
const LONG_PAUSE_MS: i64 = 4 * HOUR_MS;

/// What a confirmed request asks a provider to run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name in the provider's console.
    pub name: String,
    /// When its messages begin to go out; at once when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub launch_at: Option<Timestamp>,
    /// How long it runs; as the integration says when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_days: Option<u16>,
    /// What its targets receive; the integration's payload when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload_id: Option<String>,
}

impl Order {
    /// The name under which the provider keeps it: it ends with the bundle's first name, so it is found again whatever
    /// became of the answer to its creation, and every generation of the bundle finds the same one.
    #[must_use]
    pub fn label(&self, bundle: &BundleId) -> String {
        format!("{} [{}]", self.name, origin(bundle))
    }
}

/// The first generation of a bundle.
#[must_use]
pub fn origin(bundle: &BundleId) -> BundleId {
    BundleId { generation: 0, ..bundle.clone() }
}

/// Where a simulation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SimulationStatus {
    /// Its provider says nothing that we understand.
    Unknown,
    /// Its time has not come.
    Scheduled,
    /// Its messages are out.
    Running,
    /// It ended as planned.
    Succeeded,
    /// Its provider could not run it.
    Failed,
    /// Somebody stopped it in the provider's console.
    Cancelled,
    /// Somebody took it out of the provider's reports.
    Excluded,
    /// It should have ended long ago; it is looked at no more.
    GivenUp,
}

impl SimulationStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Scheduled,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Excluded,
        Self::GivenUp,
    ];

    /// The name in the API and in events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Excluded => "excluded",
            Self::GivenUp => "given_up",
        }
    }

    /// Whether nothing more comes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Excluded | Self::GivenUp)
    }
}

impl fmt::Display for SimulationStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SimulationStatus {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(UnknownName)
    }
}

/// A simulation that was created at its provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulation {
    /// The campaign.
    pub campaign: CampaignId,
    /// The bundle whose members are its targets, in its first generation.
    pub origin: BundleId,
    /// The integration that runs it.
    pub integration: IntegrationId,
    /// Its name at the provider, by which it can be found.
    pub label: String,
    /// The provider's id of it, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The provider's id of its creation, where that is told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Where it stands.
    pub status: SimulationStatus,
    /// How many addresses it goes to.
    pub targets: u16,
    /// How many targets each thing happened to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<FeedbackKind, u32>,
    /// SHA-256 over the newest report as understood, hex: an unchanged one is not taken in again.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub report_digest: String,
    /// What is wrong with it, or with the last look at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Cause>,
    /// How many looks in a row have failed.
    #[serde(default)]
    pub failures: u32,
    /// When its messages begin to go out.
    pub launch_at: Timestamp,
    /// How long it runs.
    pub duration_days: u16,
    /// Whether the targets are the tenant's test users.
    #[serde(default)]
    pub sandbox: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// When this record last changed.
    pub updated_at: Timestamp,
    /// When it is looked at again; never when it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_look: Option<Timestamp>,
    /// Grows with each change.
    pub rev: u64,
}

/// What one look found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// The provider's id of it.
    pub provider_id: Option<String>,
    /// Where it stands.
    pub status: SimulationStatus,
    /// Why it failed, in the provider's words.
    pub problem: Option<Cause>,
}

impl Simulation {
    /// From when on it is looked at no more.
    #[must_use]
    pub const fn give_up_at(&self) -> Timestamp {
        self.launch_at.plus_ms(self.duration_days as i64 * DAY_MS + MARGIN_MS)
    }

    /// Takes in what a look found, and plans the next one.
    pub fn looked(&mut self, look: Look, now: Timestamp) {
        self.provider_id = look.provider_id.or_else(|| self.provider_id.take());
        self.status = look.status;
        self.problem = look.problem;
        self.failures = 0;
        self.next(now, self.pause_ms(now));
    }

    /// Takes in that a look failed, and plans the next one, later with each failure.
    pub fn look_failed(&mut self, failure: &Failure, now: Timestamp) {
        self.problem = Some(Cause::from(failure));
        self.failures = self.failures.saturating_add(1);
        let after_ms = match failure.kind {
            FailureKind::Transient { after_ms } | FailureKind::Throttled { after_ms } => after_ms.unwrap_or(0),
            FailureKind::Permanent | FailureKind::Unknown | FailureKind::Unauthorized => 0,
        };
        let pause_ms = SHORT_PAUSE_MS.saturating_mul(1 << self.failures.saturating_sub(1).min(10)).min(LONG_PAUSE_MS);
        self.next(now, pause_ms.max(after_ms));
    }

    fn next(&mut self, now: Timestamp, pause_ms: i64) {
        self.updated_at = now;
        if !self.status.is_final() && now >= self.give_up_at() {
            self.status = SimulationStatus::GivenUp;
        }
        self.next_look = (!self.status.is_final()).then(|| now.plus_ms(pause_ms));
    }

    /// Often while much happens: most targets react on the first day.
    fn pause_ms(&self, now: Timestamp) -> i64 {
        let age_ms = now.since_ms(self.launch_at);
        if age_ms < 0 {
            return (-age_ms).clamp(SHORT_PAUSE_MS, LONG_PAUSE_MS);
        }
        if age_ms < 2 * HOUR_MS {
            SHORT_PAUSE_MS
        } else if age_ms < DAY_MS {
            3 * SHORT_PAUSE_MS
        } else {
            HOUR_MS
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::RequestId;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn simulation() -> Simulation {
        Simulation {
            campaign: "spring".parse().unwrap(),
            origin: BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
            integration: IntegrationId::generate(),
            label: "Parcel".into(),
            provider_id: Some("s1".into()),
            operation: None,
            status: SimulationStatus::Scheduled,
            targets: 3,
            counts: BTreeMap::new(),
            report_digest: String::new(),
            problem: None,
            failures: 0,
            launch_at: NOON,
            duration_days: 7,
            sandbox: false,
            created_at: NOON,
            updated_at: NOON,
            next_look: Some(NOON),
            rev: 1,
        }
    }

    fn found(status: SimulationStatus) -> Look {
        Look { provider_id: None, status, problem: None }
    }

    #[test]
    fn every_generation_of_a_bundle_finds_the_same_simulation() {
        let order = Order { name: "Parcel".into(), ..Order::default() };
        let first: BundleId = "01JD0000000000000000000000.0000".parse().unwrap();
        assert_eq!(order.label(&first), "Parcel [01JD0000000000000000000000.0000]");
        assert_eq!(order.label(&first.child(0).unwrap()), order.label(&first));
    }

    #[test]
    fn it_is_looked_at_less_often_the_longer_it_runs() {
        let mut simulation = simulation();
        for (age_ms, pause_ms) in [
            (-2 * DAY_MS, LONG_PAUSE_MS),
            (-HOUR_MS, HOUR_MS),
            (0, SHORT_PAUSE_MS),
            (3 * HOUR_MS, 15 * MINUTE_MS),
            (2 * DAY_MS, HOUR_MS),
        ] {
            let now = NOON.plus_ms(age_ms);
            simulation.looked(found(SimulationStatus::Running), now);
            assert_eq!(simulation.next_look, Some(now.plus_ms(pause_ms)), "{age_ms}");
        }
        assert_eq!(simulation.provider_id.as_deref(), Some("s1"), "what is known is not forgotten");
    }

    #[test]
    fn the_end_of_a_simulation_ends_the_looks() {
        for status in SimulationStatus::ALL.into_iter().filter(|status| status.is_final()) {
            let mut simulation = simulation();
            simulation.looked(found(status), NOON);
            assert_eq!((simulation.status, simulation.next_look), (status, None));
        }
    }

    #[test]
    fn looks_that_fail_back_off_and_one_that_passes_makes_up_for_them() {
        let mut simulation = simulation();
        let failure = Failure::new(FailureKind::Transient { after_ms: None }, "provider_error", "HTTP 503");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            simulation.look_failed(&failure, NOON);
            pauses.push(simulation.next_look.unwrap().since_ms(NOON) / MINUTE_MS);
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 240, 240]);
        let throttled = Failure::new(FailureKind::Throttled { after_ms: Some(6 * HOUR_MS) }, "rate_limited", "");
        simulation.look_failed(&throttled, NOON);
        assert_eq!(simulation.next_look, Some(NOON.plus_ms(6 * HOUR_MS)));
        simulation.looked(found(SimulationStatus::Running), NOON);
        assert_eq!((simulation.failures, &simulation.problem), (0, &None));
    }

    #[test]
    fn one_that_never_ends_is_given_up_after_its_time_and_a_margin() {
        let mut simulation = simulation();
        let end = NOON.plus_ms(10 * DAY_MS);
        simulation.looked(found(SimulationStatus::Running), end.plus_ms(-1));
        assert!(simulation.next_look.is_some());
        simulation.looked(found(SimulationStatus::Running), end);
        assert_eq!((simulation.status, simulation.next_look), (SimulationStatus::GivenUp, None));
        let mut unreachable = self::simulation();
        unreachable.look_failed(&Failure::new(FailureKind::Unknown, "timeout", ""), end);
        assert_eq!((unreachable.status, unreachable.next_look), (SimulationStatus::GivenUp, None));
        assert_eq!(unreachable.problem.unwrap().code, "timeout", "the reason stays");
    }

    #[test]
    fn names_are_read_back() {
        for status in SimulationStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
