//! The routes, in the order of the API's list.

use super::{Client, Error};
use api::{
    audit::{AuditVerdict, AuditView},
    campaigns::{CampaignView, DeliveryView, ResendAnswer, ResendRequest, SendAccepted, SendRequest, SimulationView},
    endpoints::{
        AttemptSummary, DeadLetterFilter, DeadLetterView, EndpointCreate, EndpointPatch, EndpointRotate,
        EndpointSecretShown, EndpointTest, EndpointTestView, EndpointView, EventAttemptDetail, EventDeliveryView,
        EventResend, EventResent, RecoverRequest, RedriveAnswer,
    },
    events::{EventTypeBody, EventTypeView, EventsAccepted, EventsRequest},
    hooks::{
        HookCreate, HookEventDetail, HookEventView, HookPatch, HookSecretShown, HookView, RejectionView, ReplayAnswer,
        SecretRotate,
    },
    integrations::{
        HealthView, IntegrationCreate, IntegrationPatch, IntegrationView, SecretsView, TestAllView, TestView, UsageView,
    },
    jobs::JobView,
    keys::{KeyCreate, KeyCreated, KeyPatch, KeyRegenerate, KeyView},
    logs::{LogEntryDetail, LogEntryView, LogStats},
    page::{LIMIT_MAX, List},
    preflight::{PreflightAnswer, PreflightRequest},
    rules::{RuleCreate, RuleDryRun, RuleDryRunAnswer, RulePatch, RuleTry, RuleView, RunView},
    settings::{SettingsPatch, SettingsView},
    suppressions::{SuppressionCreate, SuppressionView},
    templates::{TemplateBody, TemplateView},
    tenants::{ErasureView, ReEncrypt, ReEncryption, TenantCreate, TenantView},
};
use domain::{
    bundle::DeliveryStatus,
    hook::EventPattern,
    ids::{CampaignId, DeliveryId, HookEventId, HookId, IntegrationId, KeyId, RuleId, TemplateId, TenantId},
    log::{Direction, EntryStatus, EntryType, LogId},
    time::Timestamp,
    webhook::EventType,
};
use reqwest::Method;
use serde_json::json;

/// Which deliveries of a campaign to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeliveryQuery {
    /// Only those with this status.
    pub status: Option<DeliveryStatus>,
}

/// Which entries of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Only those of this type.
    pub kind: Option<EntryType>,
    /// Only those in this direction.
    pub direction: Option<Direction>,
    /// Only those that went like this.
    pub status: Option<EntryStatus>,
    /// Only those of this integration, or endpoint.
    pub integration: Option<IntegrationId>,
    /// Only those of this inbound webhook.
    pub hook: Option<HookId>,
    /// Only those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only those of this event, or with `*` at the end of those that begin so.
    pub event: Option<String>,
    /// Only those with this code.
    pub code: Option<String>,
    /// From this moment on.
    pub since: Option<Timestamp>,
    /// Until this moment.
    pub until: Option<Timestamp>,
}

impl LogQuery {
    fn pairs(&self) -> Vec<(&'static str, String)> {
        fn told(value: Option<&impl ToString>) -> Option<String> {
            value.map(ToString::to_string)
        }
        let all = [
            ("type", told(self.kind.as_ref())),
            ("direction", told(self.direction.as_ref())),
            ("status", told(self.status.as_ref())),
            ("integration_id", told(self.integration.as_ref())),
            ("hook_id", told(self.hook.as_ref())),
            ("campaign_id", told(self.campaign.as_ref())),
            ("event", self.event.clone()),
            ("code", self.code.clone()),
            ("since", told(self.since.as_ref())),
            ("until", told(self.until.as_ref())),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// A text as one segment of a path (RFC 3986, section 3.3).
fn in_path(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@+".contains(&byte);
    let encoded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}

/// Tenants and their keys.
impl Client {
    /// Creates a tenant; the operator alone may.
    pub async fn create_tenant(&self, tenant: &TenantCreate) -> Result<TenantView, Error> {
        self.post("/tenants", tenant).await
    }

    /// Lists the tenants; the operator alone may.
    pub async fn tenants(&self) -> Result<Vec<TenantView>, Error> {
        self.all("/tenants", &[]).await
    }

    /// What runs by the clock, and how it stands; the operator alone may see it.
    pub async fn jobs(&self) -> Result<Vec<JobView>, Error> {
        self.all("/jobs", &[]).await
    }

    /// Does the next piece of a tenant's erasure; the operator alone may. To be repeated until it is done.
    pub async fn erase_tenant(&self, id: &TenantId) -> Result<ErasureView, Error> {
        self.read(self.request(Method::DELETE, &format!("/tenants/{id}")).query(&[("confirm", id.as_str())])).await
    }

    /// Encrypts the data keys of some of a tenant's secrets anew; the operator alone may.
    pub async fn re_encrypt(&self, id: &TenantId, wanted: &ReEncrypt) -> Result<ReEncryption, Error> {
        self.post(&format!("/tenants/{id}/re-encrypt"), wanted).await
    }

    /// The audit trail of any tenant, of an erased one too; the operator alone may read it so.
    pub async fn audit_of(&self, id: &TenantId) -> Result<Vec<AuditView>, Error> {
        self.all(&format!("/tenants/{id}/audit"), &[]).await
    }

    /// Checks the whole audit trail of any tenant; the operator alone may.
    pub async fn verify_audit_of(&self, id: &TenantId) -> Result<AuditVerdict, Error> {
        self.verified(&format!("/tenants/{id}/audit/verify")).await
    }

    /// Creates an API key. Its secret is in this answer and nowhere else.
    pub async fn create_key(&self, key: &KeyCreate) -> Result<KeyCreated, Error> {
        self.post("/keys", key).await
    }

    /// Lists the API keys.
    pub async fn keys(&self) -> Result<Vec<KeyView>, Error> {
        self.all("/keys", &[]).await
    }

    /// One API key with what it used.
    pub async fn key(&self, id: &KeyId) -> Result<KeyView, Error> {
        self.get(&format!("/keys/{id}")).await
    }

    /// Changes an API key.
    pub async fn change_key(&self, id: &KeyId, patch: &KeyPatch) -> Result<KeyView, Error> {
        self.read(self.request(Method::PATCH, &format!("/keys/{id}")).json(patch)).await
    }

    /// Gives an API key a new secret, which is in this answer and nowhere else.
    pub async fn regenerate_key(&self, id: &KeyId, how: &KeyRegenerate) -> Result<KeyCreated, Error> {
        self.post(&format!("/keys/{id}/regenerate"), how).await
    }

    /// Suspends an API key.
    pub async fn suspend_key(&self, id: &KeyId) -> Result<KeyView, Error> {
        self.read(self.request(Method::POST, &format!("/keys/{id}/suspend"))).await
    }

    /// Lets a suspended API key work again.
    pub async fn activate_key(&self, id: &KeyId) -> Result<KeyView, Error> {
        self.read(self.request(Method::POST, &format!("/keys/{id}/activate"))).await
    }

    /// Revokes an API key.
    pub async fn revoke_key(&self, id: &KeyId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/keys/{id}"))).await.map(drop)
    }
}

/// Integrations, settings, audit.
impl Client {
    /// Lists the integrations.
    pub async fn integrations(&self) -> Result<Vec<IntegrationView>, Error> {
        self.all("/integrations", &[]).await
    }

    /// One integration.
    pub async fn integration(&self, id: &IntegrationId) -> Result<IntegrationView, Error> {
        self.get(&format!("/integrations/{id}")).await
    }

    /// What an integration used of its limits.
    pub async fn usage(&self, id: &IntegrationId) -> Result<UsageView, Error> {
        self.get(&format!("/integrations/{id}/usage")).await
    }

    /// How an integration did over the last `hours`.
    pub async fn health(&self, id: &IntegrationId, hours: u32) -> Result<HealthView, Error> {
        self.get(&format!("/integrations/{id}/health?hours={hours}")).await
    }

    /// Creates an integration, after a test of its connection unless `untested`.
    pub async fn create_integration(
        &self,
        integration: &IntegrationCreate,
        untested: bool,
    ) -> Result<IntegrationView, Error> {
        let query = if untested { "?test=false" } else { "" };
        self.post(&format!("/integrations{query}"), integration).await
    }

    /// Tests settings without saving them.
    pub async fn test_settings(&self, integration: &IntegrationCreate) -> Result<TestView, Error> {
        self.post("/integrations/test", integration).await
    }

    /// Changes an integration, after a test of its connection unless `untested`.
    pub async fn change_integration(
        &self,
        id: &IntegrationId,
        patch: &IntegrationPatch,
        untested: bool,
    ) -> Result<IntegrationView, Error> {
        let query = if untested { "?test=false" } else { "" };
        self.read(self.request(Method::PATCH, &format!("/integrations/{id}{query}")).json(patch)).await
    }

    /// Tests a saved connection.
    pub async fn test_integration(&self, id: &IntegrationId) -> Result<TestView, Error> {
        self.post(&format!("/integrations/{id}/test"), &json!({})).await
    }

    /// Tests every enabled integration.
    pub async fn test_all(&self) -> Result<TestAllView, Error> {
        self.post("/integrations/test-all", &json!({})).await
    }

    /// Lets campaigns use an integration.
    pub async fn enable_integration(&self, id: &IntegrationId) -> Result<IntegrationView, Error> {
        self.post(&format!("/integrations/{id}/enable"), &json!({})).await
    }

    /// Keeps campaigns from using an integration.
    pub async fn disable_integration(&self, id: &IntegrationId) -> Result<IntegrationView, Error> {
        self.post(&format!("/integrations/{id}/disable"), &json!({})).await
    }

    /// Deletes an integration.
    pub async fn delete_integration(&self, id: &IntegrationId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/integrations/{id}"))).await.map(drop)
    }

    /// The tenant's settings.
    pub async fn settings(&self) -> Result<SettingsView, Error> {
        self.get("/settings").await
    }

    /// Changes the tenant's settings.
    pub async fn change_settings(&self, patch: &SettingsPatch) -> Result<SettingsView, Error> {
        self.read(self.request(Method::PATCH, "/settings").json(patch)).await
    }

    /// Lists the templates, the ready-made ones included.
    pub async fn templates(&self) -> Result<Vec<TemplateView>, Error> {
        self.all("/templates", &[]).await
    }

    /// One template.
    pub async fn template(&self, id: &TemplateId) -> Result<TemplateView, Error> {
        self.get(&format!("/templates/{id}")).await
    }

    /// Creates a template.
    pub async fn create_template(&self, template: &TemplateBody) -> Result<TemplateView, Error> {
        self.post("/templates", template).await
    }

    /// Makes a new version of a template.
    pub async fn change_template(&self, id: &TemplateId, template: &TemplateBody) -> Result<TemplateView, Error> {
        self.read(self.request(Method::PUT, &format!("/templates/{id}")).json(template)).await
    }

    /// Deletes a template.
    pub async fn delete_template(&self, id: &TemplateId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/templates/{id}"))).await.map(drop)
    }

    /// When each of an integration's secrets was given, and the versions that are kept.
    pub async fn secrets(&self, id: &IntegrationId) -> Result<SecretsView, Error> {
        self.get(&format!("/integrations/{id}/secrets")).await
    }

    /// Lists the addresses to which nothing is sent any more.
    pub async fn suppressions(&self) -> Result<Vec<SuppressionView>, Error> {
        self.all("/suppressions", &[]).await
    }

    /// Sends nothing to an address any more.
    pub async fn suppress(&self, entry: &SuppressionCreate) -> Result<SuppressionView, Error> {
        self.post("/suppressions", entry).await
    }

    /// Sends to an address again.
    pub async fn unsuppress(&self, address: &str) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/suppressions/{}", in_path(address)))).await.map(drop)
    }

    /// The audit trail, oldest first.
    pub async fn audit(&self) -> Result<Vec<AuditView>, Error> {
        self.all("/audit", &[]).await
    }

    /// Checks the whole audit trail, in as many requests as it takes.
    pub async fn verify_audit(&self) -> Result<AuditVerdict, Error> {
        self.verified("/audit/verify").await
    }

    async fn verified(&self, path: &str) -> Result<AuditVerdict, Error> {
        let mut cursor = None::<String>;
        loop {
            let request = self.request(Method::GET, path).query(&cursor.map(|cursor| [("cursor", cursor)]));
            let verdict: AuditVerdict = self.read(request).await?;
            match verdict.next {
                None => return Ok(verdict),
                next => cursor = next,
            }
        }
    }
}

/// Campaigns.
impl Client {
    /// Asks whether a campaign may go.
    pub async fn preflight(&self, request: &PreflightRequest) -> Result<PreflightAnswer, Error> {
        self.post("/preflight", request).await
    }

    /// Sends. With an idempotency key it is safe to repeat.
    pub async fn send(
        &self,
        campaign: &CampaignId,
        request: &SendRequest,
        idempotency_key: Option<&str>,
    ) -> Result<SendAccepted, Error> {
        let mut call = self.request(Method::POST, &format!("/campaigns/{campaign}/deliveries")).json(request);
        if let Some(key) = idempotency_key {
            call = call.header("Idempotency-Key", key);
        }
        self.read(call).await
    }

    /// Lists the campaigns.
    pub async fn campaigns(&self) -> Result<Vec<CampaignView>, Error> {
        self.all("/campaigns", &[]).await
    }

    /// A campaign with its live totals.
    pub async fn campaign(&self, id: &CampaignId) -> Result<CampaignView, Error> {
        self.get(&format!("/campaigns/{id}")).await
    }

    /// Lists a campaign's deliveries.
    pub async fn deliveries(&self, id: &CampaignId, query: DeliveryQuery) -> Result<Vec<DeliveryView>, Error> {
        let status: Vec<_> = query.status.iter().map(|status| ("status", status.as_str())).collect();
        self.all(&format!("/campaigns/{id}/deliveries"), &status).await
    }

    /// One delivery with all its attempts.
    pub async fn delivery(&self, campaign: &CampaignId, id: &DeliveryId) -> Result<DeliveryView, Error> {
        self.get(&format!("/campaigns/{campaign}/deliveries/{id}")).await
    }

    /// A campaign's phishing simulations.
    pub async fn simulations(&self, id: &CampaignId) -> Result<Vec<SimulationView>, Error> {
        self.all(&format!("/campaigns/{id}/simulations"), &[]).await
    }

    /// What failed, as CSV.
    pub async fn errors_csv(&self, id: &CampaignId) -> Result<String, Error> {
        self.text(self.request(Method::GET, &format!("/campaigns/{id}/errors.csv"))).await
    }

    /// Queues what failed again.
    pub async fn resend(&self, id: &CampaignId, request: &ResendRequest) -> Result<ResendAnswer, Error> {
        self.post(&format!("/campaigns/{id}/resend"), request).await
    }

    /// Holds what is not sent yet.
    pub async fn pause(&self, id: &CampaignId) -> Result<CampaignView, Error> {
        self.post(&format!("/campaigns/{id}/pause"), &json!({})).await
    }

    /// Goes on with what was held.
    pub async fn resume(&self, id: &CampaignId) -> Result<CampaignView, Error> {
        self.post(&format!("/campaigns/{id}/resume"), &json!({})).await
    }

    /// Stops what is not sent yet for good.
    pub async fn cancel(&self, id: &CampaignId) -> Result<CampaignView, Error> {
        self.post(&format!("/campaigns/{id}/cancel"), &json!({})).await
    }
}

/// Automation rules.
impl Client {
    /// Lists the automation rules.
    pub async fn rules(&self) -> Result<Vec<RuleView>, Error> {
        self.all("/rules", &[]).await
    }

    /// One automation rule, with what was counted in this hour.
    pub async fn rule(&self, id: &RuleId) -> Result<RuleView, Error> {
        self.get(&format!("/rules/{id}")).await
    }

    /// Creates an automation rule.
    pub async fn create_rule(&self, rule: &RuleCreate) -> Result<RuleView, Error> {
        self.post("/rules", rule).await
    }

    /// Changes an automation rule.
    pub async fn change_rule(&self, id: &RuleId, patch: &RulePatch) -> Result<RuleView, Error> {
        self.read(self.request(Method::PATCH, &format!("/rules/{id}")).json(patch)).await
    }

    /// Deletes an automation rule.
    pub async fn delete_rule(&self, id: &RuleId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/rules/{id}"))).await.map(drop)
    }

    /// Tries a saved rule on an event.
    pub async fn try_rule(&self, id: &RuleId, event: &RuleDryRun) -> Result<RuleDryRunAnswer, Error> {
        self.post(&format!("/rules/{id}/dry-run"), event).await
    }

    /// Tries a rule that is not saved on an event.
    pub async fn try_unsaved_rule(&self, wanted: &RuleTry) -> Result<RuleDryRunAnswer, Error> {
        self.post("/rules/dry-run", wanted).await
    }

    /// What an automation rule did, for the newest events first.
    pub async fn rule_runs(&self, id: &RuleId, limit: usize) -> Result<Vec<RunView>, Error> {
        self.first(&format!("/rules/{id}/runs"), &[], limit).await
    }
}

/// Inbound webhooks.
impl Client {
    /// Lists the inbound webhooks.
    pub async fn hooks(&self) -> Result<Vec<HookView>, Error> {
        self.all("/hooks", &[]).await
    }

    /// Creates an inbound webhook. A secret that was made is in this answer and nowhere else.
    pub async fn create_hook(&self, hook: &HookCreate) -> Result<HookSecretShown, Error> {
        self.post("/hooks", hook).await
    }

    /// Changes an inbound webhook.
    pub async fn change_hook(&self, id: &HookId, patch: &HookPatch) -> Result<HookView, Error> {
        self.read(self.request(Method::PATCH, &format!("/hooks/{id}")).json(patch)).await
    }

    /// Deletes an inbound webhook.
    pub async fn delete_hook(&self, id: &HookId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/hooks/{id}"))).await.map(drop)
    }

    /// Gives an inbound webhook a new secret.
    pub async fn rotate_hook(&self, id: &HookId, secret: &SecretRotate) -> Result<HookSecretShown, Error> {
        self.post(&format!("/hooks/{id}/rotate-secret"), secret).await
    }

    /// What an inbound webhook received, newest first.
    pub async fn hook_events(
        &self,
        id: &HookId,
        named: Option<&EventPattern>,
        limit: usize,
    ) -> Result<Vec<HookEventView>, Error> {
        let query: Vec<_> = named.map(|pattern| ("event", pattern.as_str())).into_iter().collect();
        self.first(&format!("/hooks/{id}/events"), &query, limit).await
    }

    /// One event with its body.
    pub async fn hook_event(&self, id: &HookId, event: &HookEventId) -> Result<HookEventDetail, Error> {
        self.get(&format!("/hooks/{id}/events/{event}")).await
    }

    /// Publishes an event again.
    pub async fn replay_hook_event(&self, id: &HookId, event: &HookEventId) -> Result<ReplayAnswer, Error> {
        self.post(&format!("/hooks/{id}/events/{event}/replay"), &json!({})).await
    }

    /// What an inbound webhook turned away.
    pub async fn hook_rejections(&self, id: &HookId) -> Result<Vec<RejectionView>, Error> {
        self.first(&format!("/hooks/{id}/rejections"), &[], 200).await
    }
}

/// Outbound webhooks.
impl Client {
    /// Hands events over. With an idempotency key it is safe to repeat.
    pub async fn post_events(
        &self,
        request: &EventsRequest,
        idempotency_key: Option<&str>,
    ) -> Result<EventsAccepted, Error> {
        let mut call = self.request(Method::POST, "/events").json(request);
        if let Some(key) = idempotency_key {
            call = call.header("Idempotency-Key", key);
        }
        self.read(call).await
    }

    /// Lists the registered types of events.
    pub async fn event_types(&self) -> Result<Vec<EventTypeView>, Error> {
        self.all("/event-types", &[]).await
    }

    /// Registers a type of events, or changes it.
    pub async fn register_event_type(&self, kind: &EventType, body: &EventTypeBody) -> Result<EventTypeView, Error> {
        self.read(self.request(Method::PUT, &format!("/event-types/{kind}")).json(body)).await
    }

    /// Forgets a registered type of events.
    pub async fn forget_event_type(&self, kind: &EventType) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/event-types/{kind}"))).await.map(drop)
    }

    /// Lists the endpoints.
    pub async fn endpoints(&self) -> Result<Vec<EndpointView>, Error> {
        self.all("/endpoints", &[]).await
    }

    /// One endpoint.
    pub async fn webhook_endpoint(&self, id: &IntegrationId) -> Result<EndpointView, Error> {
        self.get(&format!("/endpoints/{id}")).await
    }

    /// Creates an endpoint, after a test unless `untested`. A secret that was made is in this answer and nowhere else.
    pub async fn create_endpoint(
        &self,
        endpoint: &EndpointCreate,
        untested: bool,
    ) -> Result<EndpointSecretShown, Error> {
        let query = if untested { "?test=false" } else { "" };
        self.post(&format!("/endpoints{query}"), endpoint).await
    }

    /// Changes an endpoint, after a test where its URL or headers change, unless `untested`.
    pub async fn change_endpoint(
        &self,
        id: &IntegrationId,
        patch: &EndpointPatch,
        untested: bool,
    ) -> Result<EndpointView, Error> {
        let query = if untested { "?test=false" } else { "" };
        self.read(self.request(Method::PATCH, &format!("/endpoints/{id}{query}")).json(patch)).await
    }

    /// Posts a sample event.
    pub async fn test_endpoint(&self, id: &IntegrationId, sample: &EndpointTest) -> Result<EndpointTestView, Error> {
        self.post(&format!("/endpoints/{id}/test"), sample).await
    }

    /// Posts nothing to an endpoint for now.
    pub async fn pause_endpoint(&self, id: &IntegrationId) -> Result<EndpointView, Error> {
        self.post(&format!("/endpoints/{id}/pause"), &json!({})).await
    }

    /// Goes on with what was kept for an endpoint.
    pub async fn resume_endpoint(&self, id: &IntegrationId) -> Result<EndpointView, Error> {
        self.post(&format!("/endpoints/{id}/resume"), &json!({})).await
    }

    /// Gives an endpoint a new signing secret.
    pub async fn rotate_endpoint(
        &self,
        id: &IntegrationId,
        wanted: &EndpointRotate,
    ) -> Result<EndpointSecretShown, Error> {
        self.post(&format!("/endpoints/{id}/rotate-secret"), wanted).await
    }

    /// Deletes an endpoint.
    pub async fn delete_endpoint(&self, id: &IntegrationId) -> Result<(), Error> {
        self.text(self.request(Method::DELETE, &format!("/endpoints/{id}"))).await.map(drop)
    }

    /// What an endpoint did not get, newest first.
    pub async fn dead_letters(
        &self,
        id: &IntegrationId,
        which: &DeadLetterFilter,
        limit: usize,
    ) -> Result<Vec<DeadLetterView>, Error> {
        let DeadLetterFilter { since, until, kind, code, cursor: _ } = which;
        let kind = kind.as_ref().map(ToString::to_string);
        let query: Vec<_> = [("since", since), ("until", until), ("type", &kind), ("code", code)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
            .collect();
        self.first(&format!("/endpoints/{id}/dead-letters"), &query, limit).await
    }

    /// Queues dead letters again, as many as one call does.
    pub async fn redrive(&self, id: &IntegrationId, which: &DeadLetterFilter) -> Result<RedriveAnswer, Error> {
        self.post(&format!("/endpoints/{id}/dead-letters/redrive"), which).await
    }

    /// Queues again what an endpoint did not get since a time, as many as one call does.
    pub async fn recover(&self, id: &IntegrationId, wanted: &RecoverRequest) -> Result<RedriveAnswer, Error> {
        self.post(&format!("/endpoints/{id}/recover"), wanted).await
    }

    /// Attempts to post to an endpoint, newest first.
    pub async fn attempts(
        &self,
        id: &IntegrationId,
        query: &[(&str, &str)],
        limit: usize,
    ) -> Result<Vec<AttemptSummary>, Error> {
        self.first(&format!("/endpoints/{id}/attempts"), query, limit).await
    }

    /// One attempt with the whole answer.
    pub async fn attempt(&self, id: &IntegrationId, attempt: &str) -> Result<EventAttemptDetail, Error> {
        self.get(&format!("/endpoints/{id}/attempts/{}", in_path(attempt))).await
    }

    /// One event on its way to an endpoint, with all attempts.
    pub async fn event_delivery(&self, id: &IntegrationId, delivery: &DeliveryId) -> Result<EventDeliveryView, Error> {
        self.get(&format!("/endpoints/{id}/deliveries/{delivery}")).await
    }

    /// Posts one event again.
    pub async fn resend_event(
        &self,
        id: &IntegrationId,
        delivery: &DeliveryId,
        wanted: &EventResend,
    ) -> Result<EventResent, Error> {
        self.post(&format!("/endpoints/{id}/deliveries/{delivery}/resend"), wanted).await
    }
}

/// The log of everything.
impl Client {
    /// The newest entries, at most `limit`.
    pub async fn logs(&self, query: &LogQuery, limit: usize) -> Result<Vec<LogEntryView>, Error> {
        let pairs = query.pairs();
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.first("/logs", &pairs, limit).await
    }

    /// One page of the entries, and where the next begins. It may be short, or empty, and lead on all the same.
    pub async fn logs_page(&self, query: &LogQuery, cursor: Option<&str>) -> Result<List<LogEntryView>, Error> {
        let request = self.request(Method::GET, "/logs").query(&query.pairs()).query(&[("limit", LIMIT_MAX)]);
        self.read(request.query(&cursor.map(|cursor| [("cursor", cursor)]))).await
    }

    /// One entry.
    pub async fn log_entry(&self, id: LogId) -> Result<LogEntryDetail, Error> {
        self.get(&format!("/logs/{id}")).await
    }

    /// Figures by type and hour.
    pub async fn log_stats(&self, hours: u32) -> Result<LogStats, Error> {
        self.get(&format!("/logs/stats?hours={hours}")).await
    }

    /// The entries as CSV, a part at a time: with the path of the next part where there is one. `next` is that of the
    /// part before.
    pub async fn logs_csv(&self, query: &LogQuery, next: Option<&str>) -> Result<(String, Option<String>), Error> {
        let request = match next {
            Some(path) => self.request(Method::GET, path),
            None => self.request(Method::GET, "/logs.csv").query(&query.pairs()),
        };
        let (text, link) = self.text_and_link(request).await?;
        Ok((text, link.and_then(|link| Some(link.strip_prefix("</v1")?.split_once('>')?.0.to_owned()))))
    }
}
