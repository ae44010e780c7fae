//! `GET /console/hooks`.

use super::{name, page, state, taken};
use crate::{api::Listed, page::Page, parts, visit::Visit};
use api::hooks::HookView;
use domain::principal::Scope;
use maud::html;
use runtime::http::Answer;

pub(crate) async fn show(visit: Visit) -> Answer<Page> {
    let hooks: Listed<HookView> = visit.api.get("/v1/hooks").await?;
    let title = name(&visit);
    let (add, new) = (visit.say("Add webhook", "إضافة ويب هوك"), visit.link("/hooks/new"));
    let may_write = visit.may(Scope::HooksWrite);
    let body = html! {
        div.head {
            h1 { (title) }
            @if may_write { a.button href=(new) { (add) } }
        }
        @if hooks.items.is_empty() {
            (parts::empty(
                visit.say("No webhook yet", "لا ويب هوك بعد"),
                visit.say(
                    "An inbound webhook is an address that another system calls when something happened there. What it \
                     receives can start rules and is told to your own systems.",
                    "الويب هوك الوارد عنوان يستدعيه نظام آخر عندما يحدث فيه شيء. ما يستلمه يمكن أن يُشغّل القواعد ويُبلَّغ إلى أنظمتك.",
                ),
                may_write.then_some((new.as_str(), add)),
            ))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Name", "الاسم")) }
                    th scope="col" { (visit.say("From", "من")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Events", "الأحداث")) }
                    th scope="col" { (visit.say("Changed", "تغيّر")) }
                } }
                tbody {
                    @for hook in &hooks.items {
                        tr {
                            th scope="row" { a href=(visit.link(&page(&hook.id))) { bdi { (hook.name) } } }
                            td data-label=(visit.say("From", "من")) { (hook.scheme.title()) }
                            td data-label=(visit.say("State", "الحالة")) { (state(&visit, hook)) }
                            td data-label=(visit.say("Events", "الأحداث")) { (taken(&visit, hook)) }
                            td data-label=(visit.say("Changed", "تغيّر")) { (visit.time(&hook.updated_at)) }
                        }
                    }
                }
            }
        }
    };
    Ok(visit.page(title, &body))
}
