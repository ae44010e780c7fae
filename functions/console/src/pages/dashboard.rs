//! `GET /console`: how everything does, and what needs somebody.

use crate::{
    api::Listed,
    flash::Flash,
    language::Language,
    page::Page,
    parts::{self, INTEGRATIONS, TESTS, kind_name, provider_name, tile},
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::integrations::{AlertView, IntegrationView, SummaryView, TestAllView};
use axum::{
    Router,
    extract::Query,
    response::Response,
    routing::{get, post},
};
use domain::{health::HealthStatus, principal::Scope};
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
    let summary: SummaryView = visit.api.get("/v1/integrations/summary").await?;
    let integrations: Listed<IntegrationView> = visit.api.get("/v1/integrations").await?;
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
            (all(&visit, &integrations.items, &search))
        }
    };
    Ok(visit.page(title, &body))
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
    let share = |part: usize| {
        let permille = (part * 1_000).checked_div(summary.total).unwrap_or(0);
        visit.percent(f64::from(u32::try_from(permille).unwrap_or(0)) / 10.0)
    };
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
                a.button.second.small href={ (link) "#log" } { (visit.say("View logs", "عرض السجل")) }
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

fn all(visit: &Visit, integrations: &[IntegrationView], search: &Search) -> Markup {
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
                (table(visit, &found))
            }
        }
    }
}

/// Integrations, a row each.
pub(crate) fn table(visit: &Visit, integrations: &[&IntegrationView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Integration", "التكامل")) }
                th scope="col" { (visit.say("Provider", "الموفّر")) }
                th scope="col" { (visit.say("Status", "الحالة")) }
                th scope="col" { (visit.say("Last test", "آخر اختبار")) }
                th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
            } }
            tbody { @for integration in integrations { (row(visit, integration)) } }
        }
    }
}

/// One integration in a table. The script asks for it anew after a test.
pub(crate) fn row(visit: &Visit, integration: &IntegrationView) -> Markup {
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
