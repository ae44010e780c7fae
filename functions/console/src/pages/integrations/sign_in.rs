//! What a sign-in integration's page has besides: what to register at the provider, where people sign in, and trying it.

use crate::{
    organisation,
    parts::{copied, facts},
    visit::{Posted, Visit},
};
use api::{integrations::IntegrationView, sign_in::SignInBegun};
use axum::response::Response;
use domain::{channel::Kind, ids::IntegrationId, principal::Scope};
use maud::{Markup, html};
use runtime::http::{Answer, Path};

/// The section; nothing on the page of any other integration.
pub(super) fn section(visit: &Visit, integration: &IntegrationView) -> Markup {
    if integration.kind != Kind::Entra {
        return html! {};
    }
    let id = &integration.id;
    let site = &visit.site;
    let back = format!("{site}/console{}", organisation::callback(id));
    let tried = format!("{site}/v1/sign-in/callback");
    let page = format!("{site}/console/sign-in/{}", visit.api.caller.scope.tenant());
    let address = |id: &str, label: &str, text: &str| copied(visit, id, label, text);
    let console = visit.say("For the console", "للوحة التحكم");
    let test = visit.say("For trying it", "للتجربة");
    let people = visit.say("Where your people sign in", "حيث يسجّل أفرادكم الدخول");
    html! {
        section aria-labelledby="people" {
            h2 #people tabindex="-1" { (visit.say("Sign-in of people", "دخول الأفراد")) }
            p { (visit.say(
                "Register these two redirect addresses with your provider. People of yours sign in to this console at the third, while this integration is enabled.",
                "سجّل عنواني إعادة التوجيه هذين لدى موفّرك. يسجّل أفرادكم الدخول إلى هذه اللوحة عند العنوان الثالث ما دام هذا التكامل مفعّلًا.",
            )) }
            (facts(&[
                (console, address("redirect-console", console, &back)),
                (test, address("redirect-test", test, &tried)),
                (people, address("sign-in-page", people, &page)),
            ]))
            @if visit.may(Scope::IntegrationsTest) {
                form method="post" target="_blank" action=(visit.link(&format!("/integrations/{id}/sign-in-test"))) {
                    (visit.token())
                    button.button.second type="submit" { (visit.say("Try the sign-in as a person", "جرّب الدخول كفرد")) }
                }
                p.quiet { (visit.say(
                    "In a new tab you go to your provider's own page and come back to one that says who you are, with which roles and what they permit. Nobody is signed in to anything by it.",
                    "تنتقل في لسان جديد إلى صفحة موفّرك ثم تعود إلى صفحة تقول من أنت وبأي أدوار وما تسمح به. لا يُسجَّل دخول أحد بذلك.",
                )) }
            }
        }
    }
}

/// `POST /console/integrations/{id}/sign-in-test`.
pub(super) async fn attempt(Path(id): Path<IntegrationId>, Posted { visit, .. }: Posted) -> Answer<Response> {
    let begun = visit.api.post::<SignInBegun>(&format!("/v1/integrations/{id}/sign-in-test")).await;
    Ok(match begun {
        Ok(begun) => {
            let title = visit.say("To your provider's sign-in", "إلى صفحة دخول موفّرك");
            organisation::leave(&visit, title, &begun.authorization_url)
        }
        refused => visit.went(&format!("/integrations/{id}"), refused, ""),
    })
}
