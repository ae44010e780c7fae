//! Integrations: what is configured, and how it does.

use domain::{
    breaker::Breaker,
    channel::{Kind, OnUnknown, Provider},
    failure::explain,
    health::{HealthFigures, HealthStatus, HealthTally, TestReport},
    ids::IntegrationId,
    integration::{Config, Integration},
    rate::{Limits, RateState, Used},
    retry::RetryPolicy,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The longest name, in characters.
pub const NAME_MAX_CHARS: usize = 100;

/// Secret values by field name, e.g. `{"password": "..."}`. Never sent back.
pub type SecretValues = BTreeMap<String, String>;

/// A new integration.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntegrationCreate {
    /// The channel; may be left out, because the provider decides it.
    #[schema(value_type = Option<String>, example = "email")]
    pub kind: Option<Kind>,
    /// Who carries the messages, see `GET /catalog`.
    #[schema(value_type = String, example = "smtp")]
    pub provider: Provider,
    /// Its name for people, at most 100 characters.
    #[schema(example = "Company mail")]
    pub name: String,
    /// Settings by the provider's schema, see `GET /catalog`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub config: Config,
    /// Secret settings; stored encrypted and never shown again.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub secrets: SecretValues,
    /// Whether campaigns may use it; true unless said otherwise.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Among several of one channel the lowest number is used first.
    #[serde(default = "default_priority")]
    pub priority: u16,
    /// How fast it may send; the provider's usual limits unless said otherwise.
    #[schema(value_type = Option<LimitsBody>)]
    pub limits: Option<Limits>,
    /// `immediate`, `exponential` (default), `standard` or `manual`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub retry_policy: RetryPolicy,
    /// What to do when a provider that cannot be asked leaves an outcome unknown: `retry` (default) or `hold`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub on_unknown: OnUnknown,
    /// Minutes between two scheduled probes, 1 to 60; 5 unless said otherwise.
    #[serde(default = "default_probe_interval")]
    pub probe_interval_minutes: u16,
}

const fn yes() -> bool {
    true
}

const fn default_priority() -> u16 {
    100
}

const fn default_probe_interval() -> u16 {
    5
}

/// How fast an integration may send.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LimitsBody {
    /// Messages per second.
    pub per_second: Option<u32>,
    /// Messages per clock hour (UTC).
    pub per_hour: Option<u32>,
    /// Messages per day (UTC).
    pub per_day: Option<u32>,
}

/// Changes to an integration; what is left out stays as it is.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IntegrationPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// All settings anew.
    #[schema(value_type = Option<Object>)]
    pub config: Option<Config>,
    /// New secret values; a field left out keeps its value.
    #[schema(value_type = Option<Object>)]
    pub secrets: Option<SecretValues>,
    /// Among several of one channel the lowest number is used first.
    pub priority: Option<u16>,
    /// How fast it may send.
    #[schema(value_type = Option<LimitsBody>)]
    pub limits: Option<Limits>,
    /// When a transient failure is tried again.
    #[schema(value_type = Option<String>)]
    pub retry_policy: Option<RetryPolicy>,
    /// What to do with an unknown outcome.
    #[schema(value_type = Option<String>)]
    pub on_unknown: Option<OnUnknown>,
}

/// New secret values for a rotation.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretsPut {
    /// New values; a field left out keeps its value.
    #[schema(value_type = Object)]
    pub secrets: SecretValues,
}

/// What is known of an integration's secrets, without any value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretsView {
    /// The fields that are set.
    pub fields: Vec<SecretFieldView>,
    /// The versions that are kept, the newest first. A rotation lets go of those that are older than 30 days, but for the
    /// newest three.
    pub versions: Vec<SecretVersionView>,
}

/// One secret field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretFieldView {
    /// Its name.
    pub name: String,
    /// What may be shown of it.
    pub mask: String,
    /// When its value was given, RFC 3339; `null` where that was not kept yet.
    pub changed_at: Option<String>,
}

impl SecretFieldView {
    /// A field with its mask, and when it was given.
    #[must_use]
    pub fn new(name: &str, mask: &str, changed_at: Option<Timestamp>) -> Self {
        Self { name: name.to_owned(), mask: mask.to_owned(), changed_at: changed_at.map(Timestamp::to_rfc3339) }
    }
}

/// One version of the secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecretVersionView {
    /// Its number.
    pub version: u32,
    /// When it was given, RFC 3339.
    pub created_at: String,
    /// Who gave it; `null` where that was not kept yet.
    pub by: Option<String>,
    /// The names of the fields that were new in it.
    pub changed: Vec<String>,
    /// Whether it is the one that serves.
    pub serves: bool,
    /// When the next one took its place, RFC 3339; `null` while it serves.
    pub served_until: Option<String>,
    /// When its data key was last encrypted anew, RFC 3339; `null` if it never was.
    pub re_encrypted_at: Option<String>,
}

/// How often an integration is probed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbePut {
    /// Minutes between two probes, 1 to 60.
    pub interval_minutes: u16,
}

/// An integration as shown: secrets masked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IntegrationView {
    /// Its identifier.
    #[schema(value_type = String, example = "int_01JD0000000000000000000000")]
    pub id: IntegrationId,
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub kind: Kind,
    /// Who carries the messages.
    #[schema(value_type = String, example = "smtp")]
    pub provider: Provider,
    /// Its name for people.
    pub name: String,
    /// Settings without secrets.
    #[schema(value_type = Object)]
    pub config: Config,
    /// The secret fields that are set, masked.
    pub secrets: BTreeMap<String, String>,
    /// Which version of the secrets serves.
    pub secret_version: u32,
    /// Whether campaigns may use it.
    pub enabled: bool,
    /// Among several of one channel the lowest number is used first.
    pub priority: u16,
    /// How fast it may send.
    #[schema(value_type = LimitsBody)]
    pub limits: Limits,
    /// When a transient failure is tried again.
    #[schema(value_type = String)]
    pub retry_policy: RetryPolicy,
    /// What to do with an unknown outcome.
    #[schema(value_type = String)]
    pub on_unknown: OnUnknown,
    /// Minutes between two scheduled probes.
    pub probe_interval_minutes: u16,
    /// Its newest test; `null` if it was never tested.
    pub last_test: Option<TestView>,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When its settings last changed, RFC 3339.
    pub updated_at: String,
    /// Who changed them.
    pub updated_by: String,
    /// Grows with each change.
    pub rev: u64,
    /// The path below the API's address where its provider may report what became of messages, if it can. Shown when one is
    /// created, read or listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_path: Option<String>,
}

impl From<Integration> for IntegrationView {
    fn from(integration: Integration) -> Self {
        Self {
            kind: integration.kind(),
            id: integration.id,
            provider: integration.provider,
            name: integration.name,
            config: integration.config,
            secrets: integration.masks,
            secret_version: integration.secret_version,
            enabled: integration.enabled,
            priority: integration.priority,
            limits: integration.limits,
            retry_policy: integration.retry_policy,
            on_unknown: integration.on_unknown,
            probe_interval_minutes: integration.probe_interval_minutes,
            last_test: integration.last_test.as_ref().map(TestView::from),
            created_at: integration.created_at.to_rfc3339(),
            updated_at: integration.updated_at.to_rfc3339(),
            updated_by: integration.updated_by.to_string(),
            rev: integration.rev,
            tracking_path: None,
        }
    }
}

/// What one test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestView {
    /// `ok`, `warn` or `fail`.
    #[schema(value_type = String, example = "ok")]
    pub status: HealthStatus,
    /// `green`, `yellow` or `red`.
    pub badge: String,
    /// A stable code; `ok` when it passed.
    pub code: String,
    /// The provider's own words.
    pub detail: String,
    /// What happened, in English; empty when it passed.
    pub reason: String,
    /// What happened, in Arabic; empty when it passed.
    pub reason_ar: String,
    /// What to do, in English; empty when it passed.
    pub fix: String,
    /// What to do, in Arabic; empty when it passed.
    pub fix_ar: String,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// When, RFC 3339.
    pub tested_at: String,
}

impl From<&TestReport> for TestView {
    fn from(report: &TestReport) -> Self {
        let words = explain(&report.code);
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            status: report.status,
            badge: report.status.badge().to_owned(),
            code: report.code.clone(),
            detail: report.detail.clone(),
            reason: text(words.map(|words| words.en)),
            reason_ar: text(words.map(|words| words.ar)),
            fix: text(words.map(|words| words.fix_en)),
            fix_ar: text(words.map(|words| words.fix_ar)),
            latency_ms: report.latency_ms,
            tested_at: report.at.to_rfc3339(),
        }
    }
}

/// One integration's result of a test of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NamedTest {
    /// The integration.
    #[schema(value_type = String)]
    pub integration_id: IntegrationId,
    /// Its name.
    pub name: String,
    /// What its test found.
    pub test: TestView,
}

/// The results of a test of all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TestAllView {
    /// One result for each enabled integration.
    pub results: Vec<NamedTest>,
}

/// The state of all integrations at a glance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SummaryView {
    /// All integrations.
    pub total: usize,
    /// Enabled and not failing.
    pub active: usize,
    /// Enabled and failing.
    pub error: usize,
    /// Disabled.
    pub disabled: usize,
    /// What needs somebody's attention.
    pub alerts: Vec<AlertView>,
}

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// The integration.
    #[schema(value_type = String)]
    pub integration_id: IntegrationId,
    /// Its name.
    pub name: String,
    /// Its channel.
    #[schema(value_type = String)]
    pub kind: Kind,
    /// What its newest test found.
    pub test: TestView,
    /// What this means for campaigns, in English.
    pub impact: String,
    /// What this means for campaigns, in Arabic.
    pub impact_ar: String,
}

/// How much of its limits an integration used. What is counted are leases: messages that a sender was given a slot for,
/// each attempt anew, and those it then could not send as well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// This clock hour (UTC); `null` where nothing is counted.
    pub hour: Option<WindowView>,
    /// Today (UTC); `null` where nothing is counted.
    pub day: Option<WindowView>,
    /// The provider asked for silence until then, RFC 3339; `null` if it did not.
    pub paused_until: Option<String>,
    /// Whether its senders are let through.
    pub breaker: BreakerView,
    /// Why nothing is counted; `null` where it is.
    pub not_counted: Option<NotCounted>,
}

/// How much of the limit of an hour or a day is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WindowView {
    /// How many slots were leased in it.
    pub used: u32,
    /// The limit; `null` if there is none for this window.
    pub limit: Option<u32>,
    /// Share of the limit, in per cent.
    pub percent: Option<f64>,
    /// When the count begins anew, RFC 3339.
    pub until: String,
}

/// The breaker of an integration: it opens when 70 % of at least 10 messages failed within 5 minutes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BreakerView {
    /// `closed`: messages go through it. `open`: none do. `half_open`: one is tried.
    pub state: String,
    /// Until when it is open, or until when a trial under way may take, RFC 3339; `null` otherwise.
    pub until: Option<String>,
}

impl BreakerView {
    fn of(breaker: Breaker, now: Timestamp) -> Self {
        let (state, until) = breaker.shown(now);
        Self { state: state.to_owned(), until: until.map(Timestamp::to_rfc3339) }
    }
}

/// Why an integration's use is not counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotCounted {
    /// In English.
    pub reason: String,
    /// In Arabic.
    pub reason_ar: String,
}

impl UsageView {
    /// The view of an integration's rate record at `now`.
    #[must_use]
    pub fn of(rate: &RateState, limits: Limits, now: Timestamp) -> Self {
        let usage = rate.usage(limits, now);
        let window = |used: Used| WindowView {
            used: used.used,
            limit: used.limit,
            percent: used.percent(),
            until: used.until.to_rfc3339(),
        };
        Self {
            hour: usage.map(|usage| window(usage.hour)),
            day: usage.map(|usage| window(usage.day)),
            paused_until: (rate.paused_until > now).then(|| rate.paused_until.to_rfc3339()),
            breaker: BreakerView::of(rate.breaker, now),
            not_counted: usage.is_none().then(|| NotCounted {
                reason: "This integration has no limits, and counting without one would make every bundle dearer by a \
                         write. Set a limit, however high, to have its use counted."
                    .to_owned(),
                reason_ar: "ليس لهذا التكامل حدود، والعدّ من دونها يزيد كلفة كل حزمة بعملية كتابة. ضع حدًا، مهما كان \
                            عاليًا، ليُعدّ الاستخدام."
                    .to_owned(),
            }),
        }
    }
}

/// How an integration did lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HealthView {
    /// Its newest test; `null` if it was never tested.
    pub last_test: Option<TestView>,
    /// The span of the figures, in hours.
    pub window_hours: u32,
    /// When the span begins, RFC 3339. Where the figures are made from hourly roll-ups, at a full hour.
    pub since: String,
    /// Whether the percentiles are exact. Over long spans they are the upper bounds of latency classes, at most about
    /// 1.7 times too long.
    pub exact: bool,
    /// How many tests ran in the span.
    pub tests: u32,
    /// Share of tests that did not fail, in per cent.
    pub uptime_percent: f64,
    /// Share of tests that failed, in per cent.
    pub error_rate_percent: f64,
    /// Median latency, in milliseconds.
    pub p50_ms: Option<u64>,
    /// 95th percentile of the latency, in milliseconds.
    pub p95_ms: Option<u64>,
    /// The newest failed tests, at most 10; over long spans those among the newest 200 tests.
    pub recent_errors: Vec<TestView>,
    /// How it did from hour to hour, or from day to day (UTC) where the span is longer than two days, the oldest first;
    /// only if it is asked for. Where nothing was tested, nothing is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Vec<HealthSpanView>>,
}

/// The tests of an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthSpanView {
    /// When it began, RFC 3339.
    pub at: String,
    /// How many tests ran.
    pub tests: u64,
    /// How many of them failed.
    pub failed: u64,
    /// Median latency of those that did not fail, in milliseconds: the longest of its class.
    pub p50_ms: Option<u64>,
}

impl HealthSpanView {
    /// The view of the tests that were counted from `at` on.
    #[must_use]
    pub fn new(at: Timestamp, tally: &HealthTally) -> Self {
        Self { at: at.to_rfc3339(), tests: tally.tests, failed: tally.failed, p50_ms: tally.figures().p50_ms }
    }
}

impl HealthView {
    /// The view of figures that begin at `since`, with the newest tests of the log, newest first.
    #[must_use]
    pub fn new(
        figures: &HealthFigures,
        (since, window_hours, exact): (Timestamp, u32, bool),
        newest: &[TestReport],
        last_test: Option<&TestReport>,
    ) -> Self {
        let HealthFigures { tests, uptime_percent, error_rate_percent, p50_ms, p95_ms } = *figures;
        let failed = newest.iter().filter(|report| report.status == HealthStatus::Fail);
        Self {
            last_test: last_test.map(TestView::from),
            window_hours,
            since: since.to_rfc3339(),
            exact,
            tests,
            uptime_percent,
            error_rate_percent,
            p50_ms,
            p95_ms,
            recent_errors: failed.take(10).map(TestView::from).collect(),
            history: None,
        }
    }
}
