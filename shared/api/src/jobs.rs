//! Scheduled jobs, as the operator sees them.

use domain::{
    job::{Job, JobRun, JobState},
    time::{SECOND_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A scheduled job with its last run that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobView {
    /// Its name.
    #[schema(value_type = String, example = "sweep")]
    pub name: Job,
    /// What it is for.
    pub purpose: String,
    /// How it stands: `ok`; `failed`, if its last run left something undone; `late`, if it has not run for three intervals;
    /// `never`, if no run has ended yet.
    #[schema(value_type = String, example = "ok")]
    pub state: JobState,
    /// How often it runs, in seconds between two runs.
    pub interval_s: i64,
    /// When its last run began, RFC 3339; `null` if none has ended yet.
    pub started_at: Option<String>,
    /// When that run ended.
    pub finished_at: Option<String>,
    /// How long ago that run began, in seconds.
    pub age_s: Option<i64>,
    /// What that run left undone, in words; `null` if nothing.
    pub error: Option<String>,
    /// What that run did.
    pub counts: BTreeMap<String, u64>,
    /// When the next run is expected to begin.
    pub next_expected: Option<String>,
}

impl JobView {
    /// Every job, by the last runs that are known.
    #[must_use]
    pub fn all(runs: &[JobRun], now: Timestamp) -> Vec<Self> {
        Job::ALL.map(|job| Self::of(job, runs.iter().find(|run| run.job == job), now)).into()
    }

    fn of(job: Job, last: Option<&JobRun>, now: Timestamp) -> Self {
        Self {
            name: job,
            purpose: job.purpose().to_owned(),
            state: job.state(last, now),
            interval_s: job.interval_ms() / SECOND_MS,
            started_at: last.map(|run| run.started_at.to_rfc3339()),
            finished_at: last.map(|run| run.finished_at.to_rfc3339()),
            age_s: last.map(|run| now.since_ms(run.started_at).max(0) / SECOND_MS),
            error: last.and_then(|run| run.error.clone()),
            counts: last.map(|run| run.counts.clone()).unwrap_or_default(),
            next_expected: last.map(|run| run.next_expected().to_rfc3339()),
        }
    }
}
