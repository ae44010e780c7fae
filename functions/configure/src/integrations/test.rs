//! Testing connections: settings that are not saved yet, a saved integration, all of them.

use super::{draft::Draft, saved};
use crate::{
    hub::{Hub, Place},
    may::{May, Test, Write},
};
use api::integrations::{IntegrationCreate, NamedTest, TestAllView, TestView};
use axum::extract::State;
use domain::{health::TestReport, ids::IntegrationId, integration::Integration, principal::Caller};
use futures::future::try_join_all;
use runtime::http::{Answer, Json, Path};
use std::sync::Arc;
use store::Integrations;

/// Settings as they would be saved. Nothing is stored, and a test that fails is an answer like any other.
pub(crate) async fn unsaved<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    _: May<Write>,
    Json(body): Json<IntegrationCreate>,
) -> Answer<Json<TestView>> {
    let draft = Draft::of_new(&body, &hub.guard)?;
    let report = hub.connections.try_out(draft.provider, &draft.config, &draft.secrets).await;
    Ok(Json(TestView::from(&report)))
}

pub(crate) async fn saved<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Test>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<TestView>> {
    let integration = saved::find(&hub, &caller.scope, &id).await?;
    let report = tested(&hub, &caller, &integration).await?;
    Ok(Json(TestView::from(&report)))
}

pub(crate) async fn all<P: Place>(State(hub): State<Arc<Hub<P>>>, caller: May<Test>) -> Answer<Json<TestAllView>> {
    let all = hub.store.integrations(&caller.scope).await?;
    // All at once: together they take no longer than the slowest, which is given 10 s.
    let tests = all.into_iter().filter(|integration| integration.enabled).map(|integration| {
        let (hub, caller) = (&hub, &caller);
        async move {
            let report = tested(hub, caller, &integration).await?;
            let test = TestView::from(&report);
            Ok::<_, runtime::http::Failed>(NamedTest { integration_id: integration.id, name: integration.name, test })
        }
    });
    Ok(Json(TestAllView { results: try_join_all(tests).await? }))
}

/// Tests a saved integration and keeps what was found.
async fn tested<P: Place>(hub: &Hub<P>, caller: &Caller, integration: &Integration) -> Answer<TestReport> {
    let report =
        hub.connections.test(&caller.scope, integration).await.map_err(|failure| saved::away(integration, &failure))?;
    hub.store.record_test(&caller.scope, integration, &report, &caller.principal).await?;
    Ok(report)
}

#[cfg(test)]
mod tests {
    use crate::stage::{Stage, acme, slack_body, with};
    use domain::time::HOUR_MS;
    use runtime::testing::START;
    use serde_json::{Value, json};
    use store::{Integrations, StoreError};
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    #[tokio::test]
    async fn settings_that_are_not_saved_are_tested_and_forgotten() {
        let stage = Stage::new().await;
        let answer = stage.post("/v1/integrations/test", slack_body()).await;
        assert_eq!(
            (answer.status, &answer.body["status"], &answer.body["badge"]),
            (200, &json!("ok"), &json!("green"))
        );
        stage.assert_untouched().await;
        assert_eq!(stage.kms.calls(), 0);
    }

    #[tokio::test]
    async fn a_saved_one_keeps_what_was_found() {
        let stage = Stage::new().await;
        let body = with(slack_body(), &[("secrets.bot_token", json!("xoxb-revoked-1"))]);
        let path = stage.post("/v1/integrations?test=false", body).await.headers["location"].clone();
        let answer = stage.post(&format!("{path}/test"), Value::Null).await;
        assert_eq!(answer.status, 200, "a test that fails is an answer");
        insta::assert_json_snapshot!(answer.body, @r#"
        {
          "badge": "red",
          "code": "slack_login_refused",
          "detail": "token_revoked",
          "fix": "Reinstall the app in the workspace and enter its current bot token.",
          "fix_ar": "أعد تثبيت التطبيق في مساحة العمل وأدخل رمز البوت الحالي.",
          "latency_ms": 0,
          "reason": "Slack refused the token.",
          "reason_ar": "رفض Slack رمز الوصول.",
          "status": "fail",
          "tested_at": "2025-11-20T12:00:00.000Z"
        }
        "#);
        let stored = stage.get(&path).await.body;
        assert_eq!((&stored["last_test"], &stored["rev"]), (&answer.body, &json!(1)));
        let changed = "integration.health_changed untested -> fail (slack_login_refused)";
        assert_eq!(stage.audited().await[1..], [changed]);
        stage.post(&format!("{path}/test"), Value::Null).await;
        assert_eq!(stage.audited().await.len(), 2, "nothing changed");
    }

    #[tokio::test]
    async fn all_enabled_ones_at_once() {
        let stage = Stage::new().await;
        let good = stage.slack_integration().await;
        let off = stage.slack_integration().await;
        stage.post(&format!("{off}/disable"), Value::Null).await;
        let bad = with(slack_body(), &[("name", json!("Bad")), ("secrets.bot_token", json!("xoxb-bad-1"))]);
        stage.post("/v1/integrations?test=false", bad).await;
        stage.clock.advance_ms(HOUR_MS);
        let answer = stage.post("/v1/integrations/test-all", Value::Null).await;
        let results = answer.body["results"].as_array().unwrap();
        let seen: Vec<_> = results.iter().map(|result| (&result["name"], &result["test"]["status"])).collect();
        assert_eq!(seen, [(&json!("Team Slack"), &json!("ok")), (&json!("Bad"), &json!("fail"))]);
        assert_eq!(results[0]["integration_id"], good.rsplit('/').next().unwrap());
        for integration in stage.stored().await {
            let log = stage.store.health_log(&acme(), &integration.id, START.plus_ms(1), 9).await.unwrap();
            assert_eq!(log.len(), usize::from(integration.enabled));
        }
    }

    /// A mail server that greets nobody before two have come, and then wants neither.
    async fn mail_server_of_two() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut one, _) = listener.accept().await.unwrap();
            let (mut other, _) = listener.accept().await.unwrap();
            for stream in [&mut one, &mut other] {
                stream.write_all(b"421 too busy\r\n").await.unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn none_waits_for_another() {
        let stage = Stage::new().await;
        let port = mail_server_of_two().await;
        for name in ["First", "Second"] {
            let body = json!({
                "provider": "smtp", "name": name,
                "config": {"host": "127.0.0.1", "port": port, "security": "none", "from_address": "news@example.com"},
            });
            let created = stage.post("/v1/integrations?test=false", body).await;
            assert_eq!(created.status, 201, "{}", created.body);
        }
        let answer = stage.post("/v1/integrations/test-all", Value::Null).await;
        let results = answer.body["results"].as_array().unwrap();
        let codes: Vec<_> = results.iter().map(|result| &result["test"]["code"]).collect();
        assert_eq!(codes, ["smtp_try_later", "smtp_try_later"], "one that is tested alone is never greeted");
    }

    #[tokio::test]
    async fn what_is_away_of_ours_is_not_the_integrations_fault() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.clock.advance_ms(HOUR_MS);
        stage.kms.set_away(true);
        assert_eq!(stage.post(&format!("{path}/test"), Value::Null).await.status, 503);
        stage.kms.set_away(false);
        stage.store.fail_next("secret", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.post("/v1/integrations/test-all", Value::Null).await.status, 503);
        assert_eq!(stage.get(&path).await.body["last_test"]["status"], "ok");
    }
}
