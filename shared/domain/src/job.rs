//! What runs by the clock, what its last run came to, and whether the next one is overdue.

use crate::time::{DAY_MS, MINUTE_MS, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How many intervals may go by without a run until a job is called late. One is missed now and then: a tick that fails is
/// not retried.
pub const LATE_AFTER_INTERVALS: i64 = 3;

/// A scheduled job. Its interval is that of its schedule in `template.yaml`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Queues the tests of integrations that are due: their health.
    Probe,
    /// Repairs: what is due is queued, what was held is released.
    Sweep,
    /// Reminds tenants of API keys that are about to expire.
    KeyExpiry,
    /// Looks at the simulations that Microsoft 365 runs.
    TrackM365,
    /// Checks that what is kept is kept no longer than promised.
    Retention,
}

impl Job {
    /// Every one of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [Self::Probe, Self::Sweep, Self::KeyExpiry, Self::TrackM365, Self::Retention];

    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Sweep => "sweep",
            Self::KeyExpiry => "key-expiry",
            Self::TrackM365 => "track-m365",
            Self::Retention => "retention",
        }
    }

    /// What it is for, in a few words.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Probe => "queues the tests of integrations that are due",
            Self::Sweep => "queues what is due and releases what was held",
            Self::KeyExpiry => "reminds of API keys that expire",
            Self::TrackM365 => "looks at simulations at Microsoft 365",
            Self::Retention => "checks that nothing is kept longer than promised",
        }
    }

    /// The time between two runs, in milliseconds.
    #[must_use]
    pub const fn interval_ms(self) -> i64 {
        match self {
            Self::Probe | Self::Sweep | Self::KeyExpiry => MINUTE_MS,
            Self::TrackM365 => 5 * MINUTE_MS,
            Self::Retention => DAY_MS,
        }
    }

    /// How it stands at `now`, by its last run that ended. One that was killed left nothing behind, and shows as late.
    #[must_use]
    pub fn state(self, last: Option<&JobRun>, now: Timestamp) -> JobState {
        match last {
            None => JobState::Never,
            Some(run) if now.since_ms(run.started_at) > LATE_AFTER_INTERVALS * self.interval_ms() => JobState::Late,
            Some(JobRun { error: Some(_), .. }) => JobState::Failed,
            Some(_) => JobState::Ok,
        }
    }
}

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Its last run did all that it had to.
    Ok,
    /// Its last run left something undone.
    Failed,
    /// It has not run for [`LATE_AFTER_INTERVALS`] intervals.
    Late,
    /// It has never run to its end: the deployment is new, or its schedule is off.
    Never,
}

impl JobState {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Late => "late",
            Self::Never => "never",
        }
    }
}

/// The last run of a job that ended, whoever's tenants it was for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRun {
    /// Which job.
    pub job: Job,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
    /// What was left undone, in words for the operator; `None` if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it did, by name.
    #[serde(default)]
    pub counts: BTreeMap<String, u64>,
    /// Where the next run goes on, for a job that does not get through in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume: Option<String>,
}

impl JobRun {
    /// When the next one is expected to begin.
    #[must_use]
    pub const fn next_expected(&self) -> Timestamp {
        self.started_at.plus_ms(self.job.interval_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_763_640_000_000);

    fn run(error: Option<&str>) -> JobRun {
        JobRun {
            job: Job::TrackM365,
            started_at: START,
            finished_at: START.plus_ms(800),
            error: error.map(str::to_owned),
            counts: BTreeMap::new(),
            resume: None,
        }
    }

    #[test]
    fn a_job_is_late_after_three_intervals_whatever_its_last_run_came_to() {
        let job = Job::TrackM365;
        let limit = START.plus_ms(3 * job.interval_ms());
        assert_eq!(job.state(None, START), JobState::Never);
        for (error, before) in [(None, JobState::Ok), (Some("throttled"), JobState::Failed)] {
            assert_eq!(job.state(Some(&run(error)), limit), before);
            assert_eq!(job.state(Some(&run(error)), limit.plus_ms(1)), JobState::Late);
        }
    }

    #[test]
    fn names_are_the_same_in_store_and_api() {
        for job in Job::ALL {
            assert_eq!(serde_json::to_value(job).unwrap(), job.as_str());
        }
    }

    #[test]
    fn the_next_run_is_counted_from_the_beginning_of_the_last() {
        assert_eq!(run(None).next_expected(), START.plus_ms(5 * MINUTE_MS));
    }
}
