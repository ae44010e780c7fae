//! The events other services see on the bus, and how a committed change turns into them.

use crate::{
    bundle::{Bundle, BundleId, BundleState, DeliveryStatus, MemberResult},
    channel::Channel,
    feedback::{Feedback, FeedbackKind},
    hook::HookEvent,
    ids::{IntegrationId, KeyId, TenantId},
    integration::Integration,
    key::KeyNotice,
    simulation::Simulation,
    time::Timestamp,
    webhook::{StopCause, failing::Failing},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The EventBridge source of all our events.
pub const SOURCE: &str = "trunkline";

/// An event before it is put on the bus.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// The detail-type.
    pub name: &'static str,
    /// Grows out of the change itself, so that a second publication of one change carries the same id.
    pub id: String,
    /// The tenant it belongs to.
    pub tenant_id: TenantId,
    /// What happened, besides `tenant_id` and `event_id`.
    pub detail: Value,
}

/// `delivery.enqueued` for a new first-generation bundle; `delivery.sent` and `delivery.failed` for one that was just
/// finished, each with the deliveries it concerns. A failure that will be retried is no event yet.
///
/// Of events on their way to an endpoint only `delivery.failed` is told: the bus bills by the event, so the other two
/// would cost more than the delivery itself.
#[must_use]
pub fn of_bundle(tenant: &TenantId, old: Option<&Bundle>, new: &Bundle) -> Vec<Event> {
    let to_endpoint = new.channel == Channel::Webhook;
    let event = |name: &'static str, deliveries: Vec<Value>| Event {
        name,
        id: format!("{}:{}:{name}:{}", new.campaign, new.id, new.resends),
        tenant_id: tenant.clone(),
        detail: if to_endpoint {
            json!({"endpoint_id": new.integration, "channel": new.channel, "deliveries": deliveries})
        } else {
            json!({
                "campaign_id": new.campaign,
                "channel": new.channel,
                "integration_id": new.integration,
                "sandbox": new.sandbox,
                "deliveries": deliveries,
            })
        },
    };
    match old {
        None if to_endpoint => Vec::new(),
        None if new.id.generation == 0 => {
            let ids = new.members.iter().map(|member| json!({"id": new.id.delivery(*member)})).collect();
            vec![event("delivery.enqueued", ids)]
        }
        Some(old) if old.state != BundleState::Done && new.state == BundleState::Done => {
            let mut sent = Vec::new();
            let mut failed = Vec::new();
            for (member, result) in new.members.iter().zip(&new.results) {
                let id = new.id.delivery(*member);
                match result {
                    MemberResult::Sent { provider_id } => {
                        sent.push(json!({"id": id, "provider_message_id": provider_id}));
                    }
                    MemberResult::Failed(cause) => failed.push((id, DeliveryStatus::Failed, cause)),
                    MemberResult::Dead(cause) => failed.push((id, DeliveryStatus::Dead, cause)),
                    MemberResult::Unknown(cause) => failed.push((id, DeliveryStatus::Unknown, cause)),
                    MemberResult::Retrying(_) | MemberResult::Waiting | MemberResult::Resent(_) => {}
                }
            }
            let failed: Vec<Value> = failed
                .into_iter()
                .map(|(id, status, cause)| {
                    json!({"id": id, "status": status, "code": cause.code, "detail": cause.detail})
                })
                .collect();
            let mut events = Vec::new();
            if !sent.is_empty() && !to_endpoint {
                events.push(event("delivery.sent", sent));
            }
            if !failed.is_empty() {
                events.push(event("delivery.failed", failed));
            }
            events
        }
        Some(old) if old.state != BundleState::Cancelled && new.state == BundleState::Cancelled => {
            let cancelled = new
                .members
                .iter()
                .map(|member| json!({"id": new.id.delivery(*member), "status": DeliveryStatus::Cancelled}))
                .collect();
            vec![event("delivery.failed", cancelled)]
        }
        _ => Vec::new(),
    }
}

/// `delivery.<kind>` for each kind of what was just reported of the deliveries of one bundle. Of each delivery a kind is
/// reported once, so the members whom it concerns name the change.
#[must_use]
pub fn of_feedback(
    tenant: &TenantId,
    origin: &BundleId,
    integration: &IntegrationId,
    channel: Channel,
    new: &[Feedback],
) -> Vec<Event> {
    let mut by_kind: BTreeMap<FeedbackKind, Vec<&Feedback>> = BTreeMap::new();
    for feedback in new {
        by_kind.entry(feedback.kind).or_default().push(feedback);
    }
    let event = |(kind, reports): (FeedbackKind, Vec<&Feedback>)| {
        let campaign = &reports.first()?.campaign;
        let name = feedback_name(kind);
        let members: Vec<String> = reports
            .iter()
            .map(|feedback| feedback.delivery.place.map_or(0, |place| place.member).to_string())
            .collect();
        let deliveries: Vec<Value> = reports
            .iter()
            .map(|feedback| json!({"id": feedback.delivery, "at": feedback.at.to_rfc3339(), "detail": feedback.detail}))
            .collect();
        Some(Event {
            name,
            id: format!("{campaign}:{origin}:{name}:{}", members.join(".")),
            tenant_id: tenant.clone(),
            detail: json!({
                "campaign_id": campaign,
                "channel": channel,
                "integration_id": integration,
                "deliveries": deliveries,
            }),
        })
    };
    by_kind.into_iter().filter_map(event).collect()
}

/// `simulation.status_changed` for a simulation that was just created or came to stand elsewhere.
#[must_use]
pub fn of_simulation(tenant: &TenantId, old: Option<&Simulation>, new: &Simulation) -> Option<Event> {
    let previous = old.map(|old| old.status);
    if previous == Some(new.status) {
        return None;
    }
    let name = "simulation.status_changed";
    Some(Event {
        name,
        id: format!("{}:{}:{name}:{}", new.campaign, new.origin, new.rev),
        tenant_id: tenant.clone(),
        detail: json!({
            "campaign_id": new.campaign,
            "channel": Channel::M365,
            "integration_id": new.integration,
            "simulation_id": new.provider_id,
            "name": new.label,
            "status": new.status,
            "previous": previous,
            "targets": new.targets,
            "counts": new.counts,
            "code": new.problem.as_ref().map(|problem| &problem.code),
            "detail": new.problem.as_ref().map(|problem| &problem.detail),
            "sandbox": new.sandbox,
        }),
    })
}

const fn feedback_name(kind: FeedbackKind) -> &'static str {
    match kind {
        FeedbackKind::Delivered => "delivery.delivered",
        FeedbackKind::SoftBounced => "delivery.soft_bounced",
        FeedbackKind::Bounced => "delivery.bounced",
        FeedbackKind::Opened => "delivery.opened",
        FeedbackKind::Clicked => "delivery.clicked",
        FeedbackKind::Complained => "delivery.complained",
        FeedbackKind::Unsubscribed => "delivery.unsubscribed",
        FeedbackKind::Compromised => "delivery.compromised",
        FeedbackKind::Reported => "delivery.reported",
    }
}

/// `integration.config_updated` when settings changed (a new revision); `integration.health_changed` when a test came
/// out differently from the one before; of an endpoint, `endpoint.failing` for each alert and `endpoint.disabled` when it was
/// disabled because it is gone or does nothing but fail.
#[must_use]
pub fn of_integration(tenant: &TenantId, old: Option<&Integration>, new: &Integration) -> Vec<Event> {
    let mut events = Vec::new();
    let common = json!({
        "integration_id": new.id,
        "channel": new.kind(),
        "provider": new.provider,
        "name": new.name,
    });
    let event = |name: &'static str, id: String, extra: Value| {
        let mut detail = common.clone();
        if let (Some(detail), Value::Object(extra)) = (detail.as_object_mut(), extra) {
            detail.extend(extra);
        }
        Event { name, id, tenant_id: tenant.clone(), detail }
    };
    if old.is_none_or(|old| old.rev != new.rev) {
        let change = match old {
            None => "created",
            Some(old) if old.deleted_at.is_none() && new.deleted_at.is_some() => "deleted",
            Some(old) if !old.enabled && new.enabled => "enabled",
            Some(old) if old.enabled && !new.enabled => "disabled",
            Some(old) if old.secret_version != new.secret_version => "secrets_rotated",
            Some(_) => "updated",
        };
        let extra =
            json!({"change": change, "rev": new.rev, "enabled": new.enabled, "updated_by": new.updated_by.to_string()});
        events.push(event("integration.config_updated", format!("{}:rev:{}", new.id, new.rev), extra));
    }
    if let Some(test) = &new.last_test {
        let before = old.and_then(|old| old.last_test.as_ref()).map(|test| test.status);
        if before != Some(test.status) {
            let mut extra = json!({
                "status": test.status, "previous": before, "badge": test.status.badge(), "code": test.code, "detail": test.detail,
            });
            if let Some(run) = &test.run {
                extra["run_id"] = json!(run);
            }
            events.push(event("integration.health_changed", format!("{}:health:{}", new.id, test.at.0), extra));
        }
        if let Some(percent) = Failing::alert_in(test)
            && old.and_then(|old| old.last_test.as_ref()) != Some(test)
        {
            let extra = json!({"endpoint_id": new.id, "percent": percent, "detail": test.detail});
            events.push(event("endpoint.failing", format!("{}:failing:{}", new.id, test.at.0), extra));
        }
    }
    if let Some(stop) = new.stopped.filter(|stop| stop.cause != StopCause::Paused)
        && old.is_none_or(|old| old.enabled)
        && !new.enabled
    {
        let extra = json!({"endpoint_id": new.id, "cause": stop.cause, "at": stop.at.to_rfc3339()});
        events.push(event("endpoint.disabled", format!("{}:disabled:{}", new.id, new.rev), extra));
    }
    events
}

/// `api_key.expiring` when a reminder was marked as given, `api_key.suspended` when a key was suspended, by whomever.
#[must_use]
pub fn of_key(tenant: &TenantId, id: &KeyId, old: Option<&KeyNotice>, new: &KeyNotice) -> Vec<Event> {
    let Some(old) = old else { return Vec::new() };
    let event = |name: &'static str, rest: String, extra: (&str, Value)| {
        let mut detail = json!({"key_id": id, "prefix": new.prefix, "name": new.name});
        detail[extra.0] = extra.1;
        detail["expires_at"] = new.expires_at.map(Timestamp::to_rfc3339).into();
        Event { name, id: format!("{id}:{rest}"), tenant_id: tenant.clone(), detail }
    };
    let mut events = Vec::new();
    if let (Some(end), Some(days)) = (new.expires_at, new.reminded)
        && old.expires_at == new.expires_at
        && old.reminded != new.reminded
    {
        events.push(event("api_key.expiring", format!("expiring:{}:{days}", end.0), ("days", days.into())));
    }
    if let Some(suspension) = new.suspended
        && old.suspended.is_none()
    {
        let cause = suspension.cause.as_str();
        events.push(event("api_key.suspended", format!("suspended:{}", suspension.at.0), ("cause", cause.into())));
    }
    events
}

/// The largest detail that is put on the bus, in bytes: it takes 256 KB, names included.
const DETAIL_MAX_BYTES: usize = 240 << 10;

/// `webhook.received` for an event that a hook took, and again for each time that it was replayed: with the same id and
/// the number of the replay. `body` is what was kept with it; a body that is too large for the bus is only referred to.
#[must_use]
pub fn of_hook_event(tenant: &TenantId, old: Option<&HookEvent>, new: &HookEvent, body: Option<&[u8]>) -> Vec<Event> {
    if old.is_some_and(|old| old.replays == new.replays) {
        return Vec::new();
    }
    let mut detail = json!({
        "hook_id": new.hook,
        "hook_name": new.hook_name,
        "scheme": new.scheme,
        "event": new.event,
        "provider_id": new.provider_id,
        "received_at": new.received_at.to_rfc3339(),
        "replay": new.replays,
        "headers": new.headers,
        "body_bytes": new.body_bytes,
    });
    let body = body.and_then(told_body).filter(|(_, told)| told.to_string().len() <= DETAIL_MAX_BYTES);
    let (name, told) = body.unwrap_or_else(|| ("body_url", format!("/v1/hooks/{}/events/{}", new.hook, new.id).into()));
    detail[name] = told;
    vec![Event { name: "webhook.received", id: new.id.to_string(), tenant_id: tenant.clone(), detail }]
}

/// `body` for what is JSON, `body_text` for any other text; `None` for bytes, which have no place in JSON.
fn told_body(body: &[u8]) -> Option<(&'static str, Value)> {
    match serde_json::from_slice(body) {
        Ok(json) => Some(("body", json)),
        Err(_) => std::str::from_utf8(body).ok().map(|text| ("body_text", text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ids::RequestId, simulation::SimulationStatus, time::Timestamp};

    #[test]
    fn a_simulation_is_told_of_when_it_comes_to_stand_elsewhere() {
        let simulation = Simulation {
            campaign: "spring".parse().unwrap(),
            origin: "01JD0000000000000000000000.0000".parse().unwrap(),
            integration: IntegrationId::generate(),
            label: "Parcel".into(),
            provider_id: Some("s-1".into()),
            operation: None,
            status: SimulationStatus::Scheduled,
            targets: 2,
            counts: BTreeMap::new(),
            report_digest: String::new(),
            problem: None,
            failures: 0,
            launch_at: Timestamp(0),
            duration_days: 7,
            sandbox: false,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            next_look: None,
            rev: 1,
        };
        let told = |old, new| of_simulation(&"acme".parse().unwrap(), old, new);
        let created = told(None, &simulation).unwrap();
        assert_eq!(created.id, "spring:01JD0000000000000000000000.0000:simulation.status_changed:1");
        assert_eq!((&created.detail["status"], &created.detail["previous"]), (&json!("scheduled"), &Value::Null));
        let counted = Simulation { counts: BTreeMap::from([(FeedbackKind::Opened, 1)]), rev: 2, ..simulation.clone() };
        assert_eq!(told(Some(&simulation), &counted), None, "what targets did is told of their deliveries");
        let over = Simulation { status: SimulationStatus::Failed, rev: 3, ..counted.clone() };
        let told = told(Some(&counted), &over).unwrap();
        assert_eq!((&told.detail["status"], &told.detail["previous"]), (&json!("failed"), &json!("scheduled")));
        assert_eq!(told.detail["counts"], json!({"opened": 1}));
    }

    #[test]
    fn what_was_reported_is_one_event_a_kind_with_an_id_that_names_it() {
        let origin = BundleId { request: RequestId::generate(), number: Some(2), generation: 0 };
        let integration = IntegrationId::generate();
        let report = |member, kind, detail: &str| Feedback {
            campaign: "spring".parse().unwrap(),
            delivery: origin.delivery(member),
            kind,
            at: Timestamp(1_763_640_000_000),
            detail: detail.to_owned(),
        };
        let new = [
            report(0, FeedbackKind::Opened, ""),
            report(1, FeedbackKind::Bounced, "no such user"),
            report(7, FeedbackKind::Opened, ""),
        ];
        let told = |new: &[Feedback]| of_feedback(&"acme".parse().unwrap(), &origin, &integration, Channel::Email, new);
        let events = told(&new);
        let names: Vec<_> = events.iter().map(|event| (event.name, event.id.clone())).collect();
        let id = |rest: &str| format!("spring:{origin}:{rest}");
        assert_eq!(
            names,
            [("delivery.bounced", id("delivery.bounced:1")), ("delivery.opened", id("delivery.opened:0.7")),]
        );
        let detail = &events[0].detail;
        assert_eq!((&detail["campaign_id"], &detail["channel"]), (&json!("spring"), &json!("email")));
        let bounced = json!([{"id": origin.delivery(1), "at": "2025-11-20T12:00:00.000Z", "detail": "no such user"}]);
        assert_eq!(detail["deliveries"], bounced);
        assert_eq!(told(&[]), []);
        for kind in FeedbackKind::ALL {
            assert_eq!(feedback_name(kind), format!("delivery.{kind}"));
        }
    }
}

#[cfg(test)]
mod key_tests {
    use super::*;
    use crate::key::{Suspension, SuspensionCause};

    #[test]
    fn a_reminder_and_a_suspension_are_told_once() {
        let id: KeyId = "key_01JD0000000000000000000000".parse().unwrap();
        let told = |old: Option<&KeyNotice>, new: &KeyNotice| {
            let events = of_key(&"acme".parse().unwrap(), &id, old, new);
            events.into_iter().map(|event| (event.name, event.id, event.detail)).collect::<Vec<_>>()
        };
        let notice = KeyNotice {
            prefix: "abcdefgh".into(),
            name: "ci".into(),
            expires_at: Some(Timestamp(1_763_640_000_000)),
            reminded: Some(30),
            suspended: None,
        };
        assert_eq!(told(None, &notice), [], "what was over when it was made is no reminder");
        let reminded = KeyNotice { reminded: Some(7), ..notice.clone() };
        let detail = json!({
            "key_id": id, "prefix": "abcdefgh", "name": "ci", "days": 7, "expires_at": "2025-11-20T12:00:00.000Z",
        });
        let expected = ("api_key.expiring", format!("{id}:expiring:1763640000000:7"), detail);
        assert_eq!(told(Some(&notice), &reminded), [expected]);
        let postponed = KeyNotice { expires_at: Some(Timestamp(1_800_000_000_000)), reminded: None, ..notice.clone() };
        assert_eq!(told(Some(&notice), &postponed), []);
        assert_eq!(told(Some(&postponed), &notice), [], "another expiry is no reminder");
        let suspended = Some(Suspension { at: Timestamp(5), cause: SuspensionCause::Failures });
        let suspended = KeyNotice { suspended, ..notice.clone() };
        let events = told(Some(&notice), &suspended);
        assert_eq!((events[0].0, events[0].2["cause"].as_str()), ("api_key.suspended", Some("failures")));
        assert_eq!(told(Some(&suspended), &suspended), []);
    }
}

#[cfg(test)]
mod hook_tests {
    use super::*;
    use crate::{
        hook::SchemeName,
        ids::{HookEventId, HookId},
        time::Timestamp,
    };
    use std::collections::BTreeMap;

    fn event(replays: u32) -> HookEvent {
        HookEvent {
            id: "evt_01JD0000000000000000000000".parse().unwrap(),
            hook: "whk_01JD0000000000000000000000".parse::<HookId>().unwrap(),
            hook_name: "Code".into(),
            scheme: SchemeName::Github,
            received_at: Timestamp(1_763_640_000_000),
            event: Some("push".into()),
            provider_id: None,
            headers: BTreeMap::new(),
            body_bytes: 2,
            replays,
        }
    }

    fn told(old: Option<u32>, new: u32, body: Option<&[u8]>) -> Vec<Event> {
        of_hook_event(&"acme".parse().unwrap(), old.map(event).as_ref(), &event(new), body)
    }

    #[test]
    fn a_replay_is_told_under_the_same_id_with_its_number() {
        let first = told(None, 0, Some(b"{\"a\":1}")).remove(0);
        let again = told(Some(0), 1, Some(b"{\"a\":1}")).remove(0);
        assert_eq!(
            (first.name, &first.detail["body"]["a"], &first.detail["replay"]),
            ("webhook.received", &json!(1), &json!(0))
        );
        assert_eq!((&again.id, &again.detail["replay"]), (&first.id, &json!(1)));
        assert!(again.id.parse::<HookEventId>().is_ok());
        assert_eq!(told(Some(1), 1, None), [], "any other change is no event");
    }

    #[test]
    fn what_the_bus_does_not_take_is_referred_to() {
        let large = format!("\"{}\"", "x".repeat(DETAIL_MAX_BYTES));
        // A text of quotes doubles in JSON.
        let quotes = "\"".repeat(DETAIL_MAX_BYTES / 2 + 1);
        for body in [None, Some(&b"\xff"[..]), Some(large.as_bytes()), Some(quotes.as_bytes())] {
            let detail = &told(None, 0, body)[0].detail;
            assert_eq!(
                detail["body_url"],
                "/v1/hooks/whk_01JD0000000000000000000000/events/evt_01JD0000000000000000000000"
            );
            assert!(detail.get("body").is_none() && detail.get("body_text").is_none());
        }
        assert_eq!(told(None, 0, Some(b"a=1&b=2"))[0].detail["body_text"], "a=1&b=2");
    }
}

#[cfg(test)]
mod endpoint_tests {
    use super::*;
    use crate::{
        bundle::Cause,
        channel::{OnUnknown, Provider},
        health::TestReport,
        ids::{CampaignId, RequestId},
        integration::Config,
        principal::Principal,
        rate::Limits,
        retry::RetryPolicy,
        webhook::Stop,
    };

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn endpoint() -> Integration {
        Integration {
            id: "int_01JD0000000000000000000000".parse().unwrap(),
            provider: Provider::Webhook,
            name: "Orders".into(),
            config: Config::new(),
            masks: BTreeMap::new(),
            secret_version: 1,
            enabled: true,
            priority: 100,
            limits: Limits::default(),
            retry_policy: RetryPolicy::Standard,
            on_unknown: OnUnknown::Retry,
            probe_interval_minutes: 60,
            last_test: Some(TestReport::passed("", 5, NOON)),
            created_at: NOON,
            updated_at: NOON,
            updated_by: Principal::System,
            rev: 3,
            deleted_at: None,
            stopped: None,
        }
    }

    fn told(old: &Integration, new: &Integration) -> Vec<(&'static str, Value)> {
        let events = of_integration(&"acme".parse().unwrap(), Some(old), new);
        events.into_iter().map(|event| (event.name, event.detail)).collect()
    }

    #[test]
    fn of_deliveries_to_an_endpoint_only_failures_are_told() {
        let endpoint = endpoint();
        let id = BundleId { request: RequestId::generate(), number: Some(0), generation: 0 };
        let old = Bundle::first(id, &CampaignId::of_endpoint(&endpoint.id), Channel::Webhook, &endpoint.id, 2, NOON);
        let tenant = "acme".parse().unwrap();
        assert_eq!(of_bundle(&tenant, None, &old), []);
        let cause = Cause { code: "endpoint_error".into(), detail: "HTTP 500".into() };
        let results = vec![MemberResult::Sent { provider_id: None }, MemberResult::Dead(cause)];
        let new = Bundle { state: BundleState::Done, results, ..old.clone() };
        let events = of_bundle(&tenant, Some(&old), &new);
        assert_eq!((events.len(), events[0].name), (1, "delivery.failed"));
        let delivery =
            json!({"id": new.id.delivery(1), "status": "dead", "code": "endpoint_error", "detail": "HTTP 500"});
        let detail = json!({"endpoint_id": endpoint.id, "channel": "webhook", "deliveries": [delivery]});
        assert_eq!(events[0].detail, detail);
    }

    #[test]
    fn an_alert_and_a_disabling_by_rule_are_told_once() {
        let before = endpoint();
        let alert = Failing { since: NOON, told: 70 }.report(false, "HTTP 500", NOON.plus_ms(9));
        let after = Integration { last_test: Some(alert), ..before.clone() };
        let events = told(&before, &after);
        assert_eq!([events[0].0, events[1].0], ["integration.health_changed", "endpoint.failing"]);
        assert_eq!((&events[1].1["percent"], &events[1].1["endpoint_id"]), (&json!(70), &json!(before.id)));
        let renamed = Integration { rev: 4, name: "Other".into(), ..after.clone() };
        assert_eq!(told(&after, &renamed).len(), 1, "the alert is an old one");
        for (cause, names) in [
            (StopCause::Gone, vec!["integration.config_updated", "endpoint.disabled"]),
            (StopCause::Failing, vec!["integration.config_updated", "endpoint.disabled"]),
            (StopCause::Paused, vec!["integration.config_updated"]),
        ] {
            let stopped = Some(Stop { cause, at: NOON });
            let stopped = Integration { enabled: false, stopped, rev: 4, ..before.clone() };
            assert_eq!(told(&before, &stopped).iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
            assert_eq!(told(&stopped, &Integration { rev: 5, ..stopped.clone() }).len(), 1);
        }
    }
}
