//! The last runs of scheduled jobs.

use super::MemoryStore;
use crate::{Jobs, Result};
use domain::job::JobRun;
use std::collections::BTreeMap;

/// By the job's name.
pub(super) type Tables = BTreeMap<&'static str, JobRun>;

impl Jobs for MemoryStore {
    async fn record_run(&self, run: &JobRun) -> Result<()> {
        self.call("record_run", |state| {
            let last = state.jobs.entry(run.job.as_str()).or_insert_with(|| run.clone());
            if run.started_at >= last.started_at {
                *last = run.clone();
            }
            Ok(())
        })
        .await
    }

    async fn job_runs(&self) -> Result<Vec<JobRun>> {
        self.call("job_runs", |state| Ok(state.jobs.values().cloned().collect())).await
    }
}
