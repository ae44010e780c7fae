//! All integrations at a glance: how many do well, and what the trouble of the others means for campaigns.

use crate::{
    hub::{Hub, Place},
    may::{May, Read},
};
use api::integrations::{AlertView, SummaryView, TestView};
use axum::extract::State;
use domain::{
    breaker::OPEN_CODE,
    channel::Channel,
    health::HealthStatus,
    integration::{Integration, in_order, stand_ins},
};
use runtime::http::{Answer, Json};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn summary<P: Place>(State(hub): State<Arc<Hub<P>>>, caller: May<Read>) -> Answer<Json<SummaryView>> {
    Ok(Json(of(&hub.store.integrations(&caller.scope).await?)))
}

fn of(all: &[Integration]) -> SummaryView {
    let error = all.iter().filter(|integration| integration.enabled && integration.fails()).count();
    let disabled = all.iter().filter(|integration| !integration.enabled).count();
    SummaryView {
        total: all.len(),
        active: all.len() - error - disabled,
        error,
        disabled,
        alerts: all.iter().filter_map(|integration| alert(integration, all)).collect(),
    }
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
/// through the first of its channel whose test passes, where another may take over; one that names this does not start
/// while its test fails.
fn impact(integration: &Integration, all: &[Integration]) -> (String, String) {
    let Some(channel) = integration.channel() else { return impact_on_sign_in(integration) };
    let (name, name_ar) = match channel {
        Channel::Email => ("e-mail", "البريد الإلكتروني"),
        Channel::Slack => ("Slack", "Slack"),
        Channel::Teams => ("Teams", "Teams"),
        Channel::Webhook => ("webhook", "الويب هوك"),
        Channel::M365 => ("Microsoft 365", "Microsoft 365"),
    };
    let others = stand_ins(all, channel, &integration.id);
    let other = others.first().map(|other| other.name.as_str());
    if integration.last_test.as_ref().is_some_and(|test| test.code == OPEN_CODE) {
        return match other {
            Some(other) => (
                format!(
                    "Messages by {name} go through \"{other}\" meanwhile; those of campaigns that name this integration wait."
                ),
                format!(
                    "تُرسل رسائل {name_ar} في هذه الأثناء عبر \"{other}\"؛ وتنتظر رسائل الحملات التي تحدد هذا التكامل."
                ),
            ),
            None => (
                format!("Messages by {name} through this integration wait until it works again; none is lost."),
                format!("تنتظر رسائل {name_ar} عبر هذا التكامل حتى يعود إلى العمل؛ ولا تُفقد أي رسالة."),
            ),
        };
    }
    if !integration.fails() {
        return (
            format!("Messages by {name} still go out, but slower than usual."),
            format!("ما زالت رسائل {name_ar} تُرسل، ولكن أبطأ من المعتاد."),
        );
    }
    let first = in_order(all, channel).first().is_some_and(|first| first.id == integration.id);
    match other {
        Some(other) if first => (
            format!(
                "Campaigns by {name} go through \"{other}\" meanwhile; those that name this integration do not start \
                 until it is mended."
            ),
            format!("تُرسل حملات {name_ar} في هذه الأثناء عبر \"{other}\"؛ أما التي تحدد هذا التكامل فلن تبدأ حتى يُصلَح."),
        ),
        Some(_) => only_who_name_it(name, name_ar),
        None if !first && !channel.addresses_are_universal() => only_who_name_it(name, name_ar),
        None => match working(all, integration, channel) {
            Some(other) => (
                format!(
                    "Campaigns by {name} do not start until it is mended. To send through \"{other}\" meanwhile, disable this one."
                ),
                format!(
                    "لن تبدأ حملات {name_ar} حتى يُصلَح هذا التكامل. للإرسال عبر \"{other}\" في هذه الأثناء، عطّل هذا التكامل."
                ),
            ),
            None => (
                format!("No campaign by {name} starts until it is mended, and no other integration can stand in."),
                format!("لن تبدأ أي حملة عبر {name_ar} حتى يُصلَح هذا التكامل، ولا يوجد تكامل آخر يحل محله."),
            ),
        },
    }
}

fn only_who_name_it(name: &str, name_ar: &str) -> (String, String) {
    (
        format!("Only {name} campaigns that name this integration are affected: they do not start until it is mended."),
        format!("تتأثر فقط حملات {name_ar} التي تحدد هذا التكامل: لن تبدأ حتى يُصلَح."),
    )
}

/// One that does not take over by itself but would serve if this one were disabled: it reaches other addresses, or was
/// never tested.
fn working<'a>(all: &'a [Integration], integration: &Integration, channel: Channel) -> Option<&'a str> {
    let others = in_order(all, channel);
    others.into_iter().find(|other| other.id != integration.id && !other.fails()).map(|other| other.name.as_str())
}

/// What the trouble of an integration that signs users in means, in English and Arabic.
fn impact_on_sign_in(integration: &Integration) -> (String, String) {
    if integration.fails() {
        let en = "Users may be unable to sign in until it is mended; API keys work as before.";
        return (
            en.into(),
            "قد يتعذر على المستخدمين تسجيل الدخول حتى يُصلَح هذا التكامل؛ وتعمل مفاتيح API كالمعتاد.".into(),
        );
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
        let passed = TestReport::passed("", 5, Timestamp(0));
        let tested = Integration { last_test: Some(passed), ..spare };
        assert!(
            impact_of(&[alone[0].clone(), tested.clone()])[0]
                .starts_with("Campaigns by e-mail go through \"Spare\" meanwhile; those that name this integration")
        );
        let first = Integration { priority: 1, ..tested };
        assert!(
            impact_of(&[alone[0].clone(), first])[0].starts_with("Only e-mail campaigns that name this integration")
        );
    }

    #[test]
    fn an_open_breaker_says_who_sends_meanwhile() {
        let open = integration(Some(&TestReport::breaker_opened("", Timestamp(0))));
        let spare = Integration { name: "Spare".into(), ..integration(Some(&TestReport::passed("", 5, Timestamp(0)))) };
        let summary = of(&[open.clone(), spare]);
        assert_eq!((summary.active, summary.error), (2, 0));
        assert!(summary.alerts[0].impact.starts_with("Messages by e-mail go through \"Spare\" meanwhile;"));
        assert!(of(&[open]).alerts[0].impact.ends_with("wait until it works again; none is lost."));
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
