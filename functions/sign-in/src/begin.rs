//! `POST /v1/integrations/{id}/sign-in-test`: the address at which a person signs in, and what ties the answer to them.

use crate::hub::{CALLBACK, Closed, Hub};
use api::{
    integrations::TestView,
    problem::{Problem, ProblemKind},
    sign_in::SignInBegun,
};
use axum::{Extension, extract::State};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    channel::Kind,
    digest,
    health::TestReport,
    ids::IntegrationId,
    principal::Scope,
    sign_in::{PendingSignIn, SIGN_IN_MS},
};
use lambda_http::request::RequestContext;
use providers::Challenge;
use ring::digest::{SHA256, digest};
use runtime::{
    caller::Auth,
    entropy,
    http::{Answer, Failed, Json, Path},
    vault::Kms,
};
use std::sync::Arc;
use store::{Integrations, SignIns};

pub(crate) async fn begin<S: Integrations + SignIns, K: Kms>(
    State(hub): State<Arc<Hub<S, K>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    context: Option<Extension<RequestContext>>,
) -> Answer<Json<SignInBegun>> {
    let caller = auth.require(Scope::IntegrationsTest)?;
    let integration = hub.store.integration(&caller.scope, &id).await?.filter(|found| found.deleted_at.is_none());
    let integration = integration.ok_or_else(|| Problem::not_found("integration"))?;
    if integration.kind() != Kind::Entra {
        let detail = "Nobody signs in with this integration. Test it with `POST /v1/integrations/{id}/test`.";
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let started = hub.now();
    let unusable = |failure| not_begun(&hub.failed(started, &failure));
    let provider = hub.provider(&caller.scope, &integration).await.map_err(|closed| match closed {
        Closed::Away(failure) => {
            tracing::warn!(integration = %integration.id, why = failure.detail, "the secrets cannot be opened now");
            let detail = "The stored secrets cannot be read for the moment. Nothing was begun; try again.";
            Problem::new(ProblemKind::Unavailable, detail).retry_after(1).into()
        }
        Closed::Unusable(failure) => unusable(failure),
    })?;

    let redirect_uri = format!("{}{CALLBACK}", address(hub.public_url.as_deref(), context)?);
    let (state, nonce, verifier) = (random()?, random()?, random()?);
    let code_challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let challenge =
        Challenge { state: &state, nonce: &nonce, code_challenge: &code_challenge, redirect_uri: &redirect_uri };
    let authorization_url = provider.authorization_url(challenge).await.map_err(unusable)?;
    let expires_at = hub.now().plus_ms(SIGN_IN_MS);
    let pending = PendingSignIn {
        tenant: caller.scope.tenant().clone(),
        integration: integration.id,
        verifier,
        nonce,
        redirect_uri: redirect_uri.clone(),
        by: caller.principal,
        expires_at,
    };
    hub.store.begin_sign_in(&hash(&state), &pending).await?;
    Ok(Json(SignInBegun { authorization_url, redirect_uri, expires_at: expires_at.to_rfc3339() }))
}

/// Under which a state is stored: whoever reads the table cannot end anybody's sign-in.
pub(crate) fn hash(state: &str) -> String {
    digest::hex_of_parts([state.as_bytes()])
}

/// Where the API is reached from outside: as the deployment says, or else by the name that the gateway was called by,
/// which is one of its own.
fn address(public_url: Option<&str>, context: Option<Extension<RequestContext>>) -> Answer<String> {
    if let Some(url) = public_url {
        return Ok(url.to_owned());
    }
    if let Some(Extension(RequestContext::ApiGatewayV2(context))) = context
        && let Some(domain) = context.domain_name
    {
        return Ok(format!("https://{domain}"));
    }
    tracing::error!("the gateway does not say by which name it was called; set PUBLIC_URL");
    Err(Problem::new(ProblemKind::Internal, "This is a defect of ours.").into())
}

fn not_begun(report: &TestReport) -> Failed {
    let test = TestView::from(report);
    let detail = format!("{} {} No sign-in was begun.", test.reason, test.fix);
    Problem::new(ProblemKind::ConnectionTestFailed, detail).with_test(serde_json::json!(test)).into()
}

/// 256 random bits in 43 characters: as many as a PKCE verifier has (RFC 7636, section 4.1).
fn random() -> Answer<String> {
    let bytes = entropy::bytes::<32>().map_err(|error| {
        tracing::error!(%error, "a sign-in cannot be begun");
        Problem::new(ProblemKind::Unavailable, "Nothing was begun; try again.").retry_after(1)
    })?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
