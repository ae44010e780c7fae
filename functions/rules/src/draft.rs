//! Judging what is wanted of a rule; everything wrong is told at once.

use api::{
    problem::{FieldProblem, Problem},
    rules::{ActionBody, NAME_MAX_CHARS, RuleCreate},
};
use domain::{
    channel::Channel,
    ids::{IntegrationId, RuleId},
    principal::Caller,
    rule::{ACTIONS_MAX, Action, CONDITIONS_MAX, Call, PER_HOUR_RANGE, Rule, Send, TO_MAX, Test, Trigger},
    template::TemplateText,
    tenant::TenantScope,
    time::Timestamp,
    webhook::filter::{Filter, Op},
};
use hub::automation;
use runtime::http::Answer;
use serde_json::Value;
use std::collections::BTreeSet;
use store::Store;

/// How large a filter may be, and all actions together, as JSON, in bytes. Every event of a tenant's is held against all of
/// its rules, in the memory that all tenants share.
const FILTER_MAX_BYTES: usize = 16 << 10;
const ACTIONS_MAX_BYTES: usize = 128 << 10;

/// The longest address of a message's recipient, in characters.
const ADDRESS_MAX_CHARS: usize = 320;

/// The fields at fault so far.
struct Faults<'p> {
    /// What stands before each field's name.
    prefix: &'p str,
    found: Vec<FieldProblem>,
}

impl Faults<'_> {
    fn add(&mut self, field: &str, code: &str, message: impl Into<String>) {
        let field = format!("{}{field}", self.prefix);
        self.found.push(FieldProblem { field, code: code.into(), message: message.into() });
    }
}

/// A new rule as it is wanted. Fields at fault are told with `prefix` before their names.
pub(crate) async fn rule(
    store: &impl Store,
    caller: &Caller,
    id: RuleId,
    wanted: RuleCreate,
    now: Timestamp,
    prefix: &str,
) -> Answer<Rule> {
    let mut faults = Faults { prefix, found: Vec::new() };
    let RuleCreate { name, enabled, events, filter, actions, max_per_hour } = wanted;
    check_name(&mut faults, &name);
    check_events(&mut faults, &events);
    check_limit(&mut faults, max_per_hour);
    if let Some(filter) = &filter {
        check_size(&mut faults, "filter", serde_json::to_vec(filter), FILTER_MAX_BYTES);
        check_filter(&mut faults, filter);
    }
    check_size(&mut faults, "actions", serde_json::to_vec(&actions), ACTIONS_MAX_BYTES);
    let actions = self::actions(&mut faults, store, &caller.scope, &events, actions).await?;
    if !faults.found.is_empty() {
        return Err(Problem::invalid(faults.found).into());
    }
    Ok(Rule {
        id,
        name: name.trim().to_owned(),
        enabled,
        events,
        filter,
        actions,
        max_per_hour,
        created_at: now,
        updated_at: now,
        updated_by: caller.principal.clone(),
        rev: 1,
    })
}

/// A rule in a line, for the audit trail.
pub(crate) fn summary(rule: &Rule) -> String {
    let events: Vec<&str> = rule.events.iter().map(|it| it.as_str()).collect();
    let actions: Vec<&str> = rule.actions.iter().map(Action::as_str).collect();
    format!("{}: on {} do {}", rule.name, events.join(", "), actions.join(", "))
}

fn check_name(faults: &mut Faults<'_>, name: &str) {
    let length = name.trim().chars().count();
    if length == 0 || length > NAME_MAX_CHARS || name.chars().any(char::is_control) {
        faults.add("name", "invalid", format!("must be one line of 1 to {NAME_MAX_CHARS} characters"));
    }
}

fn check_events(faults: &mut Faults<'_>, events: &[Trigger]) {
    if events.is_empty() {
        faults.add("events", "required", "name at least one event");
    }
    if events.iter().collect::<BTreeSet<_>>().len() < events.len() {
        faults.add("events", "duplicate", "name each event once");
    }
}

fn check_limit(faults: &mut Faults<'_>, max_per_hour: u32) {
    if !PER_HOUR_RANGE.contains(&max_per_hour) {
        let (least, most) = (PER_HOUR_RANGE.start(), PER_HOUR_RANGE.end());
        faults.add("max_per_hour", "out_of_range", format!("must be {least} to {most}"));
    }
}

fn check_size(faults: &mut Faults<'_>, field: &str, json: serde_json::Result<Vec<u8>>, most: usize) {
    let bytes = json.map_or(usize::MAX, |json| json.len());
    if bytes > most {
        faults.add(field, "too_large", format!("is {bytes} bytes long as JSON; at most {most} are taken"));
    }
}

fn check_filter(faults: &mut Faults<'_>, filter: &Filter) {
    let count = filter.conditions.len();
    if count == 0 || count > CONDITIONS_MAX {
        faults.add("filter.conditions", "out_of_range", format!("give 1 to {CONDITIONS_MAX} conditions, or no filter"));
    }
    for (number, condition) in filter.conditions.iter().enumerate().take(CONDITIONS_MAX) {
        let at = |field: &str| format!("filter.conditions[{number}].{field}");
        if condition.field.is_empty() || condition.field.split('.').any(str::is_empty) {
            faults.add(&at("field"), "invalid", "name a field of the detail, e.g. `body.order.total`");
        }
        let wrong = match condition.op {
            Op::In => (!condition.value.is_array()).then_some("must be a list"),
            Op::Gt | Op::Gte | Op::Lt | Op::Lte => (!condition.value.is_number()).then_some("must be a number"),
            Op::Prefix => (!condition.value.is_string()).then_some("must be a text"),
            Op::Exists | Op::Absent => (!condition.value.is_null()).then_some("must be left out"),
            Op::Eq | Op::Ne => None,
            Op::Contains => condition.value.is_null().then_some("must be given"),
        };
        if let Some(message) = wrong {
            faults.add(&at("value"), "invalid", message);
        }
    }
}

async fn actions(
    faults: &mut Faults<'_>,
    store: &impl Store,
    scope: &TenantScope,
    events: &[Trigger],
    bodies: Vec<ActionBody>,
) -> Answer<Vec<Action>> {
    if bodies.is_empty() || bodies.len() > ACTIONS_MAX {
        faults.add("actions", "out_of_range", format!("give 1 to {ACTIONS_MAX} actions"));
    }
    let mut actions = Vec::new();
    for (number, body) in bodies.into_iter().enumerate().take(ACTIONS_MAX) {
        let at = format!("actions[{number}]");
        match body {
            ActionBody::Send(send) => {
                check_send(faults, &at, &send);
                check_sender(faults, store, scope, &at, &send).await?;
                actions.push(Action::Send(send));
            }
            ActionBody::CallEndpoint(call) => {
                check_call(faults, store, scope, &at, &call).await?;
                actions.push(Action::CallEndpoint(call));
            }
            ActionBody::Test(test) => {
                check_test(faults, store, scope, &at, &test, events).await?;
                actions.push(Action::Test(test));
            }
            ActionBody::RunSync(_) => {
                let message = "cannot be used yet: no connector of this hub syncs, so there is nothing to run. \
                               `sync.completed` and `sync.failed` may be waited for already";
                faults.add(&format!("{at}.do"), "unsupported", message);
            }
        }
    }
    Ok(actions)
}

fn check_send(faults: &mut Faults<'_>, at: &str, send: &Send) {
    if !matches!(send.channel, Channel::Email | Channel::Slack | Channel::Teams) {
        let message = "must be `email`, `slack` or `teams`; an endpoint is called by `call_endpoint`";
        faults.add(&format!("{at}.channel"), "unsupported", message);
    }
    if send.to.is_empty() || send.to.len() > TO_MAX {
        let message = format!("give 1 to {TO_MAX} addresses; what goes to more is a campaign");
        faults.add(&format!("{at}.to"), "out_of_range", message);
    }
    let mut seen = BTreeSet::new();
    for (number, address) in send.to.iter().enumerate().take(TO_MAX) {
        let address = address.trim();
        if address.is_empty() || address.chars().count() > ADDRESS_MAX_CHARS {
            let message = format!("must have 1 to {ADDRESS_MAX_CHARS} characters");
            faults.add(&format!("{at}.to[{number}]"), "invalid", message);
        } else if !seen.insert(address.to_lowercase()) {
            faults.add(&format!("{at}.to[{number}]"), "duplicate", "name each address once");
        }
    }
    let message = &send.message;
    if message.text.trim().is_empty() {
        faults.add(&format!("{at}.message.text"), "required", "say something");
    }
    let texts = TemplateText {
        subject: message.subject.clone(),
        text: message.text.clone(),
        html: message.html.clone(),
        link: message.link.clone(),
    };
    match texts.variables() {
        Err(error) => faults.add(&format!("{at}.message"), "template_invalid", error.to_string()),
        Ok(names) => {
            for name in names.into_iter().filter(|name| name != "event" && name != "detail") {
                let message = format!(
                    "`{name}` is no variable here: use `event`, the event's name, and what is in `detail`, e.g. `detail.{name}`"
                );
                faults.add(&format!("{at}.message"), "unknown_variable", message);
            }
        }
    }
}

/// What can be said of the integration, which may change until the rule runs.
async fn check_sender(
    faults: &mut Faults<'_>,
    store: &impl Store,
    scope: &TenantScope,
    at: &str,
    send: &Send,
) -> Answer<()> {
    let Some(id) = &send.integration_id else { return Ok(()) };
    let found = store.integration(scope, id).await?.filter(|it| it.deleted_at.is_none());
    match found {
        None => faults.add(&format!("{at}.integration_id"), "unknown", "there is no integration of this id"),
        Some(found) if found.channel() != Some(send.channel) => {
            let message = format!("is of another channel than `{}`", send.channel);
            faults.add(&format!("{at}.integration_id"), "conflict", message);
        }
        Some(found) => {
            for (number, address) in send.to.iter().enumerate().take(TO_MAX) {
                if let Err(why) = providers::check_address(found.provider, &found.config, address.trim()) {
                    faults.add(&format!("{at}.to[{number}]"), "address_invalid", why);
                }
            }
        }
    }
    Ok(())
}

async fn check_call(
    faults: &mut Faults<'_>,
    store: &impl Store,
    scope: &TenantScope,
    at: &str,
    call: &Call,
) -> Answer<()> {
    if automation::endpoint(store, scope, &call.endpoint_id).await?.is_none() {
        faults.add(&format!("{at}.endpoint_id"), "unknown", "there is no endpoint of this id");
    }
    Ok(())
}

async fn check_test(
    faults: &mut Faults<'_>,
    store: &impl Store,
    scope: &TenantScope,
    at: &str,
    test: &Test,
    events: &[Trigger],
) -> Answer<()> {
    let field = format!("{at}.integration_id");
    let exists = async |id: &IntegrationId| -> Answer<bool> {
        Ok(store.integration(scope, id).await?.is_some_and(|it| it.deleted_at.is_none()))
    };
    match &test.integration_id {
        Some(id) if !exists(id).await? => faults.add(&field, "unknown", "there is no integration of this id"),
        Some(_) => {}
        None => {
            if let Some(event) = events.iter().find(|event| !event.names_an_integration()) {
                let message = format!("must be given: `{event}` is about no integration");
                faults.add(&field, "required", message);
            }
        }
    }
    Ok(())
}

/// The fields of a rule that a change made different.
pub(crate) fn differing(before: &Rule, after: &Rule) -> Vec<&'static str> {
    let fields = [
        ("name", before.name != after.name),
        ("enabled", before.enabled != after.enabled),
        ("events", before.events != after.events),
        ("filter", before.filter != after.filter),
        ("actions", before.actions != after.actions),
        ("max_per_hour", before.max_per_hour != after.max_per_hour),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// What an event to be tried says where its id and time are left out.
pub(crate) fn completed(detail: serde_json::Map<String, Value>, now: Timestamp) -> Value {
    let mut detail = detail;
    detail.entry("event_id").or_insert_with(|| "dry-run".into());
    detail.entry("occurred_at").or_insert_with(|| now.to_rfc3339().into());
    Value::Object(detail)
}
