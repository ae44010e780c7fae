//! The last runs of scheduled jobs, by intent.

use crate::Result;
use domain::job::JobRun;
use std::future::Future;

/// What the scheduled jobs of this deployment did last. One record a job, and no tenant's.
pub trait Jobs: Send + Sync {
    /// Keeps a run that ended as its job's last one, unless one that began later is kept already.
    fn record_run(&self, run: &JobRun) -> impl Future<Output = Result<()>> + Send;

    /// The last run of each job that ever ran to its end, in the order of their names.
    fn job_runs(&self) -> impl Future<Output = Result<Vec<JobRun>>> + Send;
}
