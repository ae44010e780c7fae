//! `GET /console/campaigns/{id}`: live totals, what can be done, simulations, deliveries.

use super::{simulations, words};
use crate::{
    api::{Asked, Listed},
    page::Page,
    parts::{self, tile},
    query::address,
    visit::Visit,
};
use api::campaigns::{CampaignView, DeliveryView, SimulationView, TotalsView};
use axum::extract::Query;
use domain::{bundle::DeliveryStatus, campaign::CampaignState, ids::CampaignId, principal::Scope};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde::Deserialize;

/// How many deliveries are looked through for a recipient in one request: the API has no such search, and a page must come
/// in time.
const LOOKED_THROUGH_MAX: usize = 1_000;

/// How many stand on a page.
const PAGE: usize = 50;

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    cursor: String,
    status: String,
    /// A part of a user's id or address.
    q: String,
}

impl Part {
    fn chosen(&self) -> Option<DeliveryStatus> {
        self.status.parse().ok()
    }

    /// As the API takes it: a status that there is, or none.
    fn status(&self) -> (&'static str, &'static str) {
        ("status", self.chosen().map_or("", DeliveryStatus::as_str))
    }

    fn wanted(&self) -> String {
        self.q.trim().to_lowercase()
    }
}

pub(crate) async fn show(Path(id): Path<CampaignId>, visit: Visit, Query(part): Query<Part>) -> Answer<Page> {
    let campaign: CampaignView = visit.api.get(&format!("/v1/campaigns/{id}")).await?;
    let found = deliveries(&visit, &id, &part).await?;
    let simulations: Option<Listed<SimulationView>> = visit.api.look(&format!("/v1/campaigns/{id}/simulations")).await;
    let link = visit.link(&format!("/campaigns/{id}"));
    let totals = campaign.totals.clone().unwrap_or_default();
    let body = html! {
        (parts::crumbs(&visit, "/campaigns", visit.say("Campaigns", "الحملات")))
        div.head { h1 { bdi { (campaign.id) } } (words::state(&visit, campaign.state)) }
        @if found.items.iter().any(|one| one.sandbox) { (sandbox_note(&visit)) }
        (actions(&visit, &campaign, &totals, &link))
        div data-live=(visit.base.to_string() + &visit.path) data-live-until=[totals.settled.then_some("now")] {
            (totals_tiles(&visit, &totals))
            (reports(&visit, &campaign))
        }
        @if let Some(simulations) = simulations { (simulations::section(&visit, &simulations)) }
        (section(&visit, &found, &part, &totals, &link))
    };
    Ok(visit.page(campaign.id.as_str(), &body))
}

/// A page of the deliveries; where one recipient is looked for, those of several pages that match.
async fn deliveries(visit: &Visit, id: &CampaignId, part: &Part) -> Asked<Listed<DeliveryView>> {
    let wanted = part.wanted();
    let limit = PAGE.to_string();
    let ask = async |cursor: &str| {
        let parameters = [("limit", limit.as_str()), part.status(), ("cursor", cursor)];
        visit.api.get::<Listed<DeliveryView>>(&address(&format!("/v1/campaigns/{id}/deliveries"), &parameters)).await
    };
    let mut found = ask(&part.cursor).await?;
    if wanted.is_empty() {
        return Ok(found);
    }
    let matches = |one: &DeliveryView| {
        one.user_id.as_str().to_lowercase().contains(&wanted) || one.address.to_lowercase().contains(&wanted)
    };
    let mut looked_through = found.items.len();
    found.items.retain(matches);
    while looked_through < LOOKED_THROUGH_MAX
        && found.items.len() < PAGE
        && let Some(next) = found.next.take()
    {
        let more = ask(&next).await?;
        looked_through += more.items.len();
        found.items.extend(more.items.into_iter().filter(matches));
        found.next = more.next;
    }
    Ok(found)
}

pub(super) fn sandbox_note(visit: &Visit) -> Markup {
    html! {
        div.toast.warn {
            p { strong { (visit.say("Sandbox", "وضع التجربة")) } " "
                (visit.say(
                    "Deliveries of this campaign went to test recipients instead of the people they name.",
                    "ذهبت رسائل هذه الحملة إلى مستلمي التجربة بدل الأشخاص المذكورين.",
                )) }
        }
    }
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

/// What providers reported of what was sent.
fn reports(visit: &Visit, campaign: &CampaignView) -> Markup {
    let reports = campaign.feedback.iter().flatten().filter(|(_, n)| **n > 0);
    let reports: Vec<_> = reports.collect();
    html! {
        @if !reports.is_empty() {
            ul.tags aria-label=(visit.say("What providers reported", "ما أبلغ به الموفّرون")) {
                @for (kind, n) in reports { li { (words::report(visit, *kind)) " " strong { (visit.number(*n)) } } }
            }
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
    let goes = campaign.state != CampaignState::Cancelled;
    html! {
        @if visit.may(Scope::CampaignsSend) && goes {
            div.actions {
                @if campaign.state == CampaignState::Active { (button("pause", visit.say("Pause", "إيقاف مؤقت"), "second")) }
                @if campaign.state == CampaignState::Paused { (button("resume", visit.say("Resume", "استئناف"), "")) }
                @if totals.failed + totals.dead > 0 {
                    (button("resend", visit.say("Resend what failed", "إعادة إرسال ما فشل"), "second"))
                }
                @if totals.unknown > 0 {
                    a.button.second href={ (link) "/resend-unknown" } { (visit.say("Resend what is unknown…", "إعادة إرسال غير المعلوم…")) }
                }
                @if !totals.settled {
                    a.button.danger href={ (link) "/cancel" } { (visit.say("Cancel the rest…", "إلغاء الباقي…")) }
                }
            }
        }
    }
}

fn section(visit: &Visit, found: &Listed<DeliveryView>, part: &Part, totals: &TotalsView, link: &str) -> Markup {
    let chosen = part.chosen();
    let q = part.q.trim();
    let next = found.next.as_deref().map(|next| address(link, &[("cursor", next), part.status(), ("q", q)]));
    html! {
        section aria-labelledby="deliveries" {
            div.head {
                h2 #deliveries { (visit.say("Deliveries", "الرسائل")) }
                form.search method="get" action=(link) role="search" {
                    label for="status" { (visit.say("Status", "الحالة")) }
                    select #status name="status" {
                        option value="" { (visit.say("all", "الكل")) }
                        @for one in DeliveryStatus::ALL {
                            option value=(one.as_str()) selected[Some(one) == chosen] { (words::words(visit, one).1) }
                        }
                    }
                    label.hidden for="q" { (visit.say("User or address", "المستخدم أو العنوان")) }
                    input #q type="search" name="q" value=(q) placeholder=(visit.say("User or address", "المستخدم أو العنوان"));
                    button.small type="submit" { (visit.say("Show", "عرض")) }
                }
                @if totals.failed + totals.dead + totals.unknown > 0 {
                    a.button.second.small href={ (link) "/errors.csv" } { (visit.say("Errors as CSV", "الأخطاء CSV")) }
                }
            }
            @if found.items.is_empty() { (nothing(visit, found.next.is_some(), chosen.is_some() || !q.is_empty(), link)) }
            @else { (table(visit, &found.items, link)) }
            @if !q.is_empty() && next.is_some() {
                p.quiet { (visit.say(
                    "The campaign has more deliveries than are looked through at once; the next page looks on.",
                    "رسائل الحملة أكثر مما يُبحث فيه دفعة واحدة؛ الصفحة التالية تتابع البحث.",
                )) }
            }
            (parts::more(visit, next))
        }
    }
}

fn nothing(visit: &Visit, goes_on: bool, filtered: bool, link: &str) -> Markup {
    html! {
        p.quiet role="status" {
            @if goes_on { (visit.say("None among these.", "لا شيء بين هذه.")) }
            @else if filtered {
                (visit.say("No delivery matches.", "لا رسالة تطابق.")) " " a href=(link) { (visit.say("Show all", "عرض الكل")) }
            }
            @else { (visit.say("No deliveries yet; they appear here as they are accepted.", "لا رسائل بعد؛ تظهر هنا متى قُبلت.")) }
        }
    }
}

fn table(visit: &Visit, deliveries: &[DeliveryView], link: &str) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Recipient", "المستلم")) }
                th scope="col" { (visit.say("Status", "الحالة")) }
                th scope="col" { (visit.say("Why", "السبب")) }
                th scope="col" { (visit.say("Changed", "تغيّرت")) }
            } }
            tbody { @for one in deliveries { tr {
                th scope="row" { a href={ (link) "/deliveries/" (one.id) } { bdi { (one.user_id) } } small.quiet { bdi { (one.address) } } }
                td data-label=(visit.say("Status", "الحالة")) { (words::status(visit, one.status)) }
                td data-label=(visit.say("Why", "السبب")) { (words::why(visit, one.error.as_ref())) }
                td data-label=(visit.say("Changed", "تغيّرت")) { (visit.time(&one.updated_at)) }
            } } }
        }
    }
}
