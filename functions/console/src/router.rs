//! Which page answers which path, and what every answer carries.

use crate::{
    assets, organisation,
    page::problem_page,
    pages::{
        account, audit, campaigns, dashboard, endpoints, event_types, hooks, integrations, keys, logs, preflight,
        rules, settings, suppressions, templates,
    },
    sign_in,
    visit::{Console, Kept, asked},
};
use api::problem::{Problem, ProblemKind};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderName, HeaderValue, header};
use hub::sign_in::Flow;
use runtime::{http::Failed, secrets::SecretSource, vault::Kms};
use std::sync::Arc;

/// Nothing but our own stylesheet, script and icon; no frame around it; forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 9] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Our own pages are told where a form comes from, nobody else.
    (header::REFERRER_POLICY, "same-origin"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // A message that is shown must not tell its author so by a look-up of a name.
    (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// Hashes of the stylesheets that an answer has inside its page: its policy names them, and no others apply.
#[derive(Clone, Default)]
pub(crate) struct Styles(pub(crate) Vec<String>);

impl Styles {
    /// The policy that names them.
    fn policy(&self) -> Option<HeaderValue> {
        let own = format!("style-src 'self' {};", self.0.join(" "));
        HeaderValue::from_str(&POLICY.replacen("style-src 'self';", &own, 1)).ok()
    }
}

/// The routes of one part of the console.
pub(crate) type Routes<S, P> = Router<Arc<Console<S, P>>>;

/// The routes of this function.
pub(crate) fn router<S: Kept, P: SecretSource + 'static, K: Kms + 'static>(
    console: Arc<Console<S, P>>,
    flow: Flow<S, K>,
) -> Router {
    let pages = Router::new()
        .merge(account::routes())
        .merge(audit::routes())
        .merge(campaigns::routes())
        .merge(dashboard::routes())
        .merge(endpoints::routes())
        .merge(event_types::routes())
        .merge(hooks::routes())
        .merge(integrations::routes())
        .merge(keys::routes())
        .merge(logs::routes())
        .merge(preflight::routes())
        .merge(rules::routes())
        .merge(settings::routes())
        .merge(suppressions::routes())
        .merge(templates::routes())
        .merge(organisation::routes(&console, flow))
        .merge(sign_in::routes())
        .route("/console/assets/{name}", get(assets::asset))
        .route("/console/{*rest}", get(nothing))
        .method_not_allowed_fallback(only_posted);
    pages.layer(from_fn_with_state(Arc::clone(&console), dressed::<S, P>)).with_state(console)
}

async fn nothing() -> Failed {
    Problem::new(ProblemKind::NotFound, "There is no such page.").into()
}

async fn only_posted() -> Failed {
    let detail = "This address only takes forms. Go back to the page before, and use its button.";
    Problem::new(ProblemKind::MethodNotAllowed, detail).into()
}

/// Makes a page of what went wrong, and adds what every answer carries.
async fn dressed<S: Kept, P: SecretSource + 'static>(
    State(console): State<Arc<Console<S, P>>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let view = console.view(&parts.headers, &asked(&parts));
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        response = problem_page(&view, &problem).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
    }
    let styles = response.extensions_mut().remove::<Styles>().filter(|styles| !styles.0.is_empty());
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(policy) = styles.and_then(|styles| styles.policy()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
