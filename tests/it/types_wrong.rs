//! Bad input: each is answered with a problem that says which field and what to do, and nothing is stored.

use crate::{
    scrubbed::scrubbed,
    strange_mail_server::StrangeMailServer,
    tenant::{Answer, Tenant, message},
};
use reqwest::Method;
use serde_json::{Value, json};

/// What a problem tells, without its standing parts.
#[track_caller]
fn problem(tenant: &Tenant, answer: Answer, status: u16, code: &str) -> Value {
    assert_eq!((answer.status, answer.body["code"].as_str()), (status, Some(code)), "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"), "a problem can be found in the log");
    assert!(!answer.body["detail"].as_str().unwrap_or_default().is_empty());
    let mut told = scrubbed(tenant, answer.body);
    for standing in ["request_id", "status", "title", "type", "code"] {
        told.as_object_mut().unwrap().remove(standing);
    }
    told
}

/// Sets a field by its path, e.g. `/config/port`; `null` removes it.
fn with(mut settings: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = settings.pointer_mut(parent).and_then(Value::as_object_mut).unwrap();
    if value.is_null() {
        parent.remove(name);
    } else {
        parent.insert(name.to_owned(), value);
    }
    settings
}

#[tokio::test]
async fn in_the_settings_of_an_integration() {
    let tenant = Tenant::new().await;
    let before = tenant.items().await;
    let (email, slack) = (tenant.email_settings(), tenant.slack_settings());
    let mut told = serde_json::Map::new();
    for (case, settings) in [
        ("an unknown provider", with(email.clone(), "/provider", json!("pigeon"))),
        ("a provider of another channel", with(email.clone(), "/kind", json!("slack"))),
        ("no provider", with(email.clone(), "/provider", Value::Null)),
        ("no name", with(email.clone(), "/name", json!("  "))),
        ("a field that nobody knows", with(email.clone(), "/colour", json!("red"))),
        ("a setting that the provider does not know", with(email.clone(), "/config/hosst", json!("x"))),
        ("no host", with(email.clone(), "/config/host", Value::Null)),
        ("a URL for a host", with(email.clone(), "/config/host", json!("smtp://mail.example"))),
        ("a port that is none", with(email.clone(), "/config/port", json!(70_000))),
        ("a port as text", with(email.clone(), "/config/port", json!("25"))),
        (
            "a port that speaks otherwise",
            with(with(email.clone(), "/config/port", json!(465)), "/config/security", json!("starttls")),
        ),
        ("a login without encryption", with(email.clone(), "/config/security", json!("none"))),
        ("a sender that is no address", with(email.clone(), "/config/from_address", json!("news at acme"))),
        ("a user name without a password", with(email.clone(), "/secrets", json!({}))),
        ("an authority that is no certificate", with(email.clone(), "/config/ca_certificate", json!("-----BEGIN"))),
        ("an address inside", with(email.clone(), "/config/host", json!("169.254.169.254"))),
        ("a limit of nothing", with(email.clone(), "/limits", json!({"per_hour": 0}))),
        ("a probe twice a minute", with(email.clone(), "/probe_interval_minutes", json!(0))),
        ("a user's token", with(slack.clone(), "/secrets/bot_token", json!("xoxp-1-2-3"))),
        ("a channel by name", with(slack.clone(), "/config/channel", json!("#general"))),
        ("a mode that nobody knows", with(slack.clone(), "/config/mode", json!("carrier"))),
        ("several faults", with(with(email.clone(), "/config/host", Value::Null), "/config/from_address", json!("x"))),
    ] {
        let answer = tenant.post("/v1/integrations", &settings).await;
        let problem = problem(&tenant, answer, 422, "invalid_request");
        for error in problem["errors"].as_array().expect("each names its fields") {
            assert!(!error["message"].as_str().unwrap().is_empty() && error["field"].is_string(), "{case}: {error}");
        }
        told.insert(case.to_owned(), problem["errors"].clone());
    }
    insta::assert_json_snapshot!("wrong_settings", told);
    assert_eq!(tenant.items().await, before, "nothing is stored");
}

#[tokio::test]
async fn in_what_only_the_provider_can_tell() {
    let tenant = Tenant::new().await;
    let before = tenant.items().await;
    let (email, slack) = (tenant.email_settings(), tenant.slack_settings());
    let server = StrangeMailServer::start(tenant.stack, &tenant.id).await;
    let stranger = with(email.clone(), "/config/port", server.says["port"].clone());
    let stranger = with(stranger, "/secrets/password", server.says["password"].clone());
    let stranger = with(stranger, "/config/ca_certificate", Value::Null);
    let mut told = serde_json::Map::new();
    for (case, code, settings) in [
        ("a host that nobody knows", "unreachable", with(email.clone(), "/config/host", json!("no-such-host.invalid"))),
        ("a port where nobody listens", "unreachable", with(email.clone(), "/config/port", json!(1))),
        ("a certificate of an authority that nobody knows", "certificate_untrusted", stranger.clone()),
        ("a wrong password", "smtp_login_refused", with(email.clone(), "/secrets/password", json!("wrong"))),
        ("TLS on a port that begins without", "tls_failed", with(email.clone(), "/config/security", json!("tls"))),
        (
            "a token that was revoked",
            "slack_login_refused",
            with(slack.clone(), "/secrets/bot_token", json!("xoxb-revoked-1")),
        ),
        (
            "an app that may not post",
            "slack_missing_scope",
            with(slack.clone(), "/secrets/bot_token", json!("xoxb-noscope-1")),
        ),
    ] {
        let test = tenant.post("/v1/integrations/test", &settings).await.expect(200);
        assert_eq!((&test["status"], &test["code"]), (&json!("fail"), &json!(code)), "{case}: {test}");
        assert!(!test["fix"].as_str().unwrap().is_empty() && !test["fix_ar"].as_str().unwrap().is_empty());
        let answer = tenant.post("/v1/integrations", &settings).await;
        let problem = problem(&tenant, answer, 422, "connection_test_failed");
        assert_eq!(problem["test"]["code"], code, "{case}");
        told.insert(case.to_owned(), json!({"detail": problem["detail"], "errors": problem["errors"]}));
    }
    // The system's own words for an address that cannot be resolved differ.
    told["a host that nobody knows"]["errors"] = told["a host that nobody knows"]["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].clone())
        .collect();
    insta::assert_json_snapshot!("failed_connections", told);
    assert_eq!(tenant.items().await, before, "nothing is stored");

    let authority = std::fs::read_to_string(server.says["ca_file"].as_str().unwrap()).unwrap();
    let introduced = with(stranger, "/config/ca_certificate", authority.into());
    let test = tenant.post("/v1/integrations/test", &introduced).await.expect(200);
    assert_eq!(test["status"], "ok", "the fix that was told mends it: {test}");
}

#[tokio::test]
async fn in_a_request_to_send() {
    let tenant = Tenant::new().await;
    tenant.email().await;
    tenant.slack().await;
    let before = tenant.items().await.len();
    let good = message("email", &[tenant.address("a"), tenant.address("b")]);
    let addresses = |count: usize| (0..count).map(|n| tenant.address(&format!("r{n}"))).collect::<Vec<_>>();
    let twice = with(good.clone(), "/recipients/1/address", good["recipients"][0]["address"].clone());
    let mut told = serde_json::Map::new();
    for (case, request) in [
        ("1,001 recipients", message("email", &addresses(1_001))),
        ("nobody", message("email", &[])),
        ("an address twice", twice),
        ("a user twice", with(good.clone(), "/recipients/1/user_id", json!("u0"))),
        ("an address that is none", with(good.clone(), "/recipients/1/address", json!("b at example"))),
        ("a Slack name", with(message("slack", &["#general".to_owned()]), "/sandbox", json!(false))),
        ("a channel that nobody knows", with(good.clone(), "/channel", json!("fax"))),
        ("no channel", with(good.clone(), "/channel", Value::Null)),
        ("neither message nor template", with(good.clone(), "/message", Value::Null)),
        ("both message and template", with(good.clone(), "/template", json!({"id": "trunkline.email.invitation"}))),
        ("a language that we lack", with(good.clone(), "/recipients/0/locale", json!("fr"))),
        ("a variable that is no scalar", with(good.clone(), "/recipients/0/variables", json!({"x": {}}))),
        ("an integration id that is none", with(good.clone(), "/integration_id", json!("int_1"))),
        ("a field that nobody knows", with(good.clone(), "/urgent", json!(true))),
        ("recipients that are no list", with(good.clone(), "/recipients", json!("all"))),
    ] {
        let answer = tenant.post("/v1/campaigns/wrong/deliveries", &request).await;
        let problem = problem(&tenant, answer, 422, "invalid_request");
        assert!(!problem["errors"].as_array().expect("each names its fields").is_empty(), "{case}");
        told.insert(case.to_owned(), problem["errors"].clone());
    }
    insta::assert_json_snapshot!("wrong_requests_to_send", told);
    let missing = json!({
        "channel": "email", "template": {"id": "trunkline.email.invitation"}, "recipients": good["recipients"],
    });
    let answer = tenant.post("/v1/campaigns/wrong/deliveries", &missing).await;
    let told = problem(&tenant, answer, 409, "not_ready");
    let template = told["checks"].as_array().unwrap().iter().find(|check| check["check"] == "template").unwrap();
    insta::assert_json_snapshot!("a_template_without_its_variables", template);
    assert_eq!(tenant.items().await.len(), before, "nothing is stored");
    assert_eq!(tenant.get("/v1/campaigns/wrong").await.status, 404);
}

#[tokio::test]
async fn in_the_body_itself() {
    let tenant = Tenant::new().await;
    let before = tenant.items().await.len();
    let path = "/v1/campaigns/wrong/deliveries";
    let send = async |content_type: &str, body: String| {
        let request = tenant.request(Method::POST, path).bearer_auth(&tenant.key);
        tenant.ask(request.header("content-type", content_type).body(body)).await
    };
    let good = message("email", &[tenant.address("a")]).to_string();
    let json = "application/json";
    let mut told = serde_json::Map::new();
    for (case, answer, status, code) in [
        ("cut off", send(json, good[..good.len() - 1].to_owned()).await, 400, "malformed_json"),
        ("not JSON", send(json, "channel=email".to_owned()).await, 400, "malformed_json"),
        ("empty", send(json, String::new()).await, 400, "malformed_json"),
        (
            "a form",
            send("application/x-www-form-urlencoded", "channel=email".to_owned()).await,
            415,
            "wrong_content_type",
        ),
        ("text", send("text/plain", good.clone()).await, 415, "wrong_content_type"),
        ("too large", send(json, format!("{good}{}", " ".repeat(1 << 20))).await, 413, "body_too_large"),
        ("a list", send(json, "[]".to_owned()).await, 422, "invalid_request"),
    ] {
        told.insert(case.to_owned(), problem(&tenant, answer, status, code));
    }
    insta::assert_json_snapshot!("wrong_bodies", told);
    let request =
        tenant.request(Method::POST, path).bearer_auth(&tenant.key).header("idempotency-key", "x".repeat(256));
    let answer = tenant.ask(request.json(&message("email", &[tenant.address("a")]))).await;
    assert_eq!(problem(&tenant, answer, 422, "invalid_request")["errors"][0]["field"], "Idempotency-Key");
    assert_eq!(tenant.items().await.len(), before, "nothing is stored");
}

#[tokio::test]
async fn in_templates_settings_and_keys() {
    let tenant = Tenant::new().await;
    let before = tenant.items().await;
    let template = json!({
        "id": "welcome", "name": "Welcome", "channel": "email",
        "texts": {"en": {"subject": "Hi {{ name }}", "text": "Hello {{ name }}"}},
    });
    let key = json!({"name": "CI", "scopes": ["campaigns:*"]});
    let mut told = serde_json::Map::new();
    for (case, method, path, body) in [
        (
            "a template that cannot be read",
            Method::POST,
            "/v1/templates",
            with(template.clone(), "/texts/en/text", json!("Hello {{ name")),
        ),
        ("an id that is ours", Method::POST, "/v1/templates", with(template.clone(), "/id", json!("trunkline.x"))),
        ("a template without text", Method::POST, "/v1/templates", with(template.clone(), "/texts", json!({}))),
        (
            "a mail without a subject",
            Method::POST,
            "/v1/templates",
            with(template.clone(), "/texts/en/subject", Value::Null),
        ),
        ("a test recipient that is no address", Method::PATCH, "/v1/settings", json!({"sandbox": {"email": ["me"]}})),
        ("a setting that nobody knows", Method::PATCH, "/v1/settings", json!({"sandbx": {}})),
        ("a scope that nobody knows", Method::POST, "/v1/keys", with(key.clone(), "/scopes", json!(["campaigns:fly"]))),
        ("a key that may nothing", Method::POST, "/v1/keys", with(key.clone(), "/scopes", json!([]))),
        (
            "a key that has expired",
            Method::POST,
            "/v1/keys",
            with(key.clone(), "/expires_at", json!("2020-01-01T00:00:00Z")),
        ),
        ("a key until soon", Method::POST, "/v1/keys", with(key.clone(), "/expires_at", json!("soon"))),
    ] {
        let answer = tenant.call(method, path, &body).await;
        told.insert(case.to_owned(), problem(&tenant, answer, 422, "invalid_request")["errors"].clone());
    }
    insta::assert_json_snapshot!("wrong_templates_settings_and_keys", told);
    assert_eq!(tenant.items().await, before, "nothing is stored");
}
