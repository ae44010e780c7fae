//! One request of somebody at the console: who they are, how they see it, and what they sent.

use crate::{
    api::{Api, Asked},
    cookies,
    flash::Flash,
    form::Form,
    origin,
    pace::Pace,
    page::{Page, redirect},
    sign_in::Attempts,
    view::View,
};
use ::api::problem::{Problem, ProblemKind};
use authorize::key_check::{KeyCheck, refusal};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    response::IntoResponse,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    digest,
    principal::{Caller, Grant, Principal, Scope},
    session::{Credential, Session},
    sign_in::SignIn,
    tenant::TenantScope,
    time::{Clock, Timestamp},
};
use http::{HeaderMap, Response, header, request::Parts};
use maud::Markup;
use ring::hmac;
use runtime::{
    http::{App, Failed, request_id, source_ip},
    secrets::SecretSource,
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};
use store::{Access, Integrations, KeyUses, Sessions, SignIns, StoreError};
use subtle::ConstantTimeEq;

/// How large a form may be, in bytes: certificates are the longest that is entered.
const FORM_MAX_BYTES: usize = 256 << 10;

/// What the console itself keeps; everything else is the API's.
pub(crate) trait Kept: Access + Integrations + KeyUses + Sessions + SignIns + 'static {}

impl<S: Access + Integrations + KeyUses + Sessions + SignIns + 'static> Kept for S {}

/// What the console works with.
pub(crate) struct Console<S, P> {
    /// Verifies keys; its store has the sessions, too.
    pub(crate) keys: KeyCheck<S, P>,
    /// The API.
    app: App,
    clock: Arc<dyn Clock>,
    /// Where the API is reached from outside, where that is not the name in `Host`.
    pub(crate) public_url: Option<String>,
    /// What stands before `/console` in addresses.
    base: Arc<str>,
    pub(crate) attempts: Attempts,
    pace: Pace,
}

impl<S, P> Console<S, P> {
    pub(crate) fn new(keys: KeyCheck<S, P>, api: App, clock: Arc<dyn Clock>, public_url: Option<String>) -> Self {
        let base = public_url.as_deref().map_or("", origin::path_of).into();
        Self { keys, app: api, clock, public_url, base, attempts: Attempts::default(), pace: Pace::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How whoever sent these headers sees the page of this path.
    pub(crate) fn view(&self, headers: &HeaderMap, path: &str) -> View {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let site = self
            .public_url
            .as_deref()
            .map_or_else(|| format!("https://{host}"), |url| url.trim_end_matches('/').to_owned());
        View::new(headers, &self.base, &site, path)
    }
}

/// Under which a session is stored.
pub(crate) fn hash(session_id: &str) -> String {
    digest::hex_of_parts([b"session:", session_id.as_bytes()])
}

/// What each form of a session holds, and nobody else knows: it follows from the session's id, which only the browser
/// and we have seen.
fn csrf_of(session_id: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session_id.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, b"form"))
}

/// A page that somebody who is signed in asks for.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) api: Api,
    pub(crate) view: View,
    /// By what name the person is shown.
    pub(crate) name: String,
    /// With what they signed in.
    pub(crate) by: By,
    /// The hash of the session's id.
    pub(crate) session: String,
    csrf: String,
}

impl std::ops::Deref for Visit {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Visit {
    /// Whether the person may do this.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.api.caller.may(scope)
    }

    /// What every form begins with.
    pub(crate) fn token(&self) -> Markup {
        maud::html! { input type="hidden" name="csrf" value=(self.csrf); }
    }

    /// A page.
    pub(crate) fn page(&self, title: &str, body: &Markup) -> Page {
        Page::of(self, title, body)
    }

    /// To another page, which says how it went.
    pub(crate) fn go(&self, path: &str, flash: &Flash) -> Response<Body> {
        redirect(&self.link(path), Some(flash))
    }

    /// To another page after something that may have failed.
    pub(crate) fn went<T>(&self, path: &str, outcome: Asked<T>, done: &str) -> Response<Body> {
        let flash = match outcome {
            Ok(_) => Flash::good(done),
            Err(problem) => Flash::bad(crate::page::title_of(&self.view, problem.code), problem.detail),
        };
        self.go(path, &flash)
    }
}

/// With what somebody signed in.
#[derive(Clone, Debug)]
pub(crate) enum By {
    /// An API key.
    Key,
    /// The tenant's provider of identities: the integration's name, and the roles it said they have.
    Provider { integration: String, roles: BTreeSet<String> },
}

/// Who is signed in, as things are now.
struct Known {
    caller: Caller,
    name: String,
    by: By,
}

/// Why somebody is not let in.
enum Out {
    Never,
    Over,
    Refused,
    /// They ask too much; in how many seconds to go on.
    Faster(u32),
}

impl<S: Kept, P: SecretSource> Console<S, P> {
    /// Who is signed in by this session; nobody if what they signed in with lets nobody in any more.
    async fn signed_in(
        &self,
        session: &Session,
        source: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Option<Known>, StoreError> {
        match &session.credential {
            Credential::Key { prefix, .. } => {
                let Some(record) = self.keys.store.key_by_prefix(prefix).await? else { return Ok(None) };
                let same = Credential::of_key(&record) == session.credential
                    && record.tenant == session.tenant
                    && Principal::ApiKey(record.id.clone()) == session.principal;
                let works = refusal(&record, source, now).is_none();
                let caller = caller(session, record.grants);
                let lets_in = same && works && caller.may(Scope::ConsoleUse);
                Ok(lets_in.then_some(Known { caller, name: record.name, by: By::Key }))
            }
            Credential::Provider(said) => {
                let scope = caller(session, Vec::new()).scope;
                let Some(integration) = self.keys.store.integration(&scope, &said.integration).await? else {
                    return Ok(None);
                };
                // One that is disabled or deleted is no sign-in any more.
                let grants = SignIn::of(&scope, &integration).map(|sign_in| said.grants(&sign_in)).unwrap_or_default();
                let by = By::Provider { integration: integration.name, roles: said.roles.clone() };
                let known = Known { caller: caller(session, grants), name: said.name.clone(), by };
                Ok((!known.caller.grants.is_empty()).then_some(known))
            }
        }
    }

    async fn visit(&self, parts: &Parts, view: View) -> Result<Result<Visit, (View, Out)>, StoreError> {
        let Some(id) = cookies::read(&parts.headers, cookies::SESSION).filter(|id| !id.is_empty()) else {
            return Ok(Err((view, Out::Never)));
        };
        let (now, hash) = (self.now(), hash(id));
        let Some(session) = self.keys.store.session(&hash, now).await? else { return Ok(Err((view, Out::Over))) };
        let source = source_ip(&parts.extensions).and_then(|ip| ip.parse().ok());
        if let Some(seconds) = self.pace.wait_s(&hash, now) {
            return Ok(Err((view, Out::Faster(seconds))));
        }
        let Some(Known { caller, name, by }) = self.signed_in(&session, source, now).await? else {
            self.keys.store.end_session(&hash).await?;
            return Ok(Err((view, Out::Refused)));
        };
        if session.should_be_seen(now)
            && let Err(error) = self.keys.store.see_session(&hash, now).await
        {
            tracing::warn!(%error, "the use of a session was not noted");
        }
        let request_id = request_id(&parts.extensions).unwrap_or_default();
        let api = Api { app: self.app.clone(), caller, request_id };
        Ok(Ok(Visit { api, view, name, by, session: hash, csrf: csrf_of(id) }))
    }
}

#[expect(clippy::disallowed_methods, reason = "the credential of this session was verified when it began")]
fn caller(session: &Session, grants: Vec<Grant>) -> Caller {
    let scope = TenantScope::established(session.tenant.clone());
    Caller { scope, principal: session.principal.clone(), grants }
}

impl<S, P> FromRequestParts<Arc<Console<S, P>>> for Visit
where
    S: Kept,
    P: SecretSource,
{
    type Rejection = Response<Body>;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console<S, P>>) -> Result<Self, Response<Body>> {
        let view = console.view(&parts.headers, &asked(parts));
        match console.visit(parts, view).await {
            Ok(Ok(visit)) => Ok(visit),
            Ok(Err((view, out))) => Err(turned_away(&view, &out, parts.method == http::Method::GET)),
            Err(error) => Err(Failed::from(error).into_response()),
        }
    }
}

/// The path and query that were asked for.
pub(crate) fn asked(parts: &Parts) -> String {
    parts.uri.path_and_query().map_or("/console", |asked| asked.as_str()).to_owned()
}

/// To the page that asks to sign in, and afterwards back here.
fn turned_away(view: &View, out: &Out, is_look: bool) -> Response<Body> {
    if let Out::Faster(seconds) = out {
        let detail = "This session sends more requests than a person does. Wait a moment; programs use the API.";
        return Failed::from(Problem::new(ProblemKind::RateLimited, detail).retry_after(*seconds)).into_response();
    }
    let mut target = view.link("/sign-in");
    if is_look && view.path != "/console" && origin::local(&view.path).is_some() {
        target += "?next=";
        target.extend(form_urlencoded::byte_serialize(view.path.as_bytes()));
    }
    let words = match out {
        Out::Never if is_look => None,
        Out::Never | Out::Over | Out::Faster(_) => Some(view.say(
            "Your session is over. Sign in again; what you sent last was not done.",
            "انتهت جلستك. سجّل الدخول من جديد؛ لم يُنفَّذ آخر ما أرسلته.",
        )),
        Out::Refused => Some(view.say(
            "Your API key or your role no longer opens the console. Sign in again.",
            "لم يعد مفتاحك أو دورك يفتح لوحة التحكم. سجّل الدخول من جديد.",
        )),
    };
    redirect(&target, words.map(|words| Flash::warn(words, "")).as_ref())
}

/// A form that somebody who is signed in has sent from one of our pages.
pub(crate) struct Posted {
    pub(crate) visit: Visit,
    pub(crate) form: Form,
}

impl<S, P> FromRequest<Arc<Console<S, P>>> for Posted
where
    S: Kept,
    P: SecretSource + 'static,
{
    type Rejection = Response<Body>;

    async fn from_request(request: Request, console: &Arc<Console<S, P>>) -> Result<Self, Response<Body>> {
        let (mut parts, body) = request.into_parts();
        if !origin::is_own(&parts.headers, console.public_url.as_deref()) {
            return Err(foreign());
        }
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        let form = read_form(body).await?;
        if !bool::from(form.text("csrf").as_bytes().ct_eq(visit.csrf.as_bytes())) {
            return Err(foreign());
        }
        Ok(Self { visit, form })
    }
}

/// A form from one of our pages, of somebody who need not be signed in.
pub(crate) struct Sent(pub(crate) Form);

impl<S: Send + Sync, P: Send + Sync> FromRequest<Arc<Console<S, P>>> for Sent {
    type Rejection = Response<Body>;

    async fn from_request(request: Request, console: &Arc<Console<S, P>>) -> Result<Self, Response<Body>> {
        let (parts, body) = request.into_parts();
        if !origin::is_own(&parts.headers, console.public_url.as_deref()) {
            return Err(foreign());
        }
        read_form(body).await.map(Self)
    }
}

async fn read_form(body: Body) -> Result<Form, Response<Body>> {
    let bytes = axum::body::to_bytes(body, FORM_MAX_BYTES).await.map_err(|_| {
        let detail = format!("A form may hold at most {FORM_MAX_BYTES} bytes.");
        Failed::from(Problem::new(ProblemKind::BodyTooLarge, detail)).into_response()
    })?;
    Ok(Form::parse(&bytes))
}

fn foreign() -> Response<Body> {
    let detail = "This form was not sent by a page of your session, so nothing was done. Open the page again and send it \
                  from there.";
    Failed::from(Problem::new(ProblemKind::Forbidden, detail)).into_response()
}
