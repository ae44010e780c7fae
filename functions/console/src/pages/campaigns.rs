//! Campaigns: the list, one with live totals and its deliveries, one delivery with its attempts; pause, resume, cancel,
//! send again what failed.

use crate::{
    api::{Asked, Listed},
    flash::Flash,
    language::Language,
    page::Page,
    parts::{self, DELIVERIES, badge, facts, tile},
    query::address,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    campaigns::{CampaignView, DeliveryError, DeliveryView, ResendAnswer, TotalsView},
    problem::{Problem, ProblemKind},
};
use axum::{
    Router,
    body::Body,
    extract::Query,
    http::{Method, header},
    response::Response,
    routing::{get, post},
};
use domain::{
    bundle::DeliveryStatus,
    campaign::CampaignState,
    ids::{CampaignId, DeliveryId},
    principal::Scope,
};
use maud::{Markup, html};
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde::Deserialize;
use serde_json::json;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/campaigns", get(list))
        .route("/console/campaigns/{id}", get(show))
        .route("/console/campaigns/{id}/errors.csv", get(errors))
        .route("/console/campaigns/{id}/deliveries/{delivery_id}", get(delivery))
        .route("/console/campaigns/{id}/{action}", post(act))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    cursor: String,
    status: String,
}

/// `GET /console/campaigns`.
pub(crate) async fn list(visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let route = address("/v1/campaigns?limit=50", &[("cursor", &part.cursor)]);
    let campaigns: Listed<CampaignView> = visit.api.get(&route).await?;
    let title = visit.say("Campaigns", "الحملات");
    let next = campaigns.next.as_deref().map(|next| visit.link(&address("/campaigns", &[("cursor", next)])));
    let body = html! {
        h1 { (title) }
        @if campaigns.items.is_empty() {
            (parts::empty(
                visit.say("No campaign yet", "لا حملات بعد"),
                visit.say("A campaign begins with its first deliveries: POST /v1/campaigns/{id}/deliveries.", "تبدأ الحملة بأول رسائلها: POST /v1/campaigns/{id}/deliveries."),
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

fn state(visit: &Visit, state: CampaignState) -> Markup {
    match state {
        CampaignState::Active => badge("good", visit.say("Active", "نشطة")),
        CampaignState::Paused => badge("warn", visit.say("Paused", "متوقفة")),
        CampaignState::Cancelled => badge("off", visit.say("Cancelled", "ملغاة")),
    }
}

const fn words(visit: &Visit, status: DeliveryStatus) -> (&'static str, &'static str) {
    let (tone, english, arabic) = match status {
        DeliveryStatus::Queued => ("off", "Queued", "في الطابور"),
        DeliveryStatus::Sending => ("off", "Sending", "قيد الإرسال"),
        DeliveryStatus::Sent => ("good", "Sent", "أُرسلت"),
        DeliveryStatus::Retrying => ("warn", "Retrying", "تُعاد المحاولة"),
        DeliveryStatus::Failed => ("bad", "Failed", "فشلت"),
        DeliveryStatus::Dead => ("bad", "Given up", "تُركت"),
        DeliveryStatus::Unknown => ("warn", "Unknown", "غير معلومة"),
        DeliveryStatus::Held => ("warn", "Held", "معلّقة"),
        DeliveryStatus::Cancelled => ("off", "Cancelled", "ملغاة"),
    };
    match visit.view.language {
        Language::English => (tone, english),
        Language::Arabic => (tone, arabic),
    }
}

fn status(visit: &Visit, status: DeliveryStatus) -> Markup {
    let (tone, words) = words(visit, status);
    badge(tone, words)
}

/// `GET /console/campaigns/{id}`.
pub(crate) async fn show(Path(id): Path<CampaignId>, visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let campaign: CampaignView = visit.api.get(&format!("/v1/campaigns/{id}")).await?;
    let chosen: Option<DeliveryStatus> = part.status.parse().ok();
    let filter = ("status", chosen.map_or("", DeliveryStatus::as_str));
    let route = address(&format!("/v1/campaigns/{id}/deliveries?limit=50"), &[filter, ("cursor", &part.cursor)]);
    let deliveries: Listed<DeliveryView> = visit.api.get(&route).await?;
    let link = visit.link(&format!("/campaigns/{id}"));
    let totals = campaign.totals.clone().unwrap_or_default();
    let next = deliveries.next.as_deref().map(|next| address(&link, &[("cursor", next), filter]));
    let body = html! {
        (parts::crumbs(&visit, "/campaigns", visit.say("Campaigns", "الحملات")))
        div.head { h1 { bdi { (campaign.id) } } (state(&visit, campaign.state)) }
        (actions(&visit, &campaign, &totals, &link))
        div data-live=(visit.base.to_string() + &visit.path) data-live-until=[totals.settled.then_some("now")] {
            (totals_tiles(&visit, &totals))
        }
        section aria-labelledby="deliveries" {
            div.head {
                h2 #deliveries { (visit.say("Deliveries", "الرسائل")) }
                form.search method="get" action=(link) {
                    label for="status" { (visit.say("Status", "الحالة")) }
                    select #status name="status" {
                        option value="" { (visit.say("all", "الكل")) }
                        @for one in DeliveryStatus::ALL {
                            option value=(one.as_str()) selected[Some(one) == chosen] { (words(&visit, one).1) }
                        }
                    }
                    button.small type="submit" { (visit.say("Show", "عرض")) }
                }
                @if totals.failed + totals.dead > 0 {
                    a.button.second.small href={ (link) "/errors.csv" } download { (visit.say("Errors as CSV", "الأخطاء CSV")) }
                }
            }
            @if deliveries.items.is_empty() { p.quiet { (visit.say("None.", "لا شيء.")) } }
            @else {
                table.stack {
                    thead { tr {
                        th scope="col" { (visit.say("Recipient", "المستلم")) }
                        th scope="col" { (visit.say("Status", "الحالة")) }
                        th scope="col" { (visit.say("Why", "السبب")) }
                        th scope="col" { (visit.say("Changed", "تغيّرت")) }
                    } }
                    tbody { @for one in &deliveries.items { tr {
                        th scope="row" { a href={ (link) "/deliveries/" (one.id) } { bdi { (one.user_id) } } small.quiet { bdi { (one.address) } } }
                        td data-label=(visit.say("Status", "الحالة")) { (status(&visit, one.status)) }
                        td data-label=(visit.say("Why", "السبب")) { (why(&visit, one.error.as_ref())) }
                        td data-label=(visit.say("Changed", "تغيّرت")) { (visit.time(&one.updated_at)) }
                    } } }
                }
                (parts::more(&visit, next))
            }
        }
    };
    Ok(visit.page(campaign.id.as_str(), &body))
}

fn why(visit: &Visit, error: Option<&DeliveryError>) -> Markup {
    let Some(error) = error else { return html! { "–" } };
    html! { (match visit.language { Language::English => &error.reason, Language::Arabic => &error.reason_ar }) " " code { (error.code) } }
}

fn totals_tiles(visit: &Visit, totals: &TotalsView) -> Markup {
    let one = |name, n: u64, tone| tile(name, &visit.number(n), None, if n > 0 { tone } else { "" });
    let waiting = totals.queued + totals.sending + totals.retrying;
    html! {
        dl.tiles aria-label=(visit.say("Totals", "المجاميع")) {
            (one(visit.say("All", "الكل"), totals.total, ""))
            (one(visit.say("Sent", "أُرسلت"), totals.sent, "good"))
            (one(visit.say("Under way", "جارية"), waiting, ""))
            (one(visit.say("Failed", "فشلت"), totals.failed + totals.dead, "bad"))
            (one(visit.say("Unknown", "غير معلومة"), totals.unknown, "warn"))
            (one(visit.say("Held", "معلّقة"), totals.held, "warn"))
            (one(visit.say("Cancelled", "ملغاة"), totals.cancelled, ""))
        }
    }
}

fn actions(visit: &Visit, campaign: &CampaignView, totals: &TotalsView, link: &str) -> Markup {
    let button = |action: &str, words: &str, class: &str| {
        html! {
            form method="post" action={ (link) "/" (action) } {
                (visit.token())
                button.button.(class) type="submit" { (words) }
            }
        }
    };
    html! {
        @if visit.may(Scope::CampaignsSend) {
            div.actions {
                @if campaign.state == CampaignState::Active { (button("pause", visit.say("Pause", "إيقاف مؤقت"), "second")) }
                @if campaign.state == CampaignState::Paused { (button("resume", visit.say("Resume", "استئناف"), "")) }
                @if totals.failed + totals.dead > 0 && campaign.state != CampaignState::Cancelled {
                    (button("resend", visit.say("Resend what failed", "إعادة إرسال ما فشل"), "second"))
                }
                @if campaign.state != CampaignState::Cancelled && !totals.settled {
                    (button("cancel", visit.say("Cancel the rest", "إلغاء الباقي"), "danger"))
                }
            }
        }
    }
}

/// `POST /console/campaigns/{id}/{action}`.
pub(crate) async fn act(
    Path((id, action)): Path<(CampaignId, String)>,
    Posted { visit, .. }: Posted,
) -> Answer<Response> {
    let (route, page) = (format!("/v1/campaigns/{id}/{action}"), format!("/campaigns/{id}"));
    let done = match action.as_str() {
        "pause" => visit.say("Paused: what is not sent is held.", "أُوقفت: يُعلَّق ما لم يُرسل."),
        "resume" => visit.say("It goes on.", "استُؤنفت."),
        "cancel" => visit.say("Cancelled: what is not sent never will be.", "أُلغيت: ما لم يُرسل لن يُرسل."),
        "resend" => {
            let resent: Asked<ResendAnswer> = visit.api.send(Method::POST, &route, &json!({})).await;
            return Ok(match resent {
                Ok(resent) => {
                    let count = visit.count(u64::try_from(resent.resent).unwrap_or(0), &DELIVERIES);
                    visit
                        .go(&page, &Flash::good(format!("{count}: {}", visit.say("queued again", "أُعيدت إلى الطابور"))))
                }
                Err(problem) => visit.went::<()>(&page, Err(problem), ""),
            });
        }
        _ => return Err(Problem::new(ProblemKind::NotFound, "There is no such action.").into()),
    };
    let outcome = visit.api.act(Method::POST, &route).await;
    Ok(visit.went(&page, outcome, done))
}

/// `GET /console/campaigns/{id}/errors.csv`.
pub(crate) async fn errors(Path(id): Path<CampaignId>, visit: Visit) -> Answer<Response> {
    let file = visit.api.file(&format!("/v1/campaigns/{id}/errors.csv")).await?;
    let mut response = Response::new(Body::from(file.body().clone()));
    for name in [header::CONTENT_TYPE, header::CONTENT_DISPOSITION] {
        if let Some(value) = file.headers().get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    Ok(response)
}

/// `GET /console/campaigns/{id}/deliveries/{delivery_id}`.
pub(crate) async fn delivery(Path((id, delivery)): Path<(CampaignId, DeliveryId)>, visit: Visit) -> Answer<Page> {
    let one: DeliveryView = visit.api.get(&format!("/v1/campaigns/{id}/deliveries/{delivery}")).await?;
    let rows = [
        (visit.say("Address", "العنوان"), html! { bdi { (one.address) } }),
        (visit.say("Channel", "القناة"), html! { (one.channel) }),
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
        div.head { h1 { bdi { (one.user_id) } } (status(&visit, one.status)) }
        @if let Some(error) = &one.error {
            @let (reason, fix) = match visit.language { Language::English => (&error.reason, &error.fix), Language::Arabic => (&error.reason_ar, &error.fix_ar) };
            div.card.alert.bad {
                p.reason { (reason) }
                @if !fix.is_empty() { p.fix { strong { (visit.say("What to do:", "ما العمل:")) } " " (fix) } }
                p.detail { code dir="auto" { (error.detail) } }
            }
        }
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
                ul { @for report in &one.feedback { li { code { (report.kind.as_str()) } " · " (visit.time(&report.at)) " " span dir="auto" { (report.detail) } } } }
            }
        }
    };
    Ok(visit.page(one.user_id.as_str(), &body))
}
