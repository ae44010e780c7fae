//! `GET /console/account`: who is signed in, by what, and what they may do; their sessions, and ending them.

use crate::{
    flash::Flash,
    page::Page,
    parts::{self, facts},
    router::Routes,
    visit::{By, Console, Kept, Posted, Visit},
};
use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use domain::{principal::Scope, session::Session};
use maud::{Markup, html};
use runtime::{http::Answer, secrets::SecretSource};
use std::sync::Arc;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/account", get(show)).route("/console/account/sessions/end", post(end))
}

/// `GET /console/account`.
async fn show<S: Kept, P: SecretSource>(State(console): State<Arc<Console<S, P>>>, visit: Visit) -> Answer<Page> {
    let caller = &visit.api.caller;
    let sessions = console.keys.store.sessions_of(&caller.scope, &caller.principal, console.now()).await?;
    let title = visit.say("Your account", "حسابك");
    let scopes = html! {
        ul.tags { @for scope in Scope::ALL.iter().filter(|scope| caller.may(**scope)) { li { code dir="ltr" { (scope) } } } }
    };
    let rows: Vec<_> = [(visit.say("Signed in as", "مسجّل الدخول باسم"), html! { bdi { (visit.name) } })]
        .into_iter()
        .chain(by(&visit))
        .chain([
            (visit.say("In the audit trail", "في سجل التدقيق"), html! { code dir="ltr" { (caller.principal) } }),
            (visit.say("Tenant", "المستأجر"), html! { bdi { (caller.scope.tenant()) } }),
            (visit.say("You may", "يُسمح لك"), scopes),
        ])
        .collect();
    let body = html! {
        h1 { (title) }
        (facts(&rows))
        section aria-labelledby="sessions" {
            h2 #sessions { (visit.say("Your sessions", "جلساتك")) }
            (table(&visit, &sessions))
        }
        section aria-labelledby="everywhere" {
            h2 #everywhere { (visit.say("Sign out everywhere", "تسجيل الخروج من كل مكان")) }
            p { (visit.say(
                "Ends every session of yours, on all devices. A session ends by itself after 30 minutes without use, and after 8 hours.",
                "يُنهي كل جلساتك على كل الأجهزة. تنتهي الجلسة تلقائيًا بعد 30 دقيقة دون استخدام، وبعد 8 ساعات في كل حال.",
            )) }
            form method="post" action=(visit.link("/sign-out-everywhere")) {
                (visit.token())
                button.button.danger type="submit" { (visit.say("Sign out everywhere", "الخروج من كل مكان")) }
            }
        }
    };
    Ok(visit.page(title, &body))
}

/// With what somebody signed in.
fn by(visit: &Visit) -> Vec<(&str, Markup)> {
    let with = visit.say("Signed in with", "وسيلة الدخول");
    match &visit.by {
        By::Key => vec![(with, html! { (visit.say("an API key", "مفتاح API")) })],
        By::Provider { integration, roles } => vec![
            (with, html! { bdi { (integration) } }),
            (
                visit.say("Roles, as your organisation says", "الأدوار كما تقول مؤسستك"),
                html! { ul.tags { @for role in roles { li { bdi { (role) } } } } },
            ),
        ],
    }
}

fn table(visit: &Visit, sessions: &[(String, Session)]) -> Markup {
    html! {
        table.stack {
            thead { tr {
                th scope="col" { (visit.say("Signed in", "وقت الدخول")) }
                th scope="col" { (visit.say("Last seen", "آخر ظهور")) }
                th scope="col" { (visit.say("Ends without use", "تنتهي دون استخدام")) }
                th scope="col" { span.hidden { (visit.say("Actions", "إجراءات")) } }
            } }
            tbody {
                @for (id_hash, session) in sessions {
                    tr {
                        th scope="row" { (visit.time(&session.created_at.to_rfc3339())) }
                        td data-label=(visit.say("Last seen", "آخر ظهور")) { (visit.time(&session.seen_at.to_rfc3339())) }
                        td data-label=(visit.say("Ends without use", "تنتهي دون استخدام")) { (visit.time(&session.ends_at().to_rfc3339())) }
                        td.actions {
                            @if *id_hash == visit.session { (parts::badge("good", visit.say("This one", "هذه الجلسة"))) }
                            @else {
                                form method="post" action=(visit.link("/account/sessions/end")) {
                                    (visit.token())
                                    input type="hidden" name="session" value=(id_hash);
                                    button.small.plain type="submit" { (visit.say("End", "إنهاء")) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /console/account/sessions/end`: one of one's own. It is named by the hash of its id, which opens nothing.
async fn end<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    Posted { visit, form }: Posted,
) -> Answer<Response> {
    let (store, caller, id_hash) = (&console.keys.store, &visit.api.caller, form.text("session"));
    let found = store.session(id_hash, console.now()).await?;
    let own =
        found.filter(|session| (&session.tenant, &session.principal) == (caller.scope.tenant(), &caller.principal));
    let flash = if own.is_some() {
        store.end_session(id_hash).await?;
        Flash::good(visit.say("That session is over.", "انتهت تلك الجلسة."))
    } else {
        Flash::warn(visit.say("That session was over already.", "كانت تلك الجلسة منتهية."), "")
    };
    Ok(visit.go("/account", &flash))
}
