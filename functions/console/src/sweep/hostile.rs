//! A tenant whose every text was written by somebody hostile: what its own people entered, and what mail servers,
//! endpoints, callers of hooks and directories sent. It goes past the API's checks, straight into the store: a page does
//! not rely on what the API lets in today.

use crate::stage::{Stage, audit, scope};
use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, BundleState, Cause, Envelope, MemberResult, Payload, Recipient},
    channel::{Channel, Provider},
    health::{HealthStatus, TestReport},
    hook::{self, Hook, HookEvent, Rejection, Scheme, SchemeName},
    ids::{CampaignId, EventId, HookEventId, HookId, IntegrationId, KeyId, RequestId, RuleId, RunId},
    integration::Integration,
    log::{self, Direction, Entry, EntryStatus, EntryType, LogId, PageId},
    message::{Content, Message},
    principal::Principal,
    rule::{Action, ActionResult, Ended, PER_HOUR, Rule, Run, Trigger},
    settings::TenantSettings,
    suppression::{Suppression, SuppressionReason},
    template::{Locale, Template, TemplateText},
    webhook::{Answer, OutEvent, registered::RegisteredType},
};
use runtime::testing::{START, integration};
use serde_json::json;
use std::collections::BTreeMap;
use store::{
    Access, Bundles, Campaigns, EventTypes, Hooks, Integrations, Logs, Request, Rules, SealedSecret, Settings,
    Suppressions,
};

/// What nobody may see run.
pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>";

/// How its end looks where it is shown as text.
pub(super) const SHOWN: &str = "&lt;img src=x onerror='alert(2)'&gt;";

/// What stands for the placeholders of addresses: by the address up to the placeholder and with it.
pub(crate) struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// The address with something of the tenant's in each placeholder, or the part that nobody has said it for.
    pub(super) fn fill(&self, pattern: &str) -> Result<String, String> {
        let (mut asked, mut filled) = (String::new(), String::new());
        for segment in pattern.split('/').skip(1) {
            asked = format!("{asked}/{segment}");
            let value = if segment.starts_with('{') { self.0.get(asked.as_str()).ok_or(&asked)? } else { segment };
            filled = format!("{filled}/{value}");
        }
        Ok(filled)
    }

    /// What stands for one placeholder.
    pub(crate) fn of(&self, pattern: &str) -> &str {
        &self.0[pattern]
    }
}

/// Fills the tenant `acme`. A page of something that is not here yet gets it here, and its address in the list at the end.
pub(crate) async fn fill(stage: &Stage) -> Things {
    let integration = an_integration(stage).await;
    let (campaign, delivery) = a_campaign(stage, &integration).await;
    let (endpoint, event) = an_endpoint(stage).await;
    let (hook, received) = a_hook(stage).await;
    let (rule, run) = a_rule(stage).await;
    let log = a_log_entry(stage, &integration, &endpoint, &event).await;
    let organisation = an_organisation(stage).await;
    lists(stage, &campaign).await;
    let key = a_key(stage).await;
    Things(BTreeMap::from([
        ("/console/integrations/{id}", integration.to_string()),
        ("/console/integrations/new/{provider}", "smtp".to_owned()),
        ("/console/campaigns/{id}", campaign.to_string()),
        ("/console/campaigns/{id}/{action}", "pause".to_owned()),
        ("/console/campaigns/{id}/deliveries/{delivery_id}", delivery),
        ("/console/endpoints/{id}", endpoint.to_string()),
        ("/console/endpoints/{id}/attempts/{attempt_id}", event.clone()),
        ("/console/endpoints/{id}/attempts/{attempt_id}", event.clone()),
        ("/console/endpoints/{id}/deliveries/{delivery_id}", event),
        ("/console/event-types/{type}", "order.created".to_owned()),
        ("/console/hooks/new/{scheme}", "hmac".to_owned()),
        ("/console/hooks/{id}", hook.to_string()),
        ("/console/hooks/{id}/events/{event_id}", received.to_string()),
        ("/console/rules/{id}", rule.to_string()),
        ("/console/rules/{id}/runs/{run_id}", run.to_string()),
        ("/console/templates/{id}", "hello".to_owned()),
        ("/console/logs/{id}", log.to_string()),
        ("/console/keys/{id}", key.to_string()),
        ("/console/sign-in/{tenant}", "acme".to_owned()),
        ("/console/sign-in/{tenant}/{integration}", organisation.to_string()),
        ("/console/signed-in/{integration}", organisation.to_string()),
    ]))
}

fn report(at: i64) -> TestReport {
    TestReport {
        status: HealthStatus::Fail,
        code: "unreachable".to_owned(),
        at: START.plus_ms(at),
        ..TestReport::passed(HOSTILE, 5, START)
    }
}

async fn an_integration(stage: &Stage) -> IntegrationId {
    let mut integration = Integration { name: HOSTILE.to_owned(), ..integration(Provider::Smtp) };
    for field in ["host", "from_name", "username"] {
        integration.config.insert(field.to_owned(), HOSTILE.into());
    }
    integration.masks.insert("password".to_owned(), HOSTILE.to_owned());
    integration.last_test = Some(report(0));
    stage.store.save_integration(&scope("acme"), &integration, None, false, &audit()).await.unwrap();
    for place in 0..3 {
        stage.store.record_test(&scope("acme"), &integration, &report(place), &Principal::System).await.unwrap();
    }
    integration.id
}

/// A bundle of one member that has failed.
async fn failed(
    stage: &Stage,
    campaign: &CampaignId,
    channel: Channel,
    of: &IntegrationId,
    payload: Payload,
) -> BundleId {
    let message = Message { subject: Some(HOSTILE.to_owned()), text: HOSTILE.to_owned(), ..Message::default() };
    let request = Request {
        id: RequestId::generate(),
        campaign: campaign.clone(),
        body_hash: "0c".repeat(32),
        bundles: 0,
        dispatched: false,
        created_at: START,
        envelope: Envelope { content: Content::Message(message) },
        call: None,
    };
    let id = BundleId { request: request.id.clone(), number: None, generation: 0 };
    let bundle = Bundle::first(id, campaign, channel, of, 1, START);
    stage.store.create_request(&scope("acme"), &request, Some((&bundle, &payload))).await.unwrap();
    let claimed = stage.store.claim(&scope("acme"), campaign, &bundle.id, START).await.unwrap().bundle;
    let answer = Answer {
        status: Some(500),
        duration_ms: 12,
        headers: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        body: HOSTILE.to_owned(),
        apart: false,
    };
    let cause = Cause { code: "address_invalid".to_owned(), detail: HOSTILE.to_owned() };
    let done = Bundle {
        state: BundleState::Done,
        results: vec![MemberResult::Failed(cause)],
        answers: if channel == Channel::Webhook { vec![answer] } else { vec![] },
        finished_at: Some(START.plus_ms(1)),
        ..claimed
    };
    stage.store.finish(&scope("acme"), &done, &[], false).await.unwrap();
    bundle.id
}

async fn a_campaign(stage: &Stage, integration: &IntegrationId) -> (CampaignId, String) {
    let campaign: CampaignId = "spring".parse().unwrap();
    let launch = AuditEntry { detail: HOSTILE.to_owned(), target: HOSTILE.to_owned(), ..audit() };
    stage.store.ensure_campaign(&scope("acme"), &campaign, &launch).await.unwrap();
    let recipient = Recipient {
        user_id: HOSTILE.parse().unwrap(),
        address: HOSTILE.to_owned(),
        locale: None,
        variables: BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]),
    };
    let payload = Payload { recipients: vec![recipient], events: vec![] };
    let bundle = failed(stage, &campaign, Channel::Email, integration, payload).await;
    (campaign, bundle.delivery(0).to_string())
}

async fn an_endpoint(stage: &Stage) -> (IntegrationId, String) {
    let mut endpoint = Integration { name: HOSTILE.to_owned(), ..integration(Provider::Webhook) };
    let settings = json!({
        "url": format!("https://shop.example/{HOSTILE}"),
        "description": HOSTILE,
        "events": ["order.*"],
        "filter": {"conditions": [{"field": "name", "op": "eq", "value": HOSTILE}]},
        "transform": {"constant": {"note": HOSTILE}},
    });
    endpoint.config = settings.as_object().unwrap().clone().into_iter().collect();
    endpoint.last_test = Some(report(0));
    stage.store.save_integration(&scope("acme"), &endpoint, None, false, &audit()).await.unwrap();
    let event = OutEvent {
        id: EventId::of(&RequestId::generate(), None),
        kind: "order.created".parse().unwrap(),
        at: START,
        data: json!({ HOSTILE: HOSTILE }).to_string(),
        key: Some(HOSTILE.to_owned()),
    };
    let payload = Payload { recipients: vec![], events: vec![event] };
    let bundle = failed(stage, &CampaignId::of_endpoint(&endpoint.id), Channel::Webhook, &endpoint.id, payload).await;
    (endpoint.id, bundle.delivery(0).to_string())
}

async fn a_hook(stage: &Stage) -> (HookId, HookEventId) {
    let scheme = json!({"header": "X-Sig", "timestamp_header": "X-Time", "template": "{timestamp}.{body}"});
    let hook = Hook {
        id: HookId::generate(),
        name: HOSTILE.to_owned(),
        scheme: Scheme::Hmac(serde_json::from_value(scheme).unwrap()),
        events: vec!["issues.*".parse().unwrap()],
        enabled: true,
        replay_window_s: 300,
        secret_mask: HOSTILE.to_owned(),
        secret_version: 1,
        previous: None,
        created_at: START,
        updated_at: START,
        updated_by: Principal::System,
        rev: 1,
    };
    let secret = SealedSecret {
        data_key: String::new(),
        ciphertext: String::new(),
        created_at: START,
        by: None,
        fields: BTreeMap::new(),
        re_encrypted_at: None,
    };
    stage.store.save_hook(&scope("acme"), &hook, Some(&secret), &audit()).await.unwrap();
    let event = HookEvent {
        id: HookEventId::generate(),
        hook: hook.id.clone(),
        hook_name: HOSTILE.to_owned(),
        scheme: SchemeName::Hmac,
        received_at: START,
        event: Some(HOSTILE.to_owned()),
        provider_id: Some(HOSTILE.to_owned()),
        headers: BTreeMap::from([(HOSTILE.to_owned(), HOSTILE.to_owned())]),
        body_bytes: HOSTILE.len() as u64,
        replays: 0,
    };
    stage.store.capture(&scope("acme"), &event, HOSTILE.as_bytes(), None).await.unwrap();
    let rejection = Rejection {
        minute: hook::minute_of(START),
        cause: hook::Cause::ALL[0],
        count: 1,
        last_at: START,
        source_ip: HOSTILE.to_owned(),
        user_agent: HOSTILE.to_owned(),
        body_bytes: 1,
        body_sha256: "0c".repeat(32),
        event: Some(HOSTILE.to_owned()),
    };
    stage.store.count_rejection(&scope("acme"), &hook.id, &rejection).await.unwrap();
    (hook.id, event.id)
}

async fn a_rule(stage: &Stage) -> (RuleId, RunId) {
    let send = json!({"do": "send", "channel": "slack", "to": [HOSTILE], "message": {"text": HOSTILE}});
    let filter = json!({"conditions": [{"field": "status", "op": "in", "value": [HOSTILE]}]});
    let rule = Rule {
        id: RuleId::generate(),
        name: HOSTILE.to_owned(),
        enabled: true,
        events: vec![Trigger::HealthChanged],
        filter: Some(serde_json::from_value(filter).unwrap()),
        actions: vec![serde_json::from_value::<Action>(send).unwrap()],
        max_per_hour: PER_HOUR,
        created_at: START,
        updated_at: START,
        updated_by: Principal::System,
        rev: 1,
    };
    stage.store.save_rule(&scope("acme"), &rule, &audit()).await.unwrap();
    let mut run = Run {
        id: RunId::of(scope("acme").tenant(), &rule.id, START, HOSTILE),
        rule: rule.id.clone(),
        rule_rev: 1,
        event: Trigger::HealthChanged,
        event_id: HOSTILE.to_owned(),
        event_at: START,
        started_at: START,
        finished_at: None,
        depth: 1,
        caused_by: vec![],
        results: vec![],
    };
    stage.store.begin_run(&scope("acme"), &run, PER_HOUR).await.unwrap();
    run.finished_at = Some(START);
    run.results = vec![ActionResult {
        action: "send".to_owned(),
        ended: Ended::Failed,
        code: "invalid".to_owned(),
        detail: HOSTILE.to_owned(),
        made: vec![HOSTILE.to_owned()],
    }];
    stage.store.finish_run(&scope("acme"), &run).await.unwrap();
    (rule.id, run.id)
}

/// Two ways of signing in, so that one has to choose.
async fn an_organisation(stage: &Stage) -> IntegrationId {
    let mut first = None;
    for digit in ["1", "2"] {
        let settings = json!({
            "directory_id": format!("{}-2222-3333-4444-555555555555", digit.repeat(8)),
            "client_id": HOSTILE, "audience": HOSTILE, "roles_claim": HOSTILE,
            "admin_roles": [HOSTILE], "operator_roles": [HOSTILE], "viewer_roles": [HOSTILE],
        });
        let config = settings.as_object().unwrap().clone().into_iter().collect();
        let one = Integration { name: HOSTILE.to_owned(), config, ..integration(Provider::Entra) };
        stage.store.save_integration(&scope("acme"), &one, None, false, &audit()).await.unwrap();
        first.get_or_insert(one.id);
    }
    first.unwrap()
}

async fn a_log_entry(stage: &Stage, integration: &IntegrationId, endpoint: &IntegrationId, event: &str) -> LogId {
    let attempt = Entry {
        integration: Some(endpoint.clone()),
        delivery: Some(event.parse().unwrap()),
        code: HOSTILE.to_owned(),
        detail: HOSTILE.to_owned(),
        http_status: Some(500),
        duration_ms: Some(12),
        ..Entry::new(START, EntryType::Webhook, "webhook.failed", Direction::Outbound, EntryStatus::Error)
    };
    stage.store.put_log_entry(&scope("acme"), PageId::of(START, [&b"attempt"[..]]), &attempt).await.unwrap();
    let sent = Entry::new(START, EntryType::Delivery, "delivery.failed", Direction::Outbound, EntryStatus::Error);
    let sent = Entry { integration: Some(integration.clone()), duration_ms: Some(12), ..sent };
    for page in log::pages(scope("acme").tenant(), "counted", vec![sent], &[]) {
        stage.store.put_log_page(&scope("acme"), &page).await.unwrap();
    }
    let page = PageId::of(START, [&b"hostile"[..]]);
    let entry = Entry {
        integration: Some(integration.clone()),
        code: HOSTILE.to_owned(),
        detail: HOSTILE.to_owned(),
        request_id: HOSTILE.to_owned(),
        external_system: HOSTILE.to_owned(),
        http_status: Some(500),
        ..Entry::new(START, EntryType::Api, HOSTILE, Direction::Inbound, EntryStatus::Error)
    };
    stage.store.put_log_entry(&scope("acme"), page, &entry).await.unwrap();
    LogId { page, place: 0 }
}

async fn a_key(stage: &Stage) -> KeyId {
    let (_, mut key) = stage.key("acme", "campaigns:read", 77).await;
    key.name = HOSTILE.to_owned();
    key.rev += 1;
    stage.store.save_key(&scope("acme"), &key, None).await.unwrap();
    key.id
}

/// What has no page of its own, or one by a name that somebody chose.
async fn lists(stage: &Stage, campaign: &CampaignId) {
    let text = TemplateText {
        subject: Some(HOSTILE.to_owned()),
        text: HOSTILE.to_owned(),
        html: Some(format!("<p>{{{{ name }}}} {HOSTILE}</p>")),
        link: Some(HOSTILE.to_owned()),
    };
    let template = Template {
        id: "hello".parse().unwrap(),
        version: 1,
        name: HOSTILE.to_owned(),
        channel: Channel::Email,
        texts: BTreeMap::from([(Locale::En, text.clone()), (Locale::Ar, text)]),
        default_locale: Locale::En,
        created_at: START,
    };
    stage.store.save_template(&scope("acme"), &template, &audit()).await.unwrap();
    let registered = RegisteredType {
        kind: "order.created".parse().unwrap(),
        description: HOSTILE.to_owned(),
        schema: Some(json!({"type": "object", "description": HOSTILE}).to_string()),
        deprecated: false,
        rev: 1,
        created_at: START,
        updated_at: START,
        updated_by: Principal::System,
    };
    stage.store.save_event_type(&scope("acme"), &registered, &audit()).await.unwrap();
    let suppression = Suppression {
        address: HOSTILE.to_lowercase(),
        reason: SuppressionReason::Manual,
        at: START,
        detail: HOSTILE.to_owned(),
        campaign: Some(campaign.clone()),
        delivery: None,
        integration: None,
    };
    stage.store.add_suppression(&scope("acme"), &suppression, &audit()).await.unwrap();
    let mut settings = TenantSettings::default();
    settings.sandbox.email = vec![HOSTILE.to_owned()];
    settings.rev = 1;
    stage.store.save_settings(&scope("acme"), &settings, &audit()).await.unwrap();
}
