//! Giving an endpoint a new signing secret. Posts are signed with the one before as well for a while, so that the receiver
//! can be changed meanwhile; the one before that ends.

use crate::{
    body::OrDefault,
    change::is_conflict,
    draft::{self, Chosen, Draft},
    endpoints::{Endpoints, Place, entry, next_revision},
    faults::Faults,
};
use api::{
    endpoints::{EndpointRotate, EndpointSecretShown, KEEP_HOURS, PREVIOUS_SECRET, SIGNING_SECRET},
    problem::{Problem, ProblemKind},
};
use axum::extract::State;
use domain::{
    ids::IntegrationId,
    integration::Integration,
    principal::{Caller, Scope},
    time::HOUR_MS,
    webhook::{EndpointSettings, Signing},
};
use hub::sealing;
use runtime::{
    caller::Auth,
    http::{Answer, Json, Path},
};
use serde_json::json;
use std::sync::Arc;
use store::Integrations as _;

pub(crate) async fn rotate<P: Place>(
    State(hub): State<Arc<Endpoints<P>>>,
    auth: Auth,
    Path(id): Path<IntegrationId>,
    OrDefault(wanted): OrDefault<EndpointRotate>,
) -> Answer<Json<EndpointSecretShown>> {
    let caller = auth.require(Scope::EndpointsWrite)?;
    let mut rotated = apply(&hub, &caller, &id, &wanted).await;
    if is_conflict(&rotated) {
        // Somebody else was faster: once more on top of theirs.
        rotated = apply(&hub, &caller, &id, &wanted).await;
    }
    let (endpoint, chosen, signing) = rotated?;
    Ok(Json(EndpointSecretShown { endpoint: hub.view(&endpoint)?, new_secret: chosen.shown(signing) }))
}

async fn apply<P: Place>(
    hub: &Endpoints<P>,
    caller: &Caller,
    id: &IntegrationId,
    wanted: &EndpointRotate,
) -> Answer<(Integration, Chosen, Signing)> {
    let stored = hub.find(&caller.scope, id).await?;
    let mut faults = Faults::default();
    let hours = wanted.keep_previous_hours;
    if !KEEP_HOURS.contains(&hours) {
        let (least, most) = (KEEP_HOURS.start(), KEEP_HOURS.end());
        faults.add("keep_previous_hours", "out_of_range", format!("Enter {least} to {most} hours."));
    }
    let unreadable = |_| Problem::new(ProblemKind::Internal, "The stored settings of this endpoint cannot be read.");
    let before = EndpointSettings::read(&stored.config).map_err(unreadable)?.signing;
    let signing = wanted.signing.unwrap_or(before);
    let chosen = draft::choose(signing, wanted.secret.clone())?;

    let now = hub.now();
    let mut secrets = hub.opened(&caller.scope, &stored).await?.as_ref().clone();
    let mut config = stored.config.clone();
    let previous = secrets.insert(SIGNING_SECRET.to_owned(), chosen.secret.clone());
    secrets.remove(PREVIOUS_SECRET);
    config.remove("previous_until");
    config.insert("signing".to_owned(), json!(signing));
    if let Some(previous) = previous.filter(|_| hours > 0) {
        secrets.insert(PREVIOUS_SECRET.to_owned(), previous);
        config.insert("previous_until".to_owned(), json!(now.plus_ms(i64::from(hours) * HOUR_MS)));
    }
    let draft = Draft { config, secrets }.judged(&hub.guard, &mut faults);
    faults.finish()?;
    // Without a fault there is a draft.
    let Some(draft) = draft else { return Err(Problem::not_found("endpoint").into()) };
    let next = Integration {
        config: draft.config.clone(),
        masks: draft.masks(),
        secret_version: stored.secret_version + 1,
        ..next_revision(caller, stored.clone(), now)
    };
    let (version, is_new) = (stored.secret_version, |name: &str| name == SIGNING_SECRET);
    let secret =
        sealing::sealed(&*hub.store, &hub.vault, &caller.scope, &next, &draft.secrets, version, is_new).await?;
    let audit = entry(
        caller,
        "endpoint.secret_rotated",
        &next,
        format!("version {}, the one before signs for {hours} h more", next.secret_version),
    );
    hub.store.save_integration(&caller.scope, &next, Some(&secret), false, &audit).await?;
    Ok((next, chosen, signing))
}
