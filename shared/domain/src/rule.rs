//! Automation: when something happens, do something about it.
//!
//! A [`Rule`] waits for events of ours ([`Trigger`]), looks into their detail with a [`Filter`], and acts. What it did for
//! one event is a [`Run`]. [`trail`] tells which runs led to an event, and so keeps rules from setting each other off for ever.

mod run;
mod trail;

pub use run::{ActionResult, Ended, RUN_KEEP_MS, RUN_OVERDUE_MS, RuleHour, Run, RunState, Unrun};
pub use trail::{CHAIN_MAX, Stopped, Trail, calls_its_cause, named_runs};

use crate::{
    channel::{Channel, UnknownName},
    ids::{IntegrationId, RuleId, RunId, TenantId},
    message::Message,
    principal::{Principal, Scope},
    template::{Rendered, TemplateError},
    time::Timestamp,
    webhook::{EventType, filter::Filter},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::{fmt, str::FromStr};

/// The most rules of a tenant.
pub const RULES_MAX: usize = 100;

/// The most actions of a rule.
pub const ACTIONS_MAX: usize = 5;

/// The most recipients of one message: what goes to more is a campaign. All of them are one bundle.
pub const TO_MAX: usize = 20;

/// The most conditions of a rule's filter.
pub const CONDITIONS_MAX: usize = 20;

/// How often a rule runs in a clock hour, if it says nothing else.
pub const PER_HOUR: u32 = 60;

/// What a rule may choose for it.
pub const PER_HOUR_RANGE: std::ops::RangeInclusive<u32> = 1..=1_000;

macro_rules! triggers {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $about:expr;)*) => {
        /// An event of ours that a rule may wait for, by its name on the bus.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Trigger {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Trigger {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whether its detail names an integration, as `integration_id` or `endpoint_id`.
            #[must_use]
            pub const fn names_an_integration(self) -> bool {
                match self { $(Self::$name => $about,)* }
            }
        }
    };
}

triggers! {
    /// A connector's run went well.
    SyncCompleted = "sync.completed", true;
    /// A connector's run failed.
    SyncFailed = "sync.failed", true;
    /// A hook took a call.
    WebhookReceived = "webhook.received", false;
    /// An API key is about to expire.
    KeyExpiring = "api_key.expiring", false;
    /// An API key was suspended.
    KeySuspended = "api_key.suspended", false;
    /// A test of an integration came out differently from the one before.
    HealthChanged = "integration.health_changed", true;
    /// Deliveries failed for good.
    DeliveryFailed = "delivery.failed", true;
    /// An endpoint was disabled because it failed for too long or wants no more.
    EndpointDisabled = "endpoint.disabled", true;
    /// An endpoint has failed for half of that time, or more.
    EndpointFailing = "endpoint.failing", true;
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Trigger {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL.iter().copied().find(|it| it.as_str() == text).ok_or(UnknownName)
    }
}

/// A rule of a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its identifier.
    pub id: RuleId,
    /// Its name for people.
    pub name: String,
    /// Whether it runs.
    pub enabled: bool,
    /// The events that it waits for; at least one.
    pub events: Vec<Trigger>,
    /// What must be true of their detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Filter>,
    /// What it does, one after the other; at least one.
    pub actions: Vec<Action>,
    /// How often it runs in a clock hour at most.
    pub max_per_hour: u32,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it.
    pub updated_by: Principal,
    /// Grows with each change; a writer must have seen the newest.
    pub rev: u64,
}

/// One thing that a rule does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    /// Sends a message.
    Send(Send),
    /// Hands the event over to an endpoint.
    CallEndpoint(Call),
    /// Tests an integration.
    Test(Test),
}

/// A message about an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// E-mail, Slack or Teams.
    pub channel: Channel,
    /// The integration; the channel's preferred one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
    /// The addresses that receive it.
    pub to: Vec<String>,
    /// The message. Its variables are `event`, the event's name, and what is in `detail`: `{{ detail.status }}`.
    pub message: Message,
}

/// An event for an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The endpoint. It gets the event whatever types it asks for otherwise.
    pub endpoint_id: IntegrationId,
    /// The type that it is posted with; the event's own name when left out.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventType>,
}

/// A test of an integration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Which; the one that the event is about when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_id: Option<IntegrationId>,
}

impl Action {
    /// Its name in the API.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Send(_) => "send",
            Self::CallEndpoint(_) => "call_endpoint",
            Self::Test(_) => "test",
        }
    }

    /// What somebody must be allowed to do who has a rule do it: a rule gives nobody more than they have.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        match self {
            Self::Send(_) => Scope::CampaignsSend,
            Self::CallEndpoint(_) => Scope::EventsWrite,
            Self::Test(_) => Scope::IntegrationsTest,
        }
    }
}

impl Rule {
    /// Whether it waits for this event and its filter lets it in.
    #[must_use]
    pub fn wants(&self, event: &Happened) -> bool {
        self.events.contains(&event.trigger) && self.filter.as_ref().is_none_or(|it| it.admits(&event.detail))
    }

    /// The scopes that its actions need, each once.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.actions.iter().map(Action::scope).collect();
        scopes.sort_unstable();
        scopes.dedup();
        scopes
    }
}

/// An event of ours, as it came over the bus.
#[derive(Clone, Debug, PartialEq)]
pub struct Happened {
    /// Its name.
    pub trigger: Trigger,
    /// Its id, which it keeps when it is told again.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// All that it says.
    pub detail: Value,
}

impl Happened {
    /// Reads the detail of an event; `None` where its id or time is missing.
    #[must_use]
    pub fn read(trigger: Trigger, detail: Value) -> Option<Self> {
        let id = detail.get("event_id")?.as_str()?.to_owned();
        let at = Timestamp::parse(detail.get("occurred_at")?.as_str()?)?;
        Some(Self { trigger, id, at, detail })
    }

    /// A rule's run for it. A replay of a webhook by a person has the id of the first time and is an event of its own.
    #[must_use]
    pub fn run_of(&self, tenant: &TenantId, rule: &RuleId) -> RunId {
        let replay = self.detail.get("replay").and_then(Value::as_u64).unwrap_or(0);
        let event = if replay == 0 { self.id.clone() } else { format!("{}:{replay}", self.id) };
        RunId::of(tenant, rule, self.at, &event)
    }

    /// The integration, or endpoint, that it is about.
    #[must_use]
    pub fn integration(&self) -> Option<IntegrationId> {
        let named = self.detail.get("integration_id").or_else(|| self.detail.get("endpoint_id"));
        named?.as_str()?.parse().ok()
    }

    /// The message about it.
    pub fn render(&self, send: &Send) -> Result<Rendered, TemplateError> {
        let values = json!({"event": self.trigger, "detail": self.detail});
        send.message.compile(send.channel)?.render_from(&values)
    }

    /// What an endpoint is posted as its data: the event, and by which run of which rule it came.
    #[must_use]
    pub fn data(&self, rule: &RuleId, run: &RunId) -> Value {
        json!({
            "event": self.trigger,
            "event_id": self.id,
            "occurred_at": self.at.to_rfc3339(),
            "rule_id": rule,
            "run_id": run,
            "detail": self.detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn happened(trigger: Trigger, detail: Value) -> Happened {
        Happened { trigger, id: "e1".into(), at: Timestamp(1_763_640_000_000), detail }
    }

    fn rule(events: &[Trigger], filter: Option<Value>) -> Rule {
        Rule {
            id: RuleId::generate(),
            name: "Under test".into(),
            enabled: true,
            events: events.into(),
            filter: filter.map(|filter| serde_json::from_value(filter).unwrap()),
            actions: vec![
                Action::Test(Test::default()),
                serde_json::from_value(json!({"do": "call_endpoint", "endpoint_id": IntegrationId::generate()}))
                    .unwrap(),
                Action::Test(Test::default()),
            ],
            max_per_hour: PER_HOUR,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            updated_by: Principal::System,
            rev: 1,
        }
    }

    #[test]
    fn a_rule_wants_its_events_where_its_filter_lets_them_in() {
        let event = happened(Trigger::WebhookReceived, json!({"body": {"level": 3}}));
        assert!(rule(&[Trigger::WebhookReceived], None).wants(&event));
        assert!(!rule(&[Trigger::DeliveryFailed, Trigger::SyncFailed], None).wants(&event));
        let above = |value| Some(json!({"conditions": [{"field": "body.level", "op": "gt", "value": value}]}));
        assert!(rule(&[Trigger::WebhookReceived], above(2)).wants(&event));
        assert!(!rule(&[Trigger::WebhookReceived], above(3)).wants(&event));
    }

    #[test]
    fn a_rule_needs_the_scopes_of_what_it_does() {
        assert_eq!(rule(&[], None).scopes(), [Scope::IntegrationsTest, Scope::EventsWrite]);
    }

    #[test]
    fn what_somebody_else_wrote_is_no_template() {
        let event = happened(Trigger::WebhookReceived, json!({"body": {"name": "{{ 7 * 7 }} {% if x %}"}}));
        let send = |channel| Send {
            channel,
            integration_id: None,
            to: vec![],
            message: Message {
                subject: Some("{{ event }}".into()),
                text: "*New* {{ detail.body.name }}".into(),
                ..Message::default()
            },
        };
        let message = Message::saying(&event.render(&send(Channel::Slack)).unwrap());
        let rendered = message.render(Channel::Slack, &std::collections::BTreeMap::new()).unwrap();
        assert_eq!(rendered.text, "*New* {{ 7 * 7 }} {% if x %}");
        assert_eq!(rendered.subject.as_deref(), Some("webhook.received"));
        let missing = happened(Trigger::WebhookReceived, json!({})).render(&send(Channel::Slack)).unwrap_err();
        assert_eq!(missing.to_string(), "text: the variable `detail.body.name` has no value");
    }

    #[test]
    fn a_replay_is_an_event_of_its_own_and_a_repeat_is_not() {
        let (acme, id) = ("acme".parse().unwrap(), RuleId::generate());
        let run = |detail| happened(Trigger::WebhookReceived, detail).run_of(&acme, &id);
        assert_eq!(run(json!({})), run(json!({"replay": 0})));
        assert_ne!(run(json!({})), run(json!({"replay": 1})));
    }

    #[test]
    fn an_event_without_id_or_time_is_none() {
        let read = |detail| Happened::read(Trigger::SyncFailed, detail);
        assert!(read(json!({"event_id": "e", "occurred_at": "2025-11-20T12:00:00Z"})).is_some());
        assert!(
            read(json!({"event_id": "e"})).is_none() && read(json!({"occurred_at": "2025-11-20T12:00:00Z"})).is_none()
        );
        for trigger in Trigger::ALL {
            assert_eq!(trigger.as_str().parse::<Trigger>(), Ok(*trigger));
            assert_eq!(json!(trigger), json!(trigger.as_str()));
        }
    }
}
