//! `POST /v1/integrations/{id}/sign-in-test`: the address at which a person signs in, and what ties the answer to them.

use crate::hub::{CALLBACK, Hub};
use ::hub::sign_in::Stuck;
use api::{
    integrations::TestView,
    problem::{Problem, ProblemKind},
    sign_in::SignInBegun,
};
use axum::{Extension, extract::State};
use domain::{channel::Kind, health::TestReport, ids::IntegrationId, principal::Scope, sign_in::Purpose};
use lambda_http::request::RequestContext;
use runtime::{
    caller::Auth,
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
    let integration = hub.flow.store.integration(&caller.scope, &id).await?;
    let integration = integration.filter(|found| found.deleted_at.is_none());
    let integration = integration.ok_or_else(|| Problem::not_found("integration"))?;
    if integration.kind() != Kind::Entra {
        let detail = "Nobody signs in with this integration. Test it with `POST /v1/integrations/{id}/test`.";
        return Err(Problem::new(ProblemKind::Conflict, detail).into());
    }
    let started = hub.flow.now();
    let redirect_uri = format!("{}{CALLBACK}", address(hub.public_url.as_deref(), context)?);
    let purpose = Purpose::Test { by: caller.principal };
    let begun = hub.flow.begin(&caller.scope, &integration, &redirect_uri, purpose).await;
    let begun = begun.map_err(|stuck| match stuck {
        Stuck::Away(failure) => {
            tracing::warn!(integration = %integration.id, why = failure.detail, "a sign-in cannot be begun now");
            let detail = "Something of ours is away for the moment. Nothing was begun; try again.";
            Problem::new(ProblemKind::Unavailable, detail).retry_after(1).into()
        }
        Stuck::Unusable(failure) => not_begun(&hub.failed(started, &failure)),
    })?;
    let expires_at = begun.expires_at.to_rfc3339();
    Ok(Json(SignInBegun { authorization_url: begun.authorization_url, redirect_uri, expires_at }))
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
