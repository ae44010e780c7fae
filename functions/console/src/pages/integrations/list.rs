//! `GET /console/integrations`.

use crate::{
    api::Listed,
    page::Page,
    pages::dashboard::{Search, day, nothing_yet, table},
    visit::Visit,
};
use api::integrations::IntegrationView;
use axum::extract::Query;
use domain::principal::Scope;
use maud::html;
use runtime::http::Answer;

pub(crate) async fn show(visit: Visit, Query(search): Query<Search>) -> Answer<Page> {
    let integrations: Listed<IntegrationView> = visit.api.get("/v1/integrations").await?;
    let stats = day(&visit).await;
    let found: Vec<_> = integrations.items.iter().filter(|integration| search.finds(integration)).collect();
    let title = visit.say("Integrations", "التكاملات");
    let body = html! {
        div.head {
            h1 { (title) }
            form.search method="get" action=(visit.link("/integrations")) role="search" {
                label.hidden for="q" { (visit.say("Search integrations", "ابحث في التكاملات")) }
                input #q type="search" name="q" value=(search.q) placeholder=(visit.say("Search…", "بحث…"));
                button.small type="submit" { (visit.say("Search", "بحث")) }
            }
            @if visit.may(Scope::IntegrationsWrite) {
                a.button href=(visit.link("/integrations/new")) { (visit.say("Add integration", "إضافة تكامل")) }
            }
        }
        @if integrations.items.is_empty() {
            (nothing_yet(&visit))
        } @else if found.is_empty() {
            p.quiet role="status" { (visit.say("None matches your search.", "لا نتيجة لبحثك.")) }
        } @else {
            (table(&visit, &found, stats.as_ref()))
        }
    };
    Ok(visit.page(title, &body))
}
