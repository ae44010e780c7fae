//! Changing a key. Only what differs is sent: so whoever may not give all that a key has can still rename it.

use super::{
    form::{Entered, beginning_of, fields, note},
    may_hold, page, route,
};
use crate::{
    api::Asked,
    flash::Flash,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{keys::KeyView, problem::Problem};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::ids::KeyId;
use maud::html;
use runtime::http::{Answer, Path};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// `GET /console/keys/{id}/edit`.
pub(super) async fn show(Path(id): Path<KeyId>, visit: Visit) -> Answer<Page> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    Ok(form_page(&visit, &key, &Entered::saved(&key), None))
}

/// `POST /console/keys/{id}/edit`.
pub(super) async fn save(Path(id): Path<KeyId>, Posted { visit, form }: Posted) -> Answer<Response> {
    let key: KeyView = visit.api.get(&route(&id)).await?;
    let entered = Entered::sent(&form);
    let patch = difference(&Entered::saved(&key), &entered);
    let saved: Asked<KeyView> = visit.api.send(Method::PATCH, &route(&id), &patch).await;
    Ok(match saved {
        Ok(_) => {
            let words =
                visit.say("Your changes are saved; they are heeded within a minute.", "حُفظت تغييراتك؛ تسري خلال دقيقة.");
            visit.go(&page(&id), &Flash::good(words))
        }
        Err(problem) => form_page(&visit, &key, &entered, Some(&problem)).with_status(problem.status).into_response(),
    })
}

/// What was changed, as the API takes it.
fn difference(saved: &Entered, entered: &Entered) -> Map<String, Value> {
    let mut patch = Map::new();
    let mut change = |name: &str, value: Value| patch.insert(name.to_owned(), value);
    if entered.name != saved.name {
        change("name", entered.name.as_str().into());
    }
    let set = |scopes: &[String]| scopes.iter().cloned().collect::<BTreeSet<_>>();
    if set(&entered.scopes) != set(&saved.scopes) {
        change("scopes", entered.scopes.clone().into());
    }
    if entered.tier != saved.tier {
        change("tier", entered.tier.as_str().into());
    }
    // A moment within a day stays as it is while the day does.
    if entered.expires != saved.expires {
        let end = if entered.expires.is_empty() { "never".to_owned() } else { beginning_of(&entered.expires) };
        change("expires_at", end.into());
    }
    if entered.networks() != saved.networks() {
        change("allow", entered.networks().into());
    }
    patch
}

fn form_page(visit: &Visit, key: &KeyView, entered: &Entered, problem: Option<&Problem>) -> Page {
    let title = visit.say("Change key", "تغيير المفتاح");
    let page = page(&key.id);
    let errors = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let body = html! {
        (parts::crumbs(visit, &page, &key.name))
        h1 { (title) }
        @if let Some(problem) = problem { (note(visit, problem)) }
        form.card.form method="post" {
            (visit.token())
            @if !may_hold(visit, &key.scopes) {
                p { (visit.say(
                    "This key may do more than you. Leave what it may do as it is, or take away all that you do not have yourself.",
                    "يُسمح لهذا المفتاح بأكثر مما لديك. اترك صلاحياته كما هي، أو أزل منها كل ما ليس لديك.",
                )) }
            }
            (fields(visit, entered, &key.scopes, errors))
            div.actions {
                button.button type="submit" { (visit.say("Save", "حفظ")) }
                a.button.second href=(visit.link(&page)) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_sent() {
        let of = |name: &str, scopes: &[&str], tier: &str, expires: &str, allow: &str| Entered {
            name: name.into(),
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            tier: tier.into(),
            expires: expires.into(),
            allow: allow.into(),
        };
        let saved = of("ci", &["keys:read", "*"], "basic", "2027-01-01", "10.0.0.0/8\n::1/128");
        let same = of("ci", &["*", "keys:read"], "basic", "2027-01-01", "10.0.0.0/8\r\n\r\n ::1/128");
        assert_eq!(json!(difference(&saved, &same)), json!({}));
        let other = of("cd", &["*"], "premium", "", "");
        let told = json!({"name": "cd", "scopes": ["*"], "tier": "premium", "expires_at": "never", "allow": []});
        assert_eq!(json!(difference(&saved, &other)), told);
        let later = of("ci", &["*", "keys:read"], "basic", "2028-02-29", "10.0.0.0/8\n::1/128");
        assert_eq!(json!(difference(&saved, &later)), json!({"expires_at": "2028-02-29T00:00:00Z"}));
    }
}
