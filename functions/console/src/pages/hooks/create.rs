//! A new hook: which scheme, then its form. A secret that is made is on the page that answers, and nowhere else.

use super::{
    copied_url,
    form::{Entered, body},
    name, page,
    scheme::guide,
};
use crate::{
    api::Asked,
    faults::refusal,
    field::Field,
    flash::Flash,
    page::Page,
    parts,
    visit::{Posted, Visit},
};
use api::{
    hooks::HookSecretShown,
    problem::{FieldProblem, Problem},
};
use axum::{
    http::Method,
    response::{IntoResponse, Response},
};
use domain::hook::SchemeName;
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// `GET /console/hooks/new`.
pub(super) async fn choose(visit: Visit) -> Page {
    let title = visit.say("Add webhook", "إضافة ويب هوك");
    let body = html! {
        (parts::crumbs(&visit, "/hooks", name(&visit)))
        h1 { (title) }
        p.quiet { (visit.say("Whose events is it to take?", "أحداث أي نظام سيستقبل؟")) }
        ul.choices {
            @for scheme in SchemeName::ALL {
                li {
                    a.card href=(visit.link(&format!("/hooks/new/{scheme}"))) {
                        strong { (scheme.title()) }
                        span.quiet { (guide(&visit, *scheme).about) }
                    }
                }
            }
        }
    };
    visit.page(title, &body)
}

fn scheme_of(name: &str) -> Answer<SchemeName> {
    Ok(name.parse().map_err(|_| Problem::not_found("scheme"))?)
}

/// `GET /console/hooks/new/{scheme}`.
pub(super) async fn show(Path(scheme): Path<String>, visit: Visit) -> Answer<Page> {
    let entered = Entered { scheme: scheme_of(&scheme)?, form: None, saved: None, errors: &[] };
    Ok(form_page(&visit, &entered, &html! {}))
}

/// `POST /console/hooks/new/{scheme}`.
pub(super) async fn create(Path(scheme): Path<String>, Posted { visit, form }: Posted) -> Answer<Response> {
    let scheme = scheme_of(&scheme)?;
    let mut wanted = body(scheme, &form);
    wanted.insert("scheme".to_owned(), scheme.as_str().into());
    // An address that is not entered is the one that calls arrive at.
    wanted.retain(|name, value| name != "public_url" || value != "");
    if let Some(secret) = form.entered("secret") {
        wanted.insert("secret".to_owned(), secret.into());
    }
    let created: Asked<HookSecretShown> = visit.api.send(Method::POST, "/v1/hooks", &wanted).await;
    Ok(match created {
        Ok(created) => made(&visit, &created),
        Err(problem) => {
            let entered = Entered { scheme, form: Some(&form), saved: None, errors: &problem.errors };
            let note = refusal(&visit, &problem, &entered.shown());
            form_page(&visit, &entered, &note).with_status(problem.status).into_response()
        }
    })
}

/// What comes next at the provider: with the secret, where we made it.
fn made(visit: &Visit, created: &HookSecretShown) -> Response {
    let next = page(&created.hook.id);
    let Some(secret) = &created.new_secret else {
        let words =
            visit.say("The webhook is made. Give its address to the provider.", "أُنشئ الويب هوك. أعطِ عنوانه للمزوّد.");
        return visit.go(&next, &Flash::good(words));
    };
    let note = html! {
        p { strong { (visit.say("The address that goes with it", "العنوان المرافق له")) } }
        (copied_url(visit, &created.hook))
        p { (guide(visit, created.hook.scheme).steps) }
    };
    let title = visit.say("The webhook is made", "أُنشئ الويب هوك");
    parts::secret_page(visit, title, secret, &note, &next).into_response()
}

fn form_page(visit: &Visit, entered: &Entered<'_>, note: &Markup) -> Page {
    let scheme = entered.scheme;
    let title = format!("{} {}", visit.say("Webhook from", "ويب هوك من"), scheme.title());
    let guide = guide(visit, scheme);
    let body = html! {
        (parts::crumbs(visit, "/hooks/new", visit.say("Add webhook", "إضافة ويب هوك")))
        h1 { (title) }
        p.quiet { (guide.about) }
        (note)
        form.card.form method="post" {
            (visit.token())
            (entered.name(visit))
            (entered.of_scheme(visit))
            (secret_field(visit, scheme, entered.errors))
            (entered.taken(visit))
            section { h2 { (visit.say("At the provider", "لدى المزوّد")) } p { (guide.steps) } }
            div.actions {
                button.button type="submit" { (visit.say("Create webhook", "إنشاء الويب هوك")) }
                a.button.second href=(visit.link("/hooks")) { (visit.say("Cancel", "إلغاء")) }
            }
        }
    };
    visit.page(&title, &body)
}

/// Where a secret is entered, or left to us where that is ours to make. What was entered is never sent back.
pub(super) fn secret_field(visit: &Visit, scheme: SchemeName, errors: &[FieldProblem]) -> Markup {
    let ours = scheme.secret_is_ours();
    let help = if ours {
        visit.say(
            "Left empty, we make a strong one and show it once, to be entered at the provider.",
            "إن تُرك فارغًا أنشأنا سرًا قويًا وعرضناه مرة واحدة، لتُدخله لدى المزوّد.",
        )
    } else {
        visit.say(
            "The provider makes it and shows it: see below. Afterwards only its last characters are shown here.",
            "ينشئه المزوّد ويعرضه: انظر أدناه. بعد ذلك لا تُعرض هنا إلا آخر أحرفه.",
        )
    };
    let field = Field::new(visit, "secret", visit.say("Secret", "السر"), help).judged(errors);
    let field = if ours { field } else { field.required() };
    field.around(visit, |id, described| {
        html! {
            input id=(id) type="password" name="secret" required[field.required] dir="ltr" autocomplete="new-password"
                aria-describedby=[described] aria-invalid=[field.wrong()];
        }
    })
}
