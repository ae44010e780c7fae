//! What a hook received: the list by name and time, one event in full, its body, replaying it.

use super::{page, route, scheme::guide};
use crate::{
    api::{Asked, Listed},
    faults::refusal,
    flash::Flash,
    page::{Page, title_of},
    parts::{self, facts},
    query::address,
    verbatim,
    visit::{Posted, Visit},
};
use api::hooks::{HookEventDetail, HookEventView, HookView, ReplayAnswer};
use axum::{body::Body, extract::Query, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    ids::{HookEventId, HookId},
    principal::Scope,
};
use http::{HeaderValue, header};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    cursor: String,
    event: String,
    since: String,
    until: String,
}

/// A moment as it is entered, `2026-11-20T10:00`, in UTC and as the API takes it: from its beginning, or to its end.
fn moment(entered: &str, seconds: &str) -> String {
    match entered.len() {
        16 => format!("{entered}:{seconds}Z"),
        19 => format!("{entered}Z"),
        _ => entered.to_owned(),
    }
}

/// The address of an event's page.
fn event_page(hook: &HookId, event: &HookEventId) -> String {
    format!("{}/events/{event}", page(hook))
}

fn event_route(hook: &HookId, event: &HookEventId) -> String {
    format!("{}/events/{event}", route(hook))
}

/// Events as a table.
pub(super) fn table(visit: &Visit, hook: &HookId, events: &[HookEventView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Event", "الحدث")) }
                th scope="col" { (visit.say("When", "متى")) }
                th scope="col" { (visit.say("Id at the provider", "المعرّف لدى المزوّد")) }
                th scope="col" { (visit.say("Bytes", "بايت")) }
                th scope="col" { (visit.say("Replayed", "أُعيد نشره")) }
            } }
            tbody { @for event in events { tr {
                th scope="row" { a href=(visit.link(&event_page(hook, &event.id))) { (name(visit, event)) } }
                td data-label=(visit.say("When", "متى")) { (visit.time(&event.received_at)) }
                td data-label=(visit.say("Id at the provider", "المعرّف لدى المزوّد")) { code.break dir="auto" { (event.provider_id.as_deref().unwrap_or("–")) } }
                td data-label=(visit.say("Bytes", "بايت")) { (visit.number(event.body_bytes)) }
                td data-label=(visit.say("Replayed", "أُعيد نشره")) { (visit.number(u64::from(event.replays))) }
            } } }
        }
    }
}

/// What happened, by the provider's name, where it tells.
fn name(visit: &Visit, event: &HookEventView) -> Markup {
    html! {
        @if let Some(name) = &event.event { bdi.break { (name) } }
        @else { (visit.say("without a name", "بلا اسم")) }
    }
}

/// `GET /console/hooks/{id}/events`.
pub(super) async fn list(Path(id): Path<HookId>, visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let (since, until) = (moment(&part.since, "00"), moment(&part.until, "59.999"));
    let asked = [("event", part.event.as_str()), ("since", &since), ("until", &until), ("cursor", &part.cursor)];
    let events: Asked<Listed<HookEventView>> =
        visit.api.get(&address(&format!("{}/events?limit=50", route(&id)), &asked)).await;
    let link = visit.link(&format!("{}/events", page(&id)));
    let (events, problem) = match events {
        Ok(events) => (events, None),
        // What was entered is kept, to be put right.
        Err(problem) if problem.status == 422 => (Listed { items: Vec::new(), next: None }, Some(problem)),
        Err(problem) => return Err(problem.into()),
    };
    let filter = [("event", part.event.as_str()), ("since", part.since.as_str()), ("until", part.until.as_str())];
    let next = events.next.as_deref().map(|next| address(&address(&link, &filter), &[("cursor", next)]));
    let is_filtered = filter.iter().any(|(_, value)| !value.is_empty());
    let title = visit.say("Received", "المُستلَم");
    let status = problem.as_ref().map_or(200, |problem| problem.status);
    let time = |name: &str, title: &str, value: &str| {
        html! { span { label for=(name) { (title) } " " input id=(name) type="datetime-local" name=(name) value=(value) dir="ltr"; } }
    };
    let body = html! {
        (parts::crumbs(&visit, &page(&id), &hook.name))
        h1 { (title) }
        form.search method="get" action=(link) {
            span {
                label for="event" { (visit.say("Event, by name or beginning", "الحدث، بالاسم أو ببدايته")) } " "
                input #event name="event" value=(part.event) dir="ltr" placeholder="issues.*" spellcheck="false";
            }
            (time("since", visit.say("from (UTC)", "من (UTC)"), &part.since))
            (time("until", visit.say("to (UTC)", "إلى (UTC)"), &part.until))
            button.small type="submit" { (visit.say("Show", "عرض")) }
        }
        @if let Some(problem) = &problem { (refusal(&visit, problem, &[])) }
        @if !events.items.is_empty() { (table(&visit, &id, &events.items)) }
        @else if events.next.is_some() { p { (visit.say("None of these here; there may be more behind.", "لا شيء منها هنا؛ وقد يكون المزيد لاحقًا.")) } }
        @else if problem.is_some() {}
        @else if is_filtered { (parts::empty(
            visit.say("Nothing like that", "لا شيء من ذلك"),
            visit.say("Within the last 30 days nothing of this name and time was received.", "لم يُستلم شيء بهذا الاسم والوقت في آخر 30 يومًا."),
            Some((&link, visit.say("Show all", "عرض الكل"))),
        )) }
        @else { (parts::empty(
            visit.say("Nothing yet", "لا شيء بعد"),
            visit.say("What the provider sends is listed here for 30 days. If it says that it has sent something, look at what was turned away.", "ما يرسله المزوّد يُعرض هنا 30 يومًا. إن قال إنه أرسل شيئًا فانظر فيما لم يُقبل."),
            Some((&visit.link(&format!("{}/rejections", page(&id))), visit.say("What was turned away", "ما لم يُقبل"))),
        )) }
        (parts::more(&visit, next))
    };
    Ok(visit.page(title, &body).with_status(status))
}

/// `GET /console/hooks/{id}/events/{event_id}`.
pub(super) async fn show(Path((id, event_id)): Path<(HookId, HookEventId)>, visit: Visit) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let detail: HookEventDetail = visit.api.get(&event_route(&id, &event_id)).await?;
    let event = &detail.event;
    let file = visit.link(&format!("{}/body", event_page(&id, &event_id)));
    let rows = [
        (visit.say("Received", "استُلم"), visit.time(&event.received_at)),
        (visit.say("Id here", "المعرّف هنا"), html! { code dir="ltr" { (event.id) } }),
        (
            visit.say("Id at the provider", "المعرّف لدى المزوّد"),
            html! { code.break dir="auto" { (event.provider_id.as_deref().unwrap_or("–")) } },
        ),
        (visit.say("Bytes", "بايت"), html! { (visit.number(event.body_bytes)) }),
        (visit.say("Replayed", "أُعيد نشره"), html! { (visit.number(u64::from(event.replays))) }),
    ];
    let headers: Vec<_> = event
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), html! { code.break dir="auto" { (value) } }))
        .collect();
    let body = html! {
        (parts::crumbs(&visit, &format!("{}/events", page(&id)), &hook.name))
        div.head {
            h1 { (name(&visit, event)) }
            @if visit.may(Scope::HooksReplay) {
                form method="post" action=(visit.link(&format!("{}/replay", event_page(&id, &event_id)))) {
                    (visit.token())
                    button.button type="submit" { (visit.say("Replay", "إعادة النشر")) }
                }
            }
        }
        (facts(&rows))
        section aria-labelledby="why" {
            h2 #why { (visit.say("Why it was taken", "لماذا قُبل")) }
            p { (visit.say("It proved itself:", "أثبت نفسه:")) " " (guide(&visit, event.scheme).proof) ". "
                (visit.say("Its name was one that the webhook takes, and it had not come before.", "وكان اسمه مما يستقبله الويب هوك، ولم يأتِ من قبل.")) }
            p.quiet { (visit.say(
                "A replay tells it again to rules and to your own systems, under the same id and the number of the replay.",
                "إعادة النشر تُبلغ به القواعد وأنظمتك مرة أخرى، بالمعرّف نفسه ورقم الإعادة.",
            )) }
        }
        section aria-labelledby="headers" {
            h2 #headers { (visit.say("Headers", "الترويسات")) }
            @if headers.is_empty() { p.quiet { (visit.say("None that say something about it. Signatures are not kept.", "لا ترويسات ذات صلة. ولا تُحفظ التواقيع.")) } }
            @else { (facts(&headers)) }
        }
        section aria-labelledby="body" {
            div.head {
                h2 #body { (visit.say("Body", "المحتوى")) }
                a.button.second.small href=(file) download { (visit.say("Download", "تنزيل")) }
            }
            (content(&visit, &detail, &file))
        }
    };
    Ok(visit.page(event.event.as_deref().unwrap_or(event.id.as_str()), &body))
}

fn content(visit: &Visit, detail: &HookEventDetail, whole: &str) -> Markup {
    // Another name than that of the section around it: both are landmarks.
    let name = visit.say("What the provider sent", "ما أرسله المزوّد");
    match (&detail.body, &detail.body_text, &detail.body_base64) {
        (Some(json), ..) => verbatim::json(visit, name, json, Some(whole)),
        (None, Some(text), _) if text.is_empty() => html! { p.quiet { (visit.say("It has none.", "لا محتوى له.")) } },
        (None, Some(text), _) => verbatim::text(visit, name, text, Some(whole)),
        (None, None, base64) => html! {
            p { (visit.say("It is no text; in base 64:", "ليس نصًا؛ بالأساس 64:")) }
            (verbatim::text(visit, name, base64.as_deref().unwrap_or_default(), Some(whole)))
        },
    }
}

/// `GET /console/hooks/{id}/events/{event_id}/body`: to be kept as a file, and never shown by the browser as if it were
/// ours.
pub(super) async fn download(Path((id, event_id)): Path<(HookId, HookEventId)>, visit: Visit) -> Answer<Response> {
    let detail: HookEventDetail = visit.api.get(&event_route(&id, &event_id)).await?;
    let (bytes, ending) = match (detail.body, detail.body_text, detail.body_base64) {
        (Some(json), ..) => (serde_json::to_vec_pretty(&json).unwrap_or_default(), "json"),
        (None, Some(text), _) => (text.into_bytes(), "txt"),
        (None, None, base64) => (STANDARD.decode(base64.unwrap_or_default()).unwrap_or_default(), "bin"),
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    if let Ok(kept) = HeaderValue::from_str(&format!("attachment; filename=\"{event_id}.{ending}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, kept);
    }
    Ok(response)
}

/// `POST /console/hooks/{id}/events/{event_id}/replay`.
pub(super) async fn replay(
    Path((id, event_id)): Path<(HookId, HookEventId)>,
    Posted { visit, .. }: Posted,
) -> Response {
    let replayed: Asked<ReplayAnswer> = visit.api.post(&format!("{}/replay", event_route(&id, &event_id))).await;
    let flash = match replayed {
        Ok(replayed) => {
            let words = visit.say("Published again; replay number", "نُشر من جديد؛ إعادة رقم");
            Flash::good(format!("{words} {}.", visit.number(u64::from(replayed.replay))))
        }
        Err(problem) => Flash::bad(title_of(&visit, problem.code), problem.detail),
    };
    visit.go(&event_page(&id, &event_id), &flash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_is_meant_as_a_whole() {
        assert_eq!(moment("2026-11-20T10:00", "00"), "2026-11-20T10:00:00Z");
        assert_eq!(moment("2026-11-20T10:00", "59.999"), "2026-11-20T10:00:59.999Z");
        assert_eq!(moment("2026-11-20T10:00:07", "00"), "2026-11-20T10:00:07Z");
        assert_eq!((moment("", "00").as_str(), moment("x", "00").as_str()), ("", "x"));
    }
}
