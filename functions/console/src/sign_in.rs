//! Signing in and out.
//!
//! The session's id is made anew at each sign-in, whatever the browser brought along, so nobody can plant one; what was
//! there before ends. Attempts are counted by address in each instance, besides the gateway's own limit on this route and
//! the suspension of keys that are tried with wrong secrets.

use crate::{
    cookies,
    flash::Flash,
    organisation, origin,
    page::{Page, redirect, title_of},
    router::Routes,
    view::{Theme, View},
    visit::{Console, Kept, Posted, Sent, Visit, hash},
};
use api::problem::{Problem, ProblemKind};
use axum::{
    Router,
    body::Body,
    extract::{Query, State},
    http::{Extensions, HeaderMap, HeaderValue},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    audit::AuditEntry,
    ids::TenantId,
    key::ApiKey,
    principal::{Principal, Scope},
    session::{Credential, Session},
    tenant::TenantScope,
    time::{MINUTE_MS, Timestamp},
};
use http::header;
use maud::html;
use runtime::{
    entropy,
    http::{Answer, Failed, source_ip},
    secrets::SecretSource,
};
use serde::Deserialize;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/sign-in", get(ask).post(sign_in))
        .route("/console/sign-out", post(sign_out))
        .route("/console/sign-out-everywhere", post(sign_out_everywhere))
        .route("/console/preferences", post(prefer))
}

/// How many failed attempts from one address an instance takes in [`ATTEMPTS_WITHIN_MS`].
const ATTEMPTS_MAX: u32 = 10;
const ATTEMPTS_WITHIN_MS: i64 = 5 * MINUTE_MS;
/// How many addresses are remembered.
const ADDRESSES: usize = 1_000;

/// Failed attempts by network: how many, and since when.
#[derive(Default)]
pub(crate) struct Attempts(Mutex<HashMap<Option<IpAddr>, (u32, Timestamp)>>);

/// What is counted as one address: of IPv6 the first half, because whoever has one such address has all of its other half.
fn network(source: Option<IpAddr>) -> Option<IpAddr> {
    source.map(|ip| match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    })
}

impl Attempts {
    /// In how many seconds this address may try again, if not now.
    fn wait_s(&self, source: Option<IpAddr>, now: Timestamp) -> Option<u32> {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, since) = attempts.get(&network(source))?;
        let left_ms = ATTEMPTS_WITHIN_MS - now.since_ms(*since);
        (*count >= ATTEMPTS_MAX && left_ms > 0).then(|| u32::try_from(left_ms / 1_000 + 1).unwrap_or(1))
    }

    fn failed(&self, source: Option<IpAddr>, now: Timestamp) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= ADDRESSES {
            attempts.retain(|_, (_, since)| now.since_ms(*since) < ATTEMPTS_WITHIN_MS);
            if attempts.len() >= ADDRESSES {
                // Somebody has many addresses; the gateway's limit on the route holds for all of them.
                attempts.clear();
            }
        }
        let (count, since) = attempts.entry(network(source)).or_insert((0, now));
        if now.since_ms(*since) >= ATTEMPTS_WITHIN_MS {
            (*count, *since) = (0, now);
        }
        *count += 1;
    }
}

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    next: String,
    /// The organisation whose own sign-in is asked for.
    tenant: Option<String>,
}

/// A page of the sign-in, which leads on to `next` where that is one of ours.
pub(crate) fn with_next(path: &str, next: &str) -> String {
    let next = origin::local(next).filter(|next| *next != "/console");
    next.map_or_else(
        || path.to_owned(),
        |next| format!("{path}?next={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>()),
    )
}

/// `GET /console/sign-in`.
pub(crate) async fn ask<S, P>(
    State(console): State<Arc<Console<S, P>>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Response {
    let view = console.view(&headers, &with_next("/console/sign-in", &asked.next));
    if let Some(tenant) = &asked.tenant {
        return match tenant.trim().to_ascii_lowercase().parse::<TenantId>() {
            Ok(tenant) => redirect(&view.link(&with_next(&format!("/sign-in/{tenant}"), &asked.next)), None),
            Err(_) => organisation::unknown(&view, &asked.next),
        };
    }
    form(&view, &asked.next, None).into_response()
}

/// The page that asks for an organisation or a key, with what was wrong before.
pub(crate) fn form(view: &View, next: &str, problem: Option<(&str, &str)>) -> Page {
    let body = html! {
        h1 { (view.say("Sign in", "تسجيل الدخول")) }
        @if let Some((title, detail)) = problem {
            div.toast.bad role="alert" #problem {
                p { (title) }
                @if !detail.is_empty() { p.detail lang="en" dir="auto" { (detail) } }
            }
        }
        (organisation::form(view, next))
        div.card.sign-in {
            h2 { (view.say("With an API key", "بمفتاح API")) }
            p.quiet { (view.say(
                "Use an API key that has the scope console:use.",
                "استخدم مفتاح API يحمل الصلاحية console:use.",
            )) }
            form method="post" action=(view.link("/sign-in")) {
                @if origin::local(next).is_some() { input type="hidden" name="next" value=(next); }
                div.field {
                    label for="key" { (view.say("API key", "مفتاح API")) }
                    input #key type="password" name="key" required autocomplete="current-password" spellcheck="false"
                        dir="ltr" placeholder="tk_live_…" aria-describedby=[problem.map(|_| "problem")]
                        aria-invalid=[problem.map(|_| "true")];
                }
                button.button.wide type="submit" { (view.say("Sign in with the key", "الدخول بالمفتاح")) }
            }
        }
    };
    Page::bare(view, view.say("Sign in", "تسجيل الدخول"), &body)
}

/// Why somebody is not let in.
enum Refused {
    Kind(ProblemKind, &'static str),
    Wait(u32),
}

/// `POST /console/sign-in`.
pub(crate) async fn sign_in<S, P>(
    State(console): State<Arc<Console<S, P>>>,
    headers: HeaderMap,
    extensions: Extensions,
    Sent(form_sent): Sent,
) -> Answer<Response>
where
    S: Kept,
    P: SecretSource,
{
    let source = source_ip(&extensions).and_then(|ip| ip.parse().ok());
    let next = form_sent.text("next");
    match begin(&console, form_sent.text("key"), source, &headers).await? {
        Ok(id) => {
            let view = console.view(&headers, "/console/sign-in");
            Ok(entered(&view, next, &id))
        }
        Err(refused) => {
            let view = console.view(&headers, "/console/sign-in");
            Ok(refuse(&view, next, &refused))
        }
    }
}

/// To the page that was asked for, with a new session.
pub(crate) fn entered(view: &View, next: &str, id: &str) -> Response {
    let target = origin::onward(next).unwrap_or("/console");
    let mut response = redirect(&format!("{}{target}", view.base), None);
    if let Some(cookie) = cookies::set(cookies::SESSION, id, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn refuse(view: &View, next: &str, refused: &Refused) -> Response {
    match refused {
        Refused::Kind(kind, detail) => {
            let title = match kind {
                ProblemKind::Unauthenticated => view.say("This is no key that we know.", "هذا المفتاح غير معروف."),
                kind => title_of(view, *kind),
            };
            form(view, next, Some((title, detail))).with_status(kind.status()).into_response()
        }
        Refused::Wait(seconds) => {
            let title = view.say("Too many attempts. Wait a few minutes.", "محاولات كثيرة. انتظر بضع دقائق.");
            let mut response = form(view, next, Some((title, ""))).with_status(429).into_response();
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            response
        }
    }
}

/// Begins a session for the holder of a key; its id.
async fn begin<S, P>(
    console: &Console<S, P>,
    presented: &str,
    source: Option<IpAddr>,
    headers: &HeaderMap,
) -> Answer<Result<String, Refused>>
where
    S: Kept,
    P: SecretSource,
{
    let now = console.now();
    if let Some(seconds) = console.attempts.wait_s(source, now) {
        return Ok(Err(Refused::Wait(seconds)));
    }
    let refused = |kind, detail| {
        console.attempts.failed(source, now);
        Ok(Err(Refused::Kind(kind, detail)))
    };
    let holder = match ApiKey::parse(presented) {
        None => None,
        Some(key) => console.keys.holder(&key, source, now).await?,
    };
    let Some(holder) = holder else {
        return refused(ProblemKind::Unauthenticated, "");
    };
    if let Some(kind) = holder.refusal(source, now) {
        return refused(kind, "");
    }
    let record = holder.record();
    if !holder.is_current() {
        return refused(ProblemKind::KeyRevoked, "This key has a new secret. Use that.");
    }
    if !record.grants.iter().any(|grant| grant.covers(Scope::ConsoleUse)) {
        return refused(ProblemKind::Forbidden, "This key lacks the scope `console:use`.");
    }
    let session = Session {
        tenant: record.tenant.clone(),
        principal: Principal::ApiKey(record.id.clone()),
        credential: Credential::of_key(record),
        created_at: now,
        seen_at: now,
    };
    Ok(Ok(let_in(console, &session, record.id.to_string(), headers).await?))
}

/// 256 random bits that only one browser will hold.
pub(crate) fn random() -> Answer<String> {
    let bytes = entropy::bytes::<32>().map_err(|error| {
        tracing::error!(%error, "nobody can sign in");
        Failed::from(Problem::new(ProblemKind::Unavailable, "Nothing was begun; try again."))
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Begins the session of somebody who was verified, with `with` in the audit trail; its id.
pub(crate) async fn let_in<S: Kept, P>(
    console: &Console<S, P>,
    session: &Session,
    with: String,
    headers: &HeaderMap,
) -> Answer<String> {
    let id = random()?;
    let audit = AuditEntry {
        principal: session.principal.clone(),
        action: "console.signed_in",
        target: with,
        detail: String::new(),
        at: session.created_at,
    };
    console.keys.store.begin_session(&scope_of(session), &hash(&id), session, &audit).await?;
    // Whatever was there before is not carried on.
    if let Some(before) = cookies::read(headers, cookies::SESSION) {
        console.keys.store.end_session(&hash(before)).await?;
    }
    Ok(id)
}

#[expect(clippy::disallowed_methods, reason = "the key or the person that names this tenant was just verified")]
fn scope_of(session: &Session) -> TenantScope {
    TenantScope::established(session.tenant.clone())
}

/// `POST /console/sign-out`.
pub(crate) async fn sign_out<S, P>(
    State(console): State<Arc<Console<S, P>>>,
    Posted { visit, .. }: Posted,
) -> Answer<Response>
where
    S: Kept,
    P: SecretSource,
{
    console.keys.store.end_session(&visit.session).await?;
    Ok(out(&visit, visit.say("You are signed out.", "تم تسجيل خروجك.")))
}

/// `POST /console/sign-out-everywhere`.
pub(crate) async fn sign_out_everywhere<S, P>(
    State(console): State<Arc<Console<S, P>>>,
    Posted { visit, .. }: Posted,
) -> Answer<Response>
where
    S: Kept,
    P: SecretSource,
{
    let caller = &visit.api.caller;
    console.keys.store.end_sessions(&caller.scope, &caller.principal).await?;
    Ok(out(&visit, visit.say("You are signed out everywhere.", "تم تسجيل خروجك من كل مكان.")))
}

fn out(visit: &Visit, words: &str) -> Response {
    let mut response = redirect(&visit.link("/sign-in"), Some(&Flash::good(words)));
    if let Some(cookie) = cookies::clear(cookies::SESSION) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /console/preferences`: language, theme and digits; kept by the browser.
pub(crate) async fn prefer<S, P>(
    State(console): State<Arc<Console<S, P>>>,
    headers: HeaderMap,
    Sent(form): Sent,
) -> Response<Body> {
    let view = console.view(&headers, "/console");
    let mut preferences = view.preferences;
    preferences.language = crate::language::Language::of_tag(form.text("language")).or(preferences.language);
    preferences.theme = Theme::named(form.text("theme")).unwrap_or(preferences.theme);
    if form.has("digits") {
        preferences.indic = form.text("digits") == "indic";
    }
    let back = origin::local(form.text("back")).unwrap_or("/console");
    let mut response = redirect(&format!("{}{back}", view.base), None);
    if let Some(cookie) = cookies::set(cookies::PREFERENCES, &preferences.cookie(), Some(31_536_000)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_network_are_counted_together() {
        let attempts = Attempts::default();
        let ip = |text: &str| Some(text.parse().unwrap());
        for host in 0..ATTEMPTS_MAX {
            attempts.failed(ip(&format!("2001:db8:1:2::{host:x}")), Timestamp(0));
            attempts.failed(ip("::ffff:203.0.113.7"), Timestamp(0));
        }
        assert!(attempts.wait_s(ip("2001:db8:1:2:ffff::1"), Timestamp(0)).is_some());
        assert!(attempts.wait_s(ip("203.0.113.7"), Timestamp(0)).is_some());
        assert!(attempts.wait_s(ip("2001:db8:1:3::1"), Timestamp(0)).is_none());
        assert!(attempts.wait_s(ip("203.0.113.8"), Timestamp(0)).is_none());
    }
}
