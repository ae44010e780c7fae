//! One integration in detail: how it did over a span, what it used, its secrets over time, a dry run.

use crate::stage::{Browser, Stage, audit, scope};
use domain::{
    breaker::Breaker,
    channel::Provider,
    health::{HealthStatus, TestReport},
    integration::Integration,
    principal::Principal,
    rate::{Limits, RateState},
    time::{DAY_MS, HOUR_MS},
};
use runtime::testing::{START, integration};
use store::{Integrations, Rates};

async fn scene(provider: Provider) -> (Stage, Browser, Integration) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let limits = Limits { per_second: Some(5), per_hour: Some(100), per_day: None };
    let one = Integration { limits, ..integration(provider) };
    stage.store.save_integration(&scope("acme"), &one, None, false, &audit()).await.unwrap();
    (stage, browser, one)
}

#[tokio::test]
async fn it_is_told_how_it_did_over_the_span_that_is_chosen() {
    let (stage, browser, one) = scene(Provider::Smtp).await;
    let path = format!("/console/integrations/{}", one.id);
    let empty = stage.look(&browser.session, &path, "ar").await.body;
    assert!(empty.contains("لم يُختبر شيء."), "{empty}");
    for (at, status) in [
        (-40 * DAY_MS, HealthStatus::Fail),
        (-2 * DAY_MS, HealthStatus::Fail),
        (-HOUR_MS, HealthStatus::Ok),
        (-1, HealthStatus::Ok),
    ] {
        let report = TestReport { status, code: "unreachable".into(), ..TestReport::passed("", 5, START.plus_ms(at)) };
        stage.store.record_test(&scope("acme"), &one, &report, &Principal::System).await.unwrap();
    }
    let errors = async |window: &str| {
        let page = stage.get(&browser.session, &format!("{path}?window={window}")).await.body;
        assert!(page.contains("aria-current=\"true\"") && page.contains("<svg"), "{page}");
        page.matches("<code>unreachable</code>").count()
    };
    assert_eq!(errors("24h").await, 0);
    assert_eq!((errors("7d").await, errors("30d").await, errors("90d").await), (1, 1, 2));
    assert_eq!(stage.get(&browser.session, &format!("{path}?window=1y")).await.status, 400);
}

#[tokio::test]
async fn what_it_used_and_what_holds_it_up_is_told() {
    let (stage, browser, one) = scene(Provider::Smtp).await;
    let rate = RateState {
        rev: 1,
        paused_until: START.plus_ms(HOUR_MS),
        breaker: Breaker::Open { until: START.plus_ms(HOUR_MS) },
        ..RateState::default()
    };
    stage.store.save_rate(&scope("acme"), &one.id, &rate).await.unwrap();
    let page = stage.get(&browser.session, &format!("/console/integrations/{}", one.id)).await.body;
    for words in
        ["Messages a second, at most:", "This hour: 0 / 100", "Paused", "Breaker open", "lowest first", "After 5 s"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains(&format!("/console/logs?integration={}", one.id)), "{page}");
}

#[tokio::test]
async fn only_a_simulation_has_a_dry_run_and_it_is_told_step_by_step() {
    let (stage, browser, one) = scene(Provider::M365).await;
    let path = format!("/console/integrations/{}/dry-run", one.id);
    let page = stage.get(&browser.session, &format!("/console/integrations/{}", one.id)).await.body;
    assert!(page.contains(&path), "{page}");
    let refused = stage.post(&browser, &path, &[("recipients", "")]).await;
    assert!(refused.status == 422 && refused.body.contains("id=\"recipients-error\""), "{}", refused.body);
    let told = stage.post(&browser, &path, &[("recipients", "sara@contoso.com")]).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert!(told.body.contains("Not ready") && told.body.contains("They are test users"), "{}", told.body);
    assert!(told.body.contains("What to do:"), "whoever is not on the list is nobody to try it on");
    let (stage, browser, mail) = scene(Provider::Smtp).await;
    let page = stage.get(&browser.session, &format!("/console/integrations/{}", mail.id)).await.body;
    assert!(!page.contains("/dry-run"));
}
