//! What was posted: the attempts, one in full, an event with all of its attempts; posting it again.

use super::{
    page, route,
    trial::{body, headers},
    words,
};
use crate::{
    api::{Asked, Listed},
    faults::refusal,
    page::Page,
    parts::{self, facts},
    query::{address, segment},
    verbatim,
    visit::{Posted, Visit},
};
use ::api::endpoints::{
    AttemptResult, AttemptSummary, EndpointView, EventAttemptDetail, EventDeliveryView, EventResend, EventResent,
    EventView,
};
use axum::{
    body::Body,
    extract::Query,
    http::{HeaderValue, Method, header},
    response::{IntoResponse, Response},
};
use domain::{
    bundle::DeliveryStatus,
    ids::{DeliveryId, IntegrationId},
    principal::Scope,
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;

/// Which attempts.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    status: String,
    r#type: String,
    since: String,
    until: String,
    cursor: String,
}

/// A moment as a browser's field has it (`2026-11-20T10:00`, in UTC) for the API.
pub(super) fn moment(entered: &str) -> String {
    let entered = entered.trim();
    match entered.len() {
        16 => format!("{entered}:00Z"),
        19 => format!("{entered}Z"),
        _ => entered.to_owned(),
    }
}

/// A field for a moment in UTC.
pub(super) fn moment_field(name: &str, title: &str, value: &str) -> Markup {
    html! {
        span {
            label for=(name) { (title) }
            input id=(name) type="datetime-local" name=(name) value=(value) dir="ltr";
        }
    }
}

/// `GET /console/endpoints/{id}/attempts`.
pub(crate) async fn list(Path(id): Path<IntegrationId>, visit: Visit, Query(which): Query<Which>) -> Answer<Response> {
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let filter = [("status", which.status.as_str()), ("type", which.r#type.trim())];
    let span = [("since", moment(&which.since)), ("until", moment(&which.until))];
    let span = span.each_ref().map(|(name, moment)| (*name, moment.as_str()));
    let asked = [&filter[..], &span[..], &[("limit", "50"), ("cursor", &which.cursor)]].concat();
    let found: Asked<Listed<AttemptSummary>> = visit.api.get(&address(&route(&id, "/attempts"), &asked)).await;
    let (problem, found) = match found {
        Ok(found) => (None, found),
        Err(problem) if problem.status == 422 => (Some(problem), Listed { items: Vec::new(), next: None }),
        Err(problem) => return Err(problem.into()),
    };
    let next = found.next.as_deref().map(|next| {
        let same = [("since", which.since.as_str()), ("until", which.until.as_str()), ("cursor", next)];
        visit.link(&address(&page(&id, "/attempts"), &[&filter[..], &same[..]].concat()))
    });
    let title = visit.say("Attempts", "المحاولات");
    let shown = html! {
        (parts::crumbs(&visit, &page(&id, ""), &endpoint.name))
        h1 { (title) }
        p.quiet { (visit.say(
            "Every attempt to post, newest first, some seconds after it was made. They are kept for 90 days.",
            "كل محاولة إرسال، الأحدث أولًا، بعد حدوثها ببضع ثوانٍ. تُحفظ 90 يومًا.",
        )) }
        (search(&visit, &which))
        @if let Some(problem) = &problem { (refusal(&visit, problem, &[])) }
        @if found.items.is_empty() && problem.is_none() {
            (parts::empty(
                visit.say("No attempt here", "لا محاولات هنا"),
                visit.say(
                    "Nothing was posted that fits, or not on this page: go on to the next one if there is any.",
                    "لم يُرسل ما يطابق ذلك، أو ليس في هذه الصفحة: تابع إلى التالية إن وُجدت.",
                ),
                None,
            ))
        } @else if problem.is_none() { (table(&visit, &id, found.items.iter())) }
        (parts::more(&visit, next))
    };
    let status = problem.map_or(200, |problem| problem.status);
    Ok(visit.page(title, &shown).with_status(status).into_response())
}

fn search(visit: &Visit, which: &Which) -> Markup {
    html! {
        form.filters method="get" role="search" {
            span {
                label for="status" { (visit.say("Result", "النتيجة")) }
                select #status name="status" {
                    option value="" { (visit.say("all", "الكل")) }
                    @for result in AttemptResult::ALL {
                        option value=(result.as_str()) selected[result.as_str() == which.status] { (words::outcome_words(visit, result).1) }
                    }
                }
            }
            span {
                label for="type" { (visit.say("Type", "النوع")) }
                input #type name="type" value=(which.r#type) placeholder="order.*" dir="ltr" spellcheck="false";
            }
            (moment_field("since", visit.say("From (UTC)", "من (UTC)"), &which.since))
            (moment_field("until", visit.say("Until (UTC)", "إلى (UTC)"), &which.until))
            button.small type="submit" { (visit.say("Show", "عرض")) }
        }
    }
}

/// Attempts in a table.
pub(super) fn table<'a>(
    visit: &Visit,
    id: &IntegrationId,
    attempts: impl Iterator<Item = &'a AttemptSummary>,
) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("When", "متى")) }
                th scope="col" { (visit.say("Result", "النتيجة")) }
                th scope="col" { (visit.say("Event", "الحدث")) }
                th scope="col" { (visit.say("Answer", "الإجابة")) }
                th scope="col" { (visit.say("Why", "السبب")) }
            } }
            tbody { @for attempt in attempts { tr {
                th scope="row" { a href=(visit.link(&page(id, &format!("/attempts/{}", segment(&attempt.id))))) { (visit.time(&attempt.at)) } }
                td data-label=(visit.say("Result", "النتيجة")) {
                    (words::outcome(visit, attempt.result))
                    small.quiet { (visit.say("attempt", "المحاولة")) " " (visit.number(u64::from(attempt.number))) }
                }
                td data-label=(visit.say("Event", "الحدث")) {
                    @match &attempt.kind {
                        Some(kind) => code.kind dir="ltr" { (kind) },
                        None => span.quiet { (visit.say("not kept any more", "لم يعد محفوظًا")) },
                    }
                }
                td data-label=(visit.say("Answer", "الإجابة")) { (words::answered(visit, attempt.status, attempt.duration_ms)) }
                td data-label=(visit.say("Why", "السبب")) { (words::why(visit, attempt.error.as_ref())) }
            } } }
        }
    }
}

/// What is known of an event.
fn event_rows(visit: &Visit, event: &EventView, delivery: Markup) -> Vec<(&'static str, Markup)> {
    let say = |english: &'static str, arabic: &'static str| visit.view.say(english, arabic);
    let mut rows = vec![
        (say("Type", "النوع"), html! { code.break dir="ltr" { (event.kind) } }),
        (say("Event (webhook-id)", "الحدث (webhook-id)"), html! { code.break dir="ltr" { (event.id) } }),
        (say("Delivery", "التسليم"), delivery),
        (say("Happened", "وقع"), visit.time(&event.at)),
    ];
    if let Some(key) = &event.key {
        rows.push((say("Key", "المفتاح"), html! { code.break dir="auto" { (key) } }));
    }
    rows
}

fn at_attempt(id: &IntegrationId, attempt: &str, rest: &str) -> String {
    page(id, &format!("/attempts/{}{rest}", segment(attempt)))
}

async fn attempt_of(visit: &Visit, id: &IntegrationId, attempt: &str) -> Asked<EventAttemptDetail> {
    visit.api.get(&route(id, &format!("/attempts/{}", segment(attempt)))).await
}

/// `GET /console/endpoints/{id}/attempts/{attempt}`.
pub(crate) async fn show(Path((id, attempt)): Path<(IntegrationId, String)>, visit: Visit) -> Answer<Page> {
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let EventAttemptDetail { attempt: one, delivery_id, event } = attempt_of(&visit, &id, &attempt).await?;
    let whole = |file: &str| visit.link(&at_attempt(&id, &attempt, file));
    let title = format!("{} {}", visit.say("Attempt", "المحاولة"), visit.number(u64::from(one.number)));
    let answer = [
        (visit.say("When", "متى"), visit.time(&one.at)),
        (visit.say("Answer", "الإجابة"), words::answered(&visit, one.status, one.duration_ms)),
        (visit.say("Headers", "الترويسات"), headers(&visit, &one.headers)),
        (visit.say("Body", "المتن"), body(&visit, &one.body, Some(&whole("/answer.txt")))),
    ];
    let delivery = visit.link(&page(&id, &format!("/deliveries/{delivery_id}")));
    let delivery = html! { a href=(delivery) { code.break dir="ltr" { (delivery_id) } } };
    let shown = html! {
        (parts::crumbs(&visit, &page(&id, "/attempts"), &endpoint.name))
        div.head { h1 { (title) } (words::result(&visit, &one.result)) }
        @if let Some(error) = &one.error { (words::trouble(&visit, error)) }
        (again(&visit, &id, &delivery_id, &one.result))
        section aria-labelledby="answer" {
            h2 #answer { (visit.say("What was answered", "ما أُجيب به")) }
            (facts(&answer))
        }
        section aria-labelledby="event" {
            h2 #event { (visit.say("The event", "الحدث")) }
            (facts(&event_rows(&visit, &event, delivery)))
            h3 { (visit.say("Its data, before the transformation", "بياناته قبل التحويل")) }
            (verbatim::json(&visit, visit.say("Data of the event", "بيانات الحدث"), &event.data, Some(&whole("/event.json"))))
        }
    };
    Ok(visit.page(&title, &shown))
}

/// The button that posts an event again. What was taken asks first: a receiver that keeps ids will pass it over.
fn again(visit: &Visit, id: &IntegrationId, delivery: &DeliveryId, result: &str) -> Markup {
    let (force, words) = match result {
        "failed" | "dead" | "unknown" => (false, visit.say("Post it again", "إرساله ثانية")),
        "sent" => (true, visit.say("Post it again although it was taken", "إرساله ثانية رغم استلامه")),
        _ => return html! {},
    };
    html! {
        @if visit.may(Scope::EndpointsOperate) {
            form.actions method="post" action=(visit.link(&page(id, &format!("/deliveries/{delivery}/resend")))) {
                (visit.token())
                @if force { input type="hidden" name="force" value="yes"; }
                button.button.second[force] type="submit" { (words) }
            }
        }
    }
}

/// `GET /console/endpoints/{id}/attempts/{attempt}/answer.txt`: all that is kept of the answer.
pub(crate) async fn answer(Path((id, attempt)): Path<(IntegrationId, String)>, visit: Visit) -> Answer<Response> {
    let one = attempt_of(&visit, &id, &attempt).await?;
    Ok(file(one.attempt.body, "text/plain; charset=utf-8", "answer.txt"))
}

/// `GET /console/endpoints/{id}/attempts/{attempt}/event.json`: the event's data.
pub(crate) async fn event(Path((id, attempt)): Path<(IntegrationId, String)>, visit: Visit) -> Answer<Response> {
    let one = attempt_of(&visit, &id, &attempt).await?;
    Ok(file(one.event.data.to_string(), "application/json", "event.json"))
}

/// A file to be saved, never to be shown: others wrote it.
fn file(text: String, kind: &'static str, name: &str) -> Response {
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(disposition) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// `GET /console/endpoints/{id}/deliveries/{delivery}`: an event on its way to this endpoint.
pub(crate) async fn delivery(Path((id, delivery)): Path<(IntegrationId, DeliveryId)>, visit: Visit) -> Answer<Page> {
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let one: EventDeliveryView = visit.api.get(&route(&id, &format!("/deliveries/{delivery}"))).await?;
    let mut rows = event_rows(&visit, &one.event, html! { code.break dir="ltr" { (one.id) } });
    rows.push((visit.view.say("Accepted", "قُبل"), visit.time(&one.created_at)));
    if let Some(next) = &one.next_attempt_at {
        rows.push((visit.view.say("Next attempt", "المحاولة التالية"), visit.time(next)));
    }
    let is_over = match one.status {
        DeliveryStatus::Sent => "sent",
        DeliveryStatus::Failed | DeliveryStatus::Dead | DeliveryStatus::Unknown => "failed",
        _ => "",
    };
    let whole = one.attempts.last().map(|attempt| visit.link(&at_attempt(&id, &attempt.id, "/event.json")));
    let shown = html! {
        (parts::crumbs(&visit, &page(&id, ""), &endpoint.name))
        div.head { h1 { code dir="ltr" { (one.event.kind) } } (words::status(&visit, one.status)) }
        (again(&visit, &id, &delivery, is_over))
        (facts(&rows))
        section aria-labelledby="attempts" {
            h2 #attempts { (visit.say("Attempts", "المحاولات")) }
            @if one.attempts.is_empty() { p.quiet { (visit.say("None yet.", "لا محاولات بعد.")) } }
            @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("When", "متى")) }
                        th scope="col" { (visit.say("Result", "النتيجة")) }
                        th scope="col" { (visit.say("Answer", "الإجابة")) }
                        th scope="col" { (visit.say("Why", "السبب")) }
                    } }
                    tbody { @for attempt in one.attempts.iter().rev() { tr {
                        th scope="row" { a href=(visit.link(&at_attempt(&id, &attempt.id, ""))) { (visit.time(&attempt.at)) } }
                        td data-label=(visit.say("Result", "النتيجة")) { (words::result(&visit, &attempt.result)) }
                        td data-label=(visit.say("Answer", "الإجابة")) { (words::answered(&visit, attempt.status, attempt.duration_ms)) }
                        td data-label=(visit.say("Why", "السبب")) { (words::why(&visit, attempt.error.as_ref())) }
                    } } }
                }
            }
        }
        section aria-labelledby="data" {
            h2 #data { (visit.say("Its data, before the transformation", "بياناته قبل التحويل")) }
            (verbatim::json(&visit, visit.say("Data of the event", "بيانات الحدث"), &one.event.data, whole.as_deref()))
        }
    };
    Ok(visit.page(one.event.kind.as_str(), &shown))
}

/// `POST /console/endpoints/{id}/deliveries/{delivery}/resend`.
pub(crate) async fn resend(
    Path((id, delivery)): Path<(IntegrationId, DeliveryId)>,
    Posted { visit, form }: Posted,
) -> Answer<Response> {
    let at = format!("/deliveries/{delivery}");
    if form.text("force") == "yes" {
        let title = visit.say("Post it again?", "إرساله ثانية؟");
        let words = html! { p { (visit.say(
            "The endpoint took this event. It is posted again under the same webhook-id: a receiver that keeps ids will pass it over, one that does not will do its work twice.",
            "استلم الويب هوك هذا الحدث. سيُرسل ثانية بالمعرّف webhook-id نفسه: المستقبِل الذي يحفظ المعرّفات يتجاوزه، والذي لا يحفظها ينفّذ عمله مرتين.",
        )) } };
        let (path, back) = (page(&id, &format!("{at}/resend")), page(&id, &at));
        let body = html! {
            h1 { (title) }
            div.card {
                (words)
                form.actions method="post" action=(visit.link(&path)) {
                    (visit.token())
                    input type="hidden" name="force" value="sure";
                    button.button type="submit" { (visit.say("Post it again", "إرساله ثانية")) }
                    a.button.second href=(visit.link(&back)) { (visit.say("Leave it", "تركه")) }
                }
            }
        };
        return Ok(visit.page(title, &body).into_response());
    }
    let wanted = EventResend { force: form.text("force") == "sure" };
    let resent: Asked<EventResent> = visit.api.send(Method::POST, &route(&id, &format!("{at}/resend")), &wanted).await;
    let done = visit.say("It is queued again, with a fresh count of attempts.", "أُعيد إلى الطابور بعدّ جديد للمحاولات.");
    Ok(visit.went(&page(&id, &at), resent, done))
}
