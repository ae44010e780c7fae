//! Keeping rules from setting each other off for ever.
//!
//! An effect of a rule is known again by the id of the run that had it, which travels with it:
//!
//! | What a rule does | What may come of it | How it is known again |
//! |---|---|---|
//! | sends a message | `delivery.failed` | the delivery's id begins with its request's, and that is made of the run ([`RunId::request`]); its campaign is `rule-<id>` |
//! | hands an event to an endpoint | `delivery.failed` of the endpoint | the same |
//! | the same, and the endpoint's receiver calls a hook of ours | `webhook.received` | the `webhook-id` of the call is made of the request; or the body still says `run_id`, as it was posted |
//! | the same, and the endpoint begins to fail | `integration.health_changed`, `endpoint.failing`, `endpoint.disabled` | a rule that calls an endpoint is not run for what is told of that endpoint |
//! | tests an integration | `integration.health_changed` | the test remembers the run, and the event says `run_id` |
//!
//! Keys are neither suspended nor about to expire because of a rule. What a receiver does that hides where its call came
//! from, or what many messages together do to the health of an integration, is not known again: there the rule's limit by
//! the hour holds.

use super::{Action, Happened, Rule, Run, Trigger};
use crate::{
    bundle::BundleId,
    ids::{CampaignId, DeliveryId, RequestId, RuleId, RunId},
};
use serde_json::Value;
use std::collections::BTreeSet;

/// How many rules may follow from each other.
pub const CHAIN_MAX: u8 = 3;

/// How many runs one event is looked through for: a message that fails names its run, and an event tells of up to some
/// hundred deliveries.
const RUNS_MAX: usize = 20;

/// What led to an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// The rules whose runs did, in any order.
    rules: BTreeSet<RuleId>,
    /// How many runs led to it, one after the other.
    depth: u8,
}

/// Why a rule is not run for an event that it wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The rule itself led to the event.
    OwnEffect,
    /// As many rules as may have followed from each other already.
    TooDeep,
}

impl Stopped {
    /// Why, and what it means.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OwnEffect => "the event comes of what this rule did itself; it would go in circles",
            Self::TooDeep => "three rules have followed from each other already; a fourth is not run",
        }
    }
}

impl Trail {
    /// Adds a run that led to the event, with what led to that one.
    pub fn add(&mut self, run: &Run) {
        self.rules.insert(run.rule.clone());
        self.rules.extend(run.caused_by.iter().cloned());
        self.depth = self.depth.max(run.depth);
    }

    /// Adds a rule of whose run no more is known.
    pub fn add_rule(&mut self, rule: &RuleId) {
        self.rules.insert(rule.clone());
        self.depth = self.depth.max(1);
    }

    /// Whether a rule may run for the event; how deep it is then. An event that tells of several runs' effects at once is
    /// judged by all of them.
    pub fn admit(&self, rule: &RuleId) -> Result<u8, Stopped> {
        if self.rules.contains(rule) {
            return Err(Stopped::OwnEffect);
        }
        if self.depth >= CHAIN_MAX { Err(Stopped::TooDeep) } else { Ok(self.depth + 1) }
    }

    /// The rules that led to the event.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleId> {
        self.rules.iter().cloned().collect()
    }
}

/// The runs that an event may come of, by what it says, and the rule that it names outright. Anybody's delivery has a request,
/// so what is named here has to be one of the tenant's rules' ([`RunId::is_of`]) and to be found.
#[must_use]
pub fn named_runs(event: &Happened) -> (BTreeSet<RunId>, Option<RuleId>) {
    let detail = &event.detail;
    let text = |pointer: &str| detail.pointer(pointer).and_then(Value::as_str);
    let run = |pointer: &str| text(pointer).and_then(|text| text.parse::<RunId>().ok());
    match event.trigger {
        Trigger::DeliveryFailed => {
            let deliveries = detail.get("deliveries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let ids = deliveries.iter().filter_map(|it| it.get("id")?.as_str()?.parse::<DeliveryId>().ok());
            let runs = ids.map(|id| RunId::of_request(&BundleId::origin_of(&id).request));
            let campaign = text("/campaign_id").and_then(|text| text.parse::<CampaignId>().ok());
            (runs.collect::<BTreeSet<_>>().into_iter().take(RUNS_MAX).collect(), campaign.and_then(|it| it.rule()))
        }
        Trigger::HealthChanged => (run("/run_id").into_iter().collect(), None),
        Trigger::WebhookReceived => {
            let posted = |text: &str| text.strip_prefix("msg_")?.parse::<RequestId>().ok();
            let named = [text("/provider_id"), text("/headers/webhook-id")].into_iter().flatten().filter_map(posted);
            let said = ["/body/data/run_id", "/body/run_id"].into_iter().filter_map(run);
            (named.map(|request| RunId::of_request(&request)).chain(said).collect(), None)
        }
        _ => (BTreeSet::new(), None),
    }
}

/// Whether the rule calls the very endpoint that the event tells of.
#[must_use]
pub fn calls_its_cause(rule: &Rule, event: &Happened) -> bool {
    let about = matches!(event.trigger, Trigger::EndpointFailing | Trigger::EndpointDisabled | Trigger::HealthChanged);
    let endpoint = event.integration();
    let calls =
        |action: &Action| matches!(action, Action::CallEndpoint(call) if Some(&call.endpoint_id) == endpoint.as_ref());
    about && endpoint.is_some() && rule.actions.iter().any(calls)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::happened, *};
    use crate::{ids::IntegrationId, principal::Principal, time::Timestamp};
    use serde_json::json;

    const AT: Timestamp = Timestamp(1_763_640_000_000);

    fn run(rule: &RuleId, trail: &Trail) -> Run {
        Run {
            id: RunId::of(&"acme".parse().unwrap(), rule, AT, "e1"),
            rule: rule.clone(),
            rule_rev: 1,
            event: Trigger::SyncFailed,
            event_id: "e1".into(),
            event_at: AT,
            started_at: AT,
            finished_at: None,
            depth: trail.admit(rule).unwrap(),
            caused_by: trail.rules(),
            results: vec![],
        }
    }

    fn after(run: &Run) -> Trail {
        let mut trail = Trail::default();
        trail.add(run);
        trail
    }

    #[test]
    fn what_a_rule_did_never_sets_it_off_again_not_even_by_way_of_another() {
        let (one, other) = (RuleId::generate(), RuleId::generate());
        let first = run(&one, &Trail::default());
        assert_eq!(first.depth, 1);
        assert_eq!(after(&first).admit(&one), Err(Stopped::OwnEffect));
        let second = run(&other, &after(&first));
        assert_eq!((second.depth, &second.caused_by), (2, &vec![one.clone()]));
        assert_eq!(after(&second).admit(&one), Err(Stopped::OwnEffect), "one - other - one");
        assert_eq!(after(&second).admit(&other), Err(Stopped::OwnEffect));
    }

    #[test]
    fn chains_are_three_deep() {
        let mut trail = Trail::default();
        for depth in 1..=CHAIN_MAX {
            let rule = RuleId::generate();
            assert_eq!(trail.admit(&rule), Ok(depth));
            trail = after(&run(&rule, &trail));
        }
        assert_eq!(trail.admit(&RuleId::generate()), Err(Stopped::TooDeep));
    }

    #[test]
    fn an_event_of_several_runs_is_judged_by_all_of_them() {
        let [a, b, c] = [RuleId::generate(), RuleId::generate(), RuleId::generate()];
        let deep = run(&b, &after(&run(&a, &Trail::default())));
        let mut trail = after(&deep);
        trail.add(&run(&c, &Trail::default()));
        assert_eq!(trail.admit(&c), Err(Stopped::OwnEffect));
        assert_eq!(trail.admit(&RuleId::generate()), Ok(3));
        let mut unknown = Trail::default();
        unknown.add_rule(&a);
        assert_eq!((unknown.admit(&a), unknown.admit(&b)), (Err(Stopped::OwnEffect), Ok(2)));
    }

    #[test]
    fn each_effect_names_its_run() {
        let rule = RuleId::generate();
        let run = run(&rule, &Trail::default()).id;
        let other = RequestId::generate();
        let only = |trigger, detail| {
            let (runs, _) = named_runs(&happened(trigger, detail));
            runs.into_iter().filter(|it| it.is_of(&rule)).collect::<Vec<_>>()
        };
        let delivery = |request: &RequestId| format!("dlv_{request}0003");
        let failed = json!({
            "campaign_id": CampaignId::of_rule(&rule),
            "deliveries": [{"id": delivery(&other)}, {"id": delivery(&run.request(2))}, {"id": delivery(&run.request(0))}],
        });
        assert_eq!(only(Trigger::DeliveryFailed, failed.clone()), std::slice::from_ref(&run));
        assert_eq!(named_runs(&happened(Trigger::DeliveryFailed, failed)).1, Some(rule.clone()));
        let by_endpoint = json!({"endpoint_id": IntegrationId::generate(), "deliveries": [{"id": format!("dlv_{}", run.request(1))}]});
        assert_eq!(only(Trigger::DeliveryFailed, by_endpoint), std::slice::from_ref(&run));
        for received in [
            json!({"provider_id": format!("msg_{}", run.request(1))}),
            json!({"headers": {"webhook-id": format!("msg_{}", run.request(1))}}),
            json!({"body": {"type": "x", "data": {"run_id": run}}}),
            json!({"body": {"run_id": run}}),
        ] {
            assert_eq!(only(Trigger::WebhookReceived, received), std::slice::from_ref(&run));
        }
        assert_eq!(only(Trigger::HealthChanged, json!({"run_id": run})), std::slice::from_ref(&run));
        for (trigger, nothing) in [
            (
                Trigger::DeliveryFailed,
                json!({"campaign_id": "spring", "deliveries": [{"id": delivery(&other)}, {"id": 7}]}),
            ),
            (Trigger::WebhookReceived, json!({"provider_id": "evt_1", "body": {"run_id": 7}})),
            (Trigger::HealthChanged, json!({})),
            (Trigger::KeyExpiring, json!({"run_id": run})),
        ] {
            assert_eq!(only(trigger, nothing), []);
        }
    }

    #[test]
    fn a_rule_that_calls_an_endpoint_is_not_run_for_what_becomes_of_it() {
        let (endpoint, other) = (IntegrationId::generate(), IntegrationId::generate());
        let rule = Rule {
            id: RuleId::generate(),
            name: String::new(),
            enabled: true,
            events: Trigger::ALL.into(),
            filter: None,
            actions: vec![serde_json::from_value(json!({"do": "call_endpoint", "endpoint_id": endpoint})).unwrap()],
            max_per_hour: 1,
            created_at: AT,
            updated_at: AT,
            updated_by: Principal::System,
            rev: 1,
        };
        let told =
            |trigger, of: &IntegrationId| calls_its_cause(&rule, &happened(trigger, json!({"integration_id": of})));
        assert!(told(Trigger::EndpointFailing, &endpoint) && told(Trigger::EndpointDisabled, &endpoint));
        assert!(told(Trigger::HealthChanged, &endpoint) && !told(Trigger::DeliveryFailed, &endpoint));
        assert!(!told(Trigger::EndpointFailing, &other));
        assert!(!calls_its_cause(&rule, &happened(Trigger::EndpointFailing, json!({}))));
    }
}
