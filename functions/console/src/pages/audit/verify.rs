//! The check of the trail. A long one is checked in parts, and the page says how far it has come.

use super::RECORDS;
use crate::{
    api::Asked,
    flash::Flash,
    language::Language,
    page::Page,
    query::address,
    visit::{Posted, Visit},
};
use api::audit::AuditVerdict;
use axum::response::{IntoResponse, Response};
use maud::html;
use runtime::http::Answer;

/// `POST /console/audit/verify`: the next part of the chain, from where the form says.
pub(super) async fn verify(Posted { visit, form }: Posted) -> Answer<Response> {
    let route = address("/v1/audit/verify", &[("cursor", form.text("cursor"))]);
    let verdict: Asked<AuditVerdict> = visit.api.get(&route).await;
    let verdict = verdict?;
    if let Some(broken) = &verdict.broken {
        let reason = match visit.language {
            Language::English => &broken.reason,
            Language::Arabic => &broken.reason_ar,
        };
        let broken_at = visit.say("The trail is broken at record", "السجل مكسور عند القيد");
        let words = format!("{broken_at} {}: {reason}", visit.number(broken.seq));
        return Ok(visit.go("/audit", &Flash::bad(words, "")));
    }
    // What the API counts is all that was checked since the first part.
    let checked = visit.count(verdict.records, &RECORDS);
    if let Some(next) = &verdict.next {
        return Ok(under_way(&visit, &verdict, next).into_response());
    }
    let words = format!("{checked}: {}", visit.say("the trail is whole", "السجل سليم"));
    Ok(visit.go("/audit", &Flash::good(words)))
}

/// How far the check has come. The script sends the form by itself.
fn under_way(visit: &Visit, verdict: &AuditVerdict, next: &str) -> Page {
    let title = visit.say("Checking the audit trail", "التحقق من سجل التدقيق");
    let all = verdict.head.as_ref().map_or(verdict.records, |head| head.seq.max(verdict.records));
    let body = html! {
        h1 { (title) }
        div.card {
            p role="status" {
                (visit.count(verdict.records, &RECORDS)) " " (visit.say("are right so far, of", "سليمة حتى الآن، من أصل")) " " (visit.number(all))
            }
            progress max=(all) value=(verdict.records) aria-label=(visit.say("Progress of the check", "تقدّم التحقق")) {}
            form.actions method="post" action=(visit.link("/audit/verify")) data-continue {
                (visit.token())
                input type="hidden" name="cursor" value=(next);
                button.button type="submit" { (visit.say("Go on", "متابعة")) }
                a.button.second href=(visit.link("/audit")) { (visit.say("Stop", "إيقاف")) }
            }
        }
    };
    visit.page(title, &body)
}
