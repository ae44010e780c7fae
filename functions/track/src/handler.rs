//! One job: prove who posts, read what is reported, store it, and only then say so.
//!
//! | Answer | When | What a provider does |
//! |---|---|---|
//! | 200 | it is stored, or was not about our mail | forgets it |
//! | 400 | it is proven and no report | repeats it, in vain |
//! | 401 | it is not proven | repeats it until somebody has set the key |
//! | 404 | nobody listens at this address | gives up in the end |
//! | 503 | our store or key service is away | repeats it: nothing is lost |

use api::problem::{Problem, ProblemKind};
use axum::{Router, extract::State, http::StatusCode, routing::post};
use domain::{
    ids::{IntegrationId, TenantId},
    integration::Integration,
    secret::Secrets,
    tenant::TenantScope,
    time::Clock,
};
use hub::feedback::take_in;
use providers::{Posted, Refused, events_need_secrets, posts_events, read_events};
use runtime::{
    http::{Answer, Failed, MAX_BODY_BYTES, Path},
    lazy::Lazy,
    vault::{Kms, Vault, VaultError},
};
use std::sync::Arc;
use store::{Campaigns, Feedbacks, Integrations, Suppressions};

/// What the handler works with.
pub(crate) struct Track<S, K> {
    pub(crate) store: Lazy<S>,
    pub(crate) vault: Vault<K>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The route of this function.
pub(crate) fn router<S, K>(track: Track<S, K>) -> Router
where
    S: Campaigns + Integrations + Feedbacks + Suppressions + 'static,
    K: Kms + 'static,
{
    Router::new().route("/v1/tracking/{tenant}/{integration_id}", post(take::<S, K>)).with_state(Arc::new(track))
}

async fn take<S, K>(
    State(track): State<Arc<Track<S, K>>>,
    Path((tenant, id)): Path<(TenantId, IntegrationId)>,
    request: axum::extract::Request,
) -> Answer<StatusCode>
where
    S: Campaigns + Integrations + Feedbacks + Suppressions,
    K: Kms,
{
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        let detail = format!("Post at most {MAX_BODY_BYTES} bytes at once.");
        return Err(Problem::new(ProblemKind::BodyTooLarge, detail).into());
    };
    let scope = addressed(tenant);
    let integration = track.listener(&scope, &id).await?;
    let secrets = track.secrets(&scope, &integration).await?;
    let posted = Posted { tenant: scope.tenant(), headers: &parts.headers, body: &body, now: track.clock.now() };
    let reports = read_events(integration.provider, &integration.config, &secrets, &posted)
        .inspect_err(|refused| tracing::warn!(integration = %id, cause = refused.as_str(), "a report was refused"))
        .map_err(refusal)?;
    tracing::info!(integration = %id, ours = reports.ours.len(), others = reports.others, "reports came");
    take_in(&*track.store, &scope, &integration, reports.ours, track.clock.now()).await?;
    Ok(StatusCode::OK)
}

/// The scope of the tenant whose address was called. Until [`read_events`] has proven who calls, it serves to read the
/// one integration and the secret that the proof needs, and nothing of either is shown; only after it, to write.
#[expect(clippy::disallowed_methods, reason = "the provider's signature, checked before anything is written")]
const fn addressed(tenant: TenantId) -> TenantScope {
    TenantScope::established(tenant)
}

impl<S: Integrations, K: Kms> Track<S, K> {
    /// The integration, if its provider posts reports. Unknown tenants, unknown integrations and other providers look the
    /// same from outside.
    async fn listener(&self, scope: &TenantScope, id: &IntegrationId) -> Answer<Integration> {
        let found = self.store.integration(scope, id).await?;
        let listens = |found: &Integration| found.deleted_at.is_none() && posts_events(found.provider);
        found
            .filter(listens)
            .ok_or_else(|| Problem::new(ProblemKind::NotFound, "Nobody listens at this address.").into())
    }

    async fn secrets(&self, scope: &TenantScope, integration: &Integration) -> Answer<Arc<Secrets>> {
        let version = integration.secret_version;
        if version == 0 || !events_need_secrets(integration.provider) {
            return Ok(Arc::default());
        }
        let Some(sealed) = self.store.secret(scope, &integration.id, version).await? else {
            return Ok(Arc::default());
        };
        self.vault.open(scope, &integration.id, version, &sealed).await.map_err(|error| match error {
            VaultError::Unavailable(why) => {
                tracing::warn!(why, "the key service is away");
                Problem::new(ProblemKind::Unavailable, "Try again in a moment.").into()
            }
            VaultError::Unreadable(why) => {
                tracing::error!(integration = %integration.id, why, "the secret cannot be opened");
                refusal(Refused::NotSetUp)
            }
        })
    }
}

/// Says which step is to be mended, and nothing that helps to guess.
fn refusal(refused: Refused) -> Failed {
    let detail = match refused {
        Refused::NotSetUp => {
            "not_set_up: the integration has no key or password for reports yet. Set it, then post again."
        }
        Refused::Unsigned => "unsigned: sign the webhook, or put user and password into its address.",
        Refused::Stale => "stale: the signature is too old, or of the future.",
        Refused::Wrong => "wrong_signature: the signature or password is not that of this integration.",
        Refused::Unreadable => return Problem::new(ProblemKind::MalformedJson, "This is no report.").into(),
    };
    Problem::new(ProblemKind::WebhookRefused, detail).into()
}

#[cfg(test)]
mod tests;
