//! What an endpoint did not get: looking at it, and queueing it again, by filter or since a time.

use super::{
    attempts::{moment, moment_field},
    needs, page, route, words,
    words::{DAYS, EVENTS, HOURS},
};
use crate::{
    api::{Asked, Listed},
    faults::refusal,
    field::Field,
    flash::Flash,
    form::Form,
    page::Page,
    parts,
    query::address,
    visit::{Console, Kept, Posted, Visit},
};
use ::api::{
    endpoints::{DeadLetterFilter, DeadLetterView, EndpointView, RecoverRequest, RedriveAnswer},
    problem::Problem,
};
use axum::{
    extract::{Query, State},
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{
    ids::IntegrationId,
    principal::Scope,
    time::{HOUR_MS, MINUTE_MS},
};
use maud::{Markup, html};
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// How far back may be recovered by one choice, in hours. Dead letters are kept for 30 days.
const BACK: [u64; 6] = [1, 6, 24, 72, 168, 720];

/// Which dead letters.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Which {
    r#type: String,
    code: String,
    since: String,
    until: String,
    cursor: String,
}

impl Which {
    fn of_form(form: &Form) -> Self {
        let text = |name: &str| form.text(name).to_owned();
        Self {
            r#type: text("type"),
            code: text("code"),
            since: text("since"),
            until: text("until"),
            cursor: String::new(),
        }
    }

    /// As the API takes it.
    fn filter(&self) -> [(&'static str, String); 4] {
        [
            ("type", self.r#type.trim().to_owned()),
            ("code", self.code.clone()),
            ("since", moment(&self.since)),
            ("until", moment(&self.until)),
        ]
    }

    fn is_all(&self) -> bool {
        self.filter().iter().all(|(_, value)| value.is_empty())
    }
}

/// `GET /console/endpoints/{id}/dead-letters`.
pub(crate) async fn list(Path(id): Path<IntegrationId>, visit: Visit, Query(which): Query<Which>) -> Answer<Response> {
    list_page(&visit, &id, &which, None).await
}

async fn list_page(visit: &Visit, id: &IntegrationId, which: &Which, refused: Option<&Problem>) -> Answer<Response> {
    let endpoint: EndpointView = visit.api.get(&route(id, "")).await?;
    let filter = which.filter();
    let mut asked: Vec<_> = filter.iter().map(|(name, value)| (*name, value.as_str())).collect();
    asked.extend([("limit", "50"), ("cursor", which.cursor.as_str())]);
    let found: Asked<Listed<DeadLetterView>> = visit.api.get(&address(&route(id, "/dead-letters"), &asked)).await;
    let (problem, found) = match found {
        Ok(found) => (None, found),
        Err(problem) if problem.status == 422 => (Some(problem), Listed { items: Vec::new(), next: None }),
        Err(problem) => return Err(problem.into()),
    };
    let problem = refused.or(problem.as_deref());
    let entered = [("type", &which.r#type), ("code", &which.code), ("since", &which.since), ("until", &which.until)];
    let entered = entered.map(|(name, value)| (name, value.as_str()));
    let next = found
        .next
        .as_deref()
        .map(|next| visit.link(&address(&page(id, "/dead-letters"), &[&entered[..], &[("cursor", next)]].concat())));
    let title = visit.say("Dead letters", "الرسائل الميتة");
    let all = if which.is_all() {
        visit.say("Post all of them again", "إرسالها كلها ثانية")
    } else {
        visit.say("Post all that fit again", "إرسال كل ما يطابق ثانية")
    };
    let body = html! {
        (parts::crumbs(visit, &page(id, ""), &endpoint.name))
        h1 { (title) }
        p.quiet { (visit.say(
            "Events that were tried in vain to the end, newest first. They are kept for 30 days. What is posted again goes as fast as the endpoint's limits allow.",
            "أحداث جُرّبت حتى النهاية دون جدوى، الأحدث أولًا. تُحفظ 30 يومًا. ما يُرسل ثانية يسير بالسرعة التي تسمح بها حدود الويب هوك.",
        )) }
        (search(visit, id, which))
        @if let Some(problem) = problem { (refusal(visit, problem, &[])) }
        @if found.items.is_empty() && problem.is_none() {
            (parts::empty(
                visit.say("No dead letter here", "لا رسائل ميتة هنا"),
                if found.next.is_some() {
                    visit.say("None of those looked through fits. Go on to the next page.", "لا شيء مما فُحص يطابق. تابع إلى الصفحة التالية.")
                } else {
                    visit.say("It got everything, or nothing fits that is kept.", "تلقى كل شيء، أو لا شيء محفوظ يطابق.")
                },
                None,
            ))
        } @else if !found.items.is_empty() {
            @if visit.may(Scope::EndpointsOperate) {
                form.actions method="post" action=(visit.link(&page(id, "/redrive"))) {
                    (visit.token())
                    @for (name, value) in entered { @if !value.is_empty() { input type="hidden" name=(name) value=(value); } }
                    button.button type="submit" { (all) }
                }
            }
            (table(visit, id, &found.items))
        }
        (parts::more(visit, next))
    };
    let status = problem.map_or(200, |problem| problem.status);
    Ok(visit.page(title, &body).with_status(status).into_response())
}

fn search(visit: &Visit, id: &IntegrationId, which: &Which) -> Markup {
    html! {
        form.filters method="get" role="search" action=(visit.link(&page(id, "/dead-letters"))) {
            span {
                label for="type" { (visit.say("Type", "النوع")) }
                input #type name="type" value=(which.r#type) placeholder="order.*" dir="ltr" spellcheck="false";
            }
            span {
                label for="code" { (visit.say("Why", "السبب")) }
                select #code name="code" {
                    option value="" { (visit.say("all", "الكل")) }
                    @for (code, words) in words::codes(visit) { option value=(code) selected[code == which.code] { (words) } }
                }
            }
            (moment_field("since", visit.say("From (UTC)", "من (UTC)"), &which.since))
            (moment_field("until", visit.say("Until (UTC)", "إلى (UTC)"), &which.until))
            button.small type="submit" { (visit.say("Show", "عرض")) }
        }
    }
}

fn table(visit: &Visit, id: &IntegrationId, letters: &[DeadLetterView]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Event", "الحدث")) }
                th scope="col" { (visit.say("Given up", "تُرك")) }
                th scope="col" { (visit.say("Answer", "الإجابة")) }
                th scope="col" { (visit.say("Why", "السبب")) }
                th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
            } }
            tbody { @for letter in letters {
                @let at = page(id, &format!("/deliveries/{}", letter.delivery_id));
                tr {
                    th scope="row" { a href=(visit.link(&at)) { code.kind dir="ltr" { (letter.kind) } } small.quiet { code.break dir="ltr" { (letter.event_id) } } }
                    td data-label=(visit.say("Given up", "تُرك")) {
                        (visit.time(&letter.failed_at))
                        small.quiet { (visit.count(u64::from(letter.attempts), &words::ATTEMPTS)) }
                    }
                    td data-label=(visit.say("Answer", "الإجابة")) { (words::answered(visit, letter.response_status, None)) }
                    td data-label=(visit.say("Why", "السبب")) { (words::why(visit, Some(&letter.error))) }
                    td.actions {
                        @if visit.may(Scope::EndpointsOperate) {
                            (parts::button(visit, &format!("{at}/resend"), visit.say("Post again", "إرسال ثانية"), "plain whole", letter.kind.as_str()))
                        }
                    }
                }
            } }
        }
    }
}

/// What is told where there is more to be queued than fits into one call.
#[derive(Serialize, Deserialize)]
struct GoOn {
    next: DeadLetterFilter,
    /// How many were queued so far.
    redriven: usize,
    /// How many cannot be any more.
    left: usize,
}

/// `POST /console/endpoints/{id}/redrive`: what the filter means, or what the call before left over.
pub(crate) async fn redrive(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let which = Which::of_form(&form);
    let (body, before) = match form.entered("go_on") {
        None => {
            let set = which.filter().into_iter().filter(|(_, value)| !value.is_empty());
            (Value::Object(set.map(|(name, value)| (name.to_owned(), json!(value))).collect()), (0, 0))
        }
        Some(text) => {
            let unreadable = |_| Problem::invalid_field("go_on", "invalid", "Begin anew: this form cannot be read.");
            let go_on: GoOn = serde_json::from_str(text).map_err(unreadable)?;
            (json!(go_on.next), (go_on.redriven, go_on.left))
        }
    };
    let answer: Asked<RedriveAnswer> = visit.api.send(Method::POST, &route(&id, "/dead-letters/redrive"), &body).await;
    match answer {
        Ok(answer) => Ok(told(&visit, &id, answer, before)),
        Err(problem) if problem.status == 422 => list_page(&visit, &id, &which, Some(&problem)).await,
        Err(problem) => Ok(visit.went::<()>(&page(&id, "/dead-letters"), Err(problem), "")),
    }
}

/// What was queued: back to the endpoint, or a page that goes on where there is more.
fn told(visit: &Visit, id: &IntegrationId, answer: RedriveAnswer, (redriven, left): (usize, usize)) -> Response {
    let (redriven, left) = (redriven + answer.redriven, left + answer.left);
    let count = |n: usize| visit.count(u64::try_from(n).unwrap_or(0), &EVENTS);
    let queued = format!("{}: {}", visit.say("Queued again", "أُعيد إلى الطابور"), count(redriven));
    let Some(next) = answer.next else {
        if left > 0 {
            let stay = visit.say(
                "these were posted again so often that they cannot be any more; send the events in again",
                "أُعيدت هذه مرات كثيرة فلا يمكن إعادتها بعد؛ أرسل الأحداث من جديد",
            );
            return visit.go(&page(id, ""), &Flash::warn(format!("{queued}. {}: {stay}.", count(left)), ""));
        }
        let nothing = visit.say("There was nothing to be posted again.", "لم يكن هناك ما يُرسل ثانية.");
        let flash = if redriven == 0 { Flash::warn(nothing, "") } else { Flash::good(queued) };
        return visit.go(&page(id, ""), &flash);
    };
    let go_on = json!(GoOn { next, redriven, left }).to_string();
    let title = visit.say("There is more", "هناك المزيد");
    let body = html! {
        h1 { (title) }
        div.card {
            p role="status" { strong { (queued) } }
            p { (visit.say(
                "They are queued in parts. Go on until all are; leaving now loses nothing, the rest stays a dead letter.",
                "تُعاد إلى الطابور على أجزاء. تابع حتى تنتهي؛ لا يضيع شيء إن توقفت الآن، ويبقى الباقي رسائل ميتة.",
            )) }
            form.actions method="post" action=(visit.link(&page(id, "/redrive"))) data-go-on {
                (visit.token())
                input type="hidden" name="go_on" value=(go_on);
                button.button type="submit" { (visit.say("Go on", "متابعة")) }
                a.button.second href=(visit.link(&page(id, ""))) { (visit.say("Stop here", "التوقف هنا")) }
            }
        }
    };
    visit.page(title, &body).into_response()
}

/// `GET /console/endpoints/{id}/recover`.
pub(crate) async fn ask_recover<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    Path(id): Path<IntegrationId>,
    visit: Visit,
) -> Answer<Page> {
    needs(&visit, Scope::EndpointsOperate)?;
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let now = console.now().to_rfc3339();
    Ok(recover_page(&visit, &endpoint, &Form::default(), None, now.get(..16).unwrap_or_default()))
}

/// `POST /console/endpoints/{id}/recover`.
pub(crate) async fn recover<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    Path(id): Path<IntegrationId>,
    Posted { visit, form }: Posted,
) -> Answer<Response> {
    let now = console.now();
    let since = form.entered("since").map_or_else(
        || {
            let hours = form.text("back").parse::<u32>().unwrap_or(24);
            // The API's clock is a moment ahead by then, and it refuses what is older than it keeps.
            now.plus_ms(MINUTE_MS - i64::from(hours) * HOUR_MS).to_rfc3339()
        },
        moment,
    );
    let wanted = RecoverRequest { since };
    let answer: Asked<RedriveAnswer> = visit.api.send(Method::POST, &route(&id, "/recover"), &wanted).await;
    match answer {
        Ok(answer) => Ok(told(&visit, &id, answer, (0, 0))),
        Err(problem) => {
            let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
            let now = now.to_rfc3339();
            let page = recover_page(&visit, &endpoint, &form, Some(&problem), now.get(..16).unwrap_or_default());
            Ok(page.with_status(problem.status).into_response())
        }
    }
}

fn recover_page(visit: &Visit, endpoint: &EndpointView, form: &Form, problem: Option<&Problem>, now: &str) -> Page {
    let title = visit.say("Recover what it missed", "استرجاع ما فاته");
    let back = page(&endpoint.id, "");
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let spans: Vec<_> = BACK.iter().map(|hours| (hours.to_string(), span(visit, *hours))).collect();
    let spans: Vec<_> = spans.iter().map(|(hours, words)| (hours.as_str(), words.as_str())).collect();
    let far = Field::new(visit, "back", visit.say("Everything given up in the last", "كل ما تُرك خلال آخر"), "");
    let help = visit.say(
        "In UTC, at most 30 days ago. It counts instead of the choice above.",
        "بالتوقيت العالمي، قبل 30 يومًا على الأكثر. يُعتمد بدل الاختيار أعلاه.",
    );
    let since = Field::new(visit, "since", visit.say("Or since this moment", "أو منذ هذه اللحظة"), help).judged(errors);
    let body = html! {
        (parts::crumbs(visit, &back, &endpoint.name))
        h1 { (title) }
        p.quiet { (visit.say(
            "After an outage of the receiver: all events that were given up since then are posted again, the oldest first, under their own webhook-id. What was taken meanwhile is not posted again.",
            "بعد انقطاع لدى المستقبِل: تُرسل ثانية كل الأحداث التي تُركت منذ ذلك الحين، الأقدم أولًا، بمعرّفها webhook-id نفسه. لا يُرسل ثانية ما استُلم في تلك الأثناء.",
        )) }
        @if let Some(problem) = problem { (refusal(visit, problem, &["since".to_owned()])) }
        form.card.form method="post" {
            (visit.token())
            (far.required().choice(visit, form.entered("back").unwrap_or("24"), &spans))
            (since.around(visit, |id, described| html! {
                input id=(id) type="datetime-local" name="since" value=(form.text("since")) max=(now) dir="ltr" aria-describedby=[described] aria-invalid=[since.wrong()];
            }))
            div.actions {
                button.button type="submit" { (visit.say("Post it again", "إرساله ثانية")) }
                a.button.second href=(visit.link(&back)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

fn span(visit: &Visit, hours: u64) -> String {
    if hours >= 72 { visit.count(hours / 24, &DAYS) } else { visit.count(hours, &HOURS) }
}
