//! How an integration does: its figures over a span, and the log they come from.

use super::saved;
use crate::{
    faults::Faults,
    hub::{Hub, Place},
    may::{May, Read},
};
use api::{
    integrations::{HealthSpanView, HealthView, TestView},
    page::{LIMIT_MAX, List, PageQuery},
};
use axum::extract::State;
use domain::{
    health::{HealthFigures, HealthHour, HealthTally, hour_of},
    ids::IntegrationId,
    integration::Integration,
    tenant::TenantScope,
    time::{DAY_MS, HOUR_MS, Timestamp},
};
use runtime::http::{Answer, Json, Path, Query};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};
use store::Integrations;

/// The span when the caller does not say.
const HOURS_DEFAULT: u32 = 24;
/// The longest span: 90 days, for which tests are kept.
const HOURS_MAX: u32 = 2_160;
/// Up to which span its history is told from hour to hour.
const HOURLY_MAX: u32 = 48;
/// Up to how many scheduled probes of a span the figures are made from the tests themselves: a day at one in five
/// minutes, and more at longer intervals.
const PROBES_EXACT: u32 = 500;
/// How many tests are read for that at most.
const TESTS_MAX: usize = 1_000;

/// How far back, and how much.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Span {
    hours: Option<u32>,
    limit: Option<usize>,
    history: bool,
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
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    let mut view = over(&hub, &caller.scope, &integration, span).await?;
    if span.history {
        let begin = if span.hours()? <= HOURLY_MAX { HOUR_MS } else { DAY_MS };
        let since = span.since(hub.now())?;
        let since = Timestamp(since.0 - since.0.rem_euclid(begin));
        let hours = hub.store.health_hours(&caller.scope, &id, since).await?;
        view.history = Some(history(&hours, begin));
    }
    Ok(Json(view))
}

/// Hours put together to spans of this length, the oldest first.
fn history(hours: &[HealthHour], span_ms: i64) -> Vec<HealthSpanView> {
    let mut spans: BTreeMap<i64, HealthTally> = BTreeMap::new();
    for hour in hours {
        spans.entry(hour.hour.0 - hour.hour.0.rem_euclid(span_ms)).or_default().add(&hour.tally);
    }
    spans.iter().map(|(at, tally)| HealthSpanView::new(Timestamp(*at), tally)).collect()
}

/// Over a span of few tests from the tests themselves, over a longer one from the hourly roll-ups: three months are at most
/// 2,161 small items, whatever the probe interval.
async fn over<P: Place>(
    hub: &Hub<P>,
    scope: &TenantScope,
    integration: &Integration,
    span: Span,
) -> Answer<HealthView> {
    let (hours, since) = (span.hours()?, span.since(hub.now())?);
    let (id, last_test) = (&integration.id, integration.last_test.as_ref());
    let probes = hours * 60 / u32::from(integration.probe_interval_minutes.max(1));
    if probes <= PROBES_EXACT {
        let log = hub.store.health_log(scope, id, since, TESTS_MAX).await?;
        // Tests by hand may have made it more.
        if log.len() < TESTS_MAX {
            let figures = HealthFigures::over(&log);
            return Ok(HealthView::new(&figures, (since, hours, true), &log, last_test));
        }
    }
    let since = hour_of(since);
    let mut tally = HealthTally::default();
    for hour in hub.store.health_hours(scope, id, since).await? {
        tally.add(&hour.tally);
    }
    let newest = hub.store.health_log(scope, id, since, LIMIT_MAX).await?;
    Ok(HealthView::new(&tally.figures(), (since, hours, false), &newest, last_test))
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
        failure::{Failure, FailureKind},
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
    async fn its_history_is_told_from_hour_to_hour_and_over_long_spans_from_day_to_day() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for hours in [1, 0, 30] {
            stage.clock.advance_ms(hours * HOUR_MS + 1);
            stage.post(&format!("{path}/test"), Value::Null).await;
        }
        let told = async |query: &str| {
            let body = stage.get(&format!("{path}/health?{query}")).await.body;
            let spans = body["history"].as_array().cloned().unwrap_or_default();
            spans.iter().map(|span| (span["at"].clone(), span["tests"].clone())).collect::<Vec<_>>()
        };
        assert_eq!(told("hours=48").await, []);
        let hourly =
            [("2025-11-20T12:00:00.000Z", 1), ("2025-11-20T13:00:00.000Z", 2), ("2025-11-21T19:00:00.000Z", 1)];
        assert_eq!(told("hours=48&history=true").await, hourly.map(|(at, tests)| (json!(at), json!(tests))));
        let daily = [("2025-11-20T00:00:00.000Z", 3), ("2025-11-21T00:00:00.000Z", 1)];
        assert_eq!(told("hours=2160&history=true").await, daily.map(|(at, tests)| (json!(at), json!(tests))));
        assert_eq!(stage.get(&format!("{path}/health?hours=2161")).await.status, 422);
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
    async fn a_long_span_is_told_from_the_roll_ups_whatever_ran_in_it() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let integration = stage.stored().await.remove(0);
        for minute in 1..=1_200 {
            let at = START.plus_ms(minute * MINUTE_MS);
            let failure = Failure::new(FailureKind::Permanent, "unreachable", "no");
            let report = if minute % 10 == 0 {
                TestReport::failed(&failure, 1, at)
            } else {
                TestReport::passed("", if minute % 10 == 1 { 900 } else { 40 }, at)
            };
            stage.store.record_test(&acme(), &integration, &report, &Principal::System).await.unwrap();
        }
        stage.clock.advance_ms(20 * HOUR_MS + MINUTE_MS);
        // One in five minutes would be few; tests by hand made it many.
        for hours in [24, 720] {
            let figures = stage.get(&format!("{path}/health?hours={hours}")).await.body;
            assert_eq!((&figures["tests"], &figures["window_hours"]), (&json!(1_201), &json!(hours)));
            assert_eq!((&figures["exact"], &figures["error_rate_percent"]), (&json!(false), &json!(9.99)));
            assert_eq!((&figures["p50_ms"], &figures["p95_ms"]), (&json!(50), &json!(1_000)), "upper bounds");
            assert_eq!(figures["recent_errors"].as_array().unwrap().len(), 10);
        }
        assert_eq!(stage.get(&format!("{path}/health?hours=24")).await.body["since"], "2025-11-20T08:00:00.000Z");
        let recent = stage.get(&format!("{path}/health?hours=2")).await.body;
        assert_eq!((&recent["exact"], &recent["tests"], &recent["p50_ms"]), (&json!(true), &json!(120), &json!(40)));
        assert_eq!(recent["since"], "2025-11-21T06:01:00.000Z");
    }

    #[tokio::test]
    async fn a_span_out_of_range_is_refused() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        for wrong in ["0", "2161", "-1", "all"] {
            for route in ["health", "health/log"] {
                let answer = stage.get(&format!("{path}/{route}?hours={wrong}")).await;
                assert_eq!((answer.status, &answer.body["errors"][0]["field"]), (422, &json!("hours")), "{wrong}");
            }
        }
    }
}
