//! Integrations: the list, one in detail, its form, what is done with it.

mod actions;
mod create;
mod detail;
mod dry_run;
mod edit;
mod fields;
mod list;
mod sign_in;

#[cfg(test)]
mod tests;

use crate::{router::Routes, visit::Kept};
use axum::{
    Router,
    routing::{get, post},
};
use runtime::secrets::SecretSource;

/// The routes of this part.
pub(crate) fn routes<S: Kept, P: SecretSource + 'static>() -> Routes<S, P> {
    Router::new()
        .route("/console/integrations", get(list::show))
        .route("/console/integrations/new", get(create::choose))
        .route("/console/integrations/new/{provider}", get(create::show).post(create::create))
        .route("/console/integrations/{id}", get(detail::show))
        .route("/console/integrations/{id}/edit", get(edit::show).post(edit::save))
        .route("/console/integrations/{id}/secrets", get(edit::secrets).post(edit::rotate))
        .route("/console/integrations/{id}/dry-run", get(dry_run::ask).post(dry_run::run))
        .route("/console/integrations/{id}/test", post(actions::test))
        .route("/console/integrations/{id}/sign-in-test", post(sign_in::attempt))
        .route("/console/integrations/{id}/enable", post(actions::enable))
        .route("/console/integrations/{id}/disable", post(actions::disable))
        .route("/console/integrations/{id}/probe", post(actions::probe))
        .route("/console/integrations/{id}/delete", get(actions::ask_delete).post(actions::delete))
}
