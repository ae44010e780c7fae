//! What the tests speak of.

use domain::{
    audit::AuditEntry,
    bundle::{Bundle, BundleId, BundleState, Cause, Envelope, MemberResult, Payload, Recipient},
    channel::{Channel, OnUnknown, Provider},
    health::{HealthStatus, TestReport},
    ids::{CampaignId, IntegrationId, RequestId},
    integration::{Config, Integration},
    message::{Content, Message},
    principal::Principal,
    rate::Limits,
    retry::RetryPolicy,
    tenant::TenantScope,
    time::Timestamp,
};
use std::collections::BTreeMap;
use trunkline_store::{Claimed, Request, Store};

pub(crate) const NOON: Timestamp = Timestamp(1_763_640_000_000);

#[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
pub(crate) fn scope(tenant: &str) -> TenantScope {
    TenantScope::established(tenant.parse().unwrap())
}

pub(crate) fn acme() -> TenantScope {
    scope("acme")
}

pub(crate) fn spring() -> CampaignId {
    "spring".parse().unwrap()
}

pub(crate) fn audit(action: &'static str) -> AuditEntry {
    AuditEntry {
        principal: Principal::Operator,
        action,
        target: "something".to_owned(),
        detail: String::new(),
        at: NOON,
    }
}

pub(crate) fn request(bundles: u16) -> Request {
    Request {
        id: RequestId::generate(),
        campaign: spring(),
        body_hash: "0c".repeat(32),
        bundles,
        dispatched: false,
        created_at: NOON,
        envelope: Envelope {
            content: Content::Message(Message {
                subject: Some("Hello {{ name }}".to_owned()),
                text: "مرحبا {{ name }}".to_owned(),
                ..Message::default()
            }),
        },
        call: None,
    }
}

pub(crate) fn bundle_of(request: &Request, number: Option<u16>, members: u16) -> Bundle {
    Bundle::first(
        BundleId { request: request.id.clone(), number, generation: 0 },
        &request.campaign,
        Channel::Email,
        &IntegrationId::generate(),
        members,
        request.created_at,
    )
}

pub(crate) fn payload(members: u16) -> Payload {
    let recipient = |number: u16| Recipient {
        user_id: format!("user {number}").parse().unwrap(),
        address: format!("user{number}@example.com"),
        locale: number.is_multiple_of(2).then_some(domain::template::Locale::Ar),
        variables: BTreeMap::from([("name".to_owned(), "ليلى".to_owned()), ("empty".to_owned(), String::new())]),
    };
    Payload { recipients: (0..members).map(recipient).collect(), ..Payload::default() }
}

/// A bundle of a fresh request with that many members, stored and queued.
pub(crate) async fn stored_bundle(store: &impl Store, members: u16) -> Bundle {
    let bundle = bundle_of(&request(1), Some(0), members);
    store.write_bundles(&acme(), &[(bundle.clone(), payload(members))], false).await.unwrap();
    bundle
}

/// A single delivery, stored and queued.
pub(crate) async fn stored_single(store: &impl Store) -> (Request, Bundle) {
    let request = request(0);
    let bundle = bundle_of(&request, None, 1);
    store.create_request(&acme(), &request, Some((&bundle, &payload(1)))).await.unwrap();
    (request, bundle)
}

pub(crate) async fn claimed(store: &impl Store, bundle: &Bundle, now: Timestamp) -> Claimed {
    store.claim(&acme(), &bundle.campaign, &bundle.id, now).await.unwrap()
}

pub(crate) fn cause() -> Cause {
    Cause { code: "address_invalid".to_owned(), detail: "no such user".to_owned() }
}

/// The bundle as a sender finishes it: all members with the same result.
pub(crate) fn done(bundle: &Bundle, result: &MemberResult) -> Bundle {
    Bundle {
        state: BundleState::Done,
        results: vec![result.clone(); bundle.members.len()],
        finished_at: Some(NOON.plus_ms(5_000)),
        ..bundle.clone()
    }
}

/// The next generation of a bundle, as a finish or a resend makes it.
pub(crate) fn next(bundle: &Bundle, index: u64, due: Timestamp) -> Bundle {
    Bundle {
        id: bundle.id.child(index).unwrap(),
        state: BundleState::Queued,
        results: Vec::new(),
        attempts: 1,
        fence: 0,
        lease_until: Timestamp(0),
        due,
        created_at: NOON.plus_ms(5_000),
        finished_at: None,
        resends: 0,
        ..bundle.clone()
    }
}

pub(crate) const SENT: MemberResult = MemberResult::Sent { provider_id: None };

pub(crate) fn integration(created_at: Timestamp) -> Integration {
    let config = serde_json::json!({
        "host": "mail.example.com", "port": 587, "tls": {"mode": "starttls", "ca": null}, "to": ["a", "b"], "ratio": 0.5
    });
    let serde_json::Value::Object(config): serde_json::Value = config else { unreachable!() };
    Integration {
        id: IntegrationId::generate(),
        provider: Provider::Smtp,
        name: "البريد".to_owned(),
        config: Config::from_iter(config),
        masks: BTreeMap::from([("password".to_owned(), "••••••••word".to_owned())]),
        secret_version: 1,
        enabled: true,
        priority: 10,
        limits: Limits { per_second: Some(10), ..Limits::default() },
        retry_policy: RetryPolicy::Exponential,
        on_unknown: OnUnknown::Hold,
        probe_interval_minutes: 15,
        last_test: None,
        created_at,
        updated_at: created_at,
        updated_by: Principal::Operator,
        rev: 1,
        deleted_at: None,
        stopped: None,
    }
}

pub(crate) fn report(status: HealthStatus, at: Timestamp) -> TestReport {
    TestReport { status, code: "ok".to_owned(), detail: String::new(), latency_ms: 120, at, run: None }
}
