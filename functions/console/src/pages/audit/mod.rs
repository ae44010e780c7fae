//! The audit trail: what was done, newest first, searched by who, what and when; its check; a file of it.

mod file;
mod verify;

#[cfg(test)]
mod tests;

use crate::{
    api::Listed,
    language::Counted,
    page::Page,
    parts,
    query::address,
    router::Routes,
    visit::{Kept, Visit},
};
use api::audit::AuditView;
use axum::{
    Router,
    extract::Query,
    routing::{get, post},
};
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use serde::Deserialize;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/audit", get(list))
        .route("/console/audit/file", get(file::download))
        .route("/console/audit/verify", post(verify::verify))
}

const RECORDS: Counted = Counted {
    one: "{n} record",
    other: "{n} records",
    arabic: ["لا سجلات", "سجل واحد", "سجلان", "{n} سجلات", "{n} سجلًا", "{n} سجل"],
};

/// Records of a page.
const SHOWN: &str = "50";

/// What somebody looks for. Days are those of UTC.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    who: String,
    action: String,
    target: String,
    from: String,
    to: String,
    cursor: String,
}

impl Search {
    /// As the API takes it.
    fn route(&self, limit: &str, cursor: &str) -> String {
        let day = |day: &str, time: &str| {
            let day = day.trim();
            if day.is_empty() { String::new() } else { format!("{day}T{time}Z") }
        };
        let (since, until) = (day(&self.from, "00:00:00"), day(&self.to, "23:59:59.999"));
        let search = [
            ("order", "newest"),
            ("limit", limit),
            ("principal", self.who.trim()),
            ("action", self.action.trim()),
            ("target", self.target.trim()),
            ("since", &since),
            ("until", &until),
            ("cursor", cursor),
        ];
        address("/v1/audit", &search)
    }

    /// As the console takes it.
    fn page(&self, path: &str, more: (&str, &str)) -> String {
        let search = [
            ("who", self.who.as_str()),
            ("action", &self.action),
            ("target", &self.target),
            ("from", &self.from),
            ("to", &self.to),
            more,
        ];
        address(path, &search)
    }

    fn is_empty(&self) -> bool {
        [&self.who, &self.action, &self.target, &self.from, &self.to].iter().all(|text| text.trim().is_empty())
    }
}

/// `GET /console/audit`.
async fn list(visit: Visit, Query(search): Query<Search>) -> Answer<Page> {
    let records: Listed<AuditView> = visit.api.get(&search.route(SHOWN, &search.cursor)).await?;
    let title = visit.say("Audit trail", "سجل التدقيق");
    let next = records.next.as_deref().map(|next| visit.link(&search.page("/audit", ("cursor", next))));
    let body = html! {
        div.head {
            h1 { (title) }
            form method="post" action=(visit.link("/audit/verify")) {
                (visit.token())
                button.button type="submit" { (visit.say("Verify", "تحقّق")) }
            }
        }
        p.quiet { (visit.say(
            "Every change of configuration, keys and secrets, newest first. Each record seals the one before; Verify checks \
             that none was altered or removed.",
            "كل تغيير في الإعدادات والمفاتيح والأسرار، الأحدث أولًا. كل سجل يختم الذي قبله؛ والتحقق يثبت أن شيئًا لم يُعدّل أو يُحذف.",
        )) }
        (asked(&visit, &search, &records.items))
        @if records.items.is_empty() {
            (nothing(&visit, &search, next.is_some()))
        } @else {
            (table(&visit, &records.items))
        }
        (parts::more(&visit, next))
    };
    Ok(visit.page(title, &body))
}

/// What is looked for, as a form, and what is found as a file.
fn asked(visit: &Visit, search: &Search, found: &[AuditView]) -> Markup {
    let mut actions: Vec<&str> = found.iter().map(|record| record.action.as_str()).collect();
    actions.sort_unstable();
    actions.dedup();
    let text = |name: &str, label: &str, value: &str, list: Option<&str>| {
        html! {
            label { span { (label) } input type="search" name=(name) value=(value) dir="ltr" list=[list] autocomplete="off" spellcheck="false"; }
        }
    };
    let day = |name: &str, label: &str, value: &str| {
        html! { label { span { (label) } input type="date" name=(name) value=(value); } }
    };
    html! {
        form.filters method="get" action=(visit.link("/audit")) role="search" {
            (text("action", visit.say("What begins with", "يبدأ الفعل بـ"), &search.action, Some("actions")))
            datalist #actions { @for action in &actions { option value=(action) {} } }
            (text("who", visit.say("Who", "مَن"), &search.who, None))
            (text("target", visit.say("What it was done to", "على ماذا"), &search.target, None))
            (day("from", visit.say("From (UTC)", "من (UTC)"), &search.from))
            (day("to", visit.say("To (UTC)", "إلى (UTC)"), &search.to))
            button.small type="submit" { (visit.say("Search", "بحث")) }
            @if !search.is_empty() { a href=(visit.link("/audit")) { (visit.say("Show all", "عرض الكل")) } }
        }
        @if !found.is_empty() {
            p.quiet {
                (visit.say("What is found as a file:", "ما وُجد كملف:")) " "
                @for (form, name) in [("csv", "CSV"), ("json", "JSON")] {
                    a href=(visit.link(&search.page("/audit/file", ("as", form)))) download { (name) } " "
                }
            }
        }
    }
}

fn nothing(visit: &Visit, search: &Search, goes_on: bool) -> Markup {
    if goes_on {
        return html! { p.quiet role="status" { (visit.say(
            "Nothing is found among the newest records; there are older ones.",
            "لا شيء بين أحدث السجلات؛ وهناك أقدم منها.",
        )) } };
    }
    if search.is_empty() {
        let words = visit.say("Changes will appear here.", "ستظهر التغييرات هنا.");
        return parts::empty(visit.say("Nothing was changed yet", "لم يتغيّر شيء بعد"), words, None);
    }
    html! { p.quiet role="status" { (visit.say("None matches your search.", "لا نتيجة لبحثك.")) } }
}

fn table(visit: &Visit, records: &[AuditView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { "#" }
                th scope="col" { (visit.say("When", "متى")) }
                th scope="col" { (visit.say("Who", "مَن")) }
                th scope="col" { (visit.say("What", "ماذا")) }
                th scope="col" { (visit.say("Detail", "التفصيل")) }
            } }
            tbody {
                @for record in records {
                    tr {
                        th.whole scope="row" { (visit.number(record.seq)) }
                        td data-label=(visit.say("When", "متى")) { (visit.time(&record.at)) }
                        td data-label=(visit.say("Who", "مَن")) { code.break dir="ltr" { (record.principal) } }
                        td data-label=(visit.say("What", "ماذا")) { code.whole dir="ltr" { (record.action) } br; code.quiet.break dir="ltr" { (record.target) } }
                        td data-label=(visit.say("Detail", "التفصيل")) { span dir="auto" { (record.detail) } }
                    }
                }
            }
        }
    }
}
