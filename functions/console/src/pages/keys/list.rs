//! `GET /console/keys`.

use super::{REQUESTS, is_own, name, page, prefix, state};
use crate::{api::Listed, page::Page, parts, visit::Visit};
use api::keys::{KeyState, KeyView};
use domain::principal::Scope;
use maud::{Markup, html};
use runtime::http::Answer;

pub(super) async fn show(visit: Visit) -> Answer<Page> {
    let keys: Listed<KeyView> = visit.api.get("/v1/keys").await?;
    let title = name(&visit);
    let (create, new) = (visit.say("Create key", "إنشاء مفتاح"), visit.link("/keys/new"));
    let may_write = visit.may(Scope::KeysWrite);
    let body = html! {
        div.head {
            h1 { (title) }
            @if may_write { a.button href=(new) { (create) } }
        }
        @if keys.items.is_empty() {
            (parts::empty(
                visit.say("No key yet", "لا مفاتيح بعد"),
                visit.say("Programs call the API with a key. Give each its own, so that one can be stopped without the others.", "تستدعي البرامج API بمفتاح. أعطِ كلًا منها مفتاحًا خاصًا، ليمكن إيقاف واحد دون غيره."),
                may_write.then_some((new.as_str(), create)),
            ))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Name", "الاسم")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Scopes", "الصلاحيات")) }
                    th scope="col" { (visit.say("Used", "الاستخدام")) }
                    th scope="col" { (visit.say("Expires", "ينتهي")) }
                    th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
                } }
                tbody { @for key in &keys.items { (row(&visit, key)) } }
            }
        }
    };
    Ok(visit.page(title, &body))
}

fn row(visit: &Visit, key: &KeyView) -> Markup {
    let limit = |used: u32, limit: u32, of: &str| {
        html! { small.quiet { (visit.number(u64::from(used))) " / " (visit.count(u64::from(limit), &REQUESTS)) " " (of) } }
    };
    html! {
        tr {
            th scope="row" { a href=(visit.link(&page(&key.id))) { bdi { (key.name) } } small.quiet { (prefix(key)) } }
            td data-label=(visit.say("State", "الحالة")) { (state(visit, key.state)) }
            td data-label=(visit.say("Scopes", "الصلاحيات")) {
                ul.tags { @for scope in &key.scopes { li { code dir="ltr" { (scope.as_str()) } } } }
            }
            td data-label=(visit.say("Used", "الاستخدام")) {
                div {
                    (visit.time_or(key.usage.last_used_at.as_deref(), visit.say("never", "أبدًا")))
                    @if key.state == KeyState::Active {
                        (limit(key.usage.minute, key.limits.minute, visit.say("this minute", "هذه الدقيقة")))
                        (limit(key.usage.hour, key.limits.hour, visit.say("this hour", "هذه الساعة")))
                    }
                }
            }
            td data-label=(visit.say("Expires", "ينتهي")) { (visit.time_or(key.expires_at.as_deref(), visit.say("never", "أبدًا"))) }
            td.actions { @if visit.may(Scope::KeysWrite) { (actions(visit, key)) } }
        }
    }
}

/// The one that is most wanted in a hurry; the others are on the key's own page.
fn actions(visit: &Visit, key: &KeyView) -> Markup {
    let button = |action: &str, words: &str| {
        parts::button(visit, &format!("{}/{action}", page(&key.id)), words, "plain", &key.name)
    };
    match key.state {
        KeyState::Active if !is_own(visit, &key.id) => button("suspend", visit.say("Suspend", "إيقاف")),
        KeyState::Suspended => button("activate", visit.say("Activate", "تنشيط")),
        KeyState::Active | KeyState::Expired | KeyState::Revoked => html! {},
    }
}
