//! `GET /console/endpoints/{id}`: how one does, what to do about it, its newest attempts, its settings.

use super::{
    attempts,
    draft::Draft,
    fields::condition_words,
    list::kinds,
    page, route, words,
    words::{ATTEMPTS, retries},
};
use crate::{
    api::Listed,
    page::Page,
    parts::{self, facts, tile},
    view::View,
    visit::Visit,
};
use ::api::endpoints::{AttemptResult, AttemptSummary, DeadLetterView, EndpointView};
use domain::{health::HealthStatus, ids::IntegrationId, principal::Scope, webhook::Signing};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// Of how many attempts the share is told that were taken.
const COUNTED: usize = 50;

/// How many of them are listed.
const LISTED: usize = 10;

pub(crate) async fn show(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    let attempts: Listed<AttemptSummary> = visit.api.get(&route(&id, &format!("/attempts?limit={COUNTED}"))).await?;
    let dead: Option<Listed<DeadLetterView>> = visit.api.look(&route(&id, "/dead-letters?limit=1")).await;
    let has_dead = dead.is_some_and(|dead| !dead.items.is_empty());
    let body = html! {
        (parts::crumbs(&visit, "/endpoints", visit.say("Webhooks out", "الويب هوك الصادرة")))
        div.head { h1 { bdi { (endpoint.name) } } (words::state(&visit, &endpoint)) }
        p.quiet { code.break dir="ltr" { (endpoint.url) } }
        @if let Some(description) = &endpoint.description { p dir="auto" { (description) } }
        (actions(&visit, &endpoint))
        (stopped(&visit, &endpoint))
        (figures(&visit, &attempts.items))
        @if has_dead { (dead_letters(&visit, &id)) }
        section aria-labelledby="attempts" {
            div.head {
                h2 #attempts { (visit.say("Newest attempts", "آخر المحاولات")) }
                a.button.second.small href=(visit.link(&page(&id, "/attempts"))) { (visit.say("All attempts", "كل المحاولات")) }
                @if !has_dead { a.button.second.small href=(visit.link(&page(&id, "/dead-letters"))) { (visit.say("Dead letters", "الرسائل الميتة")) } }
            }
            @if attempts.items.is_empty() {
                p.quiet { (visit.say(
                    "Nothing was posted yet. Events come from POST /v1/events; an attempt is listed some seconds after it.",
                    "لم يُرسل شيء بعد. تأتي الأحداث عبر POST /v1/events، وتظهر المحاولة بعدها ببضع ثوانٍ.",
                )) }
            } @else {
                (attempts::table(&visit, &id, attempts.items.iter().take(LISTED)))
            }
        }
        (settings(&visit, &endpoint))
        @if visit.may(Scope::EndpointsWrite) {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Delete", "الحذف")) }
                p { (visit.say("What waits for it is cancelled.", "يُلغى ما ينتظره.")) }
                a.button.danger href=(visit.link(&page(&id, "/delete"))) { (visit.say("Delete endpoint", "حذف الويب هوك")) }
            }
        }
    };
    Ok(visit.page(&endpoint.name, &body))
}

fn actions(visit: &Visit, endpoint: &EndpointView) -> Markup {
    let id = &endpoint.id;
    let button = |action: &str, words: &str, class: &str| {
        html! {
            form method="post" action=(visit.link(&page(id, action))) {
                (visit.token())
                button.button.(class) type="submit" { (words) }
            }
        }
    };
    let link = |path: &str, words: &str| html! { a.button.second href=(visit.link(&page(id, path))) { (words) } };
    let (may_write, may_operate) = (visit.may(Scope::EndpointsWrite), visit.may(Scope::EndpointsOperate));
    html! {
        div.actions {
            @if may_operate && !endpoint.enabled { (button("/resume", visit.say("Resume", "استئناف"), "first")) }
            @if may_operate { (link("/test", visit.say("Send a test event", "إرسال حدث تجريبي"))) }
            @if may_operate && endpoint.enabled { (button("/pause", visit.say("Pause", "إيقاف مؤقت"), "second")) }
            @if may_write {
                (link("/edit", visit.say("Edit", "تعديل")))
                (link("/secret", visit.say("Rotate the secret", "تبديل السر")))
            }
            @if may_operate { (link("/recover", visit.say("Recover what it missed", "استرجاع ما فاته"))) }
        }
    }
}

/// Why it gets nothing, or what its newest test found, and what to do.
fn stopped(visit: &Visit, endpoint: &EndpointView) -> Markup {
    let (tone, _) = words::standing(visit, endpoint);
    let test = endpoint.last_test.as_ref().filter(|test| test.status != HealthStatus::Ok);
    html! {
        @if let Some(stopped) = &endpoint.stopped {
            section.card.alert.(tone) #what-to-do tabindex="-1" aria-labelledby="stopped" {
                h2 #stopped { (visit.say("It gets no events for now", "لا يتلقى أحداثًا الآن")) }
                p.reason { (visit.say(&stopped.reason, &stopped.reason_ar)) }
                p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (visit.say(&stopped.fix, &stopped.fix_ar)) }
                p.quiet { (visit.say("Since", "منذ")) " " (visit.time(&stopped.since)) }
            }
        } @else if let Some(test) = test {
            section.card.alert.(tone) #what-to-do tabindex="-1" aria-labelledby="trouble" {
                h2 #trouble { (visit.say("What is wrong", "ما المشكلة")) }
                (parts::found(visit, test))
                p.quiet { (visit.time(&test.tested_at)) " · " code dir="ltr" { (test.code) } }
            }
        }
    }
}

/// How the newest attempts went.
fn figures(visit: &Visit, attempts: &[AttemptSummary]) -> Markup {
    let Some(newest) = attempts.first() else { return html! {} };
    let taken = attempts.iter().filter(|attempt| attempt.result == AttemptResult::Delivered).count();
    let permille = u32::try_from(taken * 1_000 / attempts.len()).unwrap_or(0);
    let share = visit.percent(f64::from(permille) / 10.0);
    let of = format!(
        "{}{}",
        visit.say("of ", "من أصل: "),
        visit.count(u64::try_from(attempts.len()).unwrap_or(0), &ATTEMPTS)
    );
    let mut durations: Vec<_> = attempts.iter().filter_map(|attempt| attempt.duration_ms).collect();
    durations.sort_unstable();
    let median = durations.get(durations.len() / 2).map_or_else(|| "–".to_owned(), |ms| visit.ms(u64::from(*ms)));
    let (tone, result) = words::outcome_words(visit, newest.result);
    let of_share = match taken * 2 {
        twice if twice == attempts.len() * 2 => "good",
        twice if twice < attempts.len() => "bad",
        _ => "warn",
    };
    html! {
        section aria-labelledby="figures" {
            h2 #figures { (visit.say("How it does", "كيف حاله")) }
            dl.tiles {
                (tile(visit.say("Delivered", "سُلّم"), &share, Some(&of), of_share))
                (tile(visit.say("Newest attempt", "آخر محاولة"), result, None, tone))
                (tile(visit.say("Answer time, median", "زمن الإجابة، الوسيط"), &median, None, ""))
            }
        }
    }
}

fn dead_letters(visit: &Visit, id: &IntegrationId) -> Markup {
    html! {
        section.card.alert.warn aria-labelledby="dead" {
            h2 #dead { (visit.say("It did not get everything", "لم يتلقَّ كل شيء")) }
            p { (visit.say(
                "Some events were tried in vain to the end. They are kept for 30 days and posted again when you say so.",
                "جُرّبت بعض الأحداث حتى النهاية دون جدوى. تُحفظ 30 يومًا وتُرسل ثانية متى طلبت.",
            )) }
            div.actions { a.button href=(visit.link(&page(id, "/dead-letters"))) { (visit.say("Look at the dead letters", "عرض الرسائل الميتة")) } }
        }
    }
}

fn settings(visit: &Visit, endpoint: &EndpointView) -> Markup {
    let draft = Draft::saved(endpoint, &[]);
    let none = || html! { span.quiet { (visit.say("none", "لا شيء")) } };
    let key = match endpoint.signing {
        Signing::Hmac => (visit.say("Signing secret", "سر التوقيع"), endpoint.secret.as_deref()),
        Signing::Ed25519 => (visit.say("Public key", "المفتاح العام"), endpoint.public_key.as_deref()),
    };
    let mut rows = vec![
        (visit.say("Events", "الأحداث"), kinds(visit, endpoint)),
        (visit.say("Only if", "فقط إذا"), filter(visit, &draft).unwrap_or_else(none)),
        (visit.say("Changes of the data", "تغييرات البيانات"), transform(visit, &draft).unwrap_or_else(none)),
        (
            visit.say("Headers", "الترويسات"),
            if draft.kept.is_empty() {
                none()
            } else {
                html! { ul.plain-list { @for (name, mask, _) in &draft.kept { li { code dir="ltr" { (name) ": " (mask) } } } } }
            },
        ),
        (key.0, html! { code.break dir="ltr" { (key.1.unwrap_or("–")) } }),
    ];
    if let Some(until) = &endpoint.previous_secret_until {
        rows.push((visit.say("The secret before signs until", "يوقّع السر السابق حتى"), visit.time(until)));
    }
    rows.extend([
        (visit.say("If a post fails", "إذا فشل الإرسال"), html! { (retries(visit, endpoint.retry_policy)) }),
        (
            visit.say("Order", "الترتيب"),
            html! { (if endpoint.ordered { visit.say("strict, by the events' key", "صارم، بحسب مفتاح الأحداث") } else { visit.say("any", "أيًّا كان") }) },
        ),
        (visit.say("Limits", "الحدود"), limits(visit, endpoint).unwrap_or_else(none)),
        (visit.say("Changed", "تغيّر"), html! { (visit.time(&endpoint.updated_at)) " · " bdi { (endpoint.updated_by) } }),
        (visit.say("Id", "المعرّف"), html! { code.break dir="ltr" { (endpoint.id) } }),
    ]);
    html! {
        section aria-labelledby="settings" {
            div.head {
                h2 #settings { (visit.say("Settings", "الإعدادات")) }
                @if visit.may(Scope::IntegrationsRead) {
                    a.button.second.small href=(visit.link(&format!("/integrations/{}", endpoint.id))) { (visit.say("Health and scheduled tests", "الحالة الصحية والاختبارات المجدولة")) }
                }
            }
            (facts(&rows))
        }
    }
}

fn filter(view: &View, draft: &Draft) -> Option<Markup> {
    if draft.conditions.is_empty() {
        return None;
    }
    let between = if draft.combine == "any" { view.say("or", "أو") } else { view.say("and", "و") };
    Some(html! {
        ul.plain-list {
            @for (at, condition) in draft.conditions.iter().enumerate() {
                li {
                    @if at > 0 { (between) " " }
                    code dir="ltr" { (condition.field) } " " (condition_words(view, &condition.op))
                    @if !condition.value.is_empty() { " " code dir="auto" { (condition.value) } }
                }
            }
        }
    })
}

fn transform(view: &View, draft: &Draft) -> Option<Markup> {
    if draft.pick.is_empty() && draft.renames.is_empty() && draft.constants.is_empty() {
        return None;
    }
    Some(html! {
        ul.plain-list {
            @if !draft.pick.is_empty() {
                li { (view.say("stays:", "يبقى:")) @for field in draft.pick.lines() { " " code dir="ltr" { (field) } } }
            }
            @for (old, new) in &draft.renames {
                li { code dir="ltr" { (old) } " " (view.say("becomes", "يصبح")) " " code dir="ltr" { (new) } }
            }
            @for (field, value) in &draft.constants {
                li { code dir="ltr" { (field) } " " (view.say("is set to", "يُضبط على")) " " code dir="auto" { (value) } }
            }
        }
    })
}

fn limits(view: &View, endpoint: &EndpointView) -> Option<Markup> {
    let limits = endpoint.limits;
    let all = [
        (limits.per_second, view.say("a second", "في الثانية")),
        (limits.per_hour, view.say("an hour", "في الساعة")),
        (limits.per_day, view.say("a day", "في اليوم")),
    ];
    let set: Vec<_> =
        all.iter().filter_map(|(limit, words)| Some((view.number(u64::from((*limit)?)), *words))).collect();
    (!set.is_empty()).then(|| html! { ul.plain-list { @for (limit, words) in &set { li { (limit) " " (words) } } } })
}
