//! A new secret for a key. The one before goes on working for a while, so that its programs can be changed meanwhile.

use super::{own_note, page, prefix, route};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    form::Form,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{
    keys::{KeyCreated, KeyView},
    problem::Problem,
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::{ids::KeyId, key::GRACE_HOURS_MAX};
use maud::html;
use runtime::http::{Answer, Path};
use serde_json::json;

/// `GET /console/keys/{id}/regenerate`.
pub(super) async fn ask(Path(id): Path<KeyId>, visit: Visit) -> Answer<Page> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    Ok(form_page(&visit, &key, &Form::default(), None))
}

/// `POST /console/keys/{id}/regenerate`.
pub(super) async fn regenerate(Path(id): Path<KeyId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    let hours = form.text("grace_hours");
    let wanted = json!({ "grace_hours": hours.parse::<u8>().map_or_else(|_| json!(hours), |hours| json!(hours)) });
    let made: Asked<KeyCreated> = visit.api.send(Method::POST, &format!("{}/regenerate", route(&id)), &wanted).await;
    Ok(match made {
        Err(problem) => form_page(&visit, &key, &form, Some(&problem)).with_status(problem.status).into_response(),
        Ok(made) => {
            let note = html! {
                @if let Some(until) = &made.view.old_secret_until {
                    p { (visit.say("The secret before goes on working until", "يبقى السر السابق صالحًا حتى")) " " (visit.time(until)) "." }
                } @else {
                    p { (visit.say("The secret before stops working within a minute.", "يتوقف السر السابق عن العمل خلال دقيقة.")) }
                }
                (own_note(&visit, &id))
            };
            let title = visit.say("The new secret of the key", "السر الجديد للمفتاح");
            parts::secret_page(&visit, title, &made.key, &note, &page(&id)).into_response()
        }
    })
}

fn form_page(visit: &Visit, key: &KeyView, form: &Form, problem: Option<&Problem>) -> Page {
    let title = visit.say("Regenerate key", "تجديد المفتاح");
    let page = page(&key.id);
    let faults = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let help = visit.say(
        "So long the old secret works beside the new one, and you have time to change the programs. Nought for one that \
         leaked. At most 24.",
        "طوال هذه المدة يعمل السر القديم مع الجديد، فيتسع لك الوقت لتغيير البرامج. صفر لسر تسرّب. الأقصى 24.",
    );
    let label = visit.say("Keep the old secret for so many hours", "إبقاء السر القديم هذا العدد من الساعات");
    let grace = Field::new(visit, "grace_hours", label, help).judged(faults).required();
    let body = html! {
        (parts::crumbs(visit, &page, &key.name))
        h1 { (title) }
        @if let Some(problem) = problem { (refusal(visit, problem, &["grace_hours".to_owned()])) }
        form.card.form method="post" {
            (visit.token())
            p { (visit.say("The key keeps its name, scopes and limits, and gets a new secret, shown once.", "يحتفظ المفتاح باسمه وصلاحياته وحدوده، ويحصل على سر جديد يُعرض مرة واحدة.")) " " (prefix(key)) }
            (own_note(visit, &key.id))
            (grace.number(visit, form.entered("grace_hours").unwrap_or("24"), 0, Some(u64::from(GRACE_HOURS_MAX))))
            div.actions {
                button.button type="submit" { (visit.say("Regenerate", "تجديد")) }
                a.button.second href=(visit.link(&page)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}
