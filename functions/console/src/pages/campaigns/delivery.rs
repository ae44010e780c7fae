//! `GET /console/campaigns/{id}/deliveries/{delivery_id}`: one delivery with its attempts, and what its provider reported.

use super::words;
use crate::{
    language::Language,
    page::Page,
    parts::{self, badge, facts},
    visit::Visit,
};
use api::campaigns::DeliveryView;
use domain::ids::{CampaignId, DeliveryId};
use maud::html;
use runtime::http::{Answer, Path};

pub(crate) async fn show(Path((id, delivery)): Path<(CampaignId, DeliveryId)>, visit: Visit) -> Answer<Page> {
    let one: DeliveryView = visit.api.get(&format!("/v1/campaigns/{id}/deliveries/{delivery}")).await?;
    let rows = [
        (visit.say("Address", "العنوان"), html! { bdi { (one.address) } }),
        (visit.say("Channel", "القناة"), html! { (parts::channel_name(&visit, one.channel)) }),
        (
            visit.say("Integration", "التكامل"),
            html! {
                a href=(visit.link(&format!("/integrations/{}", one.integration_id))) { code dir="ltr" { (one.integration_id) } }
            },
        ),
        (
            visit.say("Id at the provider", "المعرّف لدى الموفّر"),
            html! { code.break dir="ltr" { (one.provider_message_id.as_deref().unwrap_or("–")) } },
        ),
        (visit.say("Accepted", "قُبلت"), visit.time(&one.created_at)),
        (visit.say("Changed", "تغيّرت"), visit.time(&one.updated_at)),
    ];
    let body = html! {
        (parts::crumbs(&visit, &format!("/campaigns/{id}"), id.as_str()))
        div.head { h1 { bdi { (one.user_id) } } (words::status(&visit, one.status)) @if one.sandbox { (badge("warn", visit.say("To a test recipient", "إلى مستلم تجربة"))) } }
        @if let Some(error) = &one.error { (words::trouble(&visit, error)) }
        (facts(&rows))
        section aria-labelledby="attempts" {
            h2 #attempts { (visit.say("Attempts", "المحاولات")) }
            @if one.attempts.is_empty() { p.quiet { (visit.say("None yet.", "لا محاولات بعد.")) } }
            ol.errors { @for attempt in &one.attempts { li {
                p { strong { (visit.number(u64::from(attempt.number))) } " · " code { (attempt.result) } " · " (visit.time(&attempt.at)) }
                @let reason = match visit.language { Language::English => &attempt.reason, Language::Arabic => &attempt.reason_ar };
                @if let Some(reason) = reason { p { (reason) } }
                @if let Some(detail) = &attempt.detail { p.detail { code dir="auto" { (detail) } } }
            } } }
        }
        @if !one.feedback.is_empty() {
            section aria-labelledby="feedback" {
                h2 #feedback { (visit.say("What the provider reported", "ما أبلغ به الموفّر")) }
                ul { @for report in &one.feedback { li { (words::report(&visit, report.kind)) " · " (visit.time(&report.at)) " " span dir="auto" { (report.detail) } } } }
            }
        }
    };
    Ok(visit.page(one.user_id.as_str(), &body))
}
