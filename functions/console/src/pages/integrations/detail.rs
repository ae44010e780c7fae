//! `GET /console/integrations/{id}`: how one does, what went wrong with it and what to do, its settings.

use super::fields::{Entry, catalog};
use crate::{
    api::Listed,
    charts::{self, Point},
    language::Language,
    page::Page,
    parts::{self, TESTS, facts, kind_name, provider_name, tile},
    visit::Visit,
};
use api::integrations::{HealthView, IntegrationView, TestView, UsageView, WindowView};
use domain::{channel::Kind, health::HealthStatus, ids::IntegrationId, principal::Scope};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde_json::Value;

/// How many tests the chart shows.
const CHARTED: usize = 96;

pub(crate) async fn show(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let route = format!("/v1/integrations/{id}");
    let integration: IntegrationView = visit.api.get(&route).await?;
    let health: HealthView = visit.api.get(&format!("{route}/health")).await?;
    let month: HealthView = visit.api.get(&format!("{route}/health?hours=720")).await?;
    let log: Listed<TestView> = visit.api.get(&format!("{route}/health/log?hours=24&limit={CHARTED}")).await?;
    let usage: Option<UsageView> = visit.api.look(&format!("{route}/usage")).await;
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
        (figures(&visit, &health, &month))
        (chart(&visit, &log.items))
        (recent_errors(&visit, &month))
        @if let Some(usage) = &usage { (used(&visit, usage)) }
        (super::sign_in::section(&visit, &integration))
        (probing(&visit, &integration, &link))
        (settings(&visit, &integration, entry.as_ref()))
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

fn figures(visit: &Visit, day: &HealthView, month: &HealthView) -> Markup {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), |ms| visit.ms(ms));
    let uptime = |health: &HealthView| {
        if health.tests == 0 { "–".to_owned() } else { visit.percent(health.uptime_percent) }
    };
    let tests = visit.count(u64::from(day.tests), &TESTS);
    let is_bad = day.tests > 0 && day.error_rate_percent > 0.0;
    html! {
        section aria-labelledby="health" {
            h2 #health { (visit.say("Health", "الحالة الصحية")) }
            dl.tiles {
                (tile(visit.say("Uptime, 24 hours", "التوفر خلال 24 ساعة"), &uptime(day), Some(&tests), ""))
                (tile(visit.say("Uptime, 30 days", "التوفر خلال 30 يومًا"), &uptime(month), None, ""))
                (tile(visit.say("Response time, median", "زمن الاستجابة، الوسيط"), &ms(day.p50_ms), None, ""))
                (tile(visit.say("Response time, 95%", "زمن الاستجابة، 95%"), &ms(day.p95_ms), None, ""))
                (tile(visit.say("Error rate", "نسبة الأخطاء"), &visit.percent(day.error_rate_percent), None, if is_bad { "bad" } else { "" }))
            }
        }
    }
}

fn chart(visit: &Visit, log: &[TestView]) -> Markup {
    let points: Vec<_> = log
        .iter()
        .rev()
        .map(|test| Point { at: &test.tested_at, latency_ms: test.latency_ms, status: test.status })
        .collect();
    html! {
        section aria-labelledby="log" {
            h2 #log tabindex="-1" { (visit.say("Tests of the last 24 hours", "اختبارات آخر 24 ساعة")) }
            @if points.len() < 2 {
                p.quiet { (visit.say("There are too few tests for a chart yet.", "الاختبارات أقل من أن تُرسم بعد.")) }
                @for test in log { p { (parts::result(visit, test.status)) " " (visit.time(&test.tested_at)) " " (visit.ms(test.latency_ms)) } }
            } @else { (charts::response_times(visit, &points)) }
        }
    }
}

fn recent_errors(visit: &Visit, health: &HealthView) -> Markup {
    html! {
        section aria-labelledby="errors" {
            h2 #errors { (visit.say("Recent errors", "آخر الأخطاء")) }
            @if health.recent_errors.is_empty() {
                p.quiet { (visit.say("None in the last 30 days.", "لا أخطاء في آخر 30 يومًا.")) }
            } @else {
                ol.errors {
                    @for test in &health.recent_errors {
                        li { p { (visit.time(&test.tested_at)) " · " code { (test.code) } } (parts::found(visit, test)) }
                    }
                }
            }
        }
    }
}

fn used(visit: &Visit, usage: &UsageView) -> Markup {
    let window = |name: &str, window: &WindowView| {
        let used = visit.number(u64::from(window.used));
        html! {
            div.meter {
                span { (name) ": " (used)
                    @if let Some(limit) = window.limit { " / " (visit.number(u64::from(limit))) } }
                @if let Some(limit) = window.limit {
                    meter min="0" max=(limit) value=(window.used.min(limit)) aria-label=(name) { (used) }
                }
            }
        }
    };
    let open = usage.breaker.state != "closed";
    html! {
        section aria-labelledby="usage" {
            h2 #usage { (visit.say("Limits and usage", "الحدود والاستخدام")) }
            @if let Some(hour) = &usage.hour { (window(visit.say("This hour", "هذه الساعة"), hour)) }
            @if let Some(day) = &usage.day { (window(visit.say("Today", "اليوم"), day)) }
            @if let Some(why) = &usage.not_counted {
                p.quiet { (match visit.language { Language::English => &why.reason, Language::Arabic => &why.reason_ar }) }
            }
            @if let Some(until) = &usage.paused_until {
                p { (parts::badge("warn", visit.say("Paused", "متوقف"))) " "
                    (visit.say("The provider asked for silence until", "طلب الموفّر التوقف حتى")) " " (visit.time(until)) }
            }
            @if open {
                p { (parts::badge("bad", visit.say("Breaker open", "القاطع مفتوح"))) " "
                    (visit.say("Too many messages failed, so none go through it for the moment.", "فشلت رسائل كثيرة، فلا تمرّ عبره رسائل الآن.")) }
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
                p { (visit.say("The provider may report what became of messages at", "يمكن للموفّر أن يُبلغ عن مصير الرسائل على")) " "
                    code dir="ltr" { (visit.site) (path) } }
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
