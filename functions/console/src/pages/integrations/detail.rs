//! `GET /console/integrations/{id}`: how one does, what went wrong with it and what to do, its settings.

use super::fields::{Entry, catalog};
use crate::{
    api::Listed,
    charts::{self, Bar, Grain, Point},
    language::Language,
    page::Page,
    parts::{self, TESTS, facts, kind_name, provider_name, tile},
    query::address,
    retries,
    view::View,
    visit::Visit,
};
use api::{
    integrations::{HealthSpanView, HealthView, IntegrationView, SecretsView, TestView, UsageView, WindowView},
    rules::{ActionBody, RuleView},
};
use axum::extract::Query;
use domain::{
    channel::Kind,
    health::HealthStatus,
    ids::IntegrationId,
    principal::Scope,
    time::{HOUR_MS, Timestamp},
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;
use serde_json::Value;

/// How many tests the chart shows.
const CHARTED: usize = 96;

/// Over which span the page tells how the integration did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
enum Window {
    #[default]
    #[serde(rename = "24h")]
    Day,
    #[serde(rename = "7d")]
    Week,
    #[serde(rename = "30d")]
    Month,
    #[serde(rename = "90d")]
    Quarter,
}

impl Window {
    const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    const fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
        }
    }

    const fn hours(self) -> i64 {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
            Self::Quarter => 90 * 24,
        }
    }

    const fn words(self, view: &View) -> &'static str {
        match self {
            Self::Day => view.say("24 hours", "24 ساعة"),
            Self::Week => view.say("7 days", "7 أيام"),
            Self::Month => view.say("30 days", "30 يومًا"),
            Self::Quarter => view.say("90 days", "90 يومًا"),
        }
    }

    /// How long one column of its history is, in hours, and how it is told.
    const fn grain(self) -> (i64, Grain) {
        match self {
            Self::Day => (1, Grain::Hour),
            Self::Week | Self::Month | Self::Quarter => (24, Grain::Day),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    window: Window,
}

/// How it did over the window.
struct Did {
    window: Window,
    health: HealthView,
    /// The newest tests of a day.
    log: Vec<TestView>,
}

pub(crate) async fn show(Path(id): Path<IntegrationId>, Query(part): Query<Part>, visit: Visit) -> Answer<Page> {
    let route = format!("/v1/integrations/{id}");
    let integration: IntegrationView = visit.api.get(&route).await?;
    let window = part.window;
    let health: HealthView = visit.api.get(&format!("{route}/health?history=true&hours={}", window.hours())).await?;
    let log: Listed<TestView> = if window == Window::Day {
        visit.api.get(&format!("{route}/health/log?hours=24&limit={CHARTED}")).await?
    } else {
        Listed { items: Vec::new(), next: None }
    };
    let did = Did { window, health, log: log.items };
    let usage: Option<UsageView> = visit.api.look(&format!("{route}/usage")).await;
    let secrets: Option<SecretsView> = visit.api.look(&format!("{route}/secrets")).await;
    let rules: Option<Listed<RuleView>> =
        if visit.may(Scope::RulesRead) { visit.api.look("/v1/rules").await } else { None };
    let entry = catalog(&visit).await?.into_iter().find(|entry| entry.provider == integration.provider.as_str());
    let link = visit.link(&format!("/integrations/{id}"));
    let body = html! {
        (parts::crumbs(&visit, "/integrations", visit.say("Integrations", "التكاملات")))
        div.head {
            h1 { bdi { (integration.name) } }
            (parts::health(&visit, integration.enabled, integration.last_test.as_ref()))
        }
        p.quiet { (provider_name(integration.provider)) " · " (kind_name(&visit, integration.kind)) " · "
            code dir="ltr" { (integration.id) } }
        (actions(&visit, &integration, &link))
        (trouble(&visit, &integration))
        (super::sign_in::section(&visit, &integration))
        (figures(&visit, &did, &link))
        (chart(&visit, &did))
        (recent_errors(&visit, &integration, &did))
        @if let Some(usage) = &usage { (used(&visit, usage, &integration)) }
        (sending(&visit, &integration))
        (probing(&visit, &integration, &link))
        (settings(&visit, &integration, entry.as_ref()))
        @if let Some(secrets) = &secrets { (rotations(&visit, secrets, entry.as_ref())) }
        @if let Some(rules) = &rules { (users(&visit, &integration, &rules.items)) }
        @if visit.may(Scope::IntegrationsWrite) && integration.kind != Kind::Webhook {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Delete", "الحذف")) }
                p { (visit.say("What is queued on it is cancelled.", "يُلغى ما في طابوره.")) }
                a.button.danger href={ (link) "/delete" } { (visit.say("Delete integration", "حذف التكامل")) }
            }
        }
    };
    Ok(visit.page(&integration.name, &body))
}

fn actions(visit: &Visit, integration: &IntegrationView, link: &str) -> Markup {
    let button = |action: &str, words: &str, class: &str| {
        html! {
            form method="post" action={ (link) "/" (action) } {
                (visit.token())
                button.button.second[class != "first"] type="submit" { (words) }
            }
        }
    };
    let may_write = visit.may(Scope::IntegrationsWrite);
    html! {
        div.actions {
            @if visit.may(Scope::IntegrationsTest) { (button("test", visit.say("Test now", "اختبار الآن"), "first")) }
            @if may_write && integration.kind != Kind::Webhook {
                a.button.second href={ (link) "/edit" } { (visit.say("Edit", "تعديل")) }
                a.button.second href={ (link) "/secrets" } { (visit.say("Replace secrets", "استبدال الأسرار")) }
            }
            @if integration.kind == Kind::M365 && visit.may(Scope::IntegrationsTest) {
                a.button.second href={ (link) "/dry-run" } { (visit.say("Dry run", "تجربة جافة")) }
            }
            @if may_write {
                @if integration.enabled { (button("disable", visit.say("Disable", "تعطيل"), "second")) }
                @else { (button("enable", visit.say("Enable", "تفعيل"), "second")) }
            }
        }
    }
}

/// What the newest test found, if it did not pass.
fn trouble(visit: &Visit, integration: &IntegrationView) -> Markup {
    let test = integration.last_test.as_ref().filter(|test| test.status != HealthStatus::Ok);
    html! {
        @if let Some(test) = test {
            section.card.alert.(if test.status == HealthStatus::Fail { "bad" } else { "warn" }) #what-to-do tabindex="-1" aria-labelledby="trouble" {
                h2 #trouble { (visit.say("What is wrong", "ما المشكلة")) }
                (parts::found(visit, test))
                p.quiet { (visit.time(&test.tested_at)) " · " code { (test.code) } }
            }
        }
    }
}

fn figures(visit: &Visit, did: &Did, link: &str) -> Markup {
    let health = &did.health;
    let ms = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), |ms| visit.ms(ms));
    let share = |share: f64| if health.tests == 0 { "–".to_owned() } else { visit.percent(share) };
    let tests = visit.count(u64::from(health.tests), &TESTS);
    let is_bad = health.tests > 0 && health.error_rate_percent > 0.0;
    let about = (!health.exact).then(|| visit.say("about", "تقريبًا"));
    html! {
        section aria-labelledby="health" {
            h2 #health tabindex="-1" { (visit.say("Health", "الحالة الصحية")) }
            nav.windows aria-label=(visit.say("Span of time", "المدة")) {
                @for window in Window::ALL {
                    a href={ (link) "?window=" (window.name()) "#health" } aria-current=[(window == did.window).then_some("true")] { (window.words(visit)) }
                }
            }
            dl.tiles {
                (tile(visit.say("Uptime", "التوفر"), &share(health.uptime_percent), Some(&tests), ""))
                (tile(visit.say("Response time, median", "زمن الاستجابة، الوسيط"), &ms(health.p50_ms), about, ""))
                (tile(visit.say("Response time, 95%", "زمن الاستجابة، 95%"), &ms(health.p95_ms), about, ""))
                (tile(visit.say("Error rate", "نسبة الأخطاء"), &share(health.error_rate_percent), None, if is_bad { "bad" } else { "" }))
            }
        }
    }
}

/// The tests of the window: which passed, and how long they took.
fn chart(visit: &Visit, did: &Did) -> Markup {
    let history = did.health.history.as_deref().unwrap_or_default();
    let points: Vec<_> = did
        .log
        .iter()
        .rev()
        .map(|test| Point { at: &test.tested_at, latency_ms: test.latency_ms, status: test.status })
        .collect();
    let typical: Vec<_> = history
        .iter()
        .filter_map(|span| Some(Point { at: &span.at, latency_ms: span.p50_ms?, status: status_of(span) }))
        .collect();
    html! {
        section aria-labelledby="log" {
            h2 #log tabindex="-1" { (visit.say("Tests", "الاختبارات")) ": " (did.window.words(visit)) }
            @if history.is_empty() { p.quiet { (visit.say("Nothing was tested.", "لم يُختبر شيء.")) } } @else { (uptime(visit, did, history)) }
            @if did.window == Window::Day {
                @if points.len() < 2 {
                    p.quiet { (visit.say("There are too few tests for a chart of response times yet.", "الاختبارات أقل من أن تُرسم أزمنة استجابتها بعد.")) }
                    @for test in &did.log { p { (parts::result(visit, test.status)) " " (visit.time(&test.tested_at)) " " (visit.ms(test.latency_ms)) } }
                } @else { (charts::response_times(visit, &points)) }
            } @else if typical.len() > 1 { (charts::medians(visit, &typical)) }
        }
    }
}

/// How the tests of an hour or a day came out: that some of them failed is what is seen.
const fn status_of(span: &HealthSpanView) -> HealthStatus {
    if span.failed > 0 { HealthStatus::Fail } else { HealthStatus::Ok }
}

fn uptime(visit: &Visit, did: &Did, history: &[HealthSpanView]) -> Markup {
    let (hours, grain) = did.window.grain();
    let span_ms = hours * HOUR_MS;
    let first = history.first().and_then(|span| Timestamp::parse(&span.at)).unwrap_or_default();
    let last = history.last().and_then(|span| Timestamp::parse(&span.at)).unwrap_or_default();
    let mut bars: Vec<Bar> =
        (0..=last.since_ms(first) / span_ms).map(|n| Bar { at: first.plus_ms(n * span_ms), good: 0, bad: 0 }).collect();
    for span in history {
        let at = Timestamp::parse(&span.at).unwrap_or(first);
        let place = usize::try_from(at.since_ms(first) / span_ms).ok();
        if let Some(bar) = place.and_then(|place| bars.get_mut(place)) {
            bar.good += span.tests.saturating_sub(span.failed);
            bar.bad += span.failed;
        }
    }
    let words = [visit.say("Passed", "نجحت"), visit.say("Failed", "فشلت")];
    charts::columns(visit, visit.say("Tests that passed and failed", "الاختبارات الناجحة والفاشلة"), words, grain, &bars)
}

fn recent_errors(visit: &Visit, integration: &IntegrationView, did: &Did) -> Markup {
    let errors = &did.health.recent_errors;
    html! {
        section aria-labelledby="errors" {
            div.head {
                h2 #errors { (visit.say("Recent errors", "آخر الأخطاء")) }
                @if visit.may(Scope::LogsRead) {
                    a href=(visit.link(&address("/logs", &[("integration", &integration.id.to_string()), ("status", "error")]))) {
                        (visit.say("All in the log", "كلها في السجل"))
                    }
                }
            }
            @if errors.is_empty() {
                p.quiet { (visit.say("No test failed in this span.", "لم يفشل اختبار في هذه المدة.")) }
            } @else {
                ol.errors {
                    @for test in errors {
                        li { p { (visit.time(&test.tested_at)) " · " code { (test.code) } } (parts::found(visit, test)) }
                    }
                }
            }
        }
    }
}

fn used(visit: &Visit, usage: &UsageView, integration: &IntegrationView) -> Markup {
    let window = |name: &str, window: &WindowView| {
        let used = visit.number(u64::from(window.used));
        html! {
            div.meter {
                span { (name) ": " (used)
                    @if let Some(limit) = window.limit { " / " (visit.number(u64::from(limit))) }
                    @if let Some(percent) = window.percent { " (" (visit.percent(percent)) ")" } }
                @if let Some(limit) = window.limit {
                    meter min="0" max=(limit) value=(window.used.min(limit)) aria-label=(name) { (used) }
                }
                small.quiet { (visit.say("counted anew from", "يُعدّ من جديد من")) " " (visit.time(&window.until)) }
            }
        }
    };
    let breaker = match usage.breaker.state.as_str() {
        "open" => Some((
            "bad",
            visit.say("Breaker open", "القاطع مفتوح"),
            visit.say(
                "Too many messages failed, so none go through it until",
                "فشلت رسائل كثيرة، فلا تمرّ عبره رسائل حتى",
            ),
        )),
        "half_open" => Some((
            "warn",
            visit.say("Breaker half open", "القاطع نصف مفتوح"),
            visit.say(
                "One message is tried, and the others wait at most until",
                "تُجرَّب رسالة واحدة، وتنتظر الأخرى على الأكثر حتى",
            ),
        )),
        _ => None,
    };
    html! {
        section aria-labelledby="usage" {
            h2 #usage { (visit.say("Limits and usage", "الحدود والاستخدام")) }
            @if let Some(most) = integration.limits.per_second {
                p { (visit.say("Messages a second, at most:", "الرسائل في الثانية، على الأكثر:")) " " (visit.number(u64::from(most))) }
            }
            @if let Some(hour) = &usage.hour { (window(visit.say("This hour", "هذه الساعة"), hour)) }
            @if let Some(day) = &usage.day { (window(visit.say("Today (UTC)", "اليوم (UTC)"), day)) }
            @if let Some(why) = &usage.not_counted {
                p.quiet { (match visit.language { Language::English => &why.reason, Language::Arabic => &why.reason_ar }) }
            }
            @if let Some(until) = &usage.paused_until {
                p { (parts::badge("warn", visit.say("Paused", "متوقف"))) " "
                    (visit.say("The provider asked for silence until", "طلب الموفّر التوقف حتى")) " " (visit.time(until)) }
            }
            @if let Some((tone, name, words)) = breaker {
                p { (parts::badge(tone, name)) " " (words) " " (visit.time_or(usage.breaker.until.as_deref(), visit.say("shortly", "قريبًا"))) }
            } @else {
                p { (parts::badge("good", visit.say("Breaker closed", "القاطع مغلق"))) " "
                    (visit.say("Messages go through it.", "تمرّ الرسائل عبره.")) }
            }
        }
    }
}

/// Which place it has among others, and what becomes of a message that fails.
fn sending(visit: &Visit, integration: &IntegrationView) -> Markup {
    if integration.kind == Kind::Entra {
        return html! {};
    }
    html! {
        section aria-labelledby="sending" {
            h2 #sending { (visit.say("How it sends", "كيف يُرسل")) }
            (facts(&[
                (visit.say("Order among those of its channel (lowest first)", "الترتيب بين تكاملات قناته (الأصغر أولًا)"),
                    html! { (visit.number(u64::from(integration.priority))) }),
                (visit.say("A passing failure is tried again", "الفشل العابر تُعاد محاولته"), html! { (retries::policy(visit, integration.retry_policy)) }),
                (visit.say("If it is not known whether a message arrived", "إن لم يُعلم هل وصلت الرسالة"), html! { (retries::unknown(visit, integration.on_unknown)) }),
            ]))
        }
    }
}

/// The log of rotations: which secrets came when, by whom.
fn rotations(visit: &Visit, secrets: &SecretsView, entry: Option<&Entry>) -> Markup {
    let named = |name: &str| entry.map_or_else(|| name.to_owned(), |entry| entry.label(visit, name).to_owned());
    html! {
        @if !secrets.versions.is_empty() {
            section aria-labelledby="rotations" {
                h2 #rotations { (visit.say("Secrets over time", "الأسرار عبر الزمن")) }
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("Version", "الإصدار")) }
                        th scope="col" { (visit.say("Given", "أُدخل")) }
                        th scope="col" { (visit.say("By", "بواسطة")) }
                        th scope="col" { (visit.say("New in it", "الجديد فيه")) }
                        th scope="col" { (visit.say("State", "الحالة")) }
                    } }
                    tbody {
                        @for version in &secrets.versions {
                            tr {
                                th scope="row" { (visit.number(u64::from(version.version))) }
                                td data-label=(visit.say("Given", "أُدخل")) { (visit.time(&version.created_at)) }
                                td data-label=(visit.say("By", "بواسطة")) { code.break dir="ltr" { (version.by.as_deref().unwrap_or("–")) } }
                                td data-label=(visit.say("New in it", "الجديد فيه")) {
                                    @for (place, field) in version.changed.iter().enumerate() { @if place > 0 { (visit.say(", ", "، ")) } (named(field)) }
                                }
                                td data-label=(visit.say("State", "الحالة")) {
                                    @if version.serves { (parts::badge("good", visit.say("Serves", "مستخدم"))) }
                                    @else {
                                        (parts::badge("off", visit.say("Replaced", "استُبدل")))
                                        @if let Some(until) = &version.served_until { " " small.quiet { (visit.time(until)) } }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The rules that name it.
fn users(visit: &Visit, integration: &IntegrationView, rules: &[RuleView]) -> Markup {
    let names = |action: &ActionBody| match action {
        ActionBody::Send(send) => send.integration_id.as_ref() == Some(&integration.id),
        ActionBody::CallEndpoint(call) => call.endpoint_id == integration.id,
        ActionBody::Test(test) => test.integration_id.as_ref() == Some(&integration.id),
        ActionBody::RunSync(_) => false,
    };
    let users: Vec<&RuleView> = rules.iter().filter(|rule| rule.actions.iter().any(names)).collect();
    html! {
        @if !users.is_empty() {
            section aria-labelledby="users" {
                h2 #users { (visit.say("Rules that use it", "القواعد التي تستخدمه")) }
                ul { @for rule in users { li { a href=(visit.link(&format!("/rules/{}", rule.id))) { bdi { (rule.name) } } } } }
            }
        }
    }
}

fn probing(visit: &Visit, integration: &IntegrationView, link: &str) -> Markup {
    html! {
        section aria-labelledby="probing" {
            h2 #probing { (visit.say("Scheduled tests", "الاختبارات المجدولة")) }
            @if visit.may(Scope::IntegrationsWrite) {
                form.inline method="post" action={ (link) "/probe" } {
                    (visit.token())
                    label for="interval" { (visit.say("Every so many minutes (1 to 60)", "كل كم دقيقة (من 1 إلى 60)")) }
                    input #interval type="number" name="interval_minutes" min="1" max="60" required dir="ltr"
                        value=(integration.probe_interval_minutes);
                    button.button.second.small type="submit" { (visit.say("Save", "حفظ")) }
                }
            } @else {
                p { (visit.number(u64::from(integration.probe_interval_minutes))) " " (visit.say("minutes", "دقيقة")) }
            }
        }
    }
}

fn settings(visit: &Visit, integration: &IntegrationView, entry: Option<&Entry>) -> Markup {
    fn label<'a>(visit: &Visit, entry: Option<&'a Entry>, name: &'a str) -> &'a str {
        entry.map_or(name, |entry| entry.label(visit, name))
    }
    let config = integration.config.iter().map(|(name, value)| {
        let choice = value.as_str().and_then(|value| entry?.choice(visit, name, value));
        let shown = choice.map_or_else(|| value_shown(value), |words| html! { (words) });
        (label(visit, entry, name), shown)
    });
    let mask = |mask: &str| html! { code dir="ltr" { (mask) } };
    let secrets = integration.secrets.iter().map(|(name, value)| (label(visit, entry, name), mask(value)));
    let rows: Vec<_> = config.chain(secrets).collect();
    html! {
        section aria-labelledby="settings" {
            h2 #settings { (visit.say("Settings", "الإعدادات")) }
            (facts(&rows))
            @if let Some(path) = &integration.tracking_path {
                p { (visit.say("Enter this address at the provider, and it reports what became of messages:",
                    "أدخل هذا العنوان لدى الموفّر ليُبلغ عن مصير الرسائل:")) }
                (parts::copied(visit, "tracking", visit.say("Address for reports", "عنوان البلاغات"), &format!("{}{path}", visit.site)))
            }
            p.quiet { (visit.say("Changed", "تغيّرت")) " " (visit.time(&integration.updated_at)) " "
                (visit.say("by", "بواسطة")) " " bdi { (integration.updated_by) } }
        }
    }
}

fn value_shown(value: &Value) -> Markup {
    match value {
        Value::String(text) if text.contains('\n') => html! { pre dir="ltr" tabindex="0" { (text) } },
        Value::String(text) => html! { bdi { (text) } },
        Value::Array(items) => html! { @for item in items { (value_shown(item)) " " } },
        other => html! { (other.to_string()) },
    }
}
