//! Campaigns: the list, one with live totals and its deliveries, one delivery with its attempts; pause, resume, cancel,
//! send again what failed; what failed as a file.

mod act;
mod delivery;
mod errors;
mod list;
mod show;
mod simulations;
#[cfg(test)]
mod tests;
mod words;

use crate::{router::Routes, visit::Kept};
use axum::{
    Router,
    routing::{get, post},
};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/campaigns", get(list::list))
        .route("/console/campaigns/{id}", get(show::show))
        .route("/console/campaigns/{id}/cancel", get(act::ask_cancel).post(act::cancel))
        .route("/console/campaigns/{id}/resend-unknown", get(act::ask_resend_unknown).post(act::resend_unknown))
        .route("/console/campaigns/{id}/errors.csv", get(errors::file::<S, P>))
        .route("/console/campaigns/{id}/errors", get(errors::parts::<S, P>))
        .route("/console/campaigns/{id}/deliveries/{delivery_id}", get(delivery::show))
        .route("/console/campaigns/{id}/{action}", post(act::act))
}
