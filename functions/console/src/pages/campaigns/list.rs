//! `GET /console/campaigns`.

use super::words::state;
use crate::{api::Listed, page::Page, parts, query::address, visit::Visit};
use api::campaigns::CampaignView;
use axum::extract::Query;
use domain::principal::Scope;
use maud::html;
use runtime::http::Answer;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    cursor: String,
}

pub(crate) async fn list(visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let route = address("/v1/campaigns?limit=50", &[("cursor", &part.cursor)]);
    let campaigns: Listed<CampaignView> = visit.api.get(&route).await?;
    let title = visit.say("Campaigns", "الحملات");
    let next = campaigns.next.as_deref().map(|next| visit.link(&address("/campaigns", &[("cursor", next)])));
    let body = html! {
        div.head {
            h1 { (title) }
            @if visit.may(Scope::SuppressionsRead) {
                a.button.second href=(visit.link("/suppressions")) { (visit.say("Suppressed addresses", "العناوين المحجوبة")) }
            }
            @if visit.may(Scope::CampaignsPreflight) {
                a.button href=(visit.link("/preflight")) { (visit.say("Check a campaign", "فحص حملة")) }
            }
        }
        @if campaigns.items.is_empty() {
            (parts::empty(
                visit.say("No campaign yet", "لا حملات بعد"),
                visit.say(
                    "A campaign begins with its first deliveries: POST /v1/campaigns/{id}/deliveries. Check first whether it may go.",
                    "تبدأ الحملة بأول رسائلها: POST /v1/campaigns/{id}/deliveries. افحص أولًا إن كان يُسمح لها بالانطلاق.",
                ),
                None,
            ))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Campaign", "الحملة")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Launched", "انطلقت")) }
                } }
                tbody { @for campaign in &campaigns.items { tr {
                    th scope="row" { a href=(visit.link(&format!("/campaigns/{}", campaign.id))) { bdi { (campaign.id) } } }
                    td data-label=(visit.say("State", "الحالة")) { (state(&visit, campaign.state)) }
                    td data-label=(visit.say("Launched", "انطلقت")) { (visit.time(&campaign.created_at)) }
                } } }
            }
            (parts::more(&visit, next))
        }
    };
    Ok(visit.page(title, &body))
}
