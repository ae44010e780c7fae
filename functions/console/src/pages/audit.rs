//! The audit trail, and its check.

use crate::{
    api::Listed,
    flash::Flash,
    language::{Counted, Language},
    page::Page,
    parts,
    query::address,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::audit::{AuditVerdict, AuditView};
use axum::{
    Router,
    extract::Query,
    response::Response,
    routing::{get, post},
};
use maud::html;
use runtime::{http::Answer, secrets::SecretSource};
use serde::Deserialize;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/audit", get(list)).route("/console/audit/verify", post(verify))
}

const RECORDS: Counted = Counted {
    one: "{n} record",
    other: "{n} records",
    arabic: ["لا سجلات", "سجل واحد", "سجلان", "{n} سجلات", "{n} سجلًا", "{n} سجل"],
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    cursor: String,
}

/// `GET /console/audit`.
pub(crate) async fn list(visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let route = address("/v1/audit?limit=100", &[("cursor", &part.cursor)]);
    let records: Listed<AuditView> = visit.api.get(&route).await?;
    let title = visit.say("Audit trail", "سجل التدقيق");
    let next = records.next.as_deref().map(|next| visit.link(&address("/audit", &[("cursor", next)])));
    let body = html! {
        div.head {
            h1 { (title) }
            form method="post" action=(visit.link("/audit/verify")) {
                (visit.token())
                button.button type="submit" { (visit.say("Verify", "تحقّق")) }
            }
        }
        p.quiet { (visit.say(
            "Every change of configuration, keys and secrets, oldest first. Each record seals the one before.",
            "كل تغيير في الإعدادات والمفاتيح والأسرار، الأقدم أولًا. كل سجل يختم الذي قبله.",
        )) }
        @if records.items.is_empty() {
            (parts::empty(visit.say("Nothing was changed yet", "لم يتغيّر شيء بعد"), visit.say("Changes will appear here.", "ستظهر التغييرات هنا."), None))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { "#" }
                    th scope="col" { (visit.say("When", "متى")) }
                    th scope="col" { (visit.say("Who", "مَن")) }
                    th scope="col" { (visit.say("What", "ماذا")) }
                    th scope="col" { (visit.say("Detail", "التفصيل")) }
                } }
                tbody {
                    @for record in &records.items {
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
            (parts::more(&visit, next))
        }
    };
    Ok(visit.page(title, &body))
}

/// `POST /console/audit/verify`: the whole chain, part by part.
pub(crate) async fn verify(Posted { visit, .. }: Posted) -> Answer<Response> {
    let (mut records, mut cursor) = (0, None::<String>);
    loop {
        let route = address("/v1/audit/verify", &[("cursor", cursor.as_deref().unwrap_or_default())]);
        let verdict: AuditVerdict = visit.api.get(&route).await?;
        records += verdict.records;
        if let Some(broken) = verdict.broken {
            let reason = match visit.language {
                Language::English => broken.reason,
                Language::Arabic => broken.reason_ar,
            };
            let words = format!(
                "{} {}: {reason}",
                visit.say("The trail is broken at record", "السجل مكسور عند القيد"),
                visit.number(broken.seq)
            );
            return Ok(visit.go("/audit", &Flash::bad(words, "")));
        }
        match verdict.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let words = format!("{}: {}", visit.count(records, &RECORDS), visit.say("the trail is whole", "السجل سليم"));
    Ok(visit.go("/audit", &Flash::good(words)))
}
