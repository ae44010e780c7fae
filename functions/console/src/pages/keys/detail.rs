//! `GET /console/keys/{id}`: what a key may do, its limits and what it used of them.

use super::{form::tier_name, is_own, may_hold, name, page, prefix, route, scopes, state};
use crate::{
    page::Page,
    parts::{self, facts},
    visit::Visit,
};
use api::keys::{KeyState, KeyView};
use domain::{ids::KeyId, key::SuspensionCause, principal::Scope, quota::FAILURES_MAX};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

pub(super) async fn show(Path(id): Path<KeyId>, visit: Visit) -> Answer<Page> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    let link = visit.link(&page(&id));
    let changes = visit.may(Scope::KeysWrite) && key.state != KeyState::Revoked;
    let body = html! {
        (parts::crumbs(&visit, "/keys", name(&visit)))
        div.head { h1 { bdi { (key.name) } } (state(&visit, key.state)) }
        p.quiet { (prefix(&key)) " · " code dir="ltr" { (key.id) } }
        @if is_own(&visit, &id) { p { (visit.say("You are signed in with this key.", "سجّلت الدخول بهذا المفتاح.")) } }
        @if changes { (actions(&visit, &key, &link)) }
        (suspended(&visit, &key))
        (usage(&visit, &key))
        section aria-labelledby="may" {
            h2 #may { (visit.say("What it may do", "ما يُسمح به")) }
            div.card { (scopes::list(&visit, &key.scopes)) }
        }
        (details(&visit, &key))
        @if changes {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Revoke", "الإلغاء")) }
                p { (visit.say("It never works again.", "لا يعمل ثانية أبدًا.")) }
                a.button.danger href={ (link) "/revoke" } { (visit.say("Revoke key", "إلغاء المفتاح")) }
            }
        }
    };
    Ok(visit.page(&key.name, &body))
}

fn actions(visit: &Visit, key: &KeyView, link: &str) -> Markup {
    let button = |action: &str, words: &str| {
        html! {
            form method="post" action={ (link) "/" (action) } {
                (visit.token())
                button.button.second type="submit" { (words) }
            }
        }
    };
    let suspend = visit.say("Suspend", "إيقاف");
    html! {
        div.actions {
            a.button.second href={ (link) "/edit" } { (visit.say("Change", "تغيير")) }
            // Whoever makes its secret holds it, and so must have what it has.
            @if may_hold(visit, &key.scopes) { a.button.second href={ (link) "/regenerate" } { (visit.say("Regenerate", "تجديد")) } }
            @match key.state {
                KeyState::Active if is_own(visit, &key.id) => { a.button.second href={ (link) "/suspend" } { (suspend) } }
                KeyState::Active => { (button("suspend", suspend)) }
                KeyState::Suspended => { (button("activate", visit.say("Activate", "تنشيط"))) }
                KeyState::Expired | KeyState::Revoked => {}
            }
        }
    }
}

/// Why it is suspended, and what to do.
fn suspended(visit: &Visit, key: &KeyView) -> Markup {
    let words = match key.suspended_for {
        Some(SuspensionCause::Failures) => (
            visit.say(
                "It was tried too often with a wrong secret, so somebody may have guessed at it.",
                "جُرّب مرات كثيرة بسر خاطئ، فلعل أحدًا حاول تخمينه.",
            ),
            visit.say(
                "Look for a program with an old secret. Then activate the key; if you do not know who it was, regenerate it.",
                "ابحث عن برنامج لديه سر قديم، ثم نشّط المفتاح؛ وإن لم تعرف من كان فجدّده.",
            ),
        ),
        Some(SuspensionCause::Asked) => (
            visit.say("Somebody suspended it; the audit trail says who.", "أوقفه أحدهم؛ يذكر سجل التدقيق من هو."),
            visit.say("Activate it when it is to work again.", "نشّطه عندما يلزم أن يعمل من جديد."),
        ),
        None => return html! {},
    };
    html! {
        section.card.alert.warn aria-labelledby="suspended" {
            h2 #suspended { (visit.say("Suspended", "موقوف")) }
            p.reason { (words.0) }
            p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (words.1) }
            @if let Some(at) = &key.suspended_at { p.quiet { (visit.time(at)) } }
        }
    }
}

fn usage(visit: &Visit, key: &KeyView) -> Markup {
    let window = |name: &str, used: u32, limit: u32| {
        let counted = visit.number(u64::from(used));
        html! {
            div.meter {
                span { (name) ": " (counted) " / " (visit.number(u64::from(limit))) }
                meter min="0" max=(limit) value=(used.min(limit)) aria-label=(name) { (counted) }
            }
        }
    };
    html! {
        section aria-labelledby="usage" {
            h2 #usage { (visit.say("Limits and usage", "الحدود والاستخدام")) }
            (window(visit.say("Requests this minute", "الطلبات هذه الدقيقة"), key.usage.minute, key.limits.minute))
            (window(visit.say("Requests this hour", "الطلبات هذه الساعة"), key.usage.hour, key.limits.hour))
            p.quiet { (visit.say("Requests are counted in blocks, so these may be a little high.", "تُعدّ الطلبات على دفعات، فقد تزيد هذه الأعداد قليلًا.")) }
        }
    }
}

fn details(visit: &Visit, key: &KeyView) -> Markup {
    let never = visit.say("never", "أبدًا");
    let number = |n: u32| visit.number(u64::from(n));
    let limits = html! {
        (tier_name(visit, key.tier)) ": "
        (number(key.limits.minute)) " " (visit.say("a minute,", "في الدقيقة،")) " "
        (number(key.limits.hour)) " " (visit.say("an hour,", "في الساعة،")) " "
        (number(key.limits.burst)) " " (visit.say("at once", "دفعة واحدة"))
    };
    let networks = html! {
        @if key.allow.is_empty() { (visit.say("anywhere", "أي مكان")) }
        @else { ul.tags { @for network in &key.allow { li { code dir="ltr" { (network) } } } } }
    };
    let failures = html! {
        (number(key.usage.failures)) " "
        span.quiet {
            (visit.say("within ten minutes; so many suspend it:", "خلال عشر دقائق؛ ويوقفه هذا العدد:")) " " (number(FAILURES_MAX))
        }
    };
    let mut rows = vec![
        (visit.say("Limits", "الحدود"), limits),
        (visit.say("From", "من"), networks),
        (visit.say("Last used", "آخر استخدام"), visit.time_or(key.usage.last_used_at.as_deref(), never)),
        (visit.say("Wrong secrets", "أسرار خاطئة"), failures),
        (visit.say("Created", "أُنشئ"), visit.time(&key.created_at)),
        (visit.say("Expires", "ينتهي"), visit.time_or(key.expires_at.as_deref(), never)),
    ];
    if let Some(until) = &key.old_secret_until {
        rows.push((visit.say("The secret before works until", "السر السابق يعمل حتى"), visit.time(until)));
    }
    if let Some(at) = &key.revoked_at {
        rows.push((visit.say("Revoked", "أُلغي"), visit.time(at)));
    }
    html! {
        section aria-labelledby="details" {
            h2 #details { (visit.say("Details", "التفاصيل")) }
            (facts(&rows))
        }
    }
}
