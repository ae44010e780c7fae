//! `GET /console/endpoints`: which there are and how each does.

use super::{page, route, words};
use crate::{api::Listed, page::Page, parts, query::address, visit::Visit};
use api::endpoints::{AttemptSummary, EndpointView};
use axum::extract::Query;
use domain::principal::Scope;
use futures::future::join_all;
use maud::{Markup, html};
use runtime::http::Answer;
use serde::Deserialize;

/// How many a page shows: of each, the newest attempt is asked for.
const SHOWN: usize = 25;

/// Which of them.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Search {
    /// A part of a name, an address or a type of events.
    q: String,
    /// How many of those that were found stand on pages before.
    from: usize,
}

impl Search {
    fn finds(&self, endpoint: &EndpointView) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let texts = [&endpoint.name, &endpoint.url, endpoint.id.as_str()];
        texts.iter().any(|text| text.to_lowercase().contains(&wanted))
            || endpoint.events.iter().any(|kind| kind.as_str().contains(&wanted))
    }
}

pub(crate) async fn show(visit: Visit, Query(search): Query<Search>) -> Answer<Page> {
    let endpoints: Listed<EndpointView> = visit.api.get("/v1/endpoints").await?;
    let found: Vec<_> = endpoints.items.iter().filter(|endpoint| search.finds(endpoint)).collect();
    let shown: Vec<_> = found.iter().skip(search.from).take(SHOWN).copied().collect();
    let newest = join_all(shown.iter().map(|endpoint| newest(&visit, endpoint))).await;
    let after = search.from + shown.len();
    let next = (after < found.len())
        .then(|| visit.link(&address("/endpoints", &[("q", &search.q), ("from", &after.to_string())])));
    let title = visit.say("Webhooks out", "الويب هوك الصادرة");
    let new = visit.link("/endpoints/new");
    let body = html! {
        div.head {
            h1 { (title) }
            a.button.second href=(visit.link("/event-types")) { (visit.say("Event types", "أنواع الأحداث")) }
            @if visit.may(Scope::EndpointsWrite) { a.button href=(new) { (visit.say("Add endpoint", "إضافة ويب هوك")) } }
        }
        @if endpoints.items.is_empty() {
            (parts::empty(
                visit.say("No endpoint yet", "لا ويب هوك بعد"),
                visit.say(
                    "An endpoint is an address of yours that gets the events of your services, signed, and again and again until it takes them.",
                    "الويب هوك الصادر عنوان لديك يتلقى أحداث خدماتك موقّعةً، وتُعاد إليه مرة بعد مرة حتى يستلمها.",
                ),
                visit.may(Scope::EndpointsWrite).then_some((new.as_str(), visit.say("Add endpoint", "إضافة ويب هوك"))),
            ))
        } @else {
            form.search method="get" role="search" {
                label for="q" { (visit.say("Search", "بحث")) }
                input #q type="search" name="q" value=(search.q) dir="auto";
                button.small type="submit" { (visit.say("Search", "بحث")) }
            }
            @if shown.is_empty() {
                (parts::empty(
                    visit.say("Nothing found", "لم يُعثر على شيء"),
                    visit.say("No name, address or type of events has that in it.", "لا اسم ولا عنوان ولا نوع حدث يحتوي ذلك."),
                    Some((visit.link("/endpoints").as_str(), visit.say("Show all", "عرض الكل"))),
                ))
            } @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("Name", "الاسم")) }
                        th scope="col" { (visit.say("State", "الحالة")) }
                        th scope="col" { (visit.say("Events", "الأحداث")) }
                        th scope="col" { (visit.say("Newest attempt", "آخر محاولة")) }
                    } }
                    tbody { @for (endpoint, newest) in shown.iter().zip(&newest) { (row(&visit, endpoint, newest.as_ref())) } }
                }
                (parts::more(&visit, next))
            }
        }
    };
    Ok(visit.page(title, &body))
}

/// The newest attempt on an endpoint, if there is any.
async fn newest(visit: &Visit, endpoint: &EndpointView) -> Option<AttemptSummary> {
    let attempts: Listed<AttemptSummary> = visit.api.look(&route(&endpoint.id, "/attempts?limit=1")).await?;
    attempts.items.into_iter().next()
}

fn row(visit: &Visit, endpoint: &EndpointView, newest: Option<&AttemptSummary>) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(visit.link(&page(&endpoint.id, ""))) { bdi { (endpoint.name) } }
                small.quiet { code.break dir="ltr" { (endpoint.url) } }
            }
            td data-label=(visit.say("State", "الحالة")) {
                (words::state(visit, endpoint))
                @if let Some(stopped) = &endpoint.stopped { small.quiet { (visit.say(&stopped.reason, &stopped.reason_ar)) } }
            }
            td data-label=(visit.say("Events", "الأحداث")) { (kinds(visit, endpoint)) }
            td data-label=(visit.say("Newest attempt", "آخر محاولة")) {
                @match newest {
                    Some(attempt) => {
                        (words::outcome(visit, attempt.result)) " " (visit.time(&attempt.at))
                    },
                    None => span.quiet { (visit.say("none yet", "لا شيء بعد")) },
                }
            }
        }
    }
}

/// The types of events that it wants.
pub(super) fn kinds(visit: &Visit, endpoint: &EndpointView) -> Markup {
    html! {
        @if endpoint.events.is_empty() { span.quiet { (visit.say("all", "كلها")) } }
        @else { ul.tags { @for kind in &endpoint.events { li { code dir="ltr" { (kind) } } } } }
    }
}
