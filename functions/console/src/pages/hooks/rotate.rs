//! A new secret for a hook. The one before stays valid for a while, so that nothing is lost until the provider has the new
//! one.

use super::{copied_url, create::secret_field, page, route, scheme::guide};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    flash::Flash,
    form::Form,
    language::Counted,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{
    hooks::{HookSecretShown, HookView},
    problem::Problem,
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{
    hook::{GRACE_HOURS, GRACES_HOURS},
    ids::HookId,
};
use maud::html;
use runtime::http::{Answer, Path};
use serde_json::json;

const HOURS: Counted = Counted {
    one: "{n} hour",
    other: "{n} hours",
    arabic: ["لا ساعات", "ساعة واحدة", "ساعتان", "{n} ساعات", "{n} ساعة", "{n} ساعة"],
};

/// `GET /console/hooks/{id}/rotate`.
pub(super) async fn show(Path(id): Path<HookId>, visit: Visit) -> Answer<Page> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    Ok(form_page(&visit, &hook, &Form::default(), None))
}

/// `POST /console/hooks/{id}/rotate`. A secret that is made is on this one page and nowhere else.
pub(super) async fn rotate(Path(id): Path<HookId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let hook: HookView = visit.api.get(&route(&id)).await?;
    let hours = form.text("grace_hours");
    let mut wanted = json!({ "grace_hours": hours.parse::<u32>().map_or_else(|_| json!(hours), |hours| json!(hours)) });
    if let Some(secret) = form.entered("secret") {
        wanted["secret"] = secret.into();
    }
    let rotated: Asked<HookSecretShown> =
        visit.api.send(Method::POST, &format!("{}/rotate-secret", route(&id)), &wanted).await;
    Ok(match rotated {
        Err(problem) => form_page(&visit, &hook, &form, Some(&problem)).with_status(problem.status).into_response(),
        Ok(HookSecretShown { new_secret: None, .. }) => {
            let words = visit.say("The new secret is in use.", "السر الجديد قيد الاستخدام.");
            visit.go(&page(&id), &Flash::good(words))
        }
        Ok(HookSecretShown { hook, new_secret: Some(secret) }) => {
            let note = html! {
                @if let Some(until) = &hook.previous_secret_until {
                    p { (visit.say("Enter it at the provider. The one before is valid, too, until", "أدخله لدى المزوّد. يبقى السر السابق صالحًا أيضًا حتى"))
                        " " (visit.time(until)) }
                } @else {
                    p { (visit.say("Enter it at the provider now: the one before is not valid any more.", "أدخله لدى المزوّد الآن: لم يعد السر السابق صالحًا.")) }
                }
                p { (guide(&visit, hook.scheme).steps) }
                (copied_url(&visit, &hook))
            };
            let title = visit.say("The new secret", "السر الجديد");
            parts::secret_page(&visit, title, &secret, &note, &page(&id)).into_response()
        }
    })
}

fn form_page(visit: &Visit, hook: &HookView, form: &Form, problem: Option<&Problem>) -> Page {
    let title = visit.say("Rotate the secret", "تبديل السر");
    let page = page(&hook.id);
    let faults = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let help = visit.say(
        "So long both secrets are valid, and you have time to enter the new one at the provider. Nought for a secret that \
         leaked. At most 168.",
        "طوال هذه المدة يصلح السرّان معًا، فيتسع لك الوقت لإدخال الجديد لدى المزوّد. صفر لسر تسرّب. الأقصى 168.",
    );
    let grace = Field::new(
        visit,
        "grace_hours",
        visit.say("Keep the one before for so many hours", "إبقاء السابق هذا العدد من الساعات"),
        help,
    )
    .judged(faults)
    .required();
    let usual = GRACE_HOURS.to_string();
    let shown = ["grace_hours", "secret"].map(str::to_owned);
    let body = html! {
        (parts::crumbs(visit, &page, &hook.name))
        h1 { (title) }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        form.card.form method="post" {
            (visit.token())
            p { (visit.say("In use now:", "المستخدم الآن:")) " " code dir="ltr" { (hook.secret) } }
            @if let Some(until) = &hook.previous_secret_until {
                p.quiet { (visit.say("The one before this is valid until", "السابق لهذا صالح حتى")) " " (visit.time(until)) ". "
                    (visit.say("It ends with the rotation: never more than two are valid.", "ينتهي مع التبديل: لا يصلح أكثر من سرّين معًا.")) }
            }
            (secret_field(visit, hook.scheme, faults))
            p.quiet { (guide(visit, hook.scheme).steps) }
            (grace.number(visit, form.entered("grace_hours").unwrap_or(&usual), u64::from(*GRACES_HOURS.start()), Some(u64::from(*GRACES_HOURS.end()))))
            p.quiet { (visit.say("Usual:", "المعتاد:")) " " (visit.count(u64::from(GRACE_HOURS), &HOURS)) }
            div.actions {
                button.button type="submit" { (visit.say("Rotate", "تبديل")) }
                a.button.second href=(visit.link(&page)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}
