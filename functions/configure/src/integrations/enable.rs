//! On and off. What is queued on a disabled integration is held, and goes on once it is enabled.

use super::saved::{self, Edit, Edited};
use crate::{
    hub::{Hub, Place},
    may::{May, Write},
};
use api::{
    integrations::IntegrationView,
    problem::{Problem, ProblemKind},
};
use axum::extract::State;
use domain::{
    channel::{Kind, Provider},
    health::HealthStatus,
    ids::IntegrationId,
    integration::Integration,
    principal::Caller,
    tenant::TenantScope,
    webhook::{Stop, StopCause},
};
use runtime::http::{Answer, Json, Path};
use std::{sync::Arc, time::Duration};
use store::HeldFor;

/// How long the request waits for held bundles to be let go. What is left then, the sweeper does within a minute.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) async fn enable<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<IntegrationView>> {
    switch(&hub, &caller, &id, true).await
}

pub(crate) async fn disable<P: Place>(
    State(hub): State<Arc<Hub<P>>>,
    caller: May<Write>,
    Path(id): Path<IntegrationId>,
) -> Answer<Json<IntegrationView>> {
    switch(&hub, &caller, &id, false).await
}

async fn switch<P: Place>(
    hub: &Hub<P>,
    caller: &Caller,
    id: &IntegrationId,
    enabled: bool,
) -> Answer<Json<IntegrationView>> {
    let action = if enabled { "integration.enabled" } else { "integration.disabled" };
    let edit = Edit { action, detail: "enabled", release: enabled };
    let now = hub.now();
    let change = |integration: &mut Integration| {
        integration.enabled = enabled && (integration.enabled || may_be_enabled(integration));
        if integration.provider == Provider::Webhook {
            // Whatever stopped it before stays the reason.
            let paused = Stop { cause: StopCause::Paused, at: now };
            integration.stopped = (!integration.enabled).then(|| integration.stopped.unwrap_or(paused));
        }
    };
    let edited = saved::edit(hub, caller, id, edit, change).await?;
    let integration = match edited {
        Edited::Done(integration) => {
            if enabled {
                release(hub, &caller.scope, id).await;
            }
            integration
        }
        Edited::Unchanged(integration) if enabled && !integration.enabled => {
            let detail = format!(
                "Sign-in is enabled only after a test of its saved settings has passed. Test it first: `POST \
                 /v1/integrations/{id}/test`."
            );
            return Err(Problem::new(ProblemKind::Conflict, detail).into());
        }
        Edited::Unchanged(integration) => integration,
    };
    Ok(Json(integration.into()))
}

/// What delivers may be enabled before it works, because preflight keeps campaigns from it. Nothing stands between an
/// enabled sign-in and the API.
fn may_be_enabled(integration: &Integration) -> bool {
    let passed = integration.last_test.as_ref().is_some_and(|test| test.status != HealthStatus::Fail);
    passed || integration.kind() != Kind::Entra
}

/// Lets go of what is held on the integration. The wish to do so is stored already, so whatever goes wrong here is made
/// up for by the sweeper.
pub(super) async fn release<P: Place>(hub: &Hub<P>, scope: &TenantScope, id: &IntegrationId) {
    let held_for = HeldFor::Integration(id.clone());
    let releasing = ::hub::release::all(&*hub.store, &hub.queues, scope, &held_for, hub.now());
    match tokio::time::timeout(RELEASE_TIMEOUT, releasing).await {
        Ok(Ok(0)) => {}
        Ok(Ok(bundles)) => tracing::info!(integration = %id, bundles, "held bundles were let go"),
        Ok(Err(error)) => tracing::warn!(integration = %id, %error, "the sweeper will let go what is held"),
        Err(_) => tracing::info!(integration = %id, "much is held; the sweeper will let go the rest"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Stop, StopCause};
    use crate::stage::{Stage, acme};
    use axum::http::Method;
    use domain::{
        bundle::{Bundle, BundleId, Envelope, Payload, Recipient},
        channel::Channel,
        ids::{CampaignId, IntegrationId, RequestId},
        message::{Content, Message},
        sign_in::Authority,
    };
    use doubles::oidc::{CLIENT_ID, CLIENT_SECRET, OidcDouble};
    use runtime::testing::{START, call, key_of};
    use serde_json::{Value, json};
    use store::{Bundles, HeldFor, Request, SignIns, StoreError};

    /// A bundle that waits for the integration to be enabled.
    async fn hold_one(stage: &Stage, integration: &IntegrationId) -> BundleId {
        let campaign: CampaignId = "spring".parse().unwrap();
        let request = RequestId::generate();
        let bundle = Bundle::first(
            BundleId { request: request.clone(), number: None, generation: 0 },
            &campaign,
            Channel::Slack,
            integration,
            1,
            START,
        );
        let message = Message { subject: None, text: "Hi".into(), html: None, link: None };
        let header = Request {
            id: request,
            campaign: campaign.clone(),
            body_hash: String::new(),
            bundles: 0,
            dispatched: false,
            created_at: START,
            envelope: Envelope { content: Content::Message(message) },
            call: None,
        };
        let recipient = Recipient {
            user_id: "u1".parse().unwrap(),
            address: "C0123ABCD".into(),
            locale: None,
            variables: std::collections::BTreeMap::default(),
        };
        let payload = Payload { recipients: vec![recipient], ..Payload::default() };
        stage.store.create_request(&acme(), &header, Some((&bundle, &payload))).await.unwrap();
        let claimed = stage.store.claim(&acme(), &campaign, &bundle.id, START).await.unwrap().bundle;
        stage.store.hold(&acme(), &claimed, &HeldFor::Integration(integration.clone())).await.unwrap();
        bundle.id
    }

    #[tokio::test]
    async fn off_and_on_again() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let off = stage.post(&format!("{path}/disable"), Value::Null).await;
        assert_eq!((off.status, &off.body["enabled"], &off.body["rev"]), (200, &json!(false), &json!(2)));
        assert_eq!(stage.stored().await[0].next_probe_at(), None);
        let again = stage.post(&format!("{path}/disable"), Value::Null).await;
        assert_eq!((again.status, &again.body), (200, &off.body), "it is off already");
        let on = stage.post(&format!("{path}/enable"), Value::Null).await;
        assert_eq!((on.status, &on.body["enabled"], &on.body["rev"]), (200, &json!(true), &json!(3)));
        assert_eq!(stage.post(&format!("{path}/enable"), Value::Null).await.body["rev"], 3);
        let actions = ["integration.created slack", "integration.disabled enabled", "integration.enabled enabled"];
        assert_eq!(stage.audited().await, actions);
    }

    #[tokio::test]
    async fn an_endpoint_is_managed_at_its_own_routes_and_may_be_enabled_and_disabled_here() {
        let stage = Stage::new().await;
        let wanted = json!({
            "provider": "webhook", "name": "Orders", "config": {"url": "https://receiver.example/in"},
            "secrets": {"signing_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
        });
        let refused = |answer: &runtime::testing::Answered, route: &str| {
            assert_eq!((answer.status, &answer.body["code"]), (409, &json!("conflict")), "{}", answer.body);
            assert!(answer.body["detail"].as_str().unwrap().contains(route), "{}", answer.body);
        };
        refused(&stage.post("/v1/integrations?test=false", wanted).await, "`POST /v1/endpoints`");
        // One that was made where it is made.
        let path = stage.slack_integration().await;
        let mut endpoint = stage.stored().await.remove(0);
        (endpoint.provider, endpoint.rev) = (domain::channel::Provider::Webhook, endpoint.rev + 1);
        let audit = super::saved::entry(&crate::stage::caller(), "endpoint.updated", &endpoint, String::new());
        store::Integrations::save_integration(&*stage.store, &acme(), &endpoint, None, false, &audit).await.unwrap();
        let id = &endpoint.id;
        refused(&stage.patch(&path, json!({"name": "x"})).await, &format!("`PATCH /v1/endpoints/{id}`"));
        refused(&stage.delete(&path).await, &format!("`DELETE /v1/endpoints/{id}`"));
        let rotated = stage.put(&format!("{path}/secrets"), json!({"secrets": {"signing_secret": "x"}})).await;
        refused(&rotated, &format!("`POST /v1/endpoints/{id}/rotate-secret`"));
        assert_eq!(stage.stored().await, [endpoint]);

        let stopped = async || stage.stored().await.remove(0).stopped;
        stage.post(&format!("{path}/disable"), Value::Null).await;
        let paused = Some(Stop { cause: StopCause::Paused, at: START });
        assert_eq!(stopped().await, paused);
        stage.clock.advance_ms(1);
        assert_eq!(stage.post(&format!("{path}/disable"), Value::Null).await.body["rev"], 3, "it is off already");
        assert_eq!(stopped().await, paused);
        stage.post(&format!("{path}/enable"), Value::Null).await;
        assert_eq!(stopped().await, None);
    }

    #[tokio::test]
    async fn what_was_held_goes_on() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.post(&format!("{path}/disable"), Value::Null).await;
        let id = stage.stored().await[0].id.clone();
        let bundle = hold_one(&stage, &id).await;
        stage.post(&format!("{path}/enable"), Value::Null).await;
        let [queued] = &stage.queues.drain()[..] else { panic!("one message") };
        assert!(queued.body.contains(&bundle.request.to_string()), "{}", queued.body);
        assert_eq!(queued.group, "acme");
        let due = stage.store.releases_due(START, 9).await.unwrap();
        assert_eq!(due, [(acme(), HeldFor::Integration(id))], "the sweeper looks once more");
    }

    #[tokio::test]
    async fn what_is_held_on_a_deleted_one_is_let_go_to_be_cancelled() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        let id = stage.stored().await[0].id.clone();
        stage.post(&format!("{path}/disable"), Value::Null).await;
        hold_one(&stage, &id).await;
        stage.delete(&path).await;
        assert_eq!(stage.queues.drain().len(), 1);
    }

    #[tokio::test]
    async fn when_letting_go_fails_the_integration_is_enabled_all_the_same_and_the_wish_is_kept() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.post(&format!("{path}/disable"), Value::Null).await;
        let id = stage.stored().await[0].id.clone();
        hold_one(&stage, &id).await;
        stage.store.fail_next("held", StoreError::Unavailable("throttled".into()));
        let on = stage.post(&format!("{path}/enable"), Value::Null).await;
        assert_eq!((on.status, &on.body["enabled"]), (200, &json!(true)));
        assert_eq!(stage.queues.drain(), []);
        assert_eq!(stage.store.releases_due(START, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn whoever_is_second_switches_what_the_first_left() {
        let stage = Stage::new().await;
        let path = stage.slack_integration().await;
        stage.store.fail_next("save_integration", StoreError::Conflict);
        let off = stage.post(&format!("{path}/disable"), Value::Null).await;
        assert_eq!((off.status, &off.body["enabled"]), (200, &json!(false)));
        stage.store.fail_next("save_integration", StoreError::Conflict);
        stage.store.fail_next("save_integration", StoreError::Conflict);
        assert_eq!(stage.post(&format!("{path}/enable"), Value::Null).await.status, 409);
    }

    /// Otherwise whoever may only change integrations names a provider of their own, and is an admin by its token.
    #[tokio::test]
    async fn nobody_sets_up_a_sign_in_that_gives_more_than_they_have() {
        let stage = Stage::new().await;
        let as_one_who = async |grants: &str, method: Method, path: &str, body: Value| {
            call(&stage.app, &key_of("acme", grants), method, path, body).await
        };
        let nobody: [&str; 0] = [];
        let body = |admin_roles: Value| {
            json!({
                "provider": "entra", "name": "Mine", "enabled": false, "secrets": {"client_secret": "s"},
                "config": {
                    "issuer": "https://id.example.com", "client_id": "app", "admin_roles": admin_roles,
                    "operator_roles": nobody, "viewer_roles": nobody,
                },
            })
        };
        let create = "/v1/integrations?test=false";
        for (grants, roles) in [("integrations:*", json!(["A"])), ("integrations:write", json!(nobody))] {
            let refused = as_one_who(grants, Method::POST, create, body(roles)).await;
            assert_eq!((refused.status, &refused.body["code"]), (403, &json!("forbidden")), "{}", refused.body);
        }
        let made = as_one_who("integrations:*", Method::POST, create, body(json!(nobody))).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let path = format!("{}?test=false", made.headers["location"]);
        let more = json!({"config": body(json!(["A"]))["config"]});
        assert_eq!(as_one_who("integrations:*", Method::PATCH, &path, more.clone()).await.status, 403);
        assert_eq!(as_one_who("integrations:*", Method::PATCH, &path, json!({"name": "Ours"})).await.status, 200);
        assert_eq!(stage.patch(&path, more).await.status, 200);
    }

    #[tokio::test]
    async fn a_sign_in_is_enabled_only_after_its_test_has_passed() {
        let stage = Stage::new().await;
        let provider = OidcDouble::start(START.0 / 1_000).await.unwrap();
        let body = |secret: &str, enabled: bool| {
            json!({
                "provider": "entra", "name": "Directory", "enabled": enabled,
                "config": {"issuer": provider.url(), "client_id": CLIENT_ID}, "secrets": {"client_secret": secret},
            })
        };
        // An enabled one is tested whatever is wished.
        let refused = stage.post("/v1/integrations?test=false", body("wrong", true)).await;
        assert_eq!((refused.status, &refused.body["errors"][0]["code"]), (422, &json!("oidc_client_refused")));
        let path = stage.post("/v1/integrations?test=false", body("wrong", false)).await.headers["location"].clone();
        let enable = async || stage.post(&format!("{path}/enable"), Value::Null).await;
        let refused = enable().await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("conflict")));
        assert!(refused.body["detail"].as_str().unwrap().contains("/test`"), "{}", refused.body);
        stage.post(&format!("{path}/test"), Value::Null).await;
        assert_eq!(enable().await.status, 409, "the test failed");

        let secrets = json!({"secrets": {"client_secret": CLIENT_SECRET}});
        assert_eq!(stage.put(&format!("{path}/secrets"), secrets).await.status, 200);
        assert_eq!((enable().await.status, enable().await.body["enabled"].clone()), (200, json!(true)));
        let authority = Authority::Issuer(provider.url());
        assert!(stage.store.sign_in(&authority, CLIENT_ID).await.unwrap().is_some());
        // A bad moment of the provider's later on switches nothing off.
        provider.behaviour().down = Some(503);
        stage.clock.advance_ms(1);
        stage.post(&format!("{path}/test"), Value::Null).await;
        assert_eq!(enable().await.body["enabled"], true);
        // One token has one owner.
        provider.behaviour().down = None;
        let second = stage.post("/v1/integrations", body(CLIENT_SECRET, true)).await;
        assert_eq!((second.status, &second.body["code"]), (409, &json!("conflict")));
        assert!(second.body["detail"].as_str().unwrap().contains("audience"), "{}", second.body);
        stage.delete(&path).await;
        assert!(stage.store.sign_in(&authority, CLIENT_ID).await.unwrap().is_none());
    }
}
