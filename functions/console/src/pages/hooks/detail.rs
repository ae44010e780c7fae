//! `GET /console/hooks/{id}`: its address and what to do with it, what it received and turned away last, its settings.

use super::{
    copied_url, events, name, page, rejections, route,
    scheme::{guide, signs_time},
    state, taken,
};
use crate::{
    api::Listed,
    page::Page,
    parts::{self, facts},
    view::View,
    visit::Visit,
};
use api::hooks::{HookEventView, HookView, RejectionView};
use domain::{
    hook::{BODY_MAX_BYTES, HmacSettings},
    ids::HookId,
    principal::Scope,
};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

pub(super) async fn show(Path(id): Path<HookId>, visit: Visit) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let received: Listed<HookEventView> = visit.api.get(&format!("{}/events?limit=10", route(&id))).await?;
    let rejected: Listed<RejectionView> = visit.api.get(&format!("{}/rejections?limit=50", route(&id))).await?;
    let link = visit.link(&page(&id));
    let guide = guide(&visit, hook.scheme);
    let body = html! {
        (parts::crumbs(&visit, "/hooks", name(&visit)))
        div.head { h1 { bdi { (hook.name) } } (state(&visit, &hook)) }
        p.quiet { (hook.scheme.title()) " · " code dir="ltr" { (hook.id) } }
        @if visit.may(Scope::HooksWrite) { (actions(&visit, &hook, &link)) }
        section.card aria-labelledby="address" {
            h2 #address { (visit.say("Its address", "عنوانه")) }
            (copied_url(&visit, &hook))
            p { (guide.steps) }
            p.quiet { (visit.say("A call proves itself by", "يُثبت الطلب نفسه بـ")) " " (guide.proof) "." }
        }
        section aria-labelledby="received" {
            div.head {
                h2 #received { (visit.say("Received", "المُستلَم")) }
                a href={ (link) "/events" } { (visit.say("All, by name and time", "الكل، بالاسم والوقت")) }
            }
            @if received.items.is_empty() { p.quiet { (visit.say("Nothing in the last 30 days.", "لا شيء في آخر 30 يومًا.")) } }
            @else { (events::table(&visit, &id, &received.items)) }
        }
        section aria-labelledby="refused" {
            div.head {
                h2 #refused { (visit.say("Turned away", "ما لم يُقبل")) }
                a href={ (link) "/rejections" } { (visit.say("All, by cause", "الكل، بالسبب")) }
            }
            @if rejected.items.is_empty() { p.quiet { (visit.say("Nothing in the last 7 days.", "لا شيء في آخر 7 أيام.")) } }
            @else { (rejections::by_cause(&visit, &rejected.items, &link)) }
        }
        (settings(&visit, &hook))
        @if visit.may(Scope::HooksWrite) {
            section.danger-zone aria-labelledby="danger" {
                h2 #danger { (visit.say("Delete", "الحذف")) }
                p { (visit.say("Its address ends, and what it received goes with it.", "ينتهي عنوانه ويذهب معه ما استلمه.")) }
                a.button.danger href={ (link) "/delete" } { (visit.say("Delete webhook", "حذف الويب هوك")) }
            }
        }
    };
    Ok(visit.page(&hook.name, &body))
}

fn actions(visit: &Visit, hook: &HookView, link: &str) -> Markup {
    let (action, words) = if hook.enabled {
        ("disable", visit.say("Disable", "تعطيل"))
    } else {
        ("enable", visit.say("Enable", "تفعيل"))
    };
    html! {
        div.actions {
            a.button.second href={ (link) "/edit" } { (visit.say("Edit", "تعديل")) }
            a.button.second href={ (link) "/rotate" } { (visit.say("Rotate the secret", "تبديل السر")) }
            form method="post" action={ (link) "/" (action) } {
                (visit.token())
                button.button.second type="submit" { (words) }
            }
        }
    }
}

fn settings(visit: &Visit, hook: &HookView) -> Markup {
    let mut rows = vec![(visit.say("Events", "الأحداث"), taken(visit, hook))];
    if let Some(hmac) = &hook.hmac {
        rows.extend(of_hmac(visit, hmac));
    }
    if let Some(url) = &hook.public_url {
        let name = visit.say("Address at Twilio", "العنوان لدى Twilio");
        rows.push((name, html! { code.break dir="ltr" { (url) } }));
    }
    let age = if signs_time(hook.scheme) {
        html! { (visit.number(u64::from(hook.replay_window_s))) " " (visit.say("seconds", "ثانية")) }
    } else {
        html! { (visit.say("any: this provider signs no time", "أي عمر: لا يوقّع هذا المزوّد وقتًا")) }
    };
    rows.extend([
        (visit.say("How old a call may be", "أقصى عمر للطلب"), age),
        (
            visit.say("Largest body", "أكبر محتوى"),
            html! { (visit.size(BODY_MAX_BYTES)) " " (visit.say("bytes, for every webhook", "بايت، لكل ويب هوك")) },
        ),
        (
            visit.say("Secret", "السر"),
            html! { code dir="ltr" { (hook.secret) } " · " (visit.say("version", "الإصدار")) " " (visit.number(u64::from(hook.secret_version))) },
        ),
    ]);
    if let Some(until) = &hook.previous_secret_until {
        rows.push((visit.say("The secret before is valid until", "السر السابق صالح حتى"), visit.time(until)));
    }
    rows.push((
        visit.say("Changed", "تغيّر"),
        html! { (visit.time(&hook.updated_at)) " " (visit.say("by", "بواسطة")) " " bdi { (hook.updated_by) } },
    ));
    html! {
        section aria-labelledby="settings" {
            h2 #settings { (visit.say("Settings", "الإعدادات")) }
            (facts(&rows))
        }
    }
}

fn of_hmac<'v>(view: &'v View, hmac: &HmacSettings) -> Vec<(&'v str, Markup)> {
    let code = |text: &str| html! { code.break dir="ltr" { (text) } };
    let how = serde_json::to_value(hmac).unwrap_or_default();
    let word = |name: &str| code(how[name].as_str().unwrap_or_default());
    let optional = [
        (view.say("Header with the time", "ترويسة الوقت"), &hmac.timestamp_header),
        (view.say("Header with the id", "ترويسة المعرّف"), &hmac.id_header),
        (view.say("Header with the event's name", "ترويسة اسم الحدث"), &hmac.event_header),
        (view.say("Event's name in the body", "اسم الحدث في المحتوى"), &hmac.event_pointer),
    ];
    let mut rows = vec![
        (
            view.say("Header with the signature", "ترويسة التوقيع"),
            html! { (code(&hmac.header)) @if !hmac.prefix.is_empty() { " " (code(&hmac.prefix)) "…" } },
        ),
        (view.say("Algorithm", "الخوارزمية"), html! { (word("algorithm")) " " (word("encoding")) }),
        (view.say("What is signed", "ما الذي يُوقَّع"), code(&hmac.template)),
    ];
    rows.extend(optional.into_iter().filter_map(|(name, value)| Some((name, code(value.as_deref()?)))));
    rows
}
