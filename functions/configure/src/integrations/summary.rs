//! All integrations at a glance: how many do well, and what the trouble of the others means for campaigns.

use crate::{
    hub::{Hub, Place},
    may::{May, Read},
};
use api::integrations::{AlertView, SummaryView, TestView};
use axum::extract::State;
use domain::{
    channel::Channel,
    health::HealthStatus,
    integration::{Integration, preferred},
};
use runtime::http::{Answer, Json};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn summary<P: Place>(State(hub): State<Arc<Hub<P>>>, caller: May<Read>) -> Answer<Json<SummaryView>> {
    Ok(Json(of(&hub.store.integrations(&caller.scope).await?)))
}

fn of(all: &[Integration]) -> SummaryView {
    let error = all.iter().filter(|integration| integration.enabled && fails(integration)).count();
    let disabled = all.iter().filter(|integration| !integration.enabled).count();
    SummaryView {
        total: all.len(),
        active: all.len() - error - disabled,
        error,
        disabled,
        alerts: all.iter().filter_map(|integration| alert(integration, all)).collect(),
    }
}

fn fails(integration: &Integration) -> bool {
    integration.last_test.as_ref().is_some_and(|test| test.status == HealthStatus::Fail)
}

/// What needs attention about an enabled integration.
fn alert(integration: &Integration, all: &[Integration]) -> Option<AlertView> {
    let test = integration.last_test.as_ref()?;
    if !integration.enabled || test.status == HealthStatus::Ok {
        return None;
    }
    let (impact, impact_ar) = impact(integration, all);
    Some(AlertView {
        integration_id: integration.id.clone(),
        name: integration.name.clone(),
        kind: integration.kind(),
        test: TestView::from(test),
        impact,
        impact_ar,
    })
}

/// What an integration's trouble means for campaigns, in English and Arabic. A campaign that names no integration goes
/// through the preferred one of its channel, and does not start while that one's test fails.
fn impact(integration: &Integration, all: &[Integration]) -> (String, String) {
    let Some(channel) = integration.channel() else { return impact_on_sign_in(integration) };
    let (name, name_ar) = match channel {
        Channel::Email => ("e-mail", "البريد الإلكتروني"),
        Channel::Slack => ("Slack", "Slack"),
        Channel::Teams => ("Teams", "Teams"),
        Channel::M365 => ("Microsoft 365", "Microsoft 365"),
    };
    if !fails(integration) {
        return (
            format!("Messages by {name} still go out, but slower than usual."),
            format!("ما زالت رسائل {name_ar} تُرسل، ولكن أبطأ من المعتاد."),
        );
    }
    let is_preferred = preferred(all, channel).is_some_and(|preferred| preferred.id == integration.id);
    if !is_preferred {
        return (
            format!(
                "Only {name} campaigns that name this integration are affected: they do not start until it is mended."
            ),
            format!("تتأثر فقط حملات {name_ar} التي تحدد هذا التكامل: لن تبدأ حتى يُصلَح."),
        );
    }
    let mut others =
        all.iter().filter(|other| other.channel() == Some(channel) && other.usable() && other.id != integration.id);
    match others.find(|other| !fails(other)) {
        Some(other) => (
            format!(
                "Campaigns by {name} do not start until it is mended. To send through \"{}\" meanwhile, disable this one.",
                other.name
            ),
            format!(
                "لن تبدأ حملات {name_ar} حتى يُصلَح هذا التكامل. للإرسال عبر \"{}\" في هذه الأثناء، عطّل هذا التكامل.",
                other.name
            ),
        ),
        None => (
            format!("No campaign by {name} starts until it is mended, and no other integration can stand in."),
            format!("لن تبدأ أي حملة عبر {name_ar} حتى يُصلَح، ولا يوجد تكامل آخر يحل محله."),
        ),
    }
}

/// What the trouble of an integration that signs users in means, in English and Arabic.
fn impact_on_sign_in(integration: &Integration) -> (String, String) {
    if fails(integration) {
        let en = "Users may be unable to sign in until it is mended; API keys work as before.";
        return (en.into(), "قد يتعذر على المستخدمين تسجيل الدخول حتى يُصلَح؛ وتعمل مفاتيح الواجهة كالمعتاد.".into());
    }
    (
        "Users still sign in, but slower than usual.".into(),
        "ما زال المستخدمون يسجّلون الدخول، ولكن أبطأ من المعتاد.".into(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Stage, slack_body, with};
    use domain::{
        failure::{Failure, FailureKind},
        health::TestReport,
        time::Timestamp,
    };
    use serde_json::{Value, json};

    #[tokio::test]
    async fn counts_and_alerts() {
        let stage = Stage::new().await;
        assert_eq!(stage.get("/v1/integrations/summary").await.body["total"], 0);
        stage.slack_integration().await;
        let off = stage.slack_integration().await;
        stage.post(&format!("{off}/disable"), Value::Null).await;
        let bad = with(
            slack_body(),
            &[("name", json!("Broken")), ("priority", json!(1)), ("secrets.bot_token", json!("xoxb-revoked-1"))],
        );
        stage.post("/v1/integrations?test=false", bad).await;
        stage.post("/v1/integrations/test-all", Value::Null).await;
        let summary = stage.get("/v1/integrations/summary").await.body;
        insta::assert_json_snapshot!(summary, { ".alerts[].integration_id" => "[id]" }, @r#"
        {
          "active": 1,
          "alerts": [
            {
              "impact": "Campaigns by Slack do not start until it is mended. To send through \"Team Slack\" meanwhile, disable this one.",
              "impact_ar": "لن تبدأ حملات Slack حتى يُصلَح هذا التكامل. للإرسال عبر \"Team Slack\" في هذه الأثناء، عطّل هذا التكامل.",
              "integration_id": "[id]",
              "kind": "slack",
              "name": "Broken",
              "test": {
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
            }
          ],
          "disabled": 1,
          "error": 1,
          "total": 3
        }
        "#);
    }

    fn integration(test: Option<&TestReport>) -> Integration {
        let mut body = json!({
            "id": domain::ids::IntegrationId::generate(), "provider": "smtp", "name": "Mail", "config": {}, "masks": {},
            "secret_version": 0, "enabled": true, "priority": 100, "limits": {}, "retry_policy": "exponential",
            "on_unknown": "retry", "probe_interval_minutes": 5, "created_at": 0, "updated_at": 0,
            "updated_by": "system", "rev": 1,
        });
        body["last_test"] = json!(test);
        serde_json::from_value(body).unwrap()
    }

    fn failed() -> TestReport {
        let failure = Failure::new(FailureKind::Permanent, "unreachable", "connection refused");
        TestReport::failed(&failure, 9, Timestamp(0))
    }

    #[test]
    fn the_impact_depends_on_who_else_could_send() {
        let impact_of = |all: &[Integration]| of(all).alerts.into_iter().map(|alert| alert.impact).collect::<Vec<_>>();
        let alone = [integration(Some(&failed()))];
        assert_eq!(
            impact_of(&alone),
            ["No campaign by e-mail starts until it is mended, and no other integration can stand in."]
        );
        let spare = Integration { name: "Spare".into(), priority: 200, ..integration(None) };
        assert!(
            impact_of(&[alone[0].clone(), spare.clone()])[0]
                .ends_with("To send through \"Spare\" meanwhile, disable this one.")
        );
        let first = Integration { priority: 1, ..spare };
        assert!(
            impact_of(&[alone[0].clone(), first])[0].starts_with("Only e-mail campaigns that name this integration")
        );
    }

    #[test]
    fn a_slow_one_is_active_and_an_alert_but_a_disabled_one_is_none() {
        let slow = integration(Some(&TestReport::passed("", 5_000, Timestamp(0))));
        let off = Integration { enabled: false, ..integration(Some(&failed())) };
        let summary = of(&[slow, off]);
        assert_eq!((summary.active, summary.error, summary.disabled, summary.alerts.len()), (1, 0, 1, 1));
        assert_eq!(summary.alerts[0].impact, "Messages by e-mail still go out, but slower than usual.");
    }
}
