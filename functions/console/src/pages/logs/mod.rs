//! The log of everything: looked through, as it happens, one entry in full, counted, and as a file.

mod entry;
mod file;
mod list;
mod stats;
#[cfg(test)]
mod tests;
mod which;
mod words;

use crate::{router::Routes, visit::Kept};
use axum::{Router, routing::get};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/logs", get(list::show::<S, P>))
        .route("/console/logs/stats", get(stats::show))
        .route("/console/logs/file.csv", get(file::part::<S, P>))
        .route("/console/logs/parts", get(file::parts::<S, P>))
        .route("/console/logs/{id}", get(entry::show))
}
