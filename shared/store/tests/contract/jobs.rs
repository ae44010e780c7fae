//! The last runs of scheduled jobs.

use crate::fixtures::NOON;
use domain::{
    job::{Job, JobRun},
    time::{MINUTE_MS, Timestamp},
};
use trunkline_store::Store;

fn run(job: Job, started_at: Timestamp) -> JobRun {
    JobRun {
        job,
        started_at,
        finished_at: started_at.plus_ms(700),
        error: None,
        counts: [("queued".to_owned(), 3)].into(),
        resume: None,
    }
}

pub(crate) async fn the_last_run_of_each_job_is_kept(store: &impl Store) {
    assert_eq!(store.job_runs().await, Ok(Vec::new()));
    let sweep = run(Job::Sweep, NOON);
    let failed = JobRun {
        error: Some("2 could not be done".to_owned()),
        resume: Some("beta".to_owned()),
        ..run(Job::Retention, NOON)
    };
    for run in [&sweep, &failed] {
        store.record_run(run).await.unwrap();
    }
    assert_eq!(store.job_runs().await, Ok(vec![failed.clone(), sweep]));
    let next = run(Job::Sweep, NOON.plus_ms(MINUTE_MS));
    store.record_run(&next).await.unwrap();
    assert_eq!(store.job_runs().await, Ok(vec![failed, next]));
}

pub(crate) async fn a_run_that_ends_late_does_not_hide_a_later_one(store: &impl Store) {
    let later = run(Job::Probe, NOON.plus_ms(MINUTE_MS));
    store.record_run(&later).await.unwrap();
    let slow = JobRun { finished_at: NOON.plus_ms(2 * MINUTE_MS), ..run(Job::Probe, NOON) };
    store.record_run(&slow).await.unwrap();
    assert_eq!(store.job_runs().await, Ok(vec![later]));
}
