//! What runs by the clock, and how it stands.
//!
//! Answered by this function because it is the operator's like all of its routes, and reads one partition of the table that
//! this function reads anyway: a function of its own would be a role, a log and a cold start more for one query.

use crate::handler::Tenants;
use api::{jobs::JobView, page::List};
use axum::extract::State;
use runtime::{
    caller::Operator,
    http::{Answer, Json},
    vault::Kms,
};
use std::sync::Arc;
use store::Jobs;

pub(crate) async fn list<S: Jobs, K: Kms>(
    State(tenants): State<Arc<Tenants<S, K>>>,
    _: Operator,
) -> Answer<Json<List<JobView>>> {
    let runs = tenants.store.job_runs().await?;
    Ok(Json(List { items: JobView::all(&runs, tenants.clock.now()), next: None }))
}

#[cfg(test)]
mod tests {
    use crate::stage::Stage;
    use axum::http::Method;
    use domain::{
        job::{Job, JobRun},
        time::{MINUTE_MS, SECOND_MS},
    };
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::Jobs as _;

    #[tokio::test]
    async fn every_job_is_shown_with_its_last_run_and_one_that_stays_away_as_late() {
        let stage = Stage::new();
        let sweep = JobRun {
            job: Job::Sweep,
            started_at: START,
            finished_at: START.plus_ms(SECOND_MS),
            error: None,
            counts: [("queued".to_owned(), 2)].into(),
            resume: None,
        };
        let failed = JobRun { job: Job::TrackM365, error: Some("1 look failed".into()), ..sweep.clone() };
        for run in [&sweep, &failed] {
            stage.store.record_run(run).await.unwrap();
        }
        stage.clock.advance_ms(2 * MINUTE_MS);
        let list = async || stage.call(Method::GET, "/v1/jobs", Value::Null).await.body["items"].clone();
        let shown = list().await;
        let states = |shown: &Value| -> Vec<(String, String)> {
            let text = |it: &Value| it.as_str().unwrap().to_owned();
            shown.as_array().unwrap().iter().map(|job| (text(&job["name"]), text(&job["state"]))).collect()
        };
        let expected = |sweep: &str| -> Vec<(String, String)> {
            [
                ("probe", "never"),
                ("sweep", sweep),
                ("key-expiry", "never"),
                ("track-m365", "failed"),
                ("retention", "never"),
            ]
            .map(|(name, state)| (name.to_owned(), state.to_owned()))
            .into()
        };
        assert_eq!(states(&shown), expected("ok"));
        assert_eq!(
            shown[1],
            json!({
                "name": "sweep", "purpose": "queues what is due and releases what was held", "state": "ok",
                "interval_s": 60, "started_at": "2025-11-20T12:00:00.000Z",
                "finished_at": "2025-11-20T12:00:01.000Z", "age_s": 120, "error": null,
                "counts": {"queued": 2}, "next_expected": "2025-11-20T12:01:00.000Z",
            })
        );
        assert_eq!(shown[3]["error"], "1 look failed");
        stage.clock.advance_ms(MINUTE_MS + 1);
        assert_eq!(states(&list().await), expected("late"));
    }
}
