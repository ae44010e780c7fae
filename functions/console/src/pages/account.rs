//! `GET /console/account`: who is signed in and what they may do; signing out everywhere.

use crate::{
    page::Page,
    parts::facts,
    router::Routes,
    visit::{Kept, Visit},
};
use axum::{Router, routing::get};
use domain::principal::Scope;
use maud::html;
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new().route("/console/account", get(show))
}

pub(crate) async fn show(visit: Visit) -> Page {
    let caller = &visit.api.caller;
    let title = visit.say("Your account", "حسابك");
    let scopes = html! {
        ul.tags { @for scope in Scope::ALL.iter().filter(|scope| caller.may(**scope)) { li { code dir="ltr" { (scope) } } } }
    };
    let rows = [
        (visit.say("Signed in as", "مسجّل الدخول باسم"), html! { bdi { (visit.name) } }),
        (visit.say("In the audit trail", "في سجل التدقيق"), html! { code dir="ltr" { (caller.principal) } }),
        (visit.say("Tenant", "المستأجر"), html! { bdi { (caller.scope.tenant()) } }),
        (visit.say("You may", "يُسمح لك"), scopes),
    ];
    let body = html! {
        h1 { (title) }
        (facts(&rows))
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
    visit.page(title, &body)
}
