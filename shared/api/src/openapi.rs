//! The OpenAPI 3.1 document, made from [`crate::routes::ROUTES`] and the types of this crate.
//!
//! `openapi.json` in this crate's folder is what the hub serves; a test fails when it is not what [`document`] makes.
//! Bring it up to date with `UPDATE_OPENAPI=1 cargo test -p trunkline-api`.

use crate::{
    audit::{AuditVerdict, AuditView},
    campaigns::{CampaignView, DeliveryView, ResendAnswer, ResendRequest, SendAccepted, SendRequest, SimulationView},
    dry_run::{DryRunAnswer, DryRunRequest},
    endpoints::{
        AttemptSummary, DeadLetterFilter, DeadLetterView, EndpointCreate, EndpointPatch, EndpointRotate,
        EndpointSecretShown, EndpointTest, EndpointTestView, EndpointView, EventAttemptDetail, EventDeliveryView,
        EventResend, EventResent, RecoverRequest, RedriveAnswer,
    },
    events::{EventTypeBody, EventTypeView, EventsAccepted, EventsRequest},
    hooks::{
        HookCreate, HookEventDetail, HookEventView, HookPatch, HookSecretShown, HookView, Received, RejectionView,
        ReplayAnswer, SecretRotate,
    },
    integrations::{
        HealthView, IntegrationCreate, IntegrationPatch, IntegrationView, ProbePut, SecretsPut, SecretsView,
        SummaryView, TestAllView, TestView, UsageView,
    },
    jobs::JobView,
    keys::{KeyCreate, KeyCreated, KeyPatch, KeyRegenerate, KeyView},
    logs::{LogEntryDetail, LogEntryView, LogStats},
    page::List,
    preflight::{PreflightAnswer, PreflightRequest},
    problem::Problem,
    routes::{Access, ROUTES, Route},
    rules::{RuleCreate, RuleDryRun, RuleDryRunAnswer, RulePatch, RuleTry, RuleView, RunView},
    settings::{SettingsPatch, SettingsView},
    sign_in::SignInBegun,
    suppressions::{SuppressionCreate, SuppressionView},
    templates::{PreviewAnswer, PreviewRequest, TemplateBody, TemplateView},
    tenants::{ErasureView, ReEncrypt, ReEncryption, TenantCreate, TenantView},
};
use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// The document as it is served.
pub const SERVED: &str = include_str!("../openapi.json");

#[derive(Default)]
struct Schemas(Map<String, Value>);

impl Schemas {
    /// Adds a type under `name`, and every type it speaks of under that one's own name.
    fn add<T: ToSchema + PartialSchema>(&mut self, name: &str) {
        let mut parts: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut parts);
        parts.push((name.to_owned(), T::schema()));
        for (name, schema) in parts {
            // A schema is plain data; turning it into JSON cannot fail.
            self.0.insert(name, serde_json::to_value(schema).unwrap_or_default());
        }
    }
}

fn schemas() -> Map<String, Value> {
    let mut all = Schemas::default();
    all.add::<Problem>("Problem");
    all.add::<IntegrationCreate>("IntegrationCreate");
    all.add::<IntegrationPatch>("IntegrationPatch");
    all.add::<IntegrationView>("IntegrationView");
    all.add::<List<IntegrationView>>("IntegrationList");
    all.add::<SecretsPut>("SecretsPut");
    all.add::<SecretsView>("SecretsView");
    all.add::<ProbePut>("ProbePut");
    all.add::<TestView>("TestView");
    all.add::<List<TestView>>("TestList");
    all.add::<TestAllView>("TestAllView");
    all.add::<SignInBegun>("SignInBegun");
    all.add::<SummaryView>("SummaryView");
    all.add::<HealthView>("HealthView");
    all.add::<UsageView>("UsageView");
    all.add::<SettingsPatch>("SettingsPatch");
    all.add::<SettingsView>("SettingsView");
    all.add::<TemplateBody>("TemplateBody");
    all.add::<TemplateView>("TemplateView");
    all.add::<List<TemplateView>>("TemplateList");
    all.add::<PreviewRequest>("PreviewRequest");
    all.add::<PreviewAnswer>("PreviewAnswer");
    all.add::<AuditView>("AuditView");
    all.add::<List<AuditView>>("AuditList");
    all.add::<AuditVerdict>("AuditVerdict");
    all.add::<PreflightRequest>("PreflightRequest");
    all.add::<PreflightAnswer>("PreflightAnswer");
    all.add::<SendRequest>("SendRequest");
    all.add::<SendAccepted>("SendAccepted");
    all.add::<CampaignView>("CampaignView");
    all.add::<List<CampaignView>>("CampaignList");
    all.add::<DeliveryView>("DeliveryView");
    all.add::<List<DeliveryView>>("DeliveryList");
    all.add::<SimulationView>("SimulationView");
    all.add::<List<SimulationView>>("SimulationList");
    all.add::<DryRunRequest>("DryRunRequest");
    all.add::<DryRunAnswer>("DryRunAnswer");
    all.add::<ResendRequest>("ResendRequest");
    all.add::<ResendAnswer>("ResendAnswer");
    all.add::<SuppressionCreate>("SuppressionCreate");
    all.add::<SuppressionView>("SuppressionView");
    all.add::<List<SuppressionView>>("SuppressionList");
    all.add::<JobView>("JobView");
    all.add::<List<JobView>>("JobList");
    all.add::<KeyCreate>("KeyCreate");
    all.add::<KeyCreated>("KeyCreated");
    all.add::<KeyPatch>("KeyPatch");
    all.add::<KeyRegenerate>("KeyRegenerate");
    all.add::<KeyView>("KeyView");
    all.add::<List<KeyView>>("KeyList");
    all.add::<LogEntryView>("LogEntryView");
    all.add::<List<LogEntryView>>("LogList");
    all.add::<LogEntryDetail>("LogEntryDetail");
    all.add::<LogStats>("LogStats");
    all.add::<TenantCreate>("TenantCreate");
    all.add::<TenantView>("TenantView");
    all.add::<List<TenantView>>("TenantList");
    all.add::<ErasureView>("ErasureView");
    all.add::<ReEncrypt>("ReEncrypt");
    all.add::<ReEncryption>("ReEncryption");
    all.add::<HookCreate>("HookCreate");
    all.add::<HookPatch>("HookPatch");
    all.add::<HookView>("HookView");
    all.add::<List<HookView>>("HookList");
    all.add::<HookSecretShown>("HookSecretShown");
    all.add::<SecretRotate>("SecretRotate");
    all.add::<HookEventView>("HookEventView");
    all.add::<List<HookEventView>>("HookEventList");
    all.add::<HookEventDetail>("HookEventDetail");
    all.add::<ReplayAnswer>("ReplayAnswer");
    all.add::<RejectionView>("RejectionView");
    all.add::<List<RejectionView>>("RejectionList");
    all.add::<Received>("Received");
    add_rules(&mut all);
    all.add::<EventsRequest>("EventsRequest");
    all.add::<EventsAccepted>("EventsAccepted");
    all.add::<EventTypeBody>("EventTypeBody");
    all.add::<EventTypeView>("EventTypeView");
    all.add::<List<EventTypeView>>("EventTypeList");
    all.add::<EndpointCreate>("EndpointCreate");
    all.add::<EndpointPatch>("EndpointPatch");
    all.add::<EndpointRotate>("EndpointRotate");
    all.add::<EndpointView>("EndpointView");
    all.add::<List<EndpointView>>("EndpointList");
    all.add::<EndpointSecretShown>("EndpointSecretShown");
    all.add::<EndpointTest>("EndpointTest");
    all.add::<EndpointTestView>("EndpointTestView");
    all.add::<EventDeliveryView>("EventDeliveryView");
    all.add::<EventAttemptDetail>("EventAttemptDetail");
    all.add::<AttemptSummary>("AttemptSummary");
    all.add::<List<AttemptSummary>>("AttemptList");
    all.add::<EventResend>("EventResend");
    all.add::<EventResent>("EventResent");
    all.add::<DeadLetterFilter>("DeadLetterFilter");
    all.add::<DeadLetterView>("DeadLetterView");
    all.add::<List<DeadLetterView>>("DeadLetterList");
    all.add::<RecoverRequest>("RecoverRequest");
    all.add::<RedriveAnswer>("RedriveAnswer");
    all.0
}

fn add_rules(all: &mut Schemas) {
    all.add::<RuleCreate>("RuleCreate");
    all.add::<RulePatch>("RulePatch");
    all.add::<RuleView>("RuleView");
    all.add::<List<RuleView>>("RuleList");
    all.add::<RunView>("RunView");
    all.add::<List<RunView>>("RunList");
    all.add::<RuleDryRun>("RuleDryRun");
    all.add::<RuleTry>("RuleTry");
    all.add::<RuleDryRunAnswer>("RuleDryRunAnswer");
}

/// Makes the document.
#[must_use]
pub fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Trunkline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Configure channels, ask whether a campaign may go, send it, and see what became of it.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The ApiUrl output of the deployed stack."}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, `tk_live_...`, or the access token of a user whose company has enabled sign-in."},
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let reference = |name: &str| json!({"$ref": format!("#/components/schemas/{name}")});
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(route.query.iter().map(
        |(name, meaning)| json!({"name": name, "in": "query", "description": meaning, "schema": {"type": "string"}}),
    ));
    if matches!(route.function, "enqueue" | "events") {
        let required = if route.function == "enqueue" { " Required on the channel `m365`." } else { "" };
        parameters.push(json!({
            "name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255},
            "description": format!("Repeat a request with the same key and body and it is done once.{required}"),
        }));
    }
    let media = match route.path.rsplit('/').next() {
        Some("errors.csv" | "logs.csv") => "text/csv",
        Some("callback") => "text/html",
        _ => "application/json",
    };
    let (status, schema) = route.response;
    let mut success = json!({"description": if status == 204 { "Done." } else { "Success." }});
    if status != 204 {
        let schema = schema.map_or_else(|| json!({}), reference);
        success["content"] = json!({media: {"schema": schema}});
    }
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [route.function],
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            status.to_string(): success,
            "default": {
                "description": "A problem, RFC 9457.",
                "content": {"application/problem+json": {"schema": reference("Problem")}},
            },
        },
    });
    match route.access {
        Access::Public => operation["security"] = json!([]),
        Access::Scope(scope) => operation["description"] = json!(format!("Asks for the scope `{scope}`.")),
        Access::Operator => operation["description"] = json!("For the operator's credential only."),
    }
    if let Some(name) = route.request {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": reference(name)}}});
    }
    operation
}

/// `post_integrations_id_test`: unique because it is the method and the path.
fn operation_id(route: &Route) -> String {
    let path: Vec<&str> = route
        .path
        .trim_start_matches("/v1/")
        .split(['/', '-', '.', '{', '}'])
        .filter(|part| !part.is_empty())
        .collect();
    format!("{}_{}", route.method.to_lowercase(), path.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_served_document_is_up_to_date() {
        let made = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json"), &made).unwrap();
        } else {
            assert!(SERVED == made, "run UPDATE_OPENAPI=1 cargo test -p trunkline-api");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let known: BTreeSet<String> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
        let text = document.to_string();
        for piece in text.split("#/components/schemas/").skip(1) {
            let name = piece.split('"').next().unwrap();
            assert!(known.contains(name), "{name}");
        }
    }

    #[test]
    fn operation_ids_are_unique() {
        let ids: BTreeSet<String> = ROUTES.iter().map(operation_id).collect();
        assert_eq!(ids.len(), ROUTES.len());
    }
}
