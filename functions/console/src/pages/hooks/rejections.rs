//! What a hook turned away: why, what that means, and what to do.

use super::{page, route};
use crate::{
    api::Listed,
    language::{Counted, Language},
    page::Page,
    parts::{self, badge},
    query::address,
    view::View,
    visit::Visit,
};
use api::hooks::{HookView, RejectionView};
use axum::extract::Query;
use domain::{
    hook::{Cause, Verdict},
    ids::HookId,
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;

pub(super) const CALLS: Counted = Counted {
    one: "{n} call",
    other: "{n} calls",
    arabic: ["لا طلبات", "طلب واحد", "طلبان", "{n} طلبات", "{n} طلبًا", "{n} طلب"],
};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    cursor: String,
    cause: String,
}

/// What became of a call that was turned away.
fn verdict(view: &View, verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Rejected => badge("bad", view.say("Refused", "مرفوض")),
        Verdict::Duplicate => badge("off", view.say("Known already", "معروف سابقًا")),
        Verdict::Filtered => badge("off", view.say("Not asked for", "غير مطلوب")),
    }
}

/// A cause with what it means and what to do.
fn explained(view: &View, one: &RejectionView) -> Markup {
    let (reason, fix) = match view.language {
        Language::English => (&one.reason, &one.fix),
        Language::Arabic => (&one.reason_ar, &one.fix_ar),
    };
    html! {
        p.reason { (reason) }
        p.fix { strong { (view.say("What to do:", "ما العمل:")) } " " (fix) }
    }
}

/// The causes of these, each once, with how often and when last: the newest first.
pub(super) fn by_cause(visit: &Visit, rejected: &[RejectionView], link: &str) -> Markup {
    let mut causes: Vec<(&RejectionView, u64)> = Vec::new();
    for one in rejected {
        match causes.iter_mut().find(|(first, _)| first.cause == one.cause) {
            Some((_, count)) => *count += one.count,
            None => causes.push((one, one.count)),
        }
    }
    html! {
        @for (newest, count) in causes {
            div.card.alert.(if newest.verdict == Verdict::Rejected { "bad" } else { "" }) {
                header {
                    (verdict(visit, newest.verdict))
                    a href=(address(&format!("{link}/rejections"), &[("cause", newest.cause.code())])) { code dir="ltr" { (newest.cause) } }
                    span.quiet { (visit.count(count, &CALLS)) " · " (visit.say("last", "آخرها")) " " (visit.time(&newest.last_at)) }
                }
                (explained(visit, newest))
            }
        }
    }
}

/// `GET /console/hooks/{id}/rejections`.
pub(super) async fn list(Path(id): Path<HookId>, visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let chosen: Option<Cause> = part.cause.parse().ok();
    let filter = ("cause", chosen.map_or("", Cause::code));
    let asked = address(&format!("{}/rejections?limit=50", route(&id)), &[filter, ("cursor", &part.cursor)]);
    let rejected: Listed<RejectionView> = visit.api.get(&asked).await?;
    let link = visit.link(&format!("{}/rejections", page(&id)));
    let next = rejected.next.as_deref().map(|next| address(&link, &[filter, ("cursor", next)]));
    let title = visit.say("Turned away", "ما لم يُقبل");
    let body = html! {
        (parts::crumbs(&visit, &page(&id), &hook.name))
        div.head {
            h1 { (title) }
            form.search method="get" action=(link) {
                label for="cause" { (visit.say("Cause", "السبب")) }
                select #cause name="cause" {
                    option value="" { (visit.say("all", "الكل")) }
                    @for cause in Cause::ALL {
                        @let words = cause.explain();
                        option value=(cause) selected[Some(*cause) == chosen] { (visit.say(words.en, words.ar)) }
                    }
                }
                button.small type="submit" { (visit.say("Show", "عرض")) }
            }
        }
        p.quiet { (visit.say(
            "Counted by minute and cause, and kept 7 days. Of a flood the counts are at least half of the truth; bodies are not kept.",
            "تُعدّ بالدقيقة والسبب، وتُحفظ 7 أيام. عند الفيضان تكون الأعداد نصف الحقيقة على الأقل؛ ولا تُحفظ المحتويات.",
        )) }
        @if rejected.items.is_empty() {
            @if rejected.next.is_some() { p { (visit.say("None of these here; there may be more behind.", "لا شيء منها هنا؛ وقد يكون المزيد لاحقًا.")) } }
            @else { (parts::empty(
                visit.say("Nothing was turned away", "لم يُرفض شيء"),
                visit.say("Calls that do not prove themselves, or come twice, are listed here with what to do.", "الطلبات التي لا تُثبت نفسها، أو تتكرر، تُعرض هنا مع ما يلزم فعله."),
                None,
            )) }
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("When", "متى")) }
                    th scope="col" { (visit.say("Why, and what to do", "السبب وما العمل")) }
                    th scope="col" { (visit.say("Calls", "الطلبات")) }
                    th scope="col" { (visit.say("The last one", "آخرها")) }
                } }
                tbody { @for one in &rejected.items { tr {
                    th scope="row" { (visit.time(&one.minute)) }
                    td { (verdict(&visit, one.verdict)) " " code dir="ltr" { (one.cause) } (explained(&visit, one)) }
                    td data-label=(visit.say("Calls", "الطلبات")) { (visit.number(one.count)) }
                    td { (last(&visit, one)) }
                } } }
            }
        }
        (parts::more(&visit, next))
    };
    Ok(visit.page(title, &body))
}

/// Who called last, as far as that is known. What a caller says of itself is no proof.
fn last(visit: &Visit, one: &RejectionView) -> Markup {
    html! {
        @if let Some(event) = &one.event { p { (visit.say("Event", "الحدث")) " " code.break dir="auto" { (event) } } }
        p { (visit.say("from", "من")) " " code dir="ltr" { (one.source_ip) } }
        @if !one.user_agent.is_empty() { small.quiet.break { bdi { (one.user_agent) } } }
        small.quiet { (visit.number(one.body_bytes)) " " (visit.say("bytes, SHA-256", "بايت، SHA-256")) " "
            code dir="ltr" { (one.body_sha256.get(..16).unwrap_or_default()) "…" } }
    }
}
