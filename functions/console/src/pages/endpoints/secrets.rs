//! The signing secret: shown once when it is made, and replaced by another one.

use super::{
    fields::{secret, signings},
    needs, page, route,
    words::{DAYS, HOURS},
};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    flash::Flash,
    form::Form,
    page::Page,
    parts, verbatim,
    visit::{Posted, Visit},
};
use ::api::{
    endpoints::{EndpointSecretShown, EndpointView},
    problem::Problem,
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{ids::IntegrationId, principal::Scope, webhook::Signing};
use maud::{Markup, html};
use runtime::http::{Answer, Path};
use serde_json::json;

/// For how long the secret before may go on signing, in hours.
const OVERLAPS: [u64; 7] = [0, 1, 24, 48, 72, 120, 168];

const SNIPPET: &str = r#"// npm install standardwebhooks
import { Webhook } from "standardwebhooks";
app.post("/hooks", express.raw({ type: "application/json" }), (request, response) => {
  const event = new Webhook(process.env.SECRET).verify(request.body, request.headers); // throws if it is not ours
  response.sendStatus(204);
});"#;

/// How receivers check who posted.
fn how_to_verify(visit: &Visit, signing: Signing) -> Markup {
    html! {
        @match signing {
            Signing::Hmac => {
                p { (visit.say(
                    "The receiver verifies each post with it, over the raw body and before anything else, with a library of Standard Webhooks:",
                    "يتحقق المستقبِل به من كل رسالة، على متنها الخام وقبل أي شيء آخر، بإحدى مكتبات Standard Webhooks:",
                )) }
                (verbatim::text(visit, visit.say("Example in JavaScript", "مثال بلغة JavaScript"), SNIPPET, None))
            },
            Signing::Ed25519 => p { (visit.say(
                "The receiver checks the part of webhook-signature that begins with v1a: an Ed25519 signature over webhook-id, webhook-timestamp and the raw body, with dots between them. The public key is no secret.",
                "يتحقق المستقبِل من الجزء البادئ بـ v1a في webhook-signature: توقيع Ed25519 على webhook-id وwebhook-timestamp والمتن الخام مفصولة بنقاط. المفتاح العام ليس سرًا.",
            )) },
        }
    }
}

/// The page that shows what a receiver needs: the secret that was made, this once, or the public key. `None` where there
/// is nothing that the person does not have already.
pub(super) fn shown(visit: &Visit, title: &str, made: &EndpointSecretShown) -> Option<Page> {
    let (endpoint, next) = (&made.endpoint, page(&made.endpoint.id, ""));
    let note = how_to_verify(visit, endpoint.signing);
    if let Some(secret) = &made.new_secret {
        return Some(parts::secret_page(visit, title, secret, &note, &next));
    }
    let public_key = endpoint.public_key.as_deref()?;
    let body = html! {
        h1 { (title) }
        div.card {
            p { strong { (visit.say("Give the receiver this public key.", "أعطِ المستقبِل هذا المفتاح العام.")) } }
            (parts::copied(visit, "public-key", visit.say("The public key", "المفتاح العام"), public_key))
            (note)
            p { a.button href=(visit.link(&next)) { (visit.say("To the endpoint", "إلى الويب هوك")) } }
        }
    };
    Some(visit.page(title, &body))
}

/// `GET /console/endpoints/{id}/secret`.
pub(crate) async fn ask(Path(id): Path<IntegrationId>, visit: Visit) -> Answer<Page> {
    needs(&visit, Scope::EndpointsWrite)?;
    let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
    Ok(form_page(&visit, &endpoint, &Form::default(), None))
}

/// `POST /console/endpoints/{id}/secret`. A secret that is made is on this one page and nowhere else.
pub(crate) async fn rotate(Path(id): Path<IntegrationId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let hours = form.text("keep_previous_hours");
    let mut body = json!({
        "keep_previous_hours": hours.parse::<u32>().map_or_else(|_| json!(hours), |hours| json!(hours)),
        "signing": form.text("signing"),
    });
    if let Some(own) = form.entered("secret") {
        body["secret"] = own.into();
    }
    let rotated: Asked<EndpointSecretShown> = visit.api.send(Method::POST, &route(&id, "/rotate-secret"), &body).await;
    Ok(match rotated {
        Ok(rotated) => {
            let title = visit.say("The new secret signs from now on", "يوقّع السر الجديد من الآن");
            shown(&visit, title, &rotated).map_or_else(
                || {
                    visit.go(
                        &page(&id, ""),
                        &Flash::good(visit.say("Your secret signs from now on.", "يوقّع سرّك من الآن.")),
                    )
                },
                IntoResponse::into_response,
            )
        }
        Err(problem) => {
            let endpoint: EndpointView = visit.api.get(&route(&id, "")).await?;
            form_page(&visit, &endpoint, &form, Some(&problem)).with_status(problem.status).into_response()
        }
    })
}

fn form_page(visit: &Visit, endpoint: &EndpointView, form: &Form, problem: Option<&Problem>) -> Page {
    let title = visit.say("Rotate the secret", "تبديل السر");
    let back = page(&endpoint.id, "");
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let now = match endpoint.signing {
        Signing::Hmac => "hmac",
        Signing::Ed25519 => "ed25519",
    };
    let overlaps: Vec<_> = OVERLAPS.iter().map(|hours| (hours.to_string(), overlap(visit, *hours))).collect();
    let overlaps: Vec<_> = overlaps.iter().map(|(hours, words)| (hours.as_str(), words.as_str())).collect();
    let help = visit.say(
        "Within that time posts carry both signatures, so that none is refused while you change the receiver. Choose none if the secret leaked.",
        "تحمل الرسائل خلال هذه المدة التوقيعين، فلا تُرفض أيٌّ منها ريثما تغيّر المستقبِل. اختر بلا مهلة إن تسرّب السر.",
    );
    let keep = Field::new(
        visit,
        "keep_previous_hours",
        visit.say("The secret before signs as well for", "يوقّع السر السابق معه مدة"),
        help,
    );
    let method = Field::new(visit, "signing", visit.say("Signature from now on", "التوقيع من الآن"), "");
    let empty = visit.say("Leave it empty, and one is made and shown once.", "اتركه فارغًا ليُنشأ سر ويُعرض مرة واحدة.");
    let own = Field::new(visit, "secret", visit.say("A secret of your own", "سر من عندك"), empty);
    let shown = ["keep_previous_hours", "signing", "secret"].map(str::to_owned);
    let body = html! {
        (parts::crumbs(visit, &back, &endpoint.name))
        h1 { (title) }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        form.card.form method="post" {
            (visit.token())
            (keep.required().judged(errors).choice(visit, form.entered(keep.name).unwrap_or("24"), &overlaps))
            (method.required().judged(errors).choice(visit, form.entered(method.name).unwrap_or(now), &signings(visit)))
            (secret(visit, &own.judged(errors), "whsec_…"))
            div.actions {
                button.button type="submit" { (visit.say("Rotate the secret", "تبديل السر")) }
                a.button.second href=(visit.link(&back)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

fn overlap(visit: &Visit, hours: u64) -> String {
    match hours {
        0 => visit.say("Not at all", "بلا مهلة").to_owned(),
        hours if hours >= 48 => visit.count(hours / 24, &DAYS),
        hours => visit.count(hours, &HOURS),
    }
}
