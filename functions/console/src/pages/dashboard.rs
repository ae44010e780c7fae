//! `GET /console`: how everything does, and what needs somebody.

use crate::{
    api::Listed,
    charts::{self, Grain},
    flash::Flash,
    language::Language,
    page::Page,
    parts::{self, INTEGRATIONS, TESTS, kind_name, provider_name, tile},
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    integrations::{AlertView, IntegrationView, SummaryView, TestAllView},
    logs::{LogSends, LogStats},
};
use axum::{
    Router,
    extract::Query,
    response::Response,
    routing::{get, post},
};
use domain::{
    channel::{Channel, Kind},
    health::HealthStatus,
    principal::Scope,
    time::Timestamp,
};
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use serde::Deserialize;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console", get(show)).route("/console/", get(show)).route("/console/test-all", post(test_all))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    /// A part of a name, a provider or a channel.
    pub(crate) q: String,
}

impl Search {
    pub(crate) fn finds(&self, integration: &IntegrationView) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let provider = provider_name(integration.provider).to_lowercase();
        [&integration.name.to_lowercase(), &provider, integration.kind.as_str(), integration.provider.as_str()]
            .into_iter()
            .any(|text: &str| text.contains(&wanted))
    }
}

pub(crate) async fn show(visit: Visit, Query(search): Query<Search>) -> Answer<Page> {
    let (summary, integrations, stats) =
        tokio::join!(visit.api.get("/v1/integrations/summary"), visit.api.get("/v1/integrations"), day(&visit));
    let (summary, integrations): (SummaryView, Listed<IntegrationView>) = (summary?, integrations?);
    let stats = stats.as_ref();
    let title = visit.say("Dashboard", "لوحة المتابعة");
    let body = html! {
        div.head {
            h1 { (title) }
            @if visit.may(Scope::IntegrationsWrite) {
                a.button href=(visit.link("/integrations/new")) { (visit.say("Add integration", "إضافة تكامل")) }
            }
        }
        @if summary.total == 0 {
            (nothing_yet(&visit))
        } @else {
            (totals(&visit, &summary))
            @if !summary.alerts.is_empty() {
                section aria-labelledby="alerts" {
                    h2 #alerts { (visit.say("Needs attention", "يحتاج إلى انتباه")) }
                    @for alert in &summary.alerts { (alert_card(&visit, alert)) }
                }
            }
            (all(&visit, &integrations.items, &search, stats))
            @if let Some(stats) = stats { (deliveries(&visit, stats, &integrations.items)) }
        }
    };
    Ok(visit.page(title, &body))
}

/// What happened in the last 24 hours, the present one included; nothing for those who may not see the log.
pub(crate) async fn day(visit: &Visit) -> Option<LogStats> {
    visit.api.look("/v1/logs/stats?hours=23").await
}

/// What was sent and what failed, hour by hour and by channel and integration.
fn deliveries(visit: &Visit, stats: &LogStats, integrations: &[IntegrationView]) -> Markup {
    let hours = Timestamp::parse(&stats.since)
        .map(|since| charts::spans(since, (24, 1), &stats.hours, |hour| (hour.sent, hour.failed)));
    let words = [visit.say("Sent", "أُرسلت"), visit.say("Failed", "فشلت")];
    let title = visit.say("Deliveries of the last 24 hours", "رسائل آخر 24 ساعة");
    html! {
        section aria-labelledby="deliveries" {
            div.head {
                h2 #deliveries { (title) }
                a href=(visit.link("/logs/stats")) { (visit.say("All figures", "كل الأرقام")) }
            }
            @if stats.sends.is_empty() {
                p.quiet { (visit.say("Nothing was sent in the last 24 hours.", "لم يُرسل شيء في آخر 24 ساعة.")) }
            } @else {
                @if let Some(hours) = &hours { (charts::columns(visit, title, words, Grain::Hour, hours)) }
                h3 #rates { (visit.say("Failure rates", "نسب الفشل")) }
                (rates(visit, &stats.sends, integrations))
            }
        }
    }
}

/// Failure rates: a channel with its integrations below it.
fn rates(visit: &Visit, sends: &[LogSends], integrations: &[IntegrationView]) -> Markup {
    let of = |channel: Channel| sends.iter().filter(move |it| it.channel == channel);
    let figures = |sent: u64, failed: u64, percent: f64| {
        html! {
            td data-label=(visit.say("Sent", "أُرسلت")) { (visit.number(sent)) }
            td data-label=(visit.say("Failed", "فشلت")) { (visit.number(failed)) }
            td data-label=(visit.say("Failure rate", "نسبة الفشل")) { (charts::share(visit, percent)) }
        }
    };
    html! {
        table.stack aria-labelledby="rates" {
            thead { tr {
                th scope="col" { (visit.say("Channel and integration", "القناة والتكامل")) }
                th scope="col" { (visit.say("Sent", "أُرسلت")) }
                th scope="col" { (visit.say("Failed", "فشلت")) }
                th scope="col" { (visit.say("Failure rate", "نسبة الفشل")) }
            } }
            @for channel in Channel::ALL {
                @let (sent, failed) = of(channel).fold((0, 0), |(sent, failed), it| (sent + it.sent, failed + it.failed));
                @if sent + failed > 0 {
                    tbody {
                        tr { th scope="row" { (channel_name(visit, channel)) } (figures(sent, failed, percent(failed, sent + failed))) }
                        @for it in of(channel).filter(|_| channel != Channel::Webhook) {
                            tr.part { th scope="row" { (way_name(visit, it, integrations)) } (figures(it.sent, it.failed, it.failure_rate_percent)) }
                        }
                    }
                }
            }
        }
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    let permille = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    f64::from(u32::try_from(permille).unwrap_or(u32::MAX)) / 10.0
}

const fn channel_name(visit: &Visit, channel: Channel) -> &'static str {
    match channel {
        Channel::Email => kind_name(&visit.view, Kind::Email),
        Channel::Slack => kind_name(&visit.view, Kind::Slack),
        Channel::Teams => kind_name(&visit.view, Kind::Teams),
        Channel::M365 => kind_name(&visit.view, Kind::M365),
        Channel::Webhook => visit.view.say("Endpoints", "نقاط الاستقبال"),
    }
}

fn way_name(visit: &Visit, sends: &LogSends, integrations: &[IntegrationView]) -> Markup {
    let Some(id) = &sends.integration_id else {
        return html! { (visit.say("Others, counted together", "أخرى، محسوبة معًا")) };
    };
    html! {
        @match integrations.iter().find(|it| it.id == *id) {
            Some(found) => a href=(visit.link(&format!("/integrations/{id}"))) { bdi { (found.name) } },
            None => { (visit.say("A deleted integration", "تكامل محذوف")) small.quiet { code dir="ltr" { (id) } } },
        }
    }
}

pub(crate) fn nothing_yet(visit: &Visit) -> Markup {
    let link = visit.link("/integrations/new");
    let may = visit.may(Scope::IntegrationsWrite);
    parts::empty(
        visit.say("Nothing is connected yet", "لا شيء متصل بعد"),
        visit.say(
            "Connect an e-mail service, Slack, Teams or a sign-in provider. It is tested before it is saved.",
            "صِل خدمة بريد أو Slack أو Teams أو موفّر تسجيل دخول. يُختبر الاتصال قبل الحفظ.",
        ),
        may.then_some((link.as_str(), visit.say("Add integration", "إضافة تكامل"))),
    )
}

fn totals(visit: &Visit, summary: &SummaryView) -> Markup {
    let of_all = |part: usize| percent(u64::try_from(part).unwrap_or(0), u64::try_from(summary.total).unwrap_or(0));
    let share = |part: usize| visit.percent(of_all(part));
    let one = |name, part: usize, tone| tile(name, &visit.size(part), Some(&share(part)), tone);
    html! {
        dl.tiles aria-label=(visit.say("Health overview", "نظرة على الحالة")) {
            (tile(visit.say("Total", "المجموع"), &visit.size(summary.total), None, ""))
            (one(visit.say("Active", "نشطة"), summary.active, "good"))
            (one(visit.say("Errors", "أخطاء"), summary.error, if summary.error > 0 { "bad" } else { "" }))
            (one(visit.say("Disabled", "معطّلة"), summary.disabled, ""))
        }
    }
}

fn alert_card(visit: &Visit, alert: &AlertView) -> Markup {
    let link = visit.link(&format!("/integrations/{}", alert.integration_id));
    let impact = match visit.language {
        Language::English => &alert.impact,
        Language::Arabic => &alert.impact_ar,
    };
    let log = if visit.may(Scope::LogsRead) {
        visit.link(&format!("/logs?integration_id={}", alert.integration_id))
    } else {
        format!("{link}#log")
    };
    let tone = if alert.test.status == HealthStatus::Fail { "bad" } else { "warn" };
    html! {
        article.card.alert.(tone) {
            header {
                (parts::result(visit, alert.test.status))
                h3 { a href=(link) { bdi { (alert.name) } } }
                span.quiet { (kind_name(visit, alert.kind)) " · " (visit.time(&alert.test.tested_at)) }
            }
            (parts::found(visit, &alert.test))
            p { strong { (visit.say("Impact:", "الأثر:")) } " " (impact) }
            div.actions {
                a.button.second.small href=(log) { (visit.say("View logs", "عرض السجل")) }
                @if visit.may(Scope::IntegrationsTest) {
                    form method="post" action={ (link) "/test" } {
                        (visit.token())
                        button.button.second.small type="submit" { (visit.say("Reconnect", "إعادة الاتصال")) }
                    }
                }
                a.button.second.small href={ (link) "#what-to-do" } { (visit.say("Troubleshoot", "معالجة المشكلة")) }
            }
        }
    }
}

fn all(visit: &Visit, integrations: &[IntegrationView], search: &Search, stats: Option<&LogStats>) -> Markup {
    let found: Vec<_> = integrations.iter().filter(|integration| search.finds(integration)).collect();
    html! {
        section aria-labelledby="all" {
            div.head {
                h2 #all { (visit.say("All integrations", "كل التكاملات")) }
                form.search method="get" action=(visit.link("")) role="search" {
                    label.hidden for="q" { (visit.say("Search integrations", "ابحث في التكاملات")) }
                    input #q type="search" name="q" value=(search.q) placeholder=(visit.say("Search…", "بحث…"));
                    button.small type="submit" { (visit.say("Search", "بحث")) }
                }
                @if visit.may(Scope::IntegrationsTest) {
                    form method="post" action=(visit.link("/test-all")) data-test-all
                        data-done=(visit.say("All are tested.", "اكتملت الاختبارات.")) {
                        (visit.token())
                        progress.hidden value="0" max="1" aria-label=(visit.say("Progress of the tests", "تقدّم الاختبارات")) {}
                        button.button.second.small type="submit" { (visit.say("Re-test all", "إعادة اختبار الكل")) }
                    }
                }
            }
            @if found.is_empty() {
                p.quiet role="status" { (visit.say("None matches your search.", "لا نتيجة لبحثك.")) " "
                    a href=(visit.link("")) { (visit.say("Show all", "عرض الكل")) } }
            } @else {
                p.quiet { (visit.count(u64::try_from(found.len()).unwrap_or(0), &INTEGRATIONS)) }
                (table(visit, &found, stats))
            }
        }
    }
}

/// Integrations, a row each. `stats` say when each was used last, and are there for those who may see the log.
pub(crate) fn table(visit: &Visit, integrations: &[&IntegrationView], stats: Option<&LogStats>) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Integration", "التكامل")) }
                th scope="col" { (visit.say("Provider", "الموفّر")) }
                th scope="col" { (visit.say("Status", "الحالة")) }
                th scope="col" { (visit.say("Last test", "آخر اختبار")) }
                @if stats.is_some() { th scope="col" { (visit.say("Last delivery", "آخر تسليم")) } }
                th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
            } }
            tbody { @for integration in integrations { (row(visit, integration, stats)) } }
        }
    }
}

/// One integration in a table. The script asks for it anew after a test.
pub(crate) fn row(visit: &Visit, integration: &IntegrationView, stats: Option<&LogStats>) -> Markup {
    let link = visit.link(&format!("/integrations/{}", integration.id));
    let test = format!("{link}/test");
    let may_test = integration.enabled && visit.may(Scope::IntegrationsTest);
    let last = integration.last_test.as_ref();
    html! {
        tr data-test=[may_test.then_some(&test)] {
            th scope="row" { a href=(link) { bdi { (integration.name) } } small.quiet { (kind_name(visit, integration.kind)) } }
            td data-label=(visit.say("Provider", "الموفّر")) { (provider_name(integration.provider)) }
            td data-label=(visit.say("Status", "الحالة")) { (parts::health(visit, integration.enabled, last)) }
            td data-label=(visit.say("Last test", "آخر اختبار")) {
                (visit.time_or(last.map(|test| test.tested_at.as_str()), visit.say("never", "أبدًا")))
                @if let Some(test) = last { small.quiet { (visit.ms(test.latency_ms)) } }
            }
            @if let Some(stats) = stats {
                td data-label=(visit.say("Last delivery", "آخر تسليم")) { (last_delivery(visit, integration, stats)) }
            }
            td.actions {
                @if may_test {
                    form method="post" action=(test) {
                        (visit.token())
                        input type="hidden" name="back" value=(visit.path);
                        button.small type="submit" aria-label={ (visit.say("Test", "اختبار")) " " (integration.name) } {
                            (visit.say("Test", "اختبار"))
                        }
                    }
                }
            }
        }
    }
}

/// When an integration was used last, as far as the last 24 hours tell. Endpoints are counted together; each has a list of
/// what was posted to it. A sign-in provider is sent nothing.
fn last_delivery(visit: &Visit, integration: &IntegrationView, stats: &LogStats) -> Markup {
    let found = stats.sends.iter().find(|it| it.integration_id.as_ref() == Some(&integration.id));
    match integration.kind {
        Kind::Entra => html! { span.quiet { "–" } },
        Kind::Webhook => html! {
            a href=(visit.link(&format!("/endpoints/{}/attempts", integration.id))) { (visit.say("Attempts", "المحاولات")) }
        },
        Kind::Email | Kind::Slack | Kind::Teams | Kind::M365 => {
            let none = visit.say("none in 24 hours", "لا شيء في 24 ساعة");
            visit.time_or(found.and_then(|it| it.last_at.as_deref()), none)
        }
    }
}

/// `POST /console/test-all`.
pub(crate) async fn test_all(Posted { visit, .. }: Posted) -> Answer<Response> {
    let all: TestAllView = visit.api.post("/v1/integrations/test-all").await?;
    let count = |status| all.results.iter().filter(|result| result.test.status == status).count();
    let (failed, warned) = (count(HealthStatus::Fail), count(HealthStatus::Warn));
    let tests = visit.count(u64::try_from(all.results.len()).unwrap_or(0), &TESTS);
    let words = format!("{tests}: {} {}", visit.size(failed), visit.say("failed", "فشل منها"));
    let flash = match (failed, warned) {
        (0, 0) => Flash::good(format!("{tests}: {}", visit.say("all passed", "نجحت كلها"))),
        (0, _) => Flash::warn(format!("{tests}: {}", visit.say("some with a warning", "بعضها مع تنبيه")), ""),
        _ => Flash::bad(words, ""),
    };
    Ok(visit.go("", &flash))
}
