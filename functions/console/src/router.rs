//! Which page answers which path, and what every answer carries.

use crate::{
    assets,
    page::problem_page,
    pages::{account, audit, campaigns, dashboard, hooks, integrations, keys},
    sign_in,
    visit::{Console, asked},
};
use api::problem::{Problem, ProblemKind};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, header};
use runtime::{http::Failed, secrets::SecretSource};
use std::sync::Arc;
use store::{Access, KeyUses, Sessions};

/// Nothing but our own stylesheet, script and icon; no frame around it; forms go nowhere else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every answer carries.
const HEADERS: [(HeaderName, &str); 8] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Our own pages are told where a form comes from, nobody else.
    (header::REFERRER_POLICY, "same-origin"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
];

/// The routes of this function.
pub(crate) fn router<S, P>(console: Arc<Console<S, P>>) -> Router
where
    S: Access + KeyUses + Sessions + 'static,
    P: SecretSource + 'static,
{
    let pages = Router::new()
        .route("/console", get(dashboard::show))
        .route("/console/", get(dashboard::show))
        .route("/console/test-all", post(dashboard::test_all))
        .route("/console/integrations", get(integrations::list::show))
        .route("/console/integrations/new", get(integrations::create::choose))
        .route(
            "/console/integrations/new/{provider}",
            get(integrations::create::show).post(integrations::create::create),
        )
        .route("/console/integrations/{id}", get(integrations::detail::show))
        .route("/console/integrations/{id}/edit", get(integrations::edit::show).post(integrations::edit::save))
        .route("/console/integrations/{id}/secrets", get(integrations::edit::secrets).post(integrations::edit::rotate))
        .route("/console/integrations/{id}/test", post(integrations::actions::test))
        .route("/console/integrations/{id}/enable", post(integrations::actions::enable))
        .route("/console/integrations/{id}/disable", post(integrations::actions::disable))
        .route("/console/integrations/{id}/probe", post(integrations::actions::probe))
        .route(
            "/console/integrations/{id}/delete",
            get(integrations::actions::ask_delete).post(integrations::actions::delete),
        )
        .route("/console/campaigns", get(campaigns::list))
        .route("/console/campaigns/{id}", get(campaigns::show))
        .route("/console/campaigns/{id}/errors.csv", get(campaigns::errors))
        .route("/console/campaigns/{id}/deliveries/{delivery_id}", get(campaigns::delivery))
        .route("/console/campaigns/{id}/{action}", post(campaigns::act))
        .route("/console/hooks", get(hooks::list))
        .route("/console/hooks/{id}", get(hooks::show))
        .route("/console/keys", get(keys::list))
        .route("/console/keys/new", get(keys::ask).post(keys::create))
        .route("/console/keys/{id}/{action}", post(keys::act))
        .route("/console/audit", get(audit::list))
        .route("/console/audit/verify", post(audit::verify))
        .route("/console/account", get(account::show))
        .route("/console/sign-out-everywhere", post(sign_in::sign_out_everywhere::<S, P>))
        .route("/console/sign-out", post(sign_in::sign_out::<S, P>))
        .route("/console/sign-in", get(sign_in::ask::<S, P>).post(sign_in::sign_in::<S, P>))
        .route("/console/preferences", post(sign_in::prefer::<S, P>))
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
async fn dressed<S, P>(State(console): State<Arc<Console<S, P>>>, request: Request, next: Next) -> Response<Body>
where
    S: Access + KeyUses + Sessions + 'static,
    P: SecretSource + 'static,
{
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
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
