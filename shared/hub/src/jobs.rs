//! Remembering what a scheduled job did, for whoever asks how the jobs are.

use domain::{
    job::{Job, JobRun},
    time::{Clock, Timestamp},
};
use std::collections::BTreeMap;
use store::Jobs;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What it did, by name. What is 0 is told, too.
    pub counts: BTreeMap<String, u64>,
    /// What was left undone, in words for the operator.
    pub error: Option<String>,
    /// Where the next run goes on.
    pub resume: Option<String>,
}

impl Outcome {
    /// A run that did this often what these names say.
    #[must_use]
    pub fn counted<const N: usize>(counts: [(&str, usize); N]) -> Self {
        let counts = counts.map(|(name, count)| (name.to_owned(), count as u64));
        Self { counts: BTreeMap::from(counts), ..Self::default() }
    }

    /// The same, with `failed` things left undone, of which `words` tell.
    #[must_use]
    pub fn with_failed(mut self, failed: usize, words: &str) -> Self {
        self.counts.insert("failed".to_owned(), failed as u64);
        if failed > 0 {
            self.error = Some(format!("{failed} {words}"));
        }
        self
    }
}

/// Keeps a run that has just ended. One that cannot be kept is logged and shows as late: what the job did is done.
pub async fn ended(store: &impl Jobs, clock: &dyn Clock, job: Job, started_at: Timestamp, outcome: Outcome) {
    let Outcome { counts, error, resume } = outcome;
    let run = JobRun { job, started_at, finished_at: clock.now(), error, counts, resume };
    if let Err(error) = store.record_run(&run).await {
        tracing::warn!(job = job.as_str(), %error, "that a job has run could not be remembered");
    }
}
