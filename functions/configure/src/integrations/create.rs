//! Creating an integration: judged, tested, sealed, saved. Whatever fails before the last step leaves nothing behind.

use super::{
    draft::Draft,
    read::with_tracking,
    saved,
    trial::{self, Wish},
};
use crate::{
    hub::{Hub, Place},
    may::{May, Write},
};
use api::integrations::{IntegrationCreate, IntegrationView};
use axum::{
    extract::State,
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use domain::{health::TestReport, ids::IntegrationId, integration::Integration, principal::Principal, time::Timestamp};
use runtime::http::{Answer, Json, Query};
use std::sync::Arc;
use store::Integrations;

pub(crate) async fn create<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Query(wish): Query<Wish>,
    Json(body): Json<IntegrationCreate>,
) -> Answer<Response> {
    saved::refuse_endpoint(body.provider, "created", "POST /v1/endpoints")?;
    let draft = Draft::of_new(&body, &hub.guard)?;
    draft.check_gives(&caller)?;
    let tested = trial::passed(&hub, &draft, wish.for_use(draft.provider, body.enabled)).await?;
    let integration = made(&body, &draft, tested.clone(), caller.principal.clone(), hub.now());
    let secret = match integration.secret_version {
        0 => None,
        _ => Some(saved::sealed(&hub, &caller.scope, &integration, &draft, 0, |_| true).await?),
    };
    let audit = saved::entry(&caller, "integration.created", &integration, integration.provider.to_string());
    hub.store.save_integration(&caller.scope, &integration, secret.as_ref(), false, &audit).await?;
    saved::log_test(&hub, &caller, &integration, tested.as_ref()).await;
    let location = format!("/v1/integrations/{}", integration.id);
    let view = with_tracking(IntegrationView::from(integration), caller.scope.tenant());
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(view)).into_response())
}

fn made(
    body: &IntegrationCreate,
    draft: &Draft,
    last_test: Option<TestReport>,
    by: Principal,
    now: Timestamp,
) -> Integration {
    Integration {
        id: IntegrationId::generate(),
        provider: draft.provider,
        name: body.name.trim().to_owned(),
        config: draft.config.clone(),
        masks: draft.masks(),
        secret_version: u32::from(!draft.secrets.is_empty()),
        enabled: body.enabled,
        priority: body.priority,
        limits: body.limits.unwrap_or_else(|| providers::default_limits(draft.provider, &draft.config)),
        retry_policy: body.retry_policy,
        on_unknown: body.on_unknown,
        probe_interval_minutes: body.probe_interval_minutes,
        last_test,
        created_at: now,
        updated_at: now,
        updated_by: by,
        rev: 1,
        deleted_at: None,
        stopped: None,
    }
}

#[cfg(test)]
mod tests {
    use crate::stage::{CANARY, MailServer, Stage, TOKEN, acme, slack_body, with};
    use axum::{
        body::Body,
        http::{Request, header::CONTENT_TYPE},
    };
    use runtime::testing::{START, send};
    use serde_json::{Value, json};
    use store::{Integrations, StoreError};
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn what_works_is_saved_with_its_secrets_sealed() {
        let stage = Stage::new().await;
        let answer = stage.post("/v1/integrations", slack_body()).await;
        insta::assert_json_snapshot!(answer.body, {
            ".id" => "[id]", ".updated_by" => "[key]", ".last_test.detail" => "[Slack's words]"
        }, @r#"
        {
          "config": {
            "channel": "C0123ABCD",
            "mode": "bot_token"
          },
          "created_at": "2025-11-20T12:00:00.000Z",
          "enabled": true,
          "id": "[id]",
          "kind": "slack",
          "last_test": {
            "badge": "green",
            "code": "ok",
            "detail": "[Slack's words]",
            "fix": "",
            "fix_ar": "",
            "latency_ms": 0,
            "reason": "",
            "reason_ar": "",
            "status": "ok",
            "tested_at": "2025-11-20T12:00:00.000Z"
          },
          "limits": {},
          "name": "Team Slack",
          "on_unknown": "retry",
          "priority": 100,
          "probe_interval_minutes": 5,
          "provider": "slack",
          "retry_policy": "exponential",
          "rev": 1,
          "secret_version": 1,
          "secrets": {
            "bot_token": "••••••••4711"
          },
          "updated_at": "2025-11-20T12:00:00.000Z",
          "updated_by": "[key]"
        }
        "#);

        let [integration] = &stage.stored().await[..] else { panic!("one was created") };
        assert_eq!(answer.status, 201);
        assert_eq!(answer.headers["location"], format!("/v1/integrations/{}", integration.id));
        assert_eq!(stage.get(&answer.headers["location"]).await.body, answer.body);
        let sealed = stage.store.secret(&acme(), &integration.id, 1).await.unwrap().unwrap();
        let secrets = stage.vault.open(&acme(), &integration.id, 1, &sealed).await.unwrap();
        assert_eq!(secrets["bot_token"].expose(), TOKEN);
        assert_eq!(stage.audited().await, ["integration.created slack"]);
        let log = stage.store.health_log(&acme(), &integration.id, START, 9).await.unwrap();
        assert_eq!(log, integration.last_test.clone().into_iter().collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn mail_over_tls_with_a_private_authority() {
        let (stage, mail) = (Stage::new().await, MailServer::start().await);
        let answer = stage.post("/v1/integrations", mail.body()).await;
        assert_eq!((answer.status, &answer.body["last_test"]["status"]), (201, &json!("ok")), "{}", answer.body);
        assert_eq!(
            (&answer.body["kind"], &answer.body["secrets"]["password"]),
            (&json!("email"), &json!("••••••••orse"))
        );
    }

    #[tokio::test]
    async fn without_a_test_when_so_wished() {
        let stage = Stage::new().await;
        let body = with(slack_body(), &[("secrets.bot_token", json!("xoxb-revoked-1"))]);
        let answer = stage.post("/v1/integrations?test=false", body).await;
        assert_eq!((answer.status, &answer.body["last_test"]), (201, &Value::Null));
        assert_eq!(stage.slack.requests(), []);
        assert_eq!(stage.post("/v1/integrations?test=maybe", slack_body()).await.status, 422);
    }

    /// What is said of each case, `field | code | message`: the body with these changes.
    async fn refusals(body: Value, cases: Vec<(&str, Vec<(&str, Value)>)>) -> Value {
        let stage = Stage::new().await;
        let mut refusals = serde_json::Map::new();
        for (case, changes) in cases {
            let body = with(body.clone(), &changes);
            let answer = stage.post("/v1/integrations", body.clone()).await;
            assert_eq!(answer.body["code"], "invalid_request", "{case}: {}", answer.body);
            assert_eq!(answer.status, 422);
            assert!(!answer.body.to_string().contains(CANARY), "{case}");
            let unsaved = stage.post("/v1/integrations/test", body).await;
            assert_eq!(unsaved.body, answer.body, "{case}: a test before saving says the same");
            let line = |error: &Value| {
                ["field", "code", "message"].map(|part| error[part].as_str().unwrap().to_owned()).join(" | ")
            };
            refusals.insert(case.to_owned(), answer.body["errors"].as_array().unwrap().iter().map(line).collect());
        }
        stage.assert_untouched().await;
        assert_eq!(stage.slack.requests(), [], "nothing is tested that cannot be right");
        refusals.into()
    }

    #[tokio::test]
    async fn whatever_is_wrong_with_an_integration_is_named() {
        let cases = vec![
            ("unknown provider", vec![("provider", json!("carrier_pigeon"))]),
            ("no provider", vec![("provider", Value::Null)]),
            ("kind of another provider", vec![("kind", json!("email"))]),
            ("no name", vec![("name", Value::Null)]),
            ("blank name", vec![("name", json!(" "))]),
            ("long name", vec![("name", json!("x".repeat(101)))]),
            ("unknown field", vec![("tokn", json!("x"))]),
            ("limits of 0", vec![("limits", json!({"per_second": 0, "per_day": 0}))]),
            ("probes too rare", vec![("probe_interval_minutes", json!(61))]),
            ("probes too often", vec![("probe_interval_minutes", json!(0))]),
            ("no settings", vec![("config", Value::Null)]),
            ("settings of a wrong type", vec![("config", json!("mode=bot"))]),
        ];
        insta::assert_json_snapshot!(refusals(slack_body(), cases).await, @r#"
        {
          "blank name": [
            "name | required | Enter a name by which people will know it."
          ],
          "kind of another provider": [
            "kind | conflict | The provider `slack` is of the kind `slack`. Send that, or leave `kind` out."
          ],
          "limits of 0": [
            "limits.per_second | out_of_range | Enter at least 1, or leave it out for no limit. To stop sending, disable the integration.",
            "limits.per_day | out_of_range | Enter at least 1, or leave it out for no limit. To stop sending, disable the integration."
          ],
          "long name": [
            "name | out_of_range | Enter at most 100 characters."
          ],
          "no name": [
            "name | required | must be given"
          ],
          "no provider": [
            "provider | required | must be given"
          ],
          "no settings": [
            "config.mode | required | Choose `bot_token` or `incoming_webhook`."
          ],
          "probes too often": [
            "probe_interval_minutes | out_of_range | Enter a number of minutes from 1 to 60."
          ],
          "probes too rare": [
            "probe_interval_minutes | out_of_range | Enter a number of minutes from 1 to 60."
          ],
          "settings of a wrong type": [
            "config | invalid | must be an object"
          ],
          "unknown field": [
            "tokn | unknown | is not known here; expected one of `kind`, `provider`, `name`, `config`, `secrets`, `enabled`, `priority`, `limits`, `retry_policy`, `on_unknown`, `probe_interval_minutes`"
          ],
          "unknown provider": [
            "provider | invalid | must be one of `smtp`, `sendgrid`, `postmark`, `ses`, `slack`, `teams`, `m365`, `entra`, `webhook`"
          ]
        }
        "#);
    }

    #[tokio::test]
    async fn whatever_is_wrong_with_slack_is_named() {
        let cases = vec![
            ("channel name", vec![("config.channel", json!("#general"))]),
            ("no token", vec![("secrets", Value::Null)]),
            ("empty token", vec![("secrets.bot_token", json!(""))]),
            ("user token", vec![("secrets.bot_token", json!("xoxp-CANARY-1"))]),
            ("number as token", vec![("secrets.bot_token", json!(4_711))]),
            ("endless token", vec![("secrets.bot_token", json!(format!("xoxb-{}", "x".repeat(5_000))))]),
            ("unknown secret", vec![("secrets.password", json!("CANARY"))]),
        ];
        insta::assert_json_snapshot!(refusals(slack_body(), cases).await, @r#"
        {
          "channel name": [
            "config.channel | invalid | Enter a Slack channel or member id such as C0123ABCD or U0123ABCD: in Slack, open the channel's or person's details and copy the id at the end. Names like #general do not work."
          ],
          "empty token": [
            "secrets.bot_token | required | Enter the app's Bot User OAuth Token; it begins with xoxb-."
          ],
          "endless token": [
            "secrets.bot_token | out_of_range | Enter at most 4096 bytes."
          ],
          "no token": [
            "secrets.bot_token | required | Enter the app's Bot User OAuth Token; it begins with xoxb-."
          ],
          "number as token": [
            "secrets.bot_token | invalid | must be a string"
          ],
          "unknown secret": [
            "secrets.password | unknown_field | There is no such secret with these settings. Known: bot_token."
          ],
          "user token": [
            "secrets.bot_token | invalid | This is a user token. Enter the Bot User OAuth Token from the app's page \"OAuth & Permissions\"; it begins with xoxb-."
          ]
        }
        "#);
    }

    #[tokio::test]
    async fn whatever_is_wrong_with_a_mail_server_is_named() {
        let body = json!({
            "provider": "smtp", "name": "Mail",
            "config": {"host": "smtp.example.com", "username": "u", "from_address": "news@example.com"},
            "secrets": {"password": "pass-CANARY-word"},
        });
        let cases = vec![
            ("port as text", vec![("config.port", json!("587"))]),
            ("port out of range", vec![("config.port", json!(70_000))]),
            ("port of no mail server", vec![("config.host", json!("8.8.8.8")), ("config.port", json!(8_080))]),
            ("port of the other security", vec![("config.port", json!(465)), ("config.security", json!("starttls"))]),
            ("inside address", vec![("config.host", json!("10.0.0.1"))]),
            ("URL as host", vec![("config.host", json!("https://smtp.example.com"))]),
            ("login in plain text", vec![("config.security", json!("none"))]),
            (
                "several at once",
                vec![
                    ("name", json!("")),
                    ("config.host", Value::Null),
                    ("config.prot", json!(25)),
                    ("config.from_address", json!("news@")),
                    ("secrets.password", Value::Null),
                    ("limits", json!({"per_hour": 0})),
                ],
            ),
        ];
        insta::assert_json_snapshot!(refusals(body, cases).await, @r#"
        {
          "URL as host": [
            "config.host | invalid | Enter the host name only, e.g. smtp.example.com."
          ],
          "inside address": [
            "config.host | not_allowed | Not allowed: the address 10.0.0.1 is a private network."
          ],
          "login in plain text": [
            "config.security | conflict | A password must not travel unencrypted: choose `starttls` or `tls`, or remove the user name."
          ],
          "port as text": [
            "config.port | wrong_type | Enter a whole number, without quotation marks."
          ],
          "port of no mail server": [
            "config.port | not_allowed | Not allowed: port 8080 is not one of a mail server: use 587, 465, 2525 or 25."
          ],
          "port of the other security": [
            "config.security | conflict | Port 465 speaks TLS from the start: choose security `tls`, or port 587 with `starttls`."
          ],
          "port out of range": [
            "config.port | out_of_range | Enter a whole number from 1 to 65535."
          ],
          "several at once": [
            "name | required | Enter a name by which people will know it.",
            "limits.per_hour | out_of_range | Enter at least 1, or leave it out for no limit. To stop sending, disable the integration.",
            "config.prot | unknown_field | There is no such field. Known fields: host, port, security, username, from_address, from_name, reply_to, ca_certificate, timeout_s.",
            "config.host | required | Enter the mail server's host name, e.g. smtp.example.com.",
            "secrets.password | required | Enter the password that belongs to the user name.",
            "config.from_address | invalid | This is not an e-mail address like name@example.com: invalid email domain."
          ]
        }
        "#);
    }

    /// The port of a server that speaks first, but not as a mail server does.
    async fn talks_http() -> u16 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        port
    }

    #[tokio::test]
    async fn a_connection_that_fails_its_test_is_not_saved_and_the_problem_names_what_to_mend() {
        let (stage, mail) = (Stage::new().await, MailServer::start().await);
        let refused =
            stage.post("/v1/integrations", with(mail.body(), &[("secrets.password", json!("wrong-CANARY"))])).await;
        insta::assert_json_snapshot!(refused.body, @r#"
        {
          "code": "connection_test_failed",
          "detail": "The mail server refused the user name or password. Enter the current password, or an app password if the account uses two-factor sign-in. Nothing was saved.",
          "errors": [
            {
              "code": "smtp_login_refused",
              "field": "secrets.password",
              "message": "The mail server refused the user name or password. Enter the current password, or an app password if the account uses two-factor sign-in. The provider's words: 535 5.7.8 username or password not accepted"
            },
            {
              "code": "smtp_login_refused",
              "field": "config.username",
              "message": "The mail server refused the user name or password. Enter the current password, or an app password if the account uses two-factor sign-in. The provider's words: 535 5.7.8 username or password not accepted"
            }
          ],
          "request_id": "req-1",
          "status": 422,
          "test": {
            "badge": "red",
            "code": "smtp_login_refused",
            "detail": "535 5.7.8 username or password not accepted",
            "fix": "Enter the current password, or an app password if the account uses two-factor sign-in.",
            "fix_ar": "أدخل كلمة المرور الحالية، أو كلمة مرور تطبيق إذا كان الحساب يستخدم التحقق بخطوتين.",
            "latency_ms": 0,
            "reason": "The mail server refused the user name or password.",
            "reason_ar": "رفض خادم البريد اسم المستخدم أو كلمة المرور.",
            "status": "fail",
            "tested_at": "2025-11-20T12:00:00.000Z"
          },
          "title": "The connection test failed",
          "type": "/problems/connection_test_failed"
        }
        "#);

        // Nobody listens at a port that was just given back.
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let plain = [("config.security", json!("none")), ("config.username", Value::Null), ("secrets", Value::Null)];
        let at = |port: u16| ("config.port", json!(port));
        let cases = [
            (with(mail.body(), &[at(closed)]), "unreachable", vec!["config.host", "config.port"]),
            (
                with(mail.body(), &[("config.ca_certificate", Value::Null)]),
                "certificate_untrusted",
                vec!["config.host", "config.ca_certificate"],
            ),
            (
                with(with(mail.body(), &plain), &[at(talks_http().await)]),
                "smtp_protocol",
                vec!["config.host", "config.port"],
            ),
            (
                with(mail.body(), &[at(stage.slack.address().port())]),
                "tls_failed",
                vec!["config.security", "config.port"],
            ),
            (
                with(slack_body(), &[("secrets.bot_token", json!("xoxb-revoked-CANARY"))]),
                "slack_login_refused",
                vec!["secrets.bot_token"],
            ),
            (
                with(slack_body(), &[("secrets.bot_token", json!("xoxb-noscope-CANARY"))]),
                "slack_missing_scope",
                vec!["secrets.bot_token"],
            ),
            (
                with(
                    slack_body(),
                    &[
                        ("config", json!({"mode": "incoming_webhook"})),
                        ("secrets", json!({"webhook_url": stage.slack.webhook_url("B0NOTFOUND")})),
                    ],
                ),
                "slack_webhook_gone",
                vec!["secrets.webhook_url"],
            ),
        ];
        for (body, code, fields) in cases {
            let answer = stage.post("/v1/integrations", body.clone()).await;
            let problem = &answer.body;
            assert_eq!((answer.status, &problem["code"]), (422, &json!("connection_test_failed")), "{code}: {problem}");
            assert_eq!(problem["test"]["code"], code, "{problem}");
            let errors = problem["errors"].as_array().unwrap();
            assert_eq!(errors.iter().map(|error| &error["field"]).collect::<Vec<_>>(), fields, "{problem}");
            assert!(errors.iter().all(|error| error["code"] == code));
            assert!(!problem.to_string().contains(CANARY), "{problem}");
            let unsaved = stage.post("/v1/integrations/test", body).await;
            assert_eq!(
                (unsaved.status, &unsaved.body["status"], &unsaved.body["code"]),
                (200, &json!("fail"), &json!(code))
            );
        }
        stage.assert_untouched().await;
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_is_told_so() {
        let stage = Stage::new().await;
        let body = |kind: &str, text: String| {
            Request::post("/v1/integrations").header(CONTENT_TYPE, kind).body(Body::from(text)).unwrap()
        };
        for (request, status, code) in [
            (body("application/json", "{\"name\": ".into()), 400, "malformed_json"),
            (body("text/plain", slack_body().to_string()), 415, "wrong_content_type"),
            (body("application/json", " ".repeat(1 << 20) + "{}"), 413, "body_too_large"),
        ] {
            let answer = send(&stage.app, &stage.admin, request).await;
            assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)));
        }
        stage.assert_untouched().await;
    }

    #[tokio::test]
    async fn when_something_of_ours_is_away_nothing_is_half_done() {
        let stage = Stage::new().await;
        stage.kms.set_away(true);
        let answer = stage.post("/v1/integrations", slack_body()).await;
        assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "1"));
        stage.assert_untouched().await;
        stage.kms.set_away(false);
        stage.store.fail_next("save_integration", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.post("/v1/integrations", slack_body()).await.status, 503);
        assert_eq!(stage.stored().await, []);
        stage.store.fail_next("record_test", StoreError::Unavailable("throttled".into()));
        assert_eq!(stage.post("/v1/integrations", slack_body()).await.status, 201, "it is saved all the same");
    }
}
