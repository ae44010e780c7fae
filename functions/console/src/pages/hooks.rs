//! Inbound webhooks: which there are, what each received and turned away.

use crate::{
    api::Listed,
    page::Page,
    parts::{self, facts},
    router::Routes,
    visit::{Kept, Visit},
};
use api::hooks::{HookEventView, HookView, RejectionView};
use axum::{Router, routing::get};
use domain::ids::HookId;
use maud::html;
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/hooks", get(list)).route("/console/hooks/{id}", get(show))
}

/// `GET /console/hooks`.
pub(crate) async fn list(visit: Visit) -> Answer<Page> {
    let hooks: Listed<HookView> = visit.api.get("/v1/hooks").await?;
    let title = visit.say("Webhooks in", "الويب هوك الواردة");
    let body = html! {
        h1 { (title) }
        @if hooks.items.is_empty() {
            (parts::empty(
                visit.say("No webhook yet", "لا ويب هوك بعد"),
                visit.say(
                    "An inbound webhook takes the events of another system. Make one with the API or `cargo trunkline hooks`.",
                    "يستقبل الويب هوك الوارد أحداث نظام آخر. أنشئه عبر API أو بالأمر cargo trunkline hooks.",
                ),
                None,
            ))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Name", "الاسم")) }
                    th scope="col" { (visit.say("Proof", "الإثبات")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Address", "العنوان")) }
                } }
                tbody {
                    @for hook in &hooks.items {
                        tr {
                            th scope="row" { a href=(visit.link(&format!("/hooks/{}", hook.id))) { bdi { (hook.name) } } }
                            td data-label=(visit.say("Proof", "الإثبات")) { code dir="ltr" { (hook.scheme.as_str()) } }
                            td data-label=(visit.say("State", "الحالة")) { (state(&visit, hook)) }
                            td data-label=(visit.say("Address", "العنوان")) { code.break dir="ltr" { (visit.site) (hook.path) } }
                        }
                    }
                }
            }
        }
    };
    Ok(visit.page(title, &body))
}

fn state(visit: &Visit, hook: &HookView) -> maud::Markup {
    if hook.enabled {
        parts::badge("good", visit.say("Enabled", "مفعّل"))
    } else {
        parts::badge("off", visit.say("Disabled", "معطّل"))
    }
}

/// `GET /console/hooks/{id}`.
pub(crate) async fn show(Path(id): Path<HookId>, visit: Visit) -> Answer<Page> {
    let route = format!("/v1/hooks/{id}");
    let hook: HookView = visit.api.get(&route).await?;
    let events: Listed<HookEventView> = visit.api.get(&format!("{route}/events?limit=50")).await?;
    let rejected: Listed<RejectionView> = visit.api.get(&format!("{route}/rejections?limit=50")).await?;
    let rows = [
        (visit.say("Address", "العنوان"), html! { code.break dir="ltr" { (visit.site) (hook.path) } }),
        (visit.say("Proof", "الإثبات"), html! { code dir="ltr" { (hook.scheme.as_str()) } }),
        (visit.say("Secret", "السر"), html! { code dir="ltr" { (hook.secret) } }),
        (visit.say("Changed", "تغيّر"), visit.time(&hook.updated_at)),
    ];
    let body = html! {
        (parts::crumbs(&visit, "/hooks", visit.say("Webhooks in", "الويب هوك الواردة")))
        div.head { h1 { bdi { (hook.name) } } (state(&visit, &hook)) }
        (facts(&rows))
        section aria-labelledby="received" {
            h2 #received { (visit.say("Received", "المُستلَم")) }
            @if events.items.is_empty() { p.quiet { (visit.say("Nothing in the last 30 days.", "لا شيء في آخر 30 يومًا.")) } }
            @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("When", "متى")) }
                        th scope="col" { (visit.say("Event", "الحدث")) }
                        th scope="col" { (visit.say("Bytes", "بايت")) }
                    } }
                    tbody { @for event in &events.items { tr {
                        th scope="row" { (visit.time(&event.received_at)) }
                        td data-label=(visit.say("Event", "الحدث")) { code.break dir="auto" { (event.event.as_deref().unwrap_or("–")) } }
                        td data-label=(visit.say("Bytes", "بايت")) { (visit.number(event.body_bytes)) }
                    } } }
                }
            }
        }
        section aria-labelledby="refused" {
            h2 #refused { (visit.say("Turned away", "المرفوض")) }
            @if rejected.items.is_empty() { p.quiet { (visit.say("Nothing in the last 7 days.", "لا شيء في آخر 7 أيام.")) } }
            @else {
                ul { @for one in &rejected.items { li { (visit.time(&one.minute)) " · " code { (one.cause.code()) } " × " (visit.number(one.count)) } } }
            }
        }
    };
    Ok(visit.page(&hook.name, &body))
}
