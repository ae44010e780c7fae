//! What is done with a campaign. What cannot be undone asks first.

use crate::{
    api::Asked,
    flash::Flash,
    page::Page,
    parts::{self, DELIVERIES},
    visit::{Posted, Visit},
};
use api::{
    campaigns::{CampaignView, ResendAnswer},
    problem::{Problem, ProblemKind},
};
use axum::{http::Method, response::Response};
use domain::ids::CampaignId;
use maud::html;
use runtime::http::{Answer, Path};
use serde_json::{Value, json};

/// `POST /console/campaigns/{id}/{action}`.
pub(crate) async fn act(
    Path((id, action)): Path<(CampaignId, String)>,
    Posted { visit, .. }: Posted,
) -> Answer<Response> {
    let done = match action.as_str() {
        "pause" => visit.say("Paused: what is not sent is held.", "أُوقفت: يُعلَّق ما لم يُرسل."),
        "resume" => visit.say("It goes on.", "استُؤنفت."),
        "resend" => return Ok(resend(&visit, &id, &json!({})).await),
        _ => return Err(Problem::new(ProblemKind::NotFound, "There is no such action.").into()),
    };
    let outcome = visit.api.act(Method::POST, &format!("/v1/campaigns/{id}/{action}")).await;
    Ok(visit.went(&format!("/campaigns/{id}"), outcome, done))
}

async fn resend(visit: &Visit, id: &CampaignId, which: &Value) -> Response {
    let page = format!("/campaigns/{id}");
    let resent: Asked<ResendAnswer> = visit.api.send(Method::POST, &format!("/v1/campaigns/{id}/resend"), which).await;
    match resent {
        Ok(resent) => {
            let count = visit.count(u64::try_from(resent.resent).unwrap_or(0), &DELIVERIES);
            visit.go(&page, &Flash::good(format!("{count}: {}", visit.say("queued again", "أُعيدت إلى الطابور"))))
        }
        Err(problem) => visit.went::<()>(&page, Err(problem), ""),
    }
}

/// `GET /console/campaigns/{id}/cancel`.
pub(crate) async fn ask_cancel(Path(id): Path<CampaignId>, visit: Visit) -> Answer<Page> {
    let campaign: CampaignView = visit.api.get(&format!("/v1/campaigns/{id}")).await?;
    let totals = campaign.totals.unwrap_or_default();
    let open = totals.queued + totals.sending + totals.retrying + totals.held;
    let words = html! {
        p { strong { bdi { (id) } } " · " (visit.count(open, &DELIVERIES)) " " (visit.say("not sent yet", "لم تُرسل بعد")) }
        p { (visit.say(
            "What is not sent never will be, and the campaign takes no more. This cannot be undone; to stop for a while, pause it.",
            "ما لم يُرسل لن يُرسل، ولن تقبل الحملة المزيد. لا يمكن التراجع عن هذا؛ للتوقف مؤقتًا أوقفها إيقافًا مؤقتًا.",
        )) }
    };
    let title = visit.say("Cancel this campaign?", "إلغاء هذه الحملة؟");
    let keep = format!("/campaigns/{id}");
    Ok(parts::ask(
        &visit,
        title,
        &words,
        visit.say("Cancel the rest", "إلغاء الباقي"),
        (&keep, visit.say("Go on", "متابعة")),
    ))
}

/// `POST /console/campaigns/{id}/cancel`.
pub(crate) async fn cancel(Path(id): Path<CampaignId>, Posted { visit, .. }: Posted) -> Response {
    let outcome = visit.api.act(Method::POST, &format!("/v1/campaigns/{id}/cancel")).await;
    let done = visit.say("Cancelled: what is not sent never will be.", "أُلغيت: ما لم يُرسل لن يُرسل.");
    visit.went(&format!("/campaigns/{id}"), outcome, done)
}

/// `GET /console/campaigns/{id}/resend-unknown`.
pub(crate) async fn ask_resend_unknown(Path(id): Path<CampaignId>, visit: Visit) -> Answer<Page> {
    let campaign: CampaignView = visit.api.get(&format!("/v1/campaigns/{id}")).await?;
    let unknown = campaign.totals.unwrap_or_default().unknown;
    let words = html! {
        p { strong { bdi { (id) } } " · " (visit.count(unknown, &DELIVERIES)) }
        p { (visit.say(
            "Nobody knows whether these arrived: the provider broke off while it took them. Whoever has got one gets it twice.",
            "لا يُعرف إن كانت هذه الرسائل قد وصلت: انقطع الموفّر أثناء استلامها. من وصلته رسالة منها فستصله مرتين.",
        )) }
    };
    let title = visit.say("Send again what is unknown?", "إعادة إرسال غير المعلوم؟");
    let keep = format!("/campaigns/{id}");
    Ok(parts::ask(
        &visit,
        title,
        &words,
        visit.say("Send again", "إعادة الإرسال"),
        (&keep, visit.say("Leave it", "تركها")),
    ))
}

/// `POST /console/campaigns/{id}/resend-unknown`.
pub(crate) async fn resend_unknown(Path(id): Path<CampaignId>, Posted { visit, .. }: Posted) -> Response {
    resend(&visit, &id, &json!({"status": ["unknown"]})).await
}
