//! Signing in with the organisation's own provider of identities: any enabled sign-in integration of the tenant.
//!
//! `GET /console/sign-in/{tenant}` can be bookmarked. It tells strangers no more than it must: a name that no tenant has and
//! a tenant without sign-in get the same answer. From there, `GET /console/sign-in/{tenant}/{integration}` leads to the
//! provider, which sends the person back to `GET /console/signed-in/{integration}`.
//!
//! What an attacker might try, and what stands against it:
//!
//! - A page of theirs signs somebody in to *their* tenant, with their own provider, to be told secrets there. So the way
//!   to the provider begins on a page of ours only, which names the tenant, and goes on by itself only for those who
//!   named the tenant there, or entered the address themselves where they signed in before: a link in a mail looks like
//!   a bookmark to us.
//! - Their own answer of the provider (state and code) is opened in somebody else's browser, or that of somebody in theirs.
//!   So a sign-in ends in the browser in which it began, which holds a cookie of its own.
//! - Their provider sends somebody on to another one, to be shown its code (RFC 9700, section 4.4). So each integration
//!   has an address of its own to come back to, besides the check of `iss` (RFC 9207), which Entra does not send.
//! - The state of a test of the sign-in, which whoever may test integrations gets, is used here. So it says what it is for.

use crate::{
    cookies, origin,
    page::{Page, redirect},
    parts,
    query::address,
    router::Routes,
    sign_in::{self, entered, let_in, with_next},
    view::View,
    visit::{Console, Kept},
};
use ::hub::sign_in::{Flow, Said, Stuck};
use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, HeaderValue, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use domain::{
    digest,
    ids::{IntegrationId, TenantId},
    integration::Integration,
    principal::Principal,
    session::{ByProvider, Credential, Session},
    sign_in::{PendingSignIn, Purpose, SIGN_IN_MS, SignIn},
    tenant::TenantScope,
};
use maud::{Markup, html};
use providers::SignedIn;
use runtime::{
    http::{Answer, Path},
    secrets::SecretSource,
    vault::Kms,
};
use serde::Deserialize;
use std::{fmt::Display, sync::Arc};
use store::{Integrations, StoreError};
use subtle::ConstantTimeEq;

#[cfg(test)]
mod tests;

/// What these handlers work with.
struct Organisation<S, P, K> {
    console: Arc<Console<S, P>>,
    flow: Flow<S, K>,
}

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    console: &Arc<Console<S, P>>,
    flow: Flow<S, K>,
) -> Routes<S, P> {
    let organisation = Organisation { console: Arc::clone(console), flow };
    Router::new()
        .route("/console/sign-in/{tenant}", get(choose))
        .route("/console/sign-in/{tenant}/{integration}", get(begin))
        .route("/console/signed-in/{integration}", get(end))
        .with_state(Arc::new(organisation))
}

/// Where a provider sends people back to, below the console's address: to be registered there.
pub(crate) fn callback(integration: &impl Display) -> String {
    format!("/signed-in/{integration}")
}

/// The form that asks for the organisation.
pub(crate) fn form(view: &View, next: &str) -> Markup {
    html! {
        div.card.sign-in {
            h2 { (view.say("With your organisation", "بحساب مؤسستك")) }
            form method="get" action=(view.link("/sign-in")) {
                @if let Some(next) = origin::local(next) { input type="hidden" name="next" value=(next); }
                div.field {
                    label for="tenant" { (view.say("Name of the tenant", "اسم المستأجر")) }
                    input #tenant name="tenant" required autocomplete="organization" autocapitalize="none" spellcheck="false"
                        dir="ltr" placeholder="acme" maxlength="64" aria-describedby="tenant-help";
                    small.help #tenant-help { (view.say(
                        "You sign in at your organisation's own page. For a bookmark that leads straight there, add / and the name to this page's address.",
                        "تسجّل الدخول في صفحة مؤسستك نفسها. ولإشارة مرجعية تقود إليها مباشرة، أضف / ثم الاسم إلى عنوان هذه الصفحة.",
                    )) }
                }
                button.button.wide type="submit" { (view.say("Sign in with your organisation", "الدخول بحساب المؤسسة")) }
            }
        }
    }
}

/// Nobody signs in by this name; whether there is such a tenant is not told.
pub(crate) fn unknown(view: &View, next: &str) -> Response {
    let title = view.say("Nobody signs in here by this name.", "لا أحد يسجّل الدخول هنا بهذا الاسم.");
    sign_in::form(view, next, Some((title, ""))).with_status(404).into_response()
}

/// What strangers may ask of a tenant: with which providers its people sign in.
#[expect(clippy::disallowed_methods, reason = "it is only asked which provider is to say who somebody is")]
fn of(tenant: &TenantId) -> TenantScope {
    TenantScope::established(tenant.clone())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    next: String,
    /// Anything at all where the page is not to go on by itself.
    stay: String,
}

/// For how long a browser knows where somebody signed in, in seconds.
const REMEMBERED_S: i64 = 31_536_000;

/// `GET /console/sign-in/{tenant}`.
async fn choose<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    State(organisation): State<Arc<Organisation<S, P, K>>>,
    headers: HeaderMap,
    Path(tenant): Path<TenantId>,
    Query(Asked { next, stay }): Query<Asked>,
) -> Answer<Response> {
    let console = &organisation.console;
    // Whoever is here and chooses another language comes back to this page, and not to the provider.
    let here = address(&with_next(&format!("/console/sign-in/{tenant}"), &next), &[("stay", "1")]);
    let view = console.view(&headers, &here);
    let scope = of(&tenant);
    let mut all = console.keys.store.integrations(&scope).await?;
    all.retain(|integration| SignIn::of(&scope, integration).is_some());
    let link = |id: &IntegrationId| view.link(&with_next(&format!("/sign-in/{tenant}/{id}"), &next));
    if all.is_empty() {
        return Ok(unknown(&view, &next));
    }
    let was_here = cookies::read(&headers, cookies::TENANT) == Some(tenant.as_str());
    let came_themselves =
        origin::leads_from_own(&headers, console.public_url.as_deref()) || (was_here && origin::is_typed(&headers));
    if let [only] = &all[..]
        && came_themselves
        && stay.is_empty()
    {
        let title = view.say("To your organisation's sign-in", "إلى صفحة دخول مؤسستك");
        return Ok(leave(&view, title, &link(&only.id)));
    }
    let body = html! {
        h1 { (view.say("Sign in to the console of", "الدخول إلى لوحة تحكم")) " " bdi { (tenant) } }
        div.card.sign-in {
            @for integration in &all {
                p { a.button.wide href=(link(&integration.id)) { (view.say("Continue with", "المتابعة بواسطة")) " " bdi { (integration.name) } } }
            }
        }
        p { a href=(view.link("/sign-in")) { (view.say("Another way to sign in", "طريقة أخرى للدخول")) } }
    };
    Ok(Page::bare(&view, view.say("Sign in", "تسجيل الدخول"), &body).into_response())
}

/// A page that goes on to an address by itself. It is no redirect, because browsers hold those that follow a form to the
/// policy of where forms may lead, and no form leads elsewhere.
pub(crate) fn leave(view: &View, title: &str, address: &str) -> Response {
    let body = html! {
        h1 { (title) }
        p { a.button href=(address) { (view.say("Continue", "متابعة")) } }
    };
    let mut response = Page::bare(view, title, &body).into_response();
    if let Ok(refresh) = HeaderValue::from_str(&format!("0; url={address}")) {
        response.headers_mut().insert("refresh", refresh);
    }
    response
}

/// An integration with which people of this tenant sign in.
async fn enabled(
    store: &impl Integrations,
    tenant: &TenantId,
    id: &IntegrationId,
) -> Result<Option<(TenantScope, Integration)>, StoreError> {
    let scope = of(tenant);
    let integration = store.integration(&scope, id).await?;
    let integration = integration.filter(|integration| SignIn::of(&scope, integration).is_some());
    Ok(integration.map(|integration| (scope, integration)))
}

/// `GET /console/sign-in/{tenant}/{integration}`: to the provider.
async fn begin<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    State(organisation): State<Arc<Organisation<S, P, K>>>,
    headers: HeaderMap,
    uri: Uri,
    Path((tenant, id)): Path<(TenantId, IntegrationId)>,
    Query(Asked { next, .. }): Query<Asked>,
) -> Answer<Response> {
    let Organisation { console, flow } = &*organisation;
    let view = console.view(&headers, uri.path_and_query().map_or("/console/sign-in", |asked| asked.as_str()));
    if !origin::leads_from_own(&headers, console.public_url.as_deref()) {
        return Ok(redirect(&view.link(&with_next(&format!("/sign-in/{tenant}"), &next)), None));
    }
    let Some((scope, integration)) = enabled(&*console.keys.store, &tenant, &id).await? else {
        return Ok(unknown(&view, &next));
    };
    let browser = sign_in::random()?;
    let next = origin::local(&next).unwrap_or("/console").to_owned();
    let purpose = Purpose::Console { browser: digest_of(&browser), next };
    let redirect_uri = format!("{}/console{}", view.site, callback(&id));
    match flow.begin(&scope, &integration, &redirect_uri, purpose).await {
        Ok(begun) => {
            let mut response = redirect(&begun.authorization_url, None);
            if let Some(cookie) = cookies::set(cookies::SIGN_IN, &browser, Some(SIGN_IN_MS / 1_000)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            Ok(response)
        }
        Err(stuck) => Ok(not_now(&view, &id, &stuck)),
    }
}

/// What is kept of the cookie that ties a sign-in to its browser.
fn digest_of(browser: &str) -> String {
    digest::hex_of_parts([b"browser:".as_slice(), browser.as_bytes()])
}

/// `GET /console/signed-in/{integration}`: back from the provider.
async fn end<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    State(organisation): State<Arc<Organisation<S, P, K>>>,
    headers: HeaderMap,
    Path(id): Path<IntegrationId>,
    Query(said): Query<Said>,
) -> Answer<Response> {
    // The address that was asked for holds state and code: no link leads back to it.
    let view = organisation.console.view(&headers, "/console/sign-in");
    let mut response = ended(&organisation, &view, &headers, &id, &said).await?;
    if let Some(cookie) = cookies::clear(cookies::SIGN_IN) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

async fn ended<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    Organisation { console, flow }: &Organisation<S, P, K>,
    view: &View,
    headers: &HeaderMap,
    id: &IntegrationId,
    said: &Said,
) -> Answer<Response> {
    let Some(pending) = flow.answered(said).await? else { return Ok(not_known(view)) };
    let Some(next) = awaited(&pending, id, headers) else {
        tracing::warn!(integration = %pending.integration, "a sign-in came back where it was not begun");
        return Ok(not_known(view));
    };
    let Some((scope, integration)) = enabled(&*console.keys.store, &pending.tenant, id).await? else {
        return Ok(not_known(view));
    };
    let signed_in = match flow.end(&scope, &integration, &pending, said).await {
        Ok(Some(signed_in)) => signed_in,
        Ok(None) => {
            let words = view.say("You did not sign in.", "لم تسجّل الدخول.");
            return Ok(sign_in::form(view, next, Some((words, ""))).into_response());
        }
        Err(stuck) => return Ok(not_now(view, id, &stuck)),
    };
    // The settings by which the roles are judged from now on are those that are stored now.
    let Some(sign_in) = SignIn::of(&scope, &integration).filter(|_| !signed_in.grants.is_empty()) else {
        return Ok(no_role(view, &pending.tenant, &signed_in));
    };
    let now = console.now();
    let said = ByProvider {
        integration: id.clone(),
        source: sign_in.settings.source(),
        roles: signed_in.roles,
        name: signed_in.name,
    };
    let session = Session {
        tenant: pending.tenant.clone(),
        principal: Principal::User(signed_in.subject),
        credential: Credential::Provider(said),
        created_at: now,
        seen_at: now,
    };
    let session_id = let_in(console, &session, id.to_string(), headers).await?;
    let mut response = entered(view, next, &session_id);
    if let Some(cookie) = cookies::set(cookies::TENANT, pending.tenant.as_str(), Some(REMEMBERED_S)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The page that was asked for, if this browser waits for this answer of this integration.
fn awaited<'a>(pending: &'a PendingSignIn, id: &IntegrationId, headers: &HeaderMap) -> Option<&'a str> {
    let Purpose::Console { browser, next } = &pending.purpose else { return None };
    let held = digest_of(cookies::read(headers, cookies::SIGN_IN)?);
    let is_same = bool::from(held.as_bytes().ct_eq(browser.as_bytes()));
    (is_same && pending.integration == *id).then_some(next)
}

/// Nobody here waits for this answer.
fn not_known(view: &View) -> Response {
    let title = view.say(
        "This sign-in is over, or was begun in another browser. Begin it again.",
        "انتهت محاولة الدخول هذه، أو بدأت في متصفح آخر. ابدأها من جديد.",
    );
    sign_in::form(view, "", Some((title, ""))).with_status(400).into_response()
}

/// Something is away, or the provider refuses. Strangers are told no more; the log is.
fn not_now(view: &View, id: &IntegrationId, stuck: &Stuck) -> Response {
    let (status, title, failure) = match stuck {
        Stuck::Away(failure) => {
            let title =
                view.say("Sign-in is unavailable for the moment. Try again.", "تسجيل الدخول غير متاح الآن. حاول مجددًا.");
            (503, title, failure)
        }
        Stuck::Unusable(failure) => {
            let title = view.say(
                "Your organisation's sign-in does not work now. An administrator of yours can try it on the integration's page.",
                "تسجيل الدخول بمؤسستك لا يعمل الآن. يمكن لمسؤول لديكم تجربته من صفحة التكامل.",
            );
            (502, title, failure)
        }
    };
    tracing::warn!(integration = %id, code = failure.code, why = failure.detail, "nobody can sign in to the console with it");
    sign_in::form(view, "", Some((title, failure.code))).with_status(status).into_response()
}

/// Somebody signed in and may do nothing here.
fn no_role(view: &View, tenant: &TenantId, signed_in: &SignedIn) -> Response {
    let title = view.say("You have no role here", "لا دور لك هنا");
    let roles = html! {
        @if signed_in.roles.is_empty() { (view.say("none", "لا شيء")) }
        @else { ul.tags { @for role in &signed_in.roles { li { bdi { (role) } } } } }
    };
    let rows = [
        (view.say("You are", "أنت"), html! { bdi { (signed_in.name) } }),
        (view.say("Tenant", "المستأجر"), html! { bdi { (tenant) } }),
        (view.say("What your organisation says of you", "ما تقوله مؤسستك عنك"), roles),
    ];
    let body = html! {
        h1 { (title) }
        p { (view.say(
            "You signed in, but none of your roles opens the console. Ask your administrator for a role: viewer, operator or administrator.",
            "سجّلت الدخول، لكن لا شيء من أدوارك يفتح لوحة التحكم. اطلب من المسؤول دورًا: مطّلع أو مشغّل أو مدير.",
        )) }
        (parts::facts(&rows))
        p { a.button.second href=(view.link("/sign-in")) { (view.say("Sign in differently", "الدخول بطريقة أخرى")) } }
    };
    Page::bare(view, title, &body).with_status(403).into_response()
}
