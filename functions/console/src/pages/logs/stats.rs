//! `GET /console/logs/stats`: counts, error rates and durations by type, and what happened when.

use super::words;
use crate::{
    charts::{self, Grain},
    page::Page,
    parts,
    visit::Visit,
};
use api::logs::{LogFigures, LogStats};
use axum::extract::Query;
use domain::time::Timestamp;
use maud::{Markup, html};
use runtime::http::Answer;
use serde::Deserialize;

/// A span that may be looked at: its name, how many columns of how many hours, and how their times are told.
struct Span {
    name: &'static str,
    columns: (i64, i64),
    grain: Grain,
}

const SPANS: [Span; 4] = [
    Span { name: "24h", columns: (24, 1), grain: Grain::Hour },
    Span { name: "7d", columns: (28, 6), grain: Grain::Hours },
    Span { name: "30d", columns: (30, 24), grain: Grain::Day },
    Span { name: "90d", columns: (30, 72), grain: Grain::Day },
];

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chosen {
    span: String,
}

pub(crate) async fn show(visit: Visit, Query(chosen): Query<Chosen>) -> Answer<Page> {
    let [day, ..] = &SPANS;
    let span = SPANS.iter().find(|span| span.name == chosen.span).unwrap_or(day);
    let (count, hours) = span.columns;
    // The present hour is one of them.
    let stats: LogStats = visit.api.get(&format!("/v1/logs/stats?hours={}", count * hours - 1)).await?;
    let since = Timestamp::parse(&stats.since);
    let bars = |figures: fn(&api::logs::LogHour) -> (u64, u64)| {
        since.map(|since| charts::spans(since, span.columns, &stats.hours, figures)).unwrap_or_default()
    };
    let all = bars(|hour| (hour.count - hour.error.min(hour.count), hour.error));
    let sends = bars(|hour| (hour.sent, hour.failed));
    let title = visit.say("Figures of the log", "أرقام السجل");
    let well = [visit.say("Without error", "بلا خطأ"), visit.say("Errors", "أخطاء")];
    let sent = [visit.say("Sent", "أُرسلت"), visit.say("Failed", "فشلت")];
    let body = html! {
        (parts::crumbs(&visit, "/logs", visit.say("Logs", "السجلات")))
        div.head {
            h1 { (title) }
            form.search method="get" action=(visit.link("/logs/stats")) {
                label for="span" { (visit.say("Time", "الوقت")) }
                select #span name="span" {
                    @for one in &SPANS { option value=(one.name) selected[one.name == span.name] { (name(&visit, one)) } }
                }
                button.small type="submit" { (visit.say("Show", "عرض")) }
            }
        }
        @if stats.types.is_empty() {
            (parts::empty(
                visit.say("Nothing happened in this time", "لم يحدث شيء في هذه المدة"),
                visit.say("Choose a longer time.", "اختر مدة أطول."),
                None,
            ))
        } @else {
            (by_type(&visit, &stats.types))
            section aria-labelledby="when" {
                h2 #when { (visit.say("Everything, by time", "كل شيء حسب الوقت")) }
                (charts::columns(&visit, visit.say("Entries", "الإدخالات"), well, span.grain, &all))
            }
            @if !stats.sends.is_empty() {
                section aria-labelledby="sends" {
                    h2 #sends { (visit.say("Deliveries, by time", "الرسائل حسب الوقت")) }
                    (charts::columns(&visit, visit.say("Deliveries", "الرسائل"), sent, span.grain, &sends))
                }
            }
        }
    };
    Ok(visit.page(title, &body))
}

fn name(visit: &Visit, span: &Span) -> &'static str {
    match span.name {
        "7d" => visit.say("last 7 days", "آخر 7 أيام"),
        "30d" => visit.say("last 30 days", "آخر 30 يومًا"),
        "90d" => visit.say("last 90 days", "آخر 90 يومًا"),
        _ => visit.say("last 24 hours", "آخر 24 ساعة"),
    }
}

fn by_type(visit: &Visit, types: &[LogFigures]) -> Markup {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), |ms| visit.ms(ms));
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Type", "النوع")) }
                th scope="col" { (visit.say("Entries", "الإدخالات")) }
                th scope="col" { (visit.say("Success", "نجاح")) }
                th scope="col" { (visit.say("Warning", "تنبيه")) }
                th scope="col" { (visit.say("Error", "خطأ")) }
                th scope="col" { (visit.say("Error rate", "نسبة الأخطاء")) }
                th scope="col" { (visit.say("Median", "الوسيط")) }
                th scope="col" { "95%" }
            } }
            tbody { @for it in types { tr {
                th scope="row" { a href=(visit.link(&format!("/logs?type={}", it.kind))) { (words::kind(visit, it.kind)) } }
                td data-label=(visit.say("Entries", "الإدخالات")) { (visit.number(it.count)) }
                td data-label=(visit.say("Success", "نجاح")) { (visit.number(it.success)) }
                td data-label=(visit.say("Warning", "تنبيه")) { (visit.number(it.warning)) }
                td data-label=(visit.say("Error", "خطأ")) { (visit.number(it.error)) }
                td data-label=(visit.say("Error rate", "نسبة الأخطاء")) { (charts::share(visit, it.error_rate_percent)) }
                td data-label=(visit.say("Median", "الوسيط")) { (ms(it.p50_ms)) }
                td data-label="95%" { (ms(it.p95_ms)) }
            } } }
        }
    }
}
