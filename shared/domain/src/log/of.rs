//! From what was committed to entries: what the log tells of a change.
//!
//! Changes of settings, keys and secrets are not among them: they are in the audit trail, with who made them.

use super::{ApiCall, Direction, Entry, EntryStatus, EntryType, redacted};
use crate::{
    bundle::{Bundle, BundleState, Cause, MemberResult},
    channel::Channel,
    feedback::{Feedback, FeedbackKind},
    health::HealthStatus,
    hook::{HookEvent, Rejection},
    ids::{CampaignId, HookId, IntegrationId},
    integration::Integration,
    principal::Principal,
    rule::{Ended, Run},
    simulation::{Simulation, SimulationStatus},
    time::Timestamp,
};

/// One entry for each member of a bundle that was just finished or cancelled; a member that was not tried has none.
#[must_use]
pub fn attempts(old: Option<&Bundle>, new: &Bundle) -> Vec<Entry> {
    let became = |state| new.state == state && old.is_none_or(|old| old.state != state);
    let endpoint = new.campaign.endpoint().is_some();
    let (kind, words) = if endpoint {
        (EntryType::Webhook, ["webhook.delivered", "webhook.retrying", "webhook.failed", "webhook.cancelled"])
    } else {
        (EntryType::Delivery, ["delivery.sent", "delivery.retrying", "delivery.failed", "delivery.cancelled"])
    };
    let at = new.finished_at.unwrap_or(new.created_at);
    let entry = |index: usize, event: usize, status: EntryStatus, cause: Option<&Cause>| {
        let answer = new.answers.get(index);
        Entry {
            http_status: answer.and_then(|answer| answer.status),
            duration_ms: answer.map(|answer| answer.duration_ms),
            integration: Some(new.integration.clone()),
            campaign: Some(new.campaign.clone()).filter(|_| !endpoint),
            delivery: new.members.get(index).map(|member| new.id.delivery(*member)),
            generation: new.id.generation,
            retry_count: u32::from(new.attempts),
            code: cause.map(|cause| cause.code.clone()).unwrap_or_default(),
            detail: cause.map(|cause| redacted(&cause.detail)).unwrap_or_default(),
            external_system: new.channel.as_str().to_owned(),
            ..Entry::new(at, kind, words[event], Direction::Outbound, status)
        }
    };
    if became(BundleState::Done) {
        let results = new.results.iter().enumerate();
        return results
            .filter_map(|(index, result)| match result {
                MemberResult::Sent { .. } => Some(entry(index, 0, EntryStatus::Success, None)),
                MemberResult::Retrying(cause) => Some(entry(index, 1, EntryStatus::Warning, Some(cause))),
                MemberResult::Failed(cause) | MemberResult::Dead(cause) | MemberResult::Unknown(cause) => {
                    Some(entry(index, 2, EntryStatus::Error, Some(cause)))
                }
                MemberResult::Waiting | MemberResult::Resent(_) => None,
            })
            .collect();
    }
    if became(BundleState::Cancelled) {
        return (0..new.members.len()).map(|index| entry(index, 3, EntryStatus::Warning, None)).collect();
    }
    Vec::new()
}

/// A call of the API that the request which it made tells of. It was accepted, or there would be no request.
#[must_use]
pub fn accepted(call: &ApiCall, created_at: Timestamp) -> Entry {
    Entry {
        http_status: Some(202),
        duration_ms: Some(call.duration_ms),
        request_id: call.request_id.clone(),
        principal: Some(call.principal.clone()),
        ..Entry::new(created_at, EntryType::Api, call.route.clone(), Direction::Inbound, EntryStatus::Success)
    }
}

/// An answer to a call of the API. `code` is that of its problem, if it was one. What the caller got wrong is a warning,
/// what we did not manage is an error.
#[must_use]
pub fn answered(call: &ApiCall, http_status: u16, code: Option<&str>, at: Timestamp) -> Entry {
    let status = match http_status {
        500.. => EntryStatus::Error,
        400.. => EntryStatus::Warning,
        _ => EntryStatus::Success,
    };
    Entry { http_status: Some(http_status), status, code: code.unwrap_or_default().to_owned(), ..accepted(call, at) }
}

/// An event that a hook received, or that was replayed.
#[must_use]
pub fn hook_event(old: Option<&HookEvent>, new: &HookEvent, at: Timestamp) -> Option<Entry> {
    let (event, at) = match old {
        None => ("webhook.received", new.received_at),
        Some(old) if old.replays < new.replays => ("webhook.replayed", at),
        Some(_) => return None,
    };
    Some(Entry {
        hook: Some(new.hook.clone()),
        detail: redacted(new.event.as_deref().unwrap_or_default()),
        external_system: new.scheme.as_str().to_owned(),
        request_id: new.id.to_string(),
        ..Entry::new(at, EntryType::Webhook, event, Direction::Inbound, EntryStatus::Success)
    })
}

/// What a hook turned away since it was counted last.
#[must_use]
pub fn rejection(hook: &HookId, old: Option<&Rejection>, new: &Rejection) -> Option<Entry> {
    let more = new.count.saturating_sub(old.map_or(0, |old| old.count));
    (more > 0).then(|| Entry {
        hook: Some(hook.clone()),
        code: new.cause.code().to_owned(),
        count: u32::try_from(more).unwrap_or(u32::MAX),
        ..Entry::new(new.last_at, EntryType::Webhook, "webhook.rejected", Direction::Inbound, EntryStatus::Error)
    })
}

/// A run of an automation rule that just ended: with the first cause why something of it could not be done.
#[must_use]
pub fn run(old: Option<&Run>, new: &Run) -> Option<Entry> {
    let at = new.finished_at?;
    if old.is_some_and(|old| old.finished_at.is_some()) {
        return None;
    }
    let failed = new.results.iter().find(|it| it.ended == Ended::Failed);
    let (event, status) = match failed {
        None => ("automation.done", EntryStatus::Success),
        Some(_) => ("automation.failed", EntryStatus::Error),
    };
    let results: Vec<String> = new.results.iter().map(|it| format!("{} {}", it.action, it.code)).collect();
    Some(Entry {
        duration_ms: u32::try_from(at.since_ms(new.started_at)).ok(),
        campaign: Some(CampaignId::of_rule(&new.rule)),
        code: failed.map(|it| it.code.clone()).unwrap_or_default(),
        detail: redacted(&format!("{}: {}", new.event, results.join(", "))),
        request_id: new.id.to_string(),
        principal: Some(Principal::Rule(new.rule.clone())),
        ..Entry::new(at, EntryType::Automation, event, Direction::Outbound, status)
    })
}

/// A test of an integration.
#[must_use]
pub fn test(old: Option<&Integration>, new: &Integration) -> Option<Entry> {
    let report = new.last_test.as_ref()?;
    if old.and_then(|old| old.last_test.as_ref()).is_some_and(|before| before.at == report.at) {
        return None;
    }
    let status = match report.status {
        HealthStatus::Ok => EntryStatus::Success,
        HealthStatus::Warn => EntryStatus::Warning,
        HealthStatus::Fail => EntryStatus::Error,
    };
    Some(Entry {
        duration_ms: Some(u32::try_from(report.latency_ms).unwrap_or(u32::MAX)),
        integration: Some(new.id.clone()),
        code: if status == EntryStatus::Success { String::new() } else { report.code.clone() },
        detail: redacted(&report.detail),
        external_system: new.provider.as_str().to_owned(),
        ..Entry::new(report.at, EntryType::Probe, "integration.tested", Direction::Outbound, status)
    })
}

/// A simulation that was created or came to stand elsewhere.
#[must_use]
pub fn simulation(old: Option<&Simulation>, new: &Simulation) -> Option<Entry> {
    if old.is_some_and(|old| old.status == new.status) {
        return None;
    }
    let failed = new.status == SimulationStatus::Failed;
    Some(Entry {
        integration: Some(new.integration.clone()),
        campaign: Some(new.campaign.clone()),
        code: new.problem.as_ref().map(|problem| problem.code.clone()).unwrap_or_default(),
        detail: new.problem.as_ref().map(|problem| redacted(&problem.detail)).unwrap_or_default(),
        external_system: Channel::M365.as_str().to_owned(),
        ..Entry::new(
            new.updated_at,
            EntryType::Delivery,
            format!("simulation.{}", new.status.as_str()),
            Direction::Outbound,
            if failed { EntryStatus::Error } else { EntryStatus::Success },
        )
    })
}

/// What a provider reported of deliveries, as far as it says whether they arrived. What their readers did with them is
/// told of the deliveries and not here.
#[must_use]
pub fn feedback(integration: &IntegrationId, channel: Channel, new: &[Feedback]) -> Vec<Entry> {
    let outcome = |feedback: &Feedback| {
        let (event, status) = match feedback.kind {
            FeedbackKind::Delivered => ("delivery.delivered", EntryStatus::Success),
            FeedbackKind::SoftBounced => ("delivery.soft_bounced", EntryStatus::Warning),
            FeedbackKind::Bounced => ("delivery.bounced", EntryStatus::Error),
            FeedbackKind::Complained => ("delivery.complained", EntryStatus::Warning),
            _ => return None,
        };
        Some(Entry {
            integration: Some(integration.clone()),
            campaign: Some(feedback.campaign.clone()),
            delivery: Some(feedback.delivery.clone()),
            detail: redacted(&feedback.detail),
            external_system: channel.as_str().to_owned(),
            ..Entry::new(feedback.at, EntryType::Delivery, event, Direction::Inbound, status)
        })
    };
    new.iter().filter_map(outcome).collect()
}

/// The call of an API as its entry has it: the template of the route, so that no address or secret in a path is kept.
#[must_use]
pub fn call(principal: Principal, route: &str, request_id: &str, duration_ms: u32) -> ApiCall {
    ApiCall { principal, route: route.to_owned(), request_id: request_id.to_owned(), duration_ms }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bundle::BundleId,
        hook::{Cause as Turned, SchemeName, minute_of},
        ids::{CampaignId, HookEventId, RequestId, RuleId, RunId},
        rule::{ActionResult, Trigger},
        webhook::Answer,
    };
    use std::collections::BTreeMap;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn bundle(campaign: &CampaignId, channel: Channel, integration: &IntegrationId, count: u16) -> Bundle {
        let id = BundleId { request: RequestId::generate(), number: Some(0), generation: 0 };
        Bundle::first(id, campaign, channel, integration, count, NOON)
    }

    fn cause(detail: &str) -> Cause {
        Cause { code: "smtp_recipient_refused".into(), detail: detail.into() }
    }

    #[test]
    fn a_run_is_told_of_when_it_ends() {
        let rule = RuleId::generate();
        let began = Run {
            id: RunId::of(&"acme".parse().unwrap(), &rule, NOON, "e1"),
            rule: rule.clone(),
            rule_rev: 1,
            event: Trigger::DeliveryFailed,
            event_id: "e1".into(),
            event_at: NOON,
            started_at: NOON,
            finished_at: None,
            depth: 1,
            caused_by: vec![],
            results: vec![],
        };
        assert_eq!(run(None, &began), None);
        let result = |ended, code: &str| ActionResult {
            action: "send".into(),
            ended,
            code: code.into(),
            detail: "to ann@example.com".into(),
            made: vec![],
        };
        let done =
            Run { finished_at: Some(NOON.plus_ms(7)), results: vec![result(Ended::Done, "ok")], ..began.clone() };
        let told = run(Some(&began), &done).unwrap();
        assert_eq!(
            (told.event.as_str(), told.status, told.duration_ms),
            ("automation.done", EntryStatus::Success, Some(7))
        );
        assert_eq!((told.kind, told.campaign), (EntryType::Automation, Some(CampaignId::of_rule(&rule))));
        assert_eq!((told.detail.as_str(), told.request_id), ("delivery.failed: send ok", began.id.to_string()));
        assert_eq!(run(Some(&done), &done), None, "it ends once");
        let failed = Run { results: vec![result(Ended::Done, "ok"), result(Ended::Failed, "not_ready")], ..done };
        let told = run(Some(&began), &failed).unwrap();
        assert_eq!(
            (told.event.as_str(), told.status, told.code.as_str()),
            ("automation.failed", EntryStatus::Error, "not_ready")
        );
    }

    #[test]
    fn a_finished_bundle_is_an_entry_for_each_that_was_tried_and_says_no_address() {
        let integration = IntegrationId::generate();
        let old = bundle(&"spring".parse().unwrap(), Channel::Email, &integration, 6);
        let new = Bundle {
            state: BundleState::Done,
            finished_at: Some(NOON.plus_ms(5)),
            attempts: 2,
            results: vec![
                MemberResult::Sent { provider_id: Some("q1".into()) },
                MemberResult::Retrying(cause("later")),
                MemberResult::Failed(cause("no <ann@example.com>")),
                MemberResult::Dead(cause("")),
                MemberResult::Unknown(cause("")),
                MemberResult::Waiting,
            ],
            ..old.clone()
        };
        let told = attempts(Some(&old), &new);
        let events: Vec<_> = told.iter().map(|it| (it.event.as_str(), it.status)).collect();
        assert_eq!(
            events,
            [
                ("delivery.sent", EntryStatus::Success),
                ("delivery.retrying", EntryStatus::Warning),
                ("delivery.failed", EntryStatus::Error),
                ("delivery.failed", EntryStatus::Error),
                ("delivery.failed", EntryStatus::Error),
            ]
        );
        assert_eq!((told[2].detail.as_str(), told[2].retry_count), ("no <[address]>", 2));
        assert_eq!(told[2].delivery, Some(new.id.delivery(2)));
        assert_eq!((told[0].at, &told[0].integration), (NOON.plus_ms(5), &Some(integration)));
        assert_eq!(attempts(Some(&new), &Bundle { resends: 1, ..new.clone() }), [], "a resend is no attempt");
        assert_eq!(attempts(None, &old), [], "what waits was not tried");
        let cancelled = Bundle { state: BundleState::Cancelled, ..old.clone() };
        assert_eq!(attempts(Some(&old), &cancelled).len(), 6);
    }

    #[test]
    fn of_an_endpoint_the_answer_is_told_without_its_body() {
        let endpoint = IntegrationId::generate();
        let old = bundle(&CampaignId::of_endpoint(&endpoint), Channel::Webhook, &endpoint, 1);
        let answer = Answer {
            status: Some(503),
            duration_ms: 17,
            headers: vec![("x-secret".into(), "canary".into())],
            body: "canary".into(),
            apart: false,
        };
        let results = vec![MemberResult::Retrying(cause(""))];
        let new = Bundle { state: BundleState::Done, results, answers: vec![answer], ..old.clone() };
        let told = attempts(Some(&old), &new).remove(0);
        assert_eq!((told.kind, told.event.as_str()), (EntryType::Webhook, "webhook.retrying"));
        assert_eq!((told.http_status, told.duration_ms, &told.campaign), (Some(503), Some(17), &None));
        assert!(!serde_json::to_string(&told).unwrap().contains("canary"));
    }

    #[test]
    fn an_answer_says_whose_fault_it_was() {
        let call = call(Principal::System, "POST /v1/keys", "r1", 4);
        let told = |status, code| answered(&call, status, code, NOON);
        assert_eq!(told(201, None).status, EntryStatus::Success);
        assert_eq!(
            (told(422, Some("invalid")).status, told(422, Some("invalid")).code),
            (EntryStatus::Warning, "invalid".into())
        );
        assert_eq!(told(503, Some("unavailable")).status, EntryStatus::Error);
        assert_eq!(
            (accepted(&call, NOON).http_status, accepted(&call, NOON).event),
            (Some(202), "POST /v1/keys".into())
        );
    }

    #[test]
    fn what_a_hook_took_and_turned_away_is_told_once() {
        let event = HookEvent {
            id: HookEventId::generate(),
            hook: HookId::generate(),
            hook_name: "Code".into(),
            scheme: SchemeName::Github,
            received_at: NOON,
            event: Some("push".into()),
            provider_id: None,
            headers: BTreeMap::new(),
            body_bytes: 2,
            replays: 0,
        };
        let told = hook_event(None, &event, NOON.plus_ms(9)).unwrap();
        assert_eq!((told.event.as_str(), told.at, told.external_system.as_str()), ("webhook.received", NOON, "github"));
        let replayed = HookEvent { replays: 1, ..event.clone() };
        let told = hook_event(Some(&event), &replayed, NOON.plus_ms(9)).unwrap();
        assert_eq!((told.event.as_str(), told.at), ("webhook.replayed", NOON.plus_ms(9)));
        assert_eq!(hook_event(Some(&replayed), &replayed, NOON), None);

        let turned = |count| Rejection {
            cause: Turned::SignatureMismatch,
            minute: minute_of(NOON),
            count,
            last_at: NOON,
            source_ip: "203.0.113.7".into(),
            user_agent: "curl".into(),
            body_bytes: 1,
            body_sha256: String::new(),
            event: None,
        };
        let told = rejection(&event.hook, Some(&turned(2)), &turned(4)).unwrap();
        assert_eq!((told.count, told.code.as_str()), (2, "signature_mismatch"));
        assert!(!serde_json::to_string(&told).unwrap().contains("203.0.113.7"));
        assert_eq!(rejection(&event.hook, Some(&turned(4)), &turned(4)), None);
    }
}
