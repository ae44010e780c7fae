//! API keys: which there are, a new one whose secret is shown once, suspend, activate, revoke.

use crate::{
    api::{Asked, Listed},
    faults::refusal,
    field::{Field, Text},
    flash::Flash,
    form::Form,
    page::Page,
    parts,
    router::Routes,
    visit::{Kept, Posted, Visit},
};
use api::{
    keys::{KeyCreated, KeyState, KeyView},
    problem::{Problem, ProblemKind},
};
use axum::{
    Router,
    http::Method,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{ids::KeyId, principal::Scope};
use maud::{Markup, html};
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
};
use serde_json::json;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/keys", get(list))
        .route("/console/keys/new", get(ask).post(create))
        .route("/console/keys/{id}/{action}", post(act))
}

/// `GET /console/keys`.
pub(crate) async fn list(visit: Visit) -> Answer<Page> {
    let keys: Listed<KeyView> = visit.api.get("/v1/keys").await?;
    let title = visit.say("API keys", "مفاتيح API");
    let body = html! {
        div.head {
            h1 { (title) }
            @if visit.may(Scope::KeysWrite) {
                a.button href=(visit.link("/keys/new")) { (visit.say("Create key", "إنشاء مفتاح")) }
            }
        }
        @if keys.items.is_empty() {
            (parts::empty(visit.say("No key yet", "لا مفاتيح بعد"), visit.say("Programs call the API with a key.", "تستدعي البرامج API بمفتاح."), None))
        } @else {
            table.stack {
                thead { tr {
                    th scope="col" { (visit.say("Name", "الاسم")) }
                    th scope="col" { (visit.say("State", "الحالة")) }
                    th scope="col" { (visit.say("Scopes", "الصلاحيات")) }
                    th scope="col" { (visit.say("Last used", "آخر استخدام")) }
                    th scope="col" { (visit.say("Expires", "ينتهي")) }
                    th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
                } }
                tbody { @for key in &keys.items { (row(&visit, key)) } }
            }
        }
    };
    Ok(visit.page(title, &body))
}

fn row(visit: &Visit, key: &KeyView) -> Markup {
    let (tone, state) = match key.state {
        KeyState::Active => ("good", visit.say("Active", "نشط")),
        KeyState::Suspended => ("warn", visit.say("Suspended", "موقوف")),
        KeyState::Expired => ("off", visit.say("Expired", "منتهٍ")),
        KeyState::Revoked => ("off", visit.say("Revoked", "مُلغى")),
    };
    let button = |action: &str, words: &str, class: &str| {
        parts::button(visit, &format!("/keys/{}/{action}", key.id), words, class, &key.name)
    };
    html! {
        tr {
            th scope="row" { bdi { (key.name) } small.quiet { code dir="ltr" { "tk_live_" (key.prefix) "_…" } } }
            td data-label=(visit.say("State", "الحالة")) { (parts::badge(tone, state)) }
            td data-label=(visit.say("Scopes", "الصلاحيات")) {
                ul.tags { @for scope in &key.scopes { li { code dir="ltr" { (scope.as_str()) } } } }
            }
            td data-label=(visit.say("Last used", "آخر استخدام")) { (visit.time_or(key.usage.last_used_at.as_deref(), visit.say("never", "أبدًا"))) }
            td data-label=(visit.say("Expires", "ينتهي")) { (visit.time_or(key.expires_at.as_deref(), visit.say("never", "أبدًا"))) }
            td.actions {
                @if visit.may(Scope::KeysWrite) {
                    @match key.state {
                        KeyState::Active => {
                            (button("suspend", visit.say("Suspend", "إيقاف"), "plain"))
                            (button("revoke", visit.say("Revoke", "إلغاء"), "danger"))
                        }
                        KeyState::Suspended => {
                            (button("activate", visit.say("Activate", "تنشيط"), "plain"))
                            (button("revoke", visit.say("Revoke", "إلغاء"), "danger"))
                        }
                        KeyState::Expired | KeyState::Revoked => {}
                    }
                }
            }
        }
    }
}

/// `GET /console/keys/new`.
pub(crate) async fn ask(visit: Visit) -> Page {
    form_page(&visit, &Form::default(), None)
}

fn form_page(visit: &Visit, form: &Form, problem: Option<&Problem>) -> Page {
    let title = visit.say("Create key", "إنشاء مفتاح");
    let ticked = |scope: &str| form.all("scope").any(|entered| entered == scope);
    let tier = form.entered("tier").unwrap_or("basic");
    // Nobody gives what they do not have.
    let scopes = Scope::ALL.iter().filter(|scope| visit.may(**scope));
    let faults = problem.map(|problem| problem.errors.as_slice()).unwrap_or_default();
    let field = |name, title, help| Field::new(visit, name, title, help).judged(faults);
    let what = visit.say("What uses the key, so that you know it again.", "ما الذي يستخدم المفتاح، لتعرفه لاحقًا.");
    let name = field("name", visit.say("Name", "الاسم"), what).required();
    let limits = field("tier", visit.say("Limits", "الحدود"), "").required();
    let tiers = [
        ("basic", visit.say("Basic: 60 requests a minute by default", "أساسي: 60 طلبًا في الدقيقة افتراضيًا")),
        ("standard", visit.say("Standard: 300 requests a minute by default", "قياسي: 300 طلب في الدقيقة افتراضيًا")),
        ("premium", visit.say("Premium: 1,000 requests a minute by default", "ممتاز: 1000 طلب في الدقيقة افتراضيًا")),
    ];
    let day = visit.say("At the beginning of that day, UTC.", "عند بداية ذلك اليوم بالتوقيت العالمي.");
    let expires = field("expires_at", visit.say("Expires on", "ينتهي في"), day);
    let networks = visit.say("Only from these networks", "من هذه الشبكات فقط");
    let allow = field("allow", networks, visit.say("One a line.", "واحدة في كل سطر.")).example("203.0.113.0/24");
    let shown = ["name", "tier", "expires_at", "allow"].map(str::to_owned);
    let body = html! {
        h1 { (title) }
        @if let Some(problem) = problem { (refusal(visit, problem, &shown)) }
        form.card.form method="post" {
            (visit.token())
            (name.text(visit, Text::Words, form.text("name")))
            fieldset {
                legend { (visit.say("What it may do", "ما يُسمح به")) }
                ul.boxes {
                    @for scope in scopes {
                        li { label { input type="checkbox" name="scope" value=(scope) checked[ticked(scope.as_str())]; " " code dir="ltr" { (scope) } } }
                    }
                }
            }
            (limits.choice(visit, tier, &tiers))
            (expires.around(visit, |id, described| html! {
                input id=(id) type="date" name=(expires.name) value=(form.text(expires.name)) dir="ltr" aria-describedby=[described] aria-invalid=[expires.wrong()];
            }))
            (allow.text(visit, Text::CodeLines, form.text("allow")))
            div.actions {
                button.button type="submit" { (visit.say("Create key", "إنشاء مفتاح")) }
                a.button.second href=(visit.link("/keys")) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(title, &body)
}

/// `POST /console/keys/new`. The secret is on this one page and nowhere else.
pub(crate) async fn create(Posted { visit, form }: Posted) -> Response {
    let lines: Vec<_> = form.text("allow").lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut body = json!({
        "name": form.text("name"),
        "scopes": form.all("scope").collect::<Vec<_>>(),
        "tier": form.entered("tier").unwrap_or("basic"),
        "allow": lines,
    });
    if let Some(day) = form.entered("expires_at") {
        body["expires_at"] = format!("{day}T00:00:00Z").into();
    }
    let created: Asked<KeyCreated> = visit.api.send(Method::POST, "/v1/keys", &body).await;
    match created {
        Err(problem) => form_page(&visit, &form, Some(&problem)).with_status(problem.status).into_response(),
        Ok(created) => {
            let title = visit.say("The key is made", "أُنشئ المفتاح");
            parts::secret_page(&visit, title, &created.key, &html! {}, "/keys").into_response()
        }
    }
}

/// `POST /console/keys/{id}/{action}`.
pub(crate) async fn act(Path((id, action)): Path<(KeyId, String)>, Posted { visit, .. }: Posted) -> Answer<Response> {
    let route = format!("/v1/keys/{id}");
    let (outcome, done) = match action.as_str() {
        "suspend" => {
            let done = visit.say("Suspended; it stops working within a minute.", "أُوقف؛ يتوقف عن العمل خلال دقيقة.");
            (visit.api.act(Method::POST, &format!("{route}/suspend")).await, done)
        }
        "activate" => {
            (visit.api.act(Method::POST, &format!("{route}/activate")).await, visit.say("It works again.", "عاد يعمل."))
        }
        "revoke" => {
            let done = visit.say("Revoked; it stops working within a minute.", "أُلغي؛ يتوقف عن العمل خلال دقيقة.");
            (visit.api.act(Method::DELETE, &route).await, done)
        }
        _ => return Err(Problem::new(ProblemKind::NotFound, "There is no such action.").into()),
    };
    Ok(match outcome {
        Ok(()) => visit.go("/keys", &Flash::good(done)),
        refused => visit.went("/keys", refused, done),
    })
}
