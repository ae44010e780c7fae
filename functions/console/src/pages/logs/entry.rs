//! `GET /console/logs/{id}`: one entry in full, what its code means, and what it was about.

use super::words;
use crate::{language::Language, page::Page, parts, query::address, visit::Visit};
use api::logs::{LogEntryDetail, LogEntryView};
use domain::log::{EntryStatus, LogId};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

pub(crate) async fn show(Path(id): Path<LogId>, visit: Visit) -> Answer<Page> {
    let detail: LogEntryDetail = visit.api.get(&format!("/v1/logs/{id}")).await?;
    let entry = &detail.entry;
    let title = words::event(&visit, entry);
    let body = html! {
        (parts::crumbs(&visit, "/logs", visit.say("Logs", "السجلات")))
        div.head { h1 { bdi { (title) } } (words::status_badge(&visit, entry.status)) }
        (meaning(&visit, &detail))
        (parts::facts(&facts(&visit, entry)))
        (related(&visit, entry))
    };
    Ok(visit.page(&title, &body))
}

/// What went wrong and what to do, where the entry says that something did.
fn meaning(visit: &Visit, detail: &LogEntryDetail) -> Markup {
    let entry = &detail.entry;
    let (reason, fix) = match visit.language {
        Language::English => (&detail.reason, &detail.fix),
        Language::Arabic => (&detail.reason_ar, &detail.fix_ar),
    };
    let code = entry.code.as_deref();
    let reason = reason.as_deref().or_else(|| words::problem(visit, code?));
    let tone = match entry.status {
        EntryStatus::Success => return html! {},
        EntryStatus::Warning => "warn",
        EntryStatus::Error => "bad",
    };
    html! {
        @if code.is_some() || entry.detail.is_some() {
            div.card.alert.(tone) {
                @if let Some(reason) = reason { p.reason { (reason) } }
                @if let Some(fix) = fix.as_deref().filter(|fix| !fix.is_empty()) {
                    p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (fix) }
                }
                @if let Some(code) = code { p.quiet { (visit.say("Code", "الرمز")) " " code dir="ltr" { (code) } } }
                @if let Some(text) = &entry.detail { p.detail { code dir="auto" { (text) } } }
            }
        }
    }
}

fn facts<'a>(visit: &'a Visit, entry: &'a LogEntryView) -> Vec<(&'a str, Markup)> {
    let code = |text: &str| html! { code dir="ltr" { (text) } };
    let link = |path: String, text: &str| html! { a href=(visit.link(&path)) { code dir="ltr" { (text) } } };
    let integration = entry.integration_id.as_ref().map(|id| {
        let place = if entry.endpoint_id.is_some() { "endpoints" } else { "integrations" };
        link(format!("/{place}/{id}"), id.as_str())
    });
    let delivery = entry.delivery_id.as_ref().map(|id| match (&entry.campaign_id, &entry.endpoint_id) {
        (Some(campaign), _) => link(format!("/campaigns/{campaign}/deliveries/{id}"), &id.to_string()),
        (None, Some(endpoint)) => link(format!("/endpoints/{endpoint}/deliveries/{id}"), &id.to_string()),
        (None, None) => code(&id.to_string()),
    });
    let campaign = entry.campaign_id.as_ref().map(|id| link(format!("/campaigns/{id}"), id.as_str()));
    let hook = entry.hook_id.as_ref().map(|id| link(format!("/hooks/{id}"), id.as_str()));
    let request = entry.request_id.as_deref().map(|id| link(address("/logs", &[("request_id", id)]), id));
    let integration_name = if entry.endpoint_id.is_some() {
        visit.say("Endpoint", "نقطة الاستقبال")
    } else {
        visit.say("Integration", "التكامل")
    };
    // What went well has its detail here; otherwise it stands above.
    let detail = entry.detail.as_deref().filter(|_| entry.status == EntryStatus::Success);
    let shown = |text: Option<&str>| text.map(|text| html! { bdi { (text) } });
    let rows = [
        (visit.say("When", "متى"), Some(visit.time(&entry.at))),
        (visit.say("Event", "الحدث"), Some(code(&entry.event))),
        (visit.say("Type", "النوع"), Some(html! { (words::kind(visit, entry.kind)) })),
        (visit.say("Direction", "الاتجاه"), Some(html! { (words::direction(visit, entry.direction)) })),
        (
            visit.say("Happened", "عدد المرات"),
            (entry.count > 1).then(|| html! { (visit.number(u64::from(entry.count))) }),
        ),
        (visit.say("HTTP status", "حالة HTTP"), entry.http_status.map(|status| code(&status.to_string()))),
        (visit.say("Time taken", "المدة"), entry.duration_ms.map(|ms| html! { (visit.ms(u64::from(ms))) })),
        (
            visit.say("Failed attempts before", "محاولات فاشلة قبلها"),
            (entry.retry_count > 0).then(|| html! { (visit.number(u64::from(entry.retry_count))) }),
        ),
        (visit.say("Detail", "التفصيل"), shown(detail)),
        (integration_name, integration),
        (visit.say("Inbound webhook", "ويب هوك وارد"), hook),
        (visit.say("Campaign", "الحملة"), campaign),
        (visit.say("Delivery", "الرسالة"), delivery),
        (visit.say("Other side", "الطرف الآخر"), shown(entry.external_system.as_deref())),
        (visit.say("Who called", "من استدعى"), shown(entry.principal.as_deref())),
        (visit.say("Request id", "معرّف الطلب"), request),
        (visit.say("Entry", "الإدخال"), Some(code(&entry.id.to_string()))),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Where to look on.
fn related(visit: &Visit, entry: &LogEntryView) -> Markup {
    let same = |name: &str, value: &str| visit.link(&address("/logs", &[(name, value)]));
    html! {
        div.actions {
            @if let Some(code) = &entry.code {
                a.button.second.small href=(same("code", code)) { (visit.say("All with this code", "كل ما له هذا الرمز")) }
            }
            a.button.second.small href=(same("event", &entry.event)) { (visit.say("All of this event", "كل ما كان من هذا الحدث")) }
            @if let Some(id) = &entry.integration_id {
                a.button.second.small href=(same("integration_id", id.as_str())) { (visit.say("All of this integration", "كل ما يخص هذا التكامل")) }
            }
        }
    }
}
