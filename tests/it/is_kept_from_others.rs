//! One tenant's things are as good as absent for another, and for whoever may not have them.

use crate::tenant::{Tenant, message};
use api::routes::{Access, ROUTES, Route};
use domain::principal::Scope;
use reqwest::Method;
use serde_json::{Value, json};

/// What a tenant has that others might want.
struct Belongings {
    tenant: String,
    integration: String,
    template: String,
    campaign: String,
    delivery: String,
    key: String,
    suppressed: String,
    hook: String,
    hook_event: String,
    endpoint: String,
    rule: String,
    log: String,
}

async fn belongings(tenant: &Tenant) -> Belongings {
    let integration = tenant.email().await;
    let template = json!({
        "id": "welcome", "name": "Welcome", "channel": "email",
        "texts": {"en": {"subject": "Hi {{ name }}", "text": "Hello {{ name }}"}},
    });
    tenant.post("/v1/templates", &template).await.expect(201);
    let addresses = ["refuse-550-a", "b"].map(|name| tenant.address(name));
    let delivery = tenant.send("spring", "email", &addresses).await.remove(0);
    tenant.settled("spring").await;
    let key = tenant.post("/v1/keys", &json!({"name": "CI", "scopes": ["campaigns:read"]})).await.expect(201);
    let (hook, hook_event) = crate::receives_webhooks::a_hook_and_its_event(tenant).await;
    // Disabled, so that no scheduled test changes it meanwhile.
    let endpoint = json!({"name": "Orders", "url": "https://receiver.example/in", "enabled": false});
    let endpoint = tenant.post("/v1/endpoints?test=false", &endpoint).await.expect(201);
    let rule = tenant.post("/v1/rules", &rule()).await.expect(201);
    tenant.call(Method::PUT, "/v1/event-types/order.created", &json!({"description": "Placed."})).await.expect(200);
    let suppressed = tenant.address("no-more");
    tenant.post("/v1/suppressions", &json!({"address": suppressed})).await.expect(201);
    Belongings {
        tenant: tenant.id.clone(),
        integration,
        template: "welcome".into(),
        campaign: "spring".into(),
        delivery,
        key: key["id"].as_str().unwrap().to_owned(),
        suppressed,
        hook,
        hook_event,
        endpoint: endpoint["id"].as_str().unwrap().to_owned(),
        rule: rule["id"].as_str().unwrap().to_owned(),
        log: tenant.get("/v1/logs?limit=1").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned(),
    }
}

impl Belongings {
    /// The path of a route with these things in it.
    fn path(&self, route: &Route) -> String {
        let id = match route.path.split('/').nth(2).unwrap() {
            "integrations" => &self.integration,
            "templates" => &self.template,
            "campaigns" => &self.campaign,
            "keys" => &self.key,
            "hooks" => &self.hook,
            "rules" => &self.rule,
            "logs" => &self.log,
            "endpoints" => &self.endpoint,
            "tenants" | "tracking" | "suppressions" | "event-types" => &self.tenant,
            other => panic!("what is the id in {other}?"),
        };
        [
            ("{id}", id),
            ("{tenant}", &self.tenant),
            ("{integration_id}", &self.integration),
            ("{delivery_id}", &self.delivery),
            ("{attempt_id}", &self.delivery),
            ("{address}", &self.suppressed),
            ("{event_id}", &self.hook_event),
            ("{type}", &"order.created".to_owned()),
        ]
        .into_iter()
        .fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value))
    }
}

/// A body that a route would take.
fn body(tenant: &Tenant, route: &Route) -> Value {
    match route.request {
        None => Value::Null,
        Some("IntegrationCreate") => tenant.email_settings(),
        Some("IntegrationPatch" | "HookPatch" | "KeyPatch" | "EndpointPatch") => json!({"name": "Mine now"}),
        Some("SecretsPut") => json!({"secrets": {"password": "mine now"}}),
        Some("ProbePut") => json!({"interval_minutes": 1}),
        Some("SettingsPatch") => json!({"sandbox": {"email": ["me@evil.example"]}}),
        Some("TemplateBody") => {
            json!({"name": "Mine", "channel": "email", "texts": {"en": {"subject": "x", "text": "x"}}})
        }
        Some("PreviewRequest") => json!({"channel": "email", "texts": {"en": {"text": "x"}}}),
        Some("PreflightRequest") => json!({"campaign_id": "spring", "channel": "email", "recipients": []}),
        Some("SendRequest") => message("email", &[tenant.address("me")]),
        Some(
            "ResendRequest" | "SecretRotate" | "ReEncrypt" | "KeyRegenerate" | "EndpointTest" | "EndpointRotate"
            | "EventResend" | "DeadLetterFilter",
        ) => json!({}),
        Some("EndpointCreate") => json!({"name": "Mine", "url": "https://receiver.example/mine"}),
        Some("RecoverRequest") => json!({"since": "2026-01-01T00:00:00Z"}),
        Some("DryRunRequest") => json!({"recipients": [tenant.address("me")]}),
        Some("SuppressionCreate") => json!({"address": tenant.address("me")}),
        Some("KeyCreate") => json!({"name": "x", "scopes": ["campaigns:read"]}),
        Some("RuleCreate") => rule(),
        Some("RulePatch") => json!({"enabled": false}),
        Some("RuleTry") => json!({"rule": rule(), "event": {"name": "webhook.received", "detail": {}}}),
        Some("RuleDryRun") => json!({"event": {"name": "webhook.received", "detail": {}}}),
        Some("EventsRequest") => json!({"type": "order.created", "data": {}}),
        Some("EventTypeBody") => json!({"description": "Mine now"}),
        Some("HookCreate") => json!({"name": "Mine", "scheme": "github"}),
        Some("TenantCreate") => json!({"id": "x", "name": "x"}),
        Some(other) => panic!("what does a {other} look like?"),
    }
}

fn rule() -> Value {
    json!({
        "name": "Mine", "events": ["webhook.received"],
        "actions": [{"do": "send", "channel": "email", "to": ["me@evil.example"], "message": {"text": "x"}}],
    })
}

fn method(route: &Route) -> Method {
    route.method.parse().unwrap()
}

#[tokio::test]
async fn every_route_with_an_id_answers_404_to_another_tenant_and_changes_nothing() {
    let (victim, other) = (Tenant::new().await, Tenant::new().await);
    let theirs = belongings(&victim).await;
    let before = victim.items().await;
    let mut tried = 0;
    // The operator's routes are refused to every tenant, and what providers report is believed by their own proof.
    let routes = ROUTES.iter().filter(|route| matches!(route.access, Access::Scope(_)));
    for route in routes.filter(|route| route.path.contains('{')) {
        let answer = other.call(method(route), &theirs.path(route), &body(&other, route)).await;
        // A campaign's name is the caller's own to choose: sending into one of the same name is about one's own, which
        // cannot go without an integration.
        // So is the name of a type of events: registering one of the same name, and forgetting it, is about one's own.
        let expected = match (route.function, route.method) {
            ("enqueue", _) => (409, "not_ready"),
            ("event-types", "PUT") => (200, ""),
            ("event-types", "DELETE") => (204, ""),
            _ => (404, "not_found"),
        };
        let told = answer.body["code"].as_str().unwrap_or_default();
        assert_eq!((answer.status, told), expected, "{} {}: {}", route.method, route.path, answer.text);
        tried += 1;
    }
    assert!(tried >= 23, "{tried} routes were tried");
    assert_eq!(victim.items().await, before, "nothing is changed");

    // Ids in bodies.
    let mut send = message("email", &[other.address("me")]);
    send["integration_id"] = json!(theirs.integration);
    let refused = other.post("/v1/campaigns/mine/deliveries", &send).await.expect(409);
    assert_eq!(refused["checks"][0]["code"], "not_configured", "{refused}");
    let ask =
        json!({"campaign_id": "mine", "channel": "email", "integration_id": theirs.integration, "recipients": []});
    let told = other.post("/v1/preflight", &ask).await.expect(200);
    assert_eq!((&told["ready"], &told["integration_id"]), (&json!(false), &Value::Null), "{told}");
    other.email().await;
    let mut send = message("email", &[other.address("me")]);
    send.as_object_mut().unwrap().remove("message");
    send["template"] = json!({"id": theirs.template});
    other.post("/v1/campaigns/mine/deliveries", &send).await.expect(409);

    // Lists.
    for list in ["/v1/campaigns", "/v1/keys", "/v1/templates", "/v1/audit", "/v1/integrations", "/v1/suppressions"] {
        let items = other.get(list).await.expect(200)["items"].to_string();
        for id in [&theirs.integration, &theirs.template, &theirs.delivery, &theirs.key, &theirs.suppressed, &victim.id]
        {
            assert!(!items.contains(&format!("\"{id}\"")), "{list} shows {id}: {items}");
        }
    }
    assert_eq!(victim.items().await, before, "nothing is changed");
}

#[tokio::test]
async fn every_route_asks_for_a_credential_and_for_its_scope() {
    let tenant = Tenant::new().await;
    let mine = belongings(&tenant).await;
    let before = tenant.items().await;
    let auditor = tenant.with_scopes(&[Scope::AuditRead.as_str()]).await;
    let keeper = tenant.with_scopes(&[Scope::KeysRead.as_str()]).await;
    let made = tenant.items().await;
    assert!(made.len() > before.len(), "the two keys are stored");
    // A call of a hook asks for the hook's own secret, and what is refused is counted.
    for route in ROUTES.iter().filter(|route| route.function != "receive") {
        let path = if route.path.contains('{') { mine.path(route) } else { route.path.to_owned() };
        let (method, body) = (method(route), body(&tenant, route));
        let what = format!("{method} {path}");
        let anonymous = tenant.ask(tenant.request(method.clone(), &path).json(&body)).await;
        let Access::Scope(scope) = route.access else {
            let public = route.access == Access::Public;
            // A person who comes back from a sign-in that nobody began is shown a page that says so.
            let expected = match route.function {
                "sign-in" => 400,
                // Its provider reports nothing.
                "track" => 404,
                _ if public => 200,
                _ => 401,
            };
            assert_eq!(anonymous.status, expected, "{what}");
            if !public {
                let refused = tenant.call(method, &path, &body).await;
                assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{what}");
            }
            continue;
        };
        assert_eq!(anonymous.status, 401, "{what} without a credential");
        let caller = if scope == Scope::AuditRead { &keeper } else { &auditor };
        let refused = caller.call(method, &path, &body).await.expect(403);
        assert_eq!(refused["code"], "forbidden", "{what}");
        assert!(refused["detail"].as_str().unwrap().contains(scope.as_str()), "{what} names {scope}: {refused}");
    }
    assert_eq!(tenant.items().await, made, "nothing is changed");
}
