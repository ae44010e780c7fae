//! Integrations: one file per thing that can be done with them.
//!
//! [`draft`] is how settings are judged, [`trial`] how they are tested before they are saved, [`saved`] how a stored
//! integration is found and changed. The rest are handlers.

mod draft;
mod saved;
mod trial;

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod dry_run;
pub(crate) mod enable;
pub(crate) mod health;
pub(crate) mod probe;
pub(crate) mod read;
pub(crate) mod secrets;
pub(crate) mod summary;
pub(crate) mod test;
pub(crate) mod usage;
