//! Automation rules: what is sent and what comes back.

use crate::preflight::CheckView;
use domain::{
    ids::{RuleId, RunId},
    rule::{Action, ActionResult, Call, Ended, PER_HOUR, Rule, RuleHour, Run, RunState, Send, Test, Trigger},
    template::Rendered,
    time::Timestamp,
    webhook::filter::Filter,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The longest name of a rule, in characters.
pub const NAME_MAX_CHARS: usize = 100;

const fn enabled() -> bool {
    true
}

const fn per_hour() -> u32 {
    PER_HOUR
}

/// A rule to be made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleCreate {
    /// Its name for people, at most 100 characters.
    pub name: String,
    /// Whether it runs.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// The events that it waits for: `webhook.received`, `delivery.failed`, `integration.health_changed`,
    /// `api_key.expiring`, `api_key.suspended`, `endpoint.failing`, `endpoint.disabled`, `sync.completed`, `sync.failed`.
    #[schema(value_type = Vec<String>, example = json!(["webhook.received"]))]
    pub events: Vec<Trigger>,
    /// What must be true of the event's `detail`: `{"match": "all", "conditions": [{"field", "op", "value"}]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Filter>,
    /// What it does, one to five, in this order.
    pub actions: Vec<ActionBody>,
    /// How often it runs in a clock hour at most, 1 to 1,000.
    #[serde(default = "per_hour")]
    pub max_per_hour: u32,
}

/// Changes of a rule; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RulePatch {
    /// Its name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The events that it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub events: Option<Vec<Trigger>>,
    /// What must be true of the event's detail; `null` takes the filter away.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Option<Filter>>,
    /// What it does, as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Vec<ActionBody>>,
    /// How often it runs in a clock hour at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_per_hour: Option<u32>,
}

/// Tells `null` from what is left out.
#[expect(clippy::option_option, reason = "the outer one says whether the field is there")]
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<Filter>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// One thing that a rule does, told by `do`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum ActionBody {
    /// Sends a message: `channel` (`email`, `slack`, `teams`), `integration_id`, `to`, `message`, whose texts may use
    /// `{{ event }}` and `{{ detail.field }}`. Asks for `campaigns:send`.
    #[schema(value_type = Object)]
    Send(Send),
    /// Hands the event over to an endpoint: `endpoint_id`, `type`. Asks for `events:write`.
    #[schema(value_type = Object)]
    CallEndpoint(Call),
    /// Tests an integration: `integration_id`, or the one that the event is about. Asks for `integrations:test`.
    #[schema(value_type = Object)]
    Test(Test),
    /// Runs a connector. No connector syncs yet, so it is refused.
    #[schema(value_type = Object)]
    RunSync(Map<String, Value>),
}

impl From<&Action> for ActionBody {
    fn from(action: &Action) -> Self {
        match action.clone() {
            Action::Send(send) => Self::Send(send),
            Action::CallEndpoint(call) => Self::CallEndpoint(call),
            Action::Test(test) => Self::Test(test),
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: RuleId,
    /// Its name for people.
    pub name: String,
    /// Whether it runs.
    pub enabled: bool,
    /// The events that it waits for.
    #[schema(value_type = Vec<String>)]
    pub events: Vec<Trigger>,
    /// What must be true of their detail.
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Filter>,
    /// What it does.
    pub actions: Vec<ActionBody>,
    /// How often it runs in a clock hour at most.
    pub max_per_hour: u32,
    /// What was counted in this hour; in an answer about one rule only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub this_hour: Option<RuleHourView>,
    /// The campaign that its messages stand in.
    pub campaign_id: String,
    /// When it was created.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// Who changed it.
    pub updated_by: String,
    /// Grows with each change.
    pub rev: u64,
}

impl RuleView {
    /// As it is shown, with what was counted of it.
    #[must_use]
    pub fn new(rule: &Rule, hour: Option<RuleHour>) -> Self {
        Self {
            id: rule.id.clone(),
            name: rule.name.clone(),
            enabled: rule.enabled,
            events: rule.events.clone(),
            filter: rule.filter.clone(),
            actions: rule.actions.iter().map(ActionBody::from).collect(),
            max_per_hour: rule.max_per_hour,
            this_hour: hour.map(RuleHourView::from),
            campaign_id: domain::ids::CampaignId::of_rule(&rule.id).to_string(),
            created_at: rule.created_at.to_rfc3339(),
            updated_at: rule.updated_at.to_rfc3339(),
            updated_by: rule.updated_by.to_string(),
            rev: rule.rev,
        }
    }
}

/// What was counted of a rule in a clock hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleHourView {
    /// Runs that began.
    pub runs: u32,
    /// Events for which it did not run because it had run as often as it may.
    pub over_limit: u32,
    /// Events for which it did not run because they came of it, or of three rules before it.
    pub loops: u32,
}

impl From<RuleHour> for RuleHourView {
    fn from(RuleHour { runs, over_limit, loops }: RuleHour) -> Self {
        Self { runs, over_limit, loops }
    }
}

/// What a rule did for one event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    /// Its identifier.
    #[schema(value_type = String)]
    pub id: RunId,
    /// `running`, `done`, `failed`, or `given_up` when it was begun and nobody ended it.
    #[schema(value_type = String)]
    pub state: RunState,
    /// The event's name.
    #[schema(value_type = String)]
    pub event: Trigger,
    /// The event's id.
    pub event_id: String,
    /// When the event happened.
    pub event_at: String,
    /// When the run began.
    pub started_at: String,
    /// When it ended.
    pub finished_at: Option<String>,
    /// The revision of the rule that it is a run of.
    pub rule_rev: u64,
    /// 1, or one more than the run that caused the event.
    pub depth: u8,
    /// The rules whose runs led to the event.
    #[schema(value_type = Vec<String>)]
    pub caused_by: Vec<RuleId>,
    /// What became of the actions, in their order.
    pub results: Vec<ActionResultView>,
}

impl RunView {
    /// As it stands at `now`.
    #[must_use]
    pub fn new(run: &Run, now: Timestamp) -> Self {
        Self {
            id: run.id.clone(),
            state: run.state(now),
            event: run.event,
            event_id: run.event_id.clone(),
            event_at: run.event_at.to_rfc3339(),
            started_at: run.started_at.to_rfc3339(),
            finished_at: run.finished_at.map(Timestamp::to_rfc3339),
            rule_rev: run.rule_rev,
            depth: run.depth,
            caused_by: run.caused_by.clone(),
            results: run.results.iter().cloned().map(ActionResultView::from).collect(),
        }
    }
}

/// What became of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActionResultView {
    /// `send`, `call_endpoint` or `test`.
    pub action: String,
    /// `done` or `failed`. What becomes of a message after that is told of its delivery.
    #[schema(value_type = String)]
    pub ended: Ended,
    /// `ok`, why it was not done, or what a test found.
    pub code: String,
    /// The same for people.
    pub detail: String,
    /// The deliveries of a message, or the id of the event that an endpoint gets.
    pub made: Vec<String>,
}

impl From<ActionResult> for ActionResultView {
    fn from(ActionResult { action, ended, code, detail, made }: ActionResult) -> Self {
        Self { action, ended, code, detail, made }
    }
}

/// An event to try a rule on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBody {
    /// Its name.
    #[serde(alias = "detail-type")]
    #[schema(value_type = String, example = "webhook.received")]
    pub name: Trigger,
    /// What it says, as on the bus; `event_id` and `occurred_at` may be left out.
    #[schema(value_type = Object)]
    pub detail: Map<String, Value>,
}

/// A saved rule, to be tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDryRun {
    /// The event.
    pub event: EventBody,
}

/// A rule that need not be saved, to be tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleTry {
    /// The rule.
    pub rule: RuleCreate,
    /// The event.
    pub event: EventBody,
}

/// What a rule would do for an event. Nothing was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RuleDryRunAnswer {
    /// Whether it would run.
    pub would_run: bool,
    /// Everything that keeps it from running.
    pub against: Vec<Against>,
    /// What its actions would come to, whether it would run or not.
    pub actions: Vec<ProspectView>,
}

/// What keeps a rule from running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Against {
    /// `disabled`, `other_event`, `filter`, `loop`, `over_limit`.
    pub code: String,
    /// The same for people.
    pub reason: String,
}

/// What one action would come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProspectView {
    /// `send`, `call_endpoint` or `test`.
    pub action: String,
    /// Whether it could be done now.
    pub ready: bool,
    /// `ok`, or why it cannot be done.
    pub code: String,
    /// The same for people.
    pub detail: String,
    /// The message, as its recipients would read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<SaidView>,
    /// Every check of the message's way, passed or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckView>,
    /// What the endpoint would be posted as `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub data: Option<Value>,
}

/// A message with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaidView {
    /// The subject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The text.
    pub text: String,
    /// The HTML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
    /// The link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl From<Rendered> for SaidView {
    fn from(Rendered { subject, text, html, link }: Rendered) -> Self {
        Self { subject, text, html, link }
    }
}
