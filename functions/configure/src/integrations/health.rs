//! How an integration does: its figures over a span, and the log they come from.

use super::saved;
use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read},
};
use api::{
    integrations::{HealthView, TestView},
    page::{List, PageQuery},
};
use axum::extract::State;
use domain::{
    health::TestReport,
    ids::IntegrationId,
    time::{HOUR_MS, Timestamp},
};
use runtime::http::{Answer, Json, Path, Query};
use serde::Deserialize;
use std::sync::Arc;
use store::Integrations;

/// The span when the caller does not say.
const HOURS_DEFAULT: u32 = 24;
/// The longest span: 30 days.
const HOURS_MAX: u32 = 720;
/// How many tests the figures are made from at most, the newest: one a minute for 16 hours, one in five for 3 days.
const TESTS_MAX: usize = 1_000;

/// How far back, and how much.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Span {
    hours: Option<u32>,
    limit: Option<usize>,
}

impl Span {
    fn hours(self) -> Answer<u32> {
        let hours = self.hours.unwrap_or(HOURS_DEFAULT);
        let mut faults = Faults::default();
        if !(1..=HOURS_MAX).contains(&hours) {
            faults.add("hours", "out_of_range", format!("Ask for 1 to {HOURS_MAX} hours."));
        }
        faults.finish()?;
        Ok(hours)
    }

    fn since(self, now: Timestamp) -> Answer<Timestamp> {
        Ok(now.plus_ms(-HOUR_MS * i64::from(self.hours()?)))
    }
}

pub(crate) async fn figures<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
    Query(span): Query<Span>,
) -> Answer<Json<HealthView>> {
    let (asked, now) = (span.hours()?, hub.now());
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    let log = hub.store.health_log(&caller.scope, &id, span.since(now)?, TESTS_MAX).await?;
    Ok(Json(HealthView::over(&log, integration.last_test.as_ref(), covered_hours(&log, asked, now))))
}

/// The span that the figures tell of: shorter than asked for where more tests ran in it than are looked at.
fn covered_hours(log: &[TestReport], asked: u32, now: Timestamp) -> u32 {
    let oldest = log.last().filter(|_| log.len() == TESTS_MAX);
    let hours = oldest.and_then(|oldest| u32::try_from(now.since_ms(oldest.at) / HOUR_MS + 1).ok());
    hours.map_or(asked, |hours| hours.min(asked))
}

pub(crate) async fn log<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Read>,
    Path(id): Path<IntegrationId>,
    Query(span): Query<Span>,
) -> Answer<Json<List<TestView>>> {
    let since = span.since(hub.now())?;
    saved::find(&hub, &caller.scope, &id).await?;
    let limit = PageQuery { limit: span.limit, cursor: None }.limit();
    let log = hub.store.health_log(&caller.scope, &id, since, limit).await?;
    Ok(Json(List { items: log.iter().map(TestView::from).collect(), next: None }))
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, acme, slack_body, with};
    use domain::{
        health::TestReport,
        principal::Principal,
        time::{HOUR_MS, MINUTE_MS},
    };
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::Integrations;

    #[tokio::test]
    async fn figures_and_log_over_a_span() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for hour in 0..3 {
            stage.clock.advance_ms(HOUR_MS);
            stage.post(&format!("{path}/test"), Value::Null).await;
            if hour == 1 {
                stage.clock.advance_ms(1);
                let rotation = json!({"secrets": {"bot_token": "xoxb-good-other"}});
                assert_eq!(stage.put(&format!("{path}/secrets"), rotation).await.status, 200, "logged as a test too");
            }
        }
        let figures = stage.get(&format!("{path}/health")).await.body;
        assert_eq!((&figures["tests"], &figures["uptime_percent"]), (&json!(5), &json!(100.0)));
        assert_eq!((&figures["window_hours"], &figures["p95_ms"]), (&json!(24), &json!(0)));
        let recent = stage.get(&format!("{path}/health?hours=1")).await.body;
        assert_eq!((&recent["tests"], &recent["window_hours"]), (&json!(2), &json!(1)));

        let log = stage.get(&format!("{path}/health/log?limit=2")).await.body;
        let times: Vec<_> = log["items"].as_array().unwrap().iter().map(|test| test["tested_at"].clone()).collect();
        assert_eq!(times, ["2025-11-20T15:00:00.001Z", "2025-11-20T14:00:00.001Z"], "newest first");
        assert_eq!(log["next"], Value::Null);
    }

    #[tokio::test]
    async fn failures_are_told_with_their_reasons() {
        let stage = Stage::new().await;
        let body = with(slack_body(), &[("secrets.bot_token", json!("xoxb-revoked-1"))]);
        let path = stage.post("/v1/integrations?test=false", body).await.headers["location"].clone();
        let never = stage.get(&format!("{path}/health")).await.body;
        assert_eq!((&never["last_test"], &never["tests"], &never["p50_ms"]), (&Value::Null, &json!(0), &Value::Null));
        stage.post(&format!("{path}/test"), Value::Null).await;
        let figures = stage.get(&format!("{path}/health")).await.body;
        assert_eq!(figures["error_rate_percent"], json!(100.0));
        assert_eq!(figures["recent_errors"][0], figures["last_test"]);
        assert_eq!(figures["last_test"]["badge"], "red");
    }

    #[tokio::test]
    async fn where_more_tests_ran_than_are_looked_at_the_span_says_so() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let integration = stage.stored().await.remove(0);
        for minute in 1..=1_200 {
            let report = TestReport::passed("", 1, START.plus_ms(minute * MINUTE_MS));
            stage.store.record_test(&acme(), &integration, &report, &Principal::System).await.unwrap();
        }
        stage.clock.advance_ms(20 * HOUR_MS);
        let figures = stage.get(&format!("{path}/health")).await.body;
        assert_eq!((&figures["tests"], &figures["window_hours"]), (&json!(1_000), &json!(17)));
    }

    #[tokio::test]
    async fn a_span_out_of_range_is_refused() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for wrong in ["0", "721", "-1", "all"] {
            for route in ["health", "health/log"] {
                let answer = stage.get(&format!("{path}/{route}?hours={wrong}")).await;
                assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("hours")), "{wrong}");
            }
        }
    }
}
