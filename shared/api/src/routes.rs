//! Every route of the API: which function answers it, what scope it asks for, and what goes in and out.

use domain::principal::Scope;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// A caller of the tenant with this scope.
    Scope(Scope),
    /// The team that runs this deployment.
    Operator,
}

/// One route.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The HTTP method.
    pub method: &'static str,
    /// The path below the API's root, with `{parameters}`.
    pub path: &'static str,
    /// The function that answers it.
    pub function: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Its job in one sentence.
    pub summary: &'static str,
    /// The name of the request body's schema.
    pub request: Option<&'static str>,
    /// The status of success and the name of the response body's schema.
    pub response: (u16, Option<&'static str>),
    /// Query parameters.
    pub query: &'static [Query],
}

/// A query parameter with its meaning.
pub type Query = (&'static str, &'static str);

const PAGE: &[Query] =
    &[("limit", "Entries a page, 1 to 200; 50 unless said otherwise."), ("cursor", "`next` of the page before.")];
const TEST: &[Query] = &[("test", "`false` saves without testing the connection first.")];
const DELIVERIES: &[Query] = &[PAGE[0], PAGE[1], ("status", "Only deliveries with this status.")];
const ERRORS: &[Query] = &[("cursor", "As in the link to the next part.")];
const CHECK: &[Query] = &[
    ("cursor", "`next` of the answer before, for a trail that is too long for one request."),
    ("limit", "At most this many records in one request, up to 10,000."),
];
const CONFIRM: &[Query] = &[("confirm", "The tenant's id once more.")];
const AUDIT: &[Query] = &[
    PAGE[0],
    ("cursor", "`next` of the page before. A page of a search may be short, or empty, and have a `next` all the same."),
    ("order", "`oldest` first, which is the default, or `newest`. What is searched for is always told newest first."),
    ("principal", "Only what was done by whom this is a part of: `key_01J`, `user:sara`."),
    ("action", "Only actions that begin so: `integration.`, `key.created`."),
    ("target", "Only what was done to something whose name has this in it."),
    ("since", "Only records then or later, RFC 3339."),
    ("until", "Only records then or before, RFC 3339."),
];
const HOOK_EVENTS: &[Query] = &[
    PAGE[0],
    PAGE[1],
    ("event", "Only events of this name, or that begin so: `issues.*`. A page may then be short; `next` leads on."),
    ("since", "Only those then or later, RFC 3339."),
    ("until", "Only those then or before, RFC 3339."),
];
const REJECTIONS: &[Query] =
    &[PAGE[0], PAGE[1], ("cause", "Only those turned away for this cause. A page may then be short; `next` leads on.")];
const ATTEMPTS: &[Query] = &[
    PAGE[0],
    PAGE[1],
    ("status", "Only those that ended so: `delivered`, `retrying`, `failed` or `cancelled`."),
    (
        "type",
        "Only those of events of this type, or that begin so: `order.*`. A page may then be short; `next` leads on.",
    ),
    ("since", "Only those then or later, RFC 3339."),
    ("until", "Only those then or before, RFC 3339."),
];
const DEAD_LETTERS: &[Query] = &[
    PAGE[0],
    PAGE[1],
    ("since", "Only those given up then or later, RFC 3339; at most 30 days back, which is the default."),
    ("until", "Only those given up then or before, RFC 3339."),
    (
        "type",
        "Only those of events of this type, or that begin so: `order.*`. A page may then be short; `next` leads on.",
    ),
    ("code", "Only those with this code."),
];
const LOGS: &[Query] = &[
    ("type", "Only entries of this type: `api`, `delivery`, `webhook`, `probe`, `sync` or `automation`."),
    ("direction", "Only `inbound` or `outbound` ones."),
    ("status", "Only those that went like this: `success`, `warning` or `error`."),
    ("integration_id", "Only those of this integration, or endpoint."),
    ("endpoint_id", "The same."),
    ("hook_id", "Only those of this inbound webhook."),
    ("campaign_id", "Only those of this campaign."),
    ("event", "Only those of this event, or that begin so: `delivery.*`."),
    ("code", "Only those with this code."),
    ("request_id", "Only those of this call."),
    ("since", "From this moment on, RFC 3339; at most 90 days back, which is the default."),
    ("until", "Until this moment, RFC 3339."),
    ("limit", "Entries a page, 1 to 200; 50 unless said otherwise. Not of a CSV file."),
    ("cursor", "`next` of the page before. A page may be short, or empty, and have a `next` all the same."),
];
const STATS: &[Query] = &[("hours", "How far back, 1 to 2,160 hours; 24 unless said otherwise.")];
const WINDOW: &[Query] = &[
    ("hours", "How far back, 1 to 2,160 hours; 24 unless said otherwise."),
    ("history", "`true` tells as well how it did from hour to hour, or from day to day over more than two days."),
];
const LOG: &[Query] = &[("hours", WINDOW[0].1), ("limit", "At most this many entries, up to 200.")];

const CALLBACK: &[Query] = &[
    ("state", "What the sign-in began with."),
    ("code", "The provider's code."),
    ("error", "Or its error."),
    ("error_description", "In its words."),
];

macro_rules! routes {
    ($($function:literal { $($method:ident $path:literal $access:expr, $summary:literal, $request:expr => $status:literal $response:expr, $query:expr;)* })*) => {
        /// Every route, grouped by function.
        pub const ROUTES: &[Route] = &[$($(Route {
            method: stringify!($method), path: $path, function: $function, access: $access, summary: $summary,
            request: $request, response: ($status, $response), query: $query,
        },)*)*];
    };
}

use Access::{Operator, Public};
use Scope::{
    AuditRead, CampaignsPreflight, CampaignsRead, CampaignsSend, EndpointsOperate, EndpointsRead, EndpointsWrite,
    EventsWrite, HooksRead, HooksReplay, HooksWrite, IntegrationsRead, IntegrationsTest, IntegrationsWrite, KeysRead,
    KeysWrite, LogsRead, RulesRead, RulesWrite, SuppressionsRead, SuppressionsWrite,
};

const fn scope(scope: Scope) -> Access {
    Access::Scope(scope)
}

routes! {
    "configure" {
        GET "/v1/openapi.json" Public, "This document.", None => 200 None, &[];
        GET "/v1/catalog" scope(IntegrationsRead), "Every provider with the JSON Schema of its settings. Each text has its Arabic beside it: `name_ar`, `title_ar`, `description_ar`, `needed_ar` and `note_ar`; in the schema, `x-title-ar` and `x-description-ar`, and what the values of an `enum` are called in `x-enum-titles` and `x-enum-titles-ar`, in their order.", None => 200 None, &[];
        GET "/v1/integrations" scope(IntegrationsRead), "List the integrations.", None => 200 Some("IntegrationList"), &[];
        POST "/v1/integrations" scope(IntegrationsWrite), "Create an integration; its connection is tested first.", Some("IntegrationCreate") => 201 Some("IntegrationView"), TEST;
        POST "/v1/integrations/test" scope(IntegrationsWrite), "Test settings before saving them; stores nothing.", Some("IntegrationCreate") => 200 Some("TestView"), &[];
        POST "/v1/integrations/test-all" scope(IntegrationsTest), "Test every enabled integration now.", None => 200 Some("TestAllView"), &[];
        GET "/v1/integrations/summary" scope(IntegrationsRead), "Counts and alerts at a glance.", None => 200 Some("SummaryView"), &[];
        GET "/v1/integrations/{id}" scope(IntegrationsRead), "Read one integration.", None => 200 Some("IntegrationView"), &[];
        PATCH "/v1/integrations/{id}" scope(IntegrationsWrite), "Change an integration; its connection is tested first.", Some("IntegrationPatch") => 200 Some("IntegrationView"), TEST;
        DELETE "/v1/integrations/{id}" scope(IntegrationsWrite), "Delete an integration; what is queued on it is cancelled.", None => 204 None, &[];
        POST "/v1/integrations/{id}/test" scope(IntegrationsTest), "Test the saved connection now.", None => 200 Some("TestView"), &[];
        POST "/v1/integrations/{id}/dry-run" scope(IntegrationsTest), "Try out all that a phishing simulation needs, without any being scheduled.", Some("DryRunRequest") => 200 Some("DryRunAnswer"), &[];
        POST "/v1/integrations/{id}/enable" scope(IntegrationsWrite), "Let campaigns use it; what was held goes on.", None => 200 Some("IntegrationView"), &[];
        POST "/v1/integrations/{id}/disable" scope(IntegrationsWrite), "Keep campaigns from using it; what is queued is held.", None => 200 Some("IntegrationView"), &[];
        GET "/v1/integrations/{id}/secrets" scope(IntegrationsRead), "The log of rotations: which fields changed when, by whom; never a value.", None => 200 Some("SecretsView"), &[];
        PUT "/v1/integrations/{id}/secrets" scope(IntegrationsWrite), "Rotate secrets; the old ones serve until the new ones pass.", Some("SecretsPut") => 200 Some("IntegrationView"), &[];
        PUT "/v1/integrations/{id}/probe" scope(IntegrationsWrite), "Set how often it is probed.", Some("ProbePut") => 200 Some("IntegrationView"), &[];
        GET "/v1/integrations/{id}/health" scope(IntegrationsRead), "Uptime, response times, error rate, recent errors.", None => 200 Some("HealthView"), WINDOW;
        GET "/v1/integrations/{id}/health/log" scope(IntegrationsRead), "The log of its tests, newest first.", None => 200 Some("TestList"), LOG;
        GET "/v1/integrations/{id}/usage" scope(IntegrationsRead), "What it used of its limits this hour and today.", None => 200 Some("UsageView"), &[];
        GET "/v1/settings" scope(IntegrationsRead), "Read the tenant's settings.", None => 200 Some("SettingsView"), &[];
        PATCH "/v1/settings" scope(IntegrationsWrite), "Change the tenant's settings.", Some("SettingsPatch") => 200 Some("SettingsView"), &[];
        GET "/v1/templates" scope(IntegrationsRead), "List the templates, the ready-made ones included.", None => 200 Some("TemplateList"), &[];
        POST "/v1/templates" scope(IntegrationsWrite), "Create a template.", Some("TemplateBody") => 201 Some("TemplateView"), &[];
        GET "/v1/templates/{id}" scope(IntegrationsRead), "Read one template.", None => 200 Some("TemplateView"), &[];
        PUT "/v1/templates/{id}" scope(IntegrationsWrite), "Make a new version of a template.", Some("TemplateBody") => 200 Some("TemplateView"), &[];
        DELETE "/v1/templates/{id}" scope(IntegrationsWrite), "Delete a template; accepted deliveries keep their version.", None => 204 None, &[];
        POST "/v1/template-previews" scope(IntegrationsRead), "What a template that need not be saved makes of given values, in every language; nothing is stored.", Some("PreviewRequest") => 200 Some("PreviewAnswer"), &[];
        GET "/v1/audit" scope(AuditRead), "The audit trail, oldest first, or what is searched for in it.", None => 200 Some("AuditList"), AUDIT;
        GET "/v1/audit/verify" scope(AuditRead), "Check that no record of the audit trail was altered or deleted.", None => 200 Some("AuditVerdict"), CHECK;
    }
    "sign-in" {
        POST "/v1/integrations/{id}/sign-in-test" scope(IntegrationsTest), "Begin a sign-in as a person would, to see that it works.", None => 200 Some("SignInBegun"), &[];
        GET "/v1/sign-in/callback" Public, "Where the provider sends a person back to; answers a page for them.", None => 200 None, CALLBACK;
    }
    "preflight" {
        POST "/v1/preflight" scope(CampaignsPreflight), "Ask whether a campaign may go; every failing reason is told.", Some("PreflightRequest") => 200 Some("PreflightAnswer"), &[];
    }
    "enqueue" {
        POST "/v1/campaigns/{id}/deliveries" scope(CampaignsSend), "Send to up to 1,000 recipients. Safe to repeat with the same `Idempotency-Key`.", Some("SendRequest") => 202 Some("SendAccepted"), &[];
    }
    "deliveries" {
        GET "/v1/campaigns" scope(CampaignsRead), "List the campaigns.", None => 200 Some("CampaignList"), PAGE;
        GET "/v1/campaigns/{id}" scope(CampaignsRead), "A campaign with its live totals.", None => 200 Some("CampaignView"), &[];
        GET "/v1/campaigns/{id}/deliveries" scope(CampaignsRead), "List a campaign's deliveries.", None => 200 Some("DeliveryList"), DELIVERIES;
        GET "/v1/campaigns/{id}/deliveries/{delivery_id}" scope(CampaignsRead), "One delivery with all its attempts.", None => 200 Some("DeliveryView"), &[];
        GET "/v1/campaigns/{id}/errors.csv" scope(CampaignsRead), "What failed, as CSV; what does not fit is linked as `rel=\"next\"`.", None => 200 None, ERRORS;
        GET "/v1/campaigns/{id}/simulations" scope(CampaignsRead), "A campaign's phishing simulations: where each stands, and what its targets did.", None => 200 Some("SimulationList"), PAGE;
        POST "/v1/campaigns/{id}/resend" scope(CampaignsSend), "Queue what failed again; what was sent stays sent.", Some("ResendRequest") => 202 Some("ResendAnswer"), &[];
        POST "/v1/campaigns/{id}/pause" scope(CampaignsSend), "Hold what is not sent yet.", None => 200 Some("CampaignView"), &[];
        POST "/v1/campaigns/{id}/resume" scope(CampaignsSend), "Go on with what was held.", None => 200 Some("CampaignView"), &[];
        POST "/v1/campaigns/{id}/cancel" scope(CampaignsSend), "Never send what is not sent yet.", None => 200 Some("CampaignView"), &[];
    }
    "track" {
        POST "/v1/tracking/{tenant}/{integration_id}" Public, "Where a provider reports what became of messages. It is believed by its own signature or password.", None => 200 None, &[];
    }
    "suppressions" {
        GET "/v1/suppressions" scope(SuppressionsRead), "List the addresses to which nothing is sent.", None => 200 Some("SuppressionList"), PAGE;
        POST "/v1/suppressions" scope(SuppressionsWrite), "Send nothing to an address any more.", Some("SuppressionCreate") => 201 Some("SuppressionView"), &[];
        DELETE "/v1/suppressions/{address}" scope(SuppressionsWrite), "Send to an address again.", None => 204 None, &[];
    }
    "keys" {
        GET "/v1/keys" scope(KeysRead), "List the API keys.", None => 200 Some("KeyList"), &[];
        POST "/v1/keys" scope(KeysWrite), "Create an API key; its secret is shown once.", Some("KeyCreate") => 201 Some("KeyCreated"), &[];
        GET "/v1/keys/{id}" scope(KeysRead), "Read one API key.", None => 200 Some("KeyView"), &[];
        PATCH "/v1/keys/{id}" scope(KeysWrite), "Change an API key; it is heeded within 60 seconds.", Some("KeyPatch") => 200 Some("KeyView"), &[];
        POST "/v1/keys/{id}/regenerate" scope(KeysWrite), "Give an API key a new secret, shown once; the old one may go on working for up to 24 hours.", Some("KeyRegenerate") => 200 Some("KeyCreated"), &[];
        POST "/v1/keys/{id}/suspend" scope(KeysWrite), "Suspend an API key; it stops working within 60 seconds.", None => 200 Some("KeyView"), &[];
        POST "/v1/keys/{id}/activate" scope(KeysWrite), "Let a suspended API key work again.", None => 200 Some("KeyView"), &[];
        DELETE "/v1/keys/{id}" scope(KeysWrite), "Revoke an API key; it stops working within 60 seconds.", None => 204 None, &[];
    }
    "tenants" {
        GET "/v1/tenants" Operator, "List the tenants.", None => 200 Some("TenantList"), PAGE;
        POST "/v1/tenants" Operator, "Create a tenant.", Some("TenantCreate") => 201 Some("TenantView"), &[];
        DELETE "/v1/tenants/{id}" Operator, "Erase a tenant with all its data, a piece a request: 202 until it is done.", None => 200 Some("ErasureView"), CONFIRM;
        POST "/v1/tenants/{id}/re-encrypt" Operator, "Encrypt the data keys of its secrets anew under the present KMS key.", Some("ReEncrypt") => 200 Some("ReEncryption"), &[];
        GET "/v1/jobs" Operator, "What runs by the clock: the last run of each job, and whether it is late.", None => 200 Some("JobList"), &[];
        GET "/v1/tenants/{id}/audit" Operator, "A tenant's audit trail, which is kept when it is erased.", None => 200 Some("AuditList"), PAGE;
        GET "/v1/tenants/{id}/audit/verify" Operator, "Check a tenant's audit trail.", None => 200 Some("AuditVerdict"), CHECK;
    }
    "hooks" {
        GET "/v1/hooks" scope(HooksRead), "List the inbound webhooks.", None => 200 Some("HookList"), &[];
        POST "/v1/hooks" scope(HooksWrite), "Create an inbound webhook; a secret that is made is shown once.", Some("HookCreate") => 201 Some("HookSecretShown"), &[];
        GET "/v1/hooks/{id}" scope(HooksRead), "Read one inbound webhook.", None => 200 Some("HookView"), &[];
        PATCH "/v1/hooks/{id}" scope(HooksWrite), "Change an inbound webhook; it is heeded within 30 seconds.", Some("HookPatch") => 200 Some("HookView"), &[];
        DELETE "/v1/hooks/{id}" scope(HooksWrite), "Delete an inbound webhook; calls are answered 404 within 30 seconds.", None => 204 None, &[];
        POST "/v1/hooks/{id}/rotate-secret" scope(HooksWrite), "Give it a new secret; the one before stays valid for a while.", Some("SecretRotate") => 200 Some("HookSecretShown"), &[];
        GET "/v1/hooks/{id}/events" scope(HooksRead), "What it received, newest first.", None => 200 Some("HookEventList"), HOOK_EVENTS;
        GET "/v1/hooks/{id}/events/{event_id}" scope(HooksRead), "One event with its body.", None => 200 Some("HookEventDetail"), &[];
        POST "/v1/hooks/{id}/events/{event_id}/replay" scope(HooksReplay), "Publish an event again, under its id and the number of the replay.", None => 202 Some("ReplayAnswer"), &[];
        GET "/v1/hooks/{id}/rejections" scope(HooksRead), "What it turned away, counted by minute and cause, newest first.", None => 200 Some("RejectionList"), REJECTIONS;
    }
    "events" {
        POST "/v1/events" scope(EventsWrite), "Hand over up to 1,000 events for the endpoints that want them. Safe to repeat with the same `Idempotency-Key`.", Some("EventsRequest") => 202 Some("EventsAccepted"), &[];
    }
    "event-types" {
        GET "/v1/event-types" scope(EndpointsRead), "List the registered types of events.", None => 200 Some("EventTypeList"), &[];
        GET "/v1/event-types/{type}" scope(EndpointsRead), "Read one type of events with its schema.", None => 200 Some("EventTypeView"), &[];
        PUT "/v1/event-types/{type}" scope(EndpointsWrite), "Register a type of events, or change it; it is heeded within 10 seconds.", Some("EventTypeBody") => 200 Some("EventTypeView"), &[];
        DELETE "/v1/event-types/{type}" scope(EndpointsWrite), "Forget a type of events; its events are taken unchecked.", None => 204 None, &[];
    }
    "endpoints" {
        GET "/v1/endpoints" scope(EndpointsRead), "List the endpoints of outbound webhooks.", None => 200 Some("EndpointList"), &[];
        POST "/v1/endpoints" scope(EndpointsWrite), "Create an endpoint; it is tested first, and a secret that is made is shown once.", Some("EndpointCreate") => 201 Some("EndpointSecretShown"), TEST;
        GET "/v1/endpoints/{id}" scope(EndpointsRead), "Read one endpoint.", None => 200 Some("EndpointView"), &[];
        PATCH "/v1/endpoints/{id}" scope(EndpointsWrite), "Change an endpoint; it is tested first if its URL or headers change.", Some("EndpointPatch") => 200 Some("EndpointView"), TEST;
        DELETE "/v1/endpoints/{id}" scope(EndpointsWrite), "Delete an endpoint; what waits for it is cancelled.", None => 204 None, &[];
        POST "/v1/endpoints/{id}/test" scope(EndpointsOperate), "Post a sample event now and show the answer; only the endpoint's health is stored.", Some("EndpointTest") => 200 Some("EndpointTestView"), &[];
        POST "/v1/endpoints/{id}/pause" scope(EndpointsOperate), "Post nothing for now; events are kept for it.", None => 200 Some("EndpointView"), &[];
        POST "/v1/endpoints/{id}/resume" scope(EndpointsOperate), "Go on with what was kept, whatever stopped the endpoint.", None => 200 Some("EndpointView"), &[];
        POST "/v1/endpoints/{id}/rotate-secret" scope(EndpointsWrite), "Give it a new signing secret; the one before signs as well for a while.", Some("EndpointRotate") => 200 Some("EndpointSecretShown"), &[];
        GET "/v1/endpoints/{id}/deliveries/{delivery_id}" scope(EndpointsRead), "One event on its way to the endpoint: its data and all attempts with their answers.", None => 200 Some("EventDeliveryView"), &[];
        POST "/v1/endpoints/{id}/deliveries/{delivery_id}/resend" scope(EndpointsOperate), "Post an event again that failed, or with `force` one that was taken.", Some("EventResend") => 202 Some("EventResent"), &[];
        GET "/v1/endpoints/{id}/dead-letters" scope(EndpointsRead), "Events that were given up, newest first; they are kept 30 days.", None => 200 Some("DeadLetterList"), DEAD_LETTERS;
        POST "/v1/endpoints/{id}/dead-letters/redrive" scope(EndpointsOperate), "Queue dead letters again, the oldest first and at most 1,000 a call.", Some("DeadLetterFilter") => 202 Some("RedriveAnswer"), &[];
        POST "/v1/endpoints/{id}/recover" scope(EndpointsOperate), "Queue everything again that was given up since a time.", Some("RecoverRequest") => 202 Some("RedriveAnswer"), &[];
        GET "/v1/endpoints/{id}/attempts" scope(EndpointsRead), "Attempts to post to the endpoint, newest first, some seconds after they were made.", None => 200 Some("AttemptList"), ATTEMPTS;
        GET "/v1/endpoints/{id}/attempts/{attempt_id}" scope(EndpointsRead), "One attempt with the whole answer and its event.", None => 200 Some("EventAttemptDetail"), &[];
    }
    "rules" {
        GET "/v1/rules" scope(RulesRead), "List the automation rules.", None => 200 Some("RuleList"), &[];
        POST "/v1/rules" scope(RulesWrite), "Create an automation rule. Asks besides for the scopes of its actions.", Some("RuleCreate") => 201 Some("RuleView"), &[];
        POST "/v1/rules/dry-run" scope(RulesWrite), "Try a rule that need not be saved on an event; nothing is done.", Some("RuleTry") => 200 Some("RuleDryRunAnswer"), &[];
        GET "/v1/rules/{id}" scope(RulesRead), "One automation rule, with what was counted in this hour.", None => 200 Some("RuleView"), &[];
        PATCH "/v1/rules/{id}" scope(RulesWrite), "Change an automation rule; it is heeded within 30 seconds.", Some("RulePatch") => 200 Some("RuleView"), &[];
        DELETE "/v1/rules/{id}" scope(RulesWrite), "Delete an automation rule; it stops within 30 seconds.", None => 204 None, &[];
        GET "/v1/rules/{id}/runs" scope(RulesRead), "What it did, for the newest events first.", None => 200 Some("RunList"), PAGE;
        POST "/v1/rules/{id}/dry-run" scope(RulesWrite), "Try it on an event: whether it would run, and what would come of it; nothing is done.", Some("RuleDryRun") => 200 Some("RuleDryRunAnswer"), &[];
    }
    "logs" {
        GET "/v1/logs" scope(LogsRead), "Every call, delivery, webhook and test of 90 days, newest first, masked.", None => 200 Some("LogList"), LOGS;
        GET "/v1/logs.csv" scope(LogsRead), "The same as CSV; what does not fit is linked as `rel=\"next\"`.", None => 200 None, LOGS;
        GET "/v1/logs/stats" scope(LogsRead), "Counts, error rates and durations by type.", None => 200 Some("LogStats"), STATS;
        GET "/v1/logs/{id}" scope(LogsRead), "One entry, with what its code means.", None => 200 Some("LogEntryDetail"), &[];
    }
    "receive" {
        POST "/v1/hooks/{id}/in" Public, "Where a provider calls: proven by the hook's scheme instead of an API key.", None => 200 Some("Received"), &[];
    }
}
