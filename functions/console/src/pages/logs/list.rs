//! `GET /console/logs`: entries, the newest first, and, with a script, those that come.

use super::{which::Which, words};
use crate::{
    api::Listed,
    faults::refusal,
    page::Page,
    parts,
    visit::{Console, Kept, Visit},
};
use api::{hooks::HookView, integrations::IntegrationView, logs::LogEntryView, problem::ProblemKind};
use axum::{
    extract::{Query, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use domain::{
    log::{Direction, EntryStatus, EntryType},
    time::{MINUTE_MS, Timestamp},
};
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use std::sync::Arc;

/// How many entries a page has.
const ENTRIES: &str = "50";

/// How far back is looked for what is new: an entry may come later than one that happened after it.
const LATE_MS: i64 = 2 * MINUTE_MS;

/// By what names things are shown; empty for those who may not see them.
struct Names {
    integrations: Vec<IntegrationView>,
    hooks: Vec<HookView>,
}

impl Names {
    async fn look(visit: &Visit) -> Self {
        let (integrations, hooks) =
            tokio::join!(visit.api.look::<Listed<_>>("/v1/integrations"), visit.api.look::<Listed<_>>("/v1/hooks"));
        Self {
            integrations: integrations.map(|list| list.items).unwrap_or_default(),
            hooks: hooks.map(|list| list.items).unwrap_or_default(),
        }
    }

    fn of<'a>(&'a self, entry: &'a LogEntryView) -> Option<&'a str> {
        if let Some(id) = &entry.integration_id {
            let known = self.integrations.iter().find(|it| it.id == *id);
            return Some(known.map_or(id.as_str(), |it| &it.name));
        }
        let id = entry.hook_id.as_ref()?;
        Some(self.hooks.iter().find(|it| it.id == *id).map_or(id.as_str(), |it| &it.name))
    }
}

pub(crate) async fn show<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    headers: HeaderMap,
    visit: Visit,
    Query(which): Query<Which>,
) -> Answer<Response> {
    let now = console.now();
    if headers.contains_key("x-part") {
        return news(&visit, &which, now).await;
    }
    let route = which.route("/v1/logs", now, &[("limit", ENTRIES)]);
    let (found, names) = tokio::join!(visit.api.get::<Listed<LogEntryView>>(&route), Names::look(&visit));
    let (found, refused) = match found {
        Ok(found) => (found, None),
        // What was entered stands in the form, to be corrected.
        Err(problem) if problem.code == ProblemKind::InvalidRequest => {
            (Listed { items: Vec::new(), next: None }, Some(problem))
        }
        Err(problem) => return Err(problem.into()),
    };
    let title = visit.say("Logs", "السجلات");
    let next = found.next.as_deref().map(|next| which.link(&visit, "/logs", &[("cursor", next)]));
    let body = html! {
        div.head {
            h1 { (title) }
            a.button.second href=(visit.link("/logs/stats")) { (visit.say("Figures", "الأرقام")) }
            a.button.second href=(which.link(&visit, "/logs/file.csv", &[])) { (visit.say("Download as CSV", "تنزيل CSV")) }
        }
        @if let Some(problem) = &refused { (refusal(&visit, problem, &[])) }
        (form(&visit, &which, &names))
        @if refused.is_none() {
            (live_bar(&visit, &which))
            (table(&visit, &which, &found.items, &names))
            @if found.items.is_empty() { (nothing(&visit, &which, next.is_some())) }
            (parts::more(&visit, next))
        }
    };
    let status = refused.map_or(200, |problem| problem.status);
    Ok(visit.page(title, &body).with_status(status).into_response())
}

/// The newest entries, for the script: it knows which of them it has.
async fn news(visit: &Visit, which: &Which, now: Timestamp) -> Answer<Response> {
    let since = which.since(now).max(now.plus_ms(-LATE_MS).to_rfc3339());
    let route = which.route("/v1/logs", now, &[("limit", ENTRIES), ("since", &since)]);
    let found: Listed<LogEntryView> = visit.api.get(&route).await?;
    let names = if found.items.is_empty() {
        Names { integrations: Vec::new(), hooks: Vec::new() }
    } else {
        Names::look(visit).await
    };
    let rows = html! { tbody { @for entry in &found.items { (row(visit, entry, &names)) } } };
    Ok(Page::part(rows).into_response())
}

fn live_bar(visit: &Visit, which: &Which) -> Markup {
    html! {
        div.live {
            @if which.is_live() {
                span.quiet data-tail-said role="status"
                    data-on=(visit.say("New entries appear by themselves.", "تظهر الإدخالات الجديدة تلقائيًا."))
                    data-off=(visit.say("Paused.", "متوقف مؤقتًا."))
                    data-new=(visit.say("New entries:", "إدخالات جديدة:")) {}
                button.small type="button" data-tail-pause=(visit.say("Resume", "استئناف")) hidden { (visit.say("Pause", "إيقاف مؤقت")) }
            }
            a href=(which.link(visit, "/logs", &[])) { (visit.say("Refresh", "تحديث")) }
        }
    }
}

fn nothing(visit: &Visit, which: &Which, more: bool) -> Markup {
    if more {
        return html! {
            p.quiet data-tail-empty { (visit.say(
                "Nothing was found so far: the log was looked through in part. Go on with the next page.",
                "لم يُعثر على شيء حتى الآن: فُحص جزء من السجل. تابع في الصفحة التالية.",
            )) }
        };
    }
    let link = visit.link("/logs");
    html! {
        div data-tail-empty {
            @if which.is_any() {
                (parts::empty(
                    visit.say("Nothing of this kind is in the log", "لا شيء من هذا النوع في السجل"),
                    visit.say("Look for less, or further back; it is kept for 90 days.", "خفّف الشروط أو ابحث في مدة أبعد؛ يُحفظ السجل 90 يومًا."),
                    Some((&link, visit.say("Show everything", "عرض الكل"))),
                ))
            } @else {
                (parts::empty(
                    visit.say("Nothing has happened yet", "لم يحدث شيء بعد"),
                    visit.say("Calls, deliveries, webhooks and tests appear here some seconds after they happen.", "تظهر هنا الاستدعاءات والرسائل والويب هوك والاختبارات بعد ثوانٍ من حدوثها."),
                    None,
                ))
            }
        }
    }
}

fn table(visit: &Visit, which: &Which, entries: &[LogEntryView], names: &Names) -> Markup {
    let tail = which.is_live().then(|| which.link(visit, "/logs", &[]));
    html! {
        table.stack hidden[entries.is_empty()] {
            thead { tr {
                th scope="col" { (visit.say("What happened", "ما الذي حدث")) }
                th scope="col" { (visit.say("When", "متى")) }
                th scope="col" { (visit.say("Status", "الحالة")) }
                th scope="col" { (visit.say("With", "مع")) }
                th scope="col" { (visit.say("Result", "النتيجة")) }
                th scope="col" { (visit.say("Time taken", "المدة")) }
            } }
            tbody data-tail=[tail] { @for entry in entries { (row(visit, entry, names)) } }
        }
    }
}

fn row(visit: &Visit, entry: &LogEntryView, names: &Names) -> Markup {
    let system = entry.external_system.as_deref().filter(|_| entry.integration_id.is_none());
    html! {
        tr data-entry=(entry.id) {
            th scope="row" {
                a href=(visit.link(&format!("/logs/{}", entry.id))) { bdi { (words::event(visit, entry)) } }
                @if entry.count > 1 { " × " (visit.number(u64::from(entry.count))) }
                small.quiet { (words::kind(visit, entry.kind)) " · " (words::direction(visit, entry.direction)) }
            }
            td data-label=(visit.say("When", "متى")) { (visit.time(&entry.at)) }
            td data-label=(visit.say("Status", "الحالة")) { (words::status_badge(visit, entry.status)) }
            td data-label=(visit.say("With", "مع")) {
                @if let Some(name) = names.of(entry) { bdi { (name) } }
                @else { bdi { (entry.principal.as_deref().or(system).unwrap_or("–")) } }
                @if let Some(campaign) = &entry.campaign_id { small.quiet { bdi { (campaign) } } }
            }
            td data-label=(visit.say("Result", "النتيجة")) {
                @match (entry.http_status, entry.code.as_deref()) {
                    (None, None) => "–",
                    (status, code) => code dir="ltr" {
                        @if let Some(status) = status { (status) " " }
                        @if let Some(code) = code { (code) }
                    },
                }
            }
            td data-label=(visit.say("Time taken", "المدة")) {
                @if let Some(ms) = entry.duration_ms { (visit.ms(u64::from(ms))) } @else { "–" }
            }
        }
    }
}

fn form(visit: &Visit, which: &Which, names: &Names) -> Markup {
    let kinds: Vec<_> = EntryType::ALL.iter().map(|it| (it.as_str(), words::kind(visit, *it))).collect();
    let statuses: Vec<_> = EntryStatus::ALL.iter().map(|it| (it.as_str(), words::status(visit, *it))).collect();
    let directions: Vec<_> = Direction::ALL.iter().map(|it| (it.as_str(), words::direction(visit, *it))).collect();
    let spans = [
        ("1h", visit.say("last hour", "آخر ساعة")),
        ("24h", visit.say("last 24 hours", "آخر 24 ساعة")),
        ("7d", visit.say("last 7 days", "آخر 7 أيام")),
        ("30d", visit.say("last 30 days", "آخر 30 يومًا")),
    ];
    let integrations: Vec<_> = names.integrations.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
    let hooks: Vec<_> = names.hooks.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
    let all = visit.say("all", "الكل");
    let choice = |name: &str, title: &str, chosen: &str, choices: &[(&str, &str)]| {
        html! {
            div {
                label for=(name) { (title) }
                select id=(name) name=(name) {
                    option value="" { (all) }
                    @for (value, words) in choices { option value=(value) selected[*value == chosen] { (words) } }
                    // It may be gone, or not be theirs to see.
                    @if !chosen.is_empty() && !choices.iter().any(|(value, _)| *value == chosen) {
                        option value=(chosen) selected { (chosen) }
                    }
                }
            }
        }
    };
    let text = |name: &str, title: &str, value: &str, example: &str| {
        html! {
            div {
                label for=(name) { (title) }
                input id=(name) name=(name) value=(value) dir="ltr" placeholder=(example) autocomplete="off" spellcheck="false";
            }
        }
    };
    let moment = |name: &str, title: &str, value: &str| {
        html! {
            div {
                label for=(name) { (title) }
                input id=(name) type="datetime-local" name=(name) value=(value) dir="ltr";
            }
        }
    };
    html! {
        form.filters method="get" action=(visit.link("/logs")) role="search" aria-label=(visit.say("Look through the log", "البحث في السجل")) {
            (choice("type", visit.say("Type", "النوع"), &which.kind, &kinds))
            (choice("status", visit.say("Status", "الحالة"), &which.status, &statuses))
            (choice("direction", visit.say("Direction", "الاتجاه"), &which.direction, &directions))
            (choice("integration_id", visit.say("Integration", "التكامل"), &which.integration_id, &integrations))
            (text("campaign_id", visit.say("Campaign", "الحملة"), &which.campaign_id, "spring-2026"))
            (choice("span", visit.say("Time", "الوقت"), &which.span, &spans))
            details open[which.is_detailed()] {
                summary { (visit.say("More filters", "مزيد من الشروط")) }
                div.filters {
                    (choice("hook_id", visit.say("Inbound webhook", "ويب هوك وارد"), &which.hook_id, &hooks))
                    (text("event", visit.say("Event", "الحدث"), &which.event, "delivery.*"))
                    (text("code", visit.say("Code", "الرمز"), &which.code, "timeout"))
                    (text("request_id", visit.say("Request id", "معرّف الطلب"), &which.request_id, ""))
                    (moment("since", visit.say("From (UTC)", "من (UTC)"), &which.since))
                    (moment("until", visit.say("Until (UTC)", "حتى (UTC)"), &which.until))
                }
            }
            div { button.button type="submit" { (visit.say("Show", "عرض")) } }
        }
    }
}
